/**
 * SORT and SORT_RO: https://redis.io/docs/latest/commands/sort/
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
  type KeySpec,
  type TextCommand,
  type Word
} from "../Command.js"
import { choice, flag, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const texts = Reply.array(Reply.text)
const optionalTexts = Reply.array(Reply.option(Reply.text))

/** The key, and the destination after STORE; patterns may be the word STORE too. */
const sortedKeys: KeySpec = (words) => {
  let at = 2
  while (at < words.length && words[at] !== "STORE") {
    at += words[at] === "LIMIT" ? 3 : words[at] === "BY" || words[at] === "GET" ? 2 : 1
  }
  return at < words.length ? [1, at + 1] : [1]
}

const SORT = define("SORT", { keys: sortedKeys })
const SORT_RO = define("SORT_RO", { readOnly: true })

/**
 * How elements are sorted, and what is given of each.
 *
 * @since 0.1.0
 * @category options
 */
export interface SortOptions {
  /**
   * Sort by the value of another key, whose name is this pattern with the element for `*` (`weight:*`, or a hash's field
   * as `user:*->age`); a pattern without `*` leaves the order as it is.
   */
  readonly by?: Argument
  /** Only so many elements, after the first `offset` ones. */
  readonly limit?: { readonly offset?: number; readonly count: number }
  readonly order?: "ascending" | "descending"
  /** Compare as text; else elements must be numbers. */
  readonly alphabetic?: boolean
}

/**
 * @since 0.1.0
 * @category options
 */
export interface SortGetOptions extends SortOptions {
  /**
   * Give the value of another key for each element, its name being this pattern with the element for `*`; `#` is the
   * element itself.
   */
  readonly get: Argument
}

/**
 * @since 0.1.0
 * @category options
 */
export interface SortRowsOptions extends SortOptions {
  /** Give a row for each element, with the value of each pattern. */
  readonly get: ReadonlyArray<Argument>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface SortStoreOptions extends SortOptions {
  readonly get?: Argument | ReadonlyArray<Argument>
  /** The key that the result is stored at, as a list. */
  readonly store: Argument
}

interface AnySortOptions extends SortOptions {
  readonly get?: Argument | ReadonlyArray<Argument>
  readonly store?: Argument
}

const patterns = (get: AnySortOptions["get"]): ReadonlyArray<Argument> =>
  get === undefined ? [] : Array.isArray(get) ? get : [get as Argument]

const sortWords = (key: Argument, options: AnySortOptions): ReadonlyArray<Word> => [
  key,
  ...option(options.by, (by) => ["BY", by]),
  ...option(options.limit, ({ count, offset = 0 }) => ["LIMIT", whole(offset, "offset", 0), whole(count, "count")]),
  ...(options.get !== undefined && patterns(options.get).length === 0
    ? [new InvalidArgument("get must not be empty")]
    : patterns(options.get).flatMap((pattern) => ["GET", pattern])),
  ...option(options.order, (order) => [choice(order, { ascending: "ASC", descending: "DESC" }, "order")]),
  ...flag(options.alphabetic, "ALPHA")
]

/** The flat reply cut into rows of `width`. */
const rows = (width: number) => {
  const cut =
    <A>(decode: (raw: Reply.Raw) => ReadonlyArray<A>) =>
    (raw: Reply.Raw) => {
      const flat = decode(raw)
      return Array.from({ length: flat.length / width }, (_, row) => flat.slice(row * width, (row + 1) * width))
    }
  return Reply.makeText(cut(optionalTexts.decode), cut(optionalTexts.asBytes.decode))
}

const sortReply = (options: AnySortOptions): Reply.Reply<unknown> =>
  options.get === undefined ? texts : Array.isArray(options.get) ? rows(options.get.length) : optionalTexts

/**
 * Sorts the elements of a list, set or sorted set: https://redis.io/docs/latest/commands/sort/
 *
 * With one pattern in `get` it gives a value for each element, `None` where that key is absent; with a list of patterns
 * a row for each; with `store` how many elements were stored. An absent key has no elements. Fails with a `ReplyError`
 * when an element is no number and `alphabetic` is not given.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const sorted = Redis.sort("ages", { order: "descending" }) // ReadonlyArray<string>
 * const named = Redis.sort("ids", { by: "user:*->age", get: ["#", "user:*->name"] }) // rows of Option<string>
 * const stored = Redis.sort("ages", { store: "sorted" }) // number
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const sort: {
  (key: Argument, options: SortStoreOptions): IntegerCommand
  (
    key: Argument,
    options: SortRowsOptions
  ): TextCommand<ReadonlyArray<ReadonlyArray<Option<string>>>, ReadonlyArray<ReadonlyArray<Option<Uint8Array>>>>
  (
    key: Argument,
    options: SortGetOptions
  ): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>>
  (key: Argument, options?: SortOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (key: Argument, options: AnySortOptions = {}): never =>
  SORT(
    [...sortWords(key, options), ...option(options.store, (store) => ["STORE", store])],
    options.store === undefined ? sortReply(options) : Reply.integer
  ) as Command<unknown> as never

/**
 * Sorts like `sort`, but cannot store, so that it may run on a replica: https://redis.io/docs/latest/commands/sort_ro/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const page = Redis.sort_ro("names", { alphabetic: true, limit: { count: 10 } }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const sort_ro: {
  (
    key: Argument,
    options: SortRowsOptions
  ): TextCommand<ReadonlyArray<ReadonlyArray<Option<string>>>, ReadonlyArray<ReadonlyArray<Option<Uint8Array>>>>
  (
    key: Argument,
    options: SortGetOptions
  ): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>>
  (key: Argument, options?: SortOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (key: Argument, options: Omit<AnySortOptions, "store"> = {}): never =>
  SORT_RO(sortWords(key, options), sortReply(options)) as Command<unknown> as never
