/**
 * String commands: https://redis.io/docs/latest/commands/?group=string
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import type { Option } from "effect/Option"
import {
  type Argument,
  type Command,
  define,
  type IntegerCommand,
  InvalidArgument,
  type KeySpec,
  keyRange,
  type TextCommand,
  type Word
} from "../Command.js"
import {
  atMostOne,
  choice,
  type Entries,
  epochMillis,
  flag,
  type Instant,
  many,
  millis,
  type OneOrMany,
  option,
  pairs,
  presence,
  whole,
  wholeOrBigint,
  wholeSeconds
} from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const optionalText = Reply.option(Reply.text)

/** As many keys as the second word says, a value behind each. */
const countedPairs: KeySpec = (words) => keyRange(2, 2 * Number(words[1]), 2)(words)

const APPEND = define("APPEND")
const DECR = define("DECR")
const DECRBY = define("DECRBY")
const DELEX = define("DELEX")
const DELIFEQ = define("DELIFEQ")
const DIGEST = define("DIGEST", { readOnly: true })
const GET = define("GET", { readOnly: true })
const GETDEL = define("GETDEL")
const GETEX = define("GETEX")
const GETRANGE = define("GETRANGE", { readOnly: true })
const GETSET = define("GETSET")
const INCR = define("INCR")
const INCRBY = define("INCRBY")
const INCRBYFLOAT = define("INCRBYFLOAT")
const INCREX = define("INCREX")
const LCS = define("LCS", { readOnly: true, keys: keyRange(1, 2) })
const MGET = define("MGET", { readOnly: true, keys: keyRange(1, -1) })
const MSET = define("MSET", { keys: keyRange(1, -1, 2) })
const MSETEX = define("MSETEX", { keys: countedPairs })
const MSETNX = define("MSETNX", { keys: keyRange(1, -1, 2) })
const PSETEX = define("PSETEX")
const SET = define("SET")
const SETEX = define("SETEX")
const SETNX = define("SETNX")
const SETRANGE = define("SETRANGE")
const STRLEN = define("STRLEN", { readOnly: true })
const SUBSTR = define("SUBSTR", { readOnly: true })

/**
 * Appends to the value of a key, empty when absent, and gives its length in bytes:
 * https://redis.io/docs/latest/commands/append/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.append("log", "line\n") // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const append = (key: Argument, value: Argument): IntegerCommand => APPEND([key, value], Reply.integer)

/**
 * Takes one from the integer at a key, 0 when absent, and gives the rest:
 * https://redis.io/docs/latest/commands/decr/
 *
 * Beyond 2^53 take it with `Command.bigint`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const left = Redis.decr("stock") // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const decr = (key: Argument): IntegerCommand => DECR([key], Reply.integer)

/**
 * Takes from the integer at a key, 0 when absent, and gives the rest: https://redis.io/docs/latest/commands/decrby/
 *
 * Beyond 2^53 take it with `Command.bigint`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const left = Redis.decrby("stock", 3) // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const decrby = (key: Argument, decrement: number | bigint): IntegerCommand =>
  DECRBY([key, wholeOrBigint(decrement, "decrement")], Reply.integer)

/**
 * What the value of a key must be: equal to or different from a value, or from what `digest` gave of one. An absent key
 * differs from everything.
 *
 * @since 0.1.0
 * @category options
 */
export type ValueCondition =
  | { readonly equals: Argument }
  | { readonly differs: Argument }
  | { readonly digestEquals: string }
  | { readonly digestDiffers: string }

const valueConditions = { equals: "IFEQ", differs: "IFNE", digestEquals: "IFDEQ", digestDiffers: "IFDNE" }

const valueConditionWords = (condition: ValueCondition): ReadonlyArray<Word> => {
  const words = Object.entries(valueConditions).flatMap(([name, word]) => {
    const value = (condition as Partial<Record<string, Argument>>)[name]
    return value === undefined ? [] : [word, value]
  })
  return words.length === 2 ? words : [new InvalidArgument("onlyIf must be one condition")]
}

