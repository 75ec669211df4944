/**
 * Hash commands: https://redis.io/docs/latest/commands/?group=hash
 *
 * @since 0.1.0
 */
import type { Option } from "effect/Option"
import { type Argument, type Command, define, type IntegerCommand, type TextCommand } from "../Command.js"
import { type Entries, flag, many, type OneOrMany, option, pairs, whole, wholeOrBigint } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const optionalText = Reply.option(Reply.text)
const optionalTexts = Reply.array(optionalText)
const texts = Reply.array(Reply.text)
const textPairs = Reply.pairs(Reply.text, Reply.text)
const textRecord = Reply.record(Reply.text)
const pageOfPairs = Reply.page(textPairs)
const pageOfFields = Reply.page(texts)

const HDEL = define("HDEL")
const HEXISTS = define("HEXISTS", { readOnly: true })
const HGET = define("HGET", { readOnly: true })
const HGETALL = define("HGETALL", { readOnly: true })
const HINCRBY = define("HINCRBY")
const HINCRBYFLOAT = define("HINCRBYFLOAT")
const HKEYS = define("HKEYS", { readOnly: true })
const HLEN = define("HLEN", { readOnly: true })
const HMGET = define("HMGET", { readOnly: true })
const HMSET = define("HMSET")
const HRANDFIELD = define("HRANDFIELD", { readOnly: true })
const HSCAN = define("HSCAN", { readOnly: true })
const HSET = define("HSET")
const HSETNX = define("HSETNX")
const HSTRLEN = define("HSTRLEN", { readOnly: true })
const HVALS = define("HVALS", { readOnly: true })

/**
 * Removes fields from a hash, and gives how many were in it: https://redis.io/docs/latest/commands/hdel/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const removed = Redis.hdel("user:1", ["name", "age"]) // number
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hdel = (key: Argument, fields: OneOrMany<Argument>): IntegerCommand =>
  HDEL([key, ...many(fields, "fields")], Reply.integer)

/**
 * Tells whether a hash has a field: https://redis.io/docs/latest/commands/hexists/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const named = Redis.hexists("user:1", "name") // boolean
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hexists = (key: Argument, field: Argument): Command<boolean> => HEXISTS([key, field], Reply.boolean)

/**
 * Gives the value of a field: https://redis.io/docs/latest/commands/hget/
 *
 * `None` when the hash or the field is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const name = Redis.hget("user:1", "name") // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hget = (key: Argument, field: Argument): TextCommand<Option<string>, Option<Uint8Array>> =>
  HGET([key, field], optionalText)

/**
 * Gives all fields with their values: https://redis.io/docs/latest/commands/hgetall/
 *
 * An empty record when the hash is absent. The record has no prototype, so that any name is safe to look up; as bytes
 * the result is pairs.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const user = Redis.hgetall("user:1") // Readonly<Record<string, string>>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hgetall = (
  key: Argument
): TextCommand<Readonly<Record<string, string>>, ReadonlyArray<readonly [Uint8Array, Uint8Array]>> =>
  HGETALL([key], textRecord)

/**
 * Adds to the integer in a field, 0 when absent, and gives the sum: https://redis.io/docs/latest/commands/hincrby/
 *
 * Beyond 2^53 take it with `Command.bigint`. Fails with a `ReplyError` when the field holds no integer or the sum is
 * beyond 64 bits.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const visits = Redis.hincrby("user:1", "visits", 1) // number
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hincrby = (key: Argument, field: Argument, increment: number | bigint): IntegerCommand =>
  HINCRBY([key, field, wholeOrBigint(increment, "increment")], Reply.integer)

/**
 * Adds to the number in a field, 0 when absent, and gives the sum:
 * https://redis.io/docs/latest/commands/hincrbyfloat/
 *
 * The server calculates with more digits than a double has. Fails with a `ReplyError` when the field holds no number.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const balance = Redis.hincrbyfloat("user:1", "balance", -0.5) // number
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hincrbyfloat = (key: Argument, field: Argument, increment: number): Command<number> =>
  HINCRBYFLOAT([key, field, increment], Reply.double)

/**
 * Gives the names of all fields, none when the hash is absent: https://redis.io/docs/latest/commands/hkeys/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const fields = Redis.hkeys("user:1") // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hkeys = (key: Argument): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  HKEYS([key], texts)

/**
 * Gives the number of fields, 0 when the hash is absent: https://redis.io/docs/latest/commands/hlen/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const size = Redis.hlen("user:1") // number
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hlen = (key: Argument): IntegerCommand => HLEN([key], Reply.integer)

/**
 * Gives the values of many fields, in the order asked: https://redis.io/docs/latest/commands/hmget/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const values = Redis.hmget("user:1", ["name", "age"]) // ReadonlyArray<Option<string>>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hmget = (
  key: Argument,
  fields: OneOrMany<Argument>
): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>> =>
  HMGET([key, ...many(fields, "fields")], optionalTexts)

/**
 * Sets fields of a hash: https://redis.io/docs/latest/commands/hmset/
 *
 * Deprecated since Redis 4.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.hmset("user:1", { name: "Ada", age: 36 }) // "OK"
 * ```
 *
 * @deprecated use `hset`
 * @since 0.1.0
 * @category hashes
 */
