/**
 * What a node says of itself: the slots it serves, and those that come and go.
 */
import { isSlot } from "./topology.js"

export interface NodeView {
  readonly id: string
  /** Whether it is a primary and serves the slot. */
  readonly owns: (slot: number) => boolean
  /** Slots on their way to another node, with that node's id. */
  readonly migrating: ReadonlyMap<number, string>
  /** Slots on their way here, with the id of where they come from. */
  readonly importing: ReadonlyMap<number, string>
}

/** Reads the line about itself in a node's CLUSTER NODES; `undefined` when there is none. */
export const parseNodeView = (text: string): NodeView | undefined => {
  for (const line of text.split("\n")) {
    const [id, , flags = "", , , , , , ...marks] = line.trim().split(" ")
    if (id === undefined || !flags.split(",").includes("myself")) continue
    const slots = new Set<number>()
    const migrating = new Map<number, string>()
    const importing = new Map<number, string>()
    for (const mark of marks) {
      const moving = /^\[(\d{1,5})-([<>])-([0-9a-f]+)\]$/.exec(mark)
      if (moving !== null) (moving[2] === ">" ? migrating : importing).set(Number(moving[1]), moving[3]!)
      const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(mark)
      if (range === null) continue
      const last = Number(range[2] ?? range[1])
      for (let slot = Number(range[1]); slot <= last && isSlot(slot); slot++) slots.add(slot)
    }
    const isPrimary = flags.split(",").includes("master")
    return { id, owns: (slot) => isPrimary && slots.has(slot), migrating, importing }
  }
}
