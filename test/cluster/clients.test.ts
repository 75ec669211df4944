import { readFileSync } from "node:fs"
import { describe, expect, it, layer } from "@effect/vitest"
import { RedisCluster, Topology } from "@effect-resp/cluster"
import { Monitor, Pipeline, Redis, RedisError, Scan, Transaction } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Chunk, Config, ConfigProvider, Effect, Either, Fiber, Layer, Option, Redacted, Schedule, Stream } from "effect"
import { makeConnector } from "../../packages/node/src/internal/socket.js"
import * as ClusterServers from "../support/ClusterServers.js"
import { makeCertificates } from "../support/certificates.js"
import {
  anotherClient,
  clusterLayer,
  connectionsOf,
  keyOf,
  resetCalls,
  slots,
  spread,
  withClient
} from "../support/cluster.js"
import { eventually } from "../support/RestartableServer.js"
import { isBuiltWithTls } from "../support/tls.js"

const addressOf = ({ host, port }: ClusterServers.Node) => Topology.addressOf({ host, port })

class Second extends Redis.Tag("Second")<Second>() {}
class Other extends RedisCluster.Tag("Other")<Other>() {}

layer(clusterLayer(), { excludeTestServices: true })("a client of a cluster", (it) => {
  it.effect("groups a pipeline by node, in one write each, and waits for none before the next is written", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const events: Array<string> = []
      const { redis } = yield* RedisCluster.make({
        seeds: cluster.seeds,
        connector: (address) => {
          const connector = makeConnector({ ...address, path: undefined, tls: undefined })
          return Effect.succeed({
            ...connector,
            connect: (handler) => {
              const onData = (chunk: Uint8Array) => {
                events.push("data")
                handler.onData(chunk)
              }
              return Effect.map(connector.connect({ ...handler, onData }), (transport) => ({
                ...transport,
                write: (chunk: string | Uint8Array) => {
                  events.push(connector.address)
                  return transport.write(chunk)
                }
              }))
            }
          })
        }
      })
      const commands = Array.from({ length: 50 }, () => spread.map((key) => Redis.incr(key))).flat()
      // The first connects.
      yield* redis.pipeline(commands)
      events.length = 0
      yield* redis.pipeline([...commands, Redis.mget(spread), Redis.dbsize])
      const writes = events.slice(0, events.indexOf("data"))
      expect(writes.sort()).toEqual((yield* cluster.primaries).map(addressOf).sort())
      expect(events.filter((event) => event !== "data")).toHaveLength(3)
    }).pipe(Effect.scoped)
  )

  it.effect("knows its nodes, and runs what is for one, for all primaries or for all", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const nodes = yield* RedisCluster.nodes
      expect(nodes.map(({ address }) => address).sort()).toEqual(cluster.nodes.map(addressOf).sort())
      expect(
        nodes
          .filter(({ role }) => role === "primary")
          .map(({ id }) => id)
          .sort()
      ).toEqual((yield* cluster.primaries).map(({ id }) => id).sort())
      const { shards } = yield* RedisCluster.topology
      expect(shards.flatMap(({ slots }) => slots)).toEqual([
        [0, 5460],
        [5461, 10921],
        [10922, 16383]
      ])
      yield* Redis.flushall()
      yield* Pipeline.forEach(Array.from({ length: 30 }), (_, i) => Redis.set(`key:${i}`, i))
      const own: Array<number> = []
      for (const [i, slot] of slots.entries()) {
        const owner = yield* cluster.ownerOf(slot)
        const { address } = yield* RedisCluster.nodeOf(spread[i]!)
        expect(address).toBe(addressOf(owner))
        own.push(yield* Redis.dbsize.pipe(RedisCluster.onNode(address)))
        expect(own.at(-1)).toBe(yield* owner.client.execute(Redis.dbsize))
        // Another node's key is refused there, and nobody follows.
        const elsewhere = Redis.get(spread[(i + 1) % 3]!).pipe(RedisCluster.onNode(address))
        expect(yield* Effect.flip(elsewhere)).toMatchObject({ _tag: "ReplyError", code: "MOVED" })
      }
      const sizes = yield* Redis.dbsize.pipe(RedisCluster.onPrimaries)
      expect(sizes.map(([, size]) => size).sort()).toEqual([...own].sort())
      expect(own.reduce((a, b) => a + b)).toBe(30)
      const names = yield* Redis.info(["server"]).pipe(RedisCluster.onNodes)
      for (const [{ port }, info] of names) expect(JSON.stringify(info)).toContain(String(port))
      expect(names).toHaveLength(6)
      expect(yield* Effect.flip(Redis.ping().pipe(RedisCluster.onNode("127.0.0.1:1")))).toMatchObject({
        _tag: "ClusterError",
        reason: "NoNode",
        outcome: "NotSent"
      })
      yield* RedisCluster.refresh
      expect(yield* RedisCluster.nodes).toHaveLength(6)
    })
  )

  it.effect("monitors all nodes, or one", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const all = yield* Monitor.started
        const { address } = yield* RedisCluster.nodeOf(spread[1]!)
        const here = yield* Monitor.started.pipe(RedisCluster.onNode(address))
        const isSet = ({ command }: Monitor.MonitorEntry) => command[0] === "SET"
        const seenHere = yield* Effect.fork(Stream.runCollect(here.pipe(Stream.filter(isSet), Stream.take(1))))
        // Each is seen at its primary and at the replica.
        const seen = yield* Effect.fork(Stream.runCollect(all.pipe(Stream.filter(isSet), Stream.take(6))))
        yield* Effect.forEach(spread, (key) => Redis.set(key, "seen"))
        const keys = Chunk.toReadonlyArray(yield* Fiber.join(seen)).map(({ command }) => command[1])
        expect(keys.sort()).toEqual([...spread, ...spread].sort())
        expect([...(yield* Fiber.join(seenHere))].map(({ command }) => command[1])).toEqual([spread[1]])
      })
    )
  )

  it.effect("stands beside others, each by its tag", () =>
    Effect.gen(function* () {
      const { seeds } = yield* ClusterServers.ClusterServers
      const nodes = seeds.map(Topology.addressOf)
      const second = Redis.layerFor(Second, NodeRedisCluster.layer({ nodes, clientName: "second" }))
      const name = Redis.clientGetname
      const both = Effect.all([name, name.pipe(Redis.use(Second)), Redis.set(spread[2]!, 2).pipe(Redis.use(Second))])
      expect(yield* Effect.provide(both, second)).toEqual([Option.none(), Option.some("second"), "OK"])
      expect(yield* Redis.get(spread[2]!)).toEqual(Option.some("2"))
    })
  )

  it.effect("is one of several clusters, which never mix", () =>
    Effect.gen(function* () {
      const small = yield* ClusterServers.make({ replicas: 0 })
      const seeds = small.seeds.map(({ host, port }) => ({ host, port }))
      const other = RedisCluster.layerFor(Other, NodeRedisCluster.layer({ nodes: seeds }))
      const addresses = Effect.map(RedisCluster.nodes, (nodes) => nodes.map(({ address }) => address).sort())
      const program = Effect.gen(function* () {
        yield* Effect.forEach(spread, (key) => Redis.set(key, 1)).pipe(RedisCluster.use(Other))
        const sizes = yield* Redis.dbsize.pipe(RedisCluster.onPrimaries, RedisCluster.use(Other))
        const keys = yield* Scan.keys().pipe(RedisCluster.useStream(Other), Stream.runCount)
        return { sizes, keys, nodes: yield* addresses.pipe(RedisCluster.use(Other)), own: yield* addresses }
      })
      const { keys, nodes, own, sizes } = yield* Effect.provide(program, other)
      expect(sizes.map(([{ address }]) => address).sort()).toEqual(seeds.map(Topology.addressOf).sort())
      expect(sizes.map(([, size]) => size)).toEqual([1, 1, 1])
      expect(keys).toBe(3)
      expect(nodes).toEqual(seeds.map(Topology.addressOf).sort())
      expect(own).not.toEqual(nodes)
      expect(own).toHaveLength(6)
    }).pipe(Effect.scoped)
  )

  it.effect("tells what came of each node, the dead ones, too, and names the node in errors", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.make({ nodeTimeout: 60_000 })
      const nodes = cluster.seeds.map(Topology.addressOf)
      const [dead] = yield* cluster.primaries
      yield* Effect.gen(function* () {
        yield* Effect.forEach(spread, (key) => Redis.set(key, "text"))
        yield* cluster.kill(dead!)
        const outcomes = yield* Redis.dbsize.pipe(Effect.either, RedisCluster.onPrimaries)
        for (const [{ address }, outcome] of outcomes) expect(Either.isLeft(outcome)).toBe(address === addressOf(dead!))
        expect(outcomes).toHaveLength(3)
        const owners = yield* Effect.forEach(spread, (key) =>
          Effect.map(RedisCluster.nodeOf(key), (node) => ({ key, node }))
        )
        const { key: other, node: owner } = owners.find(({ node }) => node.address !== addressOf(dead!))!
        const wrong = yield* Effect.flip(Redis.incr(other))
        expect(wrong).toMatchObject({ _tag: "ReplyError", node: owner.address })
        expect(wrong.message).toContain(`(INCR on ${owner.address})`)
        const [inPipeline] = yield* Pipeline.attempt([Redis.incr(other)])
        expect(inPipeline).toMatchObject({ left: { node: owner.address, position: 0 } })
        const none = yield* Effect.flip(Redis.dbsize.pipe(RedisCluster.onNode("nowhere:1")))
        expect(none).toMatchObject({ _tag: "ClusterError", reason: "NoNode" })
        expect(none.message).toContain(owner.address)
      }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes, commandTimeout: "1 second" })))
    }).pipe(Effect.scoped)
  )

  it.effect("is made of Config", () =>
    Effect.gen(function* () {
      const { seeds } = yield* ClusterServers.ClusterServers
      const live = NodeRedisCluster.layerConfig({
        nodes: Config.array(Config.string(), "REDIS_NODES"),
        clientName: Config.string("REDIS_NAME")
      })
      const provider = (nodes: string) =>
        ConfigProvider.fromMap(new Map(Object.entries({ REDIS_NODES: nodes, REDIS_NAME: "configured" })))
      const named = Effect.provide(Redis.clientGetname, live)
      expect(yield* Effect.withConfigProvider(named, provider(seeds.map(Topology.addressOf).join()))).toEqual(
        Option.some("configured")
      )
      expect(yield* Effect.flip(Effect.withConfigProvider(named, provider("nonsense")))).toMatchObject({
        _tag: "CommandError",
        reason: expect.stringContaining("nodes[0]")
      })
      expect(yield* Effect.flip(Effect.withConfigProvider(named, ConfigProvider.fromMap(new Map())))).toMatchObject({
        _op: expect.any(String)
      })
    })
  )

  it.effect("needs one seed that answers, and tells of all when there is none", () =>
    Effect.gen(function* () {
      const { nodes, seeds } = yield* ClusterServers.ClusterServers
      const dead = "127.0.0.1:1"
      const one = NodeRedisCluster.layer({ nodes: [dead, Topology.addressOf(seeds[4]!)] })
      expect(yield* Effect.provide(Redis.dbsize, one)).toBe(yield* Redis.dbsize)
      const none = NodeRedisCluster.layer({ nodes: [dead, "localhost:2"], connectTimeout: "1 second" })
      const error = yield* Effect.flip(Effect.provide(Redis.dbsize, none))
      expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery", outcome: "NotSent" })
      expect(error.message).toContain(dead)
      expect(error.message).toContain("localhost:2")
      expect(nodes).toHaveLength(6)
    })
  )

  it.effect("leaves no connection behind on any node", () =>
    Effect.gen(function* () {
      const clientName = "leaving"
      const busy = Effect.gen(function* () {
        yield* Pipeline.forEach(spread, (key) => Redis.get(key))
        yield* Effect.forEach(spread, (key) => Transaction.watch([key], Effect.succeed(Pipeline.all([Redis.get(key)]))))
        yield* Effect.forEach(spread, (key) => Redis.blpop(`{${key}}none`, "10 millis"))
        yield* Redis.ping().pipe(RedisCluster.onNodes)
        const counts = yield* connectionsOf(clientName)
        expect(counts.every((count) => count >= 1 && count <= 2)).toBe(true)
      })
      yield* busy.pipe(withClient({ clientName }))
      const left = yield* connectionsOf(clientName)
      expect(left).toEqual([0, 0, 0, 0, 0, 0])
      // Closed while commands are under way: they end, and so do their connections.
      const waiting = yield* Effect.scoped(
        Effect.gen(function* () {
          const { redis } = yield* anotherClient({ clientName, closeTimeout: "100 millis" })
          const fibers = yield* Effect.forEach(spread, (key) =>
            Effect.forkDaemon(Effect.either(redis.execute(Redis.blpop(`{${key}}none`, "10 seconds"))))
          )
          yield* Effect.sleep("50 millis")
          return fibers
        })
      )
      for (const fiber of waiting) {
        expect(Either.flip(yield* Fiber.join(fiber))).toMatchObject({ right: { reason: "Closed", command: "BLPOP" } })
      }
      yield* eventually(
        "no connection",
        Effect.map(
          Effect.provideService(
            connectionsOf(clientName),
            ClusterServers.ClusterServers,
            yield* ClusterServers.ClusterServers
          ),
          (counts) => (counts.every((count) => count === 0) ? undefined : counts.join())
        )
      )
    })
  )

  it.effect("refuses what comes after its end at once", () =>
    Effect.gen(function* () {
      const { redis } = yield* Effect.scoped(anotherClient())
      const attempts: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        redis.execute(Redis.get(spread[0]!)),
        redis.execute(Redis.ping()),
        redis.pipeline(spread.map((key) => Redis.get(key))).pipe(Effect.flatMap(Either.all)),
        redis.transaction([Redis.get(spread[0]!)]),
        Effect.scoped(redis.reserve([])),
        Effect.scoped(redis.watch([keyOf(0)]))
      ]
      const started = performance.now()
      for (const attempt of attempts) {
        expect(yield* Effect.flip(attempt)).toMatchObject({ outcome: "NotSent" })
      }
      expect(performance.now() - started).toBeLessThan(500)
      yield* resetCalls
    })
  )
})

