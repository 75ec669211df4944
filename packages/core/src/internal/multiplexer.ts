/**
 * A connection that many fibers share, made anew whenever it is lost.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { ConnectionError } from "../RedisError.js"
import type { ConnectionState } from "../RedisService.js"
import type { CommandQueue } from "./commandQueue.js"
import type { Connection } from "./connection.js"
import { detailOf, type Failure } from "./failure.js"
import { call, type OpenError } from "./handshake.js"
import { answeredWithin } from "./lateness.js"

/** A session shorter than this counts as a failed attempt, so that a server that hangs up at once is not hammered. */
export const stable = Duration.seconds(1)

/** What the supervisor of a connection is told and tells. */
export interface Supervision {
  readonly open: Effect.Effect<Connection, OpenError, Scope.Scope>
  readonly reconnect: Schedule.Schedule<unknown, OpenError>
  readonly keepAlive: Duration.Duration
  readonly probeTimeout: Duration.Duration
  /** Whoever waits while there is no connection is told at once, instead of waiting for the next one. */
  readonly failFast: boolean
  readonly onState: (state: ConnectionState) => Effect.Effect<void>
}

const ended = (connection: Connection): Effect.Effect<Failure> =>
  Effect.async((resume) => {
    if (connection.ended !== undefined) return resume(Effect.succeed(connection.ended))
    const listener = connection.listener
    connection.listener = { ...listener, onClose: (failure) => resume(Effect.succeed(failure)) }
  })

/** Finds a peer that is gone without a word while nothing is in flight. */
const probe = (connection: Connection, { keepAlive, probeTimeout }: Supervision): Effect.Effect<void> => {
  let seen = connection.received
  return Effect.sync(() => connection.received !== seen).pipe(
    Effect.flatMap((alive) => {
      seen = connection.received
      return alive || connection.commandsInFlight > 0
        ? Effect.void
        : call(connection, [["PING"]]).pipe(
            answeredWithin(probeTimeout, () => "silent" as const),
            Effect.catchAll(() =>
              Effect.sync(() =>
                connection.close({
                  _tag: "Connection",
                  reason: "Lost",
                  address: connection.address,
                  detail: "no answer to PING"
                })
              )
            )
          )
    }),
    Effect.delay(keepAlive),
    Effect.forever
  )
}

/** What a session that was too short to count ends with. */
export const lost = (address: string, failure: Failure): ConnectionError =>
  new ConnectionError({ reason: "Lost", address, detail: detailOf(failure), outcome: "NotSent" })

/** Why connecting again has ended: what failed, or a defect, such as of a schedule that throws. */
export const endOf = (address: string, cause: Cause.Cause<OpenError>): OpenError =>
  Option.getOrElse(
    Cause.failureOption(cause),
    () =>
      new ConnectionError({
        reason: "Connect",
        address,
        detail: "connecting again ended in a defect",
        outcome: "NotSent"
      })
  )

/** Keeps a queue connected for a scope. Succeeds once it is; fails when the first attempt does. */
export const supervise = (queue: CommandQueue, supervision: Supervision): Effect.Effect<void, OpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const first = yield* Deferred.make<void, OpenError>()
    let attempt = 0
    let started = false
    const session = Effect.scoped(
      Effect.gen(function* () {
        yield* supervision.onState({ _tag: "Connecting", attempt: ++attempt })
        const connection = yield* supervision.open
        connection.listener = { onProgress: queue.schedule, onDrain: queue.schedule, onClose: () => {} }
        queue.reopen()
        queue.attach(connection)
        attempt = 0
        started = true
        yield* supervision.onState({ _tag: "Connected", address: queue.address })
        yield* Deferred.succeed(first, undefined)
        const failure = yield* Effect.raceFirst(
          ended(connection),
          Effect.zipRight(probe(connection, supervision), Effect.never)
        ).pipe(Effect.timed)
        queue.detach()
        if (supervision.failFast) queue.close(failure[1])
        // Also while the next attempt is still put off.
        yield* supervision.onState({ _tag: "Connecting", attempt: 1 })
        if (Duration.lessThan(failure[0], stable)) yield* lost(queue.address, failure[1])
      }).pipe(Effect.ensuring(Effect.sync(() => queue.detach())))
    )
    const giveUp = (error: OpenError): Effect.Effect<void> =>
      Effect.sync(() =>
        queue.close(
          error._tag === "ConnectionError"
            ? { _tag: "Connection", reason: error.reason, address: error.address, detail: error.detail }
            : { _tag: "Timeout", millis: error.millis, connected: false }
        )
      )
    yield* session.pipe(
      Effect.tapError((error) =>
        // Waiting will not mend refused credentials: those who wait are told at once.
        error._tag === "ConnectionError" && error.reason === "Auth" ? giveUp(error) : Effect.void
      ),
      // A client that never was is its maker's to try again: no connection is to come of it later.
      Effect.retry({ schedule: supervision.reconnect, while: () => started }),
      Effect.forever,
      Effect.catchAllCause((cause) =>
        Effect.zipRight(Deferred.failCause(first, cause), giveUp(final(endOf(queue.address, cause))))
      ),
      Effect.zipRight(supervision.onState({ _tag: "Closed" })),
      Effect.forkScoped
    )
    yield* Deferred.await(first)
  })

/** The last error when no attempt will follow: trying again is of no use. */
const final = (error: OpenError): OpenError =>
  error._tag === "ConnectionError" && error.reason !== "Auth"
    ? new ConnectionError({
        reason: "Closed",
        address: error.address,
        detail: `reconnecting was given up: ${error.reason}: ${error.detail}`,
        outcome: "NotSent"
      })
    : error
