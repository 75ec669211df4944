/**
 * List commands: https://redis.io/docs/latest/commands/?group=list
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import type { Option } from "effect/Option"
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
import { atMostOne, blockTimeout, choice, many, type OneOrMany, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const optionalText = Reply.option(Reply.text)
const texts = Reply.array(Reply.text)
const optionalInteger = Reply.option(Reply.integer)
const integers = Reply.array(Reply.integer)

const BLMOVE = define("BLMOVE", { keys: keyRange(1, 2), blocking: true })
const BLMOVEM = define("BLMOVEM", { keys: keyRange(1, 2), blocking: true })
const BLMPOP = define("BLMPOP", { keys: countedKeys(2), blocking: true })
const BLPOP = define("BLPOP", { keys: keyRange(1, -2), blocking: true })
const BRPOP = define("BRPOP", { keys: keyRange(1, -2), blocking: true })
const BRPOPLPUSH = define("BRPOPLPUSH", { keys: keyRange(1, 2), blocking: true })
const LINDEX = define("LINDEX", { readOnly: true })
const LINSERT = define("LINSERT")
const LLEN = define("LLEN", { readOnly: true })
const LMOVE = define("LMOVE", { keys: keyRange(1, 2) })
const LMOVEM = define("LMOVEM", { keys: keyRange(1, 2) })
const LMPOP = define("LMPOP", { keys: countedKeys(1) })
const LPOP = define("LPOP")
const LPOS = define("LPOS", { readOnly: true })
const LPUSH = define("LPUSH")
const LPUSHX = define("LPUSHX")
const LRANGE = define("LRANGE", { readOnly: true })
const LREM = define("LREM")
const LSET = define("LSET")
const LTRIM = define("LTRIM")
const RPOP = define("RPOP")
const RPOPLPUSH = define("RPOPLPUSH", { keys: keyRange(1, 2) })
const RPUSH = define("RPUSH")
const RPUSHX = define("RPUSHX")

/**
 * An end of a list: its head is on the left, its tail on the right.
 *
 * @since 0.1.0
 * @category options
 */
export type ListEnd = "left" | "right"

const end = (side: ListEnd): Word => choice(side, { left: "LEFT", right: "RIGHT" }, "the end")

/**
 * An element, and the list that it came from.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoppedElement<out A> {
  readonly key: A
  readonly element: A
}

/**
 * Elements in the order they were popped, and the list that they came from.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoppedElements<out A> {
  readonly key: A
  readonly elements: ReadonlyArray<A>
}

const poppedElement =
  <A>(decode: (raw: Reply.Raw) => A) =>
  (raw: Reply.Raw): PoppedElement<A> => {
    const [key, element] = Reply.items(raw)
    return { key: decode(key ?? null), element: decode(element ?? null) }
  }

const poppedElements =
  <A>(decode: (raw: Reply.Raw) => A) =>
  (raw: Reply.Raw): PoppedElements<A> => {
    const [key, elements] = Reply.items(raw)
    return { key: decode(key ?? null), elements: Reply.items(elements ?? null).map(decode) }
  }

const optionalElement = Reply.option(
  Reply.makeText(poppedElement(Reply.text.decode), poppedElement(Reply.text.asBytes.decode))
)

const optionalElements = Reply.option(
  Reply.makeText(poppedElements(Reply.text.decode), poppedElements(Reply.text.asBytes.decode))
)

// 0 is an absent list, -1 a list without the pivot.
const insertedLength = Reply.make((raw) => optionalInteger.decode(raw === 0 || raw === -1 ? null : raw))

/**
 * How many elements to pop.
 *
 * @since 0.1.0
 * @category options
 */
export interface ListPopOptions {
  /** At most so many. */
  readonly count: number
}

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/**
 * Gives the element at an index, from 0, or from -1 backwards: https://redis.io/docs/latest/commands/lindex/
 *
 * `None` when the index is beyond the list.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const last = Redis.lindex("jobs", -1) // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lindex = (key: Argument, index: number): TextCommand<Option<string>, Option<Uint8Array>> =>
  LINDEX([key, whole(index, "index")], optionalText)

/**
 * Gives the length of a list, 0 when absent: https://redis.io/docs/latest/commands/llen/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const waiting = Redis.llen("jobs") // number
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const llen = (key: Argument): IntegerCommand => LLEN([key], Reply.integer)

/**
 * @since 0.1.0
 * @category options
 */
export interface LposOptions {
  /** Which match to begin with: 1 is the first, 2 the second, -1 the last, searching backwards. */
  readonly rank?: number
  /** Look at no more than so many elements; 0 is all. */
  readonly maxLength?: number
}