describe("a cluster without replicas", () => {
  it.scopedLive("is used again when a node is back that was given up", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.make({ replicas: 0 })
      const { redis } = yield* NodeRedisCluster.make({
        nodes: cluster.seeds.map(Topology.addressOf),
        reconnect: Schedule.recurs(1),
        commandTimeout: "500 millis"
      })
      yield* redis.execute(Redis.set(spread[0]!, 1))
      const owner = yield* cluster.ownerOf(slots[0])
      yield* cluster.kill(owner)
      expect(yield* Effect.flip(redis.execute(Redis.get(spread[0]!)))).toMatchObject({ outcome: "NotSent" })
      yield* cluster.restart(owner)
      yield* cluster.agreed
      expect(yield* redis.execute(Redis.set(spread[0]!, 2))).toBe("OK")
    })
  )
})

describe("a cluster with credentials", () => {
  it.scopedLive("scenario 97: takes them from options or a URL, for all nodes, and shows them to nobody", () =>
    Effect.gen(function* () {
      const password = "s3cret-of-the-cluster"
      const cluster = yield* ClusterServers.make({ password, replicas: 0 })
      const nodes = cluster.seeds.map(Topology.addressOf)
      const run = (options: NodeRedisCluster.Options) =>
        Effect.provide(
          Effect.zipRight(Redis.mset(spread.map((key) => [key, "1"] as const)), Redis.mget(spread)),
          NodeRedisCluster.layer(options)
        )
      const ones = spread.map(() => Option.some("1"))
      expect(yield* run({ nodes, credentials: { password: Redacted.make(password) } })).toEqual(ones)
      expect(yield* run({ nodes: [Redacted.make(`redis://:${password}@${nodes[0]}`)] })).toEqual(ones)
      for (const credentials of [undefined, { password: Redacted.make("wrong-one") }]) {
        const error = yield* Effect.flip(run({ nodes, credentials }))
        expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery" })
        expect(error.message).toMatch(/NOAUTH|WRONGPASS|Auth/i)
        expect(JSON.stringify(error) + String(error)).not.toMatch(/s3cret|wrong-one/)
      }
    })
  )

  it.scopedLive.skipIf(!isBuiltWithTls)("scenario 97: speaks TLS to all nodes, and believes no wrong name", () =>
    Effect.gen(function* () {
      const { ca, server, wrongName } = yield* makeCertificates
      const tls = { ca: readFileSync(ca) }
      const program = Effect.gen(function* () {
        yield* Redis.mset(spread.map((key) => [key, "secret"] as const))
        yield* Effect.forEach(spread, (key) => Redis.append(key, "!"))
        return yield* Redis.mget(spread)
      })
      const cluster = yield* ClusterServers.make({ replicas: 0, tls: { ...server, ca } })
      const nodes = [Topology.addressOf(cluster.seeds[0]!)]
      expect(yield* Effect.provide(program, NodeRedisCluster.layer({ nodes, tls }))).toEqual(
        spread.map(() => Option.some("secret!"))
      )
      expect(
        yield* Effect.provide(program, NodeRedisCluster.layer({ nodes: [`rediss://${nodes[0]}`], tls }))
      ).toHaveLength(3)
      const discovery = { _tag: "ClusterError", reason: "Discovery" }
      // Nobody trusts the authority by himself, and nothing falls back to plain text.
      const refused = (options: Partial<NodeRedisCluster.Options>) =>
        Effect.flip(Layer.launch(NodeRedisCluster.layer({ nodes, connectTimeout: "1 second", ...options })))
      expect(yield* refused({ tls: true })).toMatchObject(discovery)
      expect(yield* refused({})).toMatchObject(discovery)
      expect(yield* refused({ tls: { ...tls, servername: "elsewhere.test" } })).toMatchObject(discovery)

      const misnamed = yield* ClusterServers.make({ primaries: 3, replicas: 0, tls: { ...wrongName, ca } })
      const there = [Topology.addressOf(misnamed.seeds[0]!)]
      const error = yield* refused({ nodes: there, tls })
      expect(error).toMatchObject(discovery)
      expect(error.message).toMatch(/altnames|does not match/i)
      const named = NodeRedisCluster.layer({ nodes: there, tls: { ...tls, servername: "elsewhere.test" } })
      expect(yield* Effect.provide(program, named)).toHaveLength(3)
      expect(error).toBeInstanceOf(RedisError.ClusterError)
    })
  )
})
