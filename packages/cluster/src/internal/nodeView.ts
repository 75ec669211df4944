/**
 * What a node says of itself: the slots it serves, and those that come and go.
 */
import * as Slot from "../Slot.js"

export interface NodeView {
  readonly id: string
  /** Whether it is a primary and serves the slot. */
  readonly owns: (slot: number) => boolean
  /** Slots on their way to another node, with that node's id. */
  readonly migrating: ReadonlyMap<number, string>
  /** Slots on their way here, with the id of where they come from. */
  readonly importing: ReadonlyMap<number, string>
  /** Grows whenever a slot has arrived, so that one which went and came back is noticed; absent where slots stay. */
  readonly epoch?: string
  /** All of this as the node said it, to compare. */
  readonly told?: string
}

/** Reads the line about itself in a node's CLUSTER NODES; `undefined` when there is none. */
export const parseNodeView = (text: string): NodeView | undefined => {
  for (const line of text.split("\n")) {
    const [id, , flags = "", , , , epoch = "", , ...marks] = line.trim().split(" ")
    if (id === undefined || !flags.split(",").includes("myself")) continue
    const slots = new Uint8Array(Slot.count)
    const migrating = new Map<number, string>()
    const importing = new Map<number, string>()
    for (const mark of marks) {
      const moving = /^\[(\d{1,5})-([<>])-([0-9a-f]+)\]$/.exec(mark)
      if (moving !== null) (moving[2] === ">" ? migrating : importing).set(Number(moving[1]), moving[3]!)
      const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(mark)
      if (range === null) continue
      const last = Number(range[2] ?? range[1])
      slots.fill(1, Number(range[1]), last + 1)
    }
    const isPrimary = flags.split(",").includes("master")
    return {
      id,
      epoch,
      told: [flags, epoch, ...marks].join(" "),
      owns: (slot) => isPrimary && slots[slot] === 1,
      migrating,
      importing
    }
  }
}
