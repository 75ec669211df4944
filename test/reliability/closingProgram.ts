/** A program that has used every kind of connection and has closed its client, and does nothing to end its process. */
import { Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Duration, Effect, Schedule, Stream } from "effect"

const program = Effect.gen(function* () {
  const client = yield* NodeRedis.make({
    port: Number(process.argv[2]),
    connections: 2,
    closeTimeout: "100 millis",
    reconnect: Schedule.spaced("1 hour")
  })
  const service = Effect.provideService(Redis.Redis, client)
  yield* Effect.forkScoped(Effect.exit(client.execute(Redis.blpop("list", Duration.infinity))))
  yield* Effect.forkScoped(Effect.exit(Stream.runDrain(client.monitor)))
  yield* RedisPubSub.subscribed({ channels: "news" }).pipe(service)
  yield* client.execute(Redis.ping())
})

Effect.runPromise(Effect.scoped(program)).then(() => console.log("closed"))