/**
 * Finds the index of an element: https://redis.io/docs/latest/commands/lpos/
 *
 * `None` when there is no match. With `count` the result is the indexes of up to so many matches, 0 being all.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const first = Redis.lpos("jobs", "a") // Option<number>
 * const all = Redis.lpos("jobs", "a", { count: 0 }) // ReadonlyArray<number>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lpos: {
  (key: Argument, element: Argument, options: LposOptions & { readonly count: number }): Command<ReadonlyArray<number>>
  (key: Argument, element: Argument, options?: LposOptions): Command<Option<number>>
} = (key: Argument, element: Argument, options: LposOptions & { readonly count?: number } = {}): never =>
  LPOS(
    [
      key,
      element,
      ...option(options.rank, (rank) => [
        "RANK",
        rank === 0 ? new InvalidArgument("rank must not be 0") : whole(rank, "rank")
      ]),
      ...option(options.count, (count) => ["COUNT", whole(count, "count", 0)]),
      ...option(options.maxLength, (maxLength) => ["MAXLEN", whole(maxLength, "maxLength", 0)])
    ],
    (options.count === undefined ? optionalInteger : integers) as Reply.Reply<unknown>
  ) as never

/**
 * Gives the elements from index `start` to `stop`, both included: https://redis.io/docs/latest/commands/lrange/
 *
 * Negative indexes count from the end. What is beyond the list is left out.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const all = Redis.lrange("jobs", 0, -1) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lrange = (
  key: Argument,
  start: number,
  stop: number
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  LRANGE([key, whole(start, "start"), whole(stop, "stop")], texts)

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

/**
 * Puts an element before or after the first `pivot`: https://redis.io/docs/latest/commands/linsert/
 *
 * Gives the new length, `None` when there is no such pivot.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.linsert("jobs", "before", "b", "a") // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const linsert = (
  key: Argument,
  where: "before" | "after",
  pivot: Argument,
  element: Argument
): Command<Option<number>> =>
  LINSERT([key, choice(where, { before: "BEFORE", after: "AFTER" }, "where"), pivot, element], insertedLength)

/**
 * Puts elements at the head of a list, one after the other, so that the last one becomes the first, and gives the new
 * length: https://redis.io/docs/latest/commands/lpush/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.lpush("jobs", ["a", "b"]) // number
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lpush = (key: Argument, elements: OneOrMany<Argument>): IntegerCommand =>
  LPUSH([key, ...many(elements, "elements")], Reply.integer)

/**
 * Like `lpush`, but only to a list that exists: https://redis.io/docs/latest/commands/lpushx/
 *
 * Gives the new length, 0 when there is no list.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.lpushx("jobs", "a") // number
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lpushx = (key: Argument, elements: OneOrMany<Argument>): IntegerCommand =>
  LPUSHX([key, ...many(elements, "elements")], Reply.integer)

/**
 * Removes up to `count` elements equal to `element`, and gives how many were removed:
 * https://redis.io/docs/latest/commands/lrem/
 *
 * A positive count starts at the head, a negative one at the tail, and 0 removes all of them.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.lrem("jobs", 1, "a") // number
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lrem = (key: Argument, count: number, element: Argument): IntegerCommand =>
  LREM([key, whole(count, "count"), element], Reply.integer)

/**
 * Replaces the element at an index: https://redis.io/docs/latest/commands/lset/
 *
 * Fails with a `ReplyError` when there is no list or the index is beyond it.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const replaced = Redis.lset("jobs", 0, "a") // "OK"
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lset = (key: Argument, index: number, element: Argument): Command<"OK"> =>
  LSET([key, whole(index, "index"), element], Reply.ok)

/**
 * Keeps only the elements from index `start` to `stop`, both included: https://redis.io/docs/latest/commands/ltrim/
 *
 * A range without elements removes the list.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const latest = Redis.ltrim("log", 0, 99) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const ltrim = (key: Argument, start: number, stop: number): Command<"OK"> =>
  LTRIM([key, whole(start, "start"), whole(stop, "stop")], Reply.ok)

/**
 * Puts elements at the tail of a list, in order, and gives the new length:
 * https://redis.io/docs/latest/commands/rpush/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.rpush("jobs", ["a", "b"]) // number
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const rpush = (key: Argument, elements: OneOrMany<Argument>): IntegerCommand =>
  RPUSH([key, ...many(elements, "elements")], Reply.integer)

/**
 * Like `rpush`, but only to a list that exists: https://redis.io/docs/latest/commands/rpushx/
 *
 * Gives the new length, 0 when there is no list.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.rpushx("jobs", "a") // number
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const rpushx = (key: Argument, elements: OneOrMany<Argument>): IntegerCommand =>
  RPUSHX([key, ...many(elements, "elements")], Reply.integer)

// -----------------------------------------------------------------------------
// popping and moving
// -----------------------------------------------------------------------------

interface Pop {
  (key: Argument, options: ListPopOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option<string>, Option<Uint8Array>>
}

const pop =
  (command: Constructor): Pop =>
  (key: Argument, options?: ListPopOptions): never =>
    (options === undefined
      ? command([key], optionalText)
      : command([key, whole(options.count, "count", 0)], texts)) as never

/**
 * Takes the first element off a list: https://redis.io/docs/latest/commands/lpop/
 *
 * `None` when there is no list. With `count` the result is up to so many elements from the head, empty when there is
 * no list.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const one = Redis.lpop("jobs") // Option<string>
 * const some = Redis.lpop("jobs", { count: 10 }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lpop: {
  (key: Argument, options: ListPopOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option<string>, Option<Uint8Array>>
} = pop(LPOP)

/**
 * Takes the last element off a list: https://redis.io/docs/latest/commands/rpop/
 *
 * `None` when there is no list. With `count` the result is up to so many elements, the tail first, empty when there is
 * no list.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const one = Redis.rpop("jobs") // Option<string>
 * const some = Redis.rpop("jobs", { count: 10 }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const rpop: {
  (key: Argument, options: ListPopOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option<string>, Option<Uint8Array>>
} = pop(RPOP)

const mpopWords = (
  keys: OneOrMany<Argument>,
  from: ListEnd,
  options: Partial<ListPopOptions> = {}
): ReadonlyArray<Word> => {
  const words = many(keys, "keys")
  return [words.length, ...words, end(from), ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)])]
}

/**
 * Takes elements, one by default, off an end of the first of the lists that has any:
 * https://redis.io/docs/latest/commands/lmpop/
 *
 * `None` when all lists are empty. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const popped = Redis.lmpop(["urgent", "jobs"], "left", { count: 10 }) // Option<{ key, elements }>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lmpop = (
  keys: OneOrMany<Argument>,
  from: ListEnd,
  options?: Partial<ListPopOptions>
): TextCommand<Option<PoppedElements<string>>, Option<PoppedElements<Uint8Array>>> =>
  LMPOP(mpopWords(keys, from, options), optionalElements)

/**
 * Moves an element from an end of one list to an end of another or the same, and gives it:
 * https://redis.io/docs/latest/commands/lmove/
 *
 * `None` when the source is empty.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const job = Redis.lmove("jobs", "running", "left", "right") // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lmove = (
  source: Argument,
  destination: Argument,
  from: ListEnd,
  to: ListEnd
): TextCommand<Option<string>, Option<Uint8Array>> => LMOVE([source, destination, end(from), end(to)], optionalText)

/**
 * How many elements to move, and in which order they arrive. Without `count` and `exactly` it is one element.
 *
 * @since 0.1.0
 * @category options
 */
