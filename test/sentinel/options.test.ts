import { describe, expect, it } from "@effect/vitest"
import { RedisSentinel } from "@effect-resp/cluster"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { addressOf, scriptedSentinel } from "../support/sentinel.js"

const base: NodeRedisSentinel.Options = { name: "mymaster", sentinels: ["127.0.0.1:1"] }

describe("options of a client under sentinels", () => {
  it.scopedLive.each<[string, Partial<NodeRedisSentinel.Options>, RegExp]>([
    ["no sentinels", { sentinels: [] }, /^sentinels must name at least one server/],
    ["a sentinel without a port", { sentinels: ["a:1", "s3cret"] }, /^sentinels\[1\]: neither host:port nor a URL/],
    [
      "a malformed URL",
      { sentinels: [Redacted.make("redis://:s3cret@[/")] },
      /^sentinels\[0\]: url is not a valid URL/
    ],
    [
      "a URL with a database",
      { sentinels: ["redis://:s3cret@a:1/2"] },
      /^sentinels\[0\]: there is no choice of database/
    ],
    ["a URL with a path", { sentinels: ["unix:///tmp/s3cret"] }, /^sentinels\[0\]: a Unix socket is only one server/],
    ["another scheme", { sentinels: ["http://:s3cret@a:1"] }, /^sentinels\[0\]: url has the scheme http:/],
    ["no name", { name: "" }, /^name must not be empty/],
    ["a bad client name", { clientName: "two words" }, /^clientName must be/]
  ])("refuses %s", ([, options, reason]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(NodeRedisSentinel.make({ ...base, ...options }))
      expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
      expect(error.message).toMatch(reason)
      expect(`${error} ${JSON.stringify(error)}`).not.toContain("s3cret")
    })
  )

  it.scopedLive("refuses a bad database when a primary is found", () =>
    Effect.gen(function* () {
      const primary = yield* ScriptedPeer.make((words, connection) => void ScriptedPeer.greet(words, connection))
      const sentinel = yield* scriptedSentinel(() => primary)
      const sentinels = [addressOf(sentinel)]
      const error = yield* Effect.flip(NodeRedisSentinel.make({ ...base, sentinels, database: -1 }))
      expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
      expect(error.message).toMatch(/^database must be/)
      expect(primary.connections).toEqual([])
    })
  )

  it.scopedLive("refuses a group without sentinels", () =>
    Effect.gen(function* () {
      const connector = () => Effect.dieMessage("nothing is to be connected")
      const group = { name: "mymaster", sentinels: [], connector, sentinelConnector: connector }
      const error = yield* Effect.flip(RedisSentinel.make(group))
      expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
      expect(error.message).toBe("sentinels must name at least one server")
    })
  )

  it.scopedLive("reads them from Config, and tells no secret", () =>
    Effect.gen(function* () {
      const live = NodeRedisSentinel.layerConfig({
        name: Config.string("REDIS_PRIMARY"),
        sentinels: Config.array(Config.redacted(), "REDIS_SENTINELS")
      })
      const given = new Map([
        ["REDIS_PRIMARY", "mymaster"],
        ["REDIS_SENTINELS", "redis://user:s3cret@127.0.0.1:1,redis://127.0.0.1:2"]
      ])
      const error = yield* Effect.flip(Layer.build(live)).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(given)))
      expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery" })
      expect(String(error)).toContain("127.0.0.1:1: Connect")
      expect(String(error)).toContain("127.0.0.1:2: Connect")
      expect(`${error} ${JSON.stringify(error)}`).not.toContain("s3cret")
    })
  )
})
