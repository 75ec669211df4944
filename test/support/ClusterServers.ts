/**
 * A real cluster, for a scope, and all that can happen to one: `import * as ClusterServers`. What an effect here cannot
 * do is a defect, for no test goes on from there.
 */
import { Command, Reply } from "@effect-resp/core"
import { Context, Effect, Layer, type Scope } from "effect"
import * as RestartableServer from "./RestartableServer.js"

export interface Options {
  /** 3 by default. */
  readonly primaries?: number | undefined
  /** Of each primary; 1 by default. */
  readonly replicas?: number | undefined
  /** After how many milliseconds of silence a node is taken for dead; 500 by default. */
  readonly nodeTimeout?: number | undefined
  /** More arguments of every server, such as `["--appendonly", "yes"]`, without which a restart loses the data. */
  readonly args?: ReadonlyArray<string> | undefined
  readonly password?: string | undefined
  /** The nodes speak TLS alone, to clients and to each other. */
  readonly tls?: RestartableServer.Tls | undefined
}

/** Ask for its fields each time: a restart changes them. */
export class Node {
  constructor(
    readonly id: string,
    readonly server: RestartableServer.RestartableServer
  ) {}
  get host(): string {
    return this.server.host
  }
  get port(): number {
    return this.server.port
  }
  get pid(): number {
    return this.server.pid
  }
  /** A client of this node alone; it follows no redirection, and outlives restarts. */
  get client() {
    return this.server.client
  }
  get isUp(): boolean {
    return this.server.state === "Up"
  }
}

const slotCount = 16_384

/** What a line of CLUSTER NODES says. */
interface Seen {
  readonly id: string
  readonly busPort: number
  readonly flags: ReadonlyArray<string>
  /** The id of a replica's primary. */
  readonly primary: string
  readonly epoch: string
  readonly ranges: ReadonlyArray<readonly [first: number, last: number]>
}

const parseNodes = (text: string): ReadonlyArray<Seen> =>
  text
    .trim()
    .split("\n")
    .map((line) => {
      const [id, address, flags, primary, _ping, _pong, epoch, _link, ...slots] = line.trim().split(" ")
      return {
        id: id!,
        busPort: Number(/@(\d+)/.exec(address!)?.[1]),
        flags: flags!.split(","),
        primary: primary!,
        epoch: epoch!,
        // Slots that move are told in brackets, too.
        ranges: slots
          .filter((range) => !range.startsWith("["))
          .map((range) => [Number(range.split("-")[0]), Number(range.split("-").at(-1))] as const)
      }
    })

const seenBy = (node: Node): Effect.Effect<ReadonlyArray<Seen>, Error> =>
  Effect.map(node.server.text("CLUSTER", "NODES"), parseNodes)

const all = { concurrency: "unbounded" } as const

export class Cluster {
  private readonly moves = new Map<number, { readonly from: Node; readonly to: Node }>()

  constructor(
    readonly nodes: ReadonlyArray<Node>,
    private readonly password: string | undefined
  ) {}

  /** The addresses of all nodes. */
  get seeds(): ReadonlyArray<{ readonly host: string; readonly port: number }> {
    return this.nodes.map(({ host, port }) => ({ host, port }))
  }

  private get up(): ReadonlyArray<Node> {
    return this.nodes.filter(({ isUp }) => isUp)
  }

  /** What the first node that is up sees. */
  private get view(): Effect.Effect<ReadonlyArray<Seen>> {
    return Effect.orDie(Effect.firstSuccessOf(this.up.map(seenBy)))
  }

  private nodesWith(predicate: (seen: Seen) => boolean): Effect.Effect<ReadonlyArray<Node>> {
    return Effect.map(this.view, (view) => {
      const ids = new Set(view.filter(predicate).map(({ id }) => id))
      return this.nodes.filter(({ id }) => ids.has(id))
    })
  }

  /** As the cluster sees them now, without those that it takes for dead. */
  get primaries(): Effect.Effect<ReadonlyArray<Node>> {
    return this.nodesWith(({ flags }) => flags.includes("master") && !flags.includes("fail"))
  }
  get replicas(): Effect.Effect<ReadonlyArray<Node>> {
    return this.nodesWith(({ flags }) => flags.includes("slave") && !flags.includes("fail"))
  }
  ownerOf(slot: number): Effect.Effect<Node> {
    return this.nodesWith(({ ranges }) => ranges.some(([first, last]) => first <= slot && slot <= last)).pipe(
      Effect.flatMap(([owner]) => (owner ? Effect.succeed(owner) : Effect.dieMessage(`nobody owns slot ${slot}`)))
    )
  }
  replicasOf(primary: Node): Effect.Effect<ReadonlyArray<Node>> {
    return this.nodesWith(({ primary: id, flags }) => id === primary.id && !flags.includes("fail"))
  }
  /** A replica of the slot's owner that is up. */
  replicaOf(slot: number): Effect.Effect<Node> {
    return this.ownerOf(slot).pipe(
      Effect.flatMap((owner) => this.replicasOf(owner)),
      Effect.map((replicas) => replicas.find(({ isUp }) => isUp)),
      Effect.flatMap((node) => (node ? Effect.succeed(node) : Effect.dieMessage(`slot ${slot} has no replica`)))
    )
  }

