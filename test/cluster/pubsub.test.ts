import { describe, expect, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Chunk, Effect, Exit, Fiber, Option, Redacted, Scope, Stream } from "effect"
import { eventually } from "../pubsub/eventually.js"
import * as ClusterServers from "../support/ClusterServers.js"

type Node = ClusterServers.Node

const clientOf = (options: Partial<NodeRedisCluster.Options> = {}) =>
  Effect.gen(function* () {
    const cluster = yield* ClusterServers.ClusterServers
    const nodes = cluster.seeds.map(({ host, port }) => `${host}:${port}`)
    return (yield* NodeRedisCluster.make({ commandTimeout: "10 seconds", ...options, nodes })).redis
  })

/** A subscriber's handle on a client of its own, and that client. */
const handleOf = (options: RedisPubSub.HandleOptions & { readonly bytes?: false } = {}) =>
  Effect.gen(function* () {
    const redis = yield* clientOf()
    const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true, ...options }).pipe(
      Effect.provideService(Redis.Redis, redis)
    )
    return { redis, pubSub }
  })

const on = <A>(node: Node, command: Command.Command<A>) => node.client.execute(command)

const everywhere = <A>(command: Command.Command<A>) =>
  Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
    Effect.forEach(
      cluster.nodes.filter(({ isUp }) => isUp),
      (node) => on(node, command)
    )
  )

/** Which nodes know of subscribers of a channel. */
const homesOf = (channel: string) =>
  Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
    Effect.filter(
      cluster.nodes.filter(({ isUp }) => isUp),
      (node) => Effect.map(on(node, Redis.pubsubNumsub([channel])), ([entry]) => entry![1] > 0)
    )
  )

const subscriberConnections = Effect.map(
  everywhere(Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"])),
  (lists) => lists.flatMap((list) => String(list).split("\n")).filter((line) => line !== "").length
)

const nothingLeft = eventually(
  Effect.all([
    everywhere(Redis.pubsubShardchannels()),
    everywhere(Redis.pubsubChannels()),
    everywhere(Redis.pubsubNumpat),
    subscriberConnections
  ]),
  ([shards, channels, patterns, connections]) =>
    shards.flat().length + channels.flat().length + patterns.reduce((sum, n) => sum + n, 0) + connections === 0
)

const brief = (event: RedisPubSub.Event) =>
  event.type === "gap" ? event.reason : "data" in event ? event.data : `${event.type} ${event.channel} ${event.count}`

/** Takes events until one is as told, which is the last. */
const takeUntil = (pubSub: RedisPubSub.RedisPubSub, last: string) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    while (seen.at(-1) !== last) seen.push(brief(yield* pubSub.take))
    return seen
  }).pipe(Effect.timeout("15 seconds"))

/** Publishes 0, 1, 2, … until it is stopped; gives the last. */
const publishing = (redis: Redis.RedisService, publish: (data: string) => Command.Command<number>) =>
  Effect.gen(function* () {
    let next = 0
    let stop = false
    const fiber = yield* Effect.gen(function* () {
      while (!stop) {
        yield* Effect.retry(redis.execute(publish(String(next))), { times: 50 })
        next++
        yield* Effect.sleep("1 millis")
      }
      return String(next - 1)
    }).pipe(Effect.fork)
    return {
      sent: () => next,
      stop: Effect.suspend(() => {
        stop = true
        return Fiber.join(fiber)
      })
    }
  })

/** What came is in order, with losses only where a Gap says so; gives the Gaps. */
const losesOnlyAtGaps = (seen: ReadonlyArray<string>) => {
  let expected: number | undefined = 0
  let gaps = 0
  for (const one of seen) {
    if (one === "Reconnected") {
      gaps++
      expected = undefined
      continue
    }
    if (expected !== undefined) expect(Number(one)).toBe(expected)
    expected = Number(one) + 1
  }
  return gaps
}

