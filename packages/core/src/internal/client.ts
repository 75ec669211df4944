/**
 * One server's client: its three kinds of connections behind the primitives.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Command } from "../Command.js"
import type { Client, Credentials, Options, Runner } from "../ConnectionPool.js"
import type { CommandError, ConnectionError, RedisError, TimeoutError } from "../RedisError.js"
import type { RedisService } from "../RedisService.js"
import type { Connector } from "../Transport.js"
import { CommandQueue, type QueueLimits } from "./commandQueue.js"
import type { Connection } from "./connection.js"
import { Connectivity, clientClosed } from "./connectivity.js"
import { commandError, type Failure, named } from "./failure.js"
import { authenticate, openConnection, type Setup } from "./handshake.js"
import { type Call, type Leases, makeLeases } from "./lease.js"
import { openMonitor } from "./monitor.js"
import { supervise } from "./multiplexer.js"
import { credentialsOf, invalidOption } from "./options.js"
import { isBlocking, preparePipeline, runCommand, runPipeline, runTransaction } from "./runner.js"
import { scanPages } from "./scanPages.js"
import { atEnd, patiently } from "./scopeEnd.js"
import { makeSubscriptions } from "./subscriptions.js"

const defaultReconnect = Schedule.exponential("50 millis").pipe(
  Schedule.union(Schedule.spaced("2 seconds")),
  Schedule.jittered
)

const sameCredentials = (a: Credentials | undefined, b: Credentials | undefined): boolean =>
  a?.username === b?.username && Equal.equals(a && Redacted.value(a.password), b && Redacted.value(b.password))

/** Authenticates live connections again when the credentials have changed. */
const watchCredentials = (
  current: Effect.Effect<Credentials | undefined, unknown>,
  interval: Duration.DurationInput,
  live: Map<Connection, Credentials | undefined>,
  timeout: number
) => {
  const renew = (connection: Connection, known: Credentials | undefined, credentials: Credentials) => {
    live.set(connection, credentials)
    // A connection that is blocked answers later: nobody waits for it.
    return authenticate(connection, credentials).pipe(
      Effect.timeout(timeout),
      Effect.catchTag("ConnectionError", (error) => {
        // Refused: another attempt at the next interval.
        if (live.has(connection)) live.set(connection, known)
        return connection.ended === undefined
          ? Effect.logWarning(`cannot authenticate again: ${error.message}`)
          : Effect.void
      }),
      Effect.ignore
    )
  }
  return Effect.flatMap(current, (credentials) =>
    credentials === undefined
      ? Effect.void
      : Effect.forEach(
          [...live].filter(([, known]) => !sameCredentials(known, credentials)),
          ([connection, known]) => renew(connection, known, credentials),
          { concurrency: "unbounded", discard: true }
        )
  ).pipe(
    // What went wrong may quote the credentials.
    Effect.catchAllCause(() => Effect.logDebug("the credentials could not be had")),
    Effect.delay(interval),
    Effect.forever
  )
}

