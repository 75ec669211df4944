import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import { Chunk, Effect, Fiber, Option, Stream } from "effect"
import { redisLayer } from "../support/redis.js"
import { eventually, noSubscriptions } from "./eventually.js"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)
const text = (value: string) => new TextEncoder().encode(value)

describe.each([2, 3] as const)("subscribing, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("gives messages with their channels, and publish counts receivers", () =>
      Effect.gen(function* () {
        const messages = yield* RedisPubSub.subscribed({ channels: ["a", "b"] })
        expect(yield* Redis.publish("a", "1")).toBe(1)
        expect(yield* Redis.publish("b", "2")).toBe(1)
        expect(yield* Redis.publish("c", "3")).toBe(0)
        const got = yield* messages.pipe(Stream.take(2), Stream.runCollect)
        expect(Chunk.toReadonlyArray(got)).toEqual([
          { type: "message", channel: "a", pattern: Option.none(), data: "1" },
          { type: "message", channel: "b", pattern: Option.none(), data: "2" }
        ])
      })
    )

    it.scoped("gives a message that matches a channel and a pattern as both", () =>
      Effect.gen(function* () {
        const messages = yield* RedisPubSub.subscribed({ channels: "news.x", patterns: ["news.*", "*.x"] })
        expect(yield* Redis.publish("news.x", "hi")).toBe(3)
        const got = Chunk.toReadonlyArray(yield* messages.pipe(Stream.take(3), Stream.runCollect))
        expect(got[0]).toEqual({ type: "message", channel: "news.x", pattern: Option.none(), data: "hi" })
        expect(got.slice(1).map(({ type, channel }) => [type, channel])).toEqual([
          ["pmessage", "news.x"],
          ["pmessage", "news.x"]
        ])
        expect(new Set(got.slice(1).map(({ pattern }) => Option.getOrNull(pattern)))).toEqual(
          new Set(["news.*", "*.x"])
        )
      })
    )

    it.scoped("subscribes when the stream is run, and unsubscribes when it ends", () =>
      Effect.gen(function* () {
        const fiber = yield* RedisPubSub.subscribe("later").pipe(Stream.take(1), Stream.runHead, Effect.fork)
        yield* eventually(Redis.publish("later", "x"), (receivers) => receivers === 1)
        const got = yield* Fiber.join(fiber)
        expect(Option.map(got, ({ data }) => data)).toEqual(Option.some("x"))
        yield* noSubscriptions
      })
    )

    it.scoped("gives bytes, and takes names that are not UTF-8", () =>
      Effect.gen(function* () {
        const name = bytes(0xff, 0x00, 0x0d, 0x0a, 0x80)
        const other = bytes(0xfe, 0x00, 0x0d, 0x0a, 0x80)
        const data = bytes(0, 255, 10, 13, 128)
        const messages = yield* RedisPubSub.subscribed(
          { channels: [name, other], patterns: bytes(0xff, 0x2a) },
          {
            bytes: true
          }
        )
        yield* Redis.publish(name, data)
        yield* Redis.publish(other, "text")
        const got = Chunk.toReadonlyArray(yield* messages.pipe(Stream.take(3), Stream.runCollect))
        expect(got).toEqual([
          { type: "message", channel: name, pattern: Option.none(), data },
          { type: "pmessage", channel: name, pattern: Option.some(bytes(0xff, 0x2a)), data },
          { type: "message", channel: other, pattern: Option.none(), data: text("text") }
        ])
        const asText = yield* RedisPubSub.subscribed({ channels: name })
        yield* Redis.publish(name, data)
        const head = yield* Stream.runHead(asText)
        expect(Option.map(head, (message) => message.data)).toEqual(Option.some("\0\ufffd\n\r\ufffd"))
      })
    )

    it.scoped("serves shard channels", () =>
      Effect.gen(function* () {
        const messages = yield* RedisPubSub.subscribed({ shardChannels: ["orders"], channels: "orders" })
        expect(yield* Redis.spublish("orders", "shard")).toBe(1)
        expect(yield* Redis.publish("orders", "plain")).toBe(1)
        expect(yield* Redis.pubsubShardchannels()).toEqual(["orders"])
        expect(yield* Redis.pubsubShardnumsub(["orders", "none"])).toEqual([
          ["orders", 1],
          ["none", 0]
        ])
        const got = Chunk.toReadonlyArray(yield* messages.pipe(Stream.take(2), Stream.runCollect))
        expect(got.map(({ type, data }) => [type, data])).toEqual([
          ["smessage", "shard"],
          ["message", "plain"]
        ])
      })
    )

    it.scoped("is seen by PUBSUB CHANNELS, NUMSUB and NUMPAT", () =>
      Effect.gen(function* () {
        yield* RedisPubSub.subscribed({ channels: ["x1", "x2"], patterns: ["x*"] })
        // The same connection serves all subscribers of the client.
        yield* RedisPubSub.subscribed({ channels: ["x2"] })
        expect([...(yield* Redis.pubsubChannels("x*"))].sort()).toEqual(["x1", "x2"])
        expect(yield* Redis.pubsubNumsub(["x2", "none", "x1"])).toEqual([
          ["x2", 1],
          ["none", 0],
          ["x1", 1]
        ])
        expect(yield* Redis.pubsubNumpat).toBe(1)
      })
    )

    it.scoped("scenario 71: leaves a channel to others when one subscriber goes", () =>
      Effect.gen(function* () {
        const stays = yield* RedisPubSub.subscribed({ channels: "shared" })
        const goes = yield* RedisPubSub.subscribe("shared").pipe(Stream.take(1), Stream.runDrain, Effect.fork)
        yield* Effect.sleep("50 millis")
        yield* Redis.publish("shared", "1")
        yield* Fiber.join(goes)
        yield* Effect.sleep("50 millis")
        expect(yield* Redis.publish("shared", "2")).toBe(1)
        const got = yield* stays.pipe(Stream.take(2), Stream.runCollect)
        expect(Chunk.toReadonlyArray(got).map(({ data }) => data)).toEqual(["1", "2"])
      })
    )

    it.scoped("refuses no names, and bad capacities", () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(Stream.runDrain(RedisPubSub.subscribe([])))).toMatchObject({ _tag: "CommandError" })
        for (const capacity of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
          const error = yield* Effect.flip(RedisPubSub.make({ capacity }))
          expect(error).toMatchObject({ _tag: "CommandError" })
        }
      })
    )

    it.scoped("serves many names, and many subscribers at once", () =>
      Effect.gen(function* () {
        const names = Array.from({ length: 5_000 }, (_, i) => `many:${i}`)
        const all = yield* RedisPubSub.subscribed({ channels: names })
        expect(yield* Redis.pubsubChannels("many:*")).toHaveLength(5_000)
        const each = yield* Effect.forEach(names.slice(0, 500), (name) => RedisPubSub.subscribed({ channels: name }), {
          concurrency: "unbounded"
        })
        yield* Effect.forEach(names.slice(0, 500), (name) => Redis.publish(name, name), { concurrency: "unbounded" })
        const heads = yield* Effect.forEach(each, Stream.runHead, { concurrency: "unbounded" })
        expect(heads.map((head) => Option.getOrThrow(head).data)).toEqual(names.slice(0, 500))
        expect(yield* all.pipe(Stream.take(500), Stream.runCount)).toBe(500)
      })
    )

    it.scoped("has one connection, gone when last used", () =>
      Effect.gen(function* () {
        const count = Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"]).pipe(
          Effect.map(
            (list) =>
              String(list)
                .split("\n")
                .filter((line) => line !== "").length
          )
        )
        yield* eventually(count, (clients) => clients === 0)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* RedisPubSub.subscribed({ channels: "one" })
            yield* RedisPubSub.subscribed({ patterns: "two" })
            yield* RedisPubSub.subscribed({ shardChannels: "three" })
            expect(yield* count).toBe(1)
          })
        )
        yield* eventually(count, (clients) => clients === 0)
        yield* noSubscriptions
      })
    )

    it.scoped("leaves nothing when it is interrupted at any time", () =>
      Effect.gen(function* () {
        for (let delay = 0; delay < 40; delay++) {
          const fiber = yield* RedisPubSub.subscribe(["i1", "i2"]).pipe(Stream.runDrain, Effect.fork)
          const other = yield* RedisPubSub.psubscribe("i*").pipe(Stream.runDrain, Effect.fork)
          if (delay % 2 === 0) yield* Effect.sleep(`${delay * 100} micros`)
          else for (let i = 0; i < delay; i++) yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
          yield* Fiber.interrupt(other)
        }
        yield* noSubscriptions
        // And the client goes on.
        const messages = yield* RedisPubSub.subscribed({ channels: "i1" })
        yield* Redis.publish("i1", "x")
        expect(Option.isSome(yield* Stream.runHead(messages))).toBe(true)
      })
    )
  })
})
