import { describe, expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Duration, Effect, Either, Fiber, Option } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import * as RestartableServer from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { addressOf, scriptedSentinel, switchMaster, toldOfOne } from "../support/sentinel.js"
import { timed } from "../support/timed.js"

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

const isBlocked = (server: Server) =>
  eventually(
    "a blocked client",
    Effect.map(server.text("INFO", "clients"), (text) => (text.includes("blocked_clients:1") ? undefined : "none"))
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

  it.scopedLive("scenario 92: gives up one that greets and says no more, and tells so", () =>
    Effect.gen(function* () {
      const silent = yield* ScriptedPeer.make((words, connection) => void ScriptedPeer.greet(words, connection))
      const ignorant = yield* scriptedSentinel(() => undefined)
      const sentinels = [silent, ignorant].map(addressOf)
      const { millis, value } = yield* timed(Effect.flip(NodeRedisSentinel.make({ name: "any", sentinels })))
      expect(value).toMatchObject({
        _tag: "ClusterError",
        reason: "Discovery",
        attempts: [
          { address: sentinels[1], detail: "it knows no primary named any" },
          { address: sentinels[0], cause: { _tag: "TimeoutError", phase: "Reply" } }
        ]
      })
      expect(millis).toBeLessThan(10_000)
    })
  )

  it.scopedLive(
    "scenario 94: says of what may run twice, and has run at a primary since lost, that its outcome is unknown",
    () =>
      Effect.gen(function* () {
        const { client, port } = yield* server
        const proxy = yield* FaultProxy.make({ port })
        const sentinel = yield* scriptedSentinel(() => proxy)
        const sentinels = [addressOf(sentinel)]
        const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels, commandTimeout: "500 millis" })
        proxy.afterRequest("SET claim mine", () => {
          proxy.refuse(true)
          proxy.reset()
        })
        const claim = Command.idempotent(Redis.set("claim", "mine", { onlyIf: "absent" }))
        expect(yield* Effect.flip(redis.execute(claim))).toMatchObject({ outcome: "Unknown", idempotent: true })
        expect(yield* client.execute(Redis.get("claim"))).toEqual(Option.some("mine"))
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

  it.scopedLive("scenario 95: subscribes again where the subscription ends, though nothing else happens", () =>
    Effect.gen(function* () {
      const [old, next] = yield* Effect.all([server, server], { concurrency: 2 })
      const listeners = new Set<ScriptedPeer.Connection>()
      let told = { port: old.port, epoch: 1 }
      const sentinel = yield* scriptedSentinel(() => told, listeners)
      const sentinels = [addressOf(sentinel)]
      const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels, refreshInterval: "1 hour" })
      const listener = eventually(
        "a listener",
        Effect.sync(() => (listeners.size > 0 ? undefined : "none")),
        5_000
      )
      yield* listener
      // Asked once more, as after each new subscription, the map is no reason to look after the sentinels.
      yield* eventually(
        "a second look",
        Effect.sync(() => {
          const looks = sentinel.received.filter(([, what]) => what === "SENTINELS").length
          return looks === 2 ? undefined : `${looks} looks`
        })
      )
      yield* Effect.sleep("50 millis")
      for (const connection of listeners) connection.reset()
      listeners.clear()
      yield* listener
      told = { port: next.port, epoch: 2 }
      for (const connection of listeners) connection.write(switchMaster("any", old, next))
      yield* leadsTo(redis, next)
    })
  )

  it.scopedLive("scenario 94: leaves the old primary at a sentinel's word, though none can confirm it any more", () =>
    Effect.gen(function* () {
      const [old, next] = yield* Effect.all([server, server], { concurrency: 2 })
      const listeners = new Set<ScriptedPeer.Connection>()
      let knows = true
      const sentinel = yield* scriptedSentinel(() => (knows ? { port: old.port, epoch: 1 } : undefined), listeners)
      const sentinels = [addressOf(sentinel)]
      const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels, refreshInterval: "1 hour" })
      yield* eventually(
        "a listener",
        Effect.sync(() => (listeners.size > 0 ? undefined : "none"))
      )
      const popping = yield* Effect.fork(redis.execute(Redis.blpop("list", Duration.infinity)))
      yield* isBlocked(old)
      knows = false
      for (const listener of listeners) listener.write(switchMaster("any", old, next))
      expect(yield* Effect.flip(Fiber.join(popping))).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown" })
      yield* redis.execute(Redis.set("k", "v"))
      expect(yield* next.client.execute(Redis.get("k"))).toEqual(Option.some("v"))
    })
  )

  it.scopedLive("scenario 94: READONLY and UNBLOCKED lead to the new primary, where what was refused runs once", () =>
    Effect.gen(function* () {
      const { one, other, redis, tell } = yield* toldOfOne("1 hour")
      const popping = yield* Effect.fork(redis.execute(Redis.blpop("list", "10 seconds")))
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
