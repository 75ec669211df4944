import { expect, it, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Redis } from "@effect-resp/core"
import type { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Either, Fiber, Option, Redacted } from "effect"
import { describe } from "vitest"
import * as ClusterServers from "../support/ClusterServers.js"
import { anotherClient, clusterLayer, keyOf, slots } from "../support/cluster.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"

type Node = ClusterServers.Node

/** A client whose connections to this node go through a proxy. */
const clientThrough = (node: Node, options: Partial<NodeRedisCluster.Options> = {}) =>
  Effect.gen(function* () {
    const proxy = yield* FaultProxy.make(node)
    const { redis } = yield* anotherClient({
      ...options,
      mapAddress: (address) => (address.port === node.port ? { ...address, port: proxy.port } : address)
    })
    return { proxy, redis }
  })

/** The owner of a slot, and a primary that is not. */
const ownerAndOther = (slot: number) =>
  Effect.gen(function* () {
    const cluster = yield* ClusterServers.ClusterServers
    const owner = yield* cluster.ownerOf(slot)
    return [owner, (yield* cluster.primaries).find((node) => node !== owner)!] as const
  })

/** How often a node has given an error. */
const errorsAt = ({ server }: Node, code: string) =>
  Effect.map(Effect.orDie(server.text("INFO", "errorstats")), (text) =>
    Number(new RegExp(`^errorstat_${code}:count=(\\d+)`, "m").exec(text)?.[1] ?? 0)
  )

/** Completes when so many lines of the node's list of clients match. */
const hasClients = ({ server }: Node, words: RegExp, count: number) =>
  eventually(
    `${count} clients with ${words}`,
    Effect.map(server.text("CLIENT", "LIST"), (list) => {
      const found = list.split("\n").filter((line) => words.test(line)).length
      return found === count ? undefined : `${found}`
    })
  )

/** Waits in a blocking command. */
const blocked = /flags=\S*b/

