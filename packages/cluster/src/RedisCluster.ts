/**
 * A Redis or Valkey Cluster behind the same `Redis` tag, and a service for what only a cluster has.
 *
 * Each command goes to the node that owns the slot of its keys; the map of slots is found from any seed, renewed every so
 * often, and corrected by the nodes' own redirections. Pipelines are grouped by node and run in parallel.
 * See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 *
 * @since 0.1.0
 */
import { Command, type ConnectionPool, Redis, RedisError, Reply, type Transport } from "@effect-resp/core"
import * as Context from "effect/Context"
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { discoverCluster } from "./internal/discoverCluster.js"
import { type NodeView, parseNodeView } from "./internal/nodeView.js"
import { planOf, slotOfKeys } from "./internal/plan.js"
import { noNode } from "./internal/redirector.js"
import { makeTopologyClient } from "./internal/topologyClient.js"
import type { ReadFrom } from "./ReadFrom.js"
import * as Slot from "./Slot.js"
import type { Address, Node, Shard, Topology } from "./Topology.js"

/**
 * How a client behaves on a cluster; see `ConnectionPool.Options` for what each node's connections have in common. A
 * cluster has one database, and while a node cannot be reached its commands look for another within `commandTimeout`.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends Omit<ConnectionPool.Options, "database" | "readOnly" | "whileDisconnected"> {
  /** Which nodes answer read-only commands; `primary` by default. */
  readonly readFrom?: ReadFrom | undefined
  /** Which nodes subscribers connect to; `primary` by default. With `replica`, the primary while none can be reached. */
  readonly subscribeTo?: "primary" | "replica" | undefined
  /** How often the map is renewed, also where nothing calls for it; 30 seconds by default. */
  readonly refreshInterval?: DurationInput | undefined
  /**
   * Changes the addresses that nodes tell of each other, as where they are behind a NAT. What it gives `undefined` for
   * is never connected to.
   */
  readonly mapAddress?: ((address: Address) => Address | undefined) | undefined
}

/**
 * Where a cluster is found, and how its nodes are connected to.
 *
 * @since 0.1.0
 * @category options
 */
export interface Seeds {
  /** Any nodes of the cluster: one that answers is enough. */
  readonly seeds: ReadonlyArray<Address>
  /** Makes the connector of each node, the ones that the seeds tell of, too. */
  readonly connector: (address: Address) => Effect.Effect<Transport.Connector, RedisError.CommandError>
  /** Connections are TLS, so that nodes are asked for their TLS ports; `false` by default. */
  readonly tls?: boolean
}

/**
 * What a cluster has and a single server has not.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClusterService {
  /** The newest known map. */
  readonly topology: Effect.Effect<Topology>
  /** Asks the nodes for the map now. Fails with a `ClusterError` (`Discovery`) when none answers. */
  readonly refresh: Effect.Effect<void, RedisError.ClusterError>
  /** The shard that serves a slot. Fails with a `ClusterError` (`NoNode`) when none is known. */
  readonly shardOf: (slot: number) => Effect.Effect<Shard, RedisError.ClusterError>
  /** The client of one node, by its address (`host:port`); it connects when it is used. */
  readonly node: (address: string) => Effect.Effect<Redis.RedisService, RedisError.ClusterError>
}

/**
 * The tag of what only a cluster has.
 *
 * @since 0.1.0
 * @category tags
 */
export class RedisCluster extends Context.Tag("@effect-resp/cluster/RedisCluster")<RedisCluster, ClusterService>() {}

/**
 * Both services of a cluster.
 *
 * @since 0.1.0
 * @category models
 */
export interface Services {
  readonly redis: Redis.RedisService
  readonly cluster: ClusterService
}

/**
 * The services as a context, for a layer of them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const context = ({ cluster, redis }: Services): Context.Context<Redis.Redis | RedisCluster> =>
  Context.make(Redis.Redis, redis).pipe(Context.add(RedisCluster, cluster))

/**
 * A tag for one more cluster in the same program: of both its services, so that they never mix.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 * import { RedisCluster } from "@effect-resp/cluster"
 * import { NodeRedisCluster } from "@effect-resp/node"
 *
 * class Orders extends RedisCluster.Tag("Orders")<Orders>() {}
 *
 * const live = RedisCluster.layerFor(Orders, NodeRedisCluster.layer({ nodes: ["localhost:7000"] }))
 *
 * const sizes = Redis.dbsize.pipe(RedisCluster.onPrimaries, RedisCluster.use(Orders))
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const Tag =
  <const Id extends string>(id: Id) =>
  <Self>() =>
    Context.Tag(id)<Self, Services>()

/**
 * Turns a layer of a cluster into a layer of another cluster's tag.
 *
 * @since 0.1.0
 * @category tags
 */
