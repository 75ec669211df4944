import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Effect, Option, Redacted, Stream } from "effect"
import { makeCertificates } from "../support/certificates.js"
import * as RestartableServer from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import * as SentinelServers from "../support/SentinelServers.js"
import { addressOf, clientOf, scriptedSentinel } from "../support/sentinel.js"
import { isBuiltWithTls } from "../support/tls.js"

const credentialsOf = (password: string) => ({ password: Redacted.make(password) })

describe("credentials under sentinels", () => {
  it.scopedLive("are those of the servers for servers, and those of the sentinels for sentinels", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.make({
        replicas: 1,
        sentinels: 1,
        password: "of the servers",
        sentinelPassword: "of the sentinels"
      })
      const credentials = credentialsOf("of the servers")
      const sentinelCredentials = credentialsOf("of the sentinels")
      const redis = yield* clientOf(group, { credentials, sentinelCredentials, readFrom: "replica" })
      yield* redis.execute(Redis.set("k", "v"))
      yield* RestartableServer.eventually(
        "a read",
        Effect.map(redis.execute(Redis.get("k")), (got) => (Option.isSome(got) ? undefined : "none"))
      )
      const inUrls = yield* clientOf(group, {
        credentials,
        sentinels: group.sentinels.map((sentinel) =>
          Redacted.make(`redis://:of%20the%20sentinels@${addressOf(sentinel)}`)
        )
      })
      yield* inUrls.execute(Redis.set("k", "w"))
      // Nobody was ever given a password that is not its own.
      const refused = Effect.forEach([...group.servers, ...group.sentinels], ({ client }) =>
        client.execute(Command.make(["ACL", "LOG"]))
      )
      expect(yield* refused).toEqual([[], [], []])
      for (const wrong of [{ credentials: sentinelCredentials, sentinelCredentials }, { credentials }]) {
        const error = yield* Effect.flip(clientOf(group, wrong))
        expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery" })
        expect(error.message).toContain("Auth")
        expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/of the (servers|sentinels)/)
      }
      expect(yield* refused).not.toEqual([[], [], []])
    })
  )

  it.scopedLive("scenario 97: of the servers are in nothing that a sentinel gets, and the other way round", () =>
    Effect.gen(function* () {
      const server = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection)) return
        connection.write(words[0] === "ROLE" ? "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" : "+OK\r\n")
      })
      const sentinel = yield* scriptedSentinel(() => server)
      const redis = yield* NodeRedisSentinel.make({
        name: "mymaster",
        sentinels: [addressOf(sentinel)],
        credentials: { username: "server-user", password: Redacted.make("server-password") },
        sentinelCredentials: { username: "sentinel-user", password: Redacted.make("sentinel-password") },
        database: 5
      })
      yield* redis.execute(Redis.set("k", "v"))
      yield* Effect.sleep(100)
      const atServer = server.received.flat()
      const atSentinel = sentinel.received.flat()
      expect(atServer).toEqual(expect.arrayContaining(["server-user", "server-password", "SELECT"]))
      expect(atSentinel).toEqual(expect.arrayContaining(["sentinel-user", "sentinel-password"]))
      expect(atServer.join(" ")).not.toContain("sentinel-")
      expect(atSentinel.join(" ")).not.toMatch(/server-|SELECT/)
    })
  )

  const ofServers = { username: "server-user", password: Redacted.make("server-password") }
  const ofSentinels = { username: "sentinel-user", password: Redacted.make("sentinel-password") }
  it.scopedLive.each([
    ["servers", { credentials: ofServers }],
    ["sentinels", { sentinelCredentials: ofSentinels }]
  ] as const)("scenario 97: given for %s alone, are nobody else's", ([whose, options]) =>
    Effect.gen(function* () {
      const server = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection)) return
        connection.write(words[0] === "ROLE" ? "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" : "+OK\r\n")
      })
      const sentinel = yield* scriptedSentinel(() => server)
      const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels: [addressOf(sentinel)], ...options })
      yield* redis.execute(Redis.set("k", "v"))
      const hello = ({ received }: ScriptedPeer.ScriptedPeer) =>
        new Set(received.filter(([name]) => name === "HELLO").map((words) => words.join(" ")))
      expect(hello(server)).toEqual(
        new Set([whose === "servers" ? "HELLO 3 AUTH server-user server-password" : "HELLO 3"])
      )
      expect(hello(sentinel)).toEqual(
        new Set([whose === "sentinels" ? "HELLO 3 AUTH sentinel-user sentinel-password" : "HELLO 3"])
      )
    })
  )

  it.scopedLive.skipIf(!isBuiltWithTls)("scenario 97: go over TLS where the options say so", () =>
    Effect.gen(function* () {
      const { ca, server } = yield* makeCertificates
      const password = "of the servers"
      const group = yield* SentinelServers.make({ replicas: 1, sentinels: 1, password, tls: { ...server, ca } })
      const credentials = credentialsOf(password)
      const tls = { ca: readFileSync(ca) }
      const redis = yield* clientOf(group, { credentials, tls, sentinelTls: tls })
      yield* redis.execute(Redis.set("k", "v"))
      const messages = yield* Effect.provideService(RedisPubSub.subscribed({ channels: "c" }), Redis.Redis, redis)
      yield* redis.execute(Redis.publish("c", "secret"))
      expect(yield* Stream.runHead(messages)).toMatchObject({ value: { data: "secret" } })
      const old = yield* group.primary
      yield* group.failover
      yield* redis.execute(Command.idempotent(Redis.set("k", "w")))
      const primary = yield* group.primary
      expect(primary).not.toBe(old)
      expect(yield* primary.client.execute(Redis.get("k"))).toEqual(Option.some("w"))
      // Neither goes without TLS, nor trusts anyone, because the other does.
      for (const wrong of [
        { tls },
        { sentinelTls: tls },
        { tls, sentinelTls: true },
        { tls: true, sentinelTls: tls }
      ]) {
        const error = yield* Effect.flip(clientOf(group, { credentials, connectTimeout: "1 second", ...wrong }))
        expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery" })
      }
    })
  )
})
