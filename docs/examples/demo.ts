/** Everything at work, on private servers: `npm run demo`. */

import { NodeRuntime } from "@effect/platform-node"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Layer } from "effect"
import { cluster } from "./demo/cluster.js"
import { commands, results } from "./demo/commands.js"
import { databases } from "./demo/databases.js"
import { errors } from "./demo/errors.js"
import { fibers } from "./demo/fibers.js"
import { monitoring } from "./demo/monitoring.js"
import { pipelines } from "./demo/pipelines.js"
import { gaps, handles, streams } from "./demo/pubsub.js"
import { reconnecting } from "./demo/reconnecting.js"
import { reserved } from "./demo/reserved.js"
import { scanning } from "./demo/scanning.js"
import { scripts } from "./demo/scripts.js"
import { banner, heading } from "./demo/show.js"
import { locking, transactions } from "./demo/transactions.js"

const sections = [
  commands,
  results,
  pipelines,
  transactions,
  locking,
  errors,
  reserved,
  scripts,
  scanning,
  streams,
  handles,
  gaps,
  monitoring,
  databases,
  reconnecting,
  fibers,
  cluster
]

const program = Effect.gen(function* () {
  const server = yield* NodeRedisServer.NodeRedisServer
  yield* banner("effect-resp", `${server.kind} ${server.version}, started for this demo at ${server.url}`)
  if (Number.parseInt(server.version, 10) < 7) {
    return yield* Effect.fail(new Error("the demo needs Redis 7.0 or later, or Valkey: set EFFECT_RESP_SERVER"))
  }
  yield* Effect.forEach(sections, (section, index) => Effect.zipRight(heading(index + 1, section), section.body), {
    discard: true
  })
  yield* banner("That was all of it.", "The guides are in docs/, this demo in docs/examples/demo/.")
})

const RedisLive = Layer.unwrapEffect(
  Effect.map(NodeRedisServer.NodeRedisServer, ({ url }) => NodeRedis.layer({ url, clientName: "demo" }))
).pipe(Layer.provideMerge(NodeRedisServer.layer()))

NodeRuntime.runMain(program.pipe(Effect.provide(RedisLive), Effect.timeout("1 minute")))