export const hmset = (key: Argument, entries: Entries): Command<"OK"> =>
  HMSET([key, ...pairs(entries, "entries")], Reply.ok)

/**
 * How many fields to give.
 *
 * @since 0.1.0
 * @category options
 */
export interface HrandfieldOptions {
  /** At most so many different ones; when negative, exactly so many, and the same ones may come repeatedly. */
  readonly count: number
}

/**
 * Gives a random field of a hash: https://redis.io/docs/latest/commands/hrandfield/
 *
 * `None` when the hash is absent. With `count` the result is many fields, with `withValues` too it is pairs of fields
 * and values; none when the hash is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const one = Redis.hrandfield("user:1") // Option<string>
 * const some = Redis.hrandfield("user:1", { count: 2 }) // ReadonlyArray<string>
 * const both = Redis.hrandfield("user:1", { count: 2, withValues: true }) // ReadonlyArray<[string, string]>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hrandfield: {
  (
    key: Argument,
    options: HrandfieldOptions & { readonly withValues: true }
  ): TextCommand<ReadonlyArray<readonly [string, string]>, ReadonlyArray<readonly [Uint8Array, Uint8Array]>>
  (key: Argument, options: HrandfieldOptions): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
  (key: Argument): TextCommand<Option<string>, Option<Uint8Array>>
} = (key: Argument, options?: HrandfieldOptions & { readonly withValues?: boolean }): never =>
  (options === undefined
    ? HRANDFIELD([key], optionalText)
    : HRANDFIELD(
        [key, whole(options.count, "count"), ...flag(options.withValues, "WITHVALUES")],
        (options.withValues === true ? textPairs : texts) as Reply.Reply<unknown>
      )) as never

/**
 * @since 0.1.0
 * @category options
 */
export interface HscanOptions {
  /** Only fields whose names match a glob-style pattern. */
  readonly match?: Argument
  /** How much work to do in a call: about how many fields come. */
  readonly count?: number
}

/**
 * Gives a page of a hash's fields and values: https://redis.io/docs/latest/commands/hscan/
 *
 * Begin with the cursor `"0"`, and go on with the page's own until that is `"0"`. A page may be empty, and a field may
 * come more than once. `noValues`, since Redis 7.4 and Valkey 8.0, leaves the values out.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const page = Redis.hscan("user:1", "0") // { cursor, items: ReadonlyArray<[string, string]> }
 * const fields = Redis.hscan("user:1", "0", { noValues: true }) // { cursor, items: ReadonlyArray<string> }
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hscan: {
  (
    key: Argument,
    cursor: string,
    options: HscanOptions & { readonly noValues: true }
  ): TextCommand<Reply.Page<ReadonlyArray<string>>, Reply.Page<ReadonlyArray<Uint8Array>>>
  (
    key: Argument,
    cursor: string,
    options?: HscanOptions
  ): TextCommand<
    Reply.Page<ReadonlyArray<readonly [string, string]>>,
    Reply.Page<ReadonlyArray<readonly [Uint8Array, Uint8Array]>>
  >
} = (key: Argument, cursor: string, options: HscanOptions & { readonly noValues?: boolean } = {}): never =>
  HSCAN(
    [
      key,
      cursor,
      ...option(options.match, (match) => ["MATCH", match]),
      ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)]),
      ...flag(options.noValues, "NOVALUES")
    ],
    (options.noValues === true ? pageOfFields : pageOfPairs) as Reply.Reply<unknown>
  ) as never

/**
 * Sets fields of a hash, and gives how many of them are new: https://redis.io/docs/latest/commands/hset/
 *
 * A field that is set again loses its time to live.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const added = Redis.hset("user:1", { name: "Ada", age: 36 }) // number
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hset = (key: Argument, entries: Entries): IntegerCommand =>
  HSET([key, ...pairs(entries, "entries")], Reply.integer)

/**
 * Sets a field that does not exist yet, and tells whether it did: https://redis.io/docs/latest/commands/hsetnx/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const first = Redis.hsetnx("user:1", "name", "Ada") // boolean
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hsetnx = (key: Argument, field: Argument, value: Argument): Command<boolean> =>
  HSETNX([key, field, value], Reply.boolean)

/**
 * Gives the length in bytes of a field's value, 0 when absent: https://redis.io/docs/latest/commands/hstrlen/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const length = Redis.hstrlen("user:1", "name") // number
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hstrlen = (key: Argument, field: Argument): IntegerCommand => HSTRLEN([key, field], Reply.integer)

/**
 * Gives the values of all fields, none when the hash is absent: https://redis.io/docs/latest/commands/hvals/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const values = Redis.hvals("user:1") // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hvals = (key: Argument): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  HVALS([key], texts)
