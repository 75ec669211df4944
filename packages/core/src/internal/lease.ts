/**
 * Connections that one user has alone for a while: transactions that watch, blocking commands, sessions.
 */
import * as Cause from "effect/Cause"
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { type Argument, type Command, define, keyRange, noKeys } from "../Command.js"
import { ConnectionError, type RedisError, TimeoutError } from "../RedisError.js"
import type { RedisService, Watching } from "../RedisService.js"
import * as Reply from "../Reply.js"
import { WatchError } from "../Transaction.js"
import { type Acquired, Acquisition, type Restore } from "./acquisition.js"
import { many } from "./arguments.js"
import { CommandQueue, type QueueLimits } from "./commandQueue.js"
import type { Connection } from "./connection.js"
import { type Connectivity, clientClosed } from "./connectivity.js"
import { Deadline } from "./deadline.js"
import { commandError, named } from "./failure.js"
import type { OpenError } from "./handshake.js"
import { LeasePool, type Member } from "./leasePool.js"
import { isBlocking, runCommand, runPipeline, runTransaction } from "./runner.js"
import { scanPages } from "./scanPages.js"

/** A pooled connection with its queue. */
interface Lease {
  readonly connection: Connection
  readonly queue: CommandQueue
  /** Its session is no longer as the handshake left it. */
  dirty: boolean
  watching: boolean
  /** How much had come in when it was given back. */
  received: number
}

const WATCH = define("WATCH", { keys: keyRange(1, -1), idempotent: true })
const UNWATCH = define("UNWATCH", { keys: noKeys })([], Reply.ok)

/** So long, in milliseconds, the end of a lease waits for UNWATCH: a new connection costs less than a silent server. */
const unwatchTimeout = 200

const makeLease = (
  open: Effect.Effect<Connection, OpenError, Scope.Scope>,
  limits: QueueLimits
): Effect.Effect<Lease, OpenError, Scope.Scope> =>
  Effect.map(open, (connection) => {
    // A blocked server is silent by design, so silence is no sign here.
    const queue = new CommandQueue(connection.address, { ...limits, watchdog: Number.POSITIVE_INFINITY })
    connection.listener = {
      onProgress: queue.schedule,
      onDrain: queue.schedule,
      onClose: (failure) => {
        queue.detach()
        queue.close(failure)
      }
    }
    queue.attach(connection)
    return { connection, queue, dirty: false, watching: false, received: connection.received }
  })

/** What a lease needs of the client around it. */
export interface LeaseOptions {
  readonly open: Effect.Effect<Connection, OpenError, Scope.Scope>
  readonly limits: QueueLimits
  readonly size: number
  readonly idleTimeout: number
  readonly connectivity: Connectivity
}

/** How one call differs from others of the same client. */
export interface Call {
  readonly commandTimeout: number
  readonly reserveTimeout: number
  /** Each command has ASKING before it: it is for a slot that its node is still importing. */
  readonly asking: boolean
}

/** A lease while it is lent. */
interface Loan extends Acquired<Watching> {
  readonly begin: (keys: ReadonlyArray<Argument>, timeout: number) => Effect.Effect<unknown, RedisError | WatchError>
}

/** What lends connections. */
export interface Leases {
  /** Lends a service that runs everything on one connection. */
  readonly reserve: (call: Call) => Effect.Effect<Watching, RedisError, Scope.Scope>
  /** The same, watching keys, which may take so many milliseconds. */
  readonly watch: (
    keys: ReadonlyArray<Argument>,
    call: Call,
    timeout: number
  ) => Effect.Effect<Watching, RedisError | WatchError, Scope.Scope>
  /** Ends what waits for one at once, and what is lent after so long. */
  readonly close: (patience: DurationInput) => Effect.Effect<void>
}

/** The primitives that a lease shares with its client. */
type Rest = Omit<RedisService, "execute" | "pipeline" | "transaction">

/** The pool; what it lends is a service that runs everything on one connection. */
export const makeLeases = (options: LeaseOptions, rest: Rest): Effect.Effect<Leases, never, Scope.Scope> => {
  const { connectivity } = options
  const { address } = connectivity
  return Effect.map(
    LeasePool.make<Lease, RedisError>({
      open: makeLease(options.open, options.limits),
      // An idle connection that the server has closed is not lent, nor one on which bytes came that nobody asked for.
      isUsable: ({ connection, received }) => connection.ended === undefined && connection.received === received,
      size: options.size,
      idleTimeout: options.idleTimeout,
      closed: () => clientClosed(address)
    }),
    (pool) => {
      /** Waits for a lease, or for what it is made with. */
      const wait = ({ reserveTimeout: millis }: Call, restore: Restore): Effect.Effect<Member<Lease>, RedisError> =>
        Effect.suspend(() => {
          const late = () => new TimeoutError({ phase: "Reserve", millis, outcome: "NotSent" })
          const deadline = new Deadline<RedisError>(millis, late)
          return Effect.zipRight(restore(connectivity.connected(deadline)), pool.take(restore, deadline))
        })

      /** Lends one once it has begun; where that fails it is given back at once, however long the scope lasts. */
      const lend = <E>(call: Call, begin: (loan: Loan) => Effect.Effect<unknown, E>) =>
        new Acquisition((restore) => {
          const begun = (member: Member<Lease>): Effect.Effect<Loan, E> => {
            const loan = makeLoan(member.value, address, call, rest, (clean) => pool.giveBack(member, clean))
            return Effect.matchCauseEffect(restore(begin(loan)), {
              onFailure: (cause) => Effect.zipRight(loan.release, Effect.failCause(cause)),
              onSuccess: () => Effect.succeed(loan)
            })
          }
          return Effect.suspend((): Effect.Effect<Loan, E | RedisError> => {
            const idle = connectivity.isConnected ? pool.takeIdle() : undefined
            return idle === undefined ? Effect.flatMap(wait(call, restore), begun) : begun(idle)
          })
        })

      return {
        reserve: (call) => lend(call, () => Effect.void),
        watch: (keys, call, timeout) => lend(call, ({ begin }) => begin(keys, timeout)),
        close: (patience) => pool.close(patience)
      }
    }
  )
}