  /**
   * Completes when all nodes that are up say that the cluster is ok, know each other at their present addresses, agree
   * on who replicates whom, and see every slot with the same owner, which is up.
   */
  get agreed(): Effect.Effect<void> {
    return RestartableServer.eventually(
      "agreement",
      Effect.suspend(() => this.disagreement)
    )
  }
  private get disagreement(): Effect.Effect<string | undefined, Error> {
    const { up } = this
    return Effect.gen(function* () {
      const answers = yield* Effect.forEach(
        up,
        (node) => Effect.zip(node.server.text("CLUSTER", "INFO"), seenBy(node)),
        all
      )
      let first: string | undefined
      for (const [i, [info, view]] of answers.entries()) {
        const who = `at ${up[i]!.port}: `
        if (!info.includes("cluster_state:ok")) return `${who}${info.split("\r\n")[0]}`
        let slots = 0
        const facts: Array<string> = []
        for (const node of up) {
          const seen = view.find(({ id }) => id === node.id)
          if (seen === undefined) return `${who}${node.port} is unknown`
          if (seen.busPort !== node.port + 10_000) return `${who}${node.port} is sought at ${seen.busPort - 10_000}`
          if (seen.flags.some((flag) => /fail|handshake|noaddr/.test(flag))) return `${who}${node.port} ${seen.flags}`
          for (const [start, end] of seen.ranges) slots += end - start + 1
          facts.push(`${node.port}: ${seen.primary} ${seen.epoch} ${seen.ranges.join(" ")}`)
        }
        if (slots !== slotCount) return `${who}${slots} slots have an owner that is up`
        first ??= facts.join("; ")
        if (first !== facts.join("; ")) return `at ${up[0]!.port}: ${first}, but ${who}${facts.join("; ")}`
      }
      return undefined
    })
  }
  /** Completes when all replicas that are up are in sync with their primaries. */
  get replicated(): Effect.Effect<void> {
    return RestartableServer.eventually(
      "replication",
      Effect.suspend(() => RestartableServer.unreplicated(this.nodes.map(({ server }) => server)))
    )
  }

  /** Marks the slot as moving, and moves nothing: its owner answers ASK for keys that it does not have. */
  beginMove(slot: number, to: Node): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const from = yield* this.ownerOf(slot)
      if (from === to) return
      yield* to.server.text("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
      yield* from.server.text("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
      this.moves.set(slot, { from, to })
    }).pipe(Effect.orDie)
  }
  /** Moves these keys of a moving slot, or all that are left. */
  moveKeys(slot: number, keys?: ReadonlyArray<Command.Argument>): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const move = this.moves.get(slot)
      if (move === undefined) return
      const { from, to } = move
      const auth = this.password === undefined ? [] : ["AUTH", this.password]
      const migrate = (keys: ReadonlyArray<Command.Argument>) =>
        from.server.text("MIGRATE", to.host, to.port, "", 0, 5000, ...auth, "KEYS", ...keys)
      if (keys !== undefined) return void (yield* migrate(keys))
      const some = Command.make(["CLUSTER", "GETKEYSINSLOT", slot, 100], { reply: Reply.array(Reply.text) })
      for (;;) {
        const keys = yield* from.client.execute(Command.bytes(some))
        if (keys.length === 0) return
        yield* migrate(keys)
      }
    }).pipe(Effect.orDie)
  }
  /** Moves what is left, tells all primaries, the new owner first, and completes when all nodes agree. */
  endMove(slot: number): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const move = this.moves.get(slot)
      if (move === undefined) return
      yield* this.moveKeys(slot)
      const others = (yield* this.primaries).filter((node) => node.isUp && node !== move.to && node !== move.from)
      for (const node of [move.to, move.from, ...others]) {
        yield* node.server.text("CLUSTER", "SETSLOT", slot, "NODE", move.to.id)
      }
      this.moves.delete(slot)
      yield* this.agreed
    }).pipe(Effect.orDie)
  }
  /**
   * Moves a slot with all its keys to another primary, when all know of the move before: one that does not know the newest
   * epoch would claim the slot with an older one, and lose it again.
   */
  moveSlot(slot: number, to: Node): Effect.Effect<void> {
    return this.agreed.pipe(Effect.zipRight(this.beginMove(slot, to)), Effect.zipRight(this.endMove(slot)))
  }

  /**
   * Makes a primary of a replica, and completes when all agree. Without `how` the old primary hands over in order;
   * `FORCE` needs no old primary, `TAKEOVER` no majority either.
   *
   * A node that won an election, and was made a replica again, should not have to win another within four seconds: the
   * server (7.0) counts its old votes then, and the others do not accept that.
   */
  failover(replica: Node, how?: "FORCE" | "TAKEOVER"): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      if (how === undefined) yield* this.replicated
      yield* replica.server.text("CLUSTER", "FAILOVER", ...(how === undefined ? [] : [how]))
      yield* RestartableServer.eventually(
        "failover",
        Effect.map(replica.server.replication, (told) => (told.get("role") === "master" ? undefined : "a replica"))
      )
      yield* this.agreed
    }).pipe(Effect.orDie)
  }
  /** SIGKILL; completes when the process is gone. The others find out by themselves. */
  kill(node: Node): Effect.Effect<void> {
    return node.server.kill
  }
  /** SIGSTOP: its connections stay open, and nothing is read or answered. */
  freeze(node: Node): Effect.Effect<void> {
    return node.server.freeze
  }
  thaw(node: Node): Effect.Effect<void> {
    return node.server.thaw
  }
  /** Starts the same node again, killing it if it still runs, and completes when it answers, not when it has rejoined. */
  restart(node: Node, options: { readonly port?: number | "new" } = {}): Effect.Effect<void> {
    return node.server.restart(options.port)
  }
  /** Kills all nodes, starts them again, on new ports if so wanted, and completes when all agree and are in sync. */
  restartAll(options: { readonly newPorts?: boolean; readonly keepFirst?: boolean } = {}): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      yield* Effect.forEach(this.nodes, (node) => this.kill(node), all)
      const port = (i: number) => (options.newPorts === true && !(options.keepFirst === true && i === 0) ? "new" : null)
      yield* Effect.forEach(this.nodes, ({ server }, i) => server.restart(port(i) ?? server.port), all)
      yield* meet(this.nodes)
      yield* this.agreed
      yield* this.replicated
    })
  }
}

