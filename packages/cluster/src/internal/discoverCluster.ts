/**
 * Finds the map of a cluster: from the nodes known so far, or from the seeds.
 */
import { Command, type ConnectionPool, Reply } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import type { Seeds } from "../RedisCluster.js"
import type { Node } from "../Topology.js"
import type { ClusterMapOptions, Discovered } from "./clusterMap.js"
import { firstAnswer, type Source } from "./discovery.js"
import { makeTarget, type NodeClients, type Role } from "./nodeClients.js"
import { Malformed, type MapAddress, makeNode, parseShards, parseSlots } from "./topology.js"

/** A node is to tell the map within so long, in milliseconds. */
const timeout = 2_000

const raw = Reply.make((raw) => raw)
const clusterSlots = Command.make(["CLUSTER", "SLOTS"], { readOnly: true, reply: raw })
const clusterShards = Command.make(["CLUSTER", "SHARDS"], { readOnly: true, reply: raw })

export const discoverCluster =
  (
    clients: NodeClients,
    { seeds, tls = false }: Seeds,
    mapAddress: MapAddress | undefined
  ): ClusterMapOptions["discover"] =>
  (known) => {
    const ask = (client: ConnectionPool.Client, node: Node) => {
      const { execute } = client.calling({ timeout })
      return execute(clusterSlots).pipe(
        Effect.map((reply) => parseSlots(reply, node, mapAddress)),
        Effect.catchTag("ReplyError", (error) =>
          error.outcome === "Rejected"
            ? Effect.map(execute(clusterShards), (reply) => parseShards(reply, node, tls, mapAddress))
            : Effect.fail(error)
        ),
        Effect.flatMap((topology) =>
          topology instanceof Malformed
            ? Effect.fail({ message: `its map cannot be used: ${topology.reason}` })
            : Effect.succeed<Discovered>({ topology, source: node.address })
        )
      )
    }
    const source =
      (role: Role) =>
      (node: Node): Source<Discovered> => ({
        address: node.address,
        ask: Effect.flatMap(clients.get(makeTarget(node, role)), (client) => ask(client, node))
      })
    const primaries = known.map(({ primary }) => primary)
    const replicas = known.flatMap(({ replicas }) => replicas)
    const named = seeds
      .map((seed) => makeNode(seed, undefined))
      .filter((seed) => [...primaries, ...replicas].every((node) => node.address !== seed.address))
    return firstAnswer(
      [
        ...shuffled(primaries).map(source("primary")),
        ...shuffled(replicas).map(source("replica")),
        ...named.map(source("primary"))
      ],
      "no node told the cluster's map"
    )
  }

/** Not always the same node is asked first, so that one with an old map does not stand in the way. */
const shuffled = <A>(items: ReadonlyArray<A>): Array<A> => {
  const all = [...items]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}
