import { describe, expect, it, layer } from "@effect/vitest"
import { RedisCluster, Topology } from "@effect-resp/cluster"
import { Pipeline, Redis } from "@effect-resp/core"
import type { NodeRedisCluster } from "@effect-resp/node"
import { Duration, Effect, Either } from "effect"
import * as ClusterServers from "../support/ClusterServers.js"
import * as CountingWriter from "../support/CountingWriter.js"
import { anotherClient, clusterLayer, connectionsOf, keyOf, slots, spread } from "../support/cluster.js"
import { eventually } from "../support/RestartableServer.js"
import * as Workload from "../support/Workload.js"

const clientName = "worker"

/** Two of each primary. */
const tags = [...spread, ...slots.map((slot) => keyOf(slot + 300))]

/** Removes what tests before have left, on the replicas too: one that has just come back follows only after a while. */
const emptied = Effect.gen(function* () {
  const cluster = yield* ClusterServers.ClusterServers
  yield* cluster.replicated
  const empty = [Redis.flushall(), Redis.wait(1, "5 seconds")]
  for (const { client } of yield* cluster.primaries) {
    expect(yield* client.pipeline(empty)).toEqual(["OK", 1].map((value) => Either.right(value)))
  }
})

/** Single writes and a workload, on a client of their own. */
const working = (options: Partial<NodeRedisCluster.Options> = {}) =>
  Effect.gen(function* () {
    const services = yield* anotherClient({ clientName, ...options })
    const context = RedisCluster.context(services)
    const writer = yield* Effect.provide(CountingWriter.make(), context)
    const workload = yield* Effect.provide(Workload.make(tags), context)
    yield* Effect.sleep("200 millis")
    return { redis: services.redis, writer, workload }
  })

/** Replies left unread would be others': everyone gets his own word back, on shared connections and on leased ones. */
const unmixed = (redis: Redis.RedisService) =>
  Effect.gen(function* () {
    const words = Array.from({ length: 60 }, (_, i) => `word ${i}`)
    const five = words.slice(0, 5)
    expect(yield* Effect.forEach(words, (word) => Redis.echo(word), { concurrency: 20 })).toEqual(words)
    expect(yield* Pipeline.forEach(words, (word) => Redis.echo(word))).toEqual(words)
    for (const key of spread) {
      const leased = Effect.forEach(five, (word) => Redis.withReserved([key])(Redis.echo(word)), { concurrency: 5 })
      expect(yield* leased).toEqual(five)
    }
  }).pipe(Effect.provideService(Redis.Redis, redis))

/** A shared connection and what leases the workload and `unmixed` had, to primaries and to nobody else. */
const bounded = Effect.gen(function* () {
  const cluster = yield* ClusterServers.ClusterServers
  const primaries = yield* cluster.primaries
  yield* eventually(
    "connections",
    Effect.map(Effect.provideService(connectionsOf(clientName), ClusterServers.ClusterServers, cluster), (counts) => {
      const up = cluster.nodes.filter(({ isUp }) => isUp)
      const good = up.every((node, i) =>
        primaries.includes(node) ? counts[i]! >= 1 && counts[i]! <= 10 : counts[i] === 0
      )
      return good ? undefined : counts.join()
    })
  )
})

/**
 * Only what was under way on a connection that died may have an unknown outcome, and only what writes. While a primary
 * is missing the others refuse for a moment: what the body of a watch hears of it is for the body to judge.
 */
const allowed =
  /^((pipeline|transaction|watch): ConnectionError Lost Unknown|watch: (ReplyError CLUSTERDOWN Rejected|ExecAbortError .*))$/

