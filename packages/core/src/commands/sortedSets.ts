/**
 * Sorted set commands on members: https://redis.io/docs/latest/commands/?group=sorted-set
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import * as Option from "effect/Option"
import {
  type Argument,
  type Command,
  type Constructor,
  countedKeys,
  define,
  type IntegerCommand,
  InvalidArgument,
  keyRange,
  type TextCommand,
  type Word
} from "../Command.js"
import {
  blockTimeout,
  choice,
  type Entries,
  flag,
  many,
  type OneOrMany,
  option,
  presence,
  whole
} from "../internal/arguments.js"
import * as Reply from "../Reply.js"
import { type ScoredMembers, scoredMembers, scoreWord } from "./sortedSetBounds.js"

export type { LexBound, RangeLimit, ScoreBound, ScoredMembers } from "./sortedSetBounds.js"

const optionalText = Reply.option(Reply.text)
const optionalScore = Reply.option(Reply.double)
const texts = Reply.array(Reply.text)

const BZMPOP = define("BZMPOP", { keys: countedKeys(2), blocking: true })
const BZPOPMAX = define("BZPOPMAX", { keys: keyRange(1, -2), blocking: true })
const BZPOPMIN = define("BZPOPMIN", { keys: keyRange(1, -2), blocking: true })
const ZADD = define("ZADD")
const ZCARD = define("ZCARD", { readOnly: true })
const ZINCRBY = define("ZINCRBY")
const ZMPOP = define("ZMPOP", { keys: countedKeys(1) })
const ZMSCORE = define("ZMSCORE", { readOnly: true })
const ZPOPMAX = define("ZPOPMAX")
const ZPOPMIN = define("ZPOPMIN")
const ZRANDMEMBER = define("ZRANDMEMBER", { readOnly: true })
const ZRANK = define("ZRANK", { readOnly: true })
const ZREM = define("ZREM")
const ZREVRANK = define("ZREVRANK", { readOnly: true })
const ZSCAN = define("ZSCAN", { readOnly: true })
const ZSCORE = define("ZSCORE", { readOnly: true })

// -----------------------------------------------------------------------------
// members and scores
// -----------------------------------------------------------------------------

/**
 * Which members `zadd` writes.
 *
 * @since 0.1.0
 * @category options
 */
export interface ZaddOptions {
  /** Only add members (`absent`), or only update those that are there (`present`). */
  readonly onlyIf?: "absent" | "present"
  /**
   * Update a member only when its new score is greater, or less, than the one it has. Members that are not there are
   * still added; it excludes `onlyIf: "absent"`.
   */
  readonly onlyIfScore?: "greater" | "less"
  /** Count the members whose score changed as well as those added. */
  readonly countChanged?: boolean
}

const scoreWords = (entries: Entries<number>, increment: boolean | undefined): ReadonlyArray<Word> => {
  const list: ReadonlyArray<readonly [Argument, number]> = Array.isArray(entries) ? entries : Object.entries(entries)
  if (list.length === 0) return [new InvalidArgument("entries must not be empty")]
  if (increment === true && list.length > 1) return [new InvalidArgument("increment takes one entry only")]
  return list.flatMap(([member, score]) => [scoreWord(score, "score"), member])
}

/**
 * Adds members with their scores to a sorted set, or updates their scores, and gives how many are new:
 * https://redis.io/docs/latest/commands/zadd/
 *
 * With `countChanged` it is how many are new or changed. With `increment` the one entry's score is added to the
 * member's, and the result is the sum, or `None` when a condition prevented it.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const added = Redis.zadd("scores", { ada: 12, bob: 7.5 }) // number
 * const raised = Redis.zadd("scores", [["ada", 15]], { onlyIfScore: "greater", countChanged: true }) // number
 * const sum = Redis.zadd("scores", { ada: 1 }, { increment: true, onlyIf: "present" }) // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zadd: {
  (
    key: Argument,
    entries: Entries<number>,
    options: ZaddOptions & { readonly increment: true }
  ): Command<Option.Option<number>>
  (key: Argument, entries: Entries<number>, options?: ZaddOptions): IntegerCommand
} = (key: Argument, entries: Entries<number>, options: ZaddOptions & { readonly increment?: boolean } = {}): never =>
  ZADD(
    [
      key,
      ...(options.onlyIf === "absent" && options.onlyIfScore !== undefined
        ? [new InvalidArgument('options exclude each other: onlyIf "absent", onlyIfScore')]
        : []),
      ...option(options.onlyIf, (condition) => [choice(condition, presence, "onlyIf")]),
      ...option(options.onlyIfScore, (comparison) => [
        choice(comparison, { greater: "GT", less: "LT" }, "onlyIfScore")
      ]),
      ...flag(options.countChanged, "CH"),
      ...flag(options.increment, "INCR"),
      ...scoreWords(entries, options.increment)
    ],
    (options.increment === true ? optionalScore : Reply.integer) as Reply.Reply<unknown>
  ) as never

/**
 * Gives how many members a sorted set has, 0 when there is none: https://redis.io/docs/latest/commands/zcard/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const players = Redis.zcard("scores") // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zcard = (key: Argument): IntegerCommand => ZCARD([key], Reply.integer)

/**
 * Adds to the score of a member, 0 when absent, and gives the sum: https://redis.io/docs/latest/commands/zincrby/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const score = Redis.zincrby("scores", 2.5, "ada") // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zincrby = (key: Argument, increment: number, member: Argument): Command<number> =>
  ZINCRBY([key, scoreWord(increment, "increment"), member], Reply.double)

/**
 * Gives the scores of members, in the order asked: https://redis.io/docs/latest/commands/zmscore/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const scores = Redis.zmscore("scores", ["ada", "bob"]) // ReadonlyArray<Option<number>>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zmscore = (key: Argument, members: OneOrMany<Argument>): Command<ReadonlyArray<Option.Option<number>>> =>
  ZMSCORE([key, ...many(members, "members")], Reply.array(optionalScore))

/**
 * @since 0.1.0
 * @category options
 */
