/** The servers, and what they hold. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Pipeline, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisServer } from "@effect-resp/node"
import { Effect, Schedule } from "effect"
import { clusterKey, hashKey, listKey, sizes, valueKey, valueOf } from "./work.js"

const fill = Effect.gen(function* () {
  yield* Pipeline.forEach(sizes.values, (bytes) => Redis.set(valueKey(bytes), valueOf(bytes)))
  for (const size of sizes.collections) {
    const indices = Array.from({ length: size }, (_, index) => index)
    yield* Redis.hset(hashKey(size), Object.fromEntries(indices.map((index) => [`field:${index}`, `value:${index}`])))
    yield* Redis.rpush(
      listKey(size),
      indices.map((index) => `element:${index}`)
    )
  }
})

/** A server of one node, for a scope. */
export const server = Effect.tap(NodeRedisServer.make(), ({ url }) => Effect.provide(fill, NodeRedis.layer({ url })))

const fillCluster = Pipeline.forEach(
  Array.from({ length: sizes.clusterKeys }, (_, index) => clusterKey(index)),
  (key) => Redis.set(key, valueOf(64))
)

const run = promisify(execFile)

/** The ports of a cluster of three primaries, for a scope. */
export const cluster = Effect.gen(function* () {
  const start = NodeRedisServer.make({ args: ["--cluster-enabled", "yes"] })
  const servers = yield* Effect.all([start, start, start], { concurrency: "unbounded" })
  const addresses = servers.map(({ host, port }) => `${host}:${port}`)
  const program = servers[0].kind === "redis" ? "redis-cli" : "valkey-cli"
  yield* Effect.promise(() => run(program, ["--cluster", "create", ...addresses, "--cluster-yes"]))
  yield* fillCluster.pipe(
    Effect.provide(NodeRedisCluster.layer({ nodes: addresses })),
    // Until all nodes say that the cluster is ok.
    Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo("15 seconds")))
  )
  return servers.map(({ port }) => port)
})
