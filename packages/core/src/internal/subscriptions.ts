/**
 * The subscription connection: made when first needed, made anew when lost, gone when last used.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { CommandError, ConnectionError, inPart, type RedisError } from "../RedisError.js"
import type { Subscriber, SubscriberOptions } from "../RedisPubSub.js"
import type { Connection } from "./connection.js"
import { type Failure, failureError, named, withoutArguments } from "./failure.js"
import type { OpenError } from "./handshake.js"
import { grace } from "./lateness.js"
import { endOf, lost, stable } from "./multiplexer.js"
import { encodeCommand } from "./protocol/encoder.js"
import { SubscriberInbox } from "./subscriberInbox.js"
import { type Link, SubscriptionSet } from "./subscriptionSet.js"
import { areNames, badName, type Call, Member, subscriptionCommand } from "./topic.js"

/** What the subscription connection needs of the client around it. */
export interface SubscriptionsOptions {
  readonly address: string
  readonly open: Effect.Effect<Connection, OpenError, Scope.Scope>
  readonly reconnect: Schedule.Schedule<unknown, OpenError>
  readonly keepAlive: Duration.Duration
  /** For the server to confirm, and to answer a PING, in milliseconds. */
  readonly commandTimeout: number
  /** `fail`: all subscribers end with the connection; who subscribes next has a new one made. `wait` by default. */
  readonly whileDisconnected?: "wait" | "fail" | undefined
}

const strategies: ReadonlySet<string> = new Set(["suspend", "sliding", "dropping"])

/** The longest time a timer takes, in milliseconds; more is for ever. */
const longest = 2 ** 31 - 1

/** What ended a call, said of it: what ends all that wait does not know what was written of each. */
const saidOf = (call: Call, error: RedisError): RedisError => {
  const said = named(error, subscriptionCommand(call.command))
  return call.written && said.outcome === "NotSent" ? inPart(said) : said
}

/** Gives the connection to the set for as long as it lives. */
const serve = (connection: Connection, set: SubscriptionSet): Effect.Effect<Failure> =>
  Effect.async((resume) => {
    if (connection.ended !== undefined) return resume(Effect.succeed(connection.ended))
    const link: Link = {
      send: (commands) => {
        for (const words of commands) connection.writeUnpaired(encodeCommand(words))
        connection.flush()
      },
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      doubt: (reason) =>
        connection.close({ _tag: "Protocol", address: connection.address, reason: withoutArguments(reason) })
    }
    connection.listener = {
      onProgress: () => {},
      onDrain: () => {},
      onPush: (items) => set.receive(items),
      onOrphan: (value) => set.reply(value),
      onClose: (failure) => {
        set.disconnected(link)
        resume(Effect.succeed(failure))
      }
    }
    set.connected(link)
    return Effect.sync(() => set.disconnected(link))
  })

/** Finds a peer that is gone without a word. Silence while we do not read is no sign of that. */
const probe = (connection: Connection, set: SubscriptionSet, options: SubscriptionsOptions): Effect.Effect<never> => {
  let received = connection.received
  let pauses = set.pauses
  const isSilent = () => {
    const silent = connection.received === received && set.pauses === pauses && !set.paused
    received = connection.received
    pauses = set.pauses
    return silent
  }
  return Effect.sync(isSilent).pipe(
    Effect.delay(options.keepAlive),
    Effect.flatMap((silent) => {
      if (!silent) return Effect.void
      set.ping()
      return Effect.sync(() => {
        if (!isSilent()) return
        const { address } = connection
        connection.close({ _tag: "Connection", reason: "Lost", address, detail: "no answer to PING" })
      }).pipe(Effect.delay(grace), Effect.delay(options.commandTimeout))
    }),
    Effect.forever
  )
}

/** Subscribers that share one connection. */
export interface Subscriptions {
  readonly subscriber: (options: SubscriberOptions) => Effect.Effect<Subscriber, RedisError, Scope.Scope>
  readonly isConnected: () => boolean
}

