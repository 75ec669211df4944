import { expect, layer } from "@effect/vitest"
import { type RedisCluster, Topology } from "@effect-resp/cluster"
import { Pipeline, Redis, Transaction } from "@effect-resp/core"
import type { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Either, Option } from "effect"
import { ClusterServers, type Node } from "../support/ClusterServers.js"
import { anotherClient, callsAt, clusterLayer, resetCalls, slots, spread } from "../support/cluster.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually } from "../support/RestartableServer.js"

const [a, b, c] = spread as [string, string, string]

/** The primary and the replica of the first slot. */
const pair = Effect.flatMap(ClusterServers, (cluster) =>
  Effect.all([cluster.ownerOf(slots[0]), cluster.replicaOf(slots[0])])
)

/** What both have run, the replica's own copies of writes left out. */
const calls = (name: string) =>
  Effect.flatMap(pair, (nodes) => Effect.forEach(nodes, (node) => Effect.map(callsAt(node), (all) => all[name] ?? 0)))

/** A client that reads from there, when the values are on the replicas, too. */
const reading = (readFrom: RedisCluster.Options["readFrom"], options: Partial<NodeRedisCluster.Options> = {}) =>
  Effect.gen(function* () {
    const cluster = yield* ClusterServers
    yield* cluster.replicated
    for (const { client } of yield* cluster.primaries) {
      for (const key of spread) yield* Effect.ignore(client.execute(Redis.set(key, `of ${key}`)))
      expect(yield* client.pipeline([Redis.set("none", 1), Redis.wait(1, "5 seconds")])).toMatchObject([
        {},
        { right: 1 }
      ])
    }
    yield* resetCalls
    return (yield* anotherClient({ readFrom, ...options })).redis
  })

const ten = <A, E>(effect: Effect.Effect<A, E>) => Effect.all(Array.from({ length: 10 }, () => effect))

const isMade = (node: Node, name: string) =>
  Effect.map(node.client.execute(Redis.clientList()), (all) => all.some((one) => Option.contains(one.name, name)))

