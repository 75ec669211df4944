/**
 * How long each node takes to answer.
 */
import { Command, Reply } from "@effect-resp/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClusterMap } from "./clusterMap.js"
import type { NodeClients } from "./nodeClients.js"
import type { Place, Placement } from "./placement.js"

const ping = Command.make(["PING"], { readOnly: true, reply: Reply.make((raw) => raw) })

/** Between two measurements. */
const interval = "5 seconds"

/** A node that takes longer, in milliseconds, is as good as gone. */
const longest = 1_000

/** The newest measurement counts for so much, so that one slow answer does not turn everyone away. */
const weight = 0.3

/** Measures every node of the map, now and then again and again for as long as the scope lasts. */
export const measureLatencies = (
  map: ClusterMap,
  clients: NodeClients,
  placement: Placement
): Effect.Effect<void, never, Scope.Scope> => {
  const { latencies } = placement
  const measure = ({ target }: Place) =>
    clients.get(target).pipe(
      // To connect takes longer, and is no measure.
      Effect.flatMap((client) => Effect.timed(client.calling({ timeout: longest }).execute(ping))),
      Effect.timeout(2 * longest),
      Effect.match({
        onFailure: () => void latencies.delete(target.node.address),
        onSuccess: ([took]) => {
          const { address } = target.node
          const before = latencies.get(address)
          const now = Duration.toMillis(took)
          latencies.set(address, before === undefined ? now : before + weight * (now - before))
        }
      })
    )
  const measureAll = Effect.suspend(() => {
    const places = map
      .table()
      .shards.flatMap(({ primary, replicas }) => [
        placement.of(primary, "primary"),
        ...replicas.map((replica) => placement.of(replica, "replica"))
      ])
    for (const address of latencies.keys()) {
      if (places.every(({ target }) => target.node.address !== address)) latencies.delete(address)
    }
    return Effect.forEach(places, measure, { concurrency: "unbounded", discard: true })
  })
  return measureAll.pipe(Effect.zipRight(Effect.sleep(interval)), Effect.forever, Effect.forkScoped, Effect.asVoid)
}
