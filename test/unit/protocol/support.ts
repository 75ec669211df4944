import { Decoder, type DecoderOptions } from "@effect-resp/core/internal/protocol/decoder"
import {
  RespError,
  RespMap,
  RespProtocolError,
  RespSet,
  type RespValue
} from "@effect-resp/core/internal/protocol/value"

/** What a decoder told its handler, in order; `broken` when it gave up. */
export type Event =
  | { readonly reply: RespValue }
  | { readonly push: ReadonlyArray<RespValue> }
  | { readonly broken: true }

export interface ReadOptions extends DecoderOptions {
  readonly bytes?: boolean
}

/** Feeds the chunks to a new decoder. Anything but a RespProtocolError comes out. */
export const read = (chunks: Iterable<Uint8Array>, options: ReadOptions = {}): Array<Event> => {
  const { bytes = false, ...rest } = options
  const events: Array<Event> = []
  const decoder = new Decoder(
    {
      onReply: (reply) => events.push({ reply }),
      onPush: (push) => events.push({ push }),
      bytesWanted: () => bytes
    },
    rest
  )
  try {
    for (const chunk of chunks) decoder.write(chunk)
  } catch (cause) {
    if (!(cause instanceof RespProtocolError)) throw cause
    events.push({ broken: true })
  }
  return events
}

export const replies = (text: string, options?: ReadOptions): Array<RespValue> =>
  read([bytesOf(text)], options).map((event) => {
    if ("reply" in event) return event.reply
    throw new Error(`not a reply: ${show([event])}`)
  })

/** What the decoder says of hostile input. */
export const complaint = (text: string | Uint8Array, options?: DecoderOptions): string => {
  const decoder = new Decoder({ onReply: () => {}, onPush: () => {}, bytesWanted: () => false }, options)
  try {
    decoder.write(typeof text === "string" ? bytesOf(text) : text)
  } catch (cause) {
    if (cause instanceof RespProtocolError) return cause.message
    throw cause
  }
  return "no complaint"
}

export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

export const oneByOne = (bytes: Uint8Array): Array<Uint8Array> => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

/** Cuts at the given places, which repeat as long as there is something to cut. */
export const cutBy = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Array<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    chunks.push(bytes.subarray(start, start + size))
    start += size
  }
  return chunks
}

/** A text that differs when two lists of events do, in whatever way: -0, NaN, bigint, bytes. */
export const show = (events: ReadonlyArray<Event>): string =>
  events
    .map((event) => {
      if ("broken" in event) return "broken"
      return "reply" in event ? `reply ${showValue(event.reply)}` : `push ${showValue(event.push)}`
    })
    .join("\n")

const showValue = (value: RespValue): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "bigint") return `${value}n`
  if (Object.is(value, -0)) return "-0"
  if (value instanceof Uint8Array) return `bytes(${Buffer.from(value).toString("hex")})`
  if (value instanceof RespError) return `error(${value.code}, ${JSON.stringify(value.message)})`
  if (value instanceof RespMap) return `map(${value.entries.map(showValue).join()})`
  if (value instanceof RespSet) return `set(${value.items.map(showValue).join()})`
  return Array.isArray(value) ? `[${value.map(showValue).join()}]` : String(value)
}
