/**
 * A primary and its replicas that Sentinels watch, behind the same `Redis` tag: after a failover commands go to the new
 * primary.
 *
 * Any live Sentinel is asked who the primary is, which then must confirm it. Sentinels' word of a failover is followed at
 * once; where it does not come, a failed command or the next poll finds the new primary.
 * See https://redis.io/docs/latest/develop/reference/sentinel-clients/
 *
 * @since 0.1.0
 */
import { ConnectionPool, Redis, RedisError, type Transport } from "@effect-resp/core"
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { NodeClients } from "./internal/nodeClients.js"
import { Sentinels } from "./internal/sentinels.js"
import { followSwitches } from "./internal/switches.js"
import { makeNode } from "./internal/topology.js"
import { makeTopologyClient } from "./internal/topologyClient.js"
import type { ReadFrom } from "./ReadFrom.js"
import type { MakeError } from "./RedisCluster.js"
import type { Address } from "./Topology.js"

/**
 * How a client behaves under Sentinels; see `ConnectionPool.Options` for what the connections to each server have in
 * common. While there is no primary, commands wait for one within `commandTimeout`.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends Omit<ConnectionPool.Options, "readOnly" | "whileDisconnected"> {
  /** Which servers answer read-only commands; `primary` by default. */
  readonly readFrom?: ReadFrom | undefined
  /** Which servers subscribers connect to; `primary` by default. With `replica`, the primary while none can be reached. */
  readonly subscribeTo?: "primary" | "replica" | undefined
  /** How often the Sentinels are asked, also where they have told nothing; 10 seconds by default. */
  readonly refreshInterval?: DurationInput | undefined
  /**
   * Changes the addresses that Sentinels tell of servers and of each other, as where they are behind a NAT. What it gives
   * `undefined` for is never connected to.
   */
  readonly mapAddress?: ((address: Address) => Address | undefined) | undefined
}

/**
 * Where the Sentinels are, and how they and the servers are connected to.
 *
 * @since 0.1.0
 * @category options
 */
export interface Group {
  /** What the Sentinels call the primary. */
  readonly name: string
  /** Any of the Sentinels: one that answers is enough, and tells of the others. */
  readonly sentinels: ReadonlyArray<Address>
  /** Makes the connector of a server. */
  readonly connector: (address: Address) => Effect.Effect<Transport.Connector, RedisError.CommandError>
  /** Makes the connector of a Sentinel. */
  readonly sentinelConnector: (address: Address) => Effect.Effect<Transport.Connector, RedisError.CommandError>
  /** Who the client is to the Sentinels, which know nothing of the servers' users. */
  readonly sentinelCredentials?: ConnectionPool.Options["credentials"]
}

const refuse = (reason: string) => new RedisError.CommandError({ reason, outcome: "NotSent" })

const noSlots: ReadonlyMap<number, string> = new Map()

/** There are no slots: everything is on one primary. */
const planner = {
  planOf: () => ({ _tag: "Slot" as const, slot: 0 }),
  slotOfKeys: () => 0,
  slotOf: () => 0,
  viewOf: () => Effect.succeed({ id: "", owns: () => true, migrating: noSlots, importing: noSlots })
}

/**
 * Makes a client of the servers that Sentinels watch, for a scope.
 *
 * Fails with a `ClusterError` (`Discovery`) that lists every Sentinel with what came of it (not reached, or not knowing
 * the name) when none tells of a primary, and with a `CommandError` when an option cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (group: Group, options: Options = {}): Effect.Effect<Redis.RedisService, MakeError, Scope.Scope> =>
  Effect.gen(function* () {
    if (group.name === "") return yield* refuse("name must not be empty")
    if (group.sentinels.length === 0) return yield* refuse("sentinels must name at least one server")
    yield* Effect.mapError(ConnectionPool.check({ credentials: group.sentinelCredentials }), ({ reason }) =>
      refuse(reason.replace("credentials", "sentinelCredentials"))
    )
    const clients = yield* NodeClients.make(({ node }, watched) =>
      Effect.flatMap(group.sentinelConnector(node), (connector) =>
        ConnectionPool.make(watched(connector), {
          protocol: options.protocol,
          credentials: group.sentinelCredentials,
          connectTimeout: options.connectTimeout,
          clientName: options.clientName,
          closeTimeout: 0,
          whileDisconnected: "fail"
        })
      )
    )
    const sentinels = new Sentinels({
      name: group.name,
      sentinels: clients,
      seeds: group.sentinels.map((address) => makeNode(address, undefined)),
      mapAddress: options.mapAddress
    })
    const { map, redis } = yield* makeTopologyClient({
      connector: group.connector,
      pool: options,
      readFrom: options.readFrom ?? "primary",
      subscribeTo: options.subscribeTo ?? "primary",
      refreshInterval: options.refreshInterval ?? "10 seconds",
      mapAddress: options.mapAddress,
      planner,
      readOnlyReplicas: false,
      cutFormer: true,
      discover: (servers) => () => sentinels.discover(servers)
    })
    yield* followSwitches(group.name, sentinels, clients, map)
    return redis
  })

/**
 * The client as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (group: Group, options?: Options): Layer.Layer<Redis.Redis, MakeError> =>
  Layer.scoped(Redis.Redis, make(group, options))
