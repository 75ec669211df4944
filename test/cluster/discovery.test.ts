import { expect, it } from "@effect/vitest"
import { type RedisCluster, Slot } from "@effect-resp/cluster"
import { Command, Redis, type RedisError, Reply } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Option, Redacted } from "effect"
import { describe } from "vitest"
import * as RestartableServer from "../support/RestartableServer.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"
import { deadPort, silent } from "../support/unhelpfulPeers.js"

const { bulk } = ScriptedCluster

const addressesOf = (services: RedisCluster.Services) =>
  Effect.map(services.cluster.topology, ({ shards }) => shards.map(({ primary }) => primary.address))

const only: ReadonlyArray<string> = ["--cluster-enabled", "yes"]

const addAllSlots = Command.make(["CLUSTER", "ADDSLOTSRANGE", 0, 16_383], { reply: Reply.ok })

const setUser = (...rules: ReadonlyArray<string>) =>
  Command.make(["ACL", "SETUSER", "app", ...rules], { reply: Reply.ok })

/** A real cluster of one node. */
const single = (options: NodeRedisServer.Options = {}) =>
  Effect.gen(function* () {
    const server = yield* NodeRedisServer.make({ ...options, args: [...only, ...(options.args ?? [])] })
    const { host, port } = server
    const direct = yield* NodeRedis.make({ host, port })
    yield* direct.execute(Redis.ping())
    return { server, direct }
  })

describe("the search for a cluster", () => {
  it.scopedLive("passes over a seed that is dead and one that is silent, within a second", () =>
    Effect.gen(function* () {
      const dead = yield* deadPort
      const mute = yield* silent
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => bulk("here")
      const { millis, value } = yield* timed(
        ScriptedCluster.connect(cluster, {
          nodes: [`127.0.0.1:${dead}`, `127.0.0.1:${mute.port}`, cluster.address(0)]
        })
      )
      expect(millis).toBeLessThan(1_000)
      expect(yield* value.redis.execute(Redis.get("foo"))).toEqual(Option.some("here"))
      // The silent one is not part of the cluster: nobody goes on trying to connect to it.
      yield* Effect.sleep("50 millis")
      expect(mute.open.size).toBe(0)
    })
  )

  it.scopedLive("fails when no seed helps, and says of each what came of it, but no password", () =>
    Effect.gen(function* () {
      const dead = yield* deadPort
      const mute = yield* silent
      const alone = yield* NodeRedisServer.make()
      const guarded = yield* RestartableServer.make({ config: ["cluster-enabled yes"], password: "right" })
      const [empty, garbage] = yield* Effect.all([ScriptedCluster.make(1), ScriptedCluster.make(1)])
      empty.map = []
      garbage.tellMap = () => "+nonsense\r\n"
      const nodes = {
        dead: `127.0.0.1:${dead}`,
        mute: `127.0.0.1:${mute.port}`,
        alone: `127.0.0.1:${alone.port}`,
        guarded: `redis://:hunter2@127.0.0.1:${guarded.port}`,
        empty: empty.address(0),
        garbage: garbage.address(0)
      }
      const { millis, value } = yield* timed(
        Effect.flip(
          NodeRedisCluster.make({
            nodes: Object.values(nodes).filter((node) => node !== nodes.alone),
            connectTimeout: "400 millis"
          })
        )
      )
      expect(value).toMatchObject({ _tag: "ClusterError", reason: "Discovery", outcome: "NotSent" })
      const { attempts } = value as RedisError.ClusterError
      const said = new Map(attempts.map(({ address, detail }) => [address, detail]))
      expect(said.get(nodes.dead)).toMatch(/ECONNREFUSED/)
      expect(said.get(nodes.mute)).toMatch(/Connect took longer than 400 ms/)
      expect(said.get(`127.0.0.1:${guarded.port}`)).toMatch(/WRONGPASS/)
      expect(said.get(nodes.empty)).toMatch(/its map cannot be used: no primary/)
      expect(said.get(nodes.garbage)).toMatch(/its map cannot be used: not an array/)
      expect(attempts.length).toBe(5)
      for (const { address, detail } of attempts) expect(value.message).toContain(`${address}: ${detail}`)
      expect(`${value.message} ${JSON.stringify(value)}`).not.toContain("hunter2")
      expect(millis).toBeLessThan(2_000)
      yield* Effect.sleep("50 millis")
      expect(mute.open.size).toBe(0)
      // Without credentials, for it knows none.
      const lonely = yield* Effect.flip(NodeRedisCluster.make({ nodes: [nodes.alone] }))
      expect(lonely.message).toContain("cluster support disabled")
    })
  )

  it.scopedLive("of hundreds of dead seeds ends soon", () =>
    Effect.gen(function* () {
      const dead = yield* deadPort
      const nodes = Array.from({ length: 300 }, (_, i) => `127.0.${i % 250}.${1 + Math.floor(i / 250)}:${dead}`)
      const { millis, value } = yield* timed(Effect.flip(NodeRedisCluster.make({ nodes })))
      expect((value as RedisError.ClusterError).attempts.length).toBe(300)
      expect(millis).toBeLessThan(5_000)
    })
  )
})

