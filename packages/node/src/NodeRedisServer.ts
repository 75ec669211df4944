/**
 * A private redis-server or valkey-server for as long as a scope lives: for demos, and for your own tests.
 *
 * It keeps nothing (no snapshots, no append-only file), listens on this machine only, on a free port and on a Unix
 * socket, and is gone with its directory when the scope closes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as serverProcess from "./internal/serverProcess.js"

/**
 * Why there is no server: it was not found, it ended by itself, or it did not answer in time.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerError extends Data.TaggedError("ServerError")<{
  readonly reason: "NotFound" | "Exited" | "Timeout"
  readonly message: string
  /** The last lines that the server logged. */
  readonly log: string
}> {}

/**
 * Files (PEM) with which the server also talks TLS.
 *
 * @since 0.1.0
 * @category options
 */
export interface TlsOptions {
  readonly cert: string
  readonly key: string
  /** The authorities whose client certificates the server accepts. */
  readonly ca: string
  /** A free one by default. */
  readonly port?: number | undefined
  /** Whether clients must show a certificate; `optional` by default. */
  readonly authClients?: "yes" | "no" | "optional" | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * The server's program, or a command of several words. By default the words of the environment variable
   * `EFFECT_RESP_SERVER`, else `redis-server`, else `valkey-server`.
   */
  readonly binary?: string | ReadonlyArray<string> | undefined
  /** More of the server's own arguments, such as `["--maxclients", "10"]`. They win over what is set here. */
  readonly args?: ReadonlyArray<string> | undefined
  /** A free one by default. */
  readonly port?: number | undefined
  /** The default user's password. */
  readonly password?: Redacted.Redacted<string> | undefined
  readonly tls?: TlsOptions | undefined
}

/**
 * A server that runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Server {
  readonly host: string
  readonly port: number
  /** `redis://127.0.0.1:port`. It has no password, even if the server wants one. */
  readonly url: string
  /** The path of its Unix socket. */
  readonly unixSocket: string
  readonly tls?: { readonly port: number; readonly url: string; readonly ca: string }
  readonly kind: "redis" | "valkey"
  readonly version: string
  /** The command that started it. */
  readonly binary: string
  readonly pid: number
}

/**
 * The running server as a service.
 *
 * @since 0.1.0
 * @category tags
 */
export class NodeRedisServer extends Context.Tag("@effect-resp/node/NodeRedisServer")<NodeRedisServer, Server>() {}

interface Program extends Pick<Server, "kind" | "version"> {
  readonly command: ReadonlyArray<string>
}

const candidates = (options: Options): ReadonlyArray<ReadonlyArray<string>> => {
  if (options.binary !== undefined) return [typeof options.binary === "string" ? [options.binary] : options.binary]
  const words = serverProcess.splitWords(process.env.EFFECT_RESP_SERVER ?? "")
  return words.length > 0 ? [words] : [["redis-server"], ["valkey-server"]]
}

const findProgram = (options: Options): Effect.Effect<Program, ServerError> =>
  Effect.gen(function* () {
    const failures: Array<string> = []
    for (const command of candidates(options)) {
      const answer = yield* Effect.promise(() => serverProcess.readVersion(command))
      const version = typeof answer === "string" ? /\bv=(\d[\w.-]*)/.exec(answer)?.[1] : undefined
      if (typeof answer === "string" && version !== undefined) {
        return { command, version, kind: /valkey/i.test(answer) ? "valkey" : "redis" } as const
      }
      failures.push(`${command.join(" ")}: ${typeof answer === "string" ? "not such a server" : answer.message}`)
    }
    return yield* new ServerError({
      reason: "NotFound",
      message:
        "No Redis or Valkey server found. Install the package redis-server or valkey-server (on macOS: brew install redis), " +
        `or name the program in the environment variable EFFECT_RESP_SERVER. Tried ${failures.join("; ")}`,
      log: ""
    })
  })

const startTimeout = 10_000

const attempt = (options: Options, program: Program): Effect.Effect<Server, ServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const port = options.port ?? (yield* Effect.promise(serverProcess.freePort))
    const tlsPort =
      options.tls === undefined ? 0 : (options.tls.port ?? (yield* Effect.promise(serverProcess.freePort)))
    const settings: Array<readonly [string, string]> = [
      ["bind", "127.0.0.1"],
      ["port", String(port)],
      ["save", ""],
      ["appendonly", "no"]
    ]
    if (options.password !== undefined) settings.push(["requirepass", Redacted.value(options.password)])
    if (options.tls !== undefined) {
      settings.push(
        ["tls-port", String(tlsPort)],
        ["tls-cert-file", options.tls.cert],
        ["tls-key-file", options.tls.key],
        ["tls-ca-cert-file", options.tls.ca],
        ["tls-auth-clients", options.tls.authClients ?? "optional"]
      )
    }
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => serverProcess.launch(program.command, settings, options.args ?? [])),
      (server) => Effect.promise(() => serverProcess.stop(server))
    )
    const state = yield* Effect.promise((signal) => serverProcess.ready(server, startTimeout, signal))
    const binary = program.command.join(" ")
    if (state !== "Up") {
      const log = serverProcess.lastLines(server)
      const what = state === "Exited" ? "ended while starting" : `did not answer within ${startTimeout / 1000} seconds`
      return yield* new ServerError({ reason: state, message: `${binary} ${what}. Its last lines:\n${log}`, log })
    }
    return {
      host: "127.0.0.1",
      port,
      url: `redis://127.0.0.1:${port}`,
      unixSocket: server.socketPath,
      ...(options.tls && { tls: { port: tlsPort, url: `rediss://127.0.0.1:${tlsPort}`, ca: options.tls.ca } }),
      kind: program.kind,
      version: program.version,
      binary,
      pid: server.child.pid!
    }
  })

/**
 * Starts a server and waits until it answers. When the scope closes, it ends and its directory is removed.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { NodeRedisServer } from "@effect-resp/node"
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* NodeRedisServer.make({ args: ["--maxclients", "10"] })
 *   yield* Console.log(`${server.kind} ${server.version} at ${server.url}`)
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 */
export const make = (options: Options = {}): Effect.Effect<Server, ServerError, Scope.Scope> =>
  Effect.flatMap(findProgram(options), (program) =>
    attempt(options, program).pipe(
      // Somebody took the free port before the server did.
      Effect.retry({
        times: 5,
        while: (error) => error.reason === "Exited" && /address already in use/i.test(error.log)
      })
    )
  )

/**
 * A server for as long as the layer lives.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
 *
 * // A client of a private server, such as tests want.
 * export const TestRedis = Effect.map(NodeRedisServer.NodeRedisServer, ({ url }) => NodeRedis.layer({ url })).pipe(
 *   Layer.unwrapEffect,
 *   Layer.provide(NodeRedisServer.layer())
 * )
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<NodeRedisServer, ServerError> =>
  Layer.scoped(NodeRedisServer, make(options))
