/** Looks into raw replies and never throws: what does not have the wanted shape is `undefined`. */
import type { Reply } from "@effect-resp/core"

// Array.isArray does not narrow a readonly array.
const isArray = (raw: Reply.Raw | undefined): raw is ReadonlyArray<Reply.Raw> => Array.isArray(raw)

/** The elements of an array or a set; null counts as empty, as it does for the commands' own decoders. */
export const elementsOf = (raw: Reply.Raw | undefined): ReadonlyArray<Reply.Raw> | undefined => {
  if (raw === null) return []
  if (isArray(raw)) return raw
  return typeof raw === "object" && "items" in raw ? raw.items : undefined
}

/** Keys and values, one after the other: of a RESP3 map, or of a flat array. */
export const entriesOf = (raw: Reply.Raw | undefined): ReadonlyArray<Reply.Raw> | undefined => {
  // Arrays and bytes have a method of that name.
  if (typeof raw === "object" && raw !== null && "entries" in raw && typeof raw.entries !== "function") {
    return raw.entries
  }
  const flat = elementsOf(raw)
  return flat !== undefined && flat.length % 2 === 0 ? flat : undefined
}

/** The value of a map by its key. A loop, for there are few and names from outside index nothing. */
export const fieldOf = (raw: Reply.Raw | undefined, name: string): Reply.Raw | undefined => {
  const entries = entriesOf(raw) ?? []
  for (let i = 0; i + 1 < entries.length; i += 2) if (entries[i] === name) return entries[i + 1]
  return undefined
}
