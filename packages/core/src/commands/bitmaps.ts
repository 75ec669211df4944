/**
 * Bitmap commands, on the bits of a string: https://redis.io/docs/latest/commands/?group=bitmap
 *
 * Bit 0 is the most significant bit of the first byte. An absent key has no bits.
 *
 * @since 0.1.0
 */
import type { Option } from "effect/Option"
import {
  type Argument,
  type Command,
  define,
  type IntegerCommand,
  InvalidArgument,
  keyRange,
  type Word
} from "../Command.js"
import { choice, many, type OneOrMany, whole, wholeOrBigint } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const BITCOUNT = define("BITCOUNT", { readOnly: true })
const BITFIELD = define("BITFIELD")
const BITFIELD_RO = define("BITFIELD_RO", { readOnly: true })
const BITOP = define("BITOP", { keys: keyRange(2, -1) })
const BITPOS = define("BITPOS", { readOnly: true })
const GETBIT = define("GETBIT", { readOnly: true })
const SETBIT = define("SETBIT")

/**
 * @since 0.1.0
 * @category models
 */
export type Bit = 0 | 1

const bit: Reply.Reply<Bit> = Reply.map(Reply.boolean, (value) => (value ? 1 : 0))

const bitWord = (value: Bit): Word => (value === 0 || value === 1 ? value : new InvalidArgument("bit must be 0 or 1"))

/**
 * A range of a string, both ends inclusive; negative ones count from the end.
 *
 * @since 0.1.0
 * @category options
 */
export interface BitRangeOptions {
  /** By default the beginning. */
  readonly start?: number
  /** By default the end. */
  readonly stop?: number
  /** Whether `start` and `stop` count bytes, as they do by default, or bits (since Redis 7.0). */
  readonly unit?: "byte" | "bit"
}

// Older servers do not know the word for bytes.
const unitWords = (unit: BitRangeOptions["unit"] = "byte"): ReadonlyArray<Word> =>
  unit === "byte" ? [] : [choice(unit, { bit: "BIT" }, "unit")]

/**
 * Counts the bits that are 1: https://redis.io/docs/latest/commands/bitcount/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const all = Redis.bitcount("online") // number
 * const firstHundred = Redis.bitcount("online", { start: 0, stop: 99, unit: "bit" })
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const bitcount = (key: Argument, options: BitRangeOptions = {}): IntegerCommand => {
  const { start, stop, unit } = options
  const ranged = start !== undefined || stop !== undefined
  return BITCOUNT(
    [key, ...(ranged ? [whole(start ?? 0, "start"), whole(stop ?? -1, "stop"), ...unitWords(unit)] : [])],
    Reply.integer
  )
}

/**
 * A signed (`i`) or unsigned (`u`) integer of so many bits, up to `i64` and `u63`.
 *
 * @since 0.1.0
 * @category models
 */
export type BitFieldType = `i${number}` | `u${number}`

/**
 * Where a field begins: at a bit, or, with `#`, at so many times its own width.
 *
 * @since 0.1.0
 * @category models
 */
export type BitFieldOffset = number | `#${number}`

/**
 * What happens when a value does not fit: it wraps around (the default), stays at the limit, or nothing is changed.
 *
 * @since 0.1.0
 * @category models
 */
export type BitFieldOverflow = "wrap" | "saturate" | "fail"

/**
 * Gives an integer.
 *
 * @since 0.1.0
 * @category models
 */
export interface BitFieldGet {
  readonly get: BitFieldType
  readonly offset: BitFieldOffset
}

/**
 * Sets an integer and gives what it was.
 *
 * @since 0.1.0
 * @category models
 */
export interface BitFieldSet {
  readonly set: BitFieldType
  readonly offset: BitFieldOffset
  readonly value: number | bigint
  readonly overflow?: BitFieldOverflow
}

/**
 * Adds to an integer and gives the sum.
 *
 * @since 0.1.0
 * @category models
 */
