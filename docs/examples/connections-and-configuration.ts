/** Two databases of one server, configured by Config, each with its own tag. */
import { Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Config, ConfigProvider, Effect, Layer } from "effect"

class Sessions extends Redis.Tag("Sessions")<Sessions>() {}

const SessionsLive = Redis.layerFor(
  Sessions,
  NodeRedis.layerConfig({
    url: Config.redacted("SESSIONS_URL"),
    commandTimeout: Config.duration("SESSIONS_TIMEOUT").pipe(Config.withDefault("2 seconds"))
  })
)

const logIn = Redis.set("session:1", "Ada", { expire: "30 minutes" }).pipe(Redis.use(Sessions))

export const program = Effect.gen(function* () {
  yield* logIn
  const here = yield* Redis.exists("session:1")
  const there = yield* Redis.exists("session:1").pipe(Redis.use(Sessions))
  return { here, there }
}).pipe(
  Effect.provide(SessionsLive),
  // What is in the environment of a real program.
  Effect.provide(
    Layer.unwrapEffect(
      Effect.map(NodeRedisServer.NodeRedisServer, ({ url }) =>
        Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["SESSIONS_URL", `${url}/1`]])))
      )
    )
  )
)
