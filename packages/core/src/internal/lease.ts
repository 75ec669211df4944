/**
 * Connections that one user has alone for a while: transactions that watch, blocking commands, sessions.
 */
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Argument, type Command, define, keyRange, noKeys } from "../Command.js"
import { ConnectionError, type RedisError, TimeoutError } from "../RedisError.js"
import type { RedisService, Watching } from "../RedisService.js"
import * as Reply from "../Reply.js"
import { WatchError } from "../Transaction.js"
import { many } from "./arguments.js"
import { CommandQueue, type QueueLimits } from "./commandQueue.js"
import type { Connection } from "./connection.js"
import { commandError, named } from "./failure.js"
import type { OpenError } from "./handshake.js"
import { LeasePool, type Loan } from "./leasePool.js"
import { runCommand, runPipeline, runTransaction } from "./runner.js"
import { scanPages } from "./scanPages.js"

/** A pooled connection with its queue. */
interface Lease {
  readonly connection: Connection
  readonly queue: CommandQueue
  /** Its session is no longer as the handshake left it. */
  dirty: boolean
  watching: boolean
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
    return { connection, queue, dirty: false, watching: false }
  })

/** What a lease needs of the client around it. */
export interface LeaseOptions {
  readonly open: Effect.Effect<Connection, OpenError, Scope.Scope>
  readonly limits: QueueLimits
  readonly size: number
  readonly idleTimeout: number
  /** Completes when the server can be reached, as far as the client knows. */
  readonly connected: Effect.Effect<void, RedisError>
  readonly address: string
}

/** How one call differs from others of the same client. */
export interface Call {
  readonly commandTimeout: number
  readonly reserveTimeout: number
  /** Each command has ASKING before it: it is for a slot that its node is still importing. */
  readonly asking: boolean
}

/** A lease before it watches. */
interface Reserved extends Watching {
  readonly begin: (keys: ReadonlyArray<Argument>, timeout: number) => Effect.Effect<void, RedisError | WatchError>
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
  const { address } = options
  return Effect.map(
    LeasePool.make<Lease, OpenError>({
      open: makeLease(options.open, options.limits),
      // An idle connection that the server has closed is not lent.
      isUsable: (lease) => lease.connection.ended === undefined,
      size: options.size,
      idleTimeout: options.idleTimeout,
      closed: () => clientClosed(address)
    }),
    (pool) => {
      const reserve = (call: Call): Effect.Effect<Reserved, RedisError, Scope.Scope> =>
        allOrNothing(
          options.connected.pipe(
            Effect.zipRight(pool.borrow((lease) => reservedService(lease, address, call, rest))),
            Effect.timeoutFail({
              duration: call.reserveTimeout,
              onTimeout: () => new TimeoutError({ phase: "Reserve", millis: call.reserveTimeout, outcome: "NotSent" })
            })
          )
        )
      return {
        reserve,
        watch: (keys, call, timeout) => allOrNothing(Effect.tap(reserve(call), (lease) => lease.begin(keys, timeout))),
        close: (patience) => pool.close(patience)
      }
    }
  )
}

/** In a scope of its own within the caller's, so that an attempt that fails gives back all that it had. */
const allOrNothing = <A, E>(acquire: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.scopeWith((scope) => Scope.fork(scope, ExecutionStrategy.sequential)),
      (scope) =>
        restore(Scope.extend(acquire, scope)).pipe(Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))))
    )
  )

/** What is told to those who come when the client has been closed, or has given up to reconnect. */
export const clientClosed = (address: string): ConnectionError =>
  new ConnectionError({ reason: "Closed", address, detail: "the client has ended", outcome: "NotSent" })

const reservedService = (
  lease: Lease,
  address: string,
  { asking, commandTimeout }: Call,
  rest: Rest
): Loan<Reserved> => {
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

  const unwatch: Effect.Effect<void> = Effect.suspend(() => {
    if (!lease.watching) return Effect.void
    lease.watching = false
    // Not behind a reply that is still due: nobody can interrupt this.
    const cleaned = queue.idle
      ? Effect.isSuccess(runCommand(queue, UNWATCH, Math.min(unwatchTimeout, commandTimeout), false))
      : Effect.succeed(false)
    // A lease that cannot be cleaned is not used again.
    return Effect.map(cleaned, (isClean) => {
      if (!isClean) lease.dirty = true
    })
  })

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

  const service: Reserved = {
    ...rest,
    execute: (command) => guarded([command], () => runCommand(queue, command, commandTimeout, asking)),
    pipeline: (commands) => guarded(commands, () => runPipeline(queue, commands, commandTimeout, asking)),
    transaction,
    scan: (page) => scanPages((cursor) => service.execute(page(cursor))),
    begin: (keys, timeout) =>
      Effect.suspend(() => {
        lease.watching = true
        const watch = runCommand(queue, WATCH(many(keys, "keys"), Reply.ok), timeout, asking)
        return Effect.mapError(Effect.asVoid(watch), connectionReset)
      }),
    commit: (commands) =>
      guarded([], () =>
        runTransaction(queue, commands, commandTimeout, asking).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => {
              // EXEC ends the watch whatever it answers; refused before it was sent, the watch still stands.
              lease.watching =
                Exit.isFailure(exit) && (exit.cause._tag !== "Fail" || exit.cause.error.outcome === "NotSent")
            })
          ),
          Effect.mapError((error) =>
            error.outcome === "NotSent" && error._tag !== "CommandError" ? connectionReset(error) : error
          )
        )
      ),
    isAlive: () => connection.ended === undefined
  }

  const release = Effect.suspend(() => {
    released = true
    return Effect.map(unwatch, () => connection.ended === undefined && queue.idle && !lease.dirty)
  })
  return { service, release }
}
