/**
 * Where subscribers are connected to.
 */
import type { RedisError } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import type { ClusterMap } from "./clusterMap.js"
import type { NodeClients, Role, Target } from "./nodeClients.js"
import type { Placement } from "./placement.js"
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
  let home: Target | undefined
  /** Not all clients are to choose the same of several nodes. */
  const luck = Math.random()

  const targetsOf = (slot: number | undefined): ReadonlyArray<Target> => {
    const table = map.table()
    const shard = slot === undefined ? undefined : table.shardOf(slot)
    const shards = slot === undefined ? table.shards : shard === undefined ? [] : [shard]
    const primaries = shards.map(({ primary }) => placement.of(primary, "primary").target)
    if (subscribeTo === "primary") return primaries
    const replicas = shards.flatMap(({ replicas }) => replicas.map((node) => placement.of(node, "replica").target))
    return [...replicas, ...primaries]
  }

  const choose = (slot: number | undefined): Target | undefined => {
    const targets = targetsOf(slot)
    const usable = targets.filter((target) => !clients.isBlamed(target))
    if (slot === undefined && usable.some(({ key }) => key === home?.key) && isCurrent(slot, home!)) return home
    const among = usable.length > 0 ? usable : targets
    // Replicas come first.
    const best = among.filter(({ role }) => role === among[0]!.role)
    const chosen = best[Math.floor(luck * best.length)]
    if (slot === undefined) home = chosen
    return chosen
  }

  /** Replicas that are being connected to, for the subscribers that a primary has meanwhile. */
  const approached = new Set<string>()

  /** Whether subscribers of a primary can go to the replica; connects to it if need be. */
  const isReady = (target: Target): boolean => {
    const client = clients.peek(target)
    if (client !== undefined) {
      return !clients.isBlamed(target) && Effect.runSync(client.state.get)._tag === "Connected"
    }
    if (!approached.has(target.key)) {
      approached.add(target.key)
      const connecting = Effect.onExit(clients.get(target), () => Effect.sync(() => approached.delete(target.key)))
      Effect.runFork(Effect.ignore(Effect.map(connecting, map.changed)))
    }
    return false
  }

  const isCurrent = (slot: number | undefined, { key, role }: Target): boolean => {
    const targets = targetsOf(slot)
    if (targets.every((target) => target.key !== key)) return false
    return role === subscribeTo || !targets.some((target) => target.role === "replica" && isReady(target))
  }

  return {
    siteOf: (slot) =>
      Effect.suspend(() => {
        const target = choose(slot)
        if (target === undefined) {
          redirector.refresh()
          return Effect.fail<RedisError.RedisError>(noNode(slot, true))
        }
        const report = (error: RedisError.RedisError) => void redirector.report(error, target)
        return clients.get(target).pipe(
          Effect.mapBoth({
            onSuccess: ({ isListening, subscriber }) => ({
              subscriber,
              isConnected: isListening,
              isCurrent: () => isCurrent(slot, target),
              report
            }),
            onFailure: (error) => {
              report(error)
              return error
            }
          })
        )
      }),
    onChange: map.onChange,
    isClosed,
    commandTimeout,
    slotOf
  }
}
