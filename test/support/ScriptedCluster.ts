/** Peers that play the nodes of a cluster as the test says: `import * as ScriptedCluster`. */
import { RedisCluster } from "@effect-resp/cluster"
import type { Redis, Transport } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Effect, type Scope } from "effect"
import * as ScriptedPeer from "./ScriptedPeer.js"

export interface Frame {
  /** Of the peer that got it, from 0. */
  readonly node: number
  /** Of the peer's connections, from 1. */
  readonly connection: number
  readonly words: ReadonlyArray<string>
}

/** First slot, last slot, and the nodes that serve them, the primary first. */
export type Range = readonly [first: number, last: number, ...nodes: ReadonlyArray<number>]

/** What a node answers; nothing is written for `undefined`. */
export type Answer = (
  words: ReadonlyArray<string>,
  node: number,
  connection: ScriptedPeer.Connection
) => string | undefined

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

export class ScriptedCluster {
  peers: ReadonlyArray<ScriptedPeer.ScriptedPeer> = []
  /** What CLUSTER SLOTS tells. */
  map: ReadonlyArray<Range> = []
  /** Answers to all but the greeting, ASKING, READONLY and CLUSTER. */
  answer: Answer = () => "+OK\r\n"
  /** All that came but the greeting. */
  readonly frames: Array<Frame> = []
  /** Instead of the map, whatever this gives: nothing where it is `undefined`. */
  tellMap: (() => string | undefined) | undefined

  port(node: number): number {
    return this.peers[node]!.port
  }
  address(node: number): string {
    return `127.0.0.1:${this.port(node)}`
  }
  /** An error that sends to a node. */
  redirect(kind: "MOVED" | "ASK", slot: number, node: number): string {
    return `-${kind} ${slot} ${this.address(node)}\r\n`
  }
  /** How often the map was asked for. */
  get refreshes(): number {
    return this.frames.filter(({ words }) => words[0] === "CLUSTER").length
  }
  /** The commands that a node got, in order; without the map's. */
  commands(node: number): ReadonlyArray<string> {
    return this.frames
      .filter((frame) => frame.node === node && frame.words[0] !== "CLUSTER")
      .map(({ words }) => words.join(" "))
  }

  private get slots(): string {
    const node = (node: number) => `*2\r\n${bulk("127.0.0.1")}:${this.port(node)}\r\n`
    const range = ([first, last, ...nodes]: Range) =>
      `*${2 + nodes.length}\r\n:${first}\r\n:${last}\r\n${nodes.map(node).join("")}`
    return `*${this.map.length}\r\n${this.map.map(range).join("")}`
  }

  respond(node: number, words: ReadonlyArray<string>, connection: ScriptedPeer.Connection): void {
    if (ScriptedPeer.greet(words, connection)) return
    this.frames.push({ node, connection: connection.id, words })
    const reply =
      words[0] === "CLUSTER"
        ? this.tellMap === undefined
          ? this.slots
          : this.tellMap()
        : words[0] === "ASKING" || words[0] === "READONLY"
          ? "+OK\r\n"
          : this.answer(words, node, connection)
    if (reply !== undefined) connection.write(reply)
  }
}

/** So many nodes. Until the test says otherwise the first serves all slots but the last ones, one for each other node. */
export const make = (nodes: number): Effect.Effect<ScriptedCluster, never, Scope.Scope> =>
  Effect.gen(function* () {
    const cluster = new ScriptedCluster()
    cluster.peers = yield* Effect.forEach(Array.from({ length: nodes }), (_, node) =>
      ScriptedPeer.make((words, connection) => cluster.respond(node, words, connection))
    )
    const last = 16_384 - nodes
    cluster.map = cluster.peers.map((_, node) => (node === 0 ? [0, last, 0] : [last + node, last + node, node]))
    return cluster
  })

/** A client that knows the first node; its own renewals of the map do not come in between. */
export const connect = (
  cluster: ScriptedCluster,
  options: Partial<NodeRedisCluster.Options> = {}
): Effect.Effect<RedisCluster.Services, RedisCluster.MakeError, Scope.Scope> =>
  NodeRedisCluster.make({ nodes: [cluster.address(0)], refreshInterval: "1 hour", closeTimeout: 0, ...options })

/** As `connect`, with what is written to each node's sockets, as text. */
export const connectRecorded = (
  cluster: ScriptedCluster
): Effect.Effect<
  { readonly redis: Redis.RedisService; readonly writes: Array<string> },
  RedisCluster.MakeError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const writes: Array<string> = []
    const recording = (connector: Transport.Connector): Transport.Connector => ({
      address: connector.address,
      connect: (handler) =>
        Effect.map(connector.connect(handler), (transport) => ({
          ...transport,
          write: (chunk) => {
            writes.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1"))
            return transport.write(chunk)
          }
        }))
    })
    const { redis } = yield* RedisCluster.make(
      {
        seeds: [{ host: "127.0.0.1", port: cluster.port(0) }],
        connector: ({ host, port }) =>
          Effect.sync(() => recording(makeConnector({ host, port, path: undefined, tls: undefined })))
      },
      { refreshInterval: "1 hour", closeTimeout: 0 }
    )
    return { redis, writes }
  })
