import { expect, it, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Redis, RedisError } from "@effect-resp/core"
import type { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Either, Fiber, Option, Redacted } from "effect"
import { describe } from "vitest"
import * as ClusterServers from "../support/ClusterServers.js"
import { anotherClient, clusterLayer, keyOf, slots } from "../support/cluster.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { eachWay, queueing, ways } from "../support/incrementing.js"
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
        // Redis says UNBLOCKED to those who block on a primary that becomes a replica, and Valkey MOVED.
        const refusals = Effect.all([errorsAt(old, "UNBLOCKED"), errorsAt(old, "MOVED")])
        const before = yield* refusals
        const popping = yield* Effect.fork(redis.execute(Redis.blpop(key, "10 seconds")))
        yield* hasClients(old, blocked, 1)
        yield* cluster.failover(heir)
        yield* hasClients(heir, blocked, 1)
        yield* redis.execute(Redis.rpush(key, ["one", "two"]))
        expect(yield* Fiber.join(popping)).toEqual(Option.some({ key, element: "one" }))
        expect(yield* redis.execute(Redis.lrange(key, 0, -1))).toEqual(["two"])
        expect(yield* refusals).not.toEqual(before)
        yield* redis.execute(Redis.del(key))
      })
    )

    it.scoped("BLPOP that somebody ends by CLIENT UNBLOCK is not repeated", () =>
      Effect.gen(function* () {
        const { redis } = yield* anotherClient()
        const [owner] = yield* ownerAndOther(slots[0])
        const popping = yield* Effect.fork(Effect.flip(redis.execute(Redis.blpop(keyOf(slots[0]), "10 seconds"))))
        yield* hasClients(owner, blocked, 1)
        const waiting = (yield* owner.client.execute(Redis.clientList())).filter(({ flags }) => flags.has("b"))
        expect(yield* owner.client.execute(Redis.clientUnblock(waiting[0]!.id, { as: "error" }))).toBe(true)
        const error = yield* Fiber.join(popping)
        expect(error).toMatchObject({ _tag: "ReplyError", code: "UNBLOCKED", outcome: "Rejected" })
        expect(RedisError.isSafeToRetry(error)).toBe(false)
      })
    )

    it.scoped("what may run twice and has run, and finds its node gone later, is of unknown outcome", () =>
      Effect.gen(function* () {
        const [owner] = yield* ownerAndOther(slots[0])
        const { proxy, redis } = yield* clientThrough(owner, { commandTimeout: "500 millis" })
        const [key, elsewhere] = [keyOf(slots[0]), keyOf(slots[1])]
        yield* redis.execute(Redis.mget([key, elsewhere]))
        const claim = (value: string) => Command.idempotent(Redis.set(key, value, { onlyIf: "absent" }))
        const ways: ReadonlyArray<Effect.Effect<unknown, RedisError.RedisError>> = [
          redis.execute(claim("command")),
          Effect.flatMap(redis.pipeline([claim("pipeline")]), ([slot]) => slot!),
          redis.execute(Command.idempotent(Redis.mset({ [key]: "parts", [elsewhere]: "parts" })))
        ]
        for (const run of ways) {
          yield* owner.client.execute(Redis.del([key]))
          proxy.afterRequest(key, () => {
            proxy.refuse(true)
            proxy.reset()
          })
          const error = yield* Effect.flip(run)
          expect(error).toMatchObject({ outcome: "Unknown", idempotent: true })
          expect(RedisError.isSafeToRetry(error)).toBe(true)
          expect(Option.isSome(yield* owner.client.execute(Redis.get(key)))).toBe(true)
          proxy.refuse(false)
          yield* eventually("a connection", Effect.as(redis.execute(Redis.get(key)), undefined))
        }
        yield* redis.execute(Redis.del([key, elsewhere]))
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

describe("a node that is gone", () => {
  it.live("scenario 85: leaves a write that was sent Unknown, and no other gets it; a read goes on elsewhere", () =>
    eachWay((way, run) =>
      Effect.gen(function* () {
        for (const isRead of [true, false]) {
          const cluster = yield* ScriptedCluster.make(2)
          cluster.answer = queueing((_, node, connection) => {
            if (node === 1) return ScriptedCluster.bulk("7")
            cluster.map = [[0, 16_383, 1]]
            connection.reset()
            return undefined
          })
          const { cluster: service, redis } = yield* ScriptedCluster.connect(cluster)
          if (isRead) {
            expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("7"))
            continue
          }
          const lost = { _tag: "ConnectionError", reason: "Lost", outcome: "Unknown" }
          expect(yield* Effect.flip(run(redis)), way).toMatchObject(lost)
          yield* service.refresh
          // Whatever was on its way there would be before this.
          expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("7"))
          expect(cluster.commands(1), way).toEqual(["GET foo"])
        }
      })
    )
  )

  it.scopedLive("scenario 86: without a word, has those who wait for it go to its successor, all at once", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(3)
      const times: Array<number> = []
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        if (node !== 1) respond(node, words, connection)
      }
      cluster.answer = queueing(() => {
        times.push(performance.now())
        return ":7\r\n"
      })
      cluster.map = [[0, 16_383, 1]]
      const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "3 seconds" })
      const waiting = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 10 }, () => ways).flat(),
          ([way, run]) => Effect.map(run(redis), (value) => expect(value, way).toBe(7)),
          { concurrency: "unbounded" }
        )
      )
      while (cluster.peers[1]!.connections.length === 0) yield* Effect.sleep("1 millis")
      cluster.map = [[0, 16_383, 2]]
      yield* Fiber.join(waiting)
      expect(times).toHaveLength(30)
      expect(cluster.commands(2).filter((command) => command === "INCR foo")).toHaveLength(30)
      expect(times.at(-1)! - times[0]!).toBeLessThan(450)
    })
  )

  it.scopedLive("scenario 85: without a word, is passed over by reads while another can answer them", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(3)
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        if (node !== 1) respond(node, words, connection)
      }
      cluster.answer = () => ScriptedCluster.bulk("7")
      cluster.map = [[0, 16_383, 0, 1, 2]]
      const { redis } = yield* ScriptedCluster.connect(cluster, { readFrom: "replica", commandTimeout: "800 millis" })
      let slow = 0
      for (let i = 0; i < 20; i++) {
        const { millis, value } = yield* timed(redis.execute(Redis.get("foo")))
        expect(value).toEqual(Option.some("7"))
        if (millis > 300) slow++
      }
      // For a second, after the first.
      expect(slow).toBeLessThan(4)
      expect(cluster.commands(2).filter((command) => command === "GET foo")).toHaveLength(20)
    })
  )

  const unblocked = "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n"
  const blockings: ReadonlyArray<readonly [string, (redis: Redis.RedisService) => Effect.Effect<unknown, unknown>]> = [
    ["a command", (redis) => redis.execute(Redis.blpop("foo", "1 minute"))],
    [
      "a pipeline",
      (redis) =>
        Effect.map(redis.pipeline([Redis.blpop("foo", "1 minute")]), ([slot]) => slot && Either.getOrThrow(slot))
    ]
  ]
  it.live.each(blockings)("scenario 90: lets %s that blocked for long go on elsewhere with all its time", ([, run]) =>
    Effect.forEach(
      [unblocked, `-MOVED ${foo} `],
      (refusal) =>
        Effect.gen(function* () {
          const cluster = yield* ScriptedCluster.make(2)
          let release = () => {}
          cluster.answer = (_, node, connection) => {
            if (node === 1) return `*2\r\n${ScriptedCluster.bulk("foo")}${ScriptedCluster.bulk("popped")}`
            release = () => connection.write(refusal === unblocked ? unblocked : `${refusal}${cluster.address(1)}\r\n`)
            return undefined
          }
          const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "800 millis" })
          const popping = yield* Effect.fork(run(redis))
          yield* Effect.sleep("900 millis")
          expect(cluster.commands(0)).toHaveLength(1)
          cluster.map = [[0, 16_383, 1]]
          release()
          expect(yield* Fiber.join(popping)).toEqual(Option.some({ key: "foo", element: "popped" }))
          expect(cluster.commands(1)).toHaveLength(1)
        }).pipe(Effect.scoped),
      { concurrency: "unbounded", discard: true }
    )
  )
})

