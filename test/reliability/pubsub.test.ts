import { describe, expect, layer } from "@effect/vitest"
import { Command, Monitor, Redis, RedisPubSub, Transaction } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Chunk, Effect, Fiber, Option, Schedule, Stream } from "effect"
import { eventually } from "../pubsub/eventually.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { anotherClient, redisLayer } from "../support/redis.js"

const subscribers = Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"]).pipe(
  Effect.map((list) =>
    String(list)
      .split("\n")
      .filter((line) => line !== "")
  )
)

describe.each([2, 3] as const)("subscriptions, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 68: come back whole though the connection ends after each step of it", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const proxy = yield* FaultProxy.make({ port })
        const client = yield* anotherClient({ protocol, port: proxy.port, reconnect: Schedule.spaced("1 millis") })
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, client)
        )
        yield* pubSub.subscribe(["a", "b"])
        yield* pubSub.psubscribe("p*")
        yield* pubSub.ssubscribe("s")
        let drops = 0
        const dropAfter = ([first, ...others]: ReadonlyArray<string>): void => {
          if (first === undefined) return
          proxy.afterRequest(first, () => {
            drops++
            proxy.reset()
            dropAfter(others)
          })
        }
        dropAfter(["SUBSCRIBE a", "PING", "PSUBSCRIBE", "SSUBSCRIBE"])
        proxy.reset()
        yield* eventually(
          Effect.sync(() => drops),
          (count) => count === 4
        )
        const all = Effect.all([
          Redis.publish("a", "1"),
          Redis.publish("b", "2"),
          Redis.publish("p", "3"),
          Redis.spublish("s", "4")
        ])
        yield* eventually(all, (receivers) => receivers.every((count) => count === 1))
        const last = new Set<string>()
        while (last.size < 4) {
          const event = yield* pubSub.take
          if ("data" in event) last.add(event.data)
        }
        expect((yield* subscribers).length).toBe(1)
      })
    )

    it.scoped("scenario 69: an unsubscribe whose confirmation is lost settles, and nothing comes back", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const proxy = yield* FaultProxy.make({ port })
        const client = yield* anotherClient({ protocol, port: proxy.port })
        const pubSub = yield* RedisPubSub.make().pipe(Effect.provideService(Redis.Redis, client))
        yield* pubSub.subscribe(["stays", "goes"])
        yield* Effect.all([pubSub.take, pubSub.take])
        proxy.afterRequest("UNSUBSCRIBE", () => proxy.reset())
        yield* pubSub.unsubscribe("goes")
        expect(yield* pubSub.take).toEqual({ type: "unsubscribe", channel: "goes", count: 1 })
        expect(yield* pubSub.take).toEqual({ type: "gap", reason: "Reconnected" })
        expect(yield* Redis.publish("goes", "x")).toBe(0)
        expect(yield* Redis.publish("stays", "x")).toBe(1)
        expect(yield* pubSub.take).toMatchObject({ channel: "stays" })
        expect((yield* pubSub.subscriptions).channels).toEqual(["stays"])
      })
    )

    it.scoped("scenario 69: unsubscribing from all settles where there is nothing, without a connection", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make()
        yield* Effect.all([pubSub.unsubscribe(), pubSub.punsubscribe(), pubSub.sunsubscribe()])
        expect(yield* pubSub.poll()).toEqual(Option.none())
        expect(yield* subscribers).toEqual([])
      })
    )

    it.scoped("scenario 73: cut off by the server for reading slowly, they see whole messages and a Gap", () =>
      Effect.gen(function* () {
        yield* Command.make(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0"])
        const pubSub = yield* RedisPubSub.make({ capacity: 4, ignoreConfirmations: true })
        yield* pubSub.subscribe("fast")
        // Not longer: what servers share between their clients counts towards nobody's limit.
        const rest = "x".repeat(8 * 1024)
        let published = 0
        const publish = Effect.suspend(() => Redis.publish("fast", `${published++}:${rest}`))
        yield* Effect.repeat(publish, { until: (receivers) => receivers === 0, times: 10_000 })
        yield* eventually(subscribers, (all) => all.length === 0)

        let taken = 0
        let event = yield* pubSub.take
        while (event.type !== "gap") {
          expect(event).toMatchObject({ type: "message", data: `${taken++}:${rest}` })
          event = yield* pubSub.take
        }
        expect(event).toEqual({ type: "gap", reason: "Reconnected" })
        expect(taken).toBeGreaterThan(4)
        expect(taken).toBeLessThan(published)
        yield* Redis.publish("fast", "after")
        expect(yield* pubSub.take).toMatchObject({ data: "after" })
      })
    )

    it.scoped("scenario 74: have a connection for themselves and PINGs, whatever else the client does", () =>
      Effect.gen(function* () {
        const seen = yield* Monitor.started
        const client = yield* anotherClient({ protocol, keepAlive: "20 millis" })
        yield* Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
          yield* pubSub.subscribe("own")
          // Whether the message or the reply is first depends on the server.
          const replies = yield* Transaction.exec([Redis.set("k", 1), Redis.publish("own", "1"), Redis.get("k")])
          expect(replies).toEqual(["OK", 1, Option.some("1")])
          expect(yield* Redis.publish("own", "2")).toBe(1)
          expect(yield* Effect.all([pubSub.take, pubSub.take])).toMatchObject([{ data: "1" }, { data: "2" }])
        }).pipe(Effect.provideService(Redis.Redis, client))
        const entries = yield* seen.pipe(
          Stream.takeUntil(({ command }) => command[1] === "enough"),
          Stream.runCollect,
          Effect.fork
        )
        const [line] = yield* subscribers
        const address = / addr=(\S+)/.exec(line!)![1]
        yield* eventually(subscribers, ([now]) => / cmd=ping /.test(now!))
        yield* Redis.echo("enough")
        const commands = Chunk.toReadonlyArray(yield* Fiber.join(entries)).filter((entry) => entry.client === address)
        const names = commands.map(({ command }) => command[0]!.toUpperCase())
        expect(names).toContain("PING")
        expect(names.filter((name) => !["HELLO", "CLIENT", "SUBSCRIBE", "PING"].includes(name))).toEqual([])
      })
    )
  })
})
