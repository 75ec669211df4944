import { Redis, RedisPubSub } from "@effect-resp/core"
import { Chunk, Effect, Fiber, Option, Stream } from "effect"
import { must, run, type Section, show, tell } from "./show.js"

/** A message in a line. */
const line = (event: RedisPubSub.Event): string => {
  if (event.type === "gap") return `gap: ${event.reason}`
  if ("count" in event) return `${event.type} ${event.channel}, count ${event.count}`
  const through = Option.match(event.pattern, { onNone: () => "", onSome: (pattern) => ` by ${pattern}` })
  return `${event.type} on ${event.channel}${through}: ${event.data}`
}

export const streams: Section = {
  title: "Publish and subscribe: messages as Streams",
  about: "A scoped subscription is there when the server has confirmed it, so nothing published after it is lost.",
  body: Effect.gen(function* () {
    const messages = yield* RedisPubSub.subscribed({ channels: "my-first-channel", patterns: "my-*" })
    yield* run(`Redis.publish("my-first-channel", "some data")`, Redis.publish("my-first-channel", "some data"))
    const received = Chunk.toReadonlyArray(yield* messages.pipe(Stream.take(2), Stream.runCollect))
    yield* Effect.forEach(received, (message) => tell("  received", line(message)))
    yield* run(`Redis.pubsubNumsub(["my-first-channel", "nobody"])`, Redis.pubsubNumsub(["my-first-channel", "nobody"]))
    yield* run("Redis.pubsubChannels(), Redis.pubsubNumpat", Effect.all([Redis.pubsubChannels(), Redis.pubsubNumpat]))
    yield* must(received.length === 2, "a message comes once for the channel and once for the pattern")

    const sharded = yield* RedisPubSub.subscribed({ shardChannels: "orders" })
    yield* run(`Redis.spublish("orders", "order 1")   (sharded)`, Redis.spublish("orders", "order 1"))
    const order = Option.getOrThrow(yield* Stream.runHead(sharded))
    yield* tell("  received", line(order))
    yield* run("Redis.pubsubShardnumsub(…)", Redis.pubsubShardnumsub(["orders"]))

    const bytes = yield* RedisPubSub.subscribed({ channels: "raw" }, { bytes: true })
    yield* Redis.publish("raw", new Uint8Array([0, 255]))
    const raw = Option.getOrThrow(yield* Stream.runHead(bytes))
    yield* show(`RedisPubSub.subscribed({ channels: "raw" }, { bytes: true })`, raw.data)
  }).pipe(Effect.scoped)
}

export const handles: Section = {
  title: "A handle: change subscriptions while reading, with handlers",
  about: "take, poll, stream and run: what other clients call listen, get_message and run_in_thread.",
  body: Effect.gen(function* () {
    const pubSub = yield* RedisPubSub.make<string>()
    yield* pubSub.subscribe(["news", ["logs", (message) => tell("  the handler of logs", message.data)]])
    yield* tell(`pubSub.subscribe(["news", ["logs", handler]]), pubSub.take`, line(yield* pubSub.take))
    yield* tell("pubSub.take", line(yield* pubSub.take))
    yield* Redis.publish("logs", "awesome data")
    yield* Redis.publish("news", "hello")
    yield* tell("pubSub.take: what has a handler goes there", line(yield* pubSub.take))
    yield* run("pubSub.poll()   (get_message: at once)", pubSub.poll())
    yield* run(`pubSub.poll({ timeout: "20 millis" })`, pubSub.poll({ timeout: "20 millis" }))
    yield* pubSub.unsubscribe("news")
    yield* tell(`pubSub.unsubscribe("news")`, line(yield* pubSub.take))

    yield* pubSub.subscribe({
      jobs: ({ data }) => (data === "bad" ? Effect.fail(`cannot do ${data}`) : tell("  done", data))
    })
    const running = yield* Effect.fork(
      pubSub.run({
        onError: (cause) =>
          Effect.as(tell("  onError decides: continue or stop", `${cause._tag}, stop`), "stop" as const)
      })
    )
    yield* Effect.forEach(["job 1", "job 2", "bad"], (job) => Redis.publish("jobs", job))
    yield* Fiber.join(running)
    yield* tell("pubSub.run({ onError }), forked", "ended")
  }).pipe(Effect.scoped)
}

export const gaps: Section = {
  title: "Subscriptions come back, and say what may be missing",
  about: "Messages published while the connection was down are lost, as the server does it. A Gap says so.",
  body: Effect.gen(function* () {
    const fiber = yield* RedisPubSub.events({ channels: "prices" }).pipe(
      Stream.tap((event) => tell("  event", line(event))),
      Stream.takeUntil((event) => event.type === "message" && event.data === "2"),
      Stream.runCollect,
      Effect.fork
    )
    const published = (price: number) =>
      Redis.publish("prices", price).pipe(Effect.delay("5 millis"), Effect.repeat({ until: (count) => count > 0 }))
    yield* published(1)
    yield* run(`Redis.clientKill({ type: "pubsub" })`, Redis.clientKill({ type: "pubsub" }))
    yield* published(2)
    const events = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
    yield* must(
      events.some((event) => event.type === "gap" && event.reason === "Reconnected"),
      "a reconnect shows as a Gap"
    )

    const messages = yield* RedisPubSub.make({ capacity: 2, strategy: "sliding", ignoreConfirmations: true })
    yield* messages.subscribe("ticks")
    yield* Effect.forEach([1, 2, 3, 4, 5], (tick) => Redis.publish("ticks", tick), { discard: true })
    yield* Effect.sleep("20 millis")
    yield* tell("a buffer of two, sliding, after five messages:", "")
    const seen = yield* Effect.all([messages.take, messages.take, messages.take])
    yield* Effect.forEach(seen, (event) => tell("  event", line(event)))
  }).pipe(Effect.scoped)
}
