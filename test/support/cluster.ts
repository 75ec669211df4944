/** A running cluster with a client of it, and what tests ask of its nodes directly. */

import { RedisCluster, Slot } from "@effect-resp/cluster"
import { Command, Redis, Reply } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Layer, Option } from "effect"
import * as ClusterServers from "./ClusterServers.js"
import { eventually } from "./RestartableServer.js"

type Options = Partial<NodeRedisCluster.Options>

const addressesOf = ({ seeds }: ClusterServers.Cluster): ReadonlyArray<string> =>
  seeds.map(({ host, port }) => `${host}:${port}`)

/** Completes when all nodes tell of the replicas. They do so of those only that are known to have got any write. */
const announced = ({ nodes, primaries }: ClusterServers.Cluster): Effect.Effect<void> =>
  Effect.zipRight(
    Effect.orDie(
      Effect.flatMap(primaries, (all) => Effect.forEach(all, (node) => node.client.execute(Redis.flushall())))
    ),
    eventually(
      "replicas in the map",
      Effect.map(
        Effect.forEach(nodes, ({ client }) => client.execute(clusterSlots)),
        (maps) => (maps.flat().every((range) => range.length > 3) ? undefined : "without replicas")
      )
    )
  )
const clusterSlots = Command.make(["CLUSTER", "SLOTS"], { reply: Reply.array(Reply.array(Reply.value)) })

/** The cluster that runs, and a client of it. */
export const clusterLayer = (servers: ClusterServers.Options = {}, options: Options = {}) =>
  Layer.unwrapEffect(
    Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
      Effect.as(announced(cluster), NodeRedisCluster.layer({ nodes: addressesOf(cluster), ...options }))
    )
  ).pipe(Layer.provideMerge(ClusterServers.layer(servers)))

/** Another client of the same cluster. */
export const anotherClient = (options: Options = {}) =>
  Effect.flatMap(ClusterServers.ClusterServers, (cluster) =>
    NodeRedisCluster.make({ nodes: addressesOf(cluster), ...options })
  )

/** Runs an Effect on a client of its own. */
export const withClient =
  (options: Options = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.scoped(
      Effect.flatMap(anotherClient(options), (services) => Effect.provide(self, RedisCluster.context(services)))
    )

const tags = new Map<number, string>()
let tried = 0

/** A key of the slot (below 16384), which is also a hash tag of it in braces. */
export const keyOf = (slot: number): string => {
  for (; !tags.has(slot); tried++) {
    const tag = tried.toString(36)
    const found = Slot.ofKey(tag)
    if (!tags.has(found)) tags.set(found, tag)
  }
  return tags.get(slot)!
}

/** Of three slots each has another primary, as long as none was moved. */
export const slots = [100, 8_000, 16_000] as const

/** Of each of those slots a key. */
export const spread = slots.map(keyOf)

/** How often the node ran commands, by their names in lower case, since CONFIG RESETSTAT or its start. */
export const callsAt = (node: ClusterServers.Node): Effect.Effect<Readonly<Record<string, number>>> =>
  Effect.map(Effect.orDie(node.server.text("INFO", "commandstats")), (text) =>
    Object.fromEntries(
      Array.from(text.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm), ([, name, calls]) => [name!, Number(calls)])
    )
  )

/** How often the primaries together ran any of the commands. */
export const callsOf = (...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const cluster = yield* ClusterServers.ClusterServers
    const calls = yield* Effect.forEach(yield* cluster.primaries, callsAt)
    return calls.flatMap((stats) => names.map((name) => stats[name] ?? 0)).reduce((a, b) => a + b, 0)
  })

/** Counts anew. */
export const resetCalls = Effect.flatMap(ClusterServers.ClusterServers, ({ nodes }) =>
  Effect.forEach(nodes, ({ client }) => client.execute(Redis.configResetstat), { discard: true })
)

/** How many connections of a client's name each node that is up has. */
export const connectionsOf = (name: string) =>
  Effect.flatMap(ClusterServers.ClusterServers, ({ nodes }) =>
    Effect.forEach(
      nodes.filter(({ isUp }) => isUp),
      ({ client }) =>
        Effect.map(
          client.execute(Redis.clientList()),
          (all) => all.filter((one) => Option.contains(one.name, name)).length
        )
    )
  )