/**
 * Deletes a key on a condition, and tells whether it did: https://redis.io/docs/latest/commands/delex/
 *
 * With a condition the key must hold a string, else it fails with a `ReplyError`. Since Redis 8.4.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const released = Redis.delex("lock", { onlyIf: { equals: "me" } }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const delex = (key: Argument, options: { readonly onlyIf?: ValueCondition } = {}): Command<boolean> =>
  DELEX([key, ...option(options.onlyIf, valueConditionWords)], Reply.boolean)

/**
 * Deletes a key if it holds the value, and tells whether it did: https://valkey.io/commands/delifeq/
 *
 * Fails with a `ReplyError` (WRONGTYPE) when the key holds no string. Since Valkey 9.0; Redis has `delex`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const released = Redis.delifeq("lock", "me") // boolean
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const delifeq = (key: Argument, value: Argument): Command<boolean> => DELIFEQ([key, value], Reply.boolean)

/**
 * Gives the XXH3 digest of a key's value in hexadecimal, for conditions: https://redis.io/docs/latest/commands/digest/
 *
 * `None` when the key is absent. Fails with a `ReplyError` (WRONGTYPE) when the key holds no string. Since Redis 8.4.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const digest = Redis.digest("page") // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const digest = (key: Argument): TextCommand<Option<string>, Option<Uint8Array>> => DIGEST([key], optionalText)

/**
 * Gives the value of a key: https://redis.io/docs/latest/commands/get/
 *
 * `None` when the key is absent. Fails with a `ReplyError` (WRONGTYPE) when the key holds no string.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const bing = Redis.get("bing") // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const get = (key: Argument): TextCommand<Option<string>, Option<Uint8Array>> => GET([key], optionalText)

/**
 * When a key expires: after a duration, at a point in time, or as it did before.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExpireOptions {
  /** Time to live, in whole milliseconds once rounded up. */
  readonly expire?: DurationInput
  readonly expireAt?: Instant
}

/**
 * @since 0.1.0
 * @category options
 */
export interface SetOptions extends ExpireOptions {
  /** Keep the time to live that the key has. */
  readonly keepTtl?: boolean
}

const expireWords = (options: ExpireOptions): ReadonlyArray<Word> => [
  ...option(options.expire, (expire) => ["PX", millis(expire, "expire")]),
  ...option(options.expireAt, (at) => ["PXAT", epochMillis(at, "expireAt")])
]

const keepOrExpire = (options: SetOptions): ReadonlyArray<Word> => [
  ...atMostOne(options, ["expire", "expireAt", "keepTtl"]),
  ...expireWords(options),
  ...flag(options.keepTtl, "KEEPTTL")
]

/**
 * On what condition a key is set: it is absent, it is present, or its value is right (since Redis 8.4; `equals` since
 * Valkey 8.1).
 *
 * @since 0.1.0
 * @category options
 */
export type SetCondition = "absent" | "present" | ValueCondition

/**
 * Sets a key: https://redis.io/docs/latest/commands/set/
 *
 * Plainly the result is `"OK"`; with `onlyIf` it is whether the key was set; with `get` it is the value the key had,
 * `None` when it was absent. A condition on the value, and `get`, fail with a `ReplyError` (WRONGTYPE) when the key
 * holds no string. `get` together with `onlyIf` since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const plain = Redis.set("bing", "baz", { expire: "10 minutes" }) // "OK"
 * const locked = Redis.set("lock", "me", { onlyIf: "absent", expire: "5 seconds" }) // boolean
 * const swapped = Redis.set("bing", "boo", { onlyIf: { equals: "baz" } }) // boolean
 * const before = Redis.set("bing", "boo", { get: true }) // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const set: {
  (
    key: Argument,
    value: Argument,
    options: SetOptions & { readonly get: true; readonly onlyIf?: SetCondition }
  ): TextCommand<Option<string>, Option<Uint8Array>>
  (key: Argument, value: Argument, options: SetOptions & { readonly onlyIf: SetCondition }): Command<boolean>
  (key: Argument, value: Argument, options?: SetOptions): Command<"OK">
} = (
  key: Argument,
  value: Argument,
  options: SetOptions & { readonly get?: boolean; readonly onlyIf?: SetCondition } = {}
): never =>
  SET(
    [
      key,
      value,
      ...option(options.onlyIf, (condition) =>
        typeof condition === "string" ? [choice(condition, presence, "onlyIf")] : valueConditionWords(condition)
      ),
      ...flag(options.get, "GET"),
      ...keepOrExpire(options)
    ],
    (options.get === true
      ? optionalText
      : options.onlyIf === undefined
        ? Reply.ok
        : Reply.okOrNull) as Reply.Reply<unknown>
  ) as never

/**
 * Gives the value of a key and deletes it: https://redis.io/docs/latest/commands/getdel/
 *
 * `None` when the key is absent. Fails with a `ReplyError` (WRONGTYPE) when the key holds no string.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const token = Redis.getdel("token") // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const getdel = (key: Argument): TextCommand<Option<string>, Option<Uint8Array>> => GETDEL([key], optionalText)

/**
 * Gives the value of a key and changes its expiry: https://redis.io/docs/latest/commands/getex/
 *
 * Without options the expiry stays. `None` when the key is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const session = Redis.getex("session:1", { expire: "30 minutes" })
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const getex = (
  key: Argument,
  options: ExpireOptions & { readonly persist?: boolean } = {}
): TextCommand<Option<string>, Option<Uint8Array>> =>
  GETEX(
    [
      key,
      ...atMostOne(options, ["expire", "expireAt", "persist"]),
      ...expireWords(options),
      ...flag(options.persist, "PERSIST")
    ],
    optionalText
  )

/**
 * Gives the bytes of a value from `start` to `stop`, both inclusive: https://redis.io/docs/latest/commands/getrange/
 *
 * Negative positions count from the end. Empty when the key is absent. A range may cut a character of several bytes:
 * take it with `Command.bytes`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const beginning = Redis.getrange("page", 0, 99) // string
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const getrange = (key: Argument, start: number, stop: number): TextCommand<string, Uint8Array> =>
  GETRANGE([key, whole(start, "start"), whole(stop, "stop")], Reply.text)

/**
 * Sets a key and gives the value it had: https://redis.io/docs/latest/commands/getset/
 *
 * Deprecated since Redis 6.2. `None` when the key was absent. The expiry is taken away.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const before = Redis.getset("bing", "baz") // Option<string>
 * ```
 *
 * @deprecated use `set` with `get: true`
 * @since 0.1.0
 * @category strings
 */
