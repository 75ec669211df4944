import { expect, layer } from "@effect/vitest"
import { Monitor, Pipeline, Redis, RedisPubSub, Scan, Transaction } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import {
  Chunk,
  Config,
  ConfigProvider,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Option,
  Schedule,
  Scope,
  Stream
} from "effect"
import { eventually } from "../support/RestartableServer.js"
import { SentinelServers, layer as sentinelServers } from "../support/SentinelServers.js"
import { addressOf, anotherClient, clientOf, connectionsAt } from "../support/sentinel.js"

/** Runs an Effect on a client of its own. */
const withClient =
  (options: Parameters<typeof anotherClient>[0] = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.scoped(Effect.flatMap(anotherClient(options), (redis) => Effect.provideService(self, Redis.Redis, redis)))

layer(sentinelServers(), { excludeTestServices: true })("programs under sentinels", (it) => {
  it.effect("use the database of the options", () =>
    Effect.gen(function* () {
      const { primary } = yield* SentinelServers
      yield* Redis.set("there", "v").pipe(withClient({ database: 3 }))
      expect(yield* (yield* primary).text("INFO", "keyspace")).toContain("db3:keys=1")
      expect(yield* Redis.get("there").pipe(withClient({ database: 3, readFrom: "primary" }))).toEqual(Option.some("v"))
      expect(yield* Redis.get("there").pipe(withClient())).toEqual(Option.none())
    })
  )

  it.effect("run transactions over any keys", () =>
    Effect.gen(function* () {
      expect(yield* Transaction.exec([Redis.set("a", 1), Redis.incrby("b", 2), Redis.mget(["a", "b"])])).toEqual([
        "OK",
        2,
        [Option.some("1"), Option.some("2")]
      ])
      const doubled = Transaction.watch(
        ["a"],
        Effect.map(Redis.get("a"), (a) => Pipeline.all([Redis.set("a", Number(Option.getOrThrow(a)) * 2)]))
      )
      yield* doubled
      expect(yield* Redis.get("a")).toEqual(Option.some("2"))
      expect(yield* Redis.get("a").pipe(Redis.withReserved())).toEqual(Option.some("2"))
    }).pipe(withClient())
  )

  it.effect("see what the primary and the replicas are asked with Monitor", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const seen = yield* Effect.scoped(
        Effect.gen(function* () {
          const entries = yield* Monitor.started
          for (const { client } of group.servers) yield* client.execute(Redis.echo("monitored"))
          return yield* entries.pipe(
            Stream.filter(({ args }) => new TextDecoder().decode(args.at(-1)) === "monitored"),
            Stream.take(group.servers.length),
            Stream.runCount,
            Effect.timeout("3 seconds")
          )
        })
      )
      expect(seen).toBe(3)
    }).pipe(withClient())
  )

  it.effect("read the options from Config", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const live = NodeRedisSentinel.layerConfig({
        name: Config.string("REDIS_PRIMARY"),
        sentinels: Config.array(Config.string(), "REDIS_SENTINELS")
      })
      const given = new Map([
        ["REDIS_PRIMARY", group.name],
        ["REDIS_SENTINELS", group.sentinels.map(addressOf).join(",")]
      ])
      const pong = Effect.provide(Redis.ping(), live)
      expect(yield* Effect.withConfigProvider(pong, ConfigProvider.fromMap(given))).toBe("PONG")
    })
  )

  it.effect("leave nothing connected when they end", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const clientName = "ending"
      const scope = yield* Scope.make()
      const redis = yield* Scope.extend(clientOf(group, { clientName, readFrom: "replica" }), scope)
      const primary = yield* group.primary
      expect(yield* redis.state.get).toEqual({ _tag: "Connected", address: addressOf(primary) })
      yield* redis.execute(Redis.set("k", "v"))
      for (let i = 0; i < 4; i++) yield* redis.execute(Redis.get("k"))
      const messages = yield* RedisPubSub.subscribed({ channels: "news" }).pipe(
        Effect.provideService(Redis.Redis, redis),
        Scope.extend(scope)
      )
      const reading = yield* Effect.fork(Effect.flip(Stream.runDrain(messages)))
      const popping = yield* Effect.fork(Effect.flip(redis.execute(Redis.blpop("empty", Duration.infinity))))
      const all = [...group.servers, ...group.sentinels]
      const connections = Effect.forEach(all, (server) => connectionsAt(server, clientName))
      yield* Effect.sleep(100)
      expect((yield* connections).every((count) => count > 0)).toBe(true)
      yield* Scope.close(scope, Exit.void)
      yield* eventually(
        "nobody",
        Effect.map(connections, (counts) => (counts.some((count) => count > 0) ? `${counts}` : undefined)),
        500
      )
      expect(yield* redis.state.get).toEqual({ _tag: "Closed" })
      expect(yield* Fiber.join(popping)).toMatchObject({ _tag: "ConnectionError" })
      expect(yield* Fiber.join(reading)).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
      expect(yield* Effect.flip(redis.execute(Redis.ping()))).toMatchObject({
        _tag: "ConnectionError",
        reason: "Closed"
      })
    })
  )

  it.scoped("go on through a failover", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const old = yield* group.primary
      const keys = Array.from({ length: 2_000 }, (_, i) => `scanned:${i}`)
      yield* Redis.mset(Object.fromEntries(keys.map((key) => [key, "v"])))
      yield* old.client.pipeline([Redis.set("n", 1), Redis.wait(2, "2 seconds")])
      const done = yield* Deferred.make<void>()
      const states = yield* Effect.fork(
        Redis.state.pipe(
          Stream.takeUntil((state) => state._tag === "Connected" && state.address !== addressOf(old)),
          Stream.runCollect
        )
      )

      // A watch that the failover breaks; the next one holds.
      let runs = 0
      const broken: Array<unknown> = []
      const watching = yield* Transaction.watch(
        ["n"],
        Effect.gen(function* () {
          const n = Number(Option.getOrThrow(yield* Redis.get("n")))
          if (++runs === 1) yield* Deferred.await(done)
          return Pipeline.all([Redis.set("n", n + 1)])
        })
      ).pipe(
        Effect.tapError((error) => Effect.sync(() => broken.push(error))),
        Transaction.retry(Schedule.recurs(3)),
        Effect.fork
      )

      // What is popped again by the caller's own decision.
      const popped = yield* Redis.blpop("queue", Duration.infinity).pipe(
        Effect.retry({ while: (error) => error._tag === "ConnectionError" && error.outcome === "Unknown" }),
        Effect.fork
      )

      // Half of the keys are read before.
      let count = 0
      const scanning = yield* Scan.keys({ match: "scanned:*", count: 20 }).pipe(
        Stream.tap(() => (++count === 1_000 ? Deferred.await(done) : Effect.void)),
        Stream.runCollect,
        Effect.fork
      )

      const news = yield* RedisPubSub.make({ ignoreConfirmations: true })
      yield* news.subscribe("news")
      yield* Redis.publish("news", "before")
      expect(yield* news.take).toMatchObject({ data: "before" })

      yield* group.failover
      yield* Deferred.succeed(done, undefined)

      expect(yield* Fiber.join(watching)).toEqual(["OK"])
      expect(broken).toMatchObject([{ _tag: "WatchError", reason: "ConnectionReset" }])
      expect(yield* Redis.get("n")).toEqual(Option.some("2"))
      yield* Redis.rpush("queue", "job")
      expect(yield* Fiber.join(popped).pipe(Effect.timeout("3 seconds"))).toEqual(
        Option.some({ key: "queue", element: "job" })
      )
      const scanned = new Set(yield* Fiber.join(scanning))
      expect(keys.filter((key) => !scanned.has(key))).toEqual([])
      expect(Chunk.toReadonlyArray(yield* Fiber.join(states)).map(({ _tag }) => _tag)).not.toContain("Closed")

      expect(yield* news.take).toMatchObject({ type: "gap", reason: "Reconnected" })
      yield* Redis.publish("news", "after")
      expect(yield* news.take).toMatchObject({ data: "after" })
      expect(yield* news.poll({ timeout: "200 millis" })).toEqual(Option.none())
      // Shorter than the failover: a scan that stood still all that time, as its reader did, goes on all the same.
    }).pipe(withClient({ commandTimeout: "2 seconds" }))
  )
})
