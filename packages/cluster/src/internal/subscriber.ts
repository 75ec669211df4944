/**
 * A subscriber over a topology, made of subscribers of single nodes: one for its channels and patterns, and one for each
 * slot that has shard channels of it. They follow the map, and are made anew elsewhere when their node is lost.
 */
import { type Redis, RedisError, type RedisPubSub } from "@effect-resp/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Call, commandOf, Feed, keyOf, nameBytes, Teller } from "./feed.js"
import { SubscriberOutbox } from "./subscriberOutbox.js"
import { change, passes, restore } from "./subscriberRounds.js"

/** What subscribers need of the topology around them. */
export interface SubscriptionRouting {
  /**
   * The client of the node at which a slot's channels (`undefined`: channels and patterns) are subscribed now, made if
   * need be. It does not wait for its server while that is away. Waits for nothing longer than one attempt.
   */
  readonly clientFor: (
    slot: number | undefined
  ) => Effect.Effect<Redis.RedisService & { readonly address: string }, RedisError.RedisError>
  /** Whether that node still is one at which the slot may be subscribed, by the newest map. */
  readonly accepts: (slot: number | undefined, address: string) => boolean
  /** Tells of an error that a node gave, or that came on the way to it. */
  readonly report: (error: RedisError.RedisError, from: string) => Effect.Effect<void>
  /** Listens to changes of the map; gives the function that ends it. */
  readonly onChange: (listener: () => void) => () => void
  /** The client has ended: nothing more is to come. Told by `onChange`, too. */
  readonly isClosed: () => boolean
  /** For all names of a call to be confirmed, in milliseconds. */
  readonly commandTimeout: number
  /** Of a shard channel. */
  readonly slotOf: (name: RedisPubSub.Name) => number
}

declare function setTimeout(run: () => void, millis: number): unknown
declare function clearTimeout(timer: unknown): void

/** The longest time a timer takes, in milliseconds; more is for ever. */
const longest = 2 ** 31 - 1

/** Where a feed is. */
interface Place {
  readonly address: string
  /** It has been left, because the map says so. */
  moved: boolean
  readonly leave: () => void
}

interface Entry {
  readonly feed: Feed
  readonly fiber: Fiber.RuntimeFiber<void>
  place: Place | undefined
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
    const outbox = new SubscriberOutbox(capacity)
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
    const leaveIfMoved = ({ feed, place }: Entry) => {
      if (place !== undefined && !place.moved && !routing.accepts(feed.slot, place.address)) place.leave()
    }

    /** Gives on what the inner subscriber has, until that fails and has nothing more. */
    const pump = (feed: Feed, inner: RedisPubSub.Subscriber): Effect.Effect<never, RedisError.RedisError> =>
      outbox.hasRoom.pipe(
        Effect.zipRight(inner.takeAll),
        Effect.map((events) => {
          for (const event of events) {
            if ("count" in event) feed.read(event)
            else if ("reason" in event && event.reason === "Reconnected") outbox.gap()
            else outbox.push(event)
          }
        }),
        Effect.forever
      )

    /** Has the feed at one node until it must be made anew, there or elsewhere. */
    const session = (entry: Entry): Effect.Effect<void, RedisError.RedisError> =>
      Effect.gen(function* () {
        const { feed } = entry
        const client = yield* routing.clientFor(feed.slot)
        let pumping: Fiber.RuntimeFiber<never, RedisError.RedisError> | undefined
        const serve = Effect.fnUntraced(function* (innerScope: Scope.CloseableScope) {
          const inner = yield* Scope.extend(client.subscriber(options), innerScope)
          const place: Place = {
            address: client.address,
            moved: false,
            leave: () => {
              place.moved = true
              run(Scope.close(innerScope, Exit.void))
            }
          }
          entry.place = place
          leaveIfMoved(entry)
          // The Gap comes when all is there again, so that what is read then is up to date, and before anything new.
          if (yield* restore(feed, inner)) outbox.gap()
          feed.isUp = true
          let ended = false
          pumping = yield* pump(feed, inner).pipe(
            Effect.ensuring(
              Effect.sync(() => {
                ended = true
                feed.work.unsafeOpen()
              })
            ),
            Effect.forkIn(scope)
          )
          for (;;) {
            yield* feed.work.await
            if (ended) return
            feed.work.unsafeClose()
            if (yield* restore(feed, inner)) outbox.gap()
            yield* change(feed, inner)
          }
        })
        const exit = yield* Effect.exit(Effect.acquireUseRelease(Scope.make(), serve, Scope.close))
        // With its scope the inner subscriber has ended: what it still has comes before anything of the next one.
        const end = pumping === undefined ? Exit.void : yield* Fiber.await(pumping)
        feed.down()
        if (entry.place?.moved) return
        yield* exit
        yield* end
      })

    const follow = (entry: Entry): Effect.Effect<void> =>
      Effect.flatMap(Schedule.driver(pauses), (pause) =>
        Effect.suspend(() => {
          entry.place = undefined
          return session(entry)
        }).pipe(
          Effect.catchAll((error) => {
            const { feed, place } = entry
            if (routing.isClosed()) return Effect.sync(() => fail(clientEnded()))
            if (passes(error)) return place === undefined ? Effect.void : routing.report(error, place.address)
            return Effect.sync(() => {
              const isKept = [...feed.topics.values()].some(({ kept }) => kept)
              if (isKept) fail(error)
              else feed.abandon(error)
            })
          }),
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
      const entry: Entry = { feed, fiber, place: undefined }
      feeds.set(slot, entry)
      return feed
    }

    yield* Effect.acquireRelease(
      Effect.sync(() =>
        routing.onChange(() => {
          if (routing.isClosed()) return fail(clientEnded())
          for (const entry of feeds.values()) leaveIfMoved(entry)
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
        let timer: unknown
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
        if (!call.finished && millis <= longest) {
          timer = setTimeout(() => {
            const isReached = [...call.awaited].every(({ feed }) => feed.isUp)
            const where = isReached
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
