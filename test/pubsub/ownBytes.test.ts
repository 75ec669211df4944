import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import { Chunk, Effect, Fiber, Option, Stream } from "effect"
import { redisLayer } from "../support/redis.js"
import { eventually } from "./eventually.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (value: string) => new TextEncoder().encode(value)

/** What a program may do with bytes that it was given. */
const uses: ReadonlyArray<readonly [string, (message: RedisPubSub.Message<Uint8Array>) => void]> = [
  [
    "writes over",
    ({ channel, data, pattern }) => [channel, data, ...Option.toArray(pattern)].map((all) => all.fill(42))
  ],
  ["transfers", ({ data }) => void structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] })]
]

const reconnect = Effect.fnUntraced(function* (watch: RedisPubSub.RedisPubSub) {
  yield* Command.make(["CLIENT", "KILL", "TYPE", "pubsub"])
  while ((yield* watch.take).type !== "gap") {}
})

describe.each([2, 3] as const)("bytes that subscribers were given, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    for (const [what, use] of uses) {
      it.scoped(`what one ${what} the others have as it came, text or bytes`, () =>
        Effect.gen(function* () {
          const topics = { channels: "news", patterns: "n*" }
          const using = yield* RedisPubSub.subscribed(topics, { bytes: true })
          const asText = yield* RedisPubSub.subscribed(topics)
          const asBytes = yield* RedisPubSub.subscribed(topics, { bytes: true })
          for (const data of ["1", "2"]) {
            yield* Redis.publish("news", data)
            yield* using.pipe(
              Stream.take(2),
              Stream.runForEach((message) => Effect.sync(() => use(message)))
            )
          }
          const got = [
            ...Chunk.toReadonlyArray(yield* asText.pipe(Stream.take(4), Stream.runCollect)),
            ...Chunk.toReadonlyArray(yield* asBytes.pipe(Stream.take(4), Stream.runCollect)).map((message) => ({
              ...message,
              channel: text(message.channel),
              pattern: Option.map(message.pattern, text),
              data: text(message.data)
            }))
          ]
          const rest = (data: string) => ({ channel: "news", data })
          const messages = ["1", "2"].flatMap((data) => [
            { type: "message", pattern: Option.none(), ...rest(data) },
            { type: "pmessage", pattern: Option.some("n*"), ...rest(data) }
          ])
          expect(got).toEqual([...messages, ...messages])
        })
      )
    }

    it.scoped("scenario 67: names that a subscriber wrote over are subscribed to as they were after a reconnect", () =>
      Effect.gen(function* () {
        const name = Buffer.from("mine")
        const handled: Array<string> = []
        const pubSub = yield* RedisPubSub.make({ bytes: true, ignoreConfirmations: true })
        const watch = yield* RedisPubSub.make({ ignoreConfirmations: true })
        yield* watch.subscribe("watched")
        const note = ({ channel, data, pattern }: RedisPubSub.Message<Uint8Array>) =>
          Effect.sync(() => {
            handled.push(text(data))
            for (const shown of [channel, ...Option.toArray(pattern)]) shown.fill(42)
          })
        yield* pubSub.subscribe([[name, note]])
        yield* pubSub.psubscribe({ "m*": note })
        const fiber = yield* Effect.fork(Stream.runDrain(pubSub.stream))
        for (const all of Object.values(yield* pubSub.subscriptions)) for (const shown of all) shown.fill(42)
        name.fill(42)
        // With the one who wrote over it alone, and after a reconnect.
        const seen = (count: number) =>
          eventually(
            Effect.sync(() => handled.length),
            (length) => length === count
          )
        for (const data of ["1", "2"]) {
          yield* Redis.publish("mine", data)
          yield* seen(2 * Number(data))
          if (data === "1") yield* reconnect(watch)
        }
        // Who joins is shown the name as it is.
        const joined = yield* RedisPubSub.subscribed({ channels: "mine", patterns: "m*" }, { bytes: true })
        yield* Redis.publish("mine", "3")
        const got = Chunk.toReadonlyArray(yield* joined.pipe(Stream.take(2), Stream.runCollect))
        expect(got.map(({ channel }) => text(channel))).toEqual(["mine", "mine"])
        expect(Option.map(got[1]!.pattern, text)).toEqual(Option.some("m*"))
        yield* seen(6)
        yield* pubSub.unsubscribe("mine")
        yield* pubSub.punsubscribe("m*")
        expect(yield* Redis.publish("mine", "4")).toBe(2)
        yield* Fiber.interrupt(fiber)
        expect(handled).toEqual(["1", "1", "2", "2", "3", "3"])
      })
    )

    it.scoped("scenario 67: nor is what the primitive gives used by the client", () =>
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const subscriber = yield* redis.subscriber({})
        const watch = yield* RedisPubSub.make({ ignoreConfirmations: true })
        yield* watch.subscribe("watched")
        const spoil = Effect.map(subscriber.takeAll, (events) => {
          for (const event of events) if ("channel" in event) event.channel.fill(42)
        })
        yield* subscriber.subscribe("channel", ["given"])
        yield* subscriber.unsubscribe("channel", [bytes("not subscribed")])
        yield* spoil
        yield* Redis.publish("given", "1")
        yield* spoil
        yield* reconnect(watch)
        expect(yield* Redis.publish("given", "2")).toBe(1)
      })
    )
  })
})