export interface ZrandmemberOptions {
  /** At most so many different ones; when negative, exactly so many, and the same ones may come repeatedly. */
  readonly count: number
}

/**
 * Gives a random member: https://redis.io/docs/latest/commands/zrandmember/
 *
 * `None` when there is no sorted set. With `count` the result is that many members, empty when there is no sorted set.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const one = Redis.zrandmember("scores") // Option<string>
 * const some = Redis.zrandmember("scores", { count: 3 }) // ReadonlyArray<string>
 * const scored = Redis.zrandmember("scores", { count: 3, withScores: true }) // ReadonlyArray<[string, number]>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zrandmember: {
  (
    key: Argument,
    options: ZrandmemberOptions & { readonly withScores: true }
  ): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (key: Argument, options: ZrandmemberOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option.Option<string>, Option.Option<Uint8Array>>
} = (key: Argument, options?: ZrandmemberOptions & { readonly withScores?: boolean }): never =>
  (options === undefined
    ? ZRANDMEMBER([key], optionalText)
    : ZRANDMEMBER(
        [key, whole(options.count, "count"), ...flag(options.withScores, "WITHSCORES")],
        (options.withScores === true ? scoredMembers : texts) as Reply.Reply<unknown>
      )) as never

/**
 * A member's rank, 0 being the first, and its score.
 *
 * @since 0.1.0
 * @category models
 */
export interface RankWithScore {
  readonly rank: number
  readonly score: number
}

const optionalRank = Reply.option(Reply.integer)
const optionalRankWithScore = Reply.option(
  Reply.make((raw): RankWithScore => {
    const [rank = null, score = null] = Reply.items(raw)
    return { rank: Reply.integer.decode(rank), score: Reply.double.decode(score) }
  })
)

interface Rank {
  (key: Argument, member: Argument, options: { readonly withScore: true }): Command<Option.Option<RankWithScore>>
  (key: Argument, member: Argument): Command<Option.Option<number>>
}

const rank =
  (command: Constructor): Rank =>
  (key: Argument, member: Argument, options: { readonly withScore?: boolean } = {}): never =>
    command(
      [key, member, ...flag(options.withScore, "WITHSCORE")],
      (options.withScore === true ? optionalRankWithScore : optionalRank) as Reply.Reply<unknown>
    ) as never

/**
 * Gives the rank of a member, the lowest score being at 0: https://redis.io/docs/latest/commands/zrank/
 *
 * `None` when the member is absent. `withScore` since Redis 7.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const rank = Redis.zrank("scores", "ada") // Option<number>
 * const both = Redis.zrank("scores", "ada", { withScore: true }) // Option<{ rank, score }>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zrank: {
  (key: Argument, member: Argument, options: { readonly withScore: true }): Command<Option.Option<RankWithScore>>
  (key: Argument, member: Argument): Command<Option.Option<number>>
} = rank(ZRANK)

/**
 * Gives the rank of a member, the highest score being at 0: https://redis.io/docs/latest/commands/zrevrank/
 *
 * `None` when the member is absent. `withScore` since Redis 7.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const rank = Redis.zrevrank("scores", "ada") // Option<number>
 * const both = Redis.zrevrank("scores", "ada", { withScore: true }) // Option<{ rank, score }>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zrevrank: {
  (key: Argument, member: Argument, options: { readonly withScore: true }): Command<Option.Option<RankWithScore>>
  (key: Argument, member: Argument): Command<Option.Option<number>>
} = rank(ZREVRANK)

/**
 * Removes members, and gives how many of them were there: https://redis.io/docs/latest/commands/zrem/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.zrem("scores", ["ada", "bob"]) // number
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zrem = (key: Argument, members: OneOrMany<Argument>): IntegerCommand =>
  ZREM([key, ...many(members, "members")], Reply.integer)

/**
 * @since 0.1.0
 * @category options
 */
