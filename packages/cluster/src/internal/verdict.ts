/**
 * What a failure means for routing: whether another attempt is allowed, and where.
 */
import { RedisError, Transaction } from "@effect-resp/core"
import type { Address } from "../Topology.js"
import { parseRedirect, type Redirect } from "./redirect.js"

/** What to do about a failure. */
export type Verdict =
  /** It is the caller's. `suspect`: the node may be gone, so the map is asked for again; `leave`: others had rather use another. */
  | { readonly _tag: "GiveUp"; readonly suspect: boolean; readonly leave: boolean }
  | Redirect
  /** It passes by itself: once more after a pause. `suspect` and `leave` as above. */
  | {
      readonly _tag: "Again"
      readonly suspect: boolean
      readonly leave: boolean
      /** Only a new map will help. */
      readonly isFormer?: true
    }

const mine: Verdict = { _tag: "GiveUp", suspect: false, leave: false }
const busy: Verdict = { _tag: "GiveUp", suspect: true, leave: false }
const lost: Verdict = { _tag: "GiveUp", suspect: true, leave: true }
const wait: Verdict = { _tag: "Again", suspect: false, leave: false }
const lookAgain: Verdict = { _tag: "Again", suspect: true, leave: false }
const elsewhere: Verdict = { _tag: "Again", suspect: true, leave: true }

const former: Verdict = { _tag: "Again", suspect: true, leave: false, isFormer: true }

/** Refusals that pass by themselves, all given before the command ran. */
const passing: ReadonlyMap<string, Verdict> = new Map([
  ["TRYAGAIN", wait],
  ["CLUSTERDOWN", lookAgain],
  ["LOADING", elsewhere],
  ["MASTERDOWN", elsewhere],
  // The node has become a replica.
  ["READONLY", former],
  ["UNBLOCKED", former]
])

const ofRefusal = (code: string, text: string, origin: Address): Verdict => {
  // With other words it is CLIENT UNBLOCK's, by which somebody ends the waiting on purpose.
  if (code === "UNBLOCKED" && !text.startsWith("UNBLOCKED force unblock")) return mine
  if (code !== "MOVED" && code !== "ASK") return passing.get(code) ?? mine
  return parseRedirect(text, origin) ?? lookAgain
}

/** The verdict on an error that came from, or on the way to, a node. */
export const verdictOf = (error: unknown, origin: Address): Verdict => {
  if (error instanceof RedisError.ReplyError) {
    return error.outcome === "Rejected" ? ofRefusal(error.code, error.text, origin) : mine
  }
  if (error instanceof Transaction.ExecAbortError) {
    for (const refused of error.errors) {
      const verdict = verdictOf(refused, origin)
      if (verdict._tag !== "GiveUp") return verdict
    }
    // "EXECABORT Transaction discarded because of: LOADING …"
    const [, text = "", code = ""] = /because of: (([A-Z]+)\b.*)/s.exec(error.text) ?? []
    return ofRefusal(code, text, origin)
  }
  if (error instanceof RedisError.ConnectionError) {
    if (error.reason === "Auth" || error.reason === "Overloaded") return mine
    return error.outcome === "NotSent" || error.idempotent === true ? elsewhere : lost
  }
  if (error instanceof RedisError.ProtocolError) {
    return error.outcome === "NotSent" || error.idempotent === true ? elsewhere : lost
  }
  if (error instanceof RedisError.TimeoutError) {
    // All connections are lent: to those who wait for a node that is silent, perhaps.
    if (error.phase === "Reserve") return busy
    return error.outcome === "NotSent" ? elsewhere : lost
  }
  if (error instanceof RedisError.ClusterError) return error.reason === "Redirections" ? mine : lookAgain
  // The watch was lost before anything else was done.
  return error instanceof Transaction.WatchError && error.reason === "ConnectionReset" ? elsewhere : mine
}
