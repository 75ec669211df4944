import { readFileSync } from "node:fs"
import * as net from "node:net"
import * as tls from "node:tls"
import { expect, it } from "@effect/vitest"
import { RedisCluster, Slot } from "@effect-resp/cluster"
import { Redis } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Effect, Either, Option, Redacted, type Scope } from "effect"
import { describe } from "vitest"
import { makeCertificates } from "../support/certificates.js"
import { eachWay, queueing } from "../support/incrementing.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"
import { deadPort } from "../support/unhelpfulPeers.js"

const { bulk } = ScriptedCluster
const foo = Slot.ofKey("foo")

describe("MOVED", () => {
  it.scopedLive("scenario 80: is followed, and the next command of the slot goes straight to its new node", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) => (node === 0 ? cluster.redirect("MOVED", foo, 1) : bulk("here"))
      const { redis } = yield* ScriptedCluster.connect(cluster)
      // No new map helps: it is the redirection itself that is learnt from.
      cluster.tellMap = () => "-ERR not now\r\n"
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("here"))
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("here"))
      expect(cluster.commands(0)).toEqual(["GET foo"])
      expect(cluster.commands(1)).toEqual(["GET foo", "GET foo"])
    })
  )

  it.scopedLive("scenario 80: calls for a new map ten times a second at most, however many commands get it", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (words, node) =>
        node === 0 ? cluster.redirect("MOVED", Slot.ofKey(words[1]!), 1) : bulk(words[1]!)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      cluster.map = [
        [0, 16_382, 1],
        [16_383, 16_383, 0]
      ]
      const before = cluster.refreshes
      const keys = Array.from({ length: 1_000 }, (_, i) => `key-${i}`)
      const { millis, value } = yield* timed(
        Effect.forEach(keys, (key) => redis.execute(Redis.get(key)), { concurrency: "unbounded" })
      )
      expect(value).toEqual(keys.map(Option.some))
      yield* Effect.sleep("300 millis")
      expect(cluster.refreshes - before).toBeGreaterThan(0)
      // The first at once, and a last one for what was asked while another was under way.
      expect(cluster.refreshes - before).toBeLessThan(3 + millis / 100)
    })
  )

  it.scopedLive("scenario 80: calls for a new map no more often while the map stays wrong", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      let moved = 0
      cluster.answer = (_, node) => {
        if (node === 0) moved++
        return node === 0 ? cluster.redirect("MOVED", foo, 1) : bulk("here")
      }
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const before = cluster.refreshes
      const { millis } = yield* timed(
        Effect.repeat(redis.execute(Redis.get("foo")), { until: () => cluster.refreshes - before >= 4 })
      )
      // The first at once, and then after each map that tells of the old place.
      expect(moved).toBeGreaterThanOrEqual(4)
      expect(millis).toBeGreaterThan(250)
    })
  )

  it.scopedLive("scenario 80, 86: in a pipeline is followed for the commands that got it, each once, in order", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (words, node) =>
        node === 0 && words[1] === "foo" ? cluster.redirect("MOVED", foo, 1) : bulk(`${node} ${words.join(" ")}`)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const slots = yield* redis.pipeline([Redis.get("foo"), Redis.get("bar"), Redis.getdel("foo")])
      expect(slots.map(Either.getOrThrow)).toEqual(["1 GET foo", "0 GET bar", "1 GETDEL foo"].map(Option.some))
      expect(cluster.commands(1)).toEqual(["GET foo", "GETDEL foo"])
    })
  )

  it.live("scenario 80: back and forth between two nodes ends after a while", () =>
    eachWay((way, run) =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        cluster.answer = queueing((_, node) => cluster.redirect("MOVED", foo, 1 - node))
        const { redis } = yield* ScriptedCluster.connect(cluster)
        const { millis, value } = yield* timed(Effect.flip(run(redis)))
        expect(value, way).toMatchObject({ _tag: "ClusterError", reason: "Redirections", outcome: "Rejected" })
        const sent = [...cluster.commands(0), ...cluster.commands(1)].filter((command) => command === "INCR foo")
        expect(sent.length, way).toBe(17)
        // The nodes are given time to agree.
        expect(millis, way).toBeGreaterThan(500)
        expect(millis, way).toBeLessThan(4_000)
      })
    )
  )

  it.scopedLive("scenario 84: to the node itself makes a new connection", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = (_, node, { id }) => (id === 1 ? cluster.redirect("MOVED", foo, node) : bulk("new"))
      const { redis } = yield* ScriptedCluster.connect(cluster)
      yield* Effect.sleep("60 millis")
      const values = yield* Effect.replicateEffect(redis.execute(Redis.get("foo")), 100, { concurrency: "unbounded" })
      expect(values).toEqual(values.map(() => Option.some("new")))
      expect(cluster.peers[0]!.connections.length).toBe(2)
    })
  )

  it.scopedLive("scenario 84: without a host means the one that was asked", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) => (node === 0 ? `-MOVED ${foo} :${cluster.port(1)}\r\n` : bulk("here"))
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("here"))
    })
  )

  it.scopedLive("scenario 84: may name an IPv6 address", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) => (node === 0 ? `-MOVED ${foo} 2001:db8::7:${cluster.port(1)}\r\n` : bulk("here"))
      const asked: Array<string> = []
      const { redis } = yield* RedisCluster.make({
        seeds: [{ host: "127.0.0.1", port: cluster.port(0) }],
        connector: ({ host, port }) =>
          Effect.sync(() => {
            asked.push(host)
            return makeConnector({ host: "127.0.0.1", port, path: undefined, tls: undefined })
          })
      })
      cluster.tellMap = () => "-ERR not now\r\n"
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("here"))
      expect(asked).toContain("2001:db8::7")
    })
  )

  const long = "x".repeat(60_000)
  for (const text of [
    "MOVED",
    "MOVED 1",
    "MOVED 1 ",
    "MOVED 1 :",
    "MOVED 1 host",
    "MOVED 1 127.0.0.1:0",
    "MOVED 1 127.0.0.1:70000",
    "MOVED 1 ?:7000",
    "MOVED 1 :0",
    "MOVED 99999 127.0.0.1:7000",
    "MOVED -1 127.0.0.1:7000",
    "MOVED __proto__ 127.0.0.1:7000",
    "MOVED constructor prototype",
    "MOVED 1 __proto__:7000",
    `MOVED 1 ${long}:7000`,
    `MOVED ${long}`,
    `MOVED 1 ${":".repeat(60_000)}`,
    "ASK",
    "ASK 1 :70000",
    "ASK __proto__ __proto__"
  ]) {
    it.scopedLive(
      `scenario 84, 98: that reads ${text.slice(0, 40)} is given to the caller at the deadline, and nothing follows it`,
      () =>
        Effect.gen(function* () {
          const cluster = yield* ScriptedCluster.make(1)
          cluster.answer = () => `-${text}\r\n`
          const { redis, cluster: service } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "80 millis" })
          const before = yield* service.topology
          const { millis, value } = yield* timed(Effect.flip(redis.execute(Redis.incr("foo"))))
          expect(value).toMatchObject({ _tag: "ReplyError", code: text.split(" ")[0], outcome: "Rejected" })
          expect(millis).toBeLessThan(700)
          expect(cluster.commands(0).length).toBeLessThan(20)
          expect(yield* service.topology).toEqual(before)
          expect(({} as Record<string, unknown>).host).toBeUndefined()
          cluster.answer = () => ":1\r\n"
          expect(yield* redis.execute(Redis.incr("foo"))).toBe(1)
          expect(cluster.peers[0]!.connections.length).toBe(1)
        })
    )
  }

  it.scopedLive("scenario 98: of a megabyte ends the connection, and the command is not sent again", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => `-MOVED 1 ${"x".repeat(1 << 20)}:7000\r\n`
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const error = yield* Effect.flip(redis.execute(Redis.incr("foo")))
      expect(error).toMatchObject({ _tag: "ProtocolError", outcome: "Unknown" })
      expect(cluster.commands(0)).toEqual(["INCR foo"])
    })
  )

  it.scopedLive("to a node that is gone fails within the deadline, nothing run, and is tried with pauses", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      const dead = yield* deadPort
      cluster.answer = () => `-MOVED ${foo} 127.0.0.1:${dead}\r\n`
      const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "600 millis" })
      const { millis, value } = yield* timed(Effect.flip(redis.execute(Redis.incr("foo"))))
      expect(["NotSent", "Rejected"]).toContain(value.outcome)
      expect(value).toMatchObject({ command: "INCR" })
      expect(millis).toBeLessThan(900)
      expect(cluster.commands(0).length).toBeLessThan(20)
    })
  )

  it.live("to a node that is gone is made up for by the next map", () =>
    eachWay((way, run) =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        const dead = yield* deadPort
        cluster.answer = queueing((_, node) => (node === 0 ? `-MOVED ${foo} 127.0.0.1:${dead}\r\n` : ":7\r\n"))
        const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "2 seconds" })
        cluster.map = [[0, 16_383, 1]]
        const { millis, value } = yield* timed(run(redis))
        expect(value, way).toBe(7)
        expect(millis, way).toBeLessThan(1_500)
      })
    )
  )

  it.scopedLive("scenario 97: goes where mapAddress says", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) => (node === 0 ? `-MOVED ${foo} 10.255.255.1:7000\r\n` : bulk("mapped"))
      const told: Array<string> = []
      const { redis } = yield* ScriptedCluster.connect(cluster, {
        mapAddress: (address) => {
          told.push(address.host)
          return address.host === "10.255.255.1" ? { host: "127.0.0.1", port: cluster.port(1) } : address
        }
      })
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("mapped"))
      expect(told).toContain("10.255.255.1")
    })
  )

  it.scopedLive("scenario 97: goes nowhere when mapAddress says nothing", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) => (node === 0 ? cluster.redirect("MOVED", foo, 1) : bulk("vetoed"))
      const careful = yield* ScriptedCluster.connect(cluster, {
        commandTimeout: "300 millis",
        credentials: { password: Redacted.make("hunter2") },
        mapAddress: (address) => (address.port === cluster.port(1) ? undefined : address)
      })
      const error = yield* Effect.flip(careful.redis.execute(Redis.get("foo")))
      expect(error).toMatchObject({ _tag: "ReplyError", code: "MOVED", outcome: "Rejected" })
      expect(cluster.peers[1]!.connections.length).toBe(0)
    })
  )

  it.scopedLive("scenario 97: leads to connections with the same credentials, name and protocol", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) => (node === 0 ? cluster.redirect("MOVED", foo, 1) : bulk("here"))
      const { redis } = yield* ScriptedCluster.connect(cluster, {
        credentials: { username: "app", password: Redacted.make("hunter2") },
        clientName: "worker"
      })
      yield* redis.execute(Redis.get("foo"))
      const greeting = (node: number) => cluster.peers[node]!.received.slice(0, 4)
      expect(greeting(0)[0]).toEqual(["HELLO", "3", "AUTH", "app", "hunter2"])
      expect(greeting(1)).toEqual(greeting(0))
    })
  )

  it.scopedLive("scenario 97: from a TLS node never leads to plain text", () =>
    Effect.gen(function* () {
      const { ca, server } = yield* makeCertificates
      const plain: Array<Buffer> = []
      const listen = (listener: net.Server): Effect.Effect<number, never, Scope.Scope> =>
        Effect.acquireRelease(
          Effect.promise(
            () => new Promise<net.Server>((resolve) => listener.listen(0, "127.0.0.1", () => resolve(listener)))
          ),
          () => Effect.sync(() => listener.close())
        ).pipe(Effect.map((listener) => (listener.address() as net.AddressInfo).port))
      const listener = net.createServer((socket) => {
        socket.on("error", () => {})
        socket.on("data", (chunk) => {
          plain.push(chunk)
          // As a Redis without TLS does with what it cannot read.
          socket.end("-ERR Protocol error\r\n")
        })
      })
      const plainPort = yield* listen(listener)
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => `-MOVED ${foo} 127.0.0.1:${plainPort}\r\n`
      const front = yield* listen(
        tls.createServer({ cert: readFileSync(server.cert), key: readFileSync(server.key) }, (socket) => {
          const inner = net.connect(cluster.port(0), "127.0.0.1")
          socket.on("error", () => inner.destroy()).on("close", () => inner.destroy())
          inner.on("error", () => socket.destroy())
          socket.pipe(inner).pipe(socket)
        })
      )
      const { redis } = yield* NodeRedisCluster.make({
        nodes: [`rediss://:hunter2@localhost:${front}`],
        tls: { ca: readFileSync(ca, "utf8") },
        // The map that the scripted node tells has its own port.
        mapAddress: (address) => (address.port === cluster.port(0) ? { host: "localhost", port: front } : address),
        commandTimeout: "500 millis",
        closeTimeout: 0
      })
      const error = yield* Effect.flip(redis.execute(Redis.get("foo")))
      expect(["NotSent", "Rejected"]).toContain(error.outcome)
      expect(error.message).not.toContain("hunter2")
      expect(plain.length).toBeGreaterThan(0)
      // A TLS record with a greeting, each time.
      expect(plain.map((chunk) => chunk[0])).toEqual(plain.map(() => 0x16))
      expect(Buffer.concat(plain).includes("hunter2")).toBe(false)
    })
  )
})
