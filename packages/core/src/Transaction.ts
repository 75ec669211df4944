/**
 * All or nothing: MULTI … EXEC, and optimistic locking with WATCH.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Schedule from "effect/Schedule"
import type { Argument } from "./Command.js"
import { using } from "./internal/acquisition.js"
import { type Attempts, all, firstError, type Parts, type Pipeline, type Results } from "./Pipeline.js"
import { ConnectionError, ProtocolError, type RedisError, ReplyError } from "./RedisError.js"
import { Redis, type Slot, type Watching } from "./RedisService.js"

/**
 * What a transaction is composed from: a pipeline, or what one is composed from.
 *
 * @since 0.1.0
 * @category models
 */
export type Composable = ReadonlyArray<Parts> | { readonly [key: string]: Parts } | Pipeline<unknown>

/**
 * The server refused the transaction while it was queued; nothing was applied. `errors` are the commands it refused,
 * each with its position.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExecAbortError extends Data.TaggedError("ExecAbortError")<{
  readonly errors: ReadonlyArray<ReplyError>
  readonly text: string
  readonly outcome: "Rejected"
}> {
  override get message(): string {
    return [this.text.replace(/\.$/, ""), ...this.errors.map((error) => error.message)].join("; ")
  }
}

/**
 * The watch did not hold, and nothing was applied: run the transaction again.
 *
 * - `KeysChanged`: somebody changed a watched key.
 * - `ConnectionReset`: the watching connection was lost before EXEC was sent.
 * - `SlotMoved`: the keys moved to another node.
 *
 * @since 0.1.0
 * @category errors
 */
export class WatchError extends Data.TaggedError("WatchError")<{
  readonly reason: "KeysChanged" | "ConnectionReset" | "SlotMoved"
  readonly outcome: "Rejected" | "NotSent"
}> {
  override get message(): string {
    return `the watch did not hold: ${this.reason}`
  }
}

/**
 * Runs commands all together or not at all: MULTI, the commands, EXEC, in one write.
 *
 * Takes a pipeline, or what one is composed from. Fails with `ExecAbortError` when the server refuses a command as it
 * is queued (nothing was applied), and with the first error among the results otherwise: the server does not undo the
 * other commands when one of them fails inside EXEC. `Transaction.attempt` gives every outcome.
 * See https://redis.io/docs/latest/develop/using-commands/transactions/
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis, Transaction } from "@effect-resp/core"
 *
 * const program = Effect.gen(function* () {
 *   const [ok, length] = yield* Transaction.exec([Redis.set("a", "1"), Redis.append("a", "2")])
 *   return { ok, length }
 * })
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const exec = <const P extends Composable>(
  parts: P
): Effect.Effect<Results<P>, RedisError | ExecAbortError | WatchError, Redis> => {
  const pipeline = all(parts)
  return Redis.pipe(
    Effect.flatMap((redis) => redis.transaction(pipeline.commands)),
    Effect.flatMap((slots) => results(pipeline, slots))
  )
}

/**
 * Runs a transaction and gives every command's outcome as an `Either`.
 *
 * Fails when nothing was applied, or when what became of it is unknown.
 *
 * @example
 * ```ts
 * import { Redis, Transaction } from "@effect-resp/core"
 *
 * // { text: Either<"OK", RedisError>, number: Either<number, RedisError> }
 * const outcomes = Transaction.attempt({ text: Redis.set("a", "x"), number: Redis.incr("a") })
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const attempt = <const P extends Composable>(
  parts: P
): Effect.Effect<Attempts<P>, RedisError | ExecAbortError | WatchError, Redis> => {
  const { commands, shape } = all(parts)
  return Redis.pipe(
    Effect.flatMap((redis) => redis.transaction(commands)),
    Effect.map((slots) => shape(slots) as Attempts<P>)
  )
}

/**
 * Optimistic locking: WATCHes the keys, runs the body, and commits the pipeline that it returns.
 *
 * The commands that the body runs go out at once, on the watching connection, which nobody else uses meanwhile. If a
 * watched key was changed before EXEC, by anyone and also to the same value, nothing is applied and it fails with
 * `WatchError`. When the body fails or is interrupted the keys are unwatched, and the connection goes back clean.
 * To try again, give a schedule to `Effect.retry` or use `Transaction.retry`.
 * See https://redis.io/docs/latest/commands/watch/
 *
 * @example
 * ```ts
 * import { Effect, Option, Schedule } from "effect"
 * import { Pipeline, Redis, Transaction } from "@effect-resp/core"
 *
 * const next = Transaction.watch(["sequence"], Effect.gen(function* () {
 *   const current = Number(Option.getOrElse(yield* Redis.get("sequence"), () => "0"))
 *   return Pipeline.all([Redis.set("sequence", current + 1)])
 * })).pipe(Effect.retry({ while: (e) => e._tag === "WatchError", schedule: Schedule.recurs(100) }))
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const watch = <A, B, E, R>(
  keys: ReadonlyArray<Argument>,
  body: Effect.Effect<Pipeline<A, B>, E, R>
): Effect.Effect<A, E | RedisError | ExecAbortError | WatchError, R | Redis> =>
  watching(keys, body, (pipeline, slots) => results(pipeline, slots))

/**
 * As `Transaction.watch`, giving every command's outcome as an `Either`.
 *
 * @since 0.1.0
 * @category running
 */