layer(clusterLayer({ args: ["--cluster-allow-reads-when-down", "yes"] }), { excludeTestServices: true })(
  "a cluster",
  (it) => {
    for (const code of ["MOVED", "ASK"] as const) {
      it.scoped(`scenario 83: a transaction whose EXEC gets ${code} has done nothing, and runs once elsewhere`, () =>
        Effect.gen(function* () {
          const cluster = yield* ClusterServers.ClusterServers
          const slot = 3_000
          const [from, to] = yield* ownerAndOther(slot)
          const [key, other] = [keyOf(slot), `{${keyOf(slot)}}other`]
          const { proxy, redis } = yield* clientThrough(from)
          yield* redis.execute(
            Redis.mset([
              [key, 10],
              [other, 20]
            ])
          )
          const before = yield* errorsAt(from, code)
          // All is queued, and EXEC is still to come.
          proxy.afterRequest(`INCR ${other}`, () => proxy.toServer.pause())
          const running = yield* Effect.fork(redis.transaction([Redis.incr(key), Redis.incr(other)]))
          yield* hasClients(from, /multi=2/, 1)
          if (code === "MOVED") yield* cluster.moveSlot(slot, to)
          else yield* Effect.zipRight(cluster.beginMove(slot, to), cluster.moveKeys(slot))
          proxy.toServer.resume()
          expect(yield* Fiber.join(running)).toEqual([11, 21].map((value) => Either.right(value)))
          expect((yield* errorsAt(from, code)) - before).toBe(1)
          yield* cluster.endMove(slot)
          expect(yield* to.client.execute(Redis.mget([key, other]))).toEqual(["11", "21"].map(Option.some))
          yield* cluster.moveSlot(slot, from)
        })
      )
    }

    it.scoped("scenario 90: BLPOP goes on at the new owner when its slot moves", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { redis } = yield* anotherClient()
        const slot = 4_000
        const [from, to] = yield* ownerAndOther(slot)
        const key = keyOf(slot)
        const before = yield* errorsAt(from, "MOVED")
        const popping = yield* Effect.fork(redis.execute(Redis.blpop(key, "10 seconds")))
        yield* hasClients(from, blocked, 1)
        yield* cluster.moveSlot(slot, to)
        yield* hasClients(to, blocked, 1)
        yield* redis.execute(Redis.rpush(key, ["one", "two"]))
        expect(yield* Fiber.join(popping)).toEqual(Option.some({ key, element: "one" }))
        expect(yield* redis.execute(Redis.lrange(key, 0, -1))).toEqual(["two"])
        expect((yield* errorsAt(from, "MOVED")) - before).toBeGreaterThan(0)
        yield* redis.execute(Redis.del(key))
        yield* cluster.moveSlot(slot, from)
      })
    )

    it.scoped("scenario 90: BLPOP goes on at the new primary when its node becomes a replica", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { redis } = yield* anotherClient()
        const key = keyOf(slots[0])
        const old = yield* cluster.ownerOf(slots[0])
        const heir = yield* cluster.replicaOf(slots[0])
        const popping = yield* Effect.fork(redis.execute(Redis.blpop(key, "10 seconds")))
        yield* hasClients(old, blocked, 1)
        yield* cluster.failover(heir)
        yield* hasClients(heir, blocked, 1)
        yield* redis.execute(Redis.rpush(key, ["one", "two"]))
        expect(yield* Fiber.join(popping)).toEqual(Option.some({ key, element: "one" }))
        expect(yield* redis.execute(Redis.lrange(key, 0, -1))).toEqual(["two"])
        expect(yield* errorsAt(old, "UNBLOCKED")).toBe(1)
        yield* redis.execute(Redis.del(key))
      })
    )

    it.scoped("scenario 86: what waits for a node that is gone runs once at its successor, a pipeline in order", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const { redis, cluster: service } = yield* anotherClient({ commandTimeout: "10 seconds" })
        const tag = keyOf(slots[1])
        const [alone, together, both] = [`{${tag}}alone`, `{${tag}}together`, `{${tag}}both`]
        const victim = yield* cluster.ownerOf(slots[1])
        yield* redis.execute(Redis.del([alone, together, both]))
        const gone = yield* service.node(`${victim.host}:${victim.port}`)
        yield* cluster.kill(victim)
        // Once this has failed the client knows: what it writes before may have run.
        yield* Effect.flip(gone.execute(Redis.ping()))
        const words = Array.from({ length: 300 }, (_, i) => `${i}`)
        const [, piped, committed] = yield* Effect.all(
          [
            Effect.forEach(words, (word) => redis.execute(Redis.rpush(alone, word)), { concurrency: "unbounded" }),
            redis.pipeline(words.map((word) => Redis.rpush(together, word))),
            redis.transaction(words.map((word) => Redis.rpush(both, word)))
          ],
          { concurrency: "unbounded" }
        )
        const counts = words.map((_, i) => Either.right(i + 1))
        expect(piped).toEqual(counts)
        expect(committed).toEqual(counts)
        expect(yield* redis.execute(Redis.lrange(together, 0, -1))).toEqual(words)
        expect(yield* redis.execute(Redis.lrange(both, 0, -1))).toEqual(words)
        expect([...(yield* redis.execute(Redis.lrange(alone, 0, -1)))].sort()).toEqual([...words].sort())
        yield* cluster.restart(victim)
        yield* cluster.agreed
        yield* cluster.replicated
      })
    )

    it.scoped("scenario 91: a slot that nobody serves fails alone, and is served as soon as somebody does", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const slot = 9_000
        const owner = yield* cluster.ownerOf(slot)
        const { redis, cluster: service } = yield* anotherClient()
        const hasty = yield* anotherClient({ commandTimeout: "200 millis" })
        for (const { server } of cluster.nodes) {
          yield* server.text("CONFIG", "SET", "cluster-require-full-coverage", "no")
          yield* server.text("CLUSTER", "DELSLOTS", slot)
        }
        yield* service.refresh
        yield* hasty.cluster.refresh
        const [key, neighbour] = [keyOf(slot), keyOf(slot + 1)]
        const waiting = yield* Effect.fork(redis.execute(Redis.incr(key)))
        expect(yield* Effect.flip(hasty.redis.execute(Redis.incr(key)))).toMatchObject({
          _tag: "ClusterError",
          reason: "NoNode",
          outcome: "NotSent",
          command: "INCR"
        })
        expect(yield* hasty.redis.pipeline([Redis.set(neighbour, 1), Redis.incr(key)])).toMatchObject([
          { _tag: "Right", right: "OK" },
          { _tag: "Left", left: { _tag: "ClusterError", reason: "NoNode", outcome: "NotSent", position: 1 } }
        ])
        expect(waiting.unsafePoll()).toBeNull()
        yield* owner.server.text("CLUSTER", "ADDSLOTS", slot)
        expect(yield* Fiber.join(waiting)).toBe(1)
        yield* cluster.agreed
      })
    )

    it.scoped("scenario 91: replicas alone are found and read from; primaries that come back are written to", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const options = { readFrom: "replica", commandTimeout: "600 millis" } as const
        const key = keyOf(slots[2])
        const early = (yield* anotherClient(options)).redis
        yield* early.execute(Redis.set(key, "kept"))
        const has = (redis: Redis.RedisService, value: string) =>
          eventually(
            value,
            Effect.map(redis.execute(Redis.get(key)), (got) => (Option.contains(got, value) ? undefined : "not there"))
          )
        yield* has(early, "kept")
        const replicas = yield* cluster.replicas
        const primaries = yield* cluster.primaries
        yield* Effect.forEach(primaries, (node) => cluster.kill(node), { concurrency: "unbounded" })
        // Of those that it is told of only replicas live.
        const late = (yield* anotherClient({
          ...options,
          nodes: replicas.map(({ host, port }) => `${host}:${port}`)
        })).redis
        for (const redis of [early, late]) {
          expect(yield* redis.execute(Redis.get(key))).toEqual(Option.some("kept"))
          const { millis, value } = yield* timed(Effect.flip(redis.execute(Redis.set(key, "lost"))))
          expect(["NotSent", "Rejected"]).toContain(value.outcome)
          expect(millis).toBeLessThan(1_000)
        }
        yield* Effect.forEach(primaries, (node) => cluster.restart(node), { concurrency: "unbounded" })
        yield* cluster.agreed
        yield* cluster.replicated
        for (const redis of [early, late]) {
          yield* eventually("a write", Effect.as(redis.execute(Redis.set(key, "new")), undefined))
          yield* has(redis, "new")
        }
      })
    )
  }
)

