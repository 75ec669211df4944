/**
 * The closed set of failures, each saying what became of the command.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type { ExecAbortError } from "./Transaction.js"

/**
 * What became of a command that failed.
 *
 * - `NotSent`: no byte of it reached the socket.
 * - `Rejected`: the server refused it before running it.
 * - `Failed`: the server ran it and answered an error.
 * - `Unknown`: bytes reached the socket and no trustworthy reply came back.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "NotSent" | "Rejected" | "Failed" | "Unknown"

/**
 * Where a failing command stood: its name, and in a pipeline or transaction its position, counted from 0.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandContext {
  readonly command?: string | undefined
  readonly position?: number | undefined
  /** Whether running the command twice is harmless: it is read-only or was marked with `Command.idempotent`. */
  readonly idempotent?: boolean | undefined
  /** The server that it was sent to, where a client has several. */
  readonly node?: string | undefined
}

const where = ({ command, node, position }: CommandContext): string => {
  const parts = [
    ...(command === undefined ? [] : [command]),
    ...(position === undefined ? [] : [`at position ${position}`]),
    ...(node === undefined ? [] : [`on ${node}`])
  ]
  return parts.length === 0 ? "" : ` (${parts.join(" ")})`
}

/**
 * A connection could not be made, was lost, or had no room.
 *
 * - `Connect`: the address could not be reached.
 * - `Tls`: the TLS handshake failed.
 * - `Auth`: the server refused the credentials.
 * - `Handshake`: the server refused another step of the set-up.
 * - `Lost`: the connection ended while the command was in flight or bound to it.
 * - `Closed`: the client or the lease was closed by its scope.
 * - `Overloaded`: too many commands are already waiting.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionError extends Data.TaggedError("ConnectionError")<
  CommandContext & {
    readonly reason: "Connect" | "Tls" | "Auth" | "Handshake" | "Lost" | "Closed" | "Overloaded"
    readonly address: string
    readonly detail: string
    readonly outcome: "NotSent" | "Unknown"
  }
> {
  override get message(): string {
    return `${this.reason} ${this.address}: ${this.detail}, ${this.outcome}${where(this)}`
  }
}

/**
 * A deadline passed: waiting for a connection (`Connect`), for room to be written (`Write`), for the reply (`Reply`),
 * or for a reserved connection (`Reserve`).
 *
 * @since 0.1.0
 * @category errors
 */
export class TimeoutError extends Data.TaggedError("TimeoutError")<
  CommandContext & {
    readonly phase: "Connect" | "Write" | "Reply" | "Reserve"
    readonly millis: number
    /** What may be the reason, where there is a guess. */
    readonly detail?: string | undefined
    readonly outcome: "NotSent" | "Unknown"
  }
> {
  override get message(): string {
    const detail = this.detail === undefined ? "" : ` (${this.detail})`
    return `${this.phase} took longer than ${this.millis} ms${detail}, ${this.outcome}${where(this)}`
  }
}

/**
 * The server answered an error. `code` is its first word (`WRONGTYPE`, `ERR`, …), `text` the whole of it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplyError extends Data.TaggedError("ReplyError")<
  CommandContext & {
    readonly code: string
    readonly text: string
    readonly outcome: "Rejected" | "Failed" | "Unknown"
  }
> {
  override get message(): string {
    return `${this.text}${where(this)}`
  }
}

/**
 * The command ran and its reply did not have the expected shape, or a schema refused it.
 *
 * @since 0.1.0
 * @category errors
 */
export class DecodeError extends Data.TaggedError("DecodeError")<
  CommandContext & { readonly reason: string; readonly outcome: "Failed" }
> {
  override get message(): string {
    return `cannot decode the reply: ${this.reason}${where(this)}`
  }
}

/**
 * The peer broke the protocol; the connection was closed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolError extends Data.TaggedError("ProtocolError")<
  CommandContext & { readonly reason: string; readonly address: string; readonly outcome: "NotSent" | "Unknown" }
> {
  override get message(): string {
    return `${this.address} broke the protocol: ${this.reason}${where(this)}`
  }
}

/**
 * A command was refused here, before a byte was sent: an argument that cannot be sent, an option that contradicts
 * another, or a use that the connection does not allow (such as SELECT on a shared client).
 *
 * @since 0.1.0
 * @category errors
 */
export class CommandError extends Data.TaggedError("CommandError")<
  CommandContext & { readonly reason: string; readonly outcome: "NotSent" }
> {
  override get message(): string {
    return `${this.reason}${where(this)}`
  }
}

/**
 * The keys of one command, transaction or watch are in several of a cluster's slots, two of which are named; refused
 * here, before a byte was sent. Keys with the same part in braces (`{user:1}:name`) share a slot.
 *
 * @since 0.1.0
 * @category errors
 */
export class CrossSlotError extends Data.TaggedError("CrossSlotError")<
  CommandContext & { readonly slots: readonly [number, number]; readonly outcome: "NotSent" }
> {
  override get message(): string {
    return `the keys are in several slots, such as ${this.slots.join(" and ")}${where(this)}`
  }
}

