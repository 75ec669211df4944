/**
 * Primaries and replicas: https://redis.io/docs/latest/commands/?group=server
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import { type Command, define, InvalidArgument, noKeys, type Word } from "../Command.js"
import { flag, millis, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const FAILOVER = define("FAILOVER", { keys: noKeys })
const REPLICAOF = define("REPLICAOF", { keys: noKeys })
const ROLE = define("ROLE", { keys: noKeys, idempotent: true })
const SLAVEOF = define("SLAVEOF", { keys: noKeys })

/**
 * Where a server listens.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

const addressWords = ({ host, port }: ServerAddress): ReadonlyArray<Word> => [host, whole(port, "port", 0)]

/**
 * @since 0.1.0
 * @category options
 */
export interface FailoverOptions {
  /** The replica to hand over to; left out, the first one that has caught up. */
  readonly to?: ServerAddress
  /** Once `timeout` is over, hand over although the replica has not caught up. Takes `to` and `timeout`. */
  readonly force?: boolean
  /** How long to wait for the replica; without end when left out. */
  readonly timeout?: DurationInput
}

/**
 * Begins to hand over from this primary to a replica: https://redis.io/docs/latest/commands/failover/
 *
 * It goes on in the background; `role` and `info` tell how. Fails with a `ReplyError` when there is no replica, or a
 * failover is already going on.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const begun = Redis.failover({ to: { host: "10.0.0.2", port: 6379 }, timeout: "10 seconds" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category replication
 */
export const failover = (options: FailoverOptions = {}): Command<"OK"> =>
  FAILOVER(
    [
      ...option(options.to, (to) => ["TO", ...addressWords(to)]),
      ...flag(options.force, "FORCE"),
      ...(options.force === true && (options.to === undefined || options.timeout === undefined)
        ? [new InvalidArgument("force takes to and timeout")]
        : []),
      ...option(options.timeout, (timeout) => ["TIMEOUT", millis(timeout, "timeout")])
    ],
    Reply.ok
  )

/**
 * Takes back a `failover` that is going on: https://redis.io/docs/latest/commands/failover/
 *
 * Fails with a `ReplyError` when there is none.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const aborted = Redis.failoverAbort // "OK"
 * ```
 *
 * @since 0.1.0
 * @category replication
 */
export const failoverAbort: Command<"OK"> = FAILOVER(["ABORT"], Reply.ok)

// A replica of that very primary says so behind its OK.
const replicaofReply = Reply.make((raw): "OK" =>
  typeof raw === "string" && raw.startsWith("OK") ? "OK" : Reply.mismatch("OK", raw)
)

/**
 * Makes the server a replica of another one, or of none: https://redis.io/docs/latest/commands/replicaof/
 *
 * A new replica loses its own data.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const replica = Redis.replicaof({ host: "10.0.0.1", port: 6379 }) // "OK"
 * const primary = Redis.replicaof("none")
 * ```
 *
 * @since 0.1.0
 * @category replication
 */
export const replicaof = (primary: ServerAddress | "none"): Command<"OK"> =>
  REPLICAOF(primary === "none" ? ["NO", "ONE"] : addressWords(primary), replicaofReply)

/**
 * What a server is.
 *
 * - `Primary`: how far its stream of writes has come, and the replicas that follow it.
 * - `Replica`: of which primary, the state of that connection (`connect`, `connecting`, `sync`, `connected`…), and how
 *   far it has come; -1 when it is not connected.
 * - `Sentinel`: the names of the primaries that it watches.
 *
 * @since 0.1.0
 * @category models
 */
export type Role =
  | { readonly _tag: "Primary"; readonly offset: number; readonly replicas: ReadonlyArray<FollowingReplica> }
  | { readonly _tag: "Replica"; readonly primary: ServerAddress; readonly state: string; readonly offset: number }
  | { readonly _tag: "Sentinel"; readonly primaries: ReadonlyArray<string> }

/**
 * A replica, and how far it has come, as its primary knows.
 *
 * @since 0.1.0
 * @category models
 */
export interface FollowingReplica extends ServerAddress {
  readonly offset: number
}

const texts = Reply.array(Reply.text)

const replicas = Reply.array(
  Reply.make((raw): FollowingReplica => {
    const [host = null, port = null, offset = null] = Reply.items(raw)
    return {
      host: Reply.text.decode(host),
      port: Reply.integer.decode(port),
      offset: Reply.integer.decode(offset)
    }
  })
)

const roleReply = Reply.make((raw): Role => {
  const [name = null, first = null, second = null, third = null, fourth = null] = Reply.items(raw)
  switch (name) {
    case "master":
    case "primary":
      return { _tag: "Primary", offset: Reply.integer.decode(first), replicas: replicas.decode(second) }
    case "slave":
    case "replica":
      return {
        _tag: "Replica",
        primary: { host: Reply.text.decode(first), port: Reply.integer.decode(second) },
        state: Reply.text.decode(third),
        offset: Reply.integer.decode(fourth)
      }
    case "sentinel":
      return { _tag: "Sentinel", primaries: texts.decode(first) }
    default:
      return Reply.mismatch("a role", name)
  }
})

/**
 * Tells whether the server is a primary, a replica or a sentinel: https://redis.io/docs/latest/commands/role/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const role = Redis.role // Role
 * ```
 *
 * @since 0.1.0
 * @category replication
 */
export const role: Command<Role> = ROLE([], roleReply)

/**
 * The old name of `replicaof`: https://redis.io/docs/latest/commands/slaveof/
 *
 * Deprecated since Redis 5.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const primary = Redis.slaveof("none") // "OK"
 * ```
 *
 * @deprecated use `replicaof`
 * @since 0.1.0
 * @category replication
 */
export const slaveof = (primary: ServerAddress | "none"): Command<"OK"> =>
  SLAVEOF(primary === "none" ? ["NO", "ONE"] : addressWords(primary), replicaofReply)
