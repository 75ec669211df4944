/**
 * A client of several servers, whatever tells which of them serves what.
 */
import { ConnectionPool, type Redis, RedisError, type Transport } from "@effect-resp/core"
import type { DurationInput } from "effect/Duration"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { ReadFrom } from "../ReadFrom.js"
import type { Address } from "../Topology.js"
import { type ClusterMapOptions, makeClusterMap } from "./clusterMap.js"
import { makeClusterService, type Planner } from "./clusterService.js"
import { measureLatencies } from "./latency.js"
import { makeTarget, NodeClients, type Role, type Target } from "./nodeClients.js"
import { Placement } from "./placement.js"
import { Redirector } from "./redirector.js"
import type { MapAddress } from "./topology.js"

export interface TopologyClientOptions {
  readonly connector: (address: Address) => Effect.Effect<Transport.Connector, RedisError.CommandError>
  readonly pool: ConnectionPool.Options
  readonly readFrom: ReadFrom
  readonly subscribeTo: Role
  readonly refreshInterval: DurationInput
  readonly mapAddress: MapAddress | undefined
  readonly planner: Planner
  /** Replicas must be told to answer reads. */
  readonly readOnlyReplicas: boolean
  /** What a server answers after it was replaced is not to be trusted: its connections are cut at once. */
  readonly cutFormer: boolean
  readonly discover: (clients: NodeClients) => ClusterMapOptions["discover"]
}

/** A node that does not answer is looked for again and again, but never too seldom: its return ends a failover. */
const reconnect = Schedule.exponential("20 millis").pipe(
  Schedule.union(Schedule.spaced("500 millis")),
  Schedule.jittered
)

/** What comes from a configuration can be anything. */
const oneOf = (option: string, value: string, allowed: ReadonlyArray<string>) =>
  allowed.includes(value)
    ? Effect.void
    : new RedisError.CommandError({ reason: `${option} must be one of ${allowed.join(", ")}`, outcome: "NotSent" })

/** A client that connects when it is used, so that not to reach it is the failure of what uses it. */
const onceConnected = (
  client: Effect.Effect<Redis.RedisService, RedisError.RedisError>,
  state: Redis.RedisService["state"]
): Redis.RedisService => ({
  execute: (command) => Effect.flatMap(client, (redis) => redis.execute(command)),
  pipeline: (commands) => Effect.flatMap(client, (redis) => redis.pipeline(commands)),
  transaction: (commands) => Effect.flatMap(client, (redis) => redis.transaction(commands)),
  reserve: (keys) => Effect.flatMap(client, (redis) => redis.reserve(keys)),
  watch: (keys) => Effect.flatMap(client, (redis) => redis.watch(keys)),
  scan: (page) => Stream.unwrap(Effect.map(client, (redis) => redis.scan(page))),
  subscriber: (options) => Effect.flatMap(client, (redis) => redis.subscriber(options)),
  monitor: Stream.unwrap(Effect.map(client, (redis) => redis.monitor)),
  state
})

export const makeTopologyClient = (options: TopologyClientOptions) =>
  Effect.gen(function* () {
    const { mapAddress, pool, readFrom } = options
    yield* ConnectionPool.check(pool, { refreshInterval: options.refreshInterval })
    yield* oneOf("readFrom", readFrom, ["primary", "replica", "preferReplica", "nearest"])
    yield* oneOf("subscribeTo", options.subscribeTo, ["primary", "replica"])
    const commandTimeout = Duration.toMillis(pool.commandTimeout ?? "5 seconds")
    const clients = yield* NodeClients.make(({ node, role }, watched) =>
      Effect.flatMap(options.connector(node), (connector) =>
        ConnectionPool.make(watched(connector), {
          reconnect,
          ...pool,
          whileDisconnected: "fail",
          readOnly: options.readOnlyReplicas && role === "replica"
        })
      )
    )
    let closed = false
    const map = yield* makeClusterMap({
      discover: options.discover(clients),
      refreshInterval: options.refreshInterval,
      onTopology: (topology) => {
        const targets: Array<Target> = []
        for (const { primary, replicas } of topology.shards) {
          targets.push(makeTarget(primary, "primary"))
          for (const replica of replicas) targets.push(makeTarget(replica, "replica"))
        }
        clients.retain(targets, options.cutFormer)
      }
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        map.changed()
      })
    )
    const placement = new Placement(map.table, clients, readFrom)
    const isClosed = () => closed
    const redirector = new Redirector({ map, clients, placement, mapAddress, commandTimeout, isClosed })
    if (readFrom === "nearest") yield* measureLatencies(map, clients, placement)
    const node = (address: string) =>
      Effect.suspend(() => {
        const { nodes, shards } = map.table()
        const isReplica = shards.every(({ primary }) => primary.address !== address)
        const known = nodes.find((node) => node.address === address)
        if (known !== undefined) {
          return Effect.succeed(
            onceConnected(clients.get(placement.of(known, isReplica ? "replica" : "primary").target), map.state)
          )
        }
        const detail = `there is no node ${address}; known are ${nodes.map((node) => node.address).join(", ")}`
        return Effect.fail(new RedisError.ClusterError({ reason: "NoNode", detail, attempts: [], outcome: "NotSent" }))
      })
    const redis = makeClusterService({
      node,
      isClosed,
      map,
      clients,
      placement,
      redirector,
      planner: options.planner,
      subscribeTo: options.subscribeTo,
      commandTimeout
    })
    return { redis, map, node }
  })
