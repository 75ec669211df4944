import { readFileSync } from "node:fs"
import { describe, expect, it, layer } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Option } from "effect"
import { makeCertificates } from "./certificates.js"
import * as SentinelServers from "./SentinelServers.js"
import { isBuiltWithTls } from "./tls.js"

layer(SentinelServers.layer(), { excludeTestServices: true })("a group with sentinels", (it) => {
  it.effect("has a primary, two replicas in sync, and three sentinels that know all", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.SentinelServers
      const primary = yield* group.primary
      const replicas = yield* group.replicas
      expect([replicas.length, group.sentinels.length]).toEqual([2, 3])
      // The primary itself counts the replicas that acknowledge.
      const answers = yield* primary.client.pipeline([Redis.set("k", "v"), Redis.wait(2, "2 seconds")])
      expect(answers).toMatchObject([{ right: "OK" }, { right: 2 }])
      for (const { client } of replicas) expect(yield* client.execute(Redis.get("k"))).toMatchObject({ value: "v" })
      for (const sentinel of group.sentinels) {
        expect(yield* sentinel.text("SENTINEL", "CKQUORUM", group.name)).toMatch(/^OK 3 usable Sentinels/)
      }
    })
  )

  it.effect("fails over when told", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.SentinelServers
      const old = yield* group.primary
      yield* group.failover
      const primary = yield* group.primary
      expect(primary).not.toBe(old)
      expect((yield* primary.replication).get("connected_slaves")).toBe("2")
      expect((yield* old.replication).get("master_port")).toBe(String(primary.port))
    })
  )

  it.effect("survives a kill with a sentinel stopped, and takes both back", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.SentinelServers
      const old = yield* group.primary
      yield* group.stopSentinel(0)
      yield* group.kill(old)
      // Two sentinels do it.
      yield* group.agreed
      const primary = yield* group.primary
      expect(primary).not.toBe(old)
      yield* group.startSentinel(0)
      yield* group.restart(old)
      yield* group.agreed
      expect(yield* group.primary).toBe(primary)
      expect((yield* old.replication).get("role")).toBe("slave")
    })
  )

  it.effect("has servers that freeze and thaw", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.SentinelServers
      const [replica] = yield* group.replicas
      yield* group.freeze(replica!)
      const answer = replica!.client.execute(Redis.ping()).pipe(Effect.timeoutOption("50 millis"))
      expect(yield* answer).toEqual(Option.none())
      yield* group.thaw(replica!)
      expect(yield* replica!.client.execute(Redis.ping())).toBe("PONG")
      yield* group.agreed
    })
  )
})

describe("SentinelServers", () => {
  it.scoped.skipIf(!isBuiltWithTls)("takes a size, passwords and TLS, under a clock that stands still too", () =>
    Effect.gen(function* () {
      const { ca, server } = yield* makeCertificates
      const group = yield* SentinelServers.make({
        replicas: 1,
        sentinels: 3,
        password: "one",
        sentinelPassword: "another",
        tls: { ...server, ca }
      })
      for (const each of [...group.servers, ...group.sentinels]) {
        const client = NodeRedis.make({ port: each.port, host: each.host, tls: { ca: readFileSync(ca) } })
        expect(yield* Effect.flip(client)).toMatchObject({ reason: "Auth" })
      }
    })
  )
})