export const layerFor = <I, E, R>(
  tag: Context.Tag<I, Services>,
  layer: Layer.Layer<Redis.Redis | RedisCluster, E, R>
): Layer.Layer<I, E, R> =>
  Layer.map(layer, (services) =>
    Context.make(tag, { redis: Context.get(services, Redis.Redis), cluster: Context.get(services, RedisCluster) })
  )

/**
 * Runs an Effect on another cluster: its commands, and what it asks of `RedisCluster`. `Redis.use` changes only where
 * commands go.
 *
 * @since 0.1.0
 * @category tags
 */
export const use =
  <I>(tag: Context.Tag<I, Services>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, I | Exclude<R, Redis.Redis | RedisCluster>> =>
    Effect.flatMap(tag, (services) => Effect.provide(self, context(services)))

/**
 * Runs a Stream on another cluster, as `use` does an Effect.
 *
 * @since 0.1.0
 * @category tags
 */
export const useStream =
  <I>(tag: Context.Tag<I, Services>) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, I | Exclude<R, Redis.Redis | RedisCluster>> =>
    Stream.unwrap(Effect.map(tag, (services) => Stream.provideSomeContext(self, context(services))))

/**
 * Why there is no client of a cluster: none of the seeds could be used, or an option cannot.
 *
 * @since 0.1.0
 * @category errors
 */
export type MakeError = RedisError.ClusterError | RedisError.CommandError

/**
 * Makes a client of a cluster, for a scope.
 *
 * Fails with a `ClusterError` (`Discovery`) that lists every seed with what came of it when none can be used, and with a
 * `CommandError` when an option cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (seeds: Seeds, options: Options = {}): Effect.Effect<Services, MakeError, Scope.Scope> =>
  Effect.map(
    makeTopologyClient({
      connector: seeds.connector,
      pool: { ...options, database: undefined },
      readFrom: options.readFrom ?? "primary",
      subscribeTo: options.subscribeTo ?? "primary",
      refreshInterval: options.refreshInterval ?? "30 seconds",
      mapAddress: options.mapAddress,
      planner: { planOf, slotOfKeys, slotOf: Slot.ofKey, viewOf },
      readOnlyReplicas: true,
      cutFormer: false,
      discover: (clients) => discoverCluster(clients, seeds, options.mapAddress)
    }),
    ({ map, node, redis }) => ({
      redis,
      cluster: {
        topology: Effect.sync(() => ({ shards: map.table().shards })),
        refresh: map.refresh,
        shardOf: (slot) =>
          Effect.suspend(() => {
            const shard = map.table().shardOf(slot)
            return shard === undefined ? Effect.fail(noNode(slot, false)) : Effect.succeed(shard)
          }),
        node
      }
    })
  )

const clusterNodes = Command.make(["CLUSTER", "NODES"], { readOnly: true, reply: Reply.text })

const viewOf = (client: ConnectionPool.Client): Effect.Effect<NodeView, RedisError.RedisError> =>
  Effect.flatMap(client.execute(clusterNodes), (text) => {
    const view = parseNodeView(text)
    return view === undefined
      ? new RedisError.DecodeError({ command: "CLUSTER", reason: "no line about the node itself", outcome: "Failed" })
      : Effect.succeed(view)
  })

/**
 * The client of a cluster as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (seeds: Seeds, options?: Options): Layer.Layer<Redis.Redis | RedisCluster, MakeError> =>
  Layer.scopedContext(Effect.map(make(seeds, options), context))

/**
 * The newest known map: shards, each with its primary, replicas and slots.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { RedisCluster } from "@effect-resp/cluster"
 *
 * const primaries = RedisCluster.topology.pipe(
 *   Effect.map(({ shards }) => shards.map(({ primary }) => primary.address))
 * )
 * ```
 *
 * @since 0.1.0
 * @category topology
 */
export const topology: Effect.Effect<Topology, never, RedisCluster> = Effect.flatMap(
  RedisCluster,
  ({ topology }) => topology
)

/**
 * Every node of the newest known map, with what it is.
 *
 * @since 0.1.0
 * @category topology
 */
export const nodes: Effect.Effect<
  ReadonlyArray<Node & { readonly role: "primary" | "replica" }>,
  never,
  RedisCluster
> = Effect.map(topology, ({ shards }) =>
  shards.flatMap(({ primary, replicas }) => [
    { ...primary, role: "primary" as const },
    ...replicas.map((replica) => ({ ...replica, role: "replica" as const }))
  ])
)

/**
 * The primary that owns a key, as far as the map is known.
 *
 * Fails with a `ClusterError` (`NoNode`) when its slot is not covered.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 * import { RedisCluster } from "@effect-resp/cluster"
 *
 * const info = Effect.gen(function* () {
 *   const { address } = yield* RedisCluster.nodeOf("user:1")
 *   return yield* Redis.info(["memory"]).pipe(RedisCluster.onNode(address))
 * })
 * ```
 *
 * @since 0.1.0
 * @category topology
 */
export const nodeOf = (key: Command.Argument): Effect.Effect<Node, RedisError.ClusterError, RedisCluster> =>
  Effect.flatMap(RedisCluster, ({ shardOf }) => Effect.map(shardOf(Slot.ofKey(key)), ({ primary }) => primary))

/**
 * Asks the nodes for the map now, without waiting for the next renewal. Fails with a `ClusterError` (`Discovery`) when
 * none of them answers; the map then stays as it was.
 *
 * @since 0.1.0
 * @category topology
 */
export const refresh: Effect.Effect<void, RedisError.ClusterError, RedisCluster> = Effect.flatMap(
  RedisCluster,
  ({ refresh }) => refresh
)

const clientOf = (node: Node | string): Effect.Effect<Redis.RedisService, RedisError.ClusterError, RedisCluster> =>
  Effect.flatMap(RedisCluster, (cluster) => cluster.node(typeof node === "string" ? node : node.address))

/**
 * Runs an Effect whose commands all go to one node, given as a `Node` or as its address (`host:port`): for what is about
 * a server and not about keys. What the node answers is the result, redirections included.
 *
 * Fails with a `ClusterError` (`NoNode`) when no such node is known. Not to reach it is the failure of the commands.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 * import { RedisCluster } from "@effect-resp/cluster"
 *
 * const keys = Redis.dbsize.pipe(RedisCluster.onNode("127.0.0.1:7000"))
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const onNode =
  (node: Node | string) =>
  <A, E, R>(
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | RedisError.ClusterError, RedisCluster | Exclude<R, Redis.Redis>> =>
    Effect.flatMap(clientOf(node), (client) => Effect.provideService(self, Redis.Redis, client))

/**
 * Runs a Stream on one node: its MONITOR, for instance, or messages that this node alone is asked for. Fails as `onNode`
 * does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Monitor } from "@effect-resp/core"
 * import { RedisCluster } from "@effect-resp/cluster"
 *
 * const watch = Monitor.stream.pipe(
 *   RedisCluster.streamOnNode("127.0.0.1:7000"),
 *   Stream.runForEach(({ command }) => Effect.log(...command))
 * )
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const streamOnNode =
  (node: Node | string) =>
  <A, E, R>(
    self: Stream.Stream<A, E, R>
  ): Stream.Stream<A, E | RedisError.ClusterError, RedisCluster | Exclude<R, Redis.Redis>> =>
    Stream.unwrap(Effect.map(clientOf(node), (client) => Stream.provideService(self, Redis.Redis, client)))

const onEach =
  (role: "primary" | "any") =>
  <A, E, R>(
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<
    ReadonlyArray<readonly [node: Node, result: A]>,
    E | RedisError.ClusterError,
    RedisCluster | Exclude<R, Redis.Redis>
  > =>
    Effect.flatMap(nodes, (all) =>
      Effect.forEach(
        all.filter((node) => role === "any" || node.role === role),
        (node) => Effect.map(onNode(node)(self), (result) => [node, result] as const),
        { concurrency: "unbounded" }
      )
    )

/**
 * Runs an Effect on every primary at once, and gives each one's result. Fails with the first failure; with `Effect.either`
 * around the Effect each node has an outcome of its own.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 * import { RedisCluster } from "@effect-resp/cluster"
 *
 * // ReadonlyArray<readonly [Node, number]>
 * const sizes = Redis.dbsize.pipe(RedisCluster.onPrimaries)
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const onPrimaries = onEach("primary")

/**
 * Runs an Effect on every node at once, primaries and replicas, and gives each one's result. Fails with the first failure.
 *
 * @since 0.1.0
 * @category running
 */
export const onNodes = onEach("any")
