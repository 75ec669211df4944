import { expect, it } from "@effect/vitest"
import { type RedisCluster, Slot } from "@effect-resp/cluster"
import { Redis } from "@effect-resp/core"
import { Effect, Option } from "effect"
import { describe } from "vitest"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"

const { bulk } = ScriptedCluster

const addressesOf = (services: RedisCluster.Services) =>
  Effect.map(services.cluster.topology, ({ shards }) => shards.map(({ primary }) => primary.address))

const nested = (depth: number): string => (depth === 0 ? ":1\r\n" : `*1\r\n${nested(depth - 1)}`)

describe("a map that is no map", () => {
  const entry = (first: string, last: string, ...nodes: ReadonlyArray<string>) =>
    `*${2 + nodes.length}\r\n${first}\r\n${last}\r\n${nodes.join("")}`
  const node = (host: string, port: string | number) => `*2\r\n${host}\r\n:${port}\r\n`
  const local = `$9\r\n127.0.0.1`
  for (const [what, map] of [
    ["empty", "*0\r\n"],
    ["null", "_\r\n"],
    ["a number", ":7\r\n"],
    ["text", "+OK\r\n"],
    ["numbers in an array", "*3\r\n:1\r\n:2\r\n:3\r\n"],
    ["deeply nested", nested(20)],
    ["a shard without a node", `*1\r\n${entry(":0", ":16383")}`],
    ["a node that is a number", `*1\r\n${entry(":0", ":16383", ":7\r\n")}`],
    ["a node with an empty array", `*1\r\n${entry(":0", ":16383", "*0\r\n")}`],
    ["port 0", `*1\r\n${entry(":0", ":16383", node(local, 0))}`],
    ["port 70000", `*1\r\n${entry(":0", ":16383", node(local, 70_000))}`],
    ["an unknown host", `*1\r\n${entry(":0", ":16383", node("$1\r\n?", 7_000))}`],
    ["a host that is none", `*1\r\n${entry(":0", ":16383", node("$9\r\n__proto__", 7_000))}`],
    ["slots that are text", `*1\r\n${entry("+a", "+b", node(local, 7_000))}`],
    ["slots beyond the last", `*1\r\n${entry(":0", ":99999", node(local, 7_000))}`],
    ["slots below the first", `*1\r\n${entry(":-5", ":16383", node(local, 7_000))}`],
    ["fractions", `*1\r\n${entry(",0.5", ",1.5", node(local, 7_000))}`],
    ["100,000 times nothing", `*100000\r\n${"*0\r\n".repeat(100_000)}`]
  ] as const) {
    it.scopedLive(`scenario 88: is passed over: ${what}`, () =>
      Effect.gen(function* () {
        const [bad, good] = yield* Effect.all([ScriptedCluster.make(1), ScriptedCluster.make(1)])
        bad.tellMap = () => map
        const nodes = [bad.address(0), good.address(0)]
        const { millis, value } = yield* timed(ScriptedCluster.connect(good, { nodes }))
        expect(yield* addressesOf(value)).toEqual([good.address(0)])
        expect(millis).toBeLessThan(1_000)
        const error = yield* Effect.flip(ScriptedCluster.connect(bad))
        expect(error.message).toMatch(/its map cannot be used/)
      })
    )
  }

  for (const count of [16_384, 100_000]) {
    it.scopedLive(`scenario 88: keeps nobody busy with ${count} shards that all claim nearly all slots`, () =>
      Effect.gen(function* () {
        const [bad, good] = yield* Effect.all([ScriptedCluster.make(1), ScriptedCluster.make(1)])
        const claims = Array.from({ length: count }, (_, i) => entry(":1", ":16383", node(local, 1 + (i % 60_000))))
        const told = `*${claims.length}\r\n${claims.join("")}`
        bad.tellMap = () => told
        let longest = 0
        let last = performance.now()
        const watch = setInterval(() => {
          longest = Math.max(longest, performance.now() - last)
          last = performance.now()
        }, 5)
        const services = yield* ScriptedCluster.connect(good, { nodes: [bad.address(0), good.address(0)] })
        yield* Effect.sleep("20 millis")
        clearInterval(watch)
        expect(longest).toBeLessThan(1_000)
        expect((yield* addressesOf(services)).length).toBeGreaterThan(0)
      })
    )
  }
})

describe("a map that is odd", () => {
  it.scopedLive("scenario 91: gives slots that two shards claim to the first, and what nobody claims to nobody", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [
        [0, 12_200, 0],
        [12_000, 16_000, 1],
        [12_182, 12_182, 1]
      ]
      cluster.answer = (_, node) => bulk(`${node}`)
      const services = yield* ScriptedCluster.connect(cluster, { commandTimeout: "300 millis" })
      const { redis } = services
      expect((yield* services.cluster.topology).shards.map(({ slots }) => slots)).toEqual([
        [[0, 12_200]],
        [[12_201, 16_000]]
      ])
      expect(yield* redis.execute(Redis.get("foo"))).toEqual(Option.some("0"))
      const uncovered = Array.from({ length: 1_000 }, (_, i) => `${i}`).find((key) => Slot.ofKey(key) > 16_000)!
      const error = yield* Effect.flip(redis.execute(Redis.get(uncovered)))
      expect(error).toMatchObject({ _tag: "ClusterError", reason: "NoNode", outcome: "NotSent", command: "GET" })
      // Found in the next map.
      cluster.map = [[0, 16_383, 1]]
      expect(yield* redis.execute(Redis.get(uncovered))).toEqual(Option.some("1"))
    })
  )

  for (const [what, host] of [
    ["without a host", "$-1\r\n"],
    ["with a RESP3 null for a host", "_\r\n"],
    ["with an empty host", "$0\r\n\r\n"],
    ["with a name for a host", bulk("localhost")]
  ] as const) {
    it.scopedLive(`is followed ${what}`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        cluster.answer = (_, node) => bulk(`${node}`)
        cluster.tellMap = () => `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n${host}:${cluster.port(1)}\r\n`
        const services = yield* ScriptedCluster.connect(cluster)
        expect(yield* services.redis.execute(Redis.get("foo"))).toEqual(Option.some("1"))
        const name = what.includes("name") ? "localhost" : "127.0.0.1"
        expect(yield* addressesOf(services)).toEqual([`${name}:${cluster.port(1)}`])
      })
    )
  }
})
