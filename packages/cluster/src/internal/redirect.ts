/** Where a cluster sends a command that came to the wrong node. */
import * as Slot from "../Slot.js"
import type { Address } from "../Topology.js"
import { resolveAddress } from "./topology.js"

export interface Redirect {
  /** `Moved`: the slot lives there from now on. `Ask`: for this command only, while the slot is on its way there. */
  readonly _tag: "Moved" | "Ask"
  readonly slot: number
  readonly address: Address
}

// The last colon ends the host, so that an IPv6 address needs no brackets.
const pattern = /^(MOVED|ASK) (0|[1-9]\d{0,4}) (\S*):([1-9]\d{0,4})$/

/**
 * Reads `MOVED 3999 host:port` or `ASK 3999 host:port`, the text of an error that `origin` gave; an empty host is the
 * origin's own. Anything else, or an address that cannot be, is `undefined`.
 */
export const parseRedirect = (text: string, origin: Address): Redirect | undefined => {
  const found = pattern.exec(text)
  if (found === null) return undefined
  const slot = Number(found[2])
  const address = resolveAddress(found[3]!, Number(found[4]), origin)
  return slot >= Slot.count || address === undefined
    ? undefined
    : { _tag: found[1] === "MOVED" ? "Moved" : "Ask", slot, address }
}