export interface BitFieldIncrement {
  readonly increment: BitFieldType
  readonly offset: BitFieldOffset
  readonly by: number | bigint
  readonly overflow?: BitFieldOverflow
}

/**
 * One step of BITFIELD.
 *
 * @since 0.1.0
 * @category models
 */
export type BitFieldOperation = BitFieldGet | BitFieldSet | BitFieldIncrement

const typeWord = (type: BitFieldType): Word => {
  const bits = /^[iu][1-9]\d?$/.test(type) ? Number(type.slice(1)) : 0
  return bits >= 1 && bits <= (type.startsWith("i") ? 64 : 63)
    ? type
    : new InvalidArgument("the type of a bit field is i1 to i64 or u1 to u63")
}

const offsetWord = (offset: BitFieldOffset): Word =>
  typeof offset === "number"
    ? whole(offset, "offset", 0)
    : /^#\d+$/.test(offset)
      ? offset
      : new InvalidArgument("offset must be a bit, or # and a whole number")

const overflows: Readonly<Record<BitFieldOverflow, Word>> = { wrap: "WRAP", saturate: "SAT", fail: "FAIL" }

const fieldWords = (operations: ReadonlyArray<BitFieldOperation>): ReadonlyArray<Word> => {
  if (operations.length === 0) return [new InvalidArgument("operations must not be empty")]
  const words: Array<Word> = []
  // On the wire an OVERFLOW holds for all that follows it.
  let current: BitFieldOverflow = "wrap"
  for (const operation of operations) {
    const offset = offsetWord(operation.offset)
    if ("get" in operation) {
      words.push("GET", typeWord(operation.get), offset)
      continue
    }
    const { overflow = "wrap" } = operation
    if (overflow !== current) {
      words.push("OVERFLOW", overflows[overflow] ?? new InvalidArgument("overflow must be wrap, saturate or fail"))
      current = overflow
    }
    if ("set" in operation) words.push("SET", typeWord(operation.set), offset, wholeOrBigint(operation.value, "value"))
    else words.push("INCRBY", typeWord(operation.increment), offset, wholeOrBigint(operation.by, "by"))
  }
  return words
}

const fieldValue = Reply.make((raw) => {
  if (typeof raw === "bigint") throw new Reply.Mismatch("an integer is beyond 2^53: use the bigint option")
  return Reply.integer.decode(raw)
})
const fieldNumbers = Reply.array(fieldValue)
const fieldBigints = Reply.array(Reply.integer.asBigint)
const optionalNumbers = Reply.array(Reply.option(fieldValue))
const optionalBigints = Reply.array(Reply.option(Reply.integer.asBigint))