/** Whether a command, or one of a pipeline, was interrupted or timed out while it may have been running. */
const wasGivenUp = Exit.match({
  onFailure: (cause: Cause.Cause<RedisError>) =>
    Cause.isInterrupted(cause) || Option.exists(Cause.failureOption(cause), isUnanswered),
  onSuccess: (value: unknown) =>
    Array.isArray(value) &&
    value.some((slot) => Either.isEither(slot) && Either.isLeft(slot) && isUnanswered(slot.left))
})

const isUnanswered = (error: unknown): boolean => error instanceof TimeoutError && error.outcome === "Unknown"

const makeLoan = (
  lease: Lease,
  address: string,
  { asking, commandTimeout }: Call,
  rest: Rest,
  giveBack: (clean: boolean) => Effect.Effect<void>
): Loan => {
  let released = false
  const { connection, queue } = lease

  const ended = () =>
    new ConnectionError({ reason: "Closed", address, detail: "the lease has ended with its scope", outcome: "NotSent" })

  /** Runs on the lease while it lasts, after a look at what the commands would do to it. */
  const guarded = <A, E>(
    commands: ReadonlyArray<Command<unknown>>,
    run: () => Effect.Effect<A, E>
  ): Effect.Effect<A, E | RedisError> =>
    Effect.suspend((): Effect.Effect<A, E | RedisError> => {
      if (released) return Effect.fail(commands[0] === undefined ? ended() : named(ended(), commands[0]))
      for (const command of commands) {
        const { restriction } = command.definition
        if (restriction?.kind === "forbidden") return Effect.fail(commandError(restriction.advice, command))
        if (restriction?.kind === "session") lease.dirty = true
      }
      return run()
    })

  /** Whether it is so. A lease that cannot be cleaned is not used again. */
  const unwatched = (): Effect.Effect<boolean> => {
    lease.watching = false
    // Not behind a reply that is still due: nobody can interrupt this.
    return queue.idle
      ? Effect.isSuccess(runCommand(queue, UNWATCH, Math.min(unwatchTimeout, commandTimeout), false))
      : Effect.succeed(false)
  }

  const transaction: RedisService["transaction"] = (commands) =>
    guarded([], () => {
      if (lease.watching) {
        return Effect.fail(
          commandError("this connection is watching: return the commands from the body of Transaction.watch", UNWATCH)
        )
      }
      return commands.length === 0 ? Effect.succeed([]) : runTransaction(queue, commands, commandTimeout, asking)
    })

  const connectionReset = <E>(error: E): E | WatchError =>
    connection.ended === undefined ? error : new WatchError({ reason: "ConnectionReset", outcome: "NotSent" })

  const begin: Loan["begin"] = (keys, timeout) =>
    Effect.suspend(() => {
      lease.watching = true
      const watch = runCommand(queue, WATCH(many(keys, "keys"), Reply.ok), timeout, asking)
      return Effect.mapError(watch, connectionReset)
    })

  const commit: Watching["commit"] = (commands) =>
    guarded([], () =>
      Effect.matchEffect(runTransaction(queue, commands, commandTimeout, asking), {
        onFailure: (error) => {
          // These are EXEC's own word that the watch has ended. Other errors may be of one without MULTI, which ends none.
          if (error._tag === "ExecAbortError" || error._tag === "WatchError") lease.watching = false
          const isFinal = error.outcome !== "NotSent" || error._tag === "CommandError"
          return Effect.fail(isFinal ? error : connectionReset(error))
        },
        onSuccess: (slots) => {
          lease.watching = false
          return Effect.succeed(slots)
        }
      })
    )

  /** One that was given up while it blocks would take something later, for nobody. */
  const afterBlocking = (exit: Exit.Exit<unknown, RedisError>): Effect.Effect<void> =>
    Effect.sync(() => {
      if (!wasGivenUp(exit) || queue.idle) return
      const detail = "a blocking command on this lease was given up"
      connection.close({ _tag: "Connection", reason: "Closed", address, detail })
    })

  const { monitor, reserve, state, subscriber, watch } = rest
  const service: Watching = {
    // Each by its name: spread here they would take 4 us, for the engine copies property by property.
    subscriber,
    monitor,
    state,
    reserve,
    watch,
    execute: (command) =>
      guarded([command], () => {
        const run = runCommand(queue, command, commandTimeout, asking)
        return command.definition.blocking ? Effect.onExit(run, afterBlocking) : run
      }),
    pipeline: (commands) =>
      guarded(commands, () => {
        const run = runPipeline(queue, commands, commandTimeout, asking)
        return isBlocking(commands) ? Effect.onExit(run, afterBlocking) : run
      }),
    transaction,
    scan: (page) => scanPages((cursor) => service.execute(page(cursor))),
    commit,
    isAlive: () => connection.ended === undefined
  }

  const release = Effect.suspend(() => {
    released = true
    const end = (isUnwatched: boolean): Effect.Effect<void> => {
      lease.received = connection.received
      return giveBack(isUnwatched && connection.ended === undefined && queue.idle && !lease.dirty)
    }
    return lease.watching ? Effect.flatMap(unwatched(), end) : end(true)
  })
  return { value: service, begin, release }
}
