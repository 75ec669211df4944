/** Generated traffic: what goes over the wire, and what is to be read from it, each said independently of the decoder. */
import { RespError, RespMap, RespSet, type RespValue } from "@effect-resp/core/internal/protocol/value"
import * as fc from "effect/FastCheck"
import type { Event } from "../unit/protocol/support.js"

type Wire =
  | { readonly kind: "line"; readonly text: string; readonly value: RespValue }
  | { readonly kind: "bulk"; readonly type: "$" | "=" | "!"; readonly data: Buffer; readonly pieces?: Array<number> }
  | {
      readonly kind: "aggregate"
      readonly type: "*" | "%" | "~"
      readonly items: Array<Item>
      readonly streamed: boolean
    }

/** A value and what came before it without being part of the reply. */
interface Item {
  readonly aside: ReadonlyArray<Aside>
  readonly wire: Wire
}

interface Aside {
  readonly type: ">" | "|"
  readonly items: Array<Item>
  readonly streamed: boolean
}

const lineText = fc.string({ unit: "binary", maxLength: 12 }).map((text) => text.replace(/[\r\n\ud800-\udfff]/g, "_"))
const errorText = fc.tuple(fc.constantFrom("ERR", "WRONGTYPE", "Error", "err", "-x", "E2_B", ""), lineText)
const data = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom("", "\r\n", "$3\r\nabc\r\n", "\ufeffbom", "__proto__", "€", "😀").map((text) => Buffer.from(text))
)

const line = (text: string, value: RespValue): Wire => ({ kind: "line", text, value })
const scalar2: fc.Arbitrary<Wire> = fc.oneof(
  lineText.map((text) => line(`+${text}`, text)),
  errorText.map(([code, rest]) => {
    const text = `${code} ${rest}`
    return line(`-${text}`, new RespError(/^(ERR|WRONGTYPE|E2_B)$/.test(code) ? code : "ERR", text))
  }),
  fc.maxSafeInteger().map((n) => line(`:${n}`, n === 0 ? 0 : n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => {
    const safe = n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER)
    return line(`:${n}`, safe ? Number(n) : n)
  }),
  fc.constantFrom("$-1", "*-1").map((text) => line(text, null)),
  data.map((data): Wire => ({ kind: "bulk", type: "$", data }))
)
const scalar3: fc.Arbitrary<Wire> = fc.oneof(
  fc.constant(line("_", null)),
  fc.boolean().map((value) => line(value ? "#t" : "#f", value)),
  fc.double().map((n) => {
    const text = Number.isNaN(n) ? "nan" : Object.is(n, -0) ? "-0" : String(n).replace("Infinity", "inf")
    return line(`,${text}`, n)
  }),
  fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }).map((n) => line(`(${n}`, n)),
  fc.record({ kind: fc.constant("bulk" as const), type: fc.constantFrom("=" as const, "!" as const), data }),
  fc.record({
    kind: fc.constant("bulk" as const),
    type: fc.constant("$" as const),
    data,
    pieces: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 })
  })
)

const paired = <A>(items: ReadonlyArray<A>): Array<A> => items.slice(0, items.length - (items.length % 2))

const wireOf = (scalar: fc.Arbitrary<Wire>, three: boolean): fc.Arbitrary<Item> =>
  fc.letrec<{ item: Item; wire: Wire; aggregate: Wire; aside: Aside }>((tie) => {
    const items = fc.array(tie("item"), { maxLength: 4 })
    const streamed = three ? fc.boolean() : fc.constant(false)
    return {
      wire: fc.oneof({ maxDepth: 4, depthSize: "small" }, { arbitrary: scalar, weight: 3 }, tie("aggregate")),
      aggregate: fc
        .tuple(
          three ? fc.constantFrom("*" as const, "%" as const, "~" as const) : fc.constant("*" as const),
          items,
          streamed
        )
        .map(([type, items, streamed]) => ({
          kind: "aggregate" as const,
          type,
          items: type === "%" ? paired(items) : items,
          streamed
        })),
      aside: fc
        .tuple(fc.constantFrom(">" as const, "|" as const), tie("item"), items, streamed)
        .map(([type, first, items, streamed]) => ({
          type,
          items: type === "|" ? paired([first, ...items]) : [first, ...items],
          streamed
        })),
      item: fc.record({
        aside: three
          ? fc.oneof(
              { maxDepth: 3, depthSize: "small" },
              { arbitrary: fc.constant([]), weight: 8 },
              { arbitrary: fc.array(tie("aside"), { maxLength: 2 }), weight: 1 }
            )
          : fc.constant([]),
        wire: tie("wire")
      })
    }
  }).item

const traffic = (item: fc.Arbitrary<Item>): fc.Arbitrary<ReadonlyArray<Item>> =>
  fc.array(item, { minLength: 1, maxLength: 5 })

/** RESP2 alone, and RESP3 with streamed forms and with pushes and attributes anywhere. */
export const traffic2 = traffic(wireOf(scalar2, false))
export const traffic3 = traffic(wireOf(fc.oneof(scalar2, scalar3), true))

export const encode = (items: ReadonlyArray<Item>): Uint8Array => {
  const parts: Array<Buffer> = []
  const put = (text: string) => parts.push(Buffer.from(`${text}\r\n`))
  const all = (type: string, items: ReadonlyArray<Item>, streamed: boolean) => {
    put(`${type}${streamed ? "?" : "%|".includes(type) ? items.length / 2 : items.length}`)
    items.forEach(one)
    if (streamed) put(".")
  }
  const bulk = (type: string, data: Buffer) => {
    put(`${type}${data.length}`)
    parts.push(data, Buffer.from("\r\n"))
  }
  const one = ({ aside, wire }: Item): void => {
    for (const { type, items, streamed } of aside) all(type, items, streamed)
    if (wire.kind === "line") put(wire.text)
    else if (wire.kind === "aggregate") all(wire.type, wire.items, wire.streamed)
    else if (wire.pieces !== undefined) {
      put("$?")
      for (let at = 0, i = 0; at < wire.data.length; i++) {
        const piece = wire.data.subarray(at, at + wire.pieces[i % wire.pieces.length]!)
        bulk(";", piece)
        at += piece.length
      }
      put(";0")
    } else bulk(wire.type, wire.type === "=" ? Buffer.concat([Buffer.from("txt:"), wire.data]) : wire.data)
  }
  items.forEach(one)
  return new Uint8Array(Buffer.concat(parts))
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** What is to be told of it, in order. */
export const expected = (items: ReadonlyArray<Item>, bytes: boolean, pushBytes: boolean): Array<Event> => {
  const events: Array<Event> = []
  const one = ({ aside, wire }: Item, asBytes: boolean): RespValue => {
    for (const { type, items } of aside) {
      const values = items.map((item) => one(item, type === ">" ? pushBytes : asBytes))
      if (type === ">") events.push({ push: values })
    }
    if (wire.kind === "line") return wire.value
    if (wire.kind === "aggregate") {
      const values = wire.items.map((item) => one(item, asBytes))
      return wire.type === "%" ? new RespMap(values) : wire.type === "~" ? new RespSet(values) : values
    }
    if (wire.type !== "!") return asBytes ? new Uint8Array(wire.data) : decoder.decode(wire.data)
    const text = decoder.decode(wire.data)
    const word = text.split(" ")[0]!
    return new RespError(/^[A-Z][A-Z0-9_]*$/.test(word) ? word : "ERR", text)
  }
  for (const item of items) {
    const reply = one(item, bytes)
    events.push({ reply })
  }
  return events
}
