import { describe, expect, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import type { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Exit, Fiber, Metric, Option, Scope } from "effect"
import { eventually } from "../pubsub/eventually.js"
import * as ClusterServers from "../support/ClusterServers.js"
import { anotherClient, clusterLayer } from "../support/cluster.js"

type Node = ClusterServers.Node

const provide = (redis: Redis.RedisService) => Effect.provideService(Redis.Redis, redis)

const clientOf = (options: Partial<NodeRedisCluster.Options> = {}) =>
  Effect.map(anotherClient({ commandTimeout: "10 seconds", ...options }), ({ redis }) => redis)

const handleOn = (redis: Redis.RedisService, options: RedisPubSub.HandleOptions & { readonly bytes?: false } = {}) =>
  RedisPubSub.make({ ignoreConfirmations: true, ...options }).pipe(provide(redis))

const brief = (event: RedisPubSub.Event) =>
  event.type === "gap" ? event.reason : "data" in event ? event.data : `${event.type} ${event.channel}`

/** Takes events until one is as told, which is the last. */
const takeUntil = (pubSub: RedisPubSub.RedisPubSub, last: string) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    while (seen.at(-1) !== last) seen.push(brief(yield* pubSub.take))
    return seen
  }).pipe(Effect.timeout("10 seconds"))

/** Which nodes that are up have subscribers of a shard channel. */
const homesOf = (name: string) =>
  Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
    Effect.filter(
      cluster.nodes.filter(({ isUp }) => isUp),
      ({ client }) => Effect.map(client.execute(Redis.pubsubShardnumsub([name])), ([entry]) => entry![1] > 0)
    )
  )

const subscriberConnections = Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
  Effect.forEach(
    cluster.nodes.filter(({ isUp }) => isUp),
    ({ client }) =>
      Effect.map(
        client.execute(Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"])),
        (list) =>
          String(list)
            .split("\n")
            .filter((line) => line !== "").length
      )
  )
)

/** The cluster as it was at the beginning: all nodes up, in agreement and in sync, and known as such. */
const mended = Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
  Effect.forEach(
    cluster.nodes.filter(({ isUp }) => !isUp),
    (node) => cluster.restart(node)
  ).pipe(Effect.zipRight(cluster.agreed), Effect.zipRight(cluster.replicated))
)

const namesAt = (owner: Node, count: number, prefix: string) =>
  Effect.gen(function* () {
    const cluster = yield* ClusterServers.ClusterServers
    const names: Array<string> = []
    for (let i = 0; names.length < count; i++) {
      const name = `${prefix}:${i}`
      if ((yield* cluster.ownerOf(Slot.ofKey(name))) === owner) names.push(name)
    }
    return names
  })

