/**
 * Which node a command is sent to: by its slot, and where replicas may answer, by the policy of reads.
 */
import type { Command } from "@effect-resp/core"
import type { ReadFrom } from "../ReadFrom.js"
import type { Node, Shard } from "../Topology.js"
import { makeTarget, type NodeClients, type Role, type Target } from "./nodeClients.js"
import type { SlotTable } from "./slotTable.js"

/** Where a command goes: to which node, and whether with ASKING. */
export interface Place {
  readonly target: Target
  readonly asking: boolean
}

/** A cursor means nothing to another server. */
const withCursor: ReadonlySet<string> = new Set(["HSCAN", "SCAN", "SSCAN", "ZSCAN"])

/** Whether a replica may answer a command. */
export const mayAskReplica = ({ definition }: Command.Command<unknown>): boolean =>
  definition.readOnly && !withCursor.has(definition.name)

export class Placement {
  /** Milliseconds that a node takes to answer, by its address. */
  readonly latencies = new Map<string, number>()
  private readonly places: Readonly<Record<Role, WeakMap<Node, Place>>> = {
    primary: new WeakMap(),
    replica: new WeakMap()
  }
  private turn = 0

  constructor(
    private readonly table: () => SlotTable,
    private readonly clients: NodeClients,
    private readonly readFrom: ReadFrom
  ) {}

  /** The place of a node, the same object each time. */
  of(node: Node, role: Role): Place {
    const known = this.places[role].get(node)
    if (known !== undefined) return known
    const place: Place = { target: makeTarget(node, role), asking: false }
    this.places[role].set(node, place)
    return place
  }

  /** Where a command of a slot goes now; without a slot to any primary. `undefined` when no node is known for it. */
  at(slot: number | undefined, readOnly: boolean): Place | undefined {
    const table = this.table()
    const shard = slot === undefined ? this.anyShard(table.shards) : table.shardOf(slot)
    if (shard === undefined) return undefined
    if (!readOnly || this.readFrom === "primary") return this.of(shard.primary, "primary")
    return this.toRead(shard)
  }

  /** In turn, passing over those that have failed lately while another has not. */
  private anyShard(shards: ReadonlyArray<Shard>): Shard | undefined {
    for (let tries = shards.length; tries > 0; tries--) {
      const shard = shards[this.turn++ % shards.length]!
      if (!this.clients.isBlamed(this.of(shard.primary, "primary").target)) return shard
    }
    return shards[this.turn % shards.length]
  }

  private toRead({ primary, replicas }: Shard): Place | undefined {
    const places = replicas.map((node) => this.of(node, "replica"))
    if (this.readFrom === "nearest") {
      const latency = ({ target }: Place) => this.latencies.get(target.node.address) ?? Number.POSITIVE_INFINITY
      places.push(this.of(primary, "primary"))
      places.sort((a, b) => latency(a) - latency(b))
    } else if (places.length > 1) {
      const first = this.turn++ % places.length
      places.push(...places.splice(0, first))
    }
    if (this.readFrom === "preferReplica") places.push(this.of(primary, "primary"))
    // When all have failed, each has its turn: the one whose failure is longest ago.
    let best = places[0]
    for (const place of places) {
      if (this.clients.blamedUntil(place.target) < this.clients.blamedUntil(best!.target)) best = place
    }
    return best
  }
}