export interface LmovemOptions {
  /** At most so many. */
  readonly count?: number
  /** So many or none. */
  readonly exactly?: number
  /** `bulk`, the default, keeps their order; `oneByOne` reverses it where both ends are the same. */
  readonly order?: "bulk" | "oneByOne"
}

const lmovemWords = (options: LmovemOptions): ReadonlyArray<Word> =>
  options.count === undefined && options.exactly === undefined
    ? []
    : [
        ...atMostOne(options, ["count", "exactly"]),
        ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)]),
        ...option(options.exactly, (exactly) => ["EXACTLY", whole(exactly, "exactly", 1)]),
        choice(options.order ?? "bulk", { bulk: "BULK", oneByOne: "OBO" }, "order")
      ]

/**
 * Moves elements from an end of one list to an end of another or the same, and gives them in the order that they have
 * at the destination: https://redis.io/docs/latest/commands/lmovem/
 *
 * Empty when nothing was moved. Since Redis 8.10.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const jobs = Redis.lmovem("jobs", "running", "left", "right", { count: 10 }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const lmovem = (
  source: Argument,
  destination: Argument,
  from: ListEnd,
  to: ListEnd,
  options: LmovemOptions = {}
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  LMOVEM([source, destination, end(from), end(to), ...lmovemWords(options)], texts)

/**
 * Moves the last element of one list to the head of another: https://redis.io/docs/latest/commands/rpoplpush/
 *
 * `None` when the source is empty. Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const job = Redis.rpoplpush("jobs", "running") // Option<string>
 * ```
 *
 * @deprecated use `lmove` with `"right"` and `"left"`
 * @since 0.1.0
 * @category lists
 */
