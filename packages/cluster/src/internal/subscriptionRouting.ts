/**
 * Where subscribers are connected to.
 */
import type { RedisError } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import type { Node } from "../Topology.js"
import type { ClusterMap } from "./clusterMap.js"
import type { NodeClients, Role } from "./nodeClients.js"
import type { Place, Placement } from "./placement.js"
import { noNode, type Redirector } from "./redirector.js"
import type { SubscriptionRouting } from "./subscriber.js"

export interface SubscriptionRoutingOptions {
  readonly map: ClusterMap
  readonly clients: NodeClients
  readonly placement: Placement
  readonly redirector: Redirector
  readonly subscribeTo: Role
  readonly commandTimeout: number
  readonly isClosed: () => boolean
  readonly slotOf: SubscriptionRouting["slotOf"]
}

export const makeSubscriptionRouting = ({
  clients,
  commandTimeout,
  map,
  placement,
  redirector,
  subscribeTo,
  isClosed,
  slotOf
}: SubscriptionRoutingOptions): SubscriptionRouting => {
  /** Of ordinary channels, which any node has: the same for all subscribers, so that they share a connection. */
  let home: Place | undefined

  const placesOf = (slot: number | undefined): ReadonlyArray<Place> => {
    const table = map.table()
    const shard = slot === undefined ? undefined : table.shardOf(slot)
    const shards = slot === undefined ? table.shards : shard === undefined ? [] : [shard]
    const primaries = shards.map(({ primary }) => placement.of(primary, "primary"))
    if (subscribeTo === "primary") return primaries
    const replicas = shards.flatMap(({ replicas }) => replicas.map((node) => placement.of(node, "replica")))
    return [...replicas, ...primaries]
  }

  const isUsable = ({ target }: Place) => !clients.isBlamed(target)

  const choose = (slot: number | undefined): Place | undefined => {
    const places = placesOf(slot)
    if (slot !== undefined) return places.find(isUsable) ?? places[0]
    const isHome = ({ target }: Place) => target.key === home?.target.key
    if (home === undefined || !places.some(isHome) || !isUsable(home)) {
      const usable = places.filter(isUsable)
      const among = usable.length > 0 ? usable : places
      // Replicas come first; among the like, not all clients are to choose the same.
      const best = among.filter(({ target }) => target.role === among[0]!.target.role)
      home = best[Math.floor(Math.random() * best.length)]
    }
    return home
  }

  const roleOf = (address: string): Role =>
    map.table().shards.some(({ replicas }) => replicas.some((node) => node.address === address)) ? "replica" : "primary"

  const nodeAt = (address: string): Node | undefined => map.table().nodes.find((node) => node.address === address)

  return {
    clientFor: (slot) =>
      Effect.suspend(() => {
        const place = choose(slot)
        if (place !== undefined) return clients.get(place.target)
        redirector.refresh()
        return Effect.fail<RedisError.RedisError>(noNode(slot, true))
      }),
    accepts: (slot, address) => placesOf(slot).some(({ target }) => target.node.address === address),
    report: (error, from) =>
      Effect.sync(() => {
        const node = nodeAt(from)
        if (node === undefined) redirector.refresh()
        else redirector.report(error, placement.of(node, roleOf(from)).target)
      }),
    onChange: map.onChange,
    isClosed,
    commandTimeout,
    slotOf
  }
}
