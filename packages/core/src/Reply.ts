/**
 * How a command turns the server's reply into a value, the same from RESP2 and RESP3.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { decodeText, encodeText } from "./internal/protocol/text.js"
import { RespError, RespMap, RespSet, type RespValue } from "./internal/protocol/value.js"

/**
 * What the wire carried, before a command gave it its type.
 *
 * @since 0.1.0
 * @category models
 */
export type Raw = RespValue

/**
 * Decodes a raw reply; throws `Mismatch` when the shape is not the expected one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply<out A> {
  readonly decode: (raw: Raw) => A
  /** Whether strings are wanted as bytes off the wire. */
  readonly wantsBytes: boolean
}

/**
 * A reply with text in it, which `Command.bytes` can turn into bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface TextReply<out A, out B> extends Reply<A> {
  readonly asBytes: Reply<B>
}

/**
 * An integer reply, which `Command.bigint` can turn into a bigint.
 *
 * @since 0.1.0
 * @category models
 */
export interface IntegerReply extends Reply<number> {
  readonly asBigint: Reply<bigint>
}

/**
 * Thrown by a decoder on an unexpected shape; becomes a `DecodeError`.
 *
 * @since 0.1.0
 * @category errors
 */
export class Mismatch {
  constructor(readonly reason: string) {}
}

/**
 * What is said of an exception that a decoder threw; never a value, which may be a secret.
 *
 * @since 0.1.0
 * @category errors
 */
export const reasonOf = (cause: unknown): string => {
  try {
    if (cause instanceof Mismatch) return cause.reason
    // A user's exception may quote the value, in its name, too: only its class is told.
    const name: unknown = cause instanceof Error ? Object.getPrototypeOf(cause).constructor.name : undefined
    return `the decoder threw ${typeof name === "string" ? name : "a value"}`
  } catch {
    // It may also throw when looked at, and its command is to be answered all the same.
    return "the decoder threw a value"
  }
}

// Array.isArray does not narrow a readonly array.
const isArray = (raw: Raw): raw is ReadonlyArray<Raw> => Array.isArray(raw)

const describe = (raw: Raw): string => {
  if (raw === null) return "null"
  if (raw instanceof RespError) return `error ${raw.code}`
  if (raw instanceof RespMap) return `map of ${raw.entries.length / 2}`
  if (raw instanceof RespSet) return `set of ${raw.items.length}`
  if (raw instanceof Uint8Array) return `${raw.length} bytes`
  if (typeof raw === "object") return `array of ${raw.length}`
  // The value itself may be a secret: only its type is told.
  return typeof raw
}

/**
 * Fails a decode, saying what was expected and what kind of value came.
 *
 * @since 0.1.0
 * @category errors
 */
export const mismatch = (expected: string, raw: Raw): never => {
  throw new Mismatch(`expected ${expected}, got ${describe(raw)}`)
}

/**
 * A decoder from a function.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A>(decode: (raw: Raw) => A): Reply<A> => ({ decode, wantsBytes: false })

/**
 * A decoder with a text and a bytes form. Without `decodeBytes` the same function serves both.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeText = <A, B>(decode: (raw: Raw) => A, decodeBytes: (raw: Raw) => B): TextReply<A, B> => ({
  decode,
  wantsBytes: false,
  asBytes: { decode: decodeBytes, wantsBytes: true }
})

/**
 * Changes what a reply decodes to.
 *
 * @since 0.1.0
 * @category combinators
 */
export const map = <A, B>(self: Reply<A>, f: (a: A) => B): Reply<B> => ({
  decode: (raw) => f(self.decode(raw)),
  wantsBytes: self.wantsBytes
})

/** As many characters can be in a string, on V8. Where text was asked for, only what has more comes as bytes. */
const longestText = 2 ** 29 - 24

const textOf = (bytes: Uint8Array): string => {
  if (bytes.length > longestText)
    throw new Mismatch("the text is longer than a string can be: take it with Command.bytes")
  return decodeText(bytes, 0, bytes.length)
}

const toText = (raw: Raw): string => {
  if (typeof raw === "string") return raw
  if (raw instanceof Uint8Array) return textOf(raw)
  if (typeof raw === "number" || typeof raw === "bigint") return String(raw)
  return mismatch("text", raw)
}

const toBytes = (raw: Raw): Uint8Array => (raw instanceof Uint8Array ? raw : encodeText(toText(raw)))