/**
 * Gets, sets and increments integers of any width inside a string, in order:
 * https://redis.io/docs/latest/commands/bitfield/
 *
 * There is a result for each operation, `None` for one that would overflow with `overflow: "fail"`. With
 * `bigint: true` the results are exact beyond 2^53. Where all operations get, `bitfield_ro` may run on a replica.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const results = Redis.bitfield("counters", [
 *   { increment: "u8", offset: "#0", by: 1, overflow: "saturate" },
 *   { get: "i16", offset: 100 }
 * ]) // ReadonlyArray<Option<number>>
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const bitfield: {
  (
    key: Argument,
    operations: ReadonlyArray<BitFieldOperation>,
    options: { readonly bigint: true }
  ): Command<ReadonlyArray<Option<bigint>>>
  (
    key: Argument,
    operations: ReadonlyArray<BitFieldOperation>,
    options?: { readonly bigint?: false }
  ): Command<ReadonlyArray<Option<number>>>
} = (key: Argument, operations: ReadonlyArray<BitFieldOperation>, options: { readonly bigint?: boolean } = {}): never =>
  BITFIELD(
    [key, ...fieldWords(operations)],
    (options.bigint === true ? optionalBigints : optionalNumbers) as Reply.Reply<unknown>
  ) as never

/**
 * Gets integers of any width inside a string, in order: https://redis.io/docs/latest/commands/bitfield_ro/
 *
 * With `bigint: true` the results are exact beyond 2^53.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const counters = Redis.bitfield_ro("counters", [
 *   { get: "u8", offset: "#0" },
 *   { get: "u8", offset: "#1" }
 * ]) // ReadonlyArray<number>
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const bitfield_ro: {
  (
    key: Argument,
    operations: ReadonlyArray<BitFieldGet>,
    options: { readonly bigint: true }
  ): Command<ReadonlyArray<bigint>>
  (
    key: Argument,
    operations: ReadonlyArray<BitFieldGet>,
    options?: { readonly bigint?: false }
  ): Command<ReadonlyArray<number>>
} = (key: Argument, operations: ReadonlyArray<BitFieldGet>, options: { readonly bigint?: boolean } = {}): never =>
  BITFIELD_RO(
    [key, ...fieldWords(operations)],
    (options.bigint === true ? fieldBigints : fieldNumbers) as Reply.Reply<unknown>
  ) as never

/**
 * How BITOP combines the bits of its sources.
 *
 * - `and`, `or`, `xor`: of all sources.
 * - `not`: of the only source.
 * - `diff`: in the first source and in no other.
 * - `diff1`: in another source and not in the first.
 * - `andor`: in the first source and in another.
 * - `one`: in exactly one source.
 *
 * The last four are known since Redis 8.2.
 *
 * @since 0.1.0
 * @category models
 */
export type BitOperation = "and" | "or" | "xor" | "not" | "diff" | "diff1" | "andor" | "one"

/**
 * Combines the bits of the sources, stores the result, and gives its length in bytes:
 * https://redis.io/docs/latest/commands/bitop/
 *
 * Shorter strings count as filled up with zeros. An empty result deletes the destination.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.bitop("and", "both", ["online:mon", "online:tue"]) // number
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const bitop = (operation: BitOperation, destination: Argument, sources: OneOrMany<Argument>): IntegerCommand =>
  BITOP(
    [
      operation.toUpperCase(),
      destination,
      ...(operation === "not" && Array.isArray(sources) && sources.length > 1
        ? [new InvalidArgument("sources of not must be a single one")]
        : many(sources, "sources"))
    ],
    Reply.integer
  )

/**
 * Finds the first bit that is 0 or 1: https://redis.io/docs/latest/commands/bitpos/
 *
 * -1 when there is none. A string of ones has its first 0 right behind its end, but only where no `stop` is given.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const free = Redis.bitpos("seats", 0) // number
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const bitpos = (key: Argument, bit: Bit, options: BitRangeOptions = {}): IntegerCommand => {
  const { start, stop, unit } = options
  // The server takes a unit only after both ends; a stop of its own would change what is found.
  const needsStop = unit === "bit" && start !== undefined && stop === undefined
  return BITPOS(
    [
      key,
      bitWord(bit),
      ...(start === undefined && stop === undefined ? [] : [whole(start ?? 0, "start")]),
      ...(needsStop ? [new InvalidArgument("unit needs a stop")] : []),
      ...(stop === undefined ? [] : [whole(stop, "stop"), ...unitWords(unit)])
    ],
    Reply.integer
  )
}

/**
 * Gives a bit, 0 beyond the end: https://redis.io/docs/latest/commands/getbit/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const online = Redis.getbit("online", 7) // 0 | 1
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const getbit = (key: Argument, offset: number): Command<Bit> => GETBIT([key, whole(offset, "offset", 0)], bit)

/**
 * Sets a bit and gives what it was: https://redis.io/docs/latest/commands/setbit/
 *
 * The string grows as far as needed, up to 512 MB, which the server fills with zeros at once.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const before = Redis.setbit("online", 7, 1) // 0 | 1
 * ```
 *
 * @since 0.1.0
 * @category bitmaps
 */
export const setbit = (key: Argument, offset: number, value: Bit): Command<Bit> =>
  SETBIT([key, whole(offset, "offset", 0), bitWord(value)], bit)
