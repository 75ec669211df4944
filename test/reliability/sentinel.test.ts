import { describe, expect, it } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Duration, Effect, Either, Fiber, Option } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import * as RestartableServer from "../support/RestartableServer.js"
import type * as ScriptedPeer from "../support/ScriptedPeer.js"
import { addressOf, scriptedSentinel, switchMaster, toldOfOne } from "../support/sentinel.js"

const { eventually } = RestartableServer

type Server = RestartableServer.RestartableServer

const server = RestartableServer.make({ config: ['save ""'] })

const leadsTo = (redis: Redis.RedisService, { port }: Server) =>
  eventually(
    `writes to ${port}`,
    Effect.map(redis.execute(Redis.configGet("port")), (told) =>
      told.port === String(port) ? undefined : `to ${told.port}`
    ),
    2_000
  )

describe.concurrent("a client under sentinels", () => {
  it.scopedLive(
    "scenario 93, 95: learns of a switch that it missed, though a sentinel that is behind answers first",
    () =>
      Effect.gen(function* () {
        const [old, next] = yield* Effect.all([server, server], { concurrency: 2 })
        const behind = yield* scriptedSentinel(() => ({ port: old.port, epoch: 1 }), new Set())
        const ahead = yield* scriptedSentinel(() => ({ port: next.port, epoch: 2 }), new Set())
        const sentinels = [behind, ahead].map(addressOf)
        const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels, refreshInterval: "1 hour" })
        yield* leadsTo(redis, next)
      })
  )

  it.scopedLive(
    "scenario 94: says of a subscription that was sent to a primary since lost that its outcome is unknown",
    () =>
      Effect.gen(function* () {
        const { port } = yield* server
        const proxy = yield* FaultProxy.make({ port })
        const sentinel = yield* scriptedSentinel(() => proxy)
        const sentinels = [addressOf(sentinel)]
        const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels, commandTimeout: "500 millis" })
        const subscriber = yield* redis.subscriber({})
        yield* subscriber.subscribe("channel", ["there"])
        proxy.afterRequest("SUBSCRIBE", () => {
          proxy.refuse(true)
          proxy.reset()
        })
        const failed = (name: string) => Effect.flip(subscriber.subscribe("channel", [name]))
        expect(yield* failed("sent")).toMatchObject({ _tag: "TimeoutError", outcome: "Unknown", idempotent: true })
        expect(yield* failed("late")).toMatchObject({ _tag: "TimeoutError", outcome: "NotSent" })
      })
  )

  it.scopedLive("scenario 93: does not stay with a primary that was told of and is none", () =>
    Effect.gen(function* () {
      const [primary, replica] = yield* Effect.all([server, server], { concurrency: 2 })
      yield* replica.text("REPLICAOF", "127.0.0.1", primary.port)
      const listeners = new Set<ScriptedPeer.Connection>()
      const sentinel = yield* scriptedSentinel(() => ({ port: primary.port, epoch: 2 }), listeners)
      const sentinels = [addressOf(sentinel)]
      const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels, refreshInterval: "1 hour" })
      yield* eventually(
        "a listener",
        Effect.sync(() => (listeners.size > 0 ? undefined : "none"))
      )
      const connections = Effect.map(
        replica.text("INFO", "stats"),
        (text) => /connections_received:(\d+)/.exec(text)![1]
      )
      const before = yield* connections
      for (const listener of listeners) listener.write(switchMaster("any", primary, replica))
      yield* eventually(
        "a connection to it",
        Effect.map(connections, (now) => (now === before ? "none" : undefined))
      )
      yield* redis.execute(Redis.set("k", "v"))
      expect(yield* primary.client.execute(Redis.get("k"))).toEqual(Option.some("v"))
    })
  )

  it.scopedLive("scenario 94: READONLY and UNBLOCKED lead to the new primary, where what was refused runs once", () =>
    Effect.gen(function* () {
      const { one, other, redis, tell } = yield* toldOfOne("1 hour")
      const popping = yield* Effect.fork(redis.execute(Redis.blpop("list", "10 seconds")))
      const isBlocked = (server: Server) =>
        eventually(
          "a blocked client",
          Effect.map(server.text("INFO", "clients"), (text) =>
            text.includes("blocked_clients:1") ? undefined : "none"
          )
        )
      yield* isBlocked(one)
      yield* one.text("REPLICAOF", "127.0.0.1", other.port)
      tell(other)
      const [[took, piped], committed, single] = yield* Effect.all(
        [
          Effect.timed(redis.pipeline([Redis.incr("a"), Redis.incr("b")])),
          redis.transaction([Redis.incr("c"), Redis.incr("d")]),
          redis.execute(Redis.incr("e"))
        ],
        { concurrency: "unbounded" }
      )
      expect(Duration.toMillis(took)).toBeLessThan(1_000)
      const ones = [1, 1].map((value) => Either.right(value))
      expect([piped, committed, single]).toEqual([ones, ones, 1])
      yield* isBlocked(other)
      yield* redis.execute(Redis.rpush("list", ["first", "second"]))
      expect(yield* Fiber.join(popping)).toEqual(Option.some({ key: "list", element: "first" }))
      expect(yield* other.client.execute(Redis.lrange("list", 0, -1))).toEqual(["second"])
    })
  )
})
