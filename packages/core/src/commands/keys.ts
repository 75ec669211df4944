/**
 * Commands on keys of any type: https://redis.io/docs/latest/commands/?group=generic
 *
 * Sorting is in `sort.ts`, expiry in `expiry.ts`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type { Option } from "effect/Option"
import {
  type Argument,
  type Command,
  define,
  type IntegerCommand,
  InvalidArgument,
  type KeySpec,
  keyRange,
  noKeys,
  type TextCommand,
  type Word
} from "../Command.js"
import {
  atMostOne,
  blockTimeout,
  epochMillis,
  flag,
  type Instant,
  many,
  millis,
  type OneOrMany,
  option,
  whole,
  wholeSeconds
} from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const texts = Reply.array(Reply.text)
const optionalText = Reply.option(Reply.text)
const optionalInteger = Reply.option(Reply.integer)
const optionalBytes = optionalText.asBytes
const page = Reply.page(texts)
const idleTime = Reply.option(Reply.map(Reply.integer, Duration.seconds))
const migrated = Reply.make((raw) =>
  raw === "OK" ? true : raw === "NOKEY" ? false : Reply.mismatch("OK or NOKEY", raw)
)
const fsynced: Reply.Reply<FsyncedCopies> = Reply.map(Reply.array(Reply.integer), ([local = 0, replicas = 0]) => ({
  local,
  replicas
}))

const allKeys = keyRange(1, -1)

/** MIGRATE's keys follow the word KEYS, which comes last; a password may be that word too. */
const migratedKeys: KeySpec = (words) => {
  let at = 6
  while (at < words.length && words[at] !== "KEYS") {
    at += words[at] === "AUTH2" ? 3 : words[at] === "AUTH" ? 2 : 1
  }
  return keyRange(at + 1, -1)(words)
}

const COPY = define("COPY", { keys: keyRange(1, 2) })
const DEL = define("DEL", { keys: allKeys })
const DUMP = define("DUMP", { readOnly: true })
const EXISTS = define("EXISTS", { readOnly: true, keys: allKeys })
const KEYS = define("KEYS", { readOnly: true, keys: noKeys })
const MIGRATE = define("MIGRATE", { keys: migratedKeys })
const MOVE = define("MOVE")
const OBJECT_ENCODING = define("OBJECT ENCODING", { readOnly: true })
const OBJECT_FREQ = define("OBJECT FREQ", { readOnly: true })
const OBJECT_HELP = define("OBJECT HELP", { keys: noKeys })
const OBJECT_IDLETIME = define("OBJECT IDLETIME", { readOnly: true })
const OBJECT_REFCOUNT = define("OBJECT REFCOUNT", { readOnly: true })
const RANDOMKEY = define("RANDOMKEY", { readOnly: true, keys: noKeys })
const RENAME = define("RENAME", { keys: keyRange(1, 2) })
const RENAMENX = define("RENAMENX", { keys: keyRange(1, 2) })
const RESTORE = define("RESTORE")
const SCAN = define("SCAN", { readOnly: true, keys: noKeys })
// The server calls it read-only, but on a replica it would not keep the key from being evicted where it matters.
const TOUCH = define("TOUCH", { idempotent: true, keys: allKeys })
const TYPE = define("TYPE", { readOnly: true })
const UNLINK = define("UNLINK", { keys: allKeys })
const WAIT = define("WAIT", { blocking: true, keys: noKeys })
const WAITAOF = define("WAITAOF", { blocking: true, keys: noKeys })

/**
 * @since 0.1.0
 * @category options
 */
export interface CopyOptions {
  /** The number of the database to copy to, by default the client's own. */
  readonly database?: number
  /** Overwrite the destination where it exists. */
  readonly replace?: boolean
}

