import { expect, it } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Duration, Effect, Either, Fiber, Option } from "effect"
import { describe } from "vitest"
import * as ClusterServers from "../support/ClusterServers.js"
import { keyOf, slots } from "../support/cluster.js"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const { bulk } = ScriptedCluster
const foo = Slot.ofKey("foo")

describe("a node that no map tells of yet", () => {
  for (const kind of ["MOVED", "ASK"] as const) {
    it.scopedLive(`keeps the blocking command that ${kind} sent there, when the map is renewed`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        cluster.map = [[0, 16_383, 0]]
        cluster.answer = ([name], node, connection) => {
          if (name !== "BLPOP") return "+OK\r\n"
          if (node === 0) return cluster.redirect(kind, foo, 1)
          setTimeout(() => connection.write(`*2\r\n${bulk("foo")}${bulk("bar")}`), 2_000)
        }
        const client = yield* ScriptedCluster.connect(cluster, { closeTimeout: "1 second" })
        const fiber = yield* Effect.fork(client.redis.execute(Redis.blpop("foo", "5 seconds")))
        yield* Effect.sleep(300)
        yield* client.cluster.refresh
        expect(yield* Fiber.join(fiber)).toEqual(Option.some({ key: "foo", element: "bar" }))
      })
    )
  }

  it.scopedLive("is not connected to anew for each renewal of the map", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [[0, 16_383, 0]]
      cluster.answer = (_words, node) => (node === 0 ? cluster.redirect("MOVED", foo, 1) : bulk("bar"))
      const { redis } = yield* ScriptedCluster.connect(cluster)
      yield* Effect.repeatN(Effect.delay(redis.execute(Redis.get("foo")), 10), 150)
      expect(cluster.peers[1]!.connections.length).toBeLessThan(5)
    })
  )
})

describe("a node that is silent", () => {
  it.scopedLive(
    "is left by those who only block on it, when another has taken its place",
    () =>
      Effect.gen(function* () {
        const servers = yield* ClusterServers.make({ nodeTimeout: 1_000 })
        const { redis } = yield* NodeRedisCluster.make({
          nodes: servers.seeds.map(({ host, port }) => `${host}:${port}`),
          commandTimeout: "300 millis",
          reserveTimeout: "500 millis"
        })
        const key = keyOf(slots[1])
        const owner = yield* servers.ownerOf(slots[1])
        yield* redis.execute(Redis.del([key]))
        yield* servers.freeze(owner)
        yield* Effect.addFinalizer(() => servers.thaw(owner))
        const consume = Effect.either(redis.execute(Redis.blpop(key, "200 millis")))
        const recovered = yield* Effect.repeat(Effect.delay(consume, 100), { until: Either.isRight }).pipe(
          Effect.timeoutOption("12 seconds")
        )
        expect(Option.isSome(recovered)).toBe(true)
      }),
    40_000
  )

  it.scopedLive("and a replica does not keep reads from the primary under preferReplica", () =>
    Effect.gen(function* () {
      const silent = yield* ScriptedPeer.make(() => {})
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [[0, 16_383, 0, 1]]
      cluster.answer = () => bulk("bar")
      const { redis } = yield* NodeRedisCluster.make({
        nodes: [cluster.address(0)],
        readFrom: "preferReplica",
        commandTimeout: "1 second",
        connectTimeout: "2 seconds",
        closeTimeout: 0,
        mapAddress: (address) => (address.port === cluster.port(1) ? { ...address, port: silent.port } : address)
      })
      const reads = yield* Effect.forEach(Array.from({ length: 40 }), () =>
        Effect.zipLeft(Effect.fork(Effect.either(redis.execute(Redis.get("foo")))), Effect.sleep(100))
      )
      const results = yield* Effect.forEach(reads, Fiber.join)
      expect(results.filter(Either.isLeft).length).toBe(0)
    })
  )
})

