import { describe, expect, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Chunk, Effect, Fiber, Option, Stream } from "effect"
import { redisLayer } from "../support/redis.js"
import { setBack } from "../support/setBack.js"
import { eventually, settled } from "./eventually.js"

const publishMany = (channel: string, count: number, data = (i: number) => String(i)) =>
  Pipeline.all(Array.from({ length: count }, (_, i) => Redis.publish(channel, data(i))))

/** What the server holds for its subscribers, in bytes. */
const held = Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"]).pipe(
  Effect.map((list) => [...String(list).matchAll(/ omem=(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0))
)

const brief = (event: RedisPubSub.Event) =>
  event.type === "gap" ? event.reason : "data" in event ? event.data : event.type

/** Everything that is there now. */
const drain = (pubSub: RedisPubSub.RedisPubSub) =>
  Effect.gen(function* () {
    const all: Array<string> = []
    for (;;) {
      const next = yield* pubSub.poll({ timeout: "100 millis" })
      if (Option.isNone(next)) return all
      all.push(brief(next.value))
    }
  })

describe.each([2, 3] as const)("buffers, RESP%i", (protocol) => {
  layer(redisLayer({ protocol, keepAlive: "50 millis", commandTimeout: "1 second" }), { excludeTestServices: true })(
    (it) => {
      it.scoped("scenario 73: sliding loses the oldest, with one Gap in their place", () =>
        Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make({ capacity: 3, strategy: "sliding" })
          yield* pubSub.subscribe("s")
          yield* publishMany("s", 10)
          yield* Effect.sleep("50 millis")
          expect(yield* drain(pubSub)).toEqual(["subscribe", "Overflow", "7", "8", "9"])
          yield* publishMany("s", 3)
          yield* Effect.sleep("50 millis")
          expect(yield* drain(pubSub)).toEqual(["0", "1", "2"])
          yield* publishMany("s", 4)
          yield* Effect.sleep("50 millis")
          expect(yield* drain(pubSub)).toEqual(["Overflow", "1", "2", "3"])
        })
      )

      it.scoped("scenario 73: dropping loses the newest, with one Gap in their place", () =>
        Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make({ capacity: 3, strategy: "dropping", ignoreConfirmations: true })
          yield* pubSub.subscribe("d")
          yield* publishMany("d", 10)
          yield* Effect.sleep("50 millis")
          expect(yield* drain(pubSub)).toEqual(["0", "1", "2", "Overflow"])
          yield* publishMany("d", 4)
          yield* Effect.sleep("50 millis")
          expect(yield* drain(pubSub)).toEqual(["0", "1", "2", "Overflow"])
          yield* publishMany("d", 3)
          yield* Effect.sleep("50 millis")
          expect(yield* drain(pubSub)).toEqual(["0", "1", "2"])
        })
      )

      it.scoped(
        "scenario 73: few messages are too many when they are large, and then the strategy decides as well",
        () =>
          Effect.gen(function* () {
            const rest = "x".repeat(2 ** 20)
            const sliding = yield* RedisPubSub.make({ strategy: "sliding", ignoreConfirmations: true })
            const dropping = yield* RedisPubSub.make({ strategy: "dropping", ignoreConfirmations: true })
            const reading = yield* RedisPubSub.subscribed({ channels: "l" })
            yield* Effect.all([sliding.subscribe("l"), dropping.subscribe("l")])
            const fiber = yield* reading.pipe(Stream.take(130), Stream.runDrain, Effect.fork)
            yield* publishMany("l", 100)
            yield* publishMany("l", 30, (i) => `${100 + i}:${rest}`)
            yield* Fiber.join(fiber)
            const numbers = (all: ReadonlyArray<string>) => all.map((data) => data.split(":")[0])
            const from = (start: number, end: number) =>
              Array.from({ length: end - start }, (_, i) => String(start + i))
            // 16 MiB.
            expect(numbers(yield* drain(sliding))).toEqual(["Overflow", ...from(114, 130)])
            expect(numbers(yield* drain(dropping))).toEqual([...from(0, 116), "Overflow"])
          })
      )

      it.scoped("scenario 73: few messages that are large stop the socket, and none is lost", () =>
        Effect.gen(function* () {
          const rest = "x".repeat(2 ** 20)
          // A Unix socket itself takes little.
          const { unixSocket } = yield* NodeRedisServer.NodeRedisServer
          const reading = yield* NodeRedis.make({ protocol, path: unixSocket })
          const messages = yield* Effect.provideService(
            RedisPubSub.subscribed({ channels: "wl" }),
            Redis.Redis,
            reading
          )
          yield* publishMany("wl", 20, (i) => `${i}:${rest}`)
          expect(yield* settled(held)).toBeGreaterThan(1_000_000)
          const got = yield* messages.pipe(Stream.take(20), Stream.runCollect)
          const numbers = Chunk.toReadonlyArray(got).map(({ data }) => Number(data.slice(0, data.indexOf(":"))))
          expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i))
          // Also one that alone is more than may wait.
          yield* Redis.publish("wl", rest.repeat(20))
          expect(Option.getOrThrow(yield* Stream.runHead(messages)).data).toHaveLength(20 * 2 ** 20)
        })
      )

      it.scoped("a subscriber that may lose messages slows nobody down", () =>
        Effect.gen(function* () {
          yield* RedisPubSub.subscribed({ channels: "n" }, { capacity: 1, strategy: "sliding" })
          const messages = yield* RedisPubSub.subscribed({ channels: "n" }, { capacity: 4 })
          const fiber = yield* messages.pipe(Stream.take(1_000), Stream.runCount, Effect.fork)
          yield* publishMany("n", 1_000)
          expect(yield* Fiber.join(fiber)).toBe(1_000)
        })
      )

      it.scoped("scenario 73: suspend stops the socket, and loses nothing", () =>
        Effect.gen(function* () {
          const messages = yield* RedisPubSub.subscribed({ channels: "w" }, { capacity: 8 })
          const payload = "x".repeat(1_000)
          for (let round = 0; round < 20; round++) {
            yield* publishMany("w", 1_000, (i) => `${round * 1_000 + i}:${payload}`)
          }
          // 20 MB are on their way, and the server keeps what the sockets do not take.
          expect(yield* eventually(held, (bytes) => bytes > 5_000_000)).toBeGreaterThan(5_000_000)
          // The heartbeat leaves a connection alone that we do not read.
          yield* Effect.sleep("1500 millis")
          expect(yield* held).toBeGreaterThan(5_000_000)
          const got = yield* messages.pipe(Stream.take(20_000), Stream.runCollect)
          const numbers = Chunk.toReadonlyArray(got).map(({ data }) => Number(data.slice(0, data.indexOf(":"))))
          expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, i) => i))
          expect(yield* eventually(held, (bytes) => bytes === 0)).toBe(0)
        })
      )

      it.scoped("a full subscriber can still unsubscribe, subscribe, and go", () =>
        Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make({ capacity: 2, ignoreConfirmations: true })
          yield* pubSub.subscribe("f")
          yield* publishMany("f", 100)
          yield* Effect.sleep("50 millis")
          yield* pubSub.subscribe("g")
          yield* pubSub.unsubscribe("f")
          expect((yield* drain(pubSub)).slice(0, 2)).toEqual(["0", "1"])
          yield* Redis.publish("g", "x")
          expect(yield* pubSub.take).toMatchObject({ data: "x" })
        })
      )

      it.scoped("the end of a full subscriber lets the others go on", () =>
        Effect.gen(function* () {
          const others = yield* RedisPubSub.subscribed({ channels: "o" })
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* RedisPubSub.subscribed({ channels: "p" }, { capacity: 1 })
              yield* publishMany("p", 10)
              yield* Effect.sleep("50 millis")
              yield* Redis.publish("o", "late")
            })
          )
          expect(yield* Stream.runHead(others)).toMatchObject({ value: { data: "late" } })
        })
      )

      it.scoped("a poll ends in time though the clock is set back meanwhile", () =>
        Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
          const { poll } = yield* Effect.flatMap(Redis.Redis, (redis) => redis.subscriber({}))
          yield* pubSub.subscribe("c")
          for (const polling of [
            Effect.asVoid(pubSub.poll({ timeout: "20 millis" })),
            Effect.asVoid(poll("20 millis"))
          ]) {
            const ended = Effect.timeoutOption(Effect.withClock(polling, setBack()), "1 second")
            expect(Option.isSome(yield* ended)).toBe(true)
          }
        })
      )

      it.scoped("a poll that times out takes nothing", () =>
        Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
          yield* pubSub.subscribe("t")
          const publishing = yield* Effect.forEach(
            Array.from({ length: 300 }, (_, i) => i),
            (i) => Effect.delay(Redis.publish("t", String(i)), "1 millis")
          ).pipe(Effect.fork)
          const got: Array<string> = []
          while (got.length < 300) {
            const next = yield* pubSub.poll({ timeout: "1 millis" })
            if (Option.isSome(next)) got.push(brief(next.value))
          }
          yield* Fiber.join(publishing)
          expect(got).toEqual(Array.from({ length: 300 }, (_, i) => String(i)))
        })
      )
    }
  )
})