describe("subscribers of a cluster with faults", () => {
  layer(clusterLayer(), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped("leave a frozen node when the map changes, and do not wait for its connections", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        // Only the map tells: nothing else asks the node before the test has ended.
        const services = yield* anotherClient({
          commandTimeout: "10 seconds",
          connectTimeout: "30 seconds",
          keepAlive: "1 minute",
          refreshInterval: "200 millis"
        })
        const pubSub = yield* handleOn(services.redis)
        yield* pubSub.ssubscribe("frozen")
        const owner = yield* cluster.ownerOf(Slot.ofKey("frozen"))
        const replica = yield* cluster.replicaOf(Slot.ofKey("frozen"))
        yield* cluster.freeze(owner)
        const started = performance.now()
        yield* eventually(homesOf("frozen"), ([home]) => home === replica)
        expect(performance.now() - started).toBeLessThan(5_000)
        yield* replica.client.execute(Redis.spublish("frozen", "after"))
        expect(yield* takeUntil(pubSub, "after")).toEqual(["Reconnected", "after"])
        yield* cluster.thaw(owner)
        yield* mended
      })
    )

    it.scoped("are served by replicas where so wanted, by the primary when none is left, and go along", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const slot = Slot.ofKey("read")
        const owner = yield* cluster.ownerOf(slot)
        const replica = yield* cluster.replicaOf(slot)
        // Nothing renews the map by itself.
        const options = { subscribeTo: "replica", refreshInterval: "1 hour" } as const
        const early = yield* clientOf(options)
        const late = yield* clientOf({ ...options, commandTimeout: "3 seconds" })
        const publisher = yield* clientOf()
        const pubSub = yield* handleOn(early)
        yield* pubSub.ssubscribe("read")
        yield* pubSub.subscribe("plain")
        expect(yield* homesOf("read")).toEqual([replica])
        yield* publisher.execute(Redis.spublish("read", "1"))
        expect(brief(yield* pubSub.take)).toBe("1")
        yield* cluster.kill(replica)
        yield* eventually(homesOf("read"), ([home]) => home === owner)
        yield* publisher.execute(Redis.spublish("read", "2"))
        expect((yield* takeUntil(pubSub, "2")).slice(-2)).toEqual(["Reconnected", "2"])
        // This one's map still has the replica, with which it has not been connected.
        const other = yield* handleOn(late)
        yield* other.ssubscribe("read")
        yield* Effect.forEach(["a", "b", "c", "d"], (name) => other.subscribe(name))
        expect(yield* homesOf("read")).toEqual([owner])
        yield* mended
      })
    )

    it.scoped("go back from the primary when there is a replica again", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const pubSub = yield* handleOn(yield* clientOf({ subscribeTo: "replica", refreshInterval: "100 millis" }))
        const slot = Slot.ofKey("again")
        yield* pubSub.ssubscribe("again")
        const owner = yield* cluster.ownerOf(slot)
        const replica = yield* cluster.replicaOf(slot)
        yield* cluster.kill(replica)
        yield* eventually(homesOf("again"), (homes) => homes.length === 1 && homes[0] === owner)
        yield* mended
        // Nodes tell of replicas that have got something.
        yield* owner.client.execute(Redis.set("again", "1"))
        yield* eventually(homesOf("again"), (homes) => homes.length === 1 && homes[0] === replica)
        yield* owner.client.execute(Redis.spublish("again", "end"))
        expect((yield* takeUntil(pubSub, "end")).slice(-2)).toEqual(["Reconnected", "end"])
      })
    )

    it.scoped("go from replica to replica as the slot moves", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const pubSub = yield* handleOn(yield* clientOf({ subscribeTo: "replica", refreshInterval: "200 millis" }))
        const slot = Slot.ofKey("tour")
        yield* pubSub.ssubscribe("tour")
        for (const to of yield* cluster.primaries) {
          yield* cluster.moveSlot(slot, to)
          const replica = yield* cluster.replicaOf(slot)
          yield* eventually(homesOf("tour"), (homes) => homes.length === 1 && homes[0] === replica)
          yield* to.client.execute(Redis.spublish("tour", String(to.port)))
          yield* takeUntil(pubSub, String(to.port))
        }
      })
    )

    it.scoped("look elsewhere at once when the node of their choice is down and no connection ever was", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        // All choose a primary by chance; nothing renews their maps by itself.
        const clients = yield* Effect.replicateEffect(
          clientOf({ commandTimeout: "4 seconds", refreshInterval: "1 hour" }),
          8
        )
        // Not the one that told the map.
        const gone = (yield* cluster.primaries).find((node) => node !== cluster.nodes[0])!
        yield* cluster.kill(gone)
        const started = performance.now()
        yield* Effect.forEach(
          clients,
          (redis) => Effect.flatMap(handleOn(redis), (pubSub) => pubSub.subscribe("anywhere")),
          { concurrency: "unbounded" }
        )
        expect(performance.now() - started).toBeLessThan(3_000)
        yield* mended
      })
    )

    for (const strategy of ["suspend", "sliding", "dropping"] as const) {
      it.scoped(`follow a slot whose reader does not read (${strategy})`, () =>
        Effect.gen(function* () {
          const cluster = yield* ClusterServers.ClusterServers
          const name = `unread:${strategy}`
          const slot = Slot.ofKey(name)
          // A socket that waits for its reader tells nothing, so the map must.
          const redis = yield* clientOf({ refreshInterval: "100 millis" })
          const publisher = yield* clientOf()
          const pubSub = yield* handleOn(redis, { capacity: 3, strategy })
          yield* pubSub.ssubscribe(name)
          const publish = (first: number) =>
            Effect.forEach(
              Array.from({ length: 20 }, (_, i) => String(first + i)),
              (data) => publisher.execute(Redis.spublish(name, data))
            )
          yield* publish(0)
          const from = yield* cluster.ownerOf(slot)
          const to = (yield* cluster.primaries).find((node) => node !== from)!
          for (const target of [to, from]) {
            yield* cluster.moveSlot(slot, target)
            yield* eventually(homesOf(name), ([home]) => home === target)
            yield* Effect.sleep("20 millis")
          }
          yield* publish(100)
          yield* Effect.sleep("50 millis")
          const seen: Array<string> = []
          for (
            let next = yield* pubSub.poll();
            Option.isSome(next);
            next = yield* pubSub.poll({ timeout: "100 millis" })
          ) {
            seen.push(brief(next.value))
          }
          const numbers = seen.flatMap((one) => (/^\d/.test(one) ? [Number(one)] : []))
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
          if (strategy === "suspend") {
            expect(seen).toContain("Reconnected")
            // What had come is given before the Gap.
            expect(seen.slice(0, 6)).toEqual(["0", "1", "2", "3", "4", "5"])
            expect(numbers.slice(-20)).toEqual(Array.from({ length: 20 }, (_, i) => 100 + i))
            // No loss but at a Gap.
            for (const [i, one] of seen.entries()) {
              if (i > 0 && /^\d/.test(one) && /^\d/.test(seen[i - 1]!))
                expect(Number(one) - Number(seen[i - 1])).toBe(1)
            }
          } else if (strategy === "sliding") {
            expect(numbers).toEqual([117, 118, 119])
            expect(seen).toContain("Overflow")
          } else {
            expect(numbers).toEqual([0, 1, 2])
            expect(seen.indexOf("Overflow")).toBe(3)
          }
        })
      )
    }

    it.scoped("keep a bounded number of messages of a reader that does not read, however often it is moved", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const redis = yield* clientOf({ refreshInterval: "100 millis" })
        const publisher = yield* clientOf()
        const pubSub = yield* handleOn(redis, { capacity: 5 })
        yield* pubSub.ssubscribe("leak")
        const slot = Slot.ofKey("leak")
        const [one, other] = yield* cluster.primaries
        for (let i = 0; i < 8; i++) {
          const target = i % 2 === 0 ? one! : other!
          yield* cluster.moveSlot(slot, target)
          yield* eventually(homesOf("leak"), ([home]) => home === target)
          yield* publisher.pipeline(Array.from({ length: 10 }, (_, j) => Redis.spublish("leak", `${i}:${j}`)))
          yield* Effect.sleep("20 millis")
        }
        const seen: Array<string> = []
        for (let next = yield* pubSub.poll(); Option.isSome(next); next = yield* pubSub.poll()) {
          seen.push(brief(next.value))
        }
        expect(seen.length).toBeLessThan(50)
        yield* publisher.execute(Redis.spublish("leak", "end"))
        const rest = yield* takeUntil(pubSub, "end")
        expect([...seen, ...rest].filter((one) => one === "Reconnected").length).toBeGreaterThan(0)
      })
    )

    it.scoped("two hundred of them survive a failover, share connections, and leave none and no fiber", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        yield* eventually(subscriberConnections, (all) => all.every((count) => count === 0))
        const redis = yield* clientOf()
        const owner = yield* cluster.ownerOf(Slot.ofKey("many"))
        const [name = "", second = ""] = yield* namesAt(owner, 2, "many")
        const fibers = Metric.value(Metric.counter("effect_fiber_active"))
        const before = (yield* fibers).count
        const scope = yield* Scope.make()
        const handles = yield* Effect.replicateEffect(handleOn(redis), 200).pipe(Scope.extend(scope))
        yield* Effect.forEach(
          handles,
          (handle) =>
            Effect.all([handle.ssubscribe([name, second]), handle.subscribe("news"), handle.psubscribe("n*")], {
              concurrency: "unbounded"
            }),
          { concurrency: "unbounded" }
        )
        expect((yield* subscriberConnections).reduce((a, b) => a + b)).toBeLessThanOrEqual(2)
        expect((yield* fibers).count).toBeGreaterThan(before + handles.length)
        const replica = yield* cluster.replicaOf(Slot.ofKey(name))
        const half = handles.length / 2
        const reading = yield* Effect.forEach(handles.slice(0, half), (handle) => Effect.fork(takeUntil(handle, "end")))
        yield* cluster.kill(owner)
        yield* eventually(homesOf(name), ([home]) => home === replica)
        yield* Effect.sleep("1 second")
        yield* Effect.retry(redis.execute(Redis.spublish(name, "end")), { times: 5 })
        const seen = yield* Effect.forEach(reading, Fiber.join)
        for (const one of seen) expect(one.slice(-2)).toEqual(["Reconnected", "end"])
        expect((yield* subscriberConnections).reduce((a, b) => a + b)).toBeLessThanOrEqual(2)
        const started = performance.now()
        yield* Scope.close(scope, Exit.void)
        expect(performance.now() - started).toBeLessThan(500)
        yield* eventually(subscriberConnections, (all) => all.every((count) => count === 0))
        // Some are of the clients of nodes, which stay.
        expect((yield* fibers).count).toBeLessThan(before + 40)
        yield* mended
      })
    )

    it.scoped("come back after the loss of all nodes", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const redis = yield* clientOf()
        const pubSub = yield* handleOn(redis)
        const names = ["back:1", "back:2", "back:3", "back:4"]
        yield* pubSub.ssubscribe(names)
        yield* pubSub.psubscribe("plain*")
        yield* Effect.forEach(cluster.nodes, (node) => cluster.kill(node), { concurrency: "unbounded" })
        const adding = yield* Effect.fork(pubSub.ssubscribe("back:5"))
        yield* Effect.sleep("300 millis")
        const leaving = performance.now()
        yield* pubSub.sunsubscribe("back:4")
        expect(performance.now() - leaving).toBeLessThan(100)
        yield* Effect.forEach(cluster.nodes, (node) => cluster.restart(node), { concurrency: "unbounded" })
        yield* mended
        yield* Fiber.join(adding)
        for (const name of [...names.slice(0, 3), "back:5"]) {
          yield* eventually(homesOf(name), (homes) => homes.length === 1)
        }
        expect(yield* homesOf("back:4")).toEqual([])
        yield* eventually(redis.execute(Redis.pubsubNumpat), (count) => count === 1)
        yield* Effect.forEach(names, (name) => redis.execute(Redis.spublish(name, name)))
        yield* redis.execute(Redis.publish("plain", "last"))
        const seen = yield* Effect.replicateEffect(pubSub.take, 4 + 1).pipe(Effect.timeout("5 seconds"))
        expect(seen.map(brief)).toContain("Reconnected")
      })
    )
  })
})