/**
 * Copies a key's value to another key, and tells whether it did: https://redis.io/docs/latest/commands/copy/
 *
 * `false` when the source is absent, or the destination exists and `replace` is not given. The expiry is copied too.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const copied = Redis.copy("draft", "published", { replace: true }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const copy = (source: Argument, destination: Argument, options: CopyOptions = {}): Command<boolean> =>
  COPY(
    [
      source,
      destination,
      ...option(options.database, (database) => ["DB", whole(database, "database", 0)]),
      ...flag(options.replace, "REPLACE")
    ],
    Reply.boolean
  )

/**
 * Deletes keys, and gives how many there were: https://redis.io/docs/latest/commands/del/
 *
 * The memory is freed at once, which takes time for a big value; `unlink` leaves that to the background.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const deleted = Redis.del(["a", "b"]) // number
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const del = (keys: OneOrMany<Argument>): IntegerCommand => DEL(many(keys, "keys"), Reply.integer)

/**
 * Gives a key's value in the server's own format, for `restore`: https://redis.io/docs/latest/commands/dump/
 *
 * Always bytes. `None` when the key is absent. The expiry is not in it.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const serialized = Redis.dump("a") // Option<Uint8Array>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const dump = (key: Argument): Command<Option<Uint8Array>> => DUMP([key], optionalBytes)

/**
 * Counts which of the keys exist: https://redis.io/docs/latest/commands/exists/
 *
 * A key that is given twice counts twice.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const count = Redis.exists(["a", "b"]) // number
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const exists = (keys: OneOrMany<Argument>): IntegerCommand => EXISTS(many(keys, "keys"), Reply.integer)

/**
 * Gives all keys that match a glob pattern: https://redis.io/docs/latest/commands/keys/
 *
 * The server does nothing else until it has looked at every key: `Scan.keys` does not hold it up.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const users = Redis.keys("user:*") // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const keys = (pattern: Argument): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  KEYS([pattern], texts)

/**
 * Where and how keys migrate.
 *
 * @since 0.1.0
 * @category options
 */
export interface MigrateOptions {
  readonly host: string
  readonly port: number
  /** The number of the database there, by default 0. */
  readonly database?: number
  /** How long the transfer may stand still, in whole milliseconds once rounded up; by default a second. */
  readonly timeout?: Duration.DurationInput
  /** Leave the keys here as well. */
  readonly copy?: boolean
  /** Overwrite keys that exist there. */
  readonly replace?: boolean
  readonly username?: string
  readonly password?: string
}

/**
 * Moves keys to another server, and tells whether there were any: https://redis.io/docs/latest/commands/migrate/
 *
 * Both servers are held up for as long as it takes. Fails with a `ReplyError` (IOERR) when the transfer broke off: the
 * keys may then be on both servers. Sharded topologies need all keys in one slot.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const moved = Redis.migrate(["a", "b"], { host: "10.0.0.2", port: 6379 }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const migrate = (keys: OneOrMany<Argument>, options: MigrateOptions): Command<boolean> => {
  const timeout = millis(options.timeout ?? 1000, "timeout")
  return MIGRATE(
    [
      options.host,
      whole(options.port, "port", 1),
      "",
      whole(options.database ?? 0, "database", 0),
      // The server would take 0 for its own default.
      timeout === 0 ? 1 : timeout,
      ...flag(options.copy, "COPY"),
      ...flag(options.replace, "REPLACE"),
      ...migrationLogin(options),
      "KEYS",
      ...many(keys, "keys")
    ],
    migrated,
    typeof timeout === "number" ? { blockMillis: Math.max(timeout, 1) } : undefined
  )
}

const migrationLogin = ({ password, username }: MigrateOptions): ReadonlyArray<Word> => {
  if (password === undefined) return username === undefined ? [] : [new InvalidArgument("username needs a password")]
  return username === undefined ? ["AUTH", password] : ["AUTH2", username, password]
}

/**
 * Moves a key to another database of the same server, and tells whether it did:
 * https://redis.io/docs/latest/commands/move/
 *
 * `false` when the key is absent here or exists there.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const moved = Redis.move("a", 1) // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const move = (key: Argument, database: number): Command<boolean> =>
  MOVE([key, whole(database, "database", 0)], Reply.boolean)

/**
 * Gives how the server represents a key's value: https://redis.io/docs/latest/commands/object-encoding/
 *
 * Such as `int`, `embstr`, `listpack` or `skiplist`; versions differ. `None` when the key is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const encoding = Redis.objectEncoding("a") // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const objectEncoding = (key: Argument): TextCommand<Option<string>, Option<Uint8Array>> =>
  OBJECT_ENCODING([key], optionalText)

/**
 * Gives how often a key is used, on a logarithmic scale: https://redis.io/docs/latest/commands/object-freq/
 *
 * `None` when the key is absent. Fails with a `ReplyError` unless the server's maxmemory-policy is an LFU one.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const frequency = Redis.objectFreq("a") // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const objectFreq = (key: Argument): Command<Option<number>> => OBJECT_FREQ([key], optionalInteger)

/**
 * Gives the server's own lines on OBJECT: https://redis.io/docs/latest/commands/object-help/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const help = Redis.objectHelp // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const objectHelp: TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> = OBJECT_HELP([], texts)

/**
 * Gives how long ago a key was used: https://redis.io/docs/latest/commands/object-idletime/
 *
 * In whole seconds, coarsely. `None` when the key is absent. Fails with a `ReplyError` when the server's
 * maxmemory-policy is an LFU one.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const idle = Redis.objectIdletime("a") // Option<Duration>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const objectIdletime = (key: Argument): Command<Option<Duration.Duration>> => OBJECT_IDLETIME([key], idleTime)

/**
 * Gives how many references the server holds to a key's value:
 * https://redis.io/docs/latest/commands/object-refcount/
 *
 * `None` when the key is absent. Small integers are shared, so theirs is huge.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const references = Redis.objectRefcount("a") // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const objectRefcount = (key: Argument): Command<Option<number>> => OBJECT_REFCOUNT([key], optionalInteger)

/**
 * Gives some key, `None` when there are none: https://redis.io/docs/latest/commands/randomkey/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const key = Redis.randomkey // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const randomkey: TextCommand<Option<string>, Option<Uint8Array>> = RANDOMKEY([], optionalText)

/**
 * Renames a key, overwriting the new name: https://redis.io/docs/latest/commands/rename/
 *
 * Fails with a `ReplyError` when the key is absent. The expiry goes with it.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const renamed = Redis.rename("draft", "published") // "OK"
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const rename = (key: Argument, newKey: Argument): Command<"OK"> => RENAME([key, newKey], Reply.ok)

/**
 * Renames a key unless the new name exists, and tells whether it did:
 * https://redis.io/docs/latest/commands/renamenx/
 *
 * Fails with a `ReplyError` when the key is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const renamed = Redis.renamenx("draft", "published") // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const renamenx = (key: Argument, newKey: Argument): Command<boolean> => RENAMENX([key, newKey], Reply.boolean)

/**
 * @since 0.1.0
 * @category options
 */