const toNumber = (raw: Raw): number => {
  if (typeof raw === "number") return raw
  if (typeof raw === "bigint") return Number(raw)
  const text = toText(raw)
  if (text === "inf" || text === "+inf") return Number.POSITIVE_INFINITY
  if (text === "-inf") return Number.NEGATIVE_INFINITY
  if (text === "nan" || text === "-nan") return Number.NaN
  const value = Number(text)
  return text === "" || Number.isNaN(value) ? mismatch("a number", raw) : value
}

const toInteger = (raw: Raw): number => {
  if (typeof raw === "number" && Number.isSafeInteger(raw)) return raw
  if (typeof raw === "bigint") throw new Mismatch("the integer is beyond 2^53: take it with Command.bigint")
  const value = toNumber(raw)
  return Number.isSafeInteger(value) ? value : mismatch("an integer", raw)
}

const toBigint = (raw: Raw): bigint => {
  if (typeof raw === "bigint") return raw
  if (typeof raw === "number" && Number.isInteger(raw)) return BigInt(raw)
  const text = toText(raw)
  return /^-?\d+$/.test(text) ? BigInt(text) : mismatch("an integer", raw)
}

/**
 * The elements of an array or a set.
 *
 * @since 0.1.0
 * @category destructors
 */
export const items = (raw: Raw): ReadonlyArray<Raw> =>
  raw instanceof RespSet ? raw.items : Array.isArray(raw) ? raw : mismatch("an array", raw)

/**
 * The keys and values of a map, one after the other: a RESP3 map, or a flat RESP2 array, or an array of pairs.
 *
 * @since 0.1.0
 * @category destructors
 */
export const entries = (raw: Raw): ReadonlyArray<Raw> => {
  if (raw instanceof RespMap) return raw.entries
  const array = items(raw)
  if (array.length > 0 && Array.isArray(array[0]) && array.every((pair) => Array.isArray(pair) && pair.length === 2)) {
    return array.flat(1)
  }
  return array.length % 2 === 0 ? array : mismatch("pairs", raw)
}

/**
 * The fields of a map by their names; reading one that the server left out gives `undefined`.
 *
 * @since 0.1.0
 * @category destructors
 */
export const fields = (raw: Raw): ReadonlyMap<string, Raw> => {
  const flat = entries(raw)
  const out = new Map<string, Raw>()
  for (let i = 0; i < flat.length; i += 2) out.set(toText(flat[i]!), flat[i + 1]!)
  return out
}

/**
 * Text, or the exact bytes.
 *
 * @since 0.1.0
 * @category replies
 */
export const text: TextReply<string, Uint8Array> = makeText(toText, toBytes)

/**
 * An integer; a `DecodeError` beyond 2^53, where `Command.bigint` is exact.
 *
 * @since 0.1.0
 * @category replies
 */
export const integer: IntegerReply = {
  decode: toInteger,
  wantsBytes: false,
  asBigint: make(toBigint)
}

/**
 * A double, also `Infinity`, `-Infinity` and `NaN`.
 *
 * @since 0.1.0
 * @category replies
 */
export const double: Reply<number> = make(toNumber)

/**
 * A yes or no: 1 or 0, or a RESP3 boolean.
 *
 * @since 0.1.0
 * @category replies
 */
export const boolean: Reply<boolean> = make((raw) =>
  raw === 1 || raw === true ? true : raw === 0 || raw === false ? false : mismatch("a yes or no", raw)
)

/**
 * The status `OK`.
 *
 * @since 0.1.0
 * @category replies
 */
export const ok: Reply<"OK"> = make((raw) => (raw === "OK" ? raw : mismatch("OK", raw)))

/**
 * `true` for the status `OK`, `false` for null: whether a conditional write happened.
 *
 * @since 0.1.0
 * @category replies
 */
export const okOrNull: Reply<boolean> = make((raw) =>
  raw === "OK" ? true : raw === null ? false : mismatch("OK or null", raw)
)

/**
 * Whatever came, as plain JavaScript: text, numbers, bigints, booleans, null, arrays, `Map` and `Set`.
 *
 * @since 0.1.0
 * @category models
 */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | ReadonlyArray<Value>
  | ReadonlyMap<Value, Value>
  | ReadonlySet<Value>

const toValue = (raw: Raw): Value => {
  if (raw instanceof RespError) throw new Mismatch(`the reply holds an error: ${raw.code}`)
  if (raw instanceof RespMap) {
    const map = new Map<Value, Value>()
    for (let i = 0; i < raw.entries.length; i += 2) map.set(toValue(raw.entries[i]!), toValue(raw.entries[i + 1]!))
    return map
  }
  if (raw instanceof RespSet) return new Set(raw.items.map(toValue))
  return isArray(raw) ? raw.map(toValue) : raw
}

