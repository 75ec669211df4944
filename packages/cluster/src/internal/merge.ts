/**
 * One reply out of those of several nodes. What is not of the shape that a merge is for comes back as it is, or `false`
 * for arrays that do not match, so that the command's own decoder refuses it.
 */
import type { Reply } from "@effect-resp/core"
import { elementsOf, entriesOf } from "./rawReply.js"

/** Raw replies without errors among them, in; one, out. */
export type Merge = (replies: ReadonlyArray<Reply.Raw>) => Reply.Raw

type Integer = number | bigint

const isInteger = (raw: Reply.Raw): raw is Integer => typeof raw === "bigint" || Number.isInteger(raw)

const add = (a: Integer, b: Integer): Integer => {
  const sum = Number(a) + Number(b)
  // Exact, also where one of them is a bigint.
  return Number.isSafeInteger(sum) ? sum : BigInt(a) + BigInt(b)
}

/** Two integers, or two arrays of them element by element. */
const combine = (a: Reply.Raw, b: Reply.Raw, of: (a: Integer, b: Integer) => Integer): Reply.Raw => {
  if (!isInteger(a)) {
    if (!Array.isArray(a)) return a
    return Array.isArray(b) && a.length === b.length ? a.map((item, i) => combine(item, b[i], of)) : false
  }
  return isInteger(b) ? of(a, b) : b
}

const integers =
  (of: (a: Integer, b: Integer) => Integer): Merge =>
  (replies) =>
    replies.length === 0 ? null : replies.reduce((a, b) => combine(a, b, of))

/** The first: of replies that are all the same. */
export const first: Merge = (replies) => replies[0] ?? null

/** The sum of integers, or of arrays of them element by element. */
export const sum: Merge = integers(add)

// Math.min takes no bigint.
const least = (a: Integer, b: Integer): Integer => (a > b ? b : a)

/** The least of integers, or of arrays of them element by element: of zeros and ones, whether all are one. */
export const min: Merge = integers(least)

/** All elements, one reply behind the other. */
export const concat: Merge = (replies) => {
  const lists: Array<ReadonlyArray<Reply.Raw>> = []
  for (const reply of replies) {
    const elements = elementsOf(reply)
    if (elements === undefined) return reply
    lists.push(elements)
  }
  return lists.flat(1)
}

// Bytes have no equality. A command's replies have either text or bytes, so that the two do not meet.
const identity = (raw: Reply.Raw): unknown => (raw instanceof Uint8Array ? raw.join() : raw)

/** All elements, each once. */
export const union: Merge = (replies) => {
  const all = concat(replies)
  const elements = elementsOf(all)
  return elements === undefined ? all : [...new Map(elements.map((element) => [identity(element), element])).values()]
}

/** Counts by name, as flat pairs: the sum for each name. */
export const sumByName: Merge = (replies) => {
  const counts = new Map<unknown, readonly [name: Reply.Raw, count: Reply.Raw]>()
  for (const reply of replies) {
    const entries = entriesOf(reply)
    if (entries === undefined) return reply
    for (let i = 0; i + 1 < entries.length; i += 2) {
      const name = entries[i]!
      const count = entries[i + 1]!
      const before = counts.get(identity(name))
      counts.set(identity(name), [name, before === undefined ? count : combine(before[1], count, add)])
    }
  }
  return [...counts.values()].flat(1)
}

/** Any that is not null; which one is left to chance, so that no node is preferred. */
export const anyNonNull: Merge = (replies) => {
  const start = Math.floor(Math.random() * replies.length)
  return [...replies.slice(start), ...replies.slice(0, start)].find((reply) => reply !== null) ?? null
}
