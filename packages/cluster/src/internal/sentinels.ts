/**
 * What Sentinels know of the servers that they watch.
 */
import { Command, type ConnectionPool, type RedisError, Reply } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Slot from "../Slot.js"
import type { Node, Shard } from "../Topology.js"
import type { Discovered } from "./clusterMap.js"
import { type AskError, firstAnswer } from "./discovery.js"
import { makeTarget, type NodeClients } from "./nodeClients.js"
import { elementsOf, fieldOf } from "./rawReply.js"
import { type MapAddress, makeNode, resolveAddress } from "./topology.js"

/** A Sentinel, and a server asked for its role, is to answer within so long, in milliseconds. */
const timeout = 1_000

/** So long, in milliseconds, what was told is held against older news: Sentinels set up anew begin with old epochs. */
const memory = 30_000

/** So many servers of a list count: hardly anybody has more, and each Sentinel that is told of is connected to. */
const most = 128

const raw = Reply.make((raw) => raw)

const ask = (client: ConnectionPool.Client, ...words: readonly [string, ...Array<string>]) =>
  client.calling({ timeout }).execute(Command.make(words, { readOnly: true, reply: raw }))

/** What a server says itself. */
const isPrimary = (node: Node, clients: NodeClients): Effect.Effect<boolean, RedisError.RedisError> =>
  clients.get(makeTarget(node, "primary")).pipe(
    Effect.flatMap((client) => ask(client, "ROLE")),
    Effect.map((told) => elementsOf(told)?.[0] === "master")
  )

export interface SentinelsOptions {
  /** What the primary is called. */
  readonly name: string
  readonly sentinels: NodeClients
  readonly seeds: ReadonlyArray<Node>
  readonly mapAddress: MapAddress | undefined
}

/** The shard of all slots: one primary has them all. */
export const wholeShard = (primary: Node, replicas: ReadonlyArray<Node>): Shard => ({
  primary,
  replicas,
  slots: [[0, Slot.count - 1]]
})

export class Sentinels {
  /** Those that were named, and those that they told of, the last to answer first. */
  known: ReadonlyArray<Node>
  /**
   * The newest that was told. Each failover raises the epoch, and Sentinels that have not heard of it still name the old
   * primary, which for a while still says that it is one.
   */
  private newest: { readonly epoch: number; readonly primary: Node; readonly at: number } | undefined

  constructor(private readonly options: SentinelsOptions) {
    this.known = options.seeds
  }

  /** A server by the address that a Sentinel tells. */
  node(host: unknown, port: unknown, sentinel: Node): Node | undefined {
    const address = resolveAddress(host, Number(port), sentinel)
    const { mapAddress } = this.options
    const mapped = address && mapAddress ? mapAddress(address) : address
    return mapped && makeNode(mapped, undefined)
  }

  /** Asks one after the other for the primary, which must confirm that it is one, and for its replicas. */
  discover(clients: NodeClients): Effect.Effect<Discovered, RedisError.ClusterError> {
    return Effect.suspend(() =>
      firstAnswer(
        this.known.map((sentinel) => ({ address: sentinel.address, ask: this.askOne(sentinel, clients) })),
        `no Sentinel led to a primary named ${this.options.name}`
      )
    )
  }

  /** A Sentinel has told that a failover is done. */
  switched(primary: Node): void {
    this.learn(primary, (this.newest?.epoch ?? 0) + 1)
  }

  private learn(primary: Node, epoch: number): void {
    this.newest = { epoch, primary, at: performance.now() }
  }

  /** Takes note of a later failover than any that was told of: who has not heard of it does not count. */
  consult(sentinel: Node, client: ConnectionPool.Client): Effect.Effect<void, AskError> {
    return Effect.map(this.primaryAt(sentinel, client), ({ epoch = -1, primary }) => {
      if (epoch > (this.newest?.epoch ?? -1)) this.learn(primary, epoch)
    })
  }