layer(clusterLayer(), { excludeTestServices: true })("a cluster under load", (it) => {
  it.effect("fails over by command, and no caller notices", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      yield* emptied
      const { redis, workload, writer } = yield* working()
      const heir = yield* cluster.replicaOf(slots[0])
      yield* cluster.failover(heir)
      yield* Effect.sleep("300 millis")
      const writes = yield* writer.verify()
      expect(writes).toMatchObject({ failed: 0, unknown: 0, errors: {}, lost: [], repeated: [] })
      const verdict = yield* workload.verify()
      expect(verdict).toMatchObject({ errors: {}, wrong: [] })
      expect(Math.min(writes.acknowledged, ...Object.values(verdict.done))).toBeGreaterThan(100)
      expect(yield* cluster.ownerOf(slots[0])).toBe(heir)
      yield* bounded
      yield* unmixed(redis)
    }).pipe(Effect.scoped)
  )

  it.effect("moves slots to and fro, and no caller notices", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      yield* emptied
      const { redis, workload, writer } = yield* working()
      const homes = yield* Effect.forEach(slots, (slot) => cluster.ownerOf(slot))
      for (const [first, second] of [homes, homes, homes].map(([a, b]) => [a!, b!] as const)) {
        yield* cluster.moveSlot(slots[0], second)
        yield* cluster.moveSlot(slots[1], first)
        yield* cluster.moveSlot(slots[0], first)
        yield* cluster.moveSlot(slots[1], second)
      }
      const writes = yield* writer.verify()
      expect(writes).toMatchObject({ failed: 0, unknown: 0, errors: {}, lost: [], repeated: [] })
      const verdict = yield* workload.verify()
      expect(verdict).toMatchObject({ errors: {}, wrong: [] })
      expect(Math.min(writes.acknowledged, ...Object.values(verdict.done))).toBeGreaterThan(100)
      // A watched key that moves is also a key that goes.
      for (const reason of Object.keys(verdict.watches)) expect(["SlotMoved", "KeysChanged"]).toContain(reason)
      yield* bounded
      yield* unmixed(redis)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 85: loses a primary, and goes on as soon as its replica is promoted", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      yield* emptied
      const { redis, workload, writer } = yield* working()
      const victim = yield* cluster.ownerOf(slots[1])
      const heir = yield* cluster.replicaOf(slots[1])
      yield* cluster.kill(victim)
      const back = yield* Effect.fork(redis.execute(Redis.set(spread[1]!, 1)).pipe(Effect.map(() => performance.now())))
      const isPromoted = Effect.map(heir.server.replication, (told) => told.get("role") === "master")
      yield* eventually(
        "promotion",
        Effect.map(isPromoted, (is) => (is ? undefined : "a replica"))
      )
      const promoted = performance.now()
      expect((yield* back) - promoted).toBeLessThan(1_000)
      yield* Effect.sleep("300 millis")
      yield* cluster.restart(victim)
      yield* cluster.agreed
      const writes = yield* writer.verify()
      // The server may lose what it has acknowledged and not yet replicated; nothing is there twice.
      expect(writes).toMatchObject({ failed: 0, repeated: [] })
      expect(Object.keys(writes.errors)).toEqual(writes.unknown > 0 ? ["ConnectionError Lost Unknown"] : [])
      const verdict = yield* workload.verify({ mayLose: true })
      expect(verdict.wrong).toEqual([])
      for (const error of Object.keys(verdict.errors)) expect(error).toMatch(allowed)
      yield* bounded
      yield* unmixed(redis)
    }).pipe(Effect.scoped)
  )

  it.effect("has a primary that freezes, and everyone who waits for it hears within his deadline", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      yield* emptied
      const { redis, workload, writer } = yield* working({ commandTimeout: "1 second", reserveTimeout: "1 second" })
      const victim = yield* cluster.ownerOf(slots[2])
      const heir = yield* cluster.replicaOf(slots[2])
      yield* cluster.freeze(victim)
      const key = spread[2]!
      const waiting: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        redis.execute(Redis.get(key)),
        redis.execute(Redis.incr(key)),
        redis.execute(Redis.mget(spread)),
        redis.pipeline(spread.map((key) => Redis.get(key))),
        redis.transaction([Redis.incr(key)]),
        Effect.scoped(redis.watch([key])),
        Effect.scoped(redis.reserve([key])),
        redis.execute(Redis.blpop(`{${key}}none`, "100 millis"))
      ]
      const times = yield* Effect.forEach(waiting, (one) => Effect.timed(Effect.exit(one)), {
        concurrency: "unbounded"
      })
      for (const [took] of times) expect(Duration.toMillis(took)).toBeLessThan(1_400)
      const isPromoted = Effect.map(heir.server.replication, (told) => told.get("role") === "master")
      yield* eventually(
        "promotion",
        Effect.map(isPromoted, (is) => (is ? undefined : "a replica"))
      )
      yield* eventually("a write", Effect.as(redis.execute(Redis.set(key, 1)), undefined))
      yield* cluster.thaw(victim)
      yield* cluster.agreed
      expect(yield* writer.verify()).toMatchObject({ repeated: [] })
      expect(yield* workload.verify({ mayLose: true })).toMatchObject({ wrong: [] })
      yield* bounded
      yield* unmixed(redis)
    }).pipe(Effect.scoped)
  )
})

describe("a cluster with all its data on disk", () => {
  it.scopedLive("scenario 91: starts again as a whole at other ports, and is found by the one seed that is left", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const { redis, workload, writer } = yield* working({ nodes: [Topology.addressOf(cluster.seeds[0]!)] })
      const before = cluster.seeds.map(({ port }) => port)
      yield* cluster.restartAll({ newPorts: true, keepFirst: true })
      expect(cluster.seeds.filter(({ port }) => before.includes(port))).toHaveLength(1)
      yield* eventually(
        "a write on each",
        Effect.as(
          Effect.forEach(spread, (key) => redis.execute(Redis.set(key, 1))),
          undefined
        )
      )
      yield* Effect.sleep("300 millis")
      const writes = yield* writer.verify()
      expect(writes).toMatchObject({ lost: [], repeated: [] })
      expect(writes.errors["ConnectionError Lost Unknown"] ?? 0).toBe(writes.unknown)
      const verdict = yield* workload.verify()
      expect(verdict.wrong).toEqual([])
      yield* bounded
      yield* unmixed(redis)
    }).pipe(Effect.provide(ClusterServers.layer({ args: ["--appendonly", "yes", "--appendfsync", "always"] })))
  )
})
