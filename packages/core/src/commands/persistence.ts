/**
 * Saving the data, and ending the server: https://redis.io/docs/latest/commands/?group=server
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { type Command, define, noKeys, type Word } from "../Command.js"
import { flag, option } from "../internal/arguments.js"
import type { RedisError } from "../RedisError.js"
import type { Redis } from "../RedisService.js"
import * as Reply from "../Reply.js"

const BGREWRITEAOF = define("BGREWRITEAOF", { keys: noKeys })
const BGSAVE = define("BGSAVE", { keys: noKeys })
const LASTSAVE = define("LASTSAVE", { keys: noKeys, idempotent: true })
const SAVE = define("SAVE", { keys: noKeys })
// It answers only after replicas have caught up, if at all: a connection of its own, and no deadline.
const SHUTDOWN = define("SHUTDOWN", { keys: noKeys, blocking: true })

/**
 * Whether work in the background has begun, or will once other such work is done.
 *
 * @since 0.1.0
 * @category models
 */
export type BackgroundWork = "started" | "scheduled"

const backgroundWork = Reply.map(
  Reply.text,
  (status): BackgroundWork => (/scheduled/i.test(status) ? "scheduled" : "started")
)

const dateReply = Reply.map(Reply.integer, (seconds) => new Date(seconds * 1000))

/**
 * Rewrites the append-only file in the background: https://redis.io/docs/latest/commands/bgrewriteaof/
 *
 * Fails with a `ReplyError` when a rewrite is already going on.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const rewrite = Redis.bgrewriteaof // "started" | "scheduled"
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const bgrewriteaof: Command<BackgroundWork> = BGREWRITEAOF([], backgroundWork)

/**
 * @since 0.1.0
 * @category options
 */
export interface BgsaveOptions {
  /** While the append-only file is being rewritten, save afterwards, instead of failing. */
  readonly schedule?: boolean
}

/**
 * Saves the data in the background: https://redis.io/docs/latest/commands/bgsave/
 *
 * Fails with a `ReplyError` when a save is already going on; `lastsave` tells when one has succeeded.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const save = Redis.bgsave({ schedule: true }) // "started" | "scheduled"
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const bgsave = (options: BgsaveOptions = {}): Command<BackgroundWork> =>
  BGSAVE(flag(options.schedule, "SCHEDULE"), backgroundWork)

/**
 * Ends the save in the background, or takes back a scheduled one, and gives what the server says of it:
 * https://valkey.io/commands/bgsave/
 *
 * Fails with a `ReplyError` when there is none. Valkey only, since 8.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const cancelled = Redis.bgsaveCancel // string
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const bgsaveCancel: Command<string> = BGSAVE(["CANCEL"], Reply.text)

/**
 * Gives the time of the last save that succeeded, or of the server's start:
 * https://redis.io/docs/latest/commands/lastsave/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const saved = Redis.lastsave // Date
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const lastsave: Command<Date> = LASTSAVE([], dateReply)

/**
 * Saves the data while all clients wait: https://redis.io/docs/latest/commands/save/
 *
 * `bgsave` does so in the background. Big data takes longer than a command's deadline.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const saved = Redis.save // "OK"
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const save: Command<"OK"> = SAVE([], Reply.ok)

/**
 * @since 0.1.0
 * @category options
 */
export interface ShutdownOptions {
  /** Save the data, or do not. Left out, it is saved where the configuration saves at all. */
  readonly save?: boolean
  /** Do not wait for replicas that lag behind. Since Redis 7.0. */
  readonly now?: boolean
  /** Ignore what would prevent it, such as a save that fails. Since Redis 7.0. */
  readonly force?: boolean
  /** Refuse, unless forced, where it is not safe: a primary that serves slots of a cluster. Valkey only, since 9.0. */
  readonly safe?: boolean
  /** In a cluster, let a primary hand over to a replica first. Valkey only, since 9.0. */
  readonly failover?: boolean
}

const shutdownWords = (options: ShutdownOptions): ReadonlyArray<Word> => [
  ...option(options.save, (save) => [save ? "SAVE" : "NOSAVE"]),
  ...flag(options.now, "NOW"),
  ...flag(options.force, "FORCE"),
  ...flag(options.safe, "SAFE"),
  ...flag(options.failover, "FAILOVER")
]

/**
 * Ends the server: https://redis.io/docs/latest/commands/shutdown/
 *
 * No command but an ordinary Effect, for its success has no reply: the server closes the connection, and so does a
 * network that breaks meanwhile. It waits without end on a reserved connection. Fails with a `ReplyError` when the
 * server stays, because data could not be saved or because of `shutdownAbort`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const ended = Redis.shutdown({ save: true })
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const shutdown = (options: ShutdownOptions = {}): Effect.Effect<void, RedisError, Redis> =>
  SHUTDOWN(shutdownWords(options), Reply.value).pipe(
    Effect.asVoid,
    Effect.catchIf(
      (error) => error._tag === "ConnectionError" && error.reason === "Lost" && error.outcome === "Unknown",
      () => Effect.void
    )
  )

/**
 * Takes back a `shutdown` that waits for replicas: https://redis.io/docs/latest/commands/shutdown/
 *
 * Fails with a `ReplyError` when there is none. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const aborted = Redis.shutdownAbort // "OK"
 * ```
 *
 * @since 0.1.0
 * @category persistence
 */
export const shutdownAbort: Command<"OK"> = define("SHUTDOWN", { keys: noKeys })(["ABORT"], Reply.ok)
