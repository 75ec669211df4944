/**
 * A server that a test may kill, freeze and start again in the same directory, where it finds its files:
 * `import * as RestartableServer`. What its effects cannot do is a defect, for no test goes on from there.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Command, type Redis, Reply } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Clock, Effect, Redacted, Schedule, type Scope } from "effect"
import { freePort, lastLines, readVersion, ready, splitWords } from "../../packages/node/src/internal/serverProcess.js"

export interface Tls {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface Options {
  /** The lines of its configuration file, which the server may rewrite. */
  readonly config: ReadonlyArray<string>
  /** More of its own arguments, such as `["--maxclients", "10"]`. They win. */
  readonly args?: ReadonlyArray<string> | undefined
  readonly password?: string | undefined
  /** It speaks TLS alone, to clients and to its peers; its own `client` goes over a Unix socket. */
  readonly tls?: Tls | undefined
  readonly isSentinel?: boolean | undefined
}

/** The same whatever clock the test has, as processes do not wait for a `TestClock`. */
const live = Effect.withClock(Clock.make())

/**
 * Repeats a check, which tells what is missing, until it tells nothing; a check that fails is repeated too. A defect
 * that shows the last answer ends it after `limit` milliseconds.
 */
export const eventually = <E>(
  what: string,
  check: Effect.Effect<string | undefined, E>,
  limit = 15_000
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const deadline = performance.now() + limit
    for (;;) {
      const missing = yield* Effect.catchAll(check, (error) => Effect.succeed(String(error)))
      if (missing === undefined) return
      if (performance.now() > deadline) return yield* Effect.dieMessage(`${what}: still ${missing}`)
      yield* Effect.promise(() => delay(20))
    }
  }).pipe(live)

const programs = [splitWords(process.env.EFFECT_RESP_SERVER ?? ""), ["redis-server"], ["valkey-server"]]

const findProgram = async (): Promise<ReadonlyArray<string>> => {
  for (const program of programs) if (typeof (await readVersion(program)) === "string") return program
  throw new Error("no redis-server and no valkey-server")
}

let found: Promise<ReadonlyArray<string>> | undefined
let root: string | undefined

/**
 * The folder of all servers of this process. A shell waits until this process has ended, in whatever way, and then
 * kills the servers whose process ids it finds there.
 */