/** Introduces every node to every other. */
const meet = (nodes: ReadonlyArray<Node>): Effect.Effect<void> =>
  Effect.forEach(
    nodes.flatMap((node, i) => nodes.slice(i + 1).map((other) => [node, other] as const)),
    ([node, { host, port }]) => node.server.text("CLUSTER", "MEET", host, port),
    { ...all, discard: true }
  ).pipe(Effect.orDie)

/** Starts a cluster, and completes when all its nodes agree and all replicas are in sync. */
export const make = (options: Options = {}): Effect.Effect<Cluster, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, password, tls, primaries: primaryCount = 3, replicas = 1, nodeTimeout = 500 } = options
    const config = [
      'save ""',
      "appendonly no",
      "repl-diskless-sync-delay 0",
      "cluster-enabled yes",
      `cluster-node-timeout ${nodeTimeout}`,
      "cluster-replica-validity-factor 0",
      "cluster-allow-replica-migration no",
      ...(password === undefined ? [] : [`masterauth ${JSON.stringify(password)}`]),
      ...(tls === undefined ? [] : ["tls-cluster yes"])
    ]
    const nodes = yield* Effect.forEach(
      Array.from({ length: primaryCount * (1 + replicas) }),
      () =>
        Effect.gen(function* () {
          const server = yield* RestartableServer.make({ config, args, password, tls })
          return new Node(yield* server.text("CLUSTER", "MYID"), server)
        }),
      all
    )
    const cluster = new Cluster(nodes, password)
    const primaries = nodes.slice(0, primaryCount)
    const start = (i: number) => Math.floor((i * slotCount) / primaryCount)
    for (const [i, { server }] of primaries.entries()) {
      yield* server.text("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
      yield* server.text("CLUSTER", "ADDSLOTSRANGE", start(i), start(i + 1) - 1)
    }
    yield* meet(nodes)
    // Refused until the node knows its primary.
    yield* Effect.forEach(
      nodes.slice(primaryCount),
      ({ server }, i) =>
        RestartableServer.eventually(
          "replica",
          Effect.as(server.text("CLUSTER", "REPLICATE", primaries[i % primaryCount]!.id), undefined)
        ),
      all
    )
    yield* cluster.agreed
    yield* cluster.replicated
    return cluster
  }).pipe(Effect.orDie)

/** The running cluster as a service. */
export class ClusterServers extends Context.Tag("test/ClusterServers")<ClusterServers, Cluster>() {}

/** A cluster for as long as the layer lives. */
export const layer = (options: Options = {}): Layer.Layer<ClusterServers> => Layer.scoped(ClusterServers, make(options))
