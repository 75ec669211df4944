/** Orders under Sentinels: an order is confirmed when a replica has it, too. */
import { Pipeline, Redis, RedisError } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Config, Data, Effect, Schedule } from "effect"

const RedisLive = NodeRedisSentinel.layerConfig({
  name: Config.string("REDIS_PRIMARY").pipe(Config.withDefault("mymaster")),
  sentinels: Config.array(Config.string(), "REDIS_SENTINELS") // 10.0.1.1:26379,10.0.1.2:26379
})

class NotReplicated extends Data.TaggedError("NotReplicated")<{ readonly order: string }> {}

/** A set takes the same order twice as once, so it may also be repeated when its outcome is unknown. */
const place = (order: string) =>
  Pipeline.all({ added: Redis.sadd("orders", order), replicas: Redis.wait(1, "1 second") }).pipe(
    Effect.filterOrFail(
      ({ replicas }) => replicas >= 1,
      () => new NotReplicated({ order })
    ),
    Effect.retry({
      while: (error) =>
        error._tag === "NotReplicated" || error.outcome === "Unknown" || RedisError.isSafeToRetry(error),
      schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo("1 minute"))
    })
  )

export const program = Effect.gen(function* () {
  yield* place("tea")
  yield* place("cup")
  const role = yield* Redis.role
  const orders = yield* Redis.smembers("orders")
  return { orders: [...orders].sort(), role: role._tag }
}).pipe(Effect.provide(RedisLive))