export const getset = (key: Argument, value: Argument): TextCommand<Option<string>, Option<Uint8Array>> =>
  GETSET([key, value], optionalText)

/**
 * Adds one to the integer at a key, 0 when absent, and gives the sum: https://redis.io/docs/latest/commands/incr/
 *
 * Beyond 2^53 take it with `Command.bigint`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const visits = Redis.incr("visits") // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const incr = (key: Argument): IntegerCommand => INCR([key], Reply.integer)

/**
 * Adds to the integer at a key, 0 when absent, and gives the sum: https://redis.io/docs/latest/commands/incrby/
 *
 * Beyond 2^53 take it with `Command.bigint`. Fails with a `ReplyError` when the key holds no integer or the sum is
 * beyond 64 bits.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const visits = Redis.incrby("visits", 10) // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const incrby = (key: Argument, increment: number | bigint): IntegerCommand =>
  INCRBY([key, wholeOrBigint(increment, "increment")], Reply.integer)

/**
 * Adds to the number at a key, 0 when absent, and gives the sum: https://redis.io/docs/latest/commands/incrbyfloat/
 *
 * The server calculates with more digits than a double has. Fails with a `ReplyError` when the key holds no number.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const balance = Redis.incrbyfloat("balance", -0.5) // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const incrbyfloat = (key: Argument, increment: number): Command<number> =>
  INCRBYFLOAT([key, increment], Reply.double)

/**
 * How much is added, within which bounds, and what becomes of the expiry, which stays by default.
 *
 * @since 0.1.0
 * @category options
 */
export interface IncrexOptions extends ExpireOptions {
  /** A whole number, by default 1. */
  readonly by?: number | bigint
  /** Any number; the result is then no integer. */
  readonly byFloat?: number
  readonly lowerBound?: number | bigint
  readonly upperBound?: number | bigint
  /** Stop at the bound that the sum would cross, where by default nothing is added at all. */
  readonly saturate?: boolean
  /** Take the expiry away. */
  readonly persist?: boolean
  /** Set the expiry only if the key has none. */
  readonly onlyIfNoExpiry?: boolean
}

/**
 * A sum, and how much was really added.
 *
 * @since 0.1.0
 * @category models
 */
export interface IncrexResult {
  readonly value: number
  readonly added: number
}

const boundWord = (value: number | bigint, name: string, options: IncrexOptions): Word =>
  typeof value === "number" && options.byFloat !== undefined ? value : wholeOrBigint(value, name)

const increxReply = (number: Reply.Reply<number>): Reply.Reply<IncrexResult> =>
  Reply.make((raw) => {
    const [value, added] = Reply.items(raw)
    return { value: number.decode(value ?? null), added: number.decode(added ?? null) }
  })
const increxIntegers = increxReply(Reply.integer)
const increxDoubles = increxReply(Reply.double)

