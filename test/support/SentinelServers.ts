/**
 * A real primary with replicas and the sentinels that watch it, for a scope: `import * as SentinelServers`. What an
 * effect here cannot do is a defect, for no test goes on from there.
 */
import { Command, Reply } from "@effect-resp/core"
import { Context, Effect, Layer, type Scope } from "effect"
import * as RestartableServer from "./RestartableServer.js"

export interface Options {
  /** 2 by default. */
  readonly replicas?: number | undefined
  /** 3 by default; the quorum is the majority. */
  readonly sentinels?: number | undefined
  /** After how many milliseconds of silence a server is taken for dead; 300 by default. */
  readonly downAfter?: number | undefined
  /** Milliseconds; after a failover, and after a failed one, the next begins at the earliest after twice that; 2000 by default. */
  readonly failoverTimeout?: number | undefined
  /** More arguments of the primary and the replicas. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Of the primary and the replicas. */
  readonly password?: string | undefined
  readonly sentinelPassword?: string | undefined
  /** All speak TLS alone, to clients and to each other. */
  readonly tls?: RestartableServer.Tls | undefined
}

type Server = RestartableServer.RestartableServer

const name = "mymaster"
const all = { concurrency: "unbounded" } as const

/**
 * Sentinels look, tell and ask every few seconds; here they must not take so long, nor doze for 30 s after a freeze. But
 * four times the period of telling must last longer than the second after which a promotion is seen: until then other
 * sentinels leave the new primary alone.
 */
const hurry = (sentinel: Server): Effect.Effect<void> => {
  const periods = { info: 100, ping: 100, ask: 100, publish: 500, tilt: 1000 }
  const words = Object.entries(periods).flatMap(([what, millis]) => [`${what}-period`, millis])
  return Effect.orDie(sentinel.text("SENTINEL", "DEBUG", ...words))
}

const masterFields = Command.make(["SENTINEL", "MASTER", name], { reply: Reply.record(Reply.text) })

export class Group {
  readonly name = name

  constructor(
    /** The primary and the replicas, whichever is which now. */
    readonly servers: ReadonlyArray<Server>,
    readonly sentinels: ReadonlyArray<Server>
  ) {}

  private get watching(): ReadonlyArray<Server> {
    return this.sentinels.filter(({ state }) => state === "Up")
  }

  /** As the first sentinel that is up sees it. */
  get primary(): Effect.Effect<Server> {
    return Effect.firstSuccessOf(this.watching.map((sentinel) => sentinel.client.execute(masterFields))).pipe(
      Effect.map(({ port }) => this.servers.find((server) => String(server.port) === port)!),
      Effect.orDie
    )
  }
  /** All but the primary, dead ones too. */
  get replicas(): Effect.Effect<ReadonlyArray<Server>> {
    return Effect.map(this.primary, (primary) => this.servers.filter((server) => server !== primary))
  }

  /**
   * Completes when all sentinels that are up know each other and all servers, name the same primary, see nothing wrong
   * with it, and all other servers that are up are its replicas in sync.
   */
  get agreed(): Effect.Effect<void> {
    return RestartableServer.eventually(
      "agreement",
      Effect.suspend(() => this.disagreement)
    )
  }
  private get disagreement(): Effect.Effect<string | undefined, Error> {
    return Effect.gen(this, function* () {
      const views = yield* Effect.forEach(this.watching, ({ client }) => client.execute(masterFields), all)
      const port = views[0]?.port
      for (const [i, view] of views.entries()) {
        const who = `at ${this.watching[i]!.port}: `
        if (view.port !== port) return `${who}the primary is ${view.port}, not ${port}`
        if (view.flags !== "master") return `${who}the primary is ${view.flags}`
        if (Number(view["num-slaves"]) !== this.servers.length - 1) return `${who}${view["num-slaves"]} replicas`
        const others = Number(view["num-other-sentinels"])
        if (others !== this.sentinels.length - 1) return `${who}${others} other sentinels`
      }
      const isUp = this.servers.some((server) => String(server.port) === port && server.state === "Up")
      if (!isUp) return `the primary is ${port}, which is not up`
      for (const server of this.servers.filter(({ state }) => state === "Up")) {
        const told = yield* server.replication
        const isRight = String(server.port) === port ? told.get("role") === "master" : told.get("master_port") === port
        if (!isRight) return `${server.port} is a ${told.get("role")} of ${told.get("master_port")}`
      }
      return yield* RestartableServer.unreplicated(this.servers)
    })
  }

