/** Every program of docs/examples runs against private servers, and gives what it says; and so does the demo. */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Redis } from "@effect-resp/core"
import type { NodeRedisServer } from "@effect-resp/node"
import { ConfigProvider, Effect, Layer, Option } from "effect"
import { expect, it } from "vitest"
import * as ClusterServers from "../support/ClusterServers.js"
import { redisLayer } from "../support/redis.js"
import * as SentinelServers from "../support/SentinelServers.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const results: Readonly<Record<string, unknown>> = {
  "coming-from": Option.some("3"),
  commands: {
    users: [Option.some({ name: "Ada", born: 1815 }), Option.some({ name: "Grace", born: 1906 }), Option.none()],
    id: "1"
  },
  "connections-and-configuration": { here: 0, there: 1 },
  "errors-and-retries": {
    status: "online",
    counted: 1,
    error: { tag: "ReplyError", command: "INCR", outcome: "Failed", safe: false }
  },
  "getting-started": { greeting: "hello", isNobody: true, seen: 1, fields: 0 },
  "pipelines-and-transactions": { stock: [Option.some("5"), Option.some("15")], refused: "NotEnough" },
  "pubsub-and-monitor": ["user:1"],
  reliability: { sold: 12, ada: true, grace: false }
}

/** Programs that find their servers by Config. */
const topologies: Readonly<Record<string, { readonly layer: Layer.Layer<never>; readonly result: unknown }>> = {
  cluster: {
    layer: Layer.unwrapScoped(Effect.map(ClusterServers.make(), ({ seeds }) => configured("REDIS_NODES", seeds))),
    result: {
      totals: ["13", "2"],
      carts: ["{cart:ada}:items", "{cart:grace}:items"],
      primaries: 3,
      keys: 4,
      refused: "CrossSlotError"
    }
  },
  sentinel: {
    layer: Layer.unwrapScoped(
      Effect.map(SentinelServers.make(), ({ sentinels }) => configured("REDIS_SENTINELS", sentinels))
    ),
    result: { orders: ["cup", "tea"], role: "Primary" }
  }
}

function configured(
  name: string,
  servers: ReadonlyArray<{ readonly host: string; readonly port: number }>
): Layer.Layer<never> {
  const list = servers.map(({ host, port }) => `${host}:${port}`).join(",")
  return Layer.setConfigProvider(ConfigProvider.fromMap(new Map([[name, list]])))
}

const names = fs
  .readdirSync(path.join(root, "docs/examples"))
  .filter((file) => file.endsWith(".ts") && file !== "demo.ts")
  .map((file) => file.slice(0, -3))

it("has a result for each", () => expect(names).toEqual([...Object.keys(results), ...Object.keys(topologies)].sort()))

const programOf = async <R>(name: string) => {
  const { program } = await import(path.join(root, "docs/examples", `${name}.ts`))
  return program as Effect.Effect<unknown, unknown, R>
}

it.each(Object.keys(results))("%s", async (name) => {
  const program = await programOf<Redis.Redis | NodeRedisServer.NodeRedisServer>(name)
  expect(await Effect.runPromise(Effect.provide(program, redisLayer()))).toEqual(results[name])
})

it.each(Object.keys(topologies))("%s", { timeout: 60_000 }, async (name) => {
  const { layer, result } = topologies[name]!
  const program = await programOf<never>(name)
  expect(await Effect.runPromise(Effect.provide(program, layer))).toEqual(result)
})

it("the demo succeeds, without colours where there is no terminal", { timeout: 60_000 }, async () => {
  const tsx = path.join(root, "node_modules/.bin/tsx")
  const demo = path.join(root, "docs/examples/demo.ts")
  const { stdout } = await promisify(execFile)(tsx, ["--tsconfig", path.join(root, "test/tsconfig.json"), demo])
  expect(stdout).toContain(`Redis.get("OUR-SEQUENCE-KEY")`)
  expect(stdout).toContain("That was all of it.")
  expect(stdout).not.toContain("\x1b")
})