/**
 * Adds to the number at a key, 0 when absent, within bounds, and sets its expiry:
 * https://redis.io/docs/latest/commands/increx/
 *
 * A sum out of bounds changes nothing, not even the expiry, and gives `added: 0`, unless `saturate` is given. Fails with
 * a `ReplyError` when the key holds no number, or no integer without `byFloat`. Since Redis 8.8.
 *
 * @example
 * ```ts
 * import { Command, Redis } from "@effect-resp/core"
 *
 * // at most 100 a minute
 * const admitted = Redis.increx("rate:ann", { upperBound: 100, expire: "1 minute", onlyIfNoExpiry: true }).pipe(
 *   Command.map(({ added }) => added > 0)
 * )
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const increx = (key: Argument, options: IncrexOptions = {}): Command<IncrexResult> =>
  INCREX(
    [
      key,
      ...atMostOne(options, ["by", "byFloat"]),
      ...option(options.by, (by) => ["BYINT", wholeOrBigint(by, "by")]),
      ...option(options.byFloat, (by) => ["BYFLOAT", by]),
      ...option(options.lowerBound, (bound) => ["LBOUND", boundWord(bound, "lowerBound", options)]),
      ...option(options.upperBound, (bound) => ["UBOUND", boundWord(bound, "upperBound", options)]),
      ...flag(options.saturate, "SATURATE"),
      ...atMostOne(options, ["expire", "expireAt", "persist"]),
      ...expireWords(options),
      ...flag(options.persist, "PERSIST"),
      ...flag(options.onlyIfNoExpiry, "ENX")
    ],
    options.byFloat === undefined ? increxIntegers : increxDoubles
  )

/**
 * What LCS tells of the longest common subsequence; plainly it is the subsequence itself.
 *
 * @since 0.1.0
 * @category options
 */
export interface LcsLengthOptions {
  /** Only its length in bytes. */
  readonly length: true
}

/**
 * @since 0.1.0
 * @category options
 */
export interface LcsMatchesOptions {
  /** Where its parts are in both values. */
  readonly matches: true
  /** Only parts of at least so many bytes. */
  readonly minLength?: number
}

/**
 * A part that both values have: its first and last position in each, and its length, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface LcsMatch {
  readonly first: readonly [start: number, stop: number]
  readonly second: readonly [start: number, stop: number]
  readonly length: number
}

/**
 * The parts of a longest common subsequence, the last one first, and the length of the whole.
 *
 * @since 0.1.0
 * @category models
 */
export interface LcsMatches {
  readonly matches: ReadonlyArray<LcsMatch>
  readonly length: number
}

const range = (raw: Reply.Raw | undefined): readonly [number, number] => {
  const [start, stop] = Reply.items(raw ?? null)
  return [Reply.integer.decode(start ?? null), Reply.integer.decode(stop ?? null)]
}

const lcsMatch = Reply.make((raw): LcsMatch => {
  const [first, second, length] = Reply.items(raw)
  return { first: range(first), second: range(second), length: Reply.integer.decode(length ?? null) }
})

const lcsMatches = Reply.make((raw): LcsMatches => {
  const flat = Reply.entries(raw)
  let matches: ReadonlyArray<LcsMatch> = []
  let length = 0
  for (let i = 0; i < flat.length; i += 2) {
    const name = Reply.text.decode(flat[i]!)
    if (name === "matches") matches = Reply.items(flat[i + 1]!).map(lcsMatch.decode)
    else if (name === "len") length = Reply.integer.decode(flat[i + 1]!)
  }
  return { matches, length }
})

