import { expect, layer } from "@effect/vitest"
import { Redis, RedisPubSub } from "@effect-resp/core"
import { Deferred, Duration, Effect, Exit, Fiber, Option, Stream } from "effect"
import * as CountingWriter from "../support/CountingWriter.js"
import { eventually, type RestartableServer } from "../support/RestartableServer.js"
import { SentinelServers, layer as sentinelServers } from "../support/SentinelServers.js"
import { anotherClient, callsAt, connectionsAt } from "../support/sentinel.js"

/** Completes at the first word of a switch by any sentinel. */
const firstWord = Effect.gen(function* () {
  const { sentinels } = yield* SentinelServers
  const word = yield* Deferred.make<number>()
  for (const { client } of sentinels) {
    const messages = yield* Effect.provideService(
      RedisPubSub.subscribed({ channels: "+switch-master" }),
      Redis.Redis,
      client
    )
    yield* Effect.forkScoped(
      Stream.runForEach(messages, () =>
        Deferred.complete(
          word,
          Effect.sync(() => performance.now())
        )
      )
    )
  }
  return Deferred.await(word)
})

/**
 * Milliseconds until a server has no connection of the name. Then what it was still asked by anyone, and how many such
 * connections it had at most, until it became a replica.
 */
const leaving = (server: RestartableServer, name: string) =>
  Effect.gen(function* () {
    const began = performance.now()
    while ((yield* connectionsAt(server, name)) > 0);
    const millis = performance.now() - began
    const writes = yield* callsAt(server, "incr")
    let seen = { back: 0, writes: 0 }
    const look = server.replication.pipe(
      Effect.filterOrFail((told) => told.get("role") === "master"),
      Effect.zipRight(Effect.all([connectionsAt(server, name), callsAt(server, "incr")])),
      Effect.tap(([connections, calls]) => {
        seen = { back: Math.max(seen.back, connections), writes: calls - writes }
      }),
      Effect.delay(5)
    )
    // As it becomes a replica the sentinel ends its clients' connections, this one too.
    yield* Effect.ignore(Effect.forever(look))
    return { ...seen, millis, observed: performance.now() - began - millis }
  })

layer(sentinelServers(), { excludeTestServices: true })("a failover under sentinels", (it) => {
  it.scoped("scenario 94: leaves the old primary at once at the sentinels' word, and for good", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const old = yield* group.primary
      const clientName = "leaving"
      const redis = yield* anotherClient({ clientName })
      // A connection of each kind.
      const leasing = yield* Redis.incr("leased").pipe(
        Effect.zipRight(Effect.sleep(1)),
        Effect.forever,
        Redis.withReserved(),
        Effect.provideService(Redis.Redis, redis),
        Effect.fork
      )
      // Held on to, it keeps its client from its end for a while.
      yield* redis.reserve([])
      const messages = yield* Effect.provideService(RedisPubSub.subscribed({ channels: "news" }), Redis.Redis, redis)
      yield* Effect.forkScoped(Stream.runDrain(messages))
      const popping = yield* Effect.fork(redis.execute(Redis.blpop("empty", Duration.infinity)))
      const writer = yield* CountingWriter.make().pipe(Effect.provideService(Redis.Redis, redis))
      yield* Effect.sleep(100)
      expect(yield* connectionsAt(old, clientName)).toBe(5)

      const word = yield* firstWord
      const left = yield* Effect.fork(Effect.zipRight(word, leaving(old, clientName)))
      yield* group.failover
      const { back, millis, observed, writes } = yield* Fiber.join(left)
      expect(millis).toBeLessThan(250)
      // It went on as a primary for a while, and would have taken writes.
      expect(observed).toBeGreaterThan(100)
      expect({ back, writes }).toEqual({ back: 0, writes: 0 })
      expect(yield* Effect.flip(Fiber.join(popping))).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown" })
      expect(yield* Effect.flip(Fiber.join(leasing))).toMatchObject({ _tag: "ConnectionError", reason: "Lost" })

      yield* Effect.sleep(200)
      const primary = yield* group.primary
      const verdict = yield* writer.verify(primary.client)
      expect(verdict.repeated.slice(0, 5)).toEqual([])
      // What the old primary took before the word, and had no time to pass on, is lost: that is the failover's own doing.
      expect(verdict.acknowledged).toBeGreaterThan(500)
      for (const error of Object.keys(verdict.errors))
        expect(error).toMatch(/^ConnectionError (Lost|Closed) (Unknown|NotSent)$/)
      expect(verdict.longestGap).toBeLessThan(1_000)
    })
  )

  it.scoped.each(["kill", "freeze"] as const)("gets over a primary that is gone under load: %s", (end) =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const old = yield* group.primary
      const commandTimeout = "8 seconds"
      const redis = yield* anotherClient({ commandTimeout })
      // On all of them before anything dies.
      yield* old.client.pipeline([Redis.flushall(), Redis.set("read", "me"), Redis.wait(2, "2 seconds")])
      const writer = yield* CountingWriter.make().pipe(Effect.provideService(Redis.Redis, redis))
      const reading = (client: Redis.RedisService) =>
        Effect.gen(function* () {
          const reads = { count: 0 }
          const fiber = yield* client.execute(Redis.get("read")).pipe(
            Effect.tap((value) => {
              expect(value).toEqual(Option.some("me"))
              reads.count++
            }),
            Effect.zipRight(Effect.sleep(1)),
            Effect.forever,
            Effect.fork
          )
          return { reads, fiber }
        })
      const readers = [
        yield* reading(redis),
        yield* reading(yield* anotherClient({ commandTimeout, readFrom: "replica" })),
        yield* reading(yield* anotherClient({ commandTimeout, readFrom: "preferReplica" }))
      ]
      yield* Effect.sleep(200)
      yield* group[end](old)
      yield* group.agreed
      const before = readers.map(({ reads }) => reads.count)
      // Who looks for a node pauses for up to half a second.
      yield* eventually(
        "reading again",
        Effect.sync(() => {
          const still = readers.flatMap(({ reads }, i) => (reads.count > before[i]! ? [] : [i]))
          return still.length === 0 ? undefined : `readers ${still}`
        }),
        2_000
      )
      for (const { fiber } of readers) {
        // Not one has failed.
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      }
      const primary = yield* group.primary
      expect(primary).not.toBe(old)
      const verdict = yield* writer.verify(primary.client)
      expect(verdict.repeated.slice(0, 5)).toEqual([])
      for (const error of Object.keys(verdict.errors))
        expect(error).toMatch(/^(Connection|Timeout)Error .*(Unknown|NotSent)$/)
      expect(verdict.longestGap).toBeLessThan(8_000)
      yield* group.restart(old)
      yield* group.agreed
    })
  )
})