describe("a real server", () => {
  it.scopedLive("may be one of IPv6", (context) =>
    Effect.gen(function* () {
      const interfaces = yield* Effect.promise(() => import("node:os")).pipe(Effect.map((os) => os.networkInterfaces()))
      if (!Object.values(interfaces).some((all) => all?.some(({ address }) => address === "::1"))) return context.skip()
      const { direct, server } = yield* single({ args: ["--bind", "127.0.0.1", "::1", "--cluster-announce-ip", "::1"] })
      yield* direct.execute(Redis.ping())
      const slots = yield* NodeRedis.make({ host: "::1", port: server.port })
      yield* slots.execute(addAllSlots)
      const services = yield* NodeRedisCluster.make({ nodes: [`[::1]:${server.port}`] })
      // What just got its slots serves them two seconds later.
      expect(yield* addressesOf(services)).toEqual([`[::1]:${server.port}`])
      expect(yield* services.redis.execute(Redis.set("foo", "1"))).toBe("OK")
    })
  )

  it.scopedLive("scenario 84: that tells no host, or that it is not known, is the one that was asked", () =>
    Effect.gen(function* () {
      const { direct, server } = yield* single({ args: ["--cluster-preferred-endpoint-type", "unknown-endpoint"] })
      yield* direct.execute(addAllSlots)
      const services = yield* NodeRedisCluster.make({ nodes: [`localhost:${server.port}`] })
      expect(yield* addressesOf(services)).toEqual([`localhost:${server.port}`])
      // Told to show host names and having none, it says "?".
      yield* direct.execute(Redis.configSet({ "cluster-preferred-endpoint-type": "hostname" }))
      const error = yield* Effect.flip(NodeRedisCluster.make({ nodes: [`localhost:${server.port}`] }))
      expect(error.message).toContain("its map cannot be used")
      yield* direct.execute(Redis.configSet({ "cluster-announce-hostname": "localhost" }))
      const named = yield* NodeRedisCluster.make({ nodes: [`127.0.0.1:${server.port}`] })
      expect(yield* addressesOf(named)).toEqual([`localhost:${server.port}`])
    })
  )

  it.scopedLive("that does not let CLUSTER SLOTS be asked tells the map by CLUSTER SHARDS", () =>
    Effect.gen(function* () {
      const { direct, server } = yield* single()
      yield* direct.execute(addAllSlots)
      yield* direct.execute(setUser("on", ">hunter2", "~*", "&*", "+@all", "-cluster|slots"))
      const services = yield* NodeRedisCluster.make({
        nodes: [`127.0.0.1:${server.port}`],
        credentials: { username: "app", password: Redacted.make("hunter2") }
      })
      expect(yield* addressesOf(services)).toEqual([`127.0.0.1:${server.port}`])
      yield* direct.execute(setUser("-cluster|shards"))
      const error = yield* Effect.flip(services.cluster.refresh)
      expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery" })
      expect(error.message).toContain("NOPERM")
      expect(yield* addressesOf(services)).toEqual([`127.0.0.1:${server.port}`])
    })
  )
})

