import { decodeText } from "./text.js"
import { BIG_NUMBER, BOOLEAN, DOUBLE, ERROR, INTEGER, NULL, SIMPLE } from "./types.js"
import { RespError, type RespValue } from "./value.js"

/** What a line says all by itself, from `start` to `end`; undefined when that is nothing valid. */
export const readScalar = (type: number, bytes: Uint8Array, start: number, end: number): RespValue | undefined => {
  if (type === INTEGER) return readInteger(bytes, start, end)
  if (type === SIMPLE) return decodeText(bytes, start, end)
  if (type === ERROR) return RespError.fromText(decodeText(bytes, start, end))
  if (type === DOUBLE) return readDouble(bytes, start, end)
  if (type === BIG_NUMBER) return readBigInt(bytes, start, end)
  if (type === NULL) return start === end ? null : undefined
  if (type === BOOLEAN && end - start === 1) {
    if (bytes[start] === 0x74) return true
    if (bytes[start] === 0x66) return false
  }
  return undefined
}

/** The length of what is not there, in RESP2. */
export const isMinusOne = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start === 2 && bytes[start] === MINUS && bytes[start + 1] === 0x31

const PLUS = 0x2b
const MINUS = 0x2d
const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n

/** Decimal digits as a count; -1 when there is anything else. */
export const readCount = (bytes: Uint8Array, start: number, end: number): number => {
  if (start === end) return -1
  let count = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    count = count * 10 + digit
  }
  return count
}

/** A signed 64-bit integer: a number where that is exact, else a bigint. */
const readInteger = (bytes: Uint8Array, start: number, end: number): number | bigint | undefined => {
  const sign = bytes[start]
  const digits = sign === MINUS || sign === PLUS ? start + 1 : start
  const magnitude = readCount(bytes, digits, end)
  if (magnitude < 0) return undefined
  // Every step of reading up to 15 digits was exact.
  if (end - digits <= 15) return sign === MINUS ? 0 - magnitude : magnitude
  const exact = readBigInt(bytes, start, end)!
  if (exact < minInt64 || exact > maxInt64) return undefined
  const number = Number(exact)
  return Number.isSafeInteger(number) ? number : exact
}

const readBigInt = (bytes: Uint8Array, start: number, end: number): bigint | undefined => {
  const text = decodeText(bytes, start, end)
  if (!/^[+-]?\d+$/.test(text)) return undefined
  // BigInt refuses a plus sign.
  return BigInt(text.startsWith("+") ? text.slice(1) : text)
}

const readDouble = (bytes: Uint8Array, start: number, end: number): number | undefined => {
  const text = decodeText(bytes, start, end)
  if (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text)
  const word = text.replace(/^[+-]/, "").toLowerCase()
  if (word === "nan") return Number.NaN
  if (word !== "inf") return undefined
  return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
