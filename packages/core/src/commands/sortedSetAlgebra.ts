/**
 * Unions, intersections and differences of sorted sets: https://redis.io/docs/latest/commands/?group=sorted-set
 *
 * @since 0.1.0
 */
import {
  type Argument,
  type Constructor,
  countedKeys,
  define,
  type IntegerCommand,
  InvalidArgument,
  type TextCommand,
  type Word
} from "../Command.js"
import { flag, many, type OneOrMany, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"
import { type ScoredMembers, scoredMembers, scoreWord } from "./sortedSetBounds.js"

const texts = Reply.array(Reply.text)

const ZDIFF = define("ZDIFF", { readOnly: true, keys: countedKeys(1) })
const ZDIFFSTORE = define("ZDIFFSTORE", { keys: countedKeys(2, 1) })
const ZINTER = define("ZINTER", { readOnly: true, keys: countedKeys(1) })
const ZINTERCARD = define("ZINTERCARD", { readOnly: true, keys: countedKeys(1) })
const ZINTERSTORE = define("ZINTERSTORE", { keys: countedKeys(2, 1) })
const ZUNION = define("ZUNION", { readOnly: true, keys: countedKeys(1) })
const ZUNIONSTORE = define("ZUNIONSTORE", { keys: countedKeys(2, 1) })

/**
 * How the scores of a member in several sorted sets become one.
 *
 * @since 0.1.0
 * @category options
 */
export interface ZcombineOptions {
  /** Factors of the scores, one for each key; by default 1. */
  readonly weights?: ReadonlyArray<number>
  /**
   * What to take of the weighted scores; by default their sum. `count`, since Redis 8.8, ignores the scores and sums
   * the weights: how many of the sorted sets have the member.
   */
  readonly aggregate?: "sum" | "min" | "max" | "count"
}

const countedWords = (keys: OneOrMany<Argument>): ReadonlyArray<Word> => {
  const words = many(keys, "keys")
  return [words.length, ...words]
}

const combineWords = (keys: OneOrMany<Argument>, options: ZcombineOptions): ReadonlyArray<Word> => {
  const counted = countedWords(keys)
  return [
    ...counted,
    ...option(options.weights, (weights) =>
      weights.length === counted.length - 1
        ? ["WEIGHTS", ...weights.map((weight) => scoreWord(weight, "weights"))]
        : [new InvalidArgument("weights must be as many as keys")]
    ),
    ...option(options.aggregate, (aggregate) => ["AGGREGATE", aggregate.toUpperCase()])
  ]
}

interface Combine {
  (
    keys: OneOrMany<Argument>,
    options: ZcombineOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (keys: OneOrMany<Argument>, options?: ZcombineOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
}

const combine =
  (command: Constructor): Combine =>
  (keys: OneOrMany<Argument>, options: ZcombineOptions & { readonly withScores?: boolean } = {}): never =>
    command(
      [...combineWords(keys, options), ...flag(options.withScores, "WITHSCORES")],
      (options.withScores === true ? scoredMembers : texts) as Reply.Reply<unknown>
    ) as never

/**
 * Gives the members of the first sorted set that are in none of the others:
 * https://redis.io/docs/latest/commands/zdiff/
 *
 * The scores are those of the first.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const members = Redis.zdiff(["scores", "banned"]) // ReadonlyArray<string>
 * const scored = Redis.zdiff(["scores", "banned"], { withScores: true }) // ReadonlyArray<[string, number]>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zdiff: {
  (
    keys: OneOrMany<Argument>,
    options: { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (keys: OneOrMany<Argument>): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (keys: OneOrMany<Argument>, options: { readonly withScores?: boolean } = {}): never =>
  ZDIFF(
    [...countedWords(keys), ...flag(options.withScores, "WITHSCORES")],
    (options.withScores === true ? scoredMembers : texts) as Reply.Reply<unknown>
  ) as never

/**
 * Stores the members of the first sorted set that are in none of the others, and gives how many they are:
 * https://redis.io/docs/latest/commands/zdiffstore/
 *
 * What the destination held is overwritten; it is deleted when there are none.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stored = Redis.zdiffstore("allowed", ["scores", "banned"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zdiffstore = (destination: Argument, keys: OneOrMany<Argument>): IntegerCommand =>
  ZDIFFSTORE([destination, ...countedWords(keys)], Reply.integer)

/**
 * Gives the members that are in all of the sorted sets, sets being taken as well with scores of 1:
 * https://redis.io/docs/latest/commands/zinter/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const members = Redis.zinter(["monday", "tuesday"]) // ReadonlyArray<string>
 * const scored = Redis.zinter(["monday", "tuesday"], { weights: [2, 1], aggregate: "max", withScores: true })
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zinter: {
  (
    keys: OneOrMany<Argument>,
    options: ZcombineOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (keys: OneOrMany<Argument>, options?: ZcombineOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = combine(ZINTER)

/**
 * @since 0.1.0
 * @category options
 */
export interface ZintercardOptions {
  /** Stop counting at so many; 0, the default, is without limit. */
  readonly limit?: number
}

/**
 * Counts the members that are in all of the sorted sets: https://redis.io/docs/latest/commands/zintercard/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const both = Redis.zintercard(["monday", "tuesday"], { limit: 100 }) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zintercard = (keys: OneOrMany<Argument>, options: ZintercardOptions = {}): IntegerCommand =>
  ZINTERCARD(
    [...countedWords(keys), ...option(options.limit, (limit) => ["LIMIT", whole(limit, "limit", 0)])],
    Reply.integer
  )

/**
 * Stores the members that are in all of the sorted sets, and gives how many they are:
 * https://redis.io/docs/latest/commands/zinterstore/
 *
 * What the destination held is overwritten; it is deleted when there are none.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stored = Redis.zinterstore("both", ["monday", "tuesday"], { aggregate: "min" }) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zinterstore = (
  destination: Argument,
  keys: OneOrMany<Argument>,
  options: ZcombineOptions = {}
): IntegerCommand => ZINTERSTORE([destination, ...combineWords(keys, options)], Reply.integer)

/**
 * Gives the members that are in any of the sorted sets, sets being taken as well with scores of 1:
 * https://redis.io/docs/latest/commands/zunion/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const members = Redis.zunion(["monday", "tuesday"]) // ReadonlyArray<string>
 * const scored = Redis.zunion(["monday", "tuesday"], { weights: [2, 1], withScores: true })
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zunion: {
  (
    keys: OneOrMany<Argument>,
    options: ZcombineOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (keys: OneOrMany<Argument>, options?: ZcombineOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = combine(ZUNION)

/**
 * Stores the members that are in any of the sorted sets, and gives how many they are:
 * https://redis.io/docs/latest/commands/zunionstore/
 *
 * What the destination held is overwritten; it is deleted when there are none.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stored = Redis.zunionstore("week", ["monday", "tuesday"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zunionstore = (
  destination: Argument,
  keys: OneOrMany<Argument>,
  options: ZcombineOptions = {}
): IntegerCommand => ZUNIONSTORE([destination, ...combineWords(keys, options)], Reply.integer)