describe("the map", () => {
  it.scopedLive("is asked for ten times a second at most, however many commands are redirected", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      // The nodes go on telling an old map: each renewal brings redirections anew.
      cluster.answer = (words, node) =>
        node === 0 ? cluster.redirect("MOVED", Slot.ofKey(words[1]!), 1) : bulk(words[1]!)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const before = cluster.refreshes
      const keys = Array.from({ length: 10_000 }, (_, i) => `key-${i}`)
      const { millis } = yield* timed(
        Effect.forEach(keys, (key) => redis.execute(Redis.get(key)), { concurrency: 200, discard: true })
      )
      expect(cluster.commands(0).length).toBeGreaterThan(1_000)
      expect(cluster.refreshes - before).toBeLessThan(3 + millis / 100)
    })
  )

  it.scopedLive("scenario 80: is renewed every so often, and by one question at a time", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [[0, 16_383, 0]]
      let asked = 0
      let most = 0
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        if (words[0] !== "CLUSTER") return respond(node, words, connection)
        most = Math.max(most, ++asked)
        setTimeout(() => {
          asked--
          respond(node, words, connection)
        }, 30)
      }
      const services = yield* ScriptedCluster.connect(cluster, { refreshInterval: "50 millis" })
      cluster.map = [[0, 16_383, 1]]
      yield* Effect.sleep("350 millis")
      expect(yield* addressesOf(services)).toEqual([cluster.address(1)])
      expect(cluster.refreshes).toBeGreaterThan(2)
      expect(cluster.refreshes).toBeLessThan(8)
      yield* Effect.all(
        Array.from({ length: 5 }, () => services.cluster.refresh),
        { concurrency: "unbounded" }
      )
      expect(most).toBe(1)
    })
  )

  it.scopedLive("scenario 88: stays as it was when nobody tells a new one", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => bulk("here")
      const services = yield* ScriptedCluster.connect(cluster, { refreshInterval: "30 millis" })
      const before = yield* services.cluster.topology
      for (const answer of ["-ERR not now\r\n", "*0\r\n", "+OK\r\n"]) {
        cluster.tellMap = () => answer
        const error = yield* Effect.flip(services.cluster.refresh)
        expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery" })
        expect(error.attempts.map(({ address }) => address)).toEqual([cluster.address(0)])
        expect(yield* services.cluster.topology).toEqual(before)
        expect(yield* services.redis.execute(Redis.get("foo"))).toEqual(Option.some("here"))
      }
      cluster.tellMap = undefined
      yield* services.cluster.refresh
    })
  )

  it.scopedLive("without a node closes its connections; what is in flight there is answered, or told", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      let reply = () => {}
      cluster.answer = (words, node, connection) => {
        if (words[1] === "slow") reply = () => connection.write(bulk("answered"))
        return words[1] === "slow" || words[1] === "never" ? undefined : bulk(`${node}`)
      }
      const services = yield* ScriptedCluster.connect(cluster, { closeTimeout: "200 millis" })
      const { redis } = services
      const slow = yield* Effect.fork(redis.execute(Redis.getdel("slow")))
      const never = yield* Effect.fork(Effect.flip(redis.execute(Redis.getdel("never"))))
      const blocked = yield* Effect.fork(Effect.flip(redis.execute(Redis.blpop("never", 0))))
      yield* Effect.sleep("50 millis")
      cluster.map = [[0, 16_383, 1]]
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        // No answer overtakes those that are due on its connection.
        if (node === 1 || words[0] !== "CLUSTER") respond(node, words, connection)
      }
      yield* services.cluster.refresh
      // The next commands go to where they belong now.
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("1"))
      reply()
      expect(yield* Fiber.join(slow)).toEqual(Option.some("answered"))
      const { millis, value } = yield* timed(Fiber.join(never))
      expect(value).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "Unknown" })
      expect(millis).toBeLessThan(500)
      expect(yield* Fiber.join(blocked)).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown" })
      expect(cluster.commands(1).filter((command) => command.includes("never"))).toEqual([])
    })
  )

  it.scopedLive("without a node that is being connected to sends those who wait elsewhere at once", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      const mute = yield* silent
      const foo = Slot.ofKey("foo")
      let moved = true
      cluster.answer = () => (moved ? `-MOVED ${foo} 127.0.0.1:${mute.port}\r\n` : bulk("back"))
      const services = yield* ScriptedCluster.connect(cluster)
      // So that the map comes while the node is being connected to.
      const held: Array<() => void> = []
      const respond = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        if (words[0] === "CLUSTER") held.push(() => respond(node, words, connection))
        else respond(node, words, connection)
      }
      const get = yield* Effect.fork(services.redis.execute(Redis.get("foo")))
      while (mute.open.size === 0 || held.length === 0) yield* Effect.sleep("5 millis")
      moved = false
      cluster.respond = respond
      for (const tell of held) tell()
      const { millis, value } = yield* timed(Fiber.join(get))
      expect(value).toEqual(Option.some("back"))
      expect(millis).toBeLessThan(1_000)
      yield* Effect.sleep("50 millis")
      expect(mute.open.size).toBe(0)
    })
  )
})

