/** What to do with one command: to which slot or nodes it goes, whole or in parts. */
import { Command, type Reply } from "@effect-resp/core"
import * as Slot from "../Slot.js"
import { first, type Merge, sum } from "./merge.js"
import { anyPrimary, type Policy, policyOf } from "./policy.js"

/** Keys in two slots, of which no one node can serve both. */
export interface Cross {
  readonly _tag: "Cross"
  readonly slots: readonly [number, number]
}

/** What one slot gets of a command that was split. */
export interface Part {
  readonly slot: number
  readonly words: ReadonlyArray<Command.Word>
}

export type Plan =
  | { readonly _tag: "Slot"; readonly slot: number }
  | { readonly _tag: "Keyless"; readonly policy: Policy }
  /** `merge` takes the replies in the order of the parts. */
  | { readonly _tag: "Split"; readonly parts: ReadonlyArray<Part>; readonly merge: Merge }
  | Cross

const isArgument = (word: unknown): word is Command.Argument =>
  typeof word === "string" || typeof word === "number" || typeof word === "bigint" || word instanceof Uint8Array

// It is refused when it is encoded, or by the server: where it goes does not matter.
const unroutable: Plan = { _tag: "Keyless", policy: anyPrimary }

/**
 * Commands that mean the same in parts: the words that go with each key, and how the parts' replies become one; without
 * a merge, by putting the values where their keys were.
 */
const splittable = new Map<string, { readonly step: number; readonly merge?: Merge }>([
  ["DEL", { step: 1, merge: sum }],
  ["UNLINK", { step: 1, merge: sum }],
  ["EXISTS", { step: 1, merge: sum }],
  ["TOUCH", { step: 1, merge: sum }],
  ["MGET", { step: 1 }],
  ["MSET", { step: 2, merge: first }]
])

/** Puts the values of the parts where their keys were; `false`, which no list decodes from, when they are not as many. */
const scatter =
  (places: ReadonlyArray<ReadonlyArray<number>>): Merge =>
  (replies) => {
    const values: Array<Reply.Raw> = []
    for (let part = 0; part < places.length; part++) {
      const reply = replies[part]
      const own = places[part]!
      if (!Array.isArray(reply) || reply.length !== own.length) return false
      for (let i = 0; i < own.length; i++) values[own[i]!] = reply[i]
    }
    return values
  }

/** The command in parts, one a slot; `undefined` when it is not one of those, or has other words beside its keys. */
const splitOf = (command: Command.Command<unknown>, positions: ReadonlyArray<number>): Plan | undefined => {
  const { definition, words } = command
  const how = splittable.get(definition.name)
  if (how === undefined || words.length !== 1 + positions.length * how.step) return undefined
  // No part may be sent when another cannot be.
  if (Command.unsendable(command) !== undefined) return unroutable
  const parts = new Map<number, { readonly words: Array<Command.Word>; readonly places: Array<number> }>()
  for (let place = 0; place < positions.length; place++) {
    const at = 1 + place * how.step
    if (positions[place] !== at) return undefined
    const slot = Slot.ofKey(words[at] as Command.Argument)
    let part = parts.get(slot)
    if (part === undefined) {
      part = { words: [words[0]!], places: [] }
      parts.set(slot, part)
    }
    for (let i = at; i < at + how.step; i++) part.words.push(words[i]!)
    part.places.push(place)
  }
  const places = [...parts.values()].map((part) => part.places)
  return {
    _tag: "Split",
    parts: Array.from(parts, ([slot, { words }]) => ({ slot, words })),
    merge: how.merge ?? scatter(places)
  }
}

/** What to do with a command. */
export const planOf = (command: Command.Command<unknown>): Plan => {
  const positions = Command.keyPositions(command)
  if (positions.length === 0) return { _tag: "Keyless", policy: policyOf(command) }
  let slot = -1
  for (let i = 0; i < positions.length; i++) {
    const word = command.words[positions[i]!]
    if (!isArgument(word)) return unroutable
    const next = Slot.ofKey(word)
    if (slot === -1) slot = next
    else if (next !== slot) return splitOf(command, positions) ?? { _tag: "Cross", slots: [slot, next] }
  }
  const plan = plans[slot] ?? { _tag: "Slot", slot }
  plans[slot] = plan
  return plan
}

/** Of each slot, made when it is first needed. */
const plans = new Array<Plan | undefined>(Slot.count).fill(undefined)

/** The slot that all keys are in; `undefined` when there is no key. */
export const slotOfKeys = (keys: ReadonlyArray<Command.Argument>): number | undefined | Cross => {
  let slot: number | undefined
  for (const key of keys) {
    const next = Slot.ofKey(key)
    if (slot !== undefined && next !== slot) return { _tag: "Cross", slots: [slot, next] }
    slot = next
  }
  return slot
}
