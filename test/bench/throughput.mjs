/**
 * GET and SET of 64 bytes at several numbers of fibers, and a pipeline: operations a second and CPU an operation.
 * A quick look for before and after a change; run it twice, for machines are noisy.
 */
import { Pipeline, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Layer } from "effect"

const value = "x".repeat(64)

const measure = (name, operations, effect) =>
  Effect.gen(function* () {
    yield* effect
    const cpu = process.cpuUsage()
    const start = process.hrtime.bigint()
    yield* effect
    const seconds = Number(process.hrtime.bigint() - start) / 1e9
    const { system, user } = process.cpuUsage(cpu)
    const perSecond = Math.round(operations / seconds).toLocaleString("en")
    console.log(
      `${name.padEnd(28)}${perSecond.padStart(12)} op/s ${((user + system) / operations).toFixed(2).padStart(8)} us CPU/op`
    )
  })

const repeat = (command, count) => {
  const loop = (left) => (left === 0 ? Effect.void : Effect.flatMap(command, () => loop(left - 1)))
  return loop(count)
}

const fibers = (command, count, operations) =>
  Effect.forEach(Array.from({ length: count }), () => repeat(command, operations / count), {
    concurrency: "unbounded",
    discard: true
  })

const program = Effect.gen(function* () {
  yield* Redis.set("key", value)
  for (const count of [1, 10, 100, 1_000]) {
    const operations = count === 1 ? 10_000 : 200_000
    yield* measure(`GET, ${count} fibers`, operations, fibers(Redis.get("key"), count, operations))
    yield* measure(`SET, ${count} fibers`, operations, fibers(Redis.set("key", value), count, operations))
  }
  const batch = Pipeline.forEach(Array.from({ length: 1_000 }), () => Redis.get("key"))
  yield* measure("pipeline of 1,000 GET", 200_000, repeat(batch, 200))
})

const live = Layer.unwrapEffect(
  Effect.map(NodeRedisServer.NodeRedisServer, ({ port }) => NodeRedis.layer({ host: "127.0.0.1", port }))
).pipe(Layer.provide(NodeRedisServer.layer()))

await Effect.runPromise(Effect.provide(program, live))
