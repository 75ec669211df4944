import { describe, expect, it } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Duration, Effect, Option, Schedule } from "effect"

/** A server of its own, and a client that speaks RESP2 or RESP3. */
const serverAndClient = (protocol: 2 | 3, args: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const server = yield* NodeRedisServer.make({ args })
    const client = yield* NodeRedis.make({ port: server.port, host: server.host, protocol })
    return {
      server,
      client,
      on: <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) => Effect.provideService(effect, Redis.Redis, client)
    }
  })

const soon = Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(200))
const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.retry(effect, soon)
const until = <A, E, R>(effect: Effect.Effect<A, E, R>, holds: (a: A) => boolean) =>
  eventually(Effect.filterOrFail(effect, holds, () => "not yet" as const))

describe.each([2, 3] as const)("administration, RESP%i", (protocol) => {
  it.scopedLive("what goes on in the background has begun", () =>
    Effect.gen(function* () {
      const { on, server } = yield* serverAndClient(protocol)
      expect(yield* on(Redis.bgsave())).toBe("started")
      yield* until(on(Redis.info("persistence")), (info) => info.persistence?.rdb_bgsave_in_progress === "0")
      expect(yield* on(Redis.bgsave({ schedule: true }))).toBe("started")
      yield* until(on(Redis.info("persistence")), (info) => info.persistence?.rdb_bgsave_in_progress === "0")
      expect(["started", "scheduled"]).toContain(yield* on(Redis.bgrewriteaof))
      yield* until(on(Redis.info("persistence")), (info) => info.persistence?.aof_rewrite_in_progress === "0")
      expect((yield* on(Redis.lastsave)).getTime()).toBeGreaterThan(Date.now() - 60_000)
      if (server.kind === "valkey" && Number.parseFloat(server.version) >= 8.1) {
        expect(yield* Effect.flip(on(Redis.bgsaveCancel))).toMatchObject({ _tag: "ReplyError" })
      }
    })
  )

  it.scopedLive("a replica follows, is seen, and takes over", () =>
    Effect.gen(function* () {
      const first = yield* serverAndClient(protocol, ["--repl-diskless-sync-delay", "0"])
      const second = yield* serverAndClient(protocol, ["--repl-diskless-sync-delay", "0"])
      const { host, port } = first.server
      expect(yield* Effect.flip(first.on(Redis.failover()))).toMatchObject({ _tag: "ReplyError" })
      expect(yield* Effect.flip(first.on(Redis.failoverAbort))).toMatchObject({ _tag: "ReplyError" })
      expect(yield* second.on(Redis.replicaof({ host, port }))).toBe("OK")
      // Said once more, the OK comes with a remark.
      expect(yield* second.on(Redis.replicaof({ host, port }))).toBe("OK")
      const replica = yield* until(
        second.on(Redis.role),
        (role) => role._tag === "Replica" && role.state === "connected"
      )
      expect(replica).toMatchObject({ _tag: "Replica", primary: { host, port }, state: "connected" })
      const primary = yield* until(
        first.on(Redis.role),
        (role) => role._tag === "Primary" && role.replicas.length === 1
      )
      expect(primary).toMatchObject({
        _tag: "Primary",
        replicas: [{ host: second.server.host, port: second.server.port }]
      })
      expect(yield* first.on(Redis.clientList({ type: "replica" }))).toHaveLength(1)
      expect(yield* second.on(Redis.clientList({ type: "primary" }))).toHaveLength(1)
      const to = { host: second.server.host, port: second.server.port }
      expect(yield* first.on(Redis.failover({ to, timeout: "5 seconds", force: true }))).toBe("OK")
      yield* until(second.on(Redis.role), (role) => role._tag === "Primary")
      yield* until(first.on(Redis.role), (role) => role._tag === "Replica")
      expect(yield* first.on(Redis.slaveof("none"))).toBe("OK")
      expect((yield* first.on(Redis.role))._tag).toBe("Primary")
    })
  )

  it.scopedLive("a server that shuts down is a success", () =>
    Effect.gen(function* () {
      const { on } = yield* serverAndClient(protocol)
      expect(yield* Effect.flip(on(Redis.shutdownAbort))).toMatchObject({ _tag: "ReplyError" })
      expect(yield* on(Redis.shutdown({ save: false }))).toBeUndefined()
      expect(yield* Effect.flip(on(Redis.ping()).pipe(Effect.timeout("500 millis")))).toBeDefined()
    })
  )

  it.scopedLive("a server that cannot save does not shut down", () =>
    Effect.gen(function* () {
      const { on } = yield* serverAndClient(protocol, ["--enable-protected-configs", "yes"])
      yield* on(Redis.set("a", 1))
      yield* on(Redis.configSet({ dir: "/proc" }))
      expect(yield* Effect.flip(on(Redis.shutdown({ save: true })))).toMatchObject({ _tag: "ReplyError" })
      expect(yield* on(Redis.ping())).toBe("PONG")
    })
  )

  it.scopedLive("clients are found, unblocked and killed by what they are", () =>
    Effect.gen(function* () {
      const { client, on, server } = yield* serverAndClient(protocol)
      const other = yield* NodeRedis.make({ host: server.host, port: server.port, protocol, clientName: "other" })
      const waiting = yield* Effect.fork(Effect.provideService(Redis.blpop("none", "30 seconds"), Redis.Redis, other))
      const blocked = yield* until(on(Redis.clientList()), (clients) => clients.some(({ flags }) => flags.has("b")))
      const found = blocked.filter(({ flags }) => flags.has("b"))
      expect(found.map(({ command, name }) => [command, name])).toEqual([[Option.some("blpop"), Option.some("other")]])
      const { id } = found[0]!
      expect(yield* on(Redis.clientList({ id }))).toHaveLength(1)
      expect(yield* on(Redis.clientUnblock(id, { as: "timeout" }))).toBe(true)
      expect(yield* waiting).toEqual(Option.none())
      const shared = yield* Effect.provideService(Redis.clientId, Redis.Redis, other)
      expect(yield* on(Redis.clientKill({ id: shared }))).toBe(1)
      yield* until(Effect.provideService(Redis.clientId, Redis.Redis, other), (id) => id !== shared)
      const transaction = yield* client.transaction([Redis.clientInfo])
      expect(transaction[0]).toMatchObject({ right: { queued: Option.some(1), database: 0 } })
    })
  )

  it.scopedLive("a pause holds up writes for its time", () =>
    Effect.gen(function* () {
      const { on } = yield* serverAndClient(protocol)
      yield* on(Redis.clientPause("300 millis", { mode: "write" }))
      const [read] = yield* Effect.timed(on(Redis.get("a")))
      const [write] = yield* Effect.timed(on(Redis.set("a", 1)))
      expect(Duration.toMillis(read)).toBeLessThan(200)
      expect(Duration.toMillis(write)).toBeGreaterThan(100)
    })
  )
})