  /** Has a sentinel fail over, and completes when all agree on another primary. */
  get failover(): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const old = yield* this.primary
      // Refused while the sentinel has yet to hear from a replica, or is at it.
      const order = Effect.suspend(() => this.watching[0]!.text("SENTINEL", "FAILOVER", name))
      yield* RestartableServer.eventually("failover", Effect.as(order, undefined))
      const isOld = Effect.map(this.primary, (primary) => primary === old)
      yield* RestartableServer.eventually(
        "switch",
        Effect.map(isOld, (isOld) => (isOld ? "the same" : undefined))
      )
      yield* this.agreed
    })
  }
  /** SIGKILL; completes when the process is gone. The sentinels find out by themselves. */
  kill(server: Server): Effect.Effect<void> {
    return server.kill
  }
  /** SIGSTOP: its connections stay open, and nothing is read or answered. */
  freeze(server: Server): Effect.Effect<void> {
    return server.freeze
  }
  thaw(server: Server): Effect.Effect<void> {
    return server.thaw
  }
  /** Starts it again where it was, and completes when it answers; the sentinels then give it its role. */
  restart(server: Server): Effect.Effect<void> {
    return server.restart()
  }
  stopSentinel(i: number): Effect.Effect<void> {
    return this.sentinels[i]!.kill
  }
  /** With all that it knew when it was stopped. */
  startSentinel(i: number): Effect.Effect<void> {
    const sentinel = this.sentinels[i]!
    return Effect.zipRight(sentinel.restart(), hurry(sentinel))
  }
}

/** Starts a group, and completes when all its sentinels agree and all replicas are in sync. */
export const make = (options: Options = {}): Effect.Effect<Group, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, password, tls, sentinelPassword, replicas = 2, sentinels = 3 } = options
    const config = [
      'save ""',
      "appendonly no",
      "repl-diskless-sync-delay 0",
      ...(password === undefined ? [] : [`masterauth ${JSON.stringify(password)}`])
    ]
    const primary = yield* RestartableServer.make({ config, args, password, tls })
    const replica = RestartableServer.make({
      config: [...config, `replicaof ${primary.host} ${primary.port}`],
      args,
      password,
      tls
    })
    const sentinel = RestartableServer.make({
      config: [
        `sentinel monitor ${name} ${primary.host} ${primary.port} ${Math.floor(sentinels / 2) + 1}`,
        `sentinel down-after-milliseconds ${name} ${options.downAfter ?? 300}`,
        `sentinel parallel-syncs ${name} 16`,
        `sentinel failover-timeout ${name} ${options.failoverTimeout ?? 2000}`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${JSON.stringify(password)}`])
      ],
      password: sentinelPassword,
      tls,
      isSentinel: true
    }).pipe(Effect.tap(hurry))
    const group = yield* Effect.zipWith(
      Effect.replicateEffect(replica, replicas, all),
      Effect.replicateEffect(sentinel, sentinels, all),
      (replicas, sentinels) => new Group([primary, ...replicas], sentinels),
      { concurrent: true }
    )
    yield* group.agreed
    return group
  })

/** The running group as a service. */
export class SentinelServers extends Context.Tag("test/SentinelServers")<SentinelServers, Group>() {}

/** A group for as long as the layer lives. */
export const layer = (options: Options = {}): Layer.Layer<SentinelServers> =>
  Layer.scoped(SentinelServers, make(options))