export interface ZscanOptions {
  /** Only members that match a glob-style pattern. */
  readonly match?: Argument
  /** How much work to do in a call: about how many members come. */
  readonly count?: number
}

const pageOfScored = Reply.page(scoredMembers)
const pageOfTexts = Reply.page(texts)

/**
 * Gives a page of a sorted set's members and scores: https://redis.io/docs/latest/commands/zscan/
 *
 * Begin with the cursor `"0"`, and go on with the page's own until that is `"0"`. A page may be empty, and a member
 * may come more than once. `noScores`, only in Valkey since 8.0, leaves the scores out.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const page = Redis.zscan("scores", "0", { match: "a*" }) // { cursor, items: ReadonlyArray<[string, number]> }
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zscan: {
  (
    key: Argument,
    cursor: string,
    options: ZscanOptions & { readonly noScores: true }
  ): TextCommand<Reply.Page<ReadonlyArray<string>>, Reply.Page<ReadonlyArray<Uint8Array>>>
  (
    key: Argument,
    cursor: string,
    options?: ZscanOptions
  ): TextCommand<Reply.Page<ScoredMembers>, Reply.Page<ScoredMembers<Uint8Array>>>
} = (key: Argument, cursor: string, options: ZscanOptions & { readonly noScores?: boolean } = {}): never =>
  ZSCAN(
    [
      key,
      cursor,
      ...option(options.match, (match) => ["MATCH", match]),
      ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)]),
      ...flag(options.noScores, "NOSCORES")
    ],
    (options.noScores === true ? pageOfTexts : pageOfScored) as Reply.Reply<unknown>
  ) as never

/**
 * Gives the score of a member: https://redis.io/docs/latest/commands/zscore/
 *
 * `None` when the member is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const score = Redis.zscore("scores", "ada") // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zscore = (key: Argument, member: Argument): Command<Option.Option<number>> =>
  ZSCORE([key, member], optionalScore)

// -----------------------------------------------------------------------------
// popping
// -----------------------------------------------------------------------------

/**
 * Which members to take first: those with the lowest scores or those with the highest.
 *
 * @since 0.1.0
 * @category options
 */
export type SortedSetEnd = "min" | "max"

const end = (side: SortedSetEnd): Word => choice(side, { min: "MIN", max: "MAX" }, "the end")

/**
 * @since 0.1.0
 * @category options
 */
export interface ZpopOptions {
  /** At most so many. */
  readonly count: number
}

const first = <M>(decode: (raw: Reply.Raw) => ScoredMembers<M>) => {
  return (raw: Reply.Raw): Option.Option<readonly [member: M, score: number]> => Option.fromNullable(decode(raw)[0])
}

const firstScored = Reply.makeText(first(scoredMembers.decode), first(scoredMembers.asBytes.decode))

interface Pop {
  (key: Argument, options: ZpopOptions): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument
  ): TextCommand<
    Option.Option<readonly [member: string, score: number]>,
    Option.Option<readonly [member: Uint8Array, score: number]>
  >
}

const pop =
  (command: Constructor): Pop =>
  (key: Argument, options?: ZpopOptions): never =>
    (options === undefined
      ? command([key], firstScored)
      : command([key, whole(options.count, "count", 0)], scoredMembers)) as never