export interface RestoreOptions {
  /** Time to live, in whole milliseconds once rounded up; more than zero. */
  readonly expire?: Duration.DurationInput
  readonly expireAt?: Instant
  /** Overwrite the key where it exists. */
  readonly replace?: boolean
  /** How long ago the key was used, in whole seconds once rounded up, for LRU eviction. */
  readonly idleTime?: Duration.DurationInput
  /** How often the key is used, from 0 to 255, for LFU eviction. */
  readonly frequency?: number
}

/** RESTORE takes 0 for no expiry, which nobody who gives one means. */
const restoreTtl = (options: RestoreOptions): Word => {
  if (options.expire === undefined && options.expireAt === undefined) return 0
  const ttl =
    options.expireAt === undefined ? millis(options.expire ?? 0, "expire") : epochMillis(options.expireAt, "expireAt")
  return typeof ttl === "number" && ttl <= 0 ? new InvalidArgument("the expiry must be after zero") : ttl
}

/**
 * Makes a key of what `dump` gave: https://redis.io/docs/latest/commands/restore/
 *
 * Fails with a `ReplyError`: BUSYKEY when the key exists and `replace` is not given, ERR when the payload is damaged or
 * from a newer server.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const restore = (serialized: Uint8Array) => Redis.restore("a", serialized, { expire: "1 hour", replace: true })
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const restore = (key: Argument, serialized: Uint8Array, options: RestoreOptions = {}): Command<"OK"> =>
  RESTORE(
    [
      key,
      restoreTtl(options),
      serialized,
      ...atMostOne(options, ["expire", "expireAt"]),
      ...flag(options.replace, "REPLACE"),
      ...flag(options.expireAt !== undefined, "ABSTTL"),
      ...atMostOne(options, ["idleTime", "frequency"]),
      ...option(options.idleTime, (idleTime) => ["IDLETIME", wholeSeconds(idleTime, "idleTime")]),
      ...option(options.frequency, (frequency) => ["FREQ", whole(frequency, "frequency", 0)])
    ],
    Reply.ok
  )

/**
 * @since 0.1.0
 * @category options
 */
