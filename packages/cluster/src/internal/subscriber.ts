/**
 * A subscriber over a topology, made of subscribers of single nodes: one for its channels and patterns, and one for each
 * slot that has shard channels of it. They follow the map, and are made anew elsewhere when their node is lost.
 */
import { type Redis, RedisError, type RedisPubSub } from "@effect-resp/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Call, commandOf, Feed, keyOf, nameBytes, Teller } from "./feed.js"
import { SubscriberOutbox } from "./subscriberOutbox.js"
import { change, passes, restore } from "./subscriberRounds.js"
import { startTimer } from "./timer.js"

/** A node at which a slot's channels can be subscribed. */
export interface Site {
  readonly subscriber: Redis.RedisService["subscriber"]
  /** Whether its subscribers have a connection. */
  readonly isConnected: () => boolean
  /** Whether by the newest map it still is one. */
  readonly isCurrent: () => boolean
  /** Tells of an error that it gave. */
  readonly report: (error: RedisError.RedisError) => void
}

/** What subscribers need of the topology around them. */
export interface SubscriptionRouting {
  /**
   * Where a slot's channels (`undefined`: channels and patterns) are subscribed now. Its client is made if need be, and
   * does not wait for its server while that is away. Waits for nothing longer than one attempt.
   */
  readonly siteOf: (slot: number | undefined) => Effect.Effect<Site, RedisError.RedisError>
  /** Listens to changes of the map; gives the function that ends it. */
  readonly onChange: (listener: () => void) => () => void
  /** The client has ended: nothing more is to come. Told by `onChange`, too. */
  readonly isClosed: () => boolean
  /** For all names of a call to be confirmed, in milliseconds. */
  readonly commandTimeout: number
  /** Of a shard channel. */
  readonly slotOf: (name: RedisPubSub.Name) => number
}

interface Entry {
  readonly feed: Feed
  readonly fiber: Fiber.RuntimeFiber<void>
  /** Leaves the node that the feed is at, if the map says so. */
  leaveIfMoved: () => void
  /** The reader is behind with what came before the last loss. */
  behind: boolean
}

const strategies: ReadonlySet<string> = new Set(["suspend", "sliding", "dropping"])

/** Between attempts that follow each other. */
const pauses = Schedule.exponential("10 millis").pipe(Schedule.union(Schedule.spaced("500 millis")), Schedule.jittered)

/** What ends sooner counts as a failed attempt, so that nobody is hammered. */
const stable = Duration.seconds(1)

const refused = (reason: string) => new RedisError.CommandError({ reason, outcome: "NotSent" })

const closed = (detail: string) =>
  new RedisError.ConnectionError({ reason: "Closed", address: "subscriber", detail, outcome: "NotSent" })

const clientEnded = () => closed("the client's scope has ended")

/** Whether an inner subscriber that ended so never had a connection. */
const isUnreached = (error: RedisError.RedisError): boolean =>
  error._tag === "ConnectionError"
    ? error.reason !== "Lost"
    : error._tag === "TimeoutError" && error.phase === "Connect"

/** The names, each once, with their keys. */
const unique = (kind: RedisPubSub.SubscriptionKind, names: ReadonlyArray<RedisPubSub.Name>) => {
  const all = new Map<string, Uint8Array>()
  for (const name of names) {
    const bytes = nameBytes(name)
    all.set(keyOf(kind, bytes), bytes)
  }
  return all
}

/** Whether they are names: untyped code may give anything. */
const areNames = (names: ReadonlyArray<unknown>): boolean =>
  Array.isArray(names) && names.every((name) => typeof name === "string" || name instanceof Uint8Array)

