import { execFile } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it, layer } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Option, Redacted } from "effect"
import * as ClusterServers from "./ClusterServers.js"
import { makeCertificates } from "./certificates.js"
import { eventually } from "./RestartableServer.js"
import { isBuiltWithTls } from "./tls.js"

const slotOf = (cluster: ClusterServers.Cluster, key: string) =>
  Effect.map(cluster.nodes[0]!.server.text("CLUSTER", "KEYSLOT", key), Number)

/** `MOVED`, `ASK` or another code instead of the value. */
const get = (node: ClusterServers.Node, key: string) =>
  node.client
    .execute(Command.make(["GET", key]))
    .pipe(Effect.catchTag("ReplyError", ({ code }) => Effect.succeed(code)))

const keysOf = (slotTag: string, count: number) => Array.from({ length: count }, (_, i) => `{${slotTag}}${i}`)

const last = 16_383

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

layer(ClusterServers.layer({ args: ["--appendonly", "yes", "--appendfsync", "always"] }), {
  excludeTestServices: true
})("a cluster", (it) => {
  it.effect("has three primaries with all slots, and a replica in sync for each", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const primaries = yield* cluster.primaries
      const replicas = yield* cluster.replicas
      expect([primaries.length, replicas.length, cluster.seeds.length]).toEqual([3, 3, 6])
      expect(new Set([...primaries, ...replicas])).toEqual(new Set(cluster.nodes))
      for (const primary of primaries) {
        const [replica] = yield* cluster.replicasOf(primary)
        expect((yield* replica!.server.replication).get("master_port")).toBe(String(primary.port))
        // The primary itself counts the replica as one that acknowledges.
        expect(yield* primary.client.pipeline([Redis.wait(1, "2 seconds")])).toMatchObject([{ right: 1 }])
      }
      const slot = yield* slotOf(cluster, "k")
      const owner = yield* cluster.ownerOf(slot)
      yield* owner.client.execute(Redis.set("k", "v"))
      expect(yield* get(owner, "k")).toBe("v")
      expect(yield* get(yield* cluster.replicaOf(slot), "k")).toBe("MOVED")
    })
  )

  it.effect("moves a slot with its keys, by halves too", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const slot = yield* slotOf(cluster, "{m}")
      const from = yield* cluster.ownerOf(slot)
      const to = (yield* cluster.primaries).find((node) => node !== from)!
      const keys = keysOf("m", 250)
      for (const key of keys) yield* from.client.execute(Redis.set(key, key))

      yield* cluster.beginMove(slot, to)
      expect(yield* get(from, keys[0]!)).toBe(keys[0])
      expect(yield* get(from, "{m}absent")).toBe("ASK")
      yield* cluster.moveKeys(slot, keys.slice(0, 2))
      expect(yield* get(from, keys[0]!)).toBe("ASK")
      expect(yield* get(to, keys[0]!)).toBe("MOVED")
      expect(yield* get(from, keys[2]!)).toBe(keys[2])
      yield* cluster.endMove(slot)
      yield* cluster.endMove(slot)
      expect(yield* cluster.ownerOf(slot)).toBe(to)
      expect(yield* Effect.forEach(keys, (key) => get(to, key))).toEqual(keys)
      for (const node of cluster.nodes) if (node !== to) expect(yield* get(node, keys[0]!)).toBe("MOVED")

      yield* cluster.moveSlot(slot, from)
      expect(yield* get(from, keys[249]!)).toBe(keys[249])
      expect(yield* cluster.ownerOf(slot)).toBe(from)
    })
  )

  it.effect("fails over to a replica, in order and by force", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const old = yield* cluster.ownerOf(0)
      const replica = yield* cluster.replicaOf(0)
      yield* cluster.failover(replica)
      expect(yield* cluster.ownerOf(0)).toBe(replica)
      expect(yield* cluster.replicaOf(0)).toBe(old)
      yield* cluster.replicated
      yield* cluster.failover(old, "TAKEOVER")
      expect(yield* cluster.ownerOf(0)).toBe(old)
    })
  )

  it.effect("survives a kill, and takes the node back", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      yield* cluster.replicated
      const old = yield* cluster.ownerOf(last)
      const { pid } = old
      const replica = yield* cluster.replicaOf(last)
      yield* cluster.kill(old)
      expect(isRunning(pid)).toBe(false)
      yield* cluster.agreed
      expect(yield* cluster.ownerOf(last)).toBe(replica)
      expect(yield* cluster.primaries).not.toContain(old)
      yield* cluster.restart(old)
      expect(old.pid).not.toBe(pid)
      yield* cluster.agreed
      yield* cluster.replicated
      expect(yield* cluster.replicaOf(last)).toBe(old)
    })
  )

  it.effect("takes a node back at another port", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const replica = yield* cluster.replicaOf(0)
      const { port } = replica
      yield* cluster.restart(replica, { port: "new" })
      expect(replica.port).not.toBe(port)
      yield* cluster.agreed
      const told = yield* cluster.nodes[0]!.server.text("CLUSTER", "NODES")
      expect(told).toContain(`${replica.id} 127.0.0.1:${replica.port}@`)
    })
  )

  it.effect("has nodes that freeze and thaw", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const replica = yield* cluster.replicaOf(0)
      yield* cluster.freeze(replica)
      const seen = Effect.map(cluster.replicas, (replicas) => replicas.includes(replica))
      yield* eventually(
        "death",
        Effect.map(seen, (isSeen) => (isSeen ? "alive" : undefined))
      )
      const answer = replica.client.execute(Redis.ping()).pipe(Effect.timeoutOption("50 millis"))
      expect(yield* answer).toEqual(Option.none())
      yield* cluster.thaw(replica)
      yield* cluster.agreed
      expect(yield* cluster.replicaOf(0)).toBe(replica)
    })
  )

  it.effect("starts again as a whole on other ports, with its data", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers.ClusterServers
      const slot = yield* slotOf(cluster, "kept")
      yield* (yield* cluster.ownerOf(slot)).client.execute(Redis.set("kept", "value"))
      const before = cluster.nodes.map(({ id, port }) => ({ id, port }))
      yield* cluster.restartAll({ newPorts: true, keepFirst: true })
      for (const [i, { id, port, server }] of cluster.nodes.entries()) {
        expect(port === before[i]!.port).toBe(i === 0)
        expect(yield* server.text("CLUSTER", "MYID")).toBe(id)
      }
      expect(yield* get(yield* cluster.ownerOf(slot), "kept")).toBe("value")
    })
  )
})