/**
 * Takes the member with the highest score off a sorted set: https://redis.io/docs/latest/commands/zpopmax/
 *
 * `None` when there is no sorted set. With `count` the result is up to so many members, the highest first, empty when
 * there is no sorted set.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const best = Redis.zpopmax("scores") // Option<[string, number]>
 * const three = Redis.zpopmax("scores", { count: 3 }) // ReadonlyArray<[string, number]>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zpopmax: {
  (key: Argument, options: ZpopOptions): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument
  ): TextCommand<
    Option.Option<readonly [member: string, score: number]>,
    Option.Option<readonly [member: Uint8Array, score: number]>
  >
} = pop(ZPOPMAX)

/**
 * Takes the member with the lowest score off a sorted set: https://redis.io/docs/latest/commands/zpopmin/
 *
 * `None` when there is no sorted set. With `count` the result is up to so many members, the lowest first, empty when
 * there is no sorted set.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const next = Redis.zpopmin("schedule") // Option<[string, number]>
 * const three = Redis.zpopmin("schedule", { count: 3 }) // ReadonlyArray<[string, number]>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zpopmin: {
  (key: Argument, options: ZpopOptions): TextCommand<ScoredMembers, ScoredMembers<Uint8Array>>
  (
    key: Argument
  ): TextCommand<
    Option.Option<readonly [member: string, score: number]>,
    Option.Option<readonly [member: Uint8Array, score: number]>
  >
} = pop(ZPOPMIN)

/**
 * A member taken off the sorted set at a key.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoppedMember<out A> {
  readonly key: A
  readonly member: A
  readonly score: number
}

/**
 * Members taken off the sorted set at a key.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoppedMembers<out A> {
  readonly key: A
  readonly members: ScoredMembers<A>
}

const poppedMember =
  <A>(decode: (raw: Reply.Raw) => A) =>
  (raw: Reply.Raw): PoppedMember<A> => {
    const [key = null, member = null, score = null] = Reply.items(raw)
    return { key: decode(key), member: decode(member), score: Reply.double.decode(score) }
  }

const poppedMembers =
  <A>(decode: (raw: Reply.Raw) => A, decodeMembers: (raw: Reply.Raw) => ScoredMembers<A>) =>
  (raw: Reply.Raw): PoppedMembers<A> => {
    const [key = null, members = null] = Reply.items(raw)
    return { key: decode(key), members: decodeMembers(members) }
  }

const optionalMember = Reply.option(
  Reply.makeText(poppedMember(Reply.text.decode), poppedMember(Reply.text.asBytes.decode))
)

const optionalMembers = Reply.option(
  Reply.makeText(
    poppedMembers(Reply.text.decode, scoredMembers.decode),
    poppedMembers(Reply.text.asBytes.decode, scoredMembers.asBytes.decode)
  )
)

const mpopWords = (
  keys: OneOrMany<Argument>,
  from: SortedSetEnd,
  options: Partial<ZpopOptions> = {}
): ReadonlyArray<Word> => {
  const words = many(keys, "keys")
  return [words.length, ...words, end(from), ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)])]
}

/**
 * Takes members, one by default, off the first of the sorted sets that has any:
 * https://redis.io/docs/latest/commands/zmpop/
 *
 * `None` when all are empty. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const popped = Redis.zmpop(["urgent", "schedule"], "min", { count: 10 }) // Option<{ key, members }>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const zmpop = (
  keys: OneOrMany<Argument>,
  from: SortedSetEnd,
  options?: Partial<ZpopOptions>
): TextCommand<Option.Option<PoppedMembers<string>>, Option.Option<PoppedMembers<Uint8Array>>> =>
  ZMPOP(mpopWords(keys, from, options), optionalMembers)

/**
 * Takes members, one by default, off the first of the sorted sets that has any, waiting for one up to a timeout:
 * https://redis.io/docs/latest/commands/bzmpop/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const popped = Redis.bzmpop("schedule", "min", "5 seconds", { count: 10 }) // Option<{ key, members }>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const bzmpop = (
  keys: OneOrMany<Argument>,
  from: SortedSetEnd,
  timeout: DurationInput,
  options?: Partial<ZpopOptions>
): TextCommand<Option.Option<PoppedMembers<string>>, Option.Option<PoppedMembers<Uint8Array>>> => {
  const wait = blockTimeout(timeout)
  return BZMPOP([wait.word, ...mpopWords(keys, from, options)], optionalMembers, wait)
}

/**
 * Takes the member with the highest score off the first of the sorted sets that has any, waiting for one up to a
 * timeout: https://redis.io/docs/latest/commands/bzpopmax/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const best = Redis.bzpopmax(["bids:1", "bids:2"], "5 seconds") // Option<{ key, member, score }>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const bzpopmax = (
  keys: OneOrMany<Argument>,
  timeout: DurationInput
): TextCommand<Option.Option<PoppedMember<string>>, Option.Option<PoppedMember<Uint8Array>>> => {
  const wait = blockTimeout(timeout)
  return BZPOPMAX([...many(keys, "keys"), wait.word], optionalMember, wait)
}

/**
 * Takes the member with the lowest score off the first of the sorted sets that has any, waiting for one up to a
 * timeout: https://redis.io/docs/latest/commands/bzpopmin/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const next = Redis.bzpopmin("schedule", "5 seconds") // Option<{ key, member, score }>
 * ```
 *
 * @since 0.1.0
 * @category sorted sets
 */
export const bzpopmin = (
  keys: OneOrMany<Argument>,
  timeout: DurationInput
): TextCommand<Option.Option<PoppedMember<string>>, Option.Option<PoppedMember<Uint8Array>>> => {
  const wait = blockTimeout(timeout)
  return BZPOPMIN([...many(keys, "keys"), wait.word], optionalMember, wait)
}