/** Makes a subscriber, for a scope. Fails with a `CommandError` for a bad option. */
export const makeSubscriber = (
  routing: SubscriptionRouting,
  options: RedisPubSub.SubscriberOptions
): Effect.Effect<RedisPubSub.Subscriber, RedisError.RedisError, Scope.Scope> =>
  Effect.gen(function* () {
    const { capacity = 1_024, strategy = "suspend" } = options
    if (!(Number.isSafeInteger(capacity) && capacity >= 1)) {
      return yield* refused("capacity must be a whole number of at least 1")
    }
    if (!strategies.has(strategy)) return yield* refused(`strategy must be one of ${[...strategies].join(", ")}`)

    const scope = yield* Effect.scope
    const run = Runtime.runFork(yield* Effect.runtime<never>())
    const outbox = new SubscriberOutbox(capacity, strategy)
    // The outbox alone loses messages; those of inner subscribers go on to it at once, or wait.
    const innerOptions: RedisPubSub.SubscriberOptions = strategy === "suspend" ? { capacity } : {}
    const teller = new Teller(outbox)
    const feeds = new Map<number | undefined, Entry>()
    const calls = new Set<Call>()

    const close = (feed: Feed) => {
      const entry = feeds.get(feed.slot)
      if (entry?.feed !== feed) return
      feeds.delete(feed.slot)
      entry.fiber.unsafeInterruptAsFork(FiberId.none)
    }
    const fail = (error: RedisError.RedisError) => {
      outbox.fail(error)
      for (const call of [...calls]) call.finish(error)
      for (const { feed } of [...feeds.values()]) close(feed)
    }

    /** Gives on what the inner subscriber has. */
    const give = (feed: Feed, events: ReadonlyArray<RedisPubSub.Event<Uint8Array>>, lossy: boolean) => {
      for (const event of events) {
        if ("count" in event) feed.read(event)
        else if ("reason" in event) outbox.gap()
        else if (lossy) outbox.lose()
        else outbox.push(event)
      }
    }

    /** Until the inner subscriber fails. */
    const pump = (entry: Entry, inner: RedisPubSub.Subscriber): Effect.Effect<never, RedisError.RedisError> =>
      outbox.hasRoom.pipe(
        Effect.zipRight(inner.takeAll),
        Effect.map((events) => {
          entry.behind = false
          give(entry.feed, events, false)
        }),
        Effect.forever
      )

    /** Has at the node what the subscriber wants; the Gap tells that all is there again. */
    const update = (feed: Feed, inner: RedisPubSub.Subscriber): Effect.Effect<void, RedisError.RedisError> =>
      Effect.map(restore(feed, inner), (restored) => {
        if (restored) outbox.gap()
      })

    /** Has the feed at one node until it must be made anew, there or elsewhere. */
    const session = (entry: Entry): Effect.Effect<void, RedisError.RedisError> =>
      Effect.gen(function* () {
        const { feed } = entry
        const site = yield* routing.siteOf(feed.slot)
        let moved = false
        let wasConnected = true
        let takeRest: Effect.Effect<void> = Effect.void
        feed.isConnected = site.isConnected
        const serve = Effect.fnUntraced(function* (innerScope: Scope.CloseableScope) {
          const inner = yield* Scope.extend(site.subscriber(innerOptions), innerScope)
          entry.leaveIfMoved = () => {
            if (moved || site.isCurrent()) return
            moved = true
            wasConnected = site.isConnected()
            // A reader that is behind does not let the end of the inner subscriber be seen.
            feed.work.unsafeOpen()
            run(Scope.close(innerScope, Exit.void))
          }
          entry.leaveIfMoved()
          // The Gap comes before anything new.
          yield* update(feed, inner)
          feed.isUp = true
          // Once, also of a reader that is behind: the next loss is not to add to it.
          takeRest = Effect.ignore(
            Effect.map(inner.takeAll, (events) => {
              const { isFull } = outbox
              give(feed, events, isFull && entry.behind)
              entry.behind = isFull
            })
          )
          const work = feed.work.await.pipe(
            Effect.zipRight(
              Effect.suspend(() => {
                feed.work.unsafeClose()
                return Effect.zipRight(update(feed, inner), change(feed, inner))
              })
            ),
            Effect.repeat({ until: () => moved })
          )
          yield* Effect.raceFirst(pump(entry, inner), work)
        })
        const exit = yield* Effect.acquireUseRelease(Scope.make(), serve, Scope.close).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (!moved) wasConnected = !isUnreached(error)
            })
          ),
          Effect.exit
        )
        // With its scope the inner subscriber has ended, so this does not wait; it comes before anything of the next one.
        yield* takeRest
        feed.down(wasConnected)
        if (!moved) yield* Effect.tapError(exit, (error) => Effect.sync(() => site.report(error)))
      })

    const follow = (entry: Entry): Effect.Effect<void> =>
      Effect.flatMap(Schedule.driver(pauses), (pause) =>
        session(entry).pipe(
          Effect.catchAll((error) =>
            Effect.sync(() => {
              if (routing.isClosed()) return fail(clientEnded())
              if (passes(error)) return
              const { feed } = entry
              const isKept = [...feed.topics.values()].some(({ kept }) => kept)
              if (isKept) fail(error)
              else feed.abandon(error)
            })
          ),
          Effect.timed,
          Effect.flatMap(([lasted]) =>
            Duration.lessThan(lasted, stable) ? Effect.ignore(pause.next(undefined)) : pause.reset
          ),
          Effect.forever,
          // So that nobody is left waiting.
          Effect.catchAllDefect(() => Effect.sync(() => fail(closed("following the subscriptions ended in a defect"))))
        )
      )

    const feedOf = (slot: number | undefined): Feed => {
      const known = feeds.get(slot)
      if (known !== undefined) return known.feed
      const feed = new Feed(slot, teller, close)
      // Begun later, when the names are known.
      const fiber = run(
        Effect.suspend(() => follow(entry)),
        { scope, immediate: false }
      )
      const entry: Entry = { feed, fiber, leaveIfMoved: () => {}, behind: false }
      feeds.set(slot, entry)
      return feed
    }

    yield* Effect.acquireRelease(
      Effect.sync(() =>
        routing.onChange(() => {
          if (routing.isClosed()) return fail(clientEnded())
          for (const entry of feeds.values()) entry.leaveIfMoved()
        })
      ),
      (end) =>
        Effect.sync(() => {
          end()
          fail(closed("the subscriber's scope has ended"))
        })
    )

    /** Waits for a call, within the deadline. */
    const settle = (
      kind: RedisPubSub.SubscriptionKind,
      what: "subscribe" | "unsubscribe",
      begin: (call: Call) => void
    ): Effect.Effect<void, RedisError.RedisError> =>
      Effect.async((resume) => {
        if (outbox.failure !== undefined) return resume(Effect.fail(outbox.failure))
        const command = commandOf(kind, what)
        let timer: ReturnType<typeof setTimeout> | undefined
        const call = new Call((error) => {
          clearTimeout(timer)
          calls.delete(call)
          outbox.callEnds()
          resume(error === undefined ? Effect.void : Effect.fail(RedisError.withContext(error, { command })))
        })
        calls.add(call)
        outbox.callBegins()
        begin(call)
        const { commandTimeout: millis } = routing
        if (!call.finished) {
          timer = startTimer(() => {
            const where = call.mayBeSent
              ? ({ phase: "Reply", outcome: "Unknown" } as const)
              : ({ phase: "Connect", outcome: "NotSent" } as const)
            call.finish(new RedisError.TimeoutError({ ...where, millis, idempotent: true }))
          }, millis)
        }
        return Effect.sync(() => call.finish(closed("interrupted")))
      })

    const join = (kind: RedisPubSub.SubscriptionKind, names: ReadonlyArray<RedisPubSub.Name>) =>
      settle(kind, "subscribe", (call) => {
        for (const [key, name] of unique(kind, names)) {
          call.topics.add(feedOf(kind === "shard" ? routing.slotOf(name) : undefined).topic(kind, name, key))
        }
        for (const topic of call.topics) call.awaited.add(topic)
        for (const topic of call.topics) topic.feed.join(topic, call)
      })

    const leave = (kind: RedisPubSub.SubscriptionKind, names: ReadonlyArray<RedisPubSub.Name> | undefined) =>
      settle(kind, "unsubscribe", (call) => {
        if (names === undefined) {
          for (const { feed } of feeds.values()) {
            for (const topic of feed.topics.values()) if (topic.kind === kind && topic.isWanted) call.awaited.add(topic)
          }
        } else {
          for (const [key, name] of unique(kind, names)) {
            const topic = feeds.get(kind === "shard" ? routing.slotOf(name) : undefined)?.feed.topics.get(key)
            if (topic?.isWanted) call.awaited.add(topic)
            // The server, too, confirms what was not subscribed.
            else teller.tell({ kind, name }, "unsubscribe", 0)
          }
        }
        if (call.awaited.size === 0) return call.finish(undefined)
        for (const topic of [...call.awaited]) topic.feed.leave(topic, call)
      })

    return {
      subscribe: (kind, names) =>
        names.length === 0
          ? Effect.fail(refused("there must be at least one name"))
          : areNames(names)
            ? join(kind, names)
            : Effect.fail(refused("a name must be text or bytes")),
      unsubscribe: (kind, names) =>
        names === undefined || areNames(names)
          ? leave(kind, names)
          : Effect.fail(refused("a name must be text or bytes")),
      take: outbox.take,
      takeAll: outbox.takeAll,
      poll: (timeout) => outbox.poll(timeout)
    }
  })