export interface ScanOptions {
  /** A glob pattern; what does not match is left out of the page. */
  readonly match?: Argument
  /** About how many keys the server looks at for one page, by default 10. */
  readonly count?: number
  /** Only keys of this type. */
  readonly type?: KeyType
}

/**
 * Gives a page of the keys: https://redis.io/docs/latest/commands/scan/
 *
 * Start with cursor `"0"`, go on with the page's, and stop when that is `"0"` again; `Scan.keys` does so. A page may be
 * empty, and a key may come more than once.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const first = Redis.scan("0", { match: "user:*" }) // { cursor, items }
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const scan = (
  cursor: string,
  options: ScanOptions = {}
): TextCommand<Reply.Page<ReadonlyArray<string>>, Reply.Page<ReadonlyArray<Uint8Array>>> =>
  SCAN(
    [
      cursor,
      ...option(options.match, (match) => ["MATCH", match]),
      ...option(options.count, (count) => ["COUNT", whole(count, "count", 1)]),
      ...option(options.type, (type) => ["TYPE", type])
    ],
    page
  )

/**
 * Marks keys as used just now, and gives how many exist: https://redis.io/docs/latest/commands/touch/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const touched = Redis.touch(["a", "b"]) // number
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const touch = (keys: OneOrMany<Argument>): IntegerCommand => TOUCH(many(keys, "keys"), Reply.integer)

/**
 * What a key holds; modules have types of their own.
 *
 * @since 0.1.0
 * @category models
 */
export type KeyType = "string" | "list" | "set" | "zset" | "hash" | "stream" | (string & {})

const keyType: Reply.Reply<KeyType> = Reply.text

/**
 * Gives what a key holds, `"none"` when it is absent: https://redis.io/docs/latest/commands/type/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const type = Redis.type("a") // "string" | "list" | …
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const type = (key: Argument): Command<KeyType | "none"> => TYPE([key], keyType)

/**
 * Deletes keys, frees their memory in the background, and gives how many there were:
 * https://redis.io/docs/latest/commands/unlink/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const deleted = Redis.unlink(["a", "b"]) // number
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const unlink = (keys: OneOrMany<Argument>): IntegerCommand => UNLINK(many(keys, "keys"), Reply.integer)

const waitTimeout = (timeout: Duration.DurationInput) => {
  const { blockMillis, word } = blockTimeout(timeout)
  // These two take milliseconds where other blocking commands take seconds.
  return { blockMillis, word: word instanceof InvalidArgument ? word : blockMillis }
}

/**
 * Waits until so many replicas have the writes of this connection, and gives how many do:
 * https://redis.io/docs/latest/commands/wait/
 *
 * Only the writes of the connection it runs on count: run them and it under one `Redis.withReserved`; elsewhere
 * it is refused with a `CommandError`. It gives up after the timeout (`Duration.infinity`: never), so look at the result.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * // number
 * const replicas = Redis.set("a", 1).pipe(Effect.zipRight(Redis.wait(1, "500 millis")), Redis.withReserved())
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const wait = (replicas: number, timeout: Duration.DurationInput): IntegerCommand => {
  const { blockMillis, word } = waitTimeout(timeout)
  return WAIT([whole(replicas, "replicas", 0), word], Reply.integer, { blockMillis })
}

/**
 * How many have the writes on disk: this server (0 or 1), and replicas.
 *
 * @since 0.1.0
 * @category models
 */
export interface FsyncedCopies {
  readonly local: number
  readonly replicas: number
}

/**
 * Waits until this server (`local`: 0 or 1) and so many replicas have the writes of this connection in their
 * append-only files, and gives how many do: https://redis.io/docs/latest/commands/waitaof/
 *
 * Only the writes of the connection it runs on count: run them and it under one `Redis.withReserved`; elsewhere it is
 * refused with a `CommandError`. It gives up after the timeout (`Duration.infinity`: never), so look at the result. Fails
 * with a `ReplyError` when `local` is 1 and the server has no append-only file. Since Redis 7.2.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * // { local, replicas }
 * const durable = Redis.set("a", 1).pipe(Effect.zipRight(Redis.waitaof(1, 0, "1 second")), Redis.withReserved())
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const waitaof = (local: 0 | 1, replicas: number, timeout: Duration.DurationInput): Command<FsyncedCopies> => {
  const { blockMillis, word } = waitTimeout(timeout)
  return WAITAOF([whole(local, "local", 0), whole(replicas, "replicas", 0), word], fsynced, { blockMillis })
}