describe("subscribers of a cluster", () => {
  layer(ClusterServers.layer(), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped("have shard channels in slots of all nodes, several of one node, counted together", () =>
      Effect.gen(function* () {
        for (const protocol of [2, 3] as const) {
          const redis = yield* clientOf({ protocol })
          const names = Array.from({ length: 40 }, (_, i) => `all:${i}`)
          yield* Effect.gen(function* () {
            const pubSub = yield* RedisPubSub.make()
            yield* pubSub.ssubscribe(names)
            const confirmed = yield* Effect.replicateEffect(pubSub.take, 40)
            expect(confirmed.map((event) => ("count" in event ? event.count : 0))).toEqual(names.map((_, i) => i + 1))
            expect(confirmed.map((event) => ("count" in event ? event.channel : "")).sort()).toEqual([...names].sort())
            yield* Effect.forEach(names, (name) => Redis.spublish(name, `for ${name}`), { concurrency: "unbounded" })
            const got = yield* Effect.replicateEffect(pubSub.take, 40)
            expect(got.map(brief).sort()).toEqual(names.map((name) => `for ${name}`).sort())
            yield* pubSub.subscribe("plain")
            yield* pubSub.psubscribe("pat*")
            yield* pubSub.sunsubscribe(["all:0", "not:subscribed"])
            expect(
              yield* Effect.replicateEffect(pubSub.take, 4).pipe(Effect.map((events) => events.map(brief)))
            ).toEqual(expect.arrayContaining(["subscribe plain 1", "psubscribe pat* 2", "sunsubscribe all:0 39"]))
            yield* pubSub.sunsubscribe()
            const ended = yield* Effect.replicateEffect(pubSub.take, 39)
            expect(ended.map((event) => ("count" in event ? event.count : -1))).toEqual(
              names.slice(1).map((_, i) => 38 - i)
            )
            yield* pubSub.unsubscribe()
            yield* pubSub.punsubscribe()
          }).pipe(Effect.provideService(Redis.Redis, redis), Effect.scoped)
          yield* nothingLeft
        }
      })
    )

    it.scoped("hear what is published on any node, by channel and pattern", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { pubSub } = yield* handleOf()
        yield* pubSub.subscribe("news")
        yield* pubSub.psubscribe("ne*")
        for (const [i, node] of cluster.nodes.entries()) yield* on(node, Redis.publish("news", String(i)))
        const got = yield* Effect.replicateEffect(pubSub.take, 2 * cluster.nodes.length)
        const expected = cluster.nodes.map((_, i) => String(i))
        for (const type of ["message", "pmessage"]) {
          expect(got.flatMap((event) => ("data" in event && event.type === type ? [event.data] : [])).sort()).toEqual(
            expected
          )
        }
      })
    )

    it.scoped("share one connection to each node, gone when last used", () =>
      Effect.gen(function* () {
        yield* nothingLeft
        const redis = yield* clientOf()
        const names = Array.from({ length: 30 }, (_, i) => `share:${i}`)
        yield* Effect.scoped(
          Effect.gen(function* () {
            for (let i = 0; i < 3; i++) {
              yield* RedisPubSub.subscribed({ shardChannels: names, channels: `c${i}`, patterns: `p${i}` })
            }
            expect(yield* subscriberConnections).toBe(3)
          })
        ).pipe(Effect.provideService(Redis.Redis, redis))
        yield* nothingLeft
      })
    )

    it.scoped("scenario 89: follow a slot that moves, with one Gap and no loss after it; others do not notice", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { pubSub, redis } = yield* handleOf()
        const slot = Slot.ofKey("orders")
        // In another slot of the same node.
        const from = yield* cluster.ownerOf(slot)
        let other = ""
        for (let i = 0; other === ""; i++) {
          const name = `other:${i}`
          if (Slot.ofKey(name) !== slot && (yield* cluster.ownerOf(Slot.ofKey(name))) === from) other = name
        }
        const bystander = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, redis)
        )
        yield* bystander.ssubscribe(other)
        yield* bystander.subscribe("plain")
        yield* pubSub.ssubscribe(["orders", "{orders}:too"])
        const to = (yield* cluster.primaries).find((node) => node !== from)!
        for (const target of [to, from]) {
          const publisher = yield* publishing(redis, (data) => Redis.spublish("orders", data))
          yield* eventually(Effect.sync(publisher.sent), (sent) => sent > 20)
          yield* cluster.moveSlot(slot, target)
          const moved = publisher.sent()
          yield* eventually(Effect.sync(publisher.sent), (sent) => sent > moved + 20)
          const last = yield* publisher.stop
          const seen = yield* takeUntil(pubSub, last)
          expect(losesOnlyAtGaps(seen)).toBe(1)
          expect(yield* on(target, Redis.pubsubShardnumsub(["orders", "{orders}:too"]))).toEqual([
            ["orders", 1],
            ["{orders}:too", 1]
          ])
          yield* redis.execute(Redis.spublish("{orders}:too", "too"))
          expect(brief(yield* pubSub.take)).toBe("too")
        }
        yield* redis.execute(Redis.spublish(other, "1"))
        yield* redis.execute(Redis.publish("plain", "2"))
        expect((yield* Effect.all([bystander.take, bystander.take])).map(brief).sort()).toEqual(["1", "2"])
      })
    )

    it.scoped("can subscribe and leave while the slot is half moved", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { pubSub, redis } = yield* handleOf({ ignoreConfirmations: false })
        const slot = Slot.ofKey("half")
        const from = yield* cluster.ownerOf(slot)
        const to = (yield* cluster.primaries).find((node) => node !== from)!
        yield* pubSub.ssubscribe("half")
        yield* cluster.beginMove(slot, to)
        yield* pubSub.ssubscribe("{half}:b")
        yield* Effect.all([pubSub.ssubscribe("{half}:c"), cluster.endMove(slot), pubSub.sunsubscribe("half")], {
          concurrency: "unbounded"
        })
        expect(yield* eventually(on(to, Redis.pubsubShardchannels()), (names) => names.length === 2)).toHaveLength(2)
        yield* redis.execute(Redis.spublish("{half}:c", "x"))
        const seen = yield* takeUntil(pubSub, "x")
        expect(seen.filter((one) => one.startsWith("s"))).toEqual([
          "ssubscribe half 1",
          "ssubscribe {half}:b 2",
          ...(seen.includes("ssubscribe {half}:c 3")
            ? ["ssubscribe {half}:c 3", "sunsubscribe half 2"]
            : ["sunsubscribe half 1", "ssubscribe {half}:c 2"])
        ])
        yield* cluster.moveSlot(slot, from)
      })
    )

    it.scoped("survive a failover, of all kinds", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { pubSub, redis } = yield* handleOf()
        yield* pubSub.ssubscribe("sales")
        yield* pubSub.subscribe("plain")
        yield* pubSub.psubscribe("pl*")
        const replica = yield* cluster.replicaOf(Slot.ofKey("sales"))
        const publisher = yield* publishing(redis, (data) => Redis.spublish("sales", data))
        yield* cluster.failover(replica)
        // The former primary serves shard channels as a replica does; a key shows the client that it is none any more.
        yield* redis.execute(Redis.set("sales", "1"))
        yield* eventually(on(replica, Redis.pubsubShardnumsub(["sales"])), ([entry]) => entry![1] === 1)
        const sent = publisher.sent()
        yield* eventually(Effect.sync(publisher.sent), (now) => now > sent + 20)
        const last = yield* publisher.stop
        const seen = yield* takeUntil(pubSub, last)
        // Nodes lose and repeat some of what they tell each other meanwhile, but nothing of what is published here.
        expect(seen).toContain("Reconnected")
        for (let n = sent; n <= Number(last); n++) expect(seen).toContain(String(n))
        yield* redis.execute(Redis.publish("plain", "x"))
        const got = yield* Effect.all([pubSub.take, pubSub.take])
        expect(got.map(({ type }) => type).sort()).toEqual(["message", "pmessage"])
      })
    )

    it.scoped("survive kill -9 of the node that they are at, and calls made meanwhile complete", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { pubSub, redis } = yield* handleOf()
        yield* pubSub.subscribe("home")
        const [home] = yield* homesOf("home")
        // A shard channel of the same node, and one of another.
        const own: Array<string> = []
        for (let i = 0; own.length < 3; i++) {
          if ((yield* cluster.ownerOf(Slot.ofKey(`own:${i}`))) === home) own.push(`own:${i}`)
        }
        yield* pubSub.ssubscribe(own.slice(0, 2))
        yield* cluster.kill(home!)
        yield* pubSub.sunsubscribe(own[1])
        // Waits for the replica to take over.
        yield* pubSub.ssubscribe(own[2]!)
        expect(brief(yield* pubSub.take)).toBe("Reconnected")
        yield* eventually(homesOf("home"), (nodes) => nodes.length === 1)
        yield* redis.execute(Redis.publish("home", "plain"))
        yield* takeUntil(pubSub, "plain")
        yield* eventually(everywhere(Redis.pubsubShardchannels()), (names) => names.flat().length === 2)
        expect(yield* redis.execute(Redis.spublish(own[0]!, "first"))).toBe(1)
        expect(yield* redis.execute(Redis.spublish(own[1]!, "second"))).toBe(0)
        expect(yield* redis.execute(Redis.spublish(own[2]!, "third"))).toBe(1)
        expect((yield* takeUntil(pubSub, "third")).filter((one) => one !== "Reconnected")).toEqual(["first", "third"])
        yield* cluster.restart(home!)
        yield* cluster.agreed
        yield* cluster.replicated
      })
    )

    it.scoped("unsubscribe at once while their node is away; a subscribe fails in time, and leaves nothing", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const redis = yield* clientOf({ commandTimeout: "400 millis" })
        const slot = Slot.ofKey("away")
        yield* Effect.gen(function* () {
          const pubSub = yield* RedisPubSub.make()
          yield* pubSub.ssubscribe("away")
          const owner = yield* cluster.ownerOf(slot)
          const replica = yield* cluster.replicaOf(slot)
          yield* cluster.kill(replica)
          yield* cluster.kill(owner)
          yield* Effect.sleep("50 millis")
          const started = performance.now()
          yield* pubSub.sunsubscribe()
          expect(performance.now() - started).toBeLessThan(100)
          expect((yield* Effect.all([pubSub.take, pubSub.take])).map(brief)).toEqual([
            "ssubscribe away 1",
            "sunsubscribe away 0"
          ])
          const error = yield* Effect.flip(pubSub.ssubscribe(["away", "{away}:too"]))
          expect(error).toMatchObject({
            _tag: "TimeoutError",
            phase: "Connect",
            outcome: "NotSent",
            command: "SSUBSCRIBE"
          })
          expect(performance.now() - started).toBeLessThan(1_500)
          yield* cluster.restart(owner)
          yield* cluster.restart(replica)
          yield* cluster.agreed
          yield* cluster.replicated
          expect(yield* on(owner, Redis.pubsubShardchannels())).toEqual([])
          yield* pubSub.ssubscribe("away")
          expect(brief(yield* pubSub.take)).toBe("ssubscribe away 1")
        }).pipe(Effect.provideService(Redis.Redis, redis))
      })
    )

    it.scoped("of a full subscriber, other feeds can still subscribe and unsubscribe", () =>
      Effect.gen(function* () {
        const { pubSub, redis } = yield* handleOf({ capacity: 2 })
        const cluster = yield* ClusterServers.ClusterServers
        yield* pubSub.ssubscribe("full")
        const owner = yield* cluster.ownerOf(Slot.ofKey("full"))
        let same = ""
        for (let i = 0; same === ""; i++) {
          if ((yield* cluster.ownerOf(Slot.ofKey(`same:${i}`))) === owner) same = `same:${i}`
        }
        yield* Effect.forEach(Array.from({ length: 500 }, String), (data) =>
          redis.execute(Redis.spublish("full", data))
        )
        yield* Effect.sleep("50 millis")
        yield* pubSub.ssubscribe(same)
        yield* pubSub.subscribe("plain")
        yield* redis.execute(Redis.spublish(same, "same"))
        yield* pubSub.sunsubscribe("full")
        const seen: Array<string> = []
        while (seen.length < 501) seen.push(brief(yield* pubSub.take))
        expect(seen.filter((one) => one !== "same")).toEqual(Array.from({ length: 500 }, String))
      })
    )

    it.scoped("bound what waits to be taken: the sockets of those who suspend wait", () =>
      Effect.gen(function* () {
        const redis = yield* clientOf()
        const messages = yield* RedisPubSub.subscribed({ shardChannels: "big" }, { capacity: 4 }).pipe(
          Effect.provideService(Redis.Redis, redis)
        )
        const payload = "x".repeat(10_000)
        const before = process.memoryUsage().rss
        for (let i = 0; i < 20; i++) {
          yield* redis.pipeline(
            Array.from({ length: 100 }, (_, j) => Redis.spublish("big", `${i * 100 + j}:${payload}`))
          )
        }
        const owner = yield* (yield* ClusterServers.ClusterServers).ownerOf(Slot.ofKey("big"))
        const held = Effect.map(on(owner, Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"])), (list) =>
          Math.max(...[...String(list).matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)))
        )
        expect(yield* held).toBeGreaterThan(5_000_000)
        expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
        const got = yield* messages.pipe(Stream.take(2_000), Stream.runCollect)
        expect(Chunk.toReadonlyArray(got).map(({ data }) => Number.parseInt(data, 10))).toEqual(
          Array.from({ length: 2_000 }, (_, i) => i)
        )
      })
    )

    it.scoped("are refused alone what they may not have", () =>
      Effect.gen(function* () {
        yield* everywhere(
          Command.make(["ACL", "SETUSER", "narrow", "on", ">pw", "+@all", "~*", "resetchannels", "&ok*", "&later"])
        )
        const redis = yield* clientOf({ credentials: { username: "narrow", password: Redacted.make("pw") } })
        const provide = Effect.provideService(Redis.Redis, redis)
        const pubSub = yield* RedisPubSub.make().pipe(provide)
        const results = yield* Effect.all(
          [pubSub.subscribe(["ok1", "forbidden"]), pubSub.subscribe("ok1"), pubSub.ssubscribe(["ok2", "no"])].map(
            Effect.either
          ),
          { concurrency: "unbounded" }
        )
        expect(results.map(({ _tag }) => _tag)).toEqual(["Left", "Right", "Left"])
        expect(results[0]).toMatchObject({ left: { _tag: "ReplyError", code: "NOPERM", command: "SUBSCRIBE" } })
        const standing = Effect.map(
          Effect.all([everywhere(Redis.pubsubChannels()), everywhere(Redis.pubsubShardchannels())]),
          (lists) => lists.flat(2)
        )
        expect(yield* eventually(standing, (names) => names.join() === "ok1")).toEqual(["ok1"])
        const later = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(provide)
        yield* later.subscribe(["later", "ok3"])
        yield* everywhere(Command.make(["ACL", "SETUSER", "narrow", "resetchannels", "&ok*"]))
        const error = yield* later.take.pipe(
          Effect.repeat({ until: () => false }),
          Effect.flip,
          Effect.timeout("3 seconds")
        )
        expect(error).toMatchObject({ _tag: "ReplyError", code: "NOPERM" })
        expect(yield* Effect.flip(later.subscribe("ok4"))).toMatchObject({ _tag: "ReplyError", code: "NOPERM" })
        yield* redis.execute(Redis.publish("ok1", "still"))
        expect((yield* takeUntil(pubSub, "still")).at(-1)).toBe("still")
      })
    )

    it.scoped("leave nothing when interrupted at any time", () =>
      Effect.gen(function* () {
        yield* nothingLeft
        const redis = yield* clientOf()
        yield* Effect.gen(function* () {
          const names = Array.from({ length: 8 }, (_, i) => `i${i}`)
          for (let delay = 0; delay < 40; delay++) {
            const pubSub = yield* RedisPubSub.make()
            const fibers = yield* Effect.forEach(
              [
                pubSub.ssubscribe(names),
                pubSub.subscribe(["i1", "i2"]),
                RedisPubSub.ssubscribe(names).pipe(Stream.runDrain)
              ],
              (effect) => Effect.fork(effect)
            )
            if (delay % 2 === 0) yield* Effect.sleep(`${delay * 100} micros`)
            else for (let i = 0; i < delay; i++) yield* Effect.yieldNow()
            yield* Fiber.interruptAll(fibers)
            yield* Effect.all([pubSub.sunsubscribe(), pubSub.unsubscribe()])
          }
          yield* nothingLeft
          const messages = yield* RedisPubSub.subscribed({ shardChannels: names })
          yield* Redis.spublish("i7", "x")
          expect(Option.map(yield* Stream.runHead(messages), ({ data }) => data)).toEqual(Option.some("x"))
        }).pipe(Effect.provideService(Redis.Redis, redis))
      })
    )

    it.scoped("end quickly with their scope, and leave nobody waiting", () =>
      Effect.gen(function* () {
        const redis = yield* clientOf()
        const scope = yield* Scope.make()
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, redis),
          Scope.extend(scope)
        )
        yield* pubSub.ssubscribe(Array.from({ length: 50 }, (_, i) => `end:${i}`))
        yield* pubSub.subscribe("end")
        const taking = yield* Effect.fork(Effect.flip(pubSub.take))
        yield* Effect.yieldNow()
        const started = performance.now()
        yield* Scope.close(scope, Exit.void)
        expect(performance.now() - started).toBeLessThan(200)
        expect(yield* Fiber.join(taking)).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
        expect(yield* Effect.flip(pubSub.subscribe("more"))).toMatchObject({
          _tag: "ConnectionError",
          reason: "Closed"
        })
        yield* nothingLeft
      })
    )

    it.scoped("end with their client", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const redis = yield* clientOf().pipe(Scope.extend(scope))
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, redis)
        )
        yield* pubSub.ssubscribe(["end:1", "end:2"])
        const taking = yield* Effect.fork(Effect.flip(pubSub.take))
        yield* Scope.close(scope, Exit.void)
        const ended = yield* Fiber.join(taking).pipe(Effect.timeout("2 seconds"))
        expect(ended).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
        expect(yield* Effect.flip(pubSub.subscribe("more"))).toMatchObject({
          _tag: "ConnectionError",
          reason: "Closed"
        })
        yield* nothingLeft
      })
    )

    it.scoped("a poll that times out takes nothing, also while the slot moves", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { pubSub, redis } = yield* handleOf()
        const slot = Slot.ofKey("polled")
        yield* pubSub.ssubscribe("polled")
        const from = yield* cluster.ownerOf(slot)
        const to = (yield* cluster.primaries).find((node) => node !== from)!
        const publisher = yield* publishing(redis, (data) => Redis.spublish("polled", data))
        const moving = yield* Effect.fork(
          Effect.zipRight(cluster.moveSlot(slot, to), Effect.zipRight(Effect.sleep("100 millis"), publisher.stop))
        )
        const seen: Array<string> = []
        let last: string | undefined
        while (last === undefined || seen.at(-1) !== last) {
          const next = yield* pubSub.poll({ timeout: "1 millis" })
          if (Option.isSome(next)) seen.push(brief(next.value))
          const done = yield* Fiber.poll(moving)
          if (Option.isSome(done)) last = yield* done.value
        }
        expect(losesOnlyAtGaps(seen)).toBe(1)
        yield* cluster.moveSlot(slot, from)
      })
    )
  })
})
