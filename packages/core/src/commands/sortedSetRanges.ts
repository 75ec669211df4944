/**
 * Sorted set commands on ranges: https://redis.io/docs/latest/commands/?group=sorted-set
 *
 * @since 0.1.0
 */
import { type Argument, define, type IntegerCommand, keyRange, type TextCommand, type Word } from "../Command.js"
import { flag, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"
import {
  type LexBound,
  lexBound,
  limitWords,
  type RangeLimit,
  type ScoreBound,
  type ScoredMembers,
  scoreBound,
  scoredMembers
} from "./sortedSetBounds.js"

const texts = Reply.array(Reply.text)

const ZCOUNT = define("ZCOUNT", { readOnly: true })
const ZLEXCOUNT = define("ZLEXCOUNT", { readOnly: true })
const ZRANGE = define("ZRANGE", { readOnly: true })
const ZRANGEBYLEX = define("ZRANGEBYLEX", { readOnly: true })
const ZRANGEBYSCORE = define("ZRANGEBYSCORE", { readOnly: true })
const ZRANGESTORE = define("ZRANGESTORE", { keys: keyRange(1, 2) })
const ZREMRANGEBYLEX = define("ZREMRANGEBYLEX")
const ZREMRANGEBYRANK = define("ZREMRANGEBYRANK")
const ZREMRANGEBYSCORE = define("ZREMRANGEBYSCORE")
const ZREVRANGE = define("ZREVRANGE", { readOnly: true })
const ZREVRANGEBYLEX = define("ZREVRANGEBYLEX", { readOnly: true })
const ZREVRANGEBYSCORE = define("ZREVRANGEBYSCORE", { readOnly: true })

// -----------------------------------------------------------------------------
// reading ranges
// -----------------------------------------------------------------------------

/**
 * A range by index: from `start` to `stop`, both within; 0 is the first member and -1 the last.
 *
 * @since 0.1.0
 * @category options
 */
export interface ZrangeByIndexOptions {
  readonly by?: "index"
  /** From the highest score to the lowest: index 0 is then the highest. */
  readonly reverse?: boolean
}

/**
 * A range of scores.
 *
 * @since 0.1.0
 * @category options
 */
export interface ZrangeByScoreOptions {
  readonly by: "score"
  /** From the highest score to the lowest: `start` is then the upper bound and `stop` the lower. */
  readonly reverse?: boolean
  readonly limit?: RangeLimit
}

/**
 * A range of members in the order of their bytes, in a sorted set where all have the same score.
 *
 * @since 0.1.0
 * @category options
 */
export interface ZrangeByLexOptions {
  readonly by: "lex"
  /** From the last member to the first: `start` is then the upper bound and `stop` the lower. */
  readonly reverse?: boolean
  readonly limit?: RangeLimit
}

type RangeOptions = ZrangeByIndexOptions | ZrangeByScoreOptions | ZrangeByLexOptions

const rangeWords = (
  start: ScoreBound | LexBound,
  stop: ScoreBound | LexBound,
  options: RangeOptions
): ReadonlyArray<Word> => {
  switch (options.by) {
    case "score":
      return [
        scoreBound(start as ScoreBound, "start"),
        scoreBound(stop as ScoreBound, "stop"),
        "BYSCORE",
        ...flag(options.reverse, "REV"),
        ...limitWords(options.limit)
      ]
    case "lex":
      return [
        lexBound(start as LexBound, "start"),
        lexBound(stop as LexBound, "stop"),
        "BYLEX",
        ...flag(options.reverse, "REV"),
        ...limitWords(options.limit)
      ]
    default:
      return [whole(start as number, "start"), whole(stop as number, "stop"), ...flag(options.reverse, "REV")]
  }
}

const maybeScored = (withScores: boolean | undefined): Reply.Reply<unknown> =>
  withScores === true ? scoredMembers : texts

/**
 * Gives a range of members, by index, by score, or in the order of their bytes:
 * https://redis.io/docs/latest/commands/zrange/
 *
 * With `reverse` by score or by lex, `start` is the upper bound. Empty when there is no sorted set.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const best = Redis.zrange("scores", 0, 9, { reverse: true, withScores: true }) // ReadonlyArray<[string, number]>
 * const due = Redis.zrange("schedule", -Infinity, Date.now(), { by: "score", limit: { count: 10 } })
 * const names = Redis.zrange("names", { inclusive: "a" }, { exclusive: "b" }, { by: "lex" }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zrange: {
  (
    key: Argument,
    start: number,
    stop: number,
    options: ZrangeByIndexOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument,
    start: number,
    stop: number,
    options?: ZrangeByIndexOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (
    key: Argument,
    start: ScoreBound,
    stop: ScoreBound,
    options: ZrangeByScoreOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument,
    start: ScoreBound,
    stop: ScoreBound,
    options: ZrangeByScoreOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (
    key: Argument,
    start: LexBound,
    stop: LexBound,
    options: ZrangeByLexOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (
  key: Argument,
  start: ScoreBound | LexBound,
  stop: ScoreBound | LexBound,
  options: RangeOptions & { readonly withScores?: boolean } = {}
): never =>
  ZRANGE(
    [key, ...rangeWords(start, stop, options), ...flag(options.withScores, "WITHSCORES")],
    maybeScored(options.withScores)
  ) as never

/**
 * Stores a range of members with their scores at another key, and gives how many they are:
 * https://redis.io/docs/latest/commands/zrangestore/
 *
 * What the destination held is overwritten; it is deleted when the range is empty. With `reverse` by score or by lex,
 * `start` is the upper bound.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stored = Redis.zrangestore("top", "scores", 0, 9, { reverse: true }) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zrangestore: {
  (destination: Argument, source: Argument, start: number, stop: number, options?: ZrangeByIndexOptions): IntegerCommand
  (
    destination: Argument,
    source: Argument,
    start: ScoreBound,
    stop: ScoreBound,
    options: ZrangeByScoreOptions
  ): IntegerCommand
  (
    destination: Argument,
    source: Argument,
    start: LexBound,
    stop: LexBound,
    options: ZrangeByLexOptions
  ): IntegerCommand
} = (
  destination: Argument,
  source: Argument,
  start: ScoreBound | LexBound,
  stop: ScoreBound | LexBound,
  options: RangeOptions = {}
): IntegerCommand => ZRANGESTORE([destination, source, ...rangeWords(start, stop, options)], Reply.integer)

// -----------------------------------------------------------------------------
// counting and removing ranges
// -----------------------------------------------------------------------------

/**
 * Counts the members with scores in a range: https://redis.io/docs/latest/commands/zcount/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const adults = Redis.zcount("ages", 18, Infinity) // number
 * const positive = Redis.zcount("balances", { exclusive: 0 }, Infinity)
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zcount = (key: Argument, min: ScoreBound, max: ScoreBound): IntegerCommand =>
  ZCOUNT([key, scoreBound(min, "min"), scoreBound(max, "max")], Reply.integer)

/**
 * Counts the members of a range in the order of their bytes, in a sorted set where all have the same score:
 * https://redis.io/docs/latest/commands/zlexcount/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const startingWithA = Redis.zlexcount("names", { inclusive: "a" }, { exclusive: "b" }) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zlexcount = (key: Argument, min: LexBound, max: LexBound): IntegerCommand =>
  ZLEXCOUNT([key, lexBound(min, "min"), lexBound(max, "max")], Reply.integer)

/**
 * Removes the members of a range in the order of their bytes, in a sorted set where all have the same score, and gives
 * how many they were: https://redis.io/docs/latest/commands/zremrangebylex/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.zremrangebylex("names", "-", { exclusive: "b" }) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zremrangebylex = (key: Argument, min: LexBound, max: LexBound): IntegerCommand =>
  ZREMRANGEBYLEX([key, lexBound(min, "min"), lexBound(max, "max")], Reply.integer)

/**
 * Removes the members from one index to another, both within, and gives how many they were:
 * https://redis.io/docs/latest/commands/zremrangebyrank/
 *
 * The lowest score is at 0, the highest at -1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.zremrangebyrank("scores", 0, -101) // number: all but the best hundred
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zremrangebyrank = (key: Argument, start: number, stop: number): IntegerCommand =>
  ZREMRANGEBYRANK([key, whole(start, "start"), whole(stop, "stop")], Reply.integer)

/**
 * Removes the members with scores in a range, and gives how many they were:
 * https://redis.io/docs/latest/commands/zremrangebyscore/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.zremrangebyscore("seen", -Infinity, { exclusive: 1735689600 }) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zremrangebyscore = (key: Argument, min: ScoreBound, max: ScoreBound): IntegerCommand =>
  ZREMRANGEBYSCORE([key, scoreBound(min, "min"), scoreBound(max, "max")], Reply.integer)

// -----------------------------------------------------------------------------
// what ZRANGE replaces
// -----------------------------------------------------------------------------

/**
 * @since 0.1.0
 * @category options
 */
export interface ZrangeLimitOptions {
  readonly limit?: RangeLimit
}

/**
 * Gives the members of a range in the order of their bytes: https://redis.io/docs/latest/commands/zrangebylex/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const names = Redis.zrangebylex("names", "-", { exclusive: "b" }) // ReadonlyArray<string>
 * ```
 *
 * @deprecated use `zrange` with `by: "lex"`
 * @since 0.1.0
 * @category sorted sets
 */
export const zrangebylex = (
  key: Argument,
  min: LexBound,
  max: LexBound,
  options: ZrangeLimitOptions = {}
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  ZRANGEBYLEX([key, lexBound(min, "min"), lexBound(max, "max"), ...limitWords(options.limit)], texts)

/**
 * Gives the members of a range from the last to the first in the order of their bytes:
 * https://redis.io/docs/latest/commands/zrevrangebylex/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const names = Redis.zrevrangebylex("names", { exclusive: "b" }, "-") // ReadonlyArray<string>
 * ```
 *
 * @deprecated use `zrange` with `by: "lex"` and `reverse`
 * @since 0.1.0
 * @category sorted sets
 */
export const zrevrangebylex = (
  key: Argument,
  max: LexBound,
  min: LexBound,
  options: ZrangeLimitOptions = {}
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  ZREVRANGEBYLEX([key, lexBound(max, "max"), lexBound(min, "min"), ...limitWords(options.limit)], texts)

/**
 * Gives the members with scores in a range, the lowest first: https://redis.io/docs/latest/commands/zrangebyscore/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const due = Redis.zrangebyscore("schedule", -Infinity, 100, { limit: { count: 10 } }) // ReadonlyArray<string>
 * ```
 *
 * @deprecated use `zrange` with `by: "score"`
 * @since 0.1.0
 * @category sorted sets
 */
export const zrangebyscore: {
  (
    key: Argument,
    min: ScoreBound,
    max: ScoreBound,
    options: ZrangeLimitOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument,
    min: ScoreBound,
    max: ScoreBound,
    options?: ZrangeLimitOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (
  key: Argument,
  min: ScoreBound,
  max: ScoreBound,
  options: ZrangeLimitOptions & { readonly withScores?: boolean } = {}
): never =>
  ZRANGEBYSCORE(
    [
      key,
      scoreBound(min, "min"),
      scoreBound(max, "max"),
      ...flag(options.withScores, "WITHSCORES"),
      ...limitWords(options.limit)
    ],
    maybeScored(options.withScores)
  ) as never

/**
 * Gives the members with scores in a range, the highest first: https://redis.io/docs/latest/commands/zrevrangebyscore/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const best = Redis.zrevrangebyscore("scores", Infinity, 100, { limit: { count: 10 } }) // ReadonlyArray<string>
 * ```
 *
 * @deprecated use `zrange` with `by: "score"` and `reverse`
 * @since 0.1.0
 * @category sorted sets
 */
export const zrevrangebyscore: {
  (
    key: Argument,
    max: ScoreBound,
    min: ScoreBound,
    options: ZrangeLimitOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument,
    max: ScoreBound,
    min: ScoreBound,
    options?: ZrangeLimitOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (
  key: Argument,
  max: ScoreBound,
  min: ScoreBound,
  options: ZrangeLimitOptions & { readonly withScores?: boolean } = {}
): never =>
  ZREVRANGEBYSCORE(
    [
      key,
      scoreBound(max, "max"),
      scoreBound(min, "min"),
      ...flag(options.withScores, "WITHSCORES"),
      ...limitWords(options.limit)
    ],
    maybeScored(options.withScores)
  ) as never

/**
 * Gives the members from one index to another, the highest score being at 0:
 * https://redis.io/docs/latest/commands/zrevrange/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const best = Redis.zrevrange("scores", 0, 9, { withScores: true }) // ReadonlyArray<[string, number]>
 * ```
 *
 * @deprecated use `zrange` with `reverse`
 * @since 0.1.0
 * @category sorted sets
 */
export const zrevrange: {
  (
    key: Argument,
    start: number,
    stop: number,
    options: { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (key: Argument, start: number, stop: number): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (key: Argument, start: number, stop: number, options: { readonly withScores?: boolean } = {}): never =>
  ZREVRANGE(
    [key, whole(start, "start"), whole(stop, "stop"), ...flag(options.withScores, "WITHSCORES")],
    maybeScored(options.withScores)
  ) as never