const rootDirectory = (): string => {
  if (root !== undefined) return root
  root = mkdtempSync(join(Buffer.byteLength(tmpdir()) > 60 ? "/tmp" : tmpdir(), "effect-resp-"))
  const script = 'cat >/dev/null; for pid in "$1"/*/pid; do [ -f "$pid" ] && kill -9 "$(cat "$pid")"; done; rm -rf "$1"'
  // Of a group of its own, so that a Ctrl-C does not end it too early.
  const guard = spawn("sh", ["-c", script, "guard", root], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return root
}

let count = 0

/** Ask for its fields each time: a restart changes them. */
export class RestartableServer {
  readonly host = "127.0.0.1"
  readonly directory: string
  readonly socketPath: string
  /** With TLS, its TLS port. */
  port = 0
  child!: ChildProcess
  /** `Down` and `Frozen` from the moment on that it is being killed or frozen. */
  state: "Up" | "Frozen" | "Down" = "Down"
  /** A client of this server alone, which outlives restarts. */
  client!: Redis.RedisService

  constructor(private readonly options: Options) {
    this.directory = join(rootDirectory(), String(++count))
    this.socketPath = join(this.directory, "s.sock")
    const { password, tls } = options
    mkdirSync(this.directory)
    const lines = [
      "bind 127.0.0.1",
      `dir "${this.directory}"`,
      `unixsocket "${this.socketPath}"`,
      ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`]),
      ...(tls === undefined
        ? []
        : [
            `tls-cert-file "${tls.cert}"`,
            `tls-key-file "${tls.key}"`,
            `tls-ca-cert-file "${tls.ca}"`,
            "tls-auth-clients optional",
            "tls-replication yes"
          ]),
      ...options.config
    ]
    writeFileSync(this.configPath, `${lines.join("\n")}\n`, { mode: 0o600 })
  }

  get pid(): number {
    return this.child.pid!
  }
  private get configPath(): string {
    return join(this.directory, "server.conf")
  }
  private get pidPath(): string {
    return join(this.directory, "pid")
  }

  /** Starts it, on a free port unless one is given. */
  async launch(port?: number): Promise<void> {
    found ??= findProgram()
    const [file, ...before] = await found
    for (let attempts = 1; ; attempts++) {
      this.port = port ?? (await freePort())
      const ports =
        this.options.tls === undefined
          ? ["--port", String(this.port)]
          : ["--port", "0", "--tls-port", String(this.port)]
      const mode = this.options.isSentinel === true ? ["--sentinel"] : []
      const log = openSync(join(this.directory, "server.log"), "a")
      const words = [...before, this.configPath, ...mode, ...ports, ...(this.options.args ?? [])]
      this.child = spawn(file!, words, { stdio: ["ignore", log, log] })
      closeSync(log)
      this.child.on("error", () => {})
      if (this.child.pid !== undefined) writeFileSync(this.pidPath, String(this.child.pid))
      if ((await ready(this, 10_000, new AbortController().signal)) === "Up") {
        this.state = "Up"
        return
      }
      await this.end()
      const said = lastLines(this)
      // Somebody took the port, or the one of the cluster bus.
      if (attempts < 6 && /address already in use|failed listening/i.test(said)) continue
      throw new Error(`${words.join(" ")} did not start:\n${said}`)
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async end(): Promise<void> {
    this.state = "Down"
    const { child } = this
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      child.kill("SIGKILL")
      await gone
    }
    rmSync(this.pidPath, { force: true })
  }

  get kill(): Effect.Effect<void> {
    return Effect.promise(() => this.end())
  }
  /** SIGSTOP: its connections stay open, and nothing is read or answered. */
  get freeze(): Effect.Effect<void> {
    return Effect.promise(async () => {
      this.state = "Frozen"
      this.child.kill("SIGSTOP")
      // The signal arrives a little later. Where the system does not tell, that much later has to do.
      const status = `/proc/${this.pid}/status`
      do await delay(5)
      while (existsSync(status) && !/^State:\s+T/m.test(readFileSync(status, "utf8")))
    })
  }
  get thaw(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.child.kill("SIGCONT")
      this.state = "Up"
    })
  }
  /** Kills it if it still runs, and starts it on its files; on its old port unless one is given. */
  restart(port: number | "new" = this.port): Effect.Effect<void> {
    return Effect.promise(async () => {
      await this.end()
      await this.launch(port === "new" ? undefined : port)
    }).pipe(Effect.zipRight(eventually("restart", Effect.as(this.text("PING"), undefined))))
  }

  /** The answer as text. */
  text(...words: readonly [string, ...Array<Command.Argument>]): Effect.Effect<string, Error> {
    return live(this.client.execute(Command.make(words, { reply: Reply.text })))
  }
  /** `INFO replication`, by field. */
  get replication(): Effect.Effect<ReadonlyMap<string, string>, Error> {
    return Effect.map(
      this.text("INFO", "replication"),
      (text) => new Map(Array.from(text.matchAll(/^(\w+):(.*?)\r?$/gm), ([, name, value]) => [name!, value!]))
    )
  }
}

/** Starts a server for the scope. */
export const make = (options: Options): Effect.Effect<RestartableServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const server = new RestartableServer(options)
        await server.launch()
        return server
      }),
      (server) =>
        Effect.promise(async () => {
          await server.end()
          rmSync(server.directory, { recursive: true, force: true, maxRetries: 3 })
        })
    )
    server.client = yield* NodeRedis.make({
      path: server.socketPath,
      commandTimeout: "10 seconds",
      reconnect: Schedule.spaced("20 millis"),
      ...(options.password !== undefined && { credentials: { password: Redacted.make(options.password) } })
    })
    return server
  }).pipe(Effect.orDie, live)

/**
 * What keeps the replicas among the servers from being in sync with their primaries among them, by what each says of
 * itself. A server that is not up is left out, and so are its replicas.
 */
export const unreplicated = (servers: ReadonlyArray<RestartableServer>): Effect.Effect<string | undefined, Error> =>
  Effect.gen(function* () {
    const up = servers.filter(({ state }) => state === "Up")
    const told = yield* Effect.forEach(up, ({ replication }) => replication, { concurrency: "unbounded" })
    for (const [i, replica] of told.entries()) {
      const primary = told[up.findIndex(({ port }) => String(port) === replica.get("master_port"))]
      if (replica.get("role") !== "slave" || primary === undefined) continue
      if (replica.get("master_link_status") !== "up") return `the link of ${up[i]!.port} to its primary is down`
      const isOnline = [...primary.values()].some((value) => value.includes(`port=${up[i]!.port},state=online`))
      if (!isOnline) return `${up[i]!.port} is not online at its primary`
    }
    return undefined
  })