export const watchAttempt = <A, B, E, R>(
  keys: ReadonlyArray<Argument>,
  body: Effect.Effect<Pipeline<A, B>, E, R>
): Effect.Effect<B, E | RedisError | ExecAbortError | WatchError, R | Redis> =>
  watching(keys, body, (pipeline, slots) => Effect.succeed(pipeline.shape(slots) as B))

/**
 * Runs a watching transaction again for as long as its watch does not hold, as the schedule says.
 *
 * Only `WatchError` is retried; a failure of the body or of the server is not.
 *
 * @example
 * ```ts
 * import { Effect, Option, Schedule } from "effect"
 * import { Pipeline, Redis, Transaction } from "@effect-resp/core"
 *
 * const next = Transaction.watch(["sequence"], Effect.gen(function* () {
 *   const current = Number(Option.getOrElse(yield* Redis.get("sequence"), () => "0"))
 *   return Pipeline.all([Redis.set("sequence", current + 1)])
 * })).pipe(Transaction.retry(Schedule.spaced("1 millis").pipe(Schedule.jittered)))
 * ```
 *
 * @since 0.1.0
 * @category retrying
 */
export const retry: {
  <B, R1>(
    policy: Schedule.Schedule<B, WatchError, R1>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | R1>
  <A, E, R, B, R1>(
    self: Effect.Effect<A, E, R>,
    policy: Schedule.Schedule<B, WatchError, R1>
  ): Effect.Effect<A, E, R | R1>
} = dual(
  2,
  <A, E, R, B, R1>(
    self: Effect.Effect<A, E, R>,
    policy: Schedule.Schedule<B, WatchError, R1>
  ): Effect.Effect<A, E, R | R1> =>
    Effect.retry(self, {
      while: (error: E) => error instanceof WatchError,
      // Judged by `while` first, so the policy sees no other error.
      schedule: policy as Schedule.Schedule<B, unknown, R1>
    })
)

const results = <A, B>(pipeline: Pipeline<A, B>, slots: ReadonlyArray<Slot>): Effect.Effect<A, RedisError> =>
  Effect.map(firstError(slots, pipeline.commands), (values) => pipeline.shape(values) as A)

const redirections = new Set(["MOVED", "ASK", "TRYAGAIN"])

const isRedirected = (error: unknown): boolean =>
  error instanceof ReplyError
    ? error.outcome === "Rejected" && redirections.has(error.code)
    : error instanceof ExecAbortError && error.errors.some(isRedirected)

/** A cluster's word that the keys are no longer where they were watched: the server has run nothing of it. */
const slotMoved = <E>(error: E): E | WatchError =>
  isRedirected(error) ? new WatchError({ reason: "SlotMoved", outcome: "Rejected" }) : error

const watching = <A, B, C, E, R>(
  keys: ReadonlyArray<Argument>,
  body: Effect.Effect<Pipeline<A, B>, E, R>,
  finish: (pipeline: Pipeline<A, B>, slots: ReadonlyArray<Slot>) => Effect.Effect<C, RedisError>
): Effect.Effect<C, E | RedisError | ExecAbortError | WatchError, R | Redis> =>
  Effect.flatMap(Redis, (redis) =>
    using(redis.watch(keys), (lease) =>
      Effect.provideService(body, Redis, lease).pipe(
        Effect.mapError(lostWith(lease)),
        Effect.flatMap((pipeline) =>
          lease.commit(pipeline.commands).pipe(
            Effect.mapError(slotMoved),
            Effect.flatMap((slots) => finish(pipeline, slots))
          )
        )
      )
    )
  )

/**
 * What fails because the connection is gone has lost its watch with it. A command of the body that may have run, and must
 * not run twice, says so itself: a WatchError would invite to run it again.
 */
const lostWith =
  (lease: Watching) =>
  <E>(error: E): E | WatchError =>
    !lease.isAlive() &&
    (error instanceof ConnectionError || error instanceof ProtocolError) &&
    (error.outcome === "NotSent" || error.idempotent === true)
      ? new WatchError({ reason: "ConnectionReset", outcome: "NotSent" })
      : slotMoved(error)