const foo = Slot.ofKey("foo")

describe("a node that a cluster tells of", () => {
  const credentials = { username: "app", password: Redacted.make("hunter2") }

  for (const way of ["MOVED", "ASK", "the map"] as const) {
    it.scopedLive(`scenario 97: gets the same credentials and as little time to connect, when ${way} tells`, () =>
      Effect.gen(function* () {
        const silent = yield* ScriptedPeer.make(() => {})
        const cluster = yield* ScriptedCluster.make(1)
        const { bulk } = ScriptedCluster
        if (way === "the map") {
          cluster.tellMap = () => `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n${bulk("127.0.0.1")}:${silent.port}\r\n`
        } else cluster.answer = () => `-${way} ${foo} 127.0.0.1:${silent.port}\r\n`
        const { redis } = yield* ScriptedCluster.connect(cluster, {
          credentials,
          connectTimeout: "100 millis",
          commandTimeout: "600 millis"
        })
        const { millis, value } = yield* timed(Effect.flip(redis.execute(Redis.incr("foo"))))
        expect(["NotSent", "Rejected"]).toContain(value.outcome)
        expect(millis).toBeLessThan(1_000)
        // By default connecting may take longer than the command.
        expect(silent.connections.length).toBeGreaterThan(1)
        expect(new Set(silent.received.map((words) => words.join(" ")))).toEqual(new Set(["HELLO 3 AUTH app hunter2"]))
      })
    )
  }

  it.scopedLive("scenario 97: gets no command when it refuses the credentials, and the caller hears so at once", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = () => cluster.redirect("MOVED", foo, 1)
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) =>
        node === 1 && words[0] === "HELLO"
          ? connection.write("-WRONGPASS invalid username-password pair or user is disabled.\r\n")
          : respond(node, words, connection)
      const { redis } = yield* ScriptedCluster.connect(cluster, { credentials })
      const { millis, value } = yield* timed(Effect.flip(redis.execute(Redis.incr("foo"))))
      expect(value).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
      expect(millis).toBeLessThan(500)
      expect(cluster.commands(1)).toEqual([])
    })
  )
})