export const rpoplpush = (source: Argument, destination: Argument): TextCommand<Option<string>, Option<Uint8Array>> =>
  RPOPLPUSH([source, destination], optionalText)

// -----------------------------------------------------------------------------
// waiting
// -----------------------------------------------------------------------------

/**
 * Takes the first element off the first of the lists that has any, waiting for one up to a timeout:
 * https://redis.io/docs/latest/commands/blpop/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const job = Redis.blpop(["urgent", "jobs"], "5 seconds") // Option<{ key, element }>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const blpop = (
  keys: OneOrMany<Argument>,
  timeout: DurationInput
): TextCommand<Option<PoppedElement<string>>, Option<PoppedElement<Uint8Array>>> => {
  const wait = blockTimeout(timeout)
  return BLPOP([...many(keys, "keys"), wait.word], optionalElement, wait)
}

/**
 * Takes the last element off the first of the lists that has any, waiting for one up to a timeout:
 * https://redis.io/docs/latest/commands/brpop/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const job = Redis.brpop("jobs", "5 seconds") // Option<{ key, element }>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const brpop = (
  keys: OneOrMany<Argument>,
  timeout: DurationInput
): TextCommand<Option<PoppedElement<string>>, Option<PoppedElement<Uint8Array>>> => {
  const wait = blockTimeout(timeout)
  return BRPOP([...many(keys, "keys"), wait.word], optionalElement, wait)
}

/**
 * Takes elements, one by default, off an end of the first of the lists that has any, waiting for one up to a timeout:
 * https://redis.io/docs/latest/commands/blmpop/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const jobs = Redis.blmpop("jobs", "left", "5 seconds", { count: 10 }) // Option<{ key, elements }>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const blmpop = (
  keys: OneOrMany<Argument>,
  from: ListEnd,
  timeout: DurationInput,
  options?: Partial<ListPopOptions>
): TextCommand<Option<PoppedElements<string>>, Option<PoppedElements<Uint8Array>>> => {
  const wait = blockTimeout(timeout)
  return BLMPOP([wait.word, ...mpopWords(keys, from, options)], optionalElements, wait)
}

/**
 * Moves an element from an end of one list to an end of another or the same and gives it, waiting for one up to a
 * timeout: https://redis.io/docs/latest/commands/blmove/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. It waits on a reserved connection; in a
 * transaction it does not wait.
 *
 * @example
 * ```ts
 * import { Duration } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const job = Redis.blmove("jobs", "running", "left", "right", Duration.infinity) // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const blmove = (
  source: Argument,
  destination: Argument,
  from: ListEnd,
  to: ListEnd,
  timeout: DurationInput
): TextCommand<Option<string>, Option<Uint8Array>> => {
  const wait = blockTimeout(timeout)
  return BLMOVE([source, destination, end(from), end(to), wait.word], optionalText, wait)
}

/**
 * Moves elements from an end of one list to an end of another or the same, waiting for them up to a timeout:
 * https://redis.io/docs/latest/commands/blmovem/
 *
 * With `exactly` it waits until there are so many, else until there is one. Empty when the timeout passed;
 * `Duration.infinity` waits without end. It waits on a reserved connection; in a transaction it does not wait. Since
 * Redis 8.10.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const pair = Redis.blmovem("players", "game", "left", "right", "1 minute", { exactly: 2 }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category lists
 */
export const blmovem = (
  source: Argument,
  destination: Argument,
  from: ListEnd,
  to: ListEnd,
  timeout: DurationInput,
  options: LmovemOptions = {}
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> => {
  const wait = blockTimeout(timeout)
  return BLMOVEM([source, destination, end(from), end(to), wait.word, ...lmovemWords(options)], texts, wait)
}

/**
 * Moves the last element of one list to the head of another, waiting for one up to a timeout:
 * https://redis.io/docs/latest/commands/brpoplpush/
 *
 * `None` when the timeout passed; `Duration.infinity` waits without end. Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const job = Redis.brpoplpush("jobs", "running", "5 seconds") // Option<string>
 * ```
 *
 * @deprecated use `blmove` with `"right"` and `"left"`
 * @since 0.1.0
 * @category lists
 */
export const brpoplpush = (
  source: Argument,
  destination: Argument,
  timeout: DurationInput
): TextCommand<Option<string>, Option<Uint8Array>> => {
  const wait = blockTimeout(timeout)
  return BRPOPLPUSH([source, destination, wait.word], optionalText, wait)
}
