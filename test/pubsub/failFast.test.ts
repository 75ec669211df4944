import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis, RedisError, RedisPubSub } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Effect } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import { anotherClient, redisLayer } from "../support/redis.js"
import { eventually, noSubscriptions } from "./eventually.js"

const killSubscribers = Command.make(["CLIENT", "KILL", "TYPE", "pubsub"])

const until = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.repeat({ until: () => false }), Effect.flip, Effect.timeout("3 seconds"))

describe.each([2, 3] as const)("subscribers that fail with their connection, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("end at once, all of them, with what they had; the next one has a new connection", () =>
      Effect.gen(function* () {
        const redis = yield* anotherClient({ protocol, whileDisconnected: "fail" })
        yield* Effect.gen(function* () {
          const one = yield* RedisPubSub.make({ ignoreConfirmations: true })
          const two = yield* RedisPubSub.make({ ignoreConfirmations: true })
          yield* one.subscribe("one")
          yield* two.ssubscribe("two")
          yield* Redis.publish("one", "last words")
          yield* Effect.sleep("20 millis")
          // Also when the connection had lasted.
          yield* Effect.sleep("1100 millis")
          yield* killSubscribers
          const ended = yield* until(two.take)
          expect(ended).toMatchObject({ _tag: "ConnectionError", reason: "Lost" })
          expect(yield* one.take).toMatchObject({ data: "last words" })
          expect(yield* Effect.flip(one.take)).toMatchObject({ _tag: "ConnectionError", reason: "Lost" })
          expect(yield* Effect.flip(one.subscribe("more"))).toMatchObject({ _tag: "ConnectionError", reason: "Lost" })
          yield* noSubscriptions
          const three = yield* RedisPubSub.make({ ignoreConfirmations: true })
          yield* three.subscribe("three")
          expect(yield* Redis.pubsubChannels()).toEqual(["three"])
          yield* Redis.publish("three", "x")
          expect(yield* three.take).toMatchObject({ data: "x" })
        }).pipe(Effect.provideService(Redis.Redis, redis))
      })
    )

    it.scoped("do not know whether they had subscribed when the answer is lost with the connection", () =>
      Effect.gen(function* () {
        const server = yield* NodeRedisServer.NodeRedisServer
        const proxy = yield* FaultProxy.make(server)
        const redis = yield* anotherClient({ protocol, port: proxy.port, whileDisconnected: "fail" })
        const subscriber = yield* redis.subscriber({})
        yield* subscriber.subscribe("channel", ["there"])
        proxy.afterRequest("SUBSCRIBE", () => proxy.reset())
        const error = yield* Effect.flip(subscriber.subscribe("channel", ["lost"]))
        expect(error).toMatchObject({ reason: "Lost", command: "SUBSCRIBE", outcome: "Unknown" })
        expect(RedisError.isSafeToRetry(error)).toBe(true)
        // This one was not sent any more.
        const late = yield* Effect.flip(subscriber.subscribe("channel", ["late"]))
        expect(late).toMatchObject({ reason: "Lost", outcome: "NotSent" })
      })
    )

    it.scoped("fail to subscribe at once where there is no server", () =>
      Effect.gen(function* () {
        const server = yield* NodeRedisServer.make()
        const redis = yield* anotherClient({ protocol, port: server.port, whileDisconnected: "fail" })
        process.kill(server.pid, "SIGKILL")
        yield* eventually(Effect.either(redis.execute(Redis.ping())), ({ _tag }) => _tag === "Left")
        // A process that dies closes its connections before it stops to listen.
        yield* eventually(Effect.either(Effect.try(() => process.kill(server.pid, 0))), ({ _tag }) => _tag === "Left")
        const started = performance.now()
        const error = yield* RedisPubSub.subscribed({ channels: "c" }).pipe(
          Effect.provideService(Redis.Redis, redis),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Connect" })
        expect(performance.now() - started).toBeLessThan(1_000)
      })
    )
  })
})