describe("options of a cluster", () => {
  const good = "127.0.0.1:7000"
  for (const [what, nodes, reason] of [
    ["no node", [], /^nodes must name at least one server$/],
    ["text", ["nonsense"], /^nodes\[0\]: neither host:port nor a URL$/],
    ["a port that is none", [good, "127.0.0.1:70000"], /^nodes\[1\]: neither/],
    ["a host without a port", ["localhost"], /^nodes\[0\]: neither/],
    ["nothing in a list", [good, ""], /^nodes\[1\]: neither/],
    ["spaces around", [` ${good}`], /^nodes\[0\]: neither/],
    ["credentials without a scheme", ["app:hunter2@127.0.0.1:7000"], /^nodes\[0\]: neither/],
    ["another scheme", ["http://:hunter2@127.0.0.1:7000"], /^nodes\[0\]: .*scheme http:/],
    ["a database", ["redis://:hunter2@127.0.0.1:7000/3"], /^nodes\[0\]: .*database/],
    ["a database in the query", [good, "redis://:hunter2@127.0.0.1:7000?db=3"], /^nodes\[1\]: .*database/],
    ["a Unix socket", ["unix:///tmp/redis.sock"], /^nodes\[0\]: a Unix socket/],
    ["a URL that is none", ["redis://:hunter2@[::1:7000"], /^nodes\[0\]: .*not a valid URL/],
    ["an unknown parameter", ["redis://:hunter2@127.0.0.1:7000?tls=1"], /^nodes\[0\]: .*unknown parameter: tls/],
    ["two passwords", ["redis://:hunter2@127.0.0.1:7000", "redis://:hunter3@127.0.0.1:7001"], /^nodes\[1\]: has other/],
    ["a bad secret", [Redacted.make("redis://:hunter2@:7000:7000")], /^nodes\[0\]: /]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<string | Redacted.Redacted<string>>, RegExp]>) {
    it.scopedLive(`may not name ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(NodeRedisCluster.make({ nodes }))
        expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
        expect(error.message).toMatch(reason)
        expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toContain("hunter2")
      })
    )
  }

  for (const [name, options] of [
    ["connections", { connections: 0 }],
    ["maxReserved", { maxReserved: Number.NaN }],
    ["clientName", { clientName: "a b" }],
    ["readFrom", { readFrom: "nobody" as "primary" }]
  ] as const) {
    it.scopedLive(`are refused by name: ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(NodeRedisCluster.make({ nodes: [good], ...options }))
        expect(error._tag).toBe("CommandError")
        expect(error.message).toContain(name)
      })
    )
  }

  it.scopedLive("may mix addresses and URLs, whose credentials are for all nodes", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      const dead = yield* deadPort
      yield* ScriptedCluster.connect(cluster, {
        nodes: [`127.0.0.1:${dead}`, cluster.address(1), Redacted.make(`valkey://app:hunter2@127.0.0.1:${dead}`)]
      })
      expect(cluster.peers[1]!.received[0]).toEqual(["HELLO", "3", "AUTH", "app", "hunter2"])
    })
  )
})