/**
 * Whatever came, as plain JavaScript: the reply of `Command.make` when none is named.
 *
 * @since 0.1.0
 * @category replies
 */
export const value: TextReply<Value, Value> = makeText(toValue, toValue)

const isText = (self: Reply<unknown>): self is TextReply<unknown, unknown> => "asBytes" in self

/** Lifts a decoder of elements to a decoder of a whole, for text and for bytes. */
const lift = (self: Reply<unknown>, over: (decode: (raw: Raw) => unknown) => (raw: Raw) => unknown) =>
  isText(self) ? makeText(over(self.decode), over(self.asBytes.decode)) : make(over(self.decode))

/**
 * `Option.none` for null, else the value.
 *
 * @since 0.1.0
 * @category combinators
 */
export const option: {
  <A, B>(self: TextReply<A, B>): TextReply<Option.Option<A>, Option.Option<B>>
  <A>(self: Reply<A>): Reply<Option.Option<A>>
} = (self: Reply<unknown>): never =>
  lift(self, (decode) => (raw) => (raw === null ? Option.none() : Option.some(decode(raw)))) as never

/**
 * An array (or a set, in the order sent), each element decoded; null counts as empty.
 *
 * @since 0.1.0
 * @category combinators
 */
export const array: {
  <A, B>(self: TextReply<A, B>): TextReply<ReadonlyArray<A>, ReadonlyArray<B>>
  <A>(self: Reply<A>): Reply<ReadonlyArray<A>>
} = (self: Reply<unknown>): never =>
  lift(self, (decode) => (raw) => {
    if (raw === null) return []
    const source = items(raw)
    const out = new Array(source.length)
    for (let i = 0; i < source.length; i++) out[i] = decode(source[i]!)
    return out
  }) as never

/**
 * Members as a `Set`; as bytes they are an array, for bytes have no equality.
 *
 * @since 0.1.0
 * @category replies
 */
export const members: TextReply<ReadonlySet<string>, ReadonlyArray<Uint8Array>> = makeText(
  (raw) => new Set(items(raw).map(toText)),
  (raw) => items(raw).map(toBytes)
)

/**
 * Pairs in the order sent, from a map, a flat array or an array of pairs.
 *
 * @since 0.1.0
 * @category combinators
 */
export const pairs: {
  <A, B, C, D>(
    first: TextReply<A, B>,
    second: TextReply<C, D>
  ): TextReply<ReadonlyArray<readonly [A, C]>, ReadonlyArray<readonly [B, D]>>
  <A, B, C>(
    first: TextReply<A, B>,
    second: Reply<C>
  ): TextReply<ReadonlyArray<readonly [A, C]>, ReadonlyArray<readonly [B, C]>>
} = (first: TextReply<unknown, unknown>, second: Reply<unknown>): never => {
  const decode = (a: Reply<unknown>, b: Reply<unknown>) => (raw: Raw) => {
    const flat = entries(raw)
    const out: Array<readonly [unknown, unknown]> = []
    for (let i = 0; i < flat.length; i += 2) out.push([a.decode(flat[i]!), b.decode(flat[i + 1]!)])
    return out
  }
  return makeText(decode(first, second), decode(first.asBytes, isText(second) ? second.asBytes : second)) as never
}

/**
 * A record without prototype, so that a field named `__proto__` is data like any other; as bytes, pairs in the order
 * sent.
 *
 * @since 0.1.0
 * @category combinators
 */
export const record: {
  <A, B>(self: TextReply<A, B>): TextReply<Readonly<Record<string, A>>, ReadonlyArray<readonly [Uint8Array, B]>>
  <A>(self: Reply<A>): TextReply<Readonly<Record<string, A>>, ReadonlyArray<readonly [Uint8Array, A]>>
} = (self: Reply<unknown>): never =>
  makeText((raw) => {
    const flat = entries(raw)
    const out = Object.create(null)
    for (let i = 0; i < flat.length; i += 2) out[toText(flat[i]!)] = self.decode(flat[i + 1]!)
    return out
  }, pairs(text, self).asBytes.decode) as never

/**
 * A page of a SCAN: the cursor for the next call (`"0"` when done) and what this one found.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page<out A> {
  readonly cursor: string
  readonly items: A
}

/**
 * A page of a SCAN.
 *
 * @since 0.1.0
 * @category combinators
 */
export const page = <A, B>(self: TextReply<A, B>): TextReply<Page<A>, Page<B>> =>
  lift(self, (decode) => (raw) => {
    const [cursor, found] = items(raw)
    return { cursor: toText(cursor ?? null), items: decode(found ?? null) }
  }) as TextReply<Page<A>, Page<B>>
