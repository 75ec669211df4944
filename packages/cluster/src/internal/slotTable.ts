/** Which shard serves a slot. */
import * as Slot from "../Slot.js"
import { type Address, addressOf, type Node, type Shard, type Topology } from "../Topology.js"
import { isSlot, makeNode } from "./topology.js"

/** Finds the shard of a slot at once, and learns from MOVED. */
export class SlotTable {
  private readonly table = new Array<Shard | undefined>(Slot.count).fill(undefined)
  private known: ReadonlyArray<Shard>
  private uncovered = Slot.count
  /** What it was made of, and whether it still is that. */
  readonly source: string
  isAsTold = true

  constructor(topology: Topology) {
    this.known = topology.shards
    this.source = JSON.stringify(topology)
    for (const shard of topology.shards) {
      for (const [first, last] of shard.slots) {
        for (let slot = Math.max(first, 0); slot <= last && slot < Slot.count; slot++) this.assign(slot, shard)
      }
    }
  }

  /** The shards. Their ranges are those of the topology: what `moved` changed shows in `shardOf` only. */
  get shards(): ReadonlyArray<Shard> {
    return this.known
  }

  /** Every primary and replica, each once. */
  get nodes(): ReadonlyArray<Node> {
    const nodes = this.known.flatMap(({ primary, replicas }) => [primary, ...replicas])
    return [...new Map(nodes.map((node) => [node.address, node])).values()]
  }

  get coversAllSlots(): boolean {
    return this.uncovered === 0
  }

  shardOf(slot: number): Shard | undefined {
    return this.table[slot]
  }

  /**
   * The slot is served at that address from now on. When that is a replica of the slot's own shard, it was promoted, and
   * all the shard's slots go with it: one redirection for a failover instead of one for each slot.
   */
  moved(slot: number, address: Address): void {
    if (!isSlot(slot)) return
    this.isAsTold = false
    const name = addressOf(address)
    const shard = this.known.find(({ primary }) => primary.address === name)
    if (shard !== undefined) return this.assign(slot, shard)
    const old = this.table[slot]
    const promoted = old?.replicas.find((replica) => replica.address === name)
    if (old === undefined || promoted === undefined) {
      const fresh = { primary: makeNode(address, undefined), replicas: [], slots: [] }
      this.known = [...this.known, fresh]
      return this.assign(slot, fresh)
    }
    const replicas = old.replicas.filter((replica) => replica !== promoted)
    const successor = { primary: promoted, replicas, slots: old.slots }
    this.known = this.known.map((shard) => (shard === old ? successor : shard))
    for (let i = 0; i < Slot.count; i++) if (this.table[i] === old) this.table[i] = successor
  }

  private assign(slot: number, shard: Shard): void {
    if (this.table[slot] === undefined) this.uncovered--
    this.table[slot] = shard
  }
}
