/**
 * MONITOR on a connection of its own, which does nothing else.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RedisError } from "../RedisError.js"
import type { Connection } from "./connection.js"
import { type Failure, failureError, replyError } from "./failure.js"
import type { OpenError } from "./handshake.js"
import { Inbox } from "./inbox.js"
import { answeredWithin } from "./lateness.js"
import { encodeCommand } from "./protocol/encoder.js"
import { Gather } from "./protocol/gather.js"
import { decodeText } from "./protocol/text.js"
import { RespError } from "./protocol/value.js"
import { repeatChunk } from "./pubSub.js"
import { inBatch } from "./suspension.js"
import { subscriptionCommand } from "./topic.js"

/** Lines that wait to be taken, of `maxBytes` together; the socket waits with more. */
const capacity = 1_024

/** The longest line, in bytes: a string can be hardly longer. */
const longest = 2 ** 29 - 64

const LF = 0x0a
const MINUS = 0x2d

/** Splits what comes in into lines, without the CR LF. They may be far longer than the decoder lets a line be. */
class Lines {
  private begun = new Gather(longest)

  /** `type` is the first byte, which the text is without. */
  constructor(private readonly onLine: (type: number | undefined, text: string) => void) {}

  /** False when a line is too long. */
  write(chunk: Uint8Array): boolean {
    let start = 0
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      if (this.begun.length === 0) this.emit(chunk, start, end)
      else {
        if (!this.hold(chunk, start, end)) return false
        const line = this.begun.view()
        this.begun = new Gather(longest)
        this.emit(line, 0, line.length)
      }
      start = end + 1
    }
    return start === chunk.length || this.hold(chunk, start, chunk.length)
  }

  /** A line, which ends at its LF; it may be shorter than lines are. */
  private emit(bytes: Uint8Array, start: number, end: number): void {
    this.onLine(bytes[start], decodeText(bytes, start + 1, Math.max(start + 1, end - 1)))
  }

  private hold(chunk: Uint8Array, start: number, end: number): boolean {
    if (this.begun.length + end - start > longest) return false
    this.begun.append(chunk, start, end)
    return true
  }
}

const command = subscriptionCommand("MONITOR")

class LineInbox extends Inbox<string> {
  protected override sizeOf(line: string): number {
    return line.length
  }
}

const start = (connection: Connection): Inbox<string> => {
  const inbox: Inbox<string> = new LineInbox(capacity, () => (inbox.isFull ? connection.pause() : connection.resume()))
  const fail = (failure: Failure) => inbox.fail(failureError(failure, true, command))
  const lines = new Lines((type, text) => {
    // Every line is a simple string, on RESP3 too; only a refusal is an error.
    if (type === MINUS) inbox.fail(replyError(RespError.fromText(text), command))
    else inbox.push(text)
  })
  const { address } = connection
  connection.listener = {
    onProgress: () => {},
    onDrain: () => {},
    onBytes: (chunk) =>
      inBatch(() => {
        if (!lines.write(chunk)) connection.close({ _tag: "Protocol", address, reason: "a line is too long" })
      }),
    onClose: fail
  }
  if (connection.ended !== undefined) fail(connection.ended)
  connection.writeUnpaired(encodeCommand(["MONITOR"]))
  connection.flush()
  return inbox
}

/** What MONITOR answers, line by line: OK, and then each command. Fails when the connection is lost. */
export const openMonitor = (
  open: Effect.Effect<Connection, OpenError, Scope.Scope>,
  commandTimeout: number
): Stream.Stream<string, RedisError> =>
  Stream.unwrapScoped(
    Effect.map(open, (connection) => {
      const inbox = start(connection)
      const answer = answeredWithin(commandTimeout, () =>
        failureError({ _tag: "Timeout", millis: commandTimeout, connected: true }, true, command)
      )(inbox.take)
      return Stream.concat(Stream.fromEffect(answer), repeatChunk(Effect.map(inbox.takeAll, Chunk.unsafeFromArray)))
    })
  )
