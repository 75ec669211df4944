/** Carts on a cluster: what belongs together shares a slot, and the carts are spread over all nodes. */
import { RedisCluster } from "@effect-resp/cluster"
import { Pipeline, Redis, Scan, Transaction } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Config, Effect, Option, Stream } from "effect"

const ClusterLive = NodeRedisCluster.layerConfig({
  nodes: Config.array(Config.string(), "REDIS_NODES"), // REDIS_NODES=10.0.0.1:6379,10.0.0.2:6379
  commandTimeout: Config.duration("REDIS_TIMEOUT").pipe(Config.withDefault("20 seconds"))
})

/** The part in braces decides the slot: all keys of one cart are on one node. */
const items = (user: string) => `{cart:${user}}:items`
const total = (user: string) => `{cart:${user}}:total`

/** So a transaction can have both. */
const put = (user: string, item: string, price: number) =>
  Transaction.exec([Redis.rpush(items(user), item), Redis.incrby(total(user), price)])

export const program = Effect.gen(function* () {
  yield* put("ada", "tea", 4)
  yield* put("ada", "cup", 9)
  yield* put("grace", "pen", 2)

  // Of several nodes: the client sends each command to its own.
  const totals = yield* Pipeline.forEach(["ada", "grace"], (user) => Redis.get(total(user)))
  const carts = yield* Scan.keys({ match: "{cart:*}:items" }).pipe(Stream.runCollect)
  const sizes = yield* Redis.dbsize.pipe(RedisCluster.onPrimaries)
  const refused = yield* Effect.flip(Redis.rename(items("ada"), items("grace")))
  return {
    totals: totals.map(Option.getOrNull),
    carts: [...carts].sort(),
    primaries: sizes.length,
    keys: sizes.reduce((sum, [_node, size]) => sum + size, 0),
    refused: refused._tag
  }
}).pipe(Effect.provide(ClusterLive))