  /**
   * Fails what is older than what was told before, unless the primary that was told then denies it: a Sentinel may have
   * told late of a failover that another has undone. Without an epoch there is nothing to compare.
   */
  private checkNews(
    primary: Node,
    clients: NodeClients,
    epoch = Number.POSITIVE_INFINITY
  ): Effect.Effect<void, { readonly message: string }> {
    return Effect.suspend(() => {
      const { newest } = this
      return newest === undefined ||
        epoch >= newest.epoch ||
        primary.address === newest.primary.address ||
        performance.now() - newest.at > memory
        ? Effect.void
        : Effect.filterOrFail(
            // One that cannot be asked denies nothing.
            Effect.orElseSucceed(isPrimary(newest.primary, clients), () => true),
            (is) => !is,
            () => ({ message: `${primary.address}, which it takes for the primary, has been replaced` })
          )
    })
  }

  private askOne(sentinel: Node, clients: NodeClients): Effect.Effect<Discovered, AskError> {
    const { name, sentinels } = this.options
    return Effect.gen(this, function* () {
      const client = yield* sentinels.get(makeTarget(sentinel, "primary"))
      const { epoch, primary } = yield* this.primaryAt(sentinel, client)
      yield* this.checkNews(primary, clients, epoch)
      if (!(yield* isPrimary(primary, clients))) {
        // What is connected there must not be taken for the primary's.
        clients.drop(makeTarget(primary, "primary"))
        return yield* Effect.fail({ message: `${primary.address}, which it takes for the primary, is none` })
      }
      const replicas = this.nodes(yield* ask(client, "SENTINEL", "REPLICAS", name), sentinel, true)
      const peers = this.nodes(yield* ask(client, "SENTINEL", "SENTINELS", name), sentinel, false)
      // Of a failover another Sentinel may have told meanwhile.
      yield* this.checkNews(primary, clients, epoch)
      if (epoch !== undefined) this.learn(primary, epoch)
      this.remember(sentinel, peers)
      const others = replicas.filter((node) => node.address !== primary.address)
      return { topology: { shards: [wholeShard(primary, others)] }, source: primary.address }
    })
  }

  /** What a Sentinel takes for the primary, and since which epoch. */
  private primaryAt(sentinel: Node, client: ConnectionPool.Client) {
    const { name } = this.options
    return Effect.gen(this, function* () {
      // Before the address, which is then at least as new.
      const epoch = yield* this.epochAt(client)
      const told = yield* ask(client, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
      if (told === null) return yield* Effect.fail({ message: `it knows no primary named ${name}` })
      const [host, port] = elementsOf(told) ?? []
      const primary = this.node(host, port, sentinel)
      return primary === undefined ? yield* Effect.fail({ message: "it told no usable address" }) : { epoch, primary }
    })
  }

  /** The epoch of what a Sentinel knows, if it tells. */
  private epochAt(client: ConnectionPool.Client): Effect.Effect<number | undefined, RedisError.RedisError> {
    return ask(client, "SENTINEL", "MASTER", this.options.name).pipe(
      Effect.map((told) => {
        const epoch = String(fieldOf(told, "config-epoch") ?? "")
        return /^\d+$/.test(epoch) ? Number(epoch) : undefined
      }),
      Effect.catchTag("ReplyError", () => Effect.succeed(undefined))
    )
  }

  /** The servers of a list, without those that are down. */
  private nodes(list: Reply.Raw, sentinel: Node, mustFollow: boolean): ReadonlyArray<Node> {
    return (elementsOf(list) ?? []).slice(0, most).flatMap((entry) => {
      const field = (name: string) => String(fieldOf(entry, name) ?? "")
      if (/\b([so]_down|disconnected)\b/.test(field("flags"))) return []
      if (mustFollow && field("master-link-status") !== "ok") return []
      const node = this.node(field("ip"), field("port"), sentinel)
      return node === undefined ? [] : [node]
    })
  }

  private remember(answered: Node, others: ReadonlyArray<Node>): void {
    const all = [answered, ...others, ...this.options.seeds]
    this.known = all.filter((node, index) => all.findIndex(({ address }) => address === node.address) === index)
  }
}
