/**
 * The client on Node: TCP, TLS and Unix sockets, URLs and Config.
 *
 * @since 0.1.0
 */
import { ConnectionPool, type Redis, RedisError, type Transport } from "@effect-resp/core"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { isPort, parseUrl, refuse } from "./internal/location.js"
import { makeConnector } from "./internal/socket.js"
import { toTls } from "./internal/tlsOptions.js"

/**
 * How to talk TLS. The server's certificate and name are always verified unless `rejectUnauthorized` is `false`.
 *
 * @since 0.1.0
 * @category options
 */
export interface TlsOptions {
  /** Certificates of the authorities to trust, PEM; the runtime's own by default. */
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  /** The client's certificate chain, PEM. */
  readonly cert?: string | Uint8Array | undefined
  /** The client's private key, PEM. */
  readonly key?: Redacted.Redacted<string | Uint8Array> | undefined
  readonly passphrase?: Redacted.Redacted<string> | undefined
  /** The name that the server's certificate must bear, and that is asked for (SNI); the host by default. */
  readonly servername?: string | undefined
  /** `false` accepts any certificate: for tests only. */
  readonly rejectUnauthorized?: boolean | undefined
}

/**
 * Where the server is and how the client behaves; see `ConnectionPool.Options` for deadlines and bounds.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends ConnectionPool.Options {
  /**
   * `redis://`, `rediss://`, `valkey://`, `valkeys://` (`[user[:password]@]host[:port][/database]`), or `unix:///path`
   * (`?db=1`). Other options given beside it win.
   */
  readonly url?: string | Redacted.Redacted<string> | undefined
  /** `localhost` by default. */
  readonly host?: string | undefined
  /** 6379 by default. */
  readonly port?: number | undefined
  /** The path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  readonly tls?: boolean | TlsOptions | undefined
}

/**
 * The connector that options describe, for `ConnectionPool.make`. Fails with a `CommandError` that names a bad option.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connector = (options: Options): Effect.Effect<Transport.Connector, RedisError.CommandError> =>
  Effect.map(resolve(options), ({ connector }) => connector)

const resolve = (
  options: Options
): Effect.Effect<
  { readonly connector: Transport.Connector; readonly options: ConnectionPool.Options },
  RedisError.CommandError
> =>
  Effect.suspend(() => {
    const url = Redacted.isRedacted(options.url) ? Redacted.value(options.url) : options.url
    const location = url === undefined ? {} : parseUrl(url)
    if (location instanceof RedisError.CommandError) return Effect.fail(location)
    const port = options.port ?? location.port ?? 6379
    if (!isPort(port)) return Effect.fail(refuse("port must be a whole number from 1 to 65535"))
    for (const name of ["host", "path"] as const) {
      const value: unknown = options[name] ?? undefined
      if (value !== undefined && (typeof value !== "string" || value === "")) {
        return Effect.fail(refuse(`${name} must be a string that is not empty`))
      }
    }
    const path = options.path ?? (options.host === undefined ? location.path : undefined)
    if (path !== undefined && options.tls) return Effect.fail(refuse("tls does not go over a Unix socket"))
    return Effect.map(toTls(path === undefined && (options.tls ?? location.tls ?? false)), (tls) => ({
      connector: makeConnector({ host: options.host ?? location.host ?? "localhost", port, path, tls }),
      options: {
        ...options,
        database: options.database ?? location.database,
        credentials: options.credentials ?? location.credentials
      }
    }))
  })

/**
 * Makes a client for a scope.
 *
 * Fails with a `ConnectionError` that says address and reason, or a `TimeoutError`, when the first connection cannot be
 * made, and with a `CommandError` when an option cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  ConnectionPool.Client,
  RedisError.ConnectionError | RedisError.TimeoutError | RedisError.CommandError,
  Scope.Scope
> => Effect.flatMap(resolve(options), (resolved) => ConnectionPool.make(resolved.connector, resolved.options))

/**
 * The client as a layer.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 * import { NodeRedis } from "@effect-resp/node"
 *
 * const program = Redis.set("bing", "baz").pipe(
 *   Effect.zipRight(Redis.get("bing")),
 *   Effect.provide(NodeRedis.layer({ url: "redis://localhost:6379/0" }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Redis.Redis, RedisError.ConnectionError | RedisError.TimeoutError | RedisError.CommandError> =>
  Layer.unwrapEffect(
    Effect.map(resolve(options), (resolved) => ConnectionPool.layer(resolved.connector, resolved.options))
  )

/**
 * The client as a layer, from a URL.
 *
 * @example
 * ```ts
 * import { NodeRedis } from "@effect-resp/node"
 *
 * const live = NodeRedis.layerUrl("redis://localhost:6379/0")
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerUrl = (url: string | Redacted.Redacted<string>, options: Options = {}) => layer({ ...options, url })

/**
 * The client as a layer, its options read from Config.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { NodeRedis } from "@effect-resp/node"
 *
 * const live = NodeRedis.layerConfig({
 *   url: Config.redacted("REDIS_URL"),
 *   commandTimeout: Config.duration("REDIS_TIMEOUT").pipe(Config.withDefault("5 seconds"))
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<
  Redis.Redis,
  ConfigError | RedisError.ConnectionError | RedisError.TimeoutError | RedisError.CommandError
> => Layer.unwrapEffect(Effect.map(Config.unwrap(config), layer))
