import { Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Layer } from "effect"
import { must, run, type Section } from "./show.js"

class Sessions extends Redis.Tag("Sessions")<Sessions>() {}

const SessionsLive = Layer.unwrapEffect(
  Effect.map(NodeRedisServer.NodeRedisServer, ({ url }) =>
    Redis.layerFor(Sessions, NodeRedis.layer({ url, database: 1 }))
  )
)

export const databases: Section = {
  title: "Two databases are two clients, each with its tag",
  about: "There is no SELECT on a client that others share: a database is part of a layer's options.",
  body: Effect.gen(function* () {
    yield* run(
      `Redis.set("session:1", "Ada").pipe(Redis.use(Sessions))`,
      Redis.set("session:1", "Ada").pipe(Redis.use(Sessions))
    )
    yield* run(`Redis.get("session:1").pipe(Redis.use(Sessions))`, Redis.get("session:1").pipe(Redis.use(Sessions)))
    yield* run(`Redis.get("session:1")`, Redis.get("session:1"))
    const size = yield* run("Redis.dbsize.pipe(Redis.use(Sessions))", Redis.dbsize.pipe(Redis.use(Sessions)))
    yield* must(size === 1, "the second database has one key")
  }).pipe(Effect.provide(SessionsLive))
}
