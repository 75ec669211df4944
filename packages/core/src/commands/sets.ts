/**
 * Set commands: https://redis.io/docs/latest/commands/?group=set
 *
 * @since 0.1.0
 */
import type { Option } from "effect/Option"
import {
  type Argument,
  type Command,
  countedKeys,
  define,
  type IntegerCommand,
  keyRange,
  type TextCommand,
  type Word
} from "../Command.js"
import { flag, many, type OneOrMany, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const optionalText = Reply.option(Reply.text)
const texts = Reply.array(Reply.text)
const booleans = Reply.array(Reply.boolean)
const page = Reply.page(texts)

const SADD = define("SADD")
const SCARD = define("SCARD", { readOnly: true })
const SDIFF = define("SDIFF", { readOnly: true, keys: keyRange(1, -1) })
const SDIFFCARD = define("SDIFFCARD", { readOnly: true, keys: countedKeys(1) })
const SDIFFSTORE = define("SDIFFSTORE", { keys: keyRange(1, -1) })
const SINTER = define("SINTER", { readOnly: true, keys: keyRange(1, -1) })
const SINTERCARD = define("SINTERCARD", { readOnly: true, keys: countedKeys(1) })
const SINTERSTORE = define("SINTERSTORE", { keys: keyRange(1, -1) })
const SISMEMBER = define("SISMEMBER", { readOnly: true })
const SMEMBERS = define("SMEMBERS", { readOnly: true })
const SMISMEMBER = define("SMISMEMBER", { readOnly: true })
const SMOVE = define("SMOVE", { keys: keyRange(1, 2) })
const SPOP = define("SPOP")
const SRANDMEMBER = define("SRANDMEMBER", { readOnly: true })
const SREM = define("SREM")
const SSCAN = define("SSCAN", { readOnly: true })
const SUNION = define("SUNION", { readOnly: true, keys: keyRange(1, -1) })
const SUNIONCARD = define("SUNIONCARD", { readOnly: true, keys: countedKeys(1) })
const SUNIONSTORE = define("SUNIONSTORE", { keys: keyRange(1, -1) })

// -----------------------------------------------------------------------------
// members
// -----------------------------------------------------------------------------

/**
 * Adds members to a set, and gives how many were not in it: https://redis.io/docs/latest/commands/sadd/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const added = Redis.sadd("tags", ["red", "blue"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sadd = (key: Argument, members: OneOrMany<Argument>): IntegerCommand =>
  SADD([key, ...many(members, "members")], Reply.integer)

/**
 * Gives the number of members, 0 when absent: https://redis.io/docs/latest/commands/scard/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const size = Redis.scard("tags") // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const scard = (key: Argument): IntegerCommand => SCARD([key], Reply.integer)

/**
 * Tells whether a set has a member: https://redis.io/docs/latest/commands/sismember/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const isRed = Redis.sismember("tags", "red") // boolean
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sismember = (key: Argument, member: Argument): Command<boolean> => SISMEMBER([key, member], Reply.boolean)

/**
 * Gives all members of a set, none when absent: https://redis.io/docs/latest/commands/smembers/
 *
 * As bytes the members are an array, for bytes have no equality.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const tags = Redis.smembers("tags") // ReadonlySet<string>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const smembers = (key: Argument): TextCommand<ReadonlySet<string>, ReadonlyArray<Uint8Array>> =>
  SMEMBERS([key], Reply.members)

/**
 * Tells of many members whether a set has them, in the order asked:
 * https://redis.io/docs/latest/commands/smismember/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const known = Redis.smismember("tags", ["red", "green"]) // ReadonlyArray<boolean>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const smismember = (key: Argument, members: OneOrMany<Argument>): Command<ReadonlyArray<boolean>> =>
  SMISMEMBER([key, ...many(members, "members")], booleans)

/**
 * Moves a member from one set to another: https://redis.io/docs/latest/commands/smove/
 *
 * `false` when the source does not have it, and nothing was done.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const moved = Redis.smove("pending", "done", "job:1") // boolean
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const smove = (source: Argument, destination: Argument, member: Argument): Command<boolean> =>
  SMOVE([source, destination, member], Reply.boolean)

/**
 * How many members to pop.
 *
 * @since 0.1.0
 * @category options
 */
export interface SpopOptions {
  /** At most so many. */
  readonly count: number
}

/**
 * Takes a random member out of a set: https://redis.io/docs/latest/commands/spop/
 *
 * `None` when there is no set. With `count` the result is up to so many members, none when there is no set.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const one = Redis.spop("tickets") // Option<string>
 * const some = Redis.spop("tickets", { count: 3 }) // ReadonlySet<string>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const spop: {
  (key: Argument, options: SpopOptions): TextCommand<ReadonlySet<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option<string>, Option<Uint8Array>>
} = (key: Argument, options?: SpopOptions): never =>
  (options === undefined
    ? SPOP([key], optionalText)
    : SPOP([key, whole(options.count, "count", 0)], Reply.members)) as never

/**
 * How many members to give.
 *
 * @since 0.1.0
 * @category options
 */
export interface SrandmemberOptions {
  /** At most so many different ones; when negative, exactly so many, and the same ones may come repeatedly. */
  readonly count: number
}

/**
 * Gives a random member of a set, which stays in it: https://redis.io/docs/latest/commands/srandmember/
 *
 * `None` when there is no set. With `count` the result is many members, none when there is no set.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const one = Redis.srandmember("tags") // Option<string>
 * const some = Redis.srandmember("tags", { count: 3 }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const srandmember: {
  (key: Argument, options: SrandmemberOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option<string>, Option<Uint8Array>>
} = (key: Argument, options?: SrandmemberOptions): never =>
  (options === undefined
    ? SRANDMEMBER([key], optionalText)
    : SRANDMEMBER([key, whole(options.count, "count")], texts)) as never

/**
 * Removes members from a set, and gives how many were in it: https://redis.io/docs/latest/commands/srem/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.srem("tags", ["red", "blue"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const srem = (key: Argument, members: OneOrMany<Argument>): IntegerCommand =>
  SREM([key, ...many(members, "members")], Reply.integer)

/**
 * @since 0.1.0
 * @category options
 */
export interface SscanOptions {
  /** Only members that match a glob-style pattern. */
  readonly match?: Argument
  /** How much work to do in a call: about how many members come. */
  readonly count?: number
}

/**
 * Gives a page of a set's members: https://redis.io/docs/latest/commands/sscan/
 *
 * Begin with the cursor `"0"`, and go on with the page's own until that is `"0"`. A page may be empty, and a member
 * may come more than once.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const page = Redis.sscan("tags", "0", { match: "r*" }) // { cursor, items: ReadonlyArray<string> }
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sscan = (
  key: Argument,
  cursor: string,
  options: SscanOptions = {}
): TextCommand<Reply.Page<ReadonlyArray<string>>, Reply.Page<ReadonlyArray<Uint8Array>>> =>
  SSCAN(
    [
      key,
      cursor,
      ...option(options.match, (match) => ["MATCH", match]),
      ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)])
    ],
    page
  )

// -----------------------------------------------------------------------------
// many sets
// -----------------------------------------------------------------------------

/**
 * Gives the members of the first set that are in none of the others: https://redis.io/docs/latest/commands/sdiff/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const unread = Redis.sdiff(["all", "read"]) // ReadonlySet<string>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sdiff = (keys: OneOrMany<Argument>): TextCommand<ReadonlySet<string>, ReadonlyArray<Uint8Array>> =>
  SDIFF(many(keys, "keys"), Reply.members)

/**
 * Gives the members that are in all of the sets: https://redis.io/docs/latest/commands/sinter/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const both = Redis.sinter(["friends:1", "friends:2"]) // ReadonlySet<string>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sinter = (keys: OneOrMany<Argument>): TextCommand<ReadonlySet<string>, ReadonlyArray<Uint8Array>> =>
  SINTER(many(keys, "keys"), Reply.members)

/**
 * Gives the members that are in any of the sets: https://redis.io/docs/latest/commands/sunion/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const anyone = Redis.sunion(["friends:1", "friends:2"]) // ReadonlySet<string>
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sunion = (keys: OneOrMany<Argument>): TextCommand<ReadonlySet<string>, ReadonlyArray<Uint8Array>> =>
  SUNION(many(keys, "keys"), Reply.members)

/**
 * @since 0.1.0
 * @category options
 */
export interface SetCardinalityOptions {
  /** Stop counting there; 0 is no limit. */
  readonly limit?: number
}

const cardinalityWords = (
  keys: OneOrMany<Argument>,
  options: SetCardinalityOptions,
  approximate?: boolean
): ReadonlyArray<Word> => {
  const words = many(keys, "keys")
  return [
    words.length,
    ...words,
    ...flag(approximate, "APPROX"),
    ...option(options.limit, (limit) => ["LIMIT", whole(limit, "limit", 0)])
  ]
}

/**
 * Counts the members of the first set that are in none of the others:
 * https://redis.io/docs/latest/commands/sdiffcard/
 *
 * Since Redis 8.10.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const unread = Redis.sdiffcard(["all", "read"], { limit: 100 }) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sdiffcard = (keys: OneOrMany<Argument>, options: SetCardinalityOptions = {}): IntegerCommand =>
  SDIFFCARD(cardinalityWords(keys, options), Reply.integer)

/**
 * Counts the members that are in all of the sets: https://redis.io/docs/latest/commands/sintercard/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const common = Redis.sintercard(["friends:1", "friends:2"], { limit: 10 }) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sintercard = (keys: OneOrMany<Argument>, options: SetCardinalityOptions = {}): IntegerCommand =>
  SINTERCARD(cardinalityWords(keys, options), Reply.integer)

/**
 * @since 0.1.0
 * @category options
 */
export interface SunioncardOptions extends SetCardinalityOptions {
  /** Estimate with a HyperLogLog, within about 0.8 %, for less memory on the server. */
  readonly approximate?: boolean
}

/**
 * Counts the members that are in any of the sets: https://redis.io/docs/latest/commands/sunioncard/
 *
 * Since Redis 8.10.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const visitors = Redis.sunioncard(["monday", "tuesday"], { approximate: true }) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sunioncard = (keys: OneOrMany<Argument>, options: SunioncardOptions = {}): IntegerCommand =>
  SUNIONCARD(cardinalityWords(keys, options, options.approximate), Reply.integer)

/**
 * Stores the members of the first set that are in none of the others, replacing what `destination` held, and gives how
 * many they are: https://redis.io/docs/latest/commands/sdiffstore/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const size = Redis.sdiffstore("unread", ["all", "read"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sdiffstore = (destination: Argument, keys: OneOrMany<Argument>): IntegerCommand =>
  SDIFFSTORE([destination, ...many(keys, "keys")], Reply.integer)

/**
 * Stores the members that are in all of the sets, replacing what `destination` held, and gives how many they are:
 * https://redis.io/docs/latest/commands/sinterstore/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const size = Redis.sinterstore("both", ["friends:1", "friends:2"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sinterstore = (destination: Argument, keys: OneOrMany<Argument>): IntegerCommand =>
  SINTERSTORE([destination, ...many(keys, "keys")], Reply.integer)

/**
 * Stores the members that are in any of the sets, replacing what `destination` held, and gives how many they are:
 * https://redis.io/docs/latest/commands/sunionstore/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const size = Redis.sunionstore("anyone", ["friends:1", "friends:2"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sets
 */
export const sunionstore = (destination: Argument, keys: OneOrMany<Argument>): IntegerCommand =>
  SUNIONSTORE([destination, ...many(keys, "keys")], Reply.integer)
