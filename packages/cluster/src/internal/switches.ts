/**
 * Sentinels' own word of a failover, as it happens.
 */
import { Redis, type RedisError, RedisPubSub } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Node } from "../Topology.js"
import type { ClusterMap } from "./clusterMap.js"
import { makeTarget, type NodeClients } from "./nodeClients.js"
import { type Sentinels, wholeShard } from "./sentinels.js"

/** A Sentinel whose subscription was lost is subscribed to again after so long; the map is polled meanwhile. */
const again = Schedule.spaced("1 second").pipe(Schedule.jittered)

/**
 * Follows `+switch-master` of every Sentinel known: the new primary is taken at once, and with it the connections to the
 * old one end, for that one still says yes to writes that are lost.
 */
export const followSwitches = (
  name: string,
  sentinels: Sentinels,
  clients: NodeClients,
  map: ClusterMap
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const followed = yield* FiberMap.make<string>()

    const switched = (sentinel: Node, message: string) =>
      Effect.suspend(() => {
        const [of, , , host, port] = message.split(" ")
        if (of !== name) return Effect.void
        map.requestRefresh()
        const primary = sentinels.node(host, port, sentinel)
        const [shard] = map.table().shards
        if (primary === undefined || shard === undefined || shard.primary.address === primary.address)
          return Effect.void
        const replicas = shard.replicas.filter(({ address }) => address !== primary.address)
        return map.adopt({ topology: { shards: [wholeShard(primary, replicas)] }, source: primary.address })
      })

    const follow = (sentinel: Node): Effect.Effect<void, RedisError.RedisError> =>
      Effect.scoped(
        Effect.gen(function* () {
          const client = yield* clients.get(makeTarget(sentinel, "primary"))
          const messages = yield* RedisPubSub.subscribed({ channels: "+switch-master" }).pipe(
            Effect.provideService(Redis.Redis, client)
          )
          // What happened before is seen by asking.
          map.requestRefresh()
          yield* Stream.runForEach(messages, ({ data }) => switched(sentinel, data))
        })
      )

    const followAll = Effect.gen(function* () {
      const { known } = sentinels
      for (const [address] of followed) {
        if (known.every((sentinel) => sentinel.address !== address)) yield* FiberMap.remove(followed, address)
      }
      for (const sentinel of known) {
        const following = Effect.retry(follow(sentinel), again)
        yield* FiberMap.run(followed, sentinel.address, following, { onlyIfMissing: true })
      }
      clients.retain(
        known.map((sentinel) => makeTarget(sentinel, "primary")),
        false
      )
    })
    yield* followAll
    // Sentinels come and go: what the map's refresh has learnt of them is followed, too.
    const forget = map.onChange(() => Effect.runFork(followAll))
    yield* Effect.addFinalizer(() => Effect.sync(forget))
  })