/** See `ConnectionPool.make`. */
export const makeClient = (
  connector: Connector,
  options: Options = {}
): Effect.Effect<Client, ConnectionError | TimeoutError | CommandError, Scope.Scope> =>
  Effect.gen(function* () {
    const invalid = invalidOption(options)
    if (invalid !== undefined) return yield* invalid
    const { address } = connector
    const commandTimeout = Duration.toMillis(options.commandTimeout ?? "5 seconds")
    const failFast = options.whileDisconnected === "fail"
    const limits: QueueLimits = {
      maxInFlight: options.maxInFlight ?? 16_384,
      maxInFlightBytes: options.maxInFlightBytes ?? 16 * 1024 * 1024,
      maxWaiting: options.maxWaiting ?? 1_000_000,
      maxWaitingBytes: options.maxWaitingBytes ?? 256 * 1024 * 1024,
      watchdog: Duration.toMillis(options.watchdog ?? "10 seconds")
    }
    const setup: Setup = {
      protocol: options.protocol,
      credentials: credentialsOf(options),
      database: options.database ?? 0,
      clientName: options.clientName,
      readOnly: options.readOnly ?? false,
      connectTimeout: Duration.toMillis(options.connectTimeout ?? "5 seconds")
    }
    const reconnect = options.reconnect ?? defaultReconnect
    // With what each has authenticated. Subscribers and monitors are not among them: there an AUTH in between would be
    // taken for another reply, and they authenticate when they are made anew.
    const live = new Map<Connection, Credentials | undefined>()
    const open = Effect.suspend(() => {
      let used: Credentials | undefined
      const credentials = Effect.tap(setup.credentials, (now) => {
        used = now
      })
      return Effect.tap(openConnection(connector, { ...setup, credentials }), (opened) =>
        Effect.suspend(() => {
          live.set(opened, used)
          return atEnd(Effect.sync(() => live.delete(opened)))
        })
      )
    })

    const connectivity = yield* Connectivity.make(address, failFast)
    const queues = yield* Effect.forEach(Array.from({ length: options.connections ?? 1 }), (_, index) =>
      Effect.gen(function* () {
        const queue = new CommandQueue(address, limits)
        yield* supervise(queue, {
          open,
          reconnect,
          keepAlive: Duration.decode(options.keepAlive ?? "15 seconds"),
          probeTimeout: Duration.millis(limits.watchdog),
          failFast,
          onState: (next) => (index > 0 ? Effect.void : connectivity.set(next))
        })
        return queue
      })
    )
    if (Effect.isEffect(options.credentials)) {
      yield* Effect.forkScoped(
        watchCredentials(
          // One that never answers is asked again at the next interval.
          Effect.timeout(setup.credentials, setup.connectTimeout),
          options.credentialsInterval ?? "1 minute",
          live,
          commandTimeout
        )
      )
    }

    let turn = 0
    const nextQueue = (): CommandQueue => {
      // In turn, passing over those that are not connected while another is.
      for (let tries = queues.length; tries > 0; tries--) {
        const queue = queues[turn++ % queues.length]!
        if (queue.attached) return queue
      }
      return queues[turn % queues.length]!
    }
    /** Chosen anew each time it runs, so that what is tried again is not tied to one. */
    const onNextQueue = <A, E>(run: (queue: CommandQueue) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
      queues.length === 1 ? run(queues[0]!) : Effect.suspend(() => run(nextQueue()))

    const subscriptions = yield* makeSubscriptions({
      address,
      open: openConnection(connector, setup, { allBytes: true }),
      reconnect,
      keepAlive: Duration.decode(options.keepAlive ?? "15 seconds"),
      commandTimeout,
      whileDisconnected: options.whileDisconnected
    })
    const monitors = new Set<Connection>()
    const ending = yield* Deferred.make<never, ConnectionError>()
    const monitorConnection = Effect.suspend(() =>
      connectivity.isClosed
        ? Effect.fail(clientClosed(address))
        : Effect.tap(Effect.raceFirst(openConnection(connector, setup), Deferred.await(ending)), (opened) => {
            monitors.add(opened)
            return atEnd(Effect.sync(() => monitors.delete(opened)))
          })
    )
    const usual: Call = {
      commandTimeout,
      reserveTimeout: Duration.toMillis(options.reserveTimeout ?? "5 seconds"),
      asking: false
    }
    const rest: Omit<RedisService, "execute" | "pipeline" | "transaction"> = {
      subscriber: subscriptions.subscriber,
      monitor: openMonitor(monitorConnection, commandTimeout),
      state: connectivity.state,
      reserve: () => leases.reserve(usual),
      watch: (keys) => leases.watch(keys, usual, commandTimeout),
      scan: (page) => scanPages((cursor) => service.execute(page(cursor)))
    }
    const leases: Leases = yield* makeLeases(
      {
        open,
        limits,
        size: options.maxReserved ?? 64,
        idleTimeout: Duration.toMillis(options.reservedIdleTimeout ?? "1 minute"),
        connectivity
      },
      rest
    )
    const { closeTimeout = "1 second" } = options
    yield* Effect.addFinalizer(() =>
      connectivity.set({ _tag: "Closed" }).pipe(
        Effect.zipRight(Deferred.fail(ending, clientClosed(address))),
        Effect.zipRight(
          Effect.sync(() => {
            for (const monitor of monitors) monitor.close(closedFailure(address))
          })
        ),
        Effect.zipRight(
          Effect.all([leases.close(closeTimeout), ...queues.map((queue) => drain(queue, closeTimeout))], {
            concurrency: "unbounded",
            discard: true
          })
        )
      )
    )

    const runner = (call: Call): Runner => {
      const { asking, commandTimeout } = call
      // The call is over when it has its lease, whose commands are calls of their own.
      const lent: Call = { ...call, commandTimeout: usual.commandTimeout }
      const onLease = <A>(run: (lease: RedisService) => Effect.Effect<A, RedisError>): Effect.Effect<A, RedisError> =>
        Effect.scoped(Effect.flatMap(leases.reserve(call), run))
      return {
        execute: (command) => {
          const { blocking, restriction } = command.definition
          if (restriction !== undefined) return Effect.fail(commandError(restriction.advice, command))
          return blocking
            ? Effect.mapError(
                onLease((lease) => lease.execute(command)),
                (error) => named(error, command)
              )
            : onNextQueue((queue) => runCommand(queue, command, commandTimeout, asking))
        },
        pipeline: (commands) => {
          const error = refused(commands)
          if (error !== undefined) return Effect.fail(error)
          return isBlocking(commands)
            ? onLease((lease) => lease.pipeline(commands))
            : onNextQueue((queue) => runPipeline(queue, commands, commandTimeout, asking))
        },
        transaction: (commands) =>
          commands.length === 0
            ? Effect.succeed([])
            : onNextQueue((queue) => runTransaction(queue, commands, commandTimeout, asking)),
        reserve: () => leases.reserve(lent),
        watch: (keys) => leases.watch(keys, lent, commandTimeout)
      }
    }
    const service: Client = {
      ...rest,
      ...runner(usual),
      address,
      calling: ({ asking = false, timeout = commandTimeout }) =>
        runner({ asking, commandTimeout: timeout, reserveTimeout: Math.min(usual.reserveTimeout, timeout) }),
      isListening: subscriptions.isConnected,
      prepare: (commands) =>
        isBlocking(commands) || refused(commands) !== undefined
          ? undefined
          : preparePipeline(nextQueue(), commands, commandTimeout)
    }
    return service
  })

/** Why commands cannot be a pipeline on a connection that others share. */
const refused = (commands: ReadonlyArray<Command<unknown>>): CommandError | undefined => {
  for (let position = 0; position < commands.length; position++) {
    const command = commands[position]!
    const { restriction } = command.definition
    if (restriction !== undefined && restriction.kind !== "writes") {
      return commandError(restriction.advice, command, position)
    }
  }
}

const closedFailure = (address: string): Failure => ({
  _tag: "Connection",
  reason: "Closed",
  address,
  detail: "the client's scope has ended"
})

/** Lets what is in flight get its replies, for a while; what has not been written fails. */
const drain = (queue: CommandQueue, closeTimeout: Duration.DurationInput): Effect.Effect<void> =>
  Effect.suspend(() => {
    queue.end(closedFailure(queue.address))
    return patiently(() => queue.idle, closeTimeout)
  })