export const makeSubscriptions = (options: SubscriptionsOptions): Effect.Effect<Subscriptions, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { address } = options
    const failFast = options.whileDisconnected === "fail"
    const closed = (detail: string) => new ConnectionError({ reason: "Closed", address, detail, outcome: "NotSent" })
    const run = Runtime.runFork(yield* Effect.runtime())
    const members = new Set<Member>()
    let fiber: Fiber.RuntimeFiber<void> | undefined
    let ended = false

    const session = Effect.scoped(
      Effect.flatMap(options.open, (connection) =>
        Effect.raceFirst(serve(connection, set), probe(connection, set, options)).pipe(
          Effect.timed,
          Effect.flatMap(([lasted, failure]) =>
            failFast || Duration.lessThan(lasted, stable) ? Effect.fail(lost(connection.address, failure)) : Effect.void
          )
        )
      )
    )
    const keepConnected = session.pipe(
      Effect.retry({
        schedule: options.reconnect,
        // Waiting will not mend refused credentials.
        while: (error) => !failFast && !(error._tag === "ConnectionError" && error.reason === "Auth")
      }),
      Effect.forever,
      // A defect included, so that nobody is left waiting.
      Effect.catchAllCause((cause) =>
        Effect.sync(() => {
          fiber = undefined
          set.expelAll(endOf(address, cause))
        })
      )
    )
    const set = new SubscriptionSet((needed) => {
      if (needed && fiber === undefined && !ended) fiber = run(keepConnected)
      else if (!needed) stop()
    }, !failFast)
    const stop = () => {
      const running = fiber
      fiber = undefined
      set.disconnected()
      running?.unsafeInterruptAsFork(FiberId.none)
      return running
    }
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        ended = true
        for (const member of [...members]) set.expel(member, closed("the client's scope has ended"))
        const running = stop()
        return running === undefined ? Effect.void : Fiber.await(running)
      })
    )

    /** Waits for a call, within the deadline. Interrupted, it is undone. */
    const settle = (member: Member, begin: (done: Call["done"]) => Call): Effect.Effect<void, RedisError> =>
      Effect.async((resume) => {
        if (member.inbox.failure !== undefined) return resume(Effect.fail(member.inbox.failure))
        let timer: ReturnType<typeof setTimeout> | undefined
        const call = begin((error) => {
          clearTimeout(timer)
          resume(error === undefined ? Effect.void : Effect.fail(saidOf(call, error)))
        })
        const abandon = (failure: Failure) =>
          set.abandon(call, failureError(failure, call.written, subscriptionCommand(call.command)))
        const { commandTimeout: millis } = options
        if (!call.finished && millis <= longest) {
          timer = setTimeout(() => {
            timer = setTimeout(() => abandon({ _tag: "Timeout", millis, connected: set.isConnected }), grace)
          }, millis)
        }
        return Effect.sync(() => set.abandon(call, closed("interrupted")))
      })

    const subscriber = (member: Member): Subscriber => ({
      subscribe: (kind, names) =>
        names.length === 0
          ? Effect.fail(new CommandError({ reason: "there must be at least one name", outcome: "NotSent" }))
          : !areNames(names)
            ? Effect.fail(badName())
            : settle(member, (done) => set.join(member, kind, names, done)),
      unsubscribe: (kind, names) =>
        names !== undefined && !areNames(names)
          ? Effect.fail(badName())
          : settle(member, (done) => set.leave(member, kind, names, done)),
      take: member.inbox.take,
      takeAll: member.inbox.takeAll,
      poll: (timeout) => member.inbox.poll(timeout)
    })

    const make: Subscriptions["subscriber"] = ({ capacity = 1_024, strategy = "suspend" }) => {
      if (!(Number.isSafeInteger(capacity) && capacity >= 1)) {
        return Effect.fail(
          new CommandError({ reason: "capacity must be a whole number of at least 1", outcome: "NotSent" })
        )
      }
      if (!strategies.has(strategy)) {
        const reason = `strategy must be one of ${[...strategies].join(", ")}`
        return Effect.fail(new CommandError({ reason, outcome: "NotSent" }))
      }
      return Effect.acquireRelease(
        Effect.sync(() => {
          const inbox = new SubscriberInbox(capacity, strategy, () => set.onFlow(member))
          const member = new Member(inbox)
          if (ended) inbox.fail(closed("the client's scope has ended"))
          members.add(member)
          return member
        }),
        (member) =>
          Effect.sync(() => {
            members.delete(member)
            set.expel(member, closed("the subscriber's scope has ended"))
          })
      ).pipe(Effect.map(subscriber))
    }
    return { subscriber: make, isConnected: () => set.isConnected }
  })