/**
 * Gives a longest common subsequence of two values: https://redis.io/docs/latest/commands/lcs/
 *
 * Absent keys count as empty. Fails with a `ReplyError` when a key holds no string. It takes time proportional to the
 * product of both lengths. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const common = Redis.lcs("draft", "page") // string
 * const length = Redis.lcs("draft", "page", { length: true }) // number
 * const parts = Redis.lcs("draft", "page", { matches: true, minLength: 4 }) // { matches, length }
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const lcs: {
  (key1: Argument, key2: Argument, options: LcsLengthOptions): IntegerCommand
  (key1: Argument, key2: Argument, options: LcsMatchesOptions): Command<LcsMatches>
  (key1: Argument, key2: Argument): TextCommand<string, Uint8Array>
} = (key1: Argument, key2: Argument, options: Partial<LcsLengthOptions & LcsMatchesOptions> = {}): never =>
  LCS(
    [
      key1,
      key2,
      ...atMostOne(options, ["length", "matches"]),
      ...flag(options.length, "LEN"),
      ...(options.matches === true ? ["IDX", "WITHMATCHLEN"] : []),
      ...option(options.minLength, (length) => ["MINMATCHLEN", whole(length, "minLength", 0)])
    ],
    (options.length === true
      ? Reply.integer
      : options.matches === true
        ? lcsMatches
        : Reply.text) as Reply.Reply<unknown>
  ) as never

/**
 * Gives the values of many keys, in the order asked: https://redis.io/docs/latest/commands/mget/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const values = Redis.mget(["a", "b"]) // ReadonlyArray<Option<string>>
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const mget = (
  keys: OneOrMany<Argument>
): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>> =>
  MGET(many(keys, "keys"), Reply.array(optionalText))

/**
 * Sets many keys at once: https://redis.io/docs/latest/commands/mset/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.mset({ a: 1, b: "two" })
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const mset = (entries: Entries): Command<"OK"> => MSET(pairs(entries, "entries"), Reply.ok)

/**
 * Sets many keys at once, with one expiry: https://redis.io/docs/latest/commands/msetex/
 *
 * Tells whether it set them: all of them or, where `onlyIf` does not hold for each, none. Since Redis 8.4 and
 * Valkey 9.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.msetex({ a: 1, b: 2 }, { expire: "1 minute", onlyIf: "absent" }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const msetex = (
  entries: Entries,
  options: SetOptions & { readonly onlyIf?: "absent" | "present" } = {}
): Command<boolean> => {
  const words = pairs(entries, "entries")
  return MSETEX(
    [
      words.length / 2,
      ...words,
      ...option(options.onlyIf, (condition) => [choice(condition, presence, "onlyIf")]),
      ...keepOrExpire(options)
    ],
    Reply.boolean
  )
}

/**
 * Sets many keys at once unless one of them exists, and tells whether it did:
 * https://redis.io/docs/latest/commands/msetnx/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.msetnx({ a: 1, b: "two" }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const msetnx = (entries: Entries): Command<boolean> => MSETNX(pairs(entries, "entries"), Reply.boolean)

/**
 * Sets a key that expires: https://redis.io/docs/latest/commands/psetex/
 *
 * In whole milliseconds, rounded up. Deprecated since Redis 2.6.12.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.psetex("lock", "1500 millis", "me") // "OK"
 * ```
 *
 * @deprecated use `set` with `expire`
 * @since 0.1.0
 * @category strings
 */
export const psetex = (key: Argument, expire: DurationInput, value: Argument): Command<"OK"> =>
  PSETEX([key, millis(expire, "expire"), value], Reply.ok)

/**
 * Sets a key that expires: https://redis.io/docs/latest/commands/setex/
 *
 * In whole seconds, rounded up. Deprecated since Redis 2.6.12.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.setex("session:1", "30 minutes", "ann") // "OK"
 * ```
 *
 * @deprecated use `set` with `expire`
 * @since 0.1.0
 * @category strings
 */
export const setex = (key: Argument, expire: DurationInput, value: Argument): Command<"OK"> =>
  SETEX([key, wholeSeconds(expire, "expire"), value], Reply.ok)

/**
 * Sets a key unless it exists, and tells whether it did: https://redis.io/docs/latest/commands/setnx/
 *
 * Deprecated since Redis 2.6.12.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.setnx("lock", "me") // boolean
 * ```
 *
 * @deprecated use `set` with `onlyIf: "absent"`
 * @since 0.1.0
 * @category strings
 */
export const setnx = (key: Argument, value: Argument): Command<boolean> => SETNX([key, value], Reply.boolean)

/**
 * Overwrites a value from a position on, counted in bytes, and gives its length:
 * https://redis.io/docs/latest/commands/setrange/
 *
 * What is missing before the position is filled with zero bytes.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.setrange("page", 6, "Redis") // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const setrange = (key: Argument, offset: number, value: Argument): IntegerCommand =>
  SETRANGE([key, whole(offset, "offset", 0), value], Reply.integer)

/**
 * Gives the length of a value in bytes, 0 when the key is absent: https://redis.io/docs/latest/commands/strlen/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.strlen("page") // number
 * ```
 *
 * @since 0.1.0
 * @category strings
 */
export const strlen = (key: Argument): IntegerCommand => STRLEN([key], Reply.integer)

/**
 * Gives the bytes of a value from `start` to `stop`, both inclusive: https://redis.io/docs/latest/commands/substr/
 *
 * Deprecated since Redis 2.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const beginning = Redis.substr("page", 0, 99) // string
 * ```
 *
 * @deprecated use `getrange`
 * @since 0.1.0
 * @category strings
 */
export const substr = (key: Argument, start: number, stop: number): TextCommand<string, Uint8Array> =>
  SUBSTR([key, whole(start, "start"), whole(stop, "stop")], Reply.text)
