import { describe, expect, it, layer } from "@effect/vitest"
import { RedisCluster, Slot, Topology } from "@effect-resp/cluster"
import { Command, Pipeline, Redis, Scan } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Fiber, Option, Stream } from "effect"
import * as Servers from "../support/ClusterServers.js"
import { ClusterServers } from "../support/ClusterServers.js"
import { clusterLayer, keyOf, slots } from "../support/cluster.js"

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

const fill = (keys: ReadonlyArray<string>) => Pipeline.forEach(keys, (key) => Redis.set(key, 1))

/** What of these a scan has not found. */
const missing = (keys: ReadonlyArray<string>, found: Iterable<string>) => {
  const seen = new Set(found)
  const left = keys.filter((key) => !seen.has(key))
  return { count: left.length, some: left.slice(0, 3) }
}

const none = { count: 0, some: [] }

/** Reads a scan while it goes on: `until` so many came in all, or to its end. */
const reading = <E>(scan: Stream.Stream<string, E, Redis.Redis>) =>
  Effect.map(Stream.toPull(Stream.rechunk(scan, 1)), (pull) => {
    const found: Array<string> = []
    const step = Effect.map(pull, (chunk) => void found.push(...chunk))
    return {
      found,
      until: (count: number) => Effect.repeat(step, { until: () => found.length >= count }),
      rest: Effect.catchAll(Effect.forever(step), Option.match({ onNone: () => Effect.void, onSome: Effect.fail }))
    }
  })

layer(clusterLayer(), { excludeTestServices: true })("a scan of a cluster", (it) => {
  it.effect("finds twenty thousand keys on three primaries, and only what it is asked for", () =>
    Effect.gen(function* () {
      yield* Redis.flushall()
      const keys = names("key:", 20_000)
      yield* fill(keys)
      const found = yield* Stream.runCollect(Scan.keys({ count: 1_000 }))
      expect(missing(keys, found)).toEqual(none)
      expect(new Set(found).size).toBe(20_000)
      const some = yield* Stream.runCollect(Scan.keys({ match: "key:1999?", count: 5_000 }))
      expect([...new Set(some)].sort()).toEqual(names("key:1999", 10))
      expect(yield* Stream.runCollect(Scan.keys().pipe(Stream.take(5)))).toHaveLength(5)
      const bytes = (yield* Redis.Redis).scan((cursor) => Redis.scan(cursor, { type: "list" }))
      expect([...(yield* Stream.runCollect(bytes))]).toEqual([])
      const wrong = (yield* Redis.Redis).scan(() => Command.make(["SCAN", "nonsense"]) as never)
      expect(yield* Effect.flip(Stream.runDrain(wrong))).toMatchObject({ _tag: "ReplyError", command: "SCAN" })
    })
  )

  it.effect("finds what a slot has on both its nodes while it is on its way", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      yield* Redis.flushall()
      const to = yield* cluster.ownerOf(slots[1])
      const from = yield* cluster.ownerOf(slots[2])
      // To a node that comes before it in the map, and to one that comes behind.
      for (const [slot, target] of [
        [slots[2] + 5, to],
        [slots[1] + 5, from]
      ] as const) {
        const keys = names(`{${keyOf(slot)}}`, 100)
        yield* fill(keys)
        yield* cluster.beginMove(slot, target)
        yield* cluster.moveKeys(slot, keys.slice(0, 50))
        const found = yield* Stream.runCollect(Scan.keys())
        expect(missing(keys, found)).toEqual(none)
        yield* cluster.endMove(slot)
        yield* Redis.flushall()
      }
    })
  )

  it.effect("finds the keys of a slot that went away and came back meanwhile", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      yield* Redis.flushall()
      // The node that is scanned first, and one that comes after it.
      const { shards } = yield* RedisCluster.topology
      const slot = shards[0]!.slots[0]![0] + 50
      const from = yield* cluster.ownerOf(slot)
      const to = yield* cluster.ownerOf(shards[1]!.slots[0]![0])
      const moving = names(`{${keyOf(slot)}}`, 60)
      const staying = names(`{${keyOf(slot + 1)}}`, 600)
      yield* fill([...moving, ...staying])
      const scan = yield* reading(Scan.keys({ count: 10 }))
      yield* scan.until(30)
      yield* cluster.moveSlot(slot, to)
      yield* scan.until(560)
      yield* cluster.moveSlot(slot, from)
      yield* scan.rest
      expect(missing([...moving, ...staying], scan.found)).toEqual(none)
    }).pipe(Effect.scoped)
  )

  it.effect("finds all that is there all the time while slots move to and fro", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      yield* Redis.flushall()
      const keys = names("key:", 5_000)
      const moving = slots.map((slot) => slot + 7)
      const withTags = moving.flatMap((slot) => names(`{${keyOf(slot)}}`, 200))
      yield* fill([...keys, ...withTags])
      const homes = yield* Effect.forEach(moving, (slot) => cluster.ownerOf(slot))
      let moves = 0
      const move = Effect.gen(function* () {
        for (const [i, slot] of moving.entries()) {
          yield* cluster.moveSlot(slot, homes[(i + 1) % 3]!)
          moves++
          yield* cluster.moveSlot(slot, homes[i]!)
          moves++
        }
      })
      const mover = yield* Effect.fork(Effect.forever(move))
      for (let scans = 0; scans < 4 || moves < 12; scans++) {
        const found = yield* Stream.runCollect(Scan.keys({ count: 50 }))
        expect(missing([...keys, ...withTags], found)).toEqual(none)
      }
      yield* Fiber.interrupt(mover)
      for (const slot of moving) yield* cluster.endMove(slot)
    })
  )

  it.effect("goes on through a failover", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      yield* Redis.flushall()
      const keys = names("key:", 3_000)
      yield* fill(keys)
      const scan = yield* reading(Scan.keys({ count: 10 }))
      yield* scan.until(300)
      for (const slot of slots) yield* cluster.failover(yield* cluster.replicaOf(slot))
      yield* scan.rest
      expect(missing(keys, scan.found)).toEqual(none)
    }).pipe(Effect.scoped)
  )
})

describe("a scan of a cluster with its data on disk", () => {
  it.scopedLive("does not take the cursor of a server that was started anew for one of its own", () =>
    Effect.gen(function* () {
      const args = ["--appendonly", "yes", "--appendfsync", "always", "--cluster-require-full-coverage", "no"]
      const cluster = yield* Servers.make({ replicas: 0, args, nodeTimeout: 5_000 })
      const program = Effect.gen(function* () {
        const { shards } = yield* RedisCluster.topology
        const keys = names(`{${keyOf(shards[0]!.slots[0]![0])}}`, 2_000)
        yield* fill(keys)
        const scan = yield* reading(Scan.keys({ count: 10 }))
        yield* scan.until(1_000)
        const owner = yield* cluster.ownerOf(Slot.ofKey(keys[0]!))
        yield* cluster.restart(owner)
        yield* cluster.agreed
        // So that the next page comes when the client has found it again.
        yield* Redis.get(keys[0]!)
        yield* Effect.sleep("100 millis")
        yield* scan.rest
        expect(missing(keys, scan.found)).toEqual(none)
      })
      const nodes = cluster.seeds.map(Topology.addressOf)
      yield* Effect.provide(Effect.scoped(program), NodeRedisCluster.layer({ nodes }))
    })
  )
})