describe("the deadline", () => {
  it.scopedLive("of a blocking command holds also when it is refused for ever", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "300 millis" })
      cluster.answer = () => "-CLUSTERDOWN The cluster is down\r\n"
      const forever = Command.make(["BLPOP", "foo", 0], { keys: [1], blockMillis: 0 })
      const outcome = yield* Effect.timeoutOption(Effect.either(redis.execute(forever)), "3 seconds")
      expect(Option.isSome(outcome)).toBe(true)
    })
  )

  it.scopedLive("does not count what a command has blocked for, when it is sent again", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      let sent = 0
      const unblocked = "-UNBLOCKED force unblock from blocking operation, instance state changed\r\n"
      cluster.answer = (_words, _node, connection) => {
        const first = ++sent === 1
        setTimeout(() => connection.write(first ? unblocked : "_\r\n"), first ? 900 : 1_000)
      }
      const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "300 millis" })
      expect(yield* redis.execute(Redis.blpop("foo", "1 second"))).toEqual(Option.none())
      expect(sent).toBe(2)
    })
  )
})

describe("a deadline longer than a timer takes", () => {
  const warnings = Effect.acquireRelease(
    Effect.sync(() => {
      const told: Array<Error> = []
      const note = (warning: Error) => void told.push(warning)
      process.on("warning", note)
      return { told, note }
    }),
    ({ note }) => Effect.sync(() => void process.off("warning", note))
  )

  for (const commandTimeout of [Duration.infinity, Duration.days(60)]) {
    it.scopedLive(`is waited for without one: ${Duration.format(commandTimeout)}`, () =>
      Effect.gen(function* () {
        const { told } = yield* warnings
        const cluster = yield* ScriptedCluster.make(2)
        const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout })
        const last = keyOf(16_383)
        // A former primary, which is not asked again until a map has come.
        const respond = cluster.respond.bind(cluster)
        let map: (() => void) | undefined
        cluster.respond = (node, words, connection) => {
          if (words[0] === "CLUSTER") map = () => respond(node, words, connection)
          else respond(node, words, connection)
        }
        cluster.answer = () => (cluster.commands(1).length === 1 ? "-READONLY You can't write.\r\n" : ":7\r\n")
        const running = yield* Effect.fork(redis.execute(Redis.incr(last)))
        yield* eventually(
          "asked for the map",
          Effect.sync(() => (map === undefined ? "not" : undefined))
        )
        map!()
        expect(yield* Fiber.join(running)).toBe(7)
        expect(cluster.commands(1)).toEqual([`INCR ${last}`, `INCR ${last}`])
        expect(told).toEqual([])
      })
    )
  }
})

describe("commands together", () => {
  it.scopedLive("that are for all nodes are refused in a transaction, which is on one", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(3)
      cluster.answer = ([name]) => (name === "MULTI" ? "+OK\r\n" : name === "EXEC" ? "*1\r\n+OK\r\n" : "+QUEUED\r\n")
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect((yield* Effect.either(redis.transaction([Redis.flushall()])))._tag).toBe("Left")
    })
  )

  it.scopedLive("in a pipeline: a read is not sent again behind a later write that may have run", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      let value = "old"
      cluster.answer = ([name, , given], _node, connection) => {
        if (name === "GET") return value === "old" ? undefined : bulk(value)
        value = given!
        return void connection.reset()
      }
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const [read] = yield* redis.pipeline([Redis.get("foo"), Redis.set("foo", "new")])
      expect(read).not.toEqual(Either.right(Option.some("new")))
    })
  )

  it.scopedLive("in a pipeline: WAIT follows a write that was redirected", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [
        [0, 8_191, 1],
        [8_192, 16_383, 0]
      ]
      cluster.answer = ([name], node) =>
        name === "WAIT" ? ":1\r\n" : node === 0 ? cluster.redirect("MOVED", foo, 1) : "+OK\r\n"
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const slots = yield* redis.pipeline([Redis.set("foo", 1), Redis.wait(1, 100)])
      const sent = cluster.commands(1)
      // Either it is asked after the write, or it says that it cannot tell.
      expect(Either.isLeft(slots[1]!) || sent.lastIndexOf("WAIT 1 100") > sent.indexOf("SET foo 1")).toBe(true)
    })
  )
})
