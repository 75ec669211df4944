/**
 * The client of servers that Sentinels watch, on Node.
 *
 * @since 0.1.0
 */
import { type RedisCluster, RedisSentinel, type Topology } from "@effect-resp/cluster"
import { type ConnectionPool, Redis } from "@effect-resp/core"
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
 * Where the Sentinels are and how the client behaves; see `RedisSentinel.Options` and `ConnectionPool.Options` for the
 * rest. `credentials` and `tls` are for the servers.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends RedisSentinel.Options {
  /** What the Sentinels call the primary, such as `mymaster`. */
  readonly name: string
  /**
   * Any of the Sentinels, as `host:port`, as `{ host, port }` or as URLs (`redis://`, `rediss://`, `valkey://`, `valkeys://`; the port is
   * 26379 by default). What a URL says of TLS and credentials holds for all Sentinels, and for them alone.
   */
  readonly sentinels: ReadonlyArray<string | Redacted.Redacted<string> | Topology.Address>
  readonly tls?: boolean | TlsOptions | undefined
  readonly sentinelTls?: boolean | TlsOptions | undefined
  readonly sentinelCredentials?: ConnectionPool.Options["credentials"]
}

/**
 * Makes a client of the servers that Sentinels watch, for a scope.
 *
 * Fails with a `ClusterError` (`Discovery`) that lists every Sentinel with what came of it when none tells of a primary,
 * and with a `CommandError` when an option cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Redis.RedisService, RedisCluster.MakeError, Scope.Scope> =>
  Effect.gen(function* () {
    const given = yield* readSeeds("sentinels", options.sentinels, 26_379)
    const connecting = (option: boolean | TlsOptions) =>
      Effect.map(
        toTls(option),
        (tls) =>
          ({ host, port }: Topology.Address) =>
            Effect.sync(() => makeConnector({ host, port, path: undefined, tls }))
      )
    return yield* RedisSentinel.make(
      {
        name: options.name,
        sentinels: given.addresses,
        connector: yield* connecting(options.tls ?? false),
        sentinelConnector: yield* connecting(options.sentinelTls ?? given.tls),
        sentinelCredentials: options.sentinelCredentials ?? given.credentials
      },
      options
    )
  })

/**
 * The client as a layer.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 * import { NodeRedisSentinel } from "@effect-resp/node"
 *
 * const program = Redis.set("bing", "baz").pipe(
 *   Effect.zipRight(Redis.get("bing")),
 *   Effect.provide(NodeRedisSentinel.layer({ name: "mymaster", sentinels: ["localhost:26379", "localhost:26380"] }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Redis.Redis, RedisCluster.MakeError> =>
  Layer.scoped(Redis.Redis, make(options))

/**
 * The client as a layer, its options read from Config.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { NodeRedisSentinel } from "@effect-resp/node"
 *
 * const live = NodeRedisSentinel.layerConfig({
 *   name: Config.string("REDIS_PRIMARY").pipe(Config.withDefault("mymaster")),
 *   sentinels: Config.array(Config.string(), "REDIS_SENTINELS") // 10.0.0.1:26379,10.0.0.2:26379
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Redis.Redis, ConfigError | RedisCluster.MakeError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layer))