describe("a cluster of which nearly nothing is left", () => {
  /** Three nodes, and which of them live. */
  const lives = (all: ReadonlyArray<boolean>) =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(3)
      const alive = [...all]
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        if (alive[node] === true) respond(node, words, connection)
        else connection.reset()
      }
      cluster.answer = (_, node) => ScriptedCluster.bulk(`from ${node}`)
      return { cluster, alive }
    })
  const get = Redis.get("foo")

  it.scopedLive("scenario 91: is found by a seed that is no node of it", () =>
    Effect.gen(function* () {
      const { alive, cluster } = yield* lives([true, true, true])
      cluster.map = [[0, 16_383, 1]]
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.execute(get)).toEqual(Option.some("from 1"))
      alive[1] = false
      cluster.map = [[0, 16_383, 2]]
      expect(yield* redis.execute(get)).toEqual(Option.some("from 2"))
    })
  )

  it.scopedLive("scenario 91: is found by a replica that it told of, when no seed and no primary is left", () =>
    Effect.gen(function* () {
      const { alive, cluster } = yield* lives([true, true, true])
      cluster.map = [[0, 16_383, 1, 2]]
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.execute(get)).toEqual(Option.some("from 1"))
      alive[0] = false
      alive[1] = false
      cluster.map = [[0, 16_383, 2]]
      expect(yield* redis.execute(get)).toEqual(Option.some("from 2"))
    })
  )

  it.scopedLive("scenario 91: is looked for again soon, though nobody asks for anything", () =>
    Effect.gen(function* () {
      const { cluster } = yield* lives([true])
      cluster.map = [[0, 16_383, 0]]
      const { cluster: service, redis } = yield* ScriptedCluster.connect(cluster)
      let asked = 0
      cluster.tellMap = () => {
        if (++asked === 2) cluster.tellMap = undefined
        return "-ERR not now\r\n"
      }
      yield* Effect.flip(service.refresh)
      expect(yield* redis.state.get).toMatchObject({ _tag: "Connecting" })
      yield* eventually(
        "a map",
        Effect.map(redis.state.get, ({ _tag }) => (_tag === "Connected" ? undefined : _tag)),
        5_000
      )
      expect(asked).toBe(2)
    })
  )
})