describe("ClusterServers", () => {
  it.scoped.skipIf(!isBuiltWithTls)("takes a size, a password and TLS, under a clock that stands still too", () =>
    Effect.gen(function* () {
      const { ca, server } = yield* makeCertificates
      const password = 'a "quoted" one'
      const cluster = yield* ClusterServers.make({ primaries: 2, replicas: 0, password, tls: { ...server, ca } })
      expect(yield* cluster.replicas).toEqual([])
      const [a, b] = yield* cluster.primaries
      yield* a!.client.execute(Redis.set("{06S}", "moved")) // slot 0
      yield* cluster.moveSlot(0, b!)
      expect(yield* get(b!, "{06S}")).toBe("moved")
      const client = NodeRedis.make({ port: b!.port, host: b!.host, tls: { ca: readFileSync(ca) } })
      expect(yield* Effect.flip(Effect.flatMap(client, (redis) => redis.execute(Redis.ping())))).toMatchObject({
        reason: "Auth"
      })
      const known = yield* NodeRedis.make({
        port: b!.port,
        host: b!.host,
        tls: { ca: readFileSync(ca) },
        credentials: { password: Redacted.make(password) }
      })
      expect(yield* known.execute(Redis.get("{06S}"))).toMatchObject({ value: "moved" })
    })
  )

  it.scopedLive("leaves no server behind, not even when its process is killed", () =>
    Effect.gen(function* () {
      const support = fileURLToPath(new URL(".", import.meta.url))
      const program = `
        import { Effect } from "effect"
        import * as RestartableServer from "${support}RestartableServer.js"
        Effect.runPromise(Effect.scoped(Effect.gen(function* () {
          const { pid, directory } = yield* RestartableServer.make({ config: [] })
          yield* Effect.promise(() => new Promise((resolve) => process.stdout.write(JSON.stringify({ pid, directory }), resolve)))
          process.kill(process.pid, "SIGKILL")
        })))`
      const tsconfig = fileURLToPath(new URL("../tsconfig.json", import.meta.url))
      const words = ["--import", "tsx", "--input-type=module", "--eval", program]
      const run = promisify(execFile)(process.execPath, words, {
        cwd: support,
        env: { ...process.env, TSX_TSCONFIG_PATH: tsconfig }
      }).catch((error: { readonly stdout: string }) => error)
      const { pid, directory } = JSON.parse((yield* Effect.promise(() => run)).stdout)
      expect(pid).toBeGreaterThan(0)
      yield* eventually(
        "end",
        Effect.sync(() => (isRunning(pid) ? `process ${pid}` : undefined))
      )
      yield* eventually(
        "removal",
        Effect.sync(() => (existsSync(directory) ? directory : undefined))
      )
    })
  )
})
