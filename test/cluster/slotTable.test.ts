import { Slot } from "@effect-resp/cluster"
import { SlotTable } from "@effect-resp/cluster/internal/slotTable"
import { addressOf, type Node, type Shard, type Topology } from "@effect-resp/cluster/Topology"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"

const node = (host: string, port: number): Node => ({ id: undefined, host, port, address: addressOf({ host, port }) })

const topology: Topology = {
  shards: [
    { primary: node("10.0.0.1", 7001), replicas: [node("10.0.0.2", 7002)], slots: [[0, 5461]] },
    { primary: node("10.0.0.3", 7003), replicas: [], slots: [[5462, 16_383]] }
  ]
}

describe("the table of slots", () => {
  /** Any topology of up to five shards, by who owns each of a few ranges; some slots nobody owns. */
  const topologies = fc
    .array(fc.tuple(fc.nat(Slot.count - 1), fc.nat(5)), { minLength: 1, maxLength: 20 })
    .map((cuts) => {
      const bounds = [...new Map(cuts)].sort(([a], [b]) => a - b)
      const ranges = bounds.map(([first, owner], i) => ({
        owner,
        range: [first, (bounds[i + 1]?.[0] ?? Slot.count) - 1] as const
      }))
      const shards = [0, 1, 2, 3, 4].map((owner): Shard => {
        const slots = ranges.filter((range) => range.owner === owner).map(({ range }) => range)
        return { primary: node("p", owner + 1), replicas: [node("r", owner + 1)], slots }
      })
      return { shards }
    })

  it("agrees with the topology it was made from", () => {
    fc.assert(
      fc.property(topologies, (topology) => {
        const table = new SlotTable(topology)
        const owners = new Array<Shard | undefined>(Slot.count).fill(undefined)
        for (const shard of topology.shards) {
          for (const [first, last] of shard.slots) owners.fill(shard, first, last + 1)
        }
        for (let slot = 0; slot < Slot.count; slot++) {
          if (table.shardOf(slot) !== owners[slot]) throw new Error(`slot ${slot}`)
        }
        expect(table.coversAllSlots).toBe(!owners.includes(undefined))
        expect(table.shards).toBe(topology.shards)
        expect(table.nodes).toHaveLength(10)
      }),
      { numRuns: 50 }
    )
  })

  it("knows no other slots", () => {
    const table = new SlotTable(topology)
    for (const slot of [-1, Slot.count, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      table.moved(slot, { host: "x", port: 1 })
      expect(table.shardOf(slot)).toBeUndefined()
    }
    expect(table.nodes).toHaveLength(3)
    const odd = new SlotTable({ shards: [{ ...topology.shards[0]!, slots: [[-5, 1e9]] }] })
    expect(odd.coversAllSlots).toBe(true)
  })

  it("gives a slot that moved to the shard of that primary, and nothing else", () => {
    const table = new SlotTable(topology)
    table.moved(3, { host: "10.0.0.3", port: 7003 })
    expect(table.shardOf(3)).toBe(topology.shards[1])
    expect(table.shardOf(2)).toBe(topology.shards[0])
    expect(table.shardOf(4)).toBe(topology.shards[0])
    expect(table.shards).toEqual(topology.shards)
    expect(table.coversAllSlots).toBe(true)
  })

  it("counts a node once, also where two shards name it", () => {
    const [one, two] = topology.shards
    const table = new SlotTable({ shards: [one!, { ...two!, replicas: one!.replicas }] })
    expect(table.nodes.map(({ port }) => port)).toEqual([7001, 7002, 7003])
  })

  it("takes a replica that a slot of its own shard moved to for the shard's new primary", () => {
    const table = new SlotTable(topology)
    table.moved(3, { host: "10.0.0.2", port: 7002 })
    for (const slot of [0, 3, 5461]) {
      expect(table.shardOf(slot)).toMatchObject({ primary: topology.shards[0]!.replicas[0], replicas: [] })
    }
    expect(table.shardOf(5462)).toBe(topology.shards[1])
    expect(table.shards.map(({ primary }) => primary.port)).toEqual([7002, 7003])
    expect(table.coversAllSlots).toBe(true)
  })

  it("learns of nodes that it did not know, each once", () => {
    const table = new SlotTable({ shards: [{ ...topology.shards[0]!, slots: [[0, 16_382]] }] })
    expect(table.coversAllSlots).toBe(false)
    table.moved(16_383, { host: "::2", port: 1 })
    expect(table.coversAllSlots).toBe(true)
    table.moved(9, { host: "::2", port: 1 })
    expect(table.shardOf(9)).toBe(table.shardOf(16_383))
    expect(table.shardOf(9)?.primary).toEqual(node("::2", 1))
    expect(table.shards).toHaveLength(2)
  })

  it("may be empty", () => {
    const table = new SlotTable({ shards: [] })
    expect(table.shardOf(0)).toBeUndefined()
    expect(table.nodes).toEqual([])
    expect(table.coversAllSlots).toBe(false)
  })
})
