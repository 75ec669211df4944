/**
 * The client of a Redis or Valkey Cluster on Node.
 *
 * @since 0.1.0
 */
import { RedisCluster, type Topology } from "@effect-resp/cluster"
import type { Redis } from "@effect-resp/core"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { readSeeds } from "./internal/seeds.js"
import { makeConnector } from "./internal/socket.js"
import { toTls } from "./internal/tlsOptions.js"
import type { TlsOptions } from "./NodeRedis.js"

/**
 * Where the cluster is and how the client behaves; see `RedisCluster.Options` and `ConnectionPool.Options` for the rest.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends RedisCluster.Options {
  /**
   * Any nodes of the cluster, as `host:port`, as `{ host, port }` or as URLs (`redis://`, `rediss://`, `valkey://`, `valkeys://`); one that
   * answers is enough. What a URL says of TLS and credentials holds for all nodes.
   */
  readonly nodes: ReadonlyArray<string | Redacted.Redacted<string> | Topology.Address>
  /** For every node; a certificate must bear the node's own name or address, unless `servername` is given. */
  readonly tls?: boolean | TlsOptions | undefined
}

/**
 * Makes a client of a cluster, for a scope: both services.
 *
 * Fails with a `ClusterError` (`Discovery`) that lists every node given with what came of it when none can be used, and
 * with a `CommandError` when an option cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RedisCluster.Services, RedisCluster.MakeError, Scope.Scope> =>
  Effect.gen(function* () {
    const given = yield* readSeeds("nodes", options.nodes, 6379)
    const tls = yield* toTls(options.tls ?? given.tls)
    return yield* RedisCluster.make(
      {
        seeds: given.addresses,
        connector: ({ host, port }) => Effect.sync(() => makeConnector({ host, port, path: undefined, tls })),
        tls: tls !== undefined
      },
      { ...options, credentials: options.credentials ?? given.credentials }
    )
  })

/**
 * The client of a cluster as a layer.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 * import { NodeRedisCluster } from "@effect-resp/node"
 *
 * const program = Redis.set("bing", "baz").pipe(
 *   Effect.zipRight(Redis.get("bing")),
 *   Effect.provide(NodeRedisCluster.layer({ nodes: ["localhost:7000", "localhost:7001"] }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Redis.Redis | RedisCluster.RedisCluster, RedisCluster.MakeError> =>
  Layer.scopedContext(Effect.map(make(options), RedisCluster.context))

/**
 * The client of a cluster as a layer, its options read from Config.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { NodeRedisCluster } from "@effect-resp/node"
 *
 * const live = NodeRedisCluster.layerConfig({
 *   nodes: Config.array(Config.string(), "REDIS_NODES"), // REDIS_NODES=10.0.0.1:6379,10.0.0.2:6379
 *   commandTimeout: Config.duration("REDIS_TIMEOUT").pipe(Config.withDefault("5 seconds"))
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Redis.Redis | RedisCluster.RedisCluster, ConfigError | RedisCluster.MakeError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layer))
