/** Subscribers that come and go, and hold what they get against what was published. */
import { Redis, RedisPubSub } from "@effect-resp/core"
import { Effect, Either, Option, Stream } from "effect"
import type { Reader } from "./Feed.js"
import type { Worker } from "./works.js"

/** What a feed is subscribed to by. */
interface Topic {
  readonly kind: keyof RedisPubSub.Topics
  readonly channel: string
}

/** One subscriber of a limited life to some channels; their patterns are such that they match nothing else. */
export const subscribe = ({ dice, job, world }: Worker, topics: ReadonlyArray<Topic>): Effect.Effect<void> => {
  const { journal, redis } = world
  const strategy = dice.pick(["suspend", "sliding", "dropping"] as const)
  // Who may lose nothing and is slow makes all others wait.
  const slow = strategy !== "suspend" && dice.chance(0.3) ? dice.between(1, 6) : 0
  const names = (wanted: Topic["kind"]) => topics.flatMap(({ channel, kind }) => (kind === wanted ? [channel] : []))
  // What waits in a long queue of somebody slow is seconds old.
  const capacity = dice.pick(slow > 0 ? [1, 16] : [1, 16, 1_024])
  const who = `${job.work} ${strategy} ${capacity} ${slow}`
  const life = Effect.suspend(() => {
    const readers = new Map(
      topics.map(({ channel }) => [channel, journal.feed(channel, world.missesAreSeen(channel)).join(who)])
    )
    const patterns = names("patterns").map((channel) => `${channel.slice(0, -1)}?`)
    const events = RedisPubSub.events(
      { channels: names("channels"), patterns, shardChannels: names("shardChannels") },
      { strategy, capacity }
    )
    return Stream.runForEach(events, (event) => {
      if (event.type === "gap") for (const reader of readers.values()) reader.gap()
      else if ("count" in event) readers.get(event.channel.replace("?", "r"))?.confirmed()
      else if (readers.has(event.channel)) readers.get(event.channel)!.message(event)
      else journal.accuse(`${event.data} came on ${event.channel}, which nobody subscribed to`)
      return slow === 0 ? Effect.void : Effect.sleep(slow)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          for (const reader of readers.values()) reader.leave()
        })
      )
    )
  }).pipe(Effect.provideService(Redis.Redis, redis))
  const patience = dice.pick([0, 5, 200, 1_000, 4_000])
  const limit = Number.POSITIVE_INFINITY
  return Effect.zipRight(Effect.sleep(10), Effect.asVoid(journal.attempt({ kind: job.work, limit, patience }, life)))
}

/** One handle of a limited life, whose subscriptions change while it reads. */
export const handle = ({ dice, kind, world }: Worker, channels: ReadonlyArray<string>): Effect.Effect<void> => {
  const { journal, options, redis } = world
  const strategy = dice.pick(["suspend", "sliding", "dropping"] as const)
  const capacity = dice.pick([1, 1_024])
  const life = Effect.gen(function* () {
    const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true, strategy, capacity })
    const readers = new Map<string, Reader>()
    yield* Effect.addFinalizer(() => Effect.sync(() => readers.forEach((reader) => reader.leave())))
    const change = Effect.suspend(() => {
      const channel = dice.pick(channels)
      const reader = readers.get(channel)
      const act = reader === undefined ? pubSub.subscribe(channel) : pubSub.unsubscribe(channel)
      reader?.leave()
      // Who is interrupted before he could begin to unsubscribe has not done so.
      const attempt =
        reader === undefined ? kind(options.commandTimeout) : { kind: "handle", limit: options.commandTimeout }
      return Effect.flatMap(journal.attempt(attempt, act), (result) => {
        // Unsubscribed it is even where nobody has confirmed it.
        readers.delete(channel)
        if (reader !== undefined || Either.isLeft(result)) return Effect.void
        const joined = journal.feed(channel, world.missesAreSeen(channel)).join(`handle ${strategy} ${capacity}`)
        joined.confirmed()
        readers.set(channel, joined)
        return Effect.void
      })
    })
    const read = Effect.map(pubSub.poll({ timeout: 10 }), (event) => {
      if (Option.isNone(event)) return
      if (event.value.type === "gap") for (const reader of readers.values()) reader.gap()
      // What had come before it was unsubscribed from can still be read.
      else if ("data" in event.value) readers.get(event.value.channel)?.message(event.value)
    })
    for (let changes = dice.between(1, 10); changes > 0; changes--) {
      yield* change
      const { channels } = yield* pubSub.subscriptions
      if ([...channels].sort().join() !== [...readers.keys()].sort().join()) {
        journal.accuse(`subscribed to ${channels}, and not to ${[...readers.keys()]}`)
      }
      yield* Effect.repeatN(read, dice.between(0, 50))
    }
  }).pipe(Effect.scoped, Effect.provideService(Redis.Redis, redis))
  const limit = Number.POSITIVE_INFINITY
  return Effect.zipRight(
    Effect.sleep(10),
    Effect.asVoid(journal.attempt({ kind: "handle", limit, patience: 10_000 }, life))
  )
}
