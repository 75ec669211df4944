/** A cluster of three primaries with a replica each, every node behind a proxy of its own. */
import { Slot } from "@effect-resp/cluster"
import { Redis } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Option, Schedule, type Scope } from "effect"
import * as ClusterServers from "../support/ClusterServers.js"
import { keyOf, slots } from "../support/cluster.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { during, networkFaults } from "./networkFaults.js"
import type { Dice } from "./plan.js"
import { stateFaults } from "./serverFaults.js"
import type { Fault, Habitat } from "./World.js"
import { usual } from "./works.js"

const clientName = "chaos"
const all = { concurrency: "unbounded", discard: true } as const

/** Two of each primary. */
const tags = [...slots, ...slots.map((slot) => slot + 300)].map(keyOf)

/** Longer than this a node may not be silent, or another takes its place. */
const nodeTimeout = 1_000

const clusterFaults = (
  cluster: ClusterServers.Cluster,
  proxied: (node: ClusterServers.Node) => FaultProxy.FaultProxy
): Readonly<Record<string, Fault>> => {
  let lastFailover = 0
  const onPrimary =
    (fault: (node: ClusterServers.Node, dice: Dice) => ReturnType<Fault>): Fault =>
    (dice) =>
      Effect.flatMap(cluster.primaries, (primaries) => fault(dice.pick(primaries), dice))
  return {
    failover: (dice) =>
      Effect.gen(function* () {
        // A node that won an election should not have to win another within four seconds.
        yield* Effect.sleep(Math.max(0, lastFailover + 4_500 - performance.now()))
        yield* cluster.failover(yield* cluster.replicaOf(dice.pick(slots)))
        lastFailover = performance.now()
      }),
    movedSlot: (dice) =>
      Effect.gen(function* () {
        const slot = Slot.ofKey(dice.pick(tags))
        const home = yield* cluster.ownerOf(slot)
        const others = (yield* cluster.primaries).filter((node) => node !== home)
        yield* cluster.moveSlot(slot, dice.pick(others))
        yield* Effect.sleep(dice.between(0, 300))
        yield* cluster.moveSlot(slot, home)
      }),
    movingSlot: (dice) =>
      Effect.gen(function* () {
        const slot = Slot.ofKey(dice.pick(tags))
        const home = yield* cluster.ownerOf(slot)
        const others = (yield* cluster.primaries).filter((node) => node !== home)
        yield* during(cluster.beginMove(slot, dice.pick(others)), cluster.endMove(slot))
      }),
    killedPrimary: onPrimary((node) =>
      Effect.zipRight(
        Effect.sync(() => {
          lastFailover = performance.now() + 2_000
        }),
        during(cluster.kill(node), cluster.restart(node))
      )
    ),
    killedReplica: (dice) =>
      Effect.flatMap(cluster.replicas, (replicas) => {
        const node = dice.pick(replicas)
        return during(cluster.kill(node), cluster.restart(node))
      }),
    frozenPrimary: onPrimary((node) =>
      Effect.zipRight(
        Effect.sync(() => {
          lastFailover = performance.now() + 2_000
        }),
        during(cluster.freeze(node), cluster.thaw(node))
      )
    ),
    unreachablePrimary: onPrimary((node) => {
      const proxy = proxied(node)
      return during(
        Effect.sync(() => {
          proxy.refuse(true)
          proxy.reset()
        }),
        Effect.sync(() => proxy.refuse(false))
      )
    }),
    ...Object.fromEntries(
      ["outOfMemory", "paused", "flushedScripts", "killedClients", "unblocked", "smallBuffers", "busy"].map((name) => [
        name,
        onPrimary((node, dice) => stateFaults(node.server)[name]!(dice))
      ])
    )
  }
}

/** After these a primary may be another, and not know all that was acknowledged. */
const lossy = new Set(["killedPrimary", "frozenPrimary", "busy"])

export const make: Effect.Effect<Habitat, never, Scope.Scope> = Effect.gen(function* () {
  const cluster = yield* ClusterServers.make({ nodeTimeout })
  const proxies = yield* Effect.forEach(cluster.nodes, (node) => FaultProxy.make(node))
  const proxyOf = new Map(cluster.nodes.map(({ port }, i) => [port, proxies[i]!]))
  const network = networkFaults(proxies)
  const states = clusterFaults(cluster, ({ port }) => proxyOf.get(port)!)
  const options = { clientName, reconnect: Schedule.jittered(Schedule.spaced(30)) }
  const { redis: direct } = yield* Effect.orDie(
    NodeRedisCluster.make({ nodes: cluster.seeds, commandTimeout: "10 seconds", refreshInterval: "1 second" })
  )
  const [first] = cluster.nodes
  return {
    repertoire: {
      works: { ...usual, shard: 3 },
      serverFaults: Object.keys(states),
      networkFaults: Object.keys(network)
    },
    faults: { ...states, ...network },
    lossy,
    tags,
    channels: ["news", "weather", ...tags.map((tag) => `{${tag}}orders`)],
    connect: ({ database: _, whileDisconnected: __, ...rest }) =>
      Effect.map(
        NodeRedisCluster.make({
          ...rest,
          ...options,
          nodes: proxies.map(({ port }) => ({ host: "127.0.0.1", port })),
          refreshInterval: "2 seconds",
          mapAddress: ({ host, port }) => ({ host, port: proxyOf.get(port)?.port ?? port })
        }),
        ({ redis }) => redis
      ),
    direct,
    publish: (channel, message) =>
      channel.startsWith("{")
        ? direct.execute(Redis.spublish(channel, message))
        : first!.client.execute(Redis.publish(channel, message)),
    recovered: Effect.zipRight(cluster.agreed, cluster.replicated),
    empty: Effect.flatMap(cluster.primaries, (primaries) =>
      Effect.forEach(primaries, ({ client }) => Effect.orDie(client.execute(Redis.flushall())), all)
    ),
    connections: Effect.map(
      Effect.forEach(cluster.nodes, ({ client }) => client.execute(Redis.clientList()), { concurrency: "unbounded" }),
      (lists) => lists.flat().filter(({ name }) => Option.contains(name, clientName)).length
    ),
    healing: 5_000,
    // Other channels are passed on by the bus of the cluster.
    missesAreSeen: (channel) => channel.startsWith("{") && "late"
  } satisfies Habitat
})