/**
 * A cluster, or the servers under a Sentinel, could not be used.
 *
 * - `Discovery`: none of the seeds or sentinels told where the servers are; `attempts` says what came of each.
 * - `NoNode`: no server is known that may run the command: the slot is not covered, there is no replica, the node that
 *   was named is not part of the cluster.
 * - `Redirections`: the servers went on pointing at one another.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClusterError extends Data.TaggedError("ClusterError")<
  CommandContext & {
    readonly reason: "Discovery" | "NoNode" | "Redirections"
    readonly detail: string
    readonly attempts: ReadonlyArray<{
      readonly address: string
      readonly detail: string
      readonly cause?: RedisError | undefined
    }>
    readonly outcome: "NotSent" | "Rejected" | "Unknown"
  }
> {
  override get message(): string {
    const attempts = this.attempts.map(({ address, detail }) => `${address}: ${detail}`)
    return `${[this.detail, ...attempts].join("; ")}${where(this)}`
  }
}

/**
 * Any failure of a command.
 *
 * @since 0.1.0
 * @category errors
 */
export type RedisError =
  | ConnectionError
  | TimeoutError
  | ReplyError
  | DecodeError
  | ProtocolError
  | CommandError
  | CrossSlotError
  | ClusterError

/**
 * The same error, said of another command or position: for what regroups commands.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withContext = <E extends RedisError>(error: E, context: CommandContext): E => {
  const Same = error.constructor as new (fields: E & CommandContext) => E
  return new Same({ ...error, ...context })
}

/**
 * The same error where another part of the same command, or an earlier attempt, may have taken effect: its outcome is
 * `Unknown`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const inPart = (error: RedisError): RedisError => {
  if (error._tag === "DecodeError" || error._tag === "CommandError" || error._tag === "CrossSlotError") return error
  const Same = error.constructor as new (fields: object) => RedisError
  return new Same({ ...error, outcome: "Unknown" })
}

/** Refusals that pass by themselves. */
const transient = new Set(["BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN", "UNBLOCKED"])

// UNBLOCKED also tells of CLIENT UNBLOCK, by which somebody ends the waiting on purpose.
const isTransient = ({ code, text }: ReplyError): boolean =>
  transient.has(code) && (code !== "UNBLOCKED" || text.startsWith("UNBLOCKED force unblock"))

/** Reasons that another attempt will not change. */
const final = new Set(["Closed", "Auth"])

/**
 * Whether what failed can be run again without risk of taking effect twice, and with a chance to succeed. It takes any
 * error, so that it fits a program with errors of its own: those are not safe.
 *
 * True when nothing was sent because of the connection, when the server refused the command for a reason that passes
 * (LOADING, BUSY, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, READONLY, UNBLOCKED but by CLIENT UNBLOCK), when the outcome is
 * unknown but the command is read-only or was marked with `Command.idempotent`, for a `ClusterError`, for a `WatchError`,
 * after which nothing was applied, and for an `ExecAbortError` whose every reason passes.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Redis, RedisError } from "@effect-resp/core"
 *
 * const visits = Redis.incr("visits").pipe(
 *   Effect.retry({ while: RedisError.isSafeToRetry, schedule: Schedule.recurs(3) })
 * )
 * ```
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSafeToRetry = (error: unknown): boolean => {
  if (error instanceof ReplyError) {
    const { idempotent, outcome } = error
    return isTransient(error) && (outcome === "Rejected" || (outcome === "Unknown" && idempotent === true))
  }
  if (error instanceof ConnectionError && final.has(error.reason)) return false
  if (error instanceof ClusterError) {
    const { attempts, idempotent, outcome } = error
    const isFinal = attempts.length > 0 && attempts.every(({ cause }) => cause !== undefined && !isSafeToRetry(cause))
    return !isFinal && (outcome !== "Unknown" || idempotent === true)
  }
  if (error instanceof ConnectionError || error instanceof TimeoutError || error instanceof ProtocolError) {
    return error.outcome === "NotSent" || error.idempotent === true
  }
  return isAborted(error) ? passes(error) : Predicate.isTagged(error, "WatchError")
}

// By its tag, for transactions are defined upon errors and not the other way round.
const isAborted = (error: unknown): error is ExecAbortError => Predicate.isTagged(error, "ExecAbortError")

/** Nothing was applied; whether what the server said against each command, or against EXEC itself, passes. */
const passes = ({ errors, text }: ExecAbortError): boolean => {
  const code = /because of: ([A-Z]+)/.exec(text)?.[1]
  return code === undefined ? errors.length > 0 && errors.every(isSafeToRetry) : transient.has(code)
}

/**
 * A ready retry policy: up to five more tries of what `isSafeToRetry` allows, 20 ms apart at first, doubling, jittered.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis, RedisError } from "@effect-resp/core"
 *
 * const name = Redis.get("name").pipe(Effect.retry(RedisError.retryPolicy))
 * ```
 *
 * @since 0.1.0
 * @category policies
 */
export const retryPolicy: Schedule.Schedule<unknown, unknown> = Schedule.exponential("20 millis").pipe(
  Schedule.jittered,
  Schedule.intersect(Schedule.recurs(5)),
  Schedule.whileInput(isSafeToRetry)
)
