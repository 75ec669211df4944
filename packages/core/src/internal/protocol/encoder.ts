import { decodeText, textLength } from "./text.js"

export type Argument = string | number | bigint | Uint8Array

/**
 * One encoded command; strings are to be written as UTF-8. A payload that is one string is ASCII throughout,
 * so that its length in bytes is known without another look at it.
 */
export type Payload = string | ReadonlyArray<string | Uint8Array>

/** Bytes up to this many go out within the text when they are ASCII: that saves the socket a chunk. */
const inlineBytes = 128

const headers = (type: string): ReadonlyArray<string> => Array.from({ length: 256 }, (_, n) => `${type}${n}\r\n`)
const arrayHeaders = headers("*")
const bulkHeaders = headers("$")

/** A command as a RESP array of bulk strings. Throws a RangeError for what cannot be sent. */
export const encodeCommand = (words: ReadonlyArray<Argument>): Payload => {
  const count = words.length
  if (count === 0) throw new RangeError("a command has at least one word")
  let text = arrayHeaders[count] ?? `*${count}\r\n`
  let parts: Array<string | Uint8Array> | undefined
  let ascii = true
  for (let i = 0; i < count; i++) {
    let word = words[i]!
    if (typeof word === "object" && isShortAscii(word)) word = decodeText(word, 0, word.length)
    if (word instanceof Uint8Array) {
      parts ??= []
      // A copy: its owner may change it before it is written, and what was announced as a value would be commands.
      parts.push(text + bulkHeader(word.length), new Uint8Array(word))
      text = "\r\n"
    } else {
      const bulk = typeof word === "string" ? word : toText(word, i)
      const length = textLength(bulk)
      if (length !== bulk.length) ascii = false
      text += `${bulkHeader(length)}${bulk}\r\n`
    }
  }
  if (parts === undefined) return ascii ? text : [text]
  parts.push(text)
  return parts
}

const bulkHeader = (length: number): string => bulkHeaders[length] ?? `$${length}\r\n`

const isShortAscii = (bytes: Uint8Array): boolean => {
  if (!(bytes instanceof Uint8Array) || bytes.length > inlineBytes) return false
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return false
  return true
}

const toText = (word: unknown, index: number): string => {
  if (typeof word === "number" && Number.isFinite(word)) return numberToText(word)
  if (typeof word === "bigint") return word.toString()
  throw new RangeError(`word ${index} is ${typeof word === "number" ? word : typeof word}, which cannot be sent`)
}

/** The length of a payload in bytes. */
export const payloadLength = (payload: Payload): number => {
  if (typeof payload === "string") return payload.length
  let length = 0
  for (const part of payload) length += typeof part === "string" ? textLength(part) : part.length
  return length
}

/** Decimal text: a whole number is never in exponent form, and a fraction is the shortest that reads back the same. */
export const numberToText = (n: number): string =>
  Number.isInteger(n) && Math.abs(n) >= 1e21 ? BigInt(n).toString() : String(n)