layer(clusterLayer(), { excludeTestServices: true })("reading from a cluster", (it) => {
  it.effect("asks primaries alone by default", () =>
    Effect.gen(function* () {
      const redis = yield* reading(undefined)
      expect(yield* ten(redis.execute(Redis.get(a)))).toEqual(Array(10).fill(Option.some(`of ${a}`)))
      expect(yield* calls("get")).toEqual([10, 0])
    }).pipe(Effect.scoped)
  )

  it.effect("leaves cursors to the primary, for another server makes nothing of them", () =>
    Effect.gen(function* () {
      const redis = yield* reading("replica")
      yield* redis.execute(Redis.sadd(`{${a}}set`, ["x", "y"]))
      yield* redis.execute(Redis.sscan(`{${a}}set`, "0"))
      yield* redis.pipeline([Redis.sscan(`{${a}}set`, "0")])
      expect(yield* calls("sscan")).toEqual([2, 0])
    }).pipe(Effect.scoped)
  )

  for (const readFrom of ["replica", "preferReplica"] as const) {
    it.effect(`asks replicas with ${readFrom}, and primaries for all that is no read`, () =>
      Effect.gen(function* () {
        const redis = yield* reading(readFrom)
        expect(yield* ten(redis.execute(Redis.get(a)))).toEqual(Array(10).fill(Option.some(`of ${a}`)))
        expect(yield* calls("get")).toEqual([0, 10])
        const results = yield* redis.pipeline([Redis.get(c), Redis.incr(`{${a}}n`), Redis.get(a), Redis.strlen(b)])
        expect(results).toMatchObject([
          { right: Option.some(`of ${c}`) },
          { right: 1 },
          { right: { value: `of ${a}` } },
          {}
        ])
        expect(yield* calls("get")).toEqual([0, 11])
        expect((yield* calls("incr"))[0]).toBe(1)
        // A transaction is the primary's, whatever is in it, and so is a watch.
        const exec = Transaction.exec([Redis.get(a), Redis.exists(a)])
        expect(yield* Effect.provideService(exec, Redis.Redis, redis)).toEqual([Option.some(`of ${a}`), 1])
        expect((yield* calls("exec"))[0]).toBe(1)
        const watch = Transaction.watch(
          [a],
          Effect.map(Redis.get(a), () => Pipeline.all([Redis.get(a)]))
        )
        expect(yield* Effect.provideService(watch, Redis.Redis, redis)).toEqual([Option.some(`of ${a}`)])
        expect(yield* calls("get")).toEqual([3, 11])
        expect(yield* redis.execute(Redis.set(`{${a}}n`, 5))).toBe("OK")
        expect(yield* redis.execute(Redis.del([`{${a}}n`, `{${b}}n`]))).toBe(1)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("scenario 91: tells a replica that has come back again that it is to answer reads", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      const [, replica] = yield* pair
      const redis = yield* reading("replica", { clientName: "persistent" })
      yield* redis.execute(Redis.get(a))
      yield* cluster.restart(replica)
      yield* cluster.agreed
      yield* cluster.replicated
      expect(yield* ten(redis.execute(Redis.get(a)))).toEqual(Array(10).fill(Option.some(`of ${a}`)))
      expect(yield* callsAt(replica)).toMatchObject({ get: 10, readonly: expect.any(Number) })
      expect(yield* isMade(replica, "persistent")).toBe(true)
      expect((yield* calls("get"))[0]).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.effect("falls back to the primary where that is allowed, and comes back", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      const [, replica] = yield* pair
      const prefers = yield* reading("preferReplica")
      const insists = (yield* anotherClient({ readFrom: "replica", commandTimeout: "400 millis" })).redis
      const nearest = (yield* anotherClient({ readFrom: "nearest" })).redis
      for (const redis of [prefers, insists, nearest]) yield* redis.execute(Redis.get(a))
      yield* resetCalls
      yield* cluster.kill(replica)
      const started = performance.now()
      for (const redis of [prefers, nearest]) {
        expect(yield* ten(redis.execute(Redis.get(a)))).toEqual(Array(10).fill(Option.some(`of ${a}`)))
        expect(yield* redis.pipeline([Redis.get(a)])).toEqual([Either.right(Option.some(`of ${a}`))])
      }
      expect(performance.now() - started).toBeLessThan(1_000)
      const error = yield* Effect.flip(insists.execute(Redis.get(a)))
      expect(error).toMatchObject({ command: "GET", outcome: "NotSent" })
      // Once the cluster itself knows, there is no replica to be asked.
      yield* cluster.agreed
      yield* eventually(
        "no replica in the map",
        Effect.map(Effect.flip(insists.execute(Redis.get(a))), ({ _tag }) =>
          _tag === "ClusterError" ? undefined : _tag
        )
      )
      // Others are not concerned.
      expect(yield* insists.execute(Redis.get(b))).toEqual(Option.some(`of ${b}`))
      yield* cluster.restart(replica)
      yield* cluster.agreed
      yield* cluster.replicated
      yield* eventually("a read", Effect.as(insists.execute(Redis.get(a)), undefined))
      expect((yield* callsAt(replica)).get).toBeGreaterThan(0)
    }).pipe(Effect.scoped)
  )

  it.effect("asks the node that answers fastest with nearest", () =>
    Effect.gen(function* () {
      const { nodes } = yield* ClusterServers
      const [primary, replica] = yield* pair
      for (const [far, expected] of [
        [primary, [0, 10]],
        [replica, [10, 0]]
      ] as const) {
        const ports = new Map<number, number>()
        for (const node of nodes) {
          const proxy = yield* FaultProxy.make(node)
          proxy.toClient.delay = node === far ? 40 : 0
          ports.set(node.port, proxy.port)
        }
        const redis = yield* reading("nearest", {
          mapAddress: ({ host, port }) => {
            const mapped = ports.get(port)
            return mapped === undefined ? undefined : { host, port: mapped }
          }
        })
        // The first measurement.
        yield* Effect.sleep("300 millis")
        yield* resetCalls
        expect(yield* ten(redis.execute(Redis.get(a)))).toEqual(Array(10).fill(Option.some(`of ${a}`)))
        expect(yield* calls("get")).toEqual(expected)
        expect(yield* redis.execute(Redis.set(a, "written"))).toBe("OK")
        expect((yield* calls("set"))[0]).toBe(1)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 97: connects to no address that mapAddress does not allow", () =>
    Effect.gen(function* () {
      const [, replica] = yield* pair
      const redis = yield* reading("preferReplica", {
        mapAddress: (address) => (address.port === replica.port ? undefined : address)
      })
      yield* ten(redis.execute(Redis.get(a)))
      expect(yield* calls("get")).toEqual([10, 0])
      const { cluster } = yield* anotherClient({
        mapAddress: ({ host, port }) => (port === replica.port ? undefined : { host, port })
      })
      const { shards } = yield* cluster.topology
      const known = shards.flatMap(({ primary, replicas }) => [primary, ...replicas]).map(({ address }) => address)
      expect(known).toHaveLength(5)
      expect(known).not.toContain(Topology.addressOf(replica))
    }).pipe(Effect.scoped)
  )
})
