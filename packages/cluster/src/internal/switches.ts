/**
 * Sentinels' own word of a failover, as it happens.
 */
import { Redis, type RedisError, RedisPubSub } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
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
    const run = yield* FiberMap.runtime(followed)<never>()

    const switched = (sentinel: Node, message: string) =>
      Effect.suspend(() => {
        const [of, oldHost, oldPort, host, port] = message.split(" ")
        if (of !== name) return Effect.void
        map.requestRefresh()
        const old = sentinels.node(oldHost, oldPort, sentinel)
        const primary = sentinels.node(host, port, sentinel)
        const [shard] = map.table().shards
        // What is told late of an earlier failover is no news.
        if (primary === undefined || shard === undefined || shard.primary.address !== old?.address) return Effect.void
        sentinels.switched(primary)
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
          // What happened before is seen by asking, this one too: the others may not have heard of it.
          yield* Effect.ignore(sentinels.consult(sentinel, client))
          map.requestRefresh()
          yield* Stream.runForEach(messages, ({ data }) => switched(sentinel, data))
        })
      )

    const followAll = () => {
      const { known } = sentinels
      for (const [address, fiber] of followed) {
        if (known.every((sentinel) => sentinel.address !== address)) fiber.unsafeInterruptAsFork(FiberId.none)
      }
      for (const sentinel of known) {
        run(sentinel.address, Effect.retry(follow(sentinel), again), { onlyIfMissing: true })
      }
      clients.retain(
        known.map((sentinel) => makeTarget(sentinel, "primary")),
        false
      )
    }
    followAll()
    // Sentinels come and go: what the map's refresh has learnt of them is followed, too.
    yield* Effect.acquireRelease(
      Effect.sync(() => map.onChange(followAll)),
      (forget) => Effect.sync(forget)
    )
  })
