/**
 * Something that waits to be written and then for its replies: one command, or a run of commands that stay together.
 */
import type { Failure } from "./failure.js"
import type { Payload } from "./protocol/encoder.js"
import type { RespValue } from "./protocol/value.js"

/** An entry of the queue of one connection. */
export abstract class Entry {
  /** Bytes of it were handed to the socket. */
  written = false
  /** The caller has its answer or has gone; replies still to come are read and dropped. */
  settled = false
  /** The tick of its queue's clock at which it has waited for too long. */
  expires: number | undefined = undefined
  /** What was its `progress` when its deadline was last judged: a long run of results may take longer than one deadline. */
  judged = 0

  constructor(
    /** Emptied when it is written, so that a thousand in flight are not a thousand texts in memory. */
    public payload: Payload,
    /** Roughly its bytes, for the bounds. */
    readonly size: number,
    /** Replies still to come. */
    public remaining: number,
    /** How long it may wait for a reply, in milliseconds; `undefined` is for ever. */
    readonly timeout: number | undefined
  ) {}

  /** Nobody waits for it any more. */
  get isAbandoned(): boolean {
    return false
  }

  /** How many results have come; what ASKING, MULTI and queued commands are answered does not count. */
  get progress(): number {
    return 0
  }

  /** Whether the next reply's strings are wanted as bytes. */
  abstract wantsBytes(): boolean
  /** Takes the next reply. Called only while not settled. */
  abstract receive(value: RespValue): void
  /** There will be no more replies. Called at most once, and only while not settled. */
  abstract fail(failure: Failure): void
}