describe("a node that a cluster tells of", () => {
  const credentials = { username: "app", password: Redacted.make("hunter2") }

  for (const way of ["MOVED", "ASK", "the map", "the map of replicas"] as const) {
    it.scopedLive(`scenario 97: gets the same credentials and as little time to connect, when ${way} tells`, () =>
      Effect.gen(function* () {
        const silent = yield* ScriptedPeer.make(() => {})
        const cluster = yield* ScriptedCluster.make(1)
        const { bulk } = ScriptedCluster
        const node = (port: number) => `*2\r\n${bulk("127.0.0.1")}:${port}\r\n`
        if (way === "the map") {
          cluster.tellMap = () => `*1\r\n*3\r\n:0\r\n:16383\r\n${node(silent.port)}`
        } else if (way === "the map of replicas") {
          cluster.tellMap = () => `*1\r\n*4\r\n:0\r\n:16383\r\n${node(cluster.port(0))}${node(silent.port)}`
        } else cluster.answer = () => `-${way} ${foo} 127.0.0.1:${silent.port}\r\n`
        const { redis } = yield* ScriptedCluster.connect(cluster, {
          credentials,
          connectTimeout: "200 millis",
          commandTimeout: "600 millis",
          readFrom: "replica"
        })
        const command = way === "the map of replicas" ? Redis.strlen("foo") : Redis.incr("foo")
        const { millis, value } = yield* timed(Effect.flip(redis.execute(command)))
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
