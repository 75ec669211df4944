/**
 * One live connection: what was written and waits for its reply, in order, and nothing else.
 */
import type { Transport, TransportHandler } from "../Transport.js"
import type { Entry } from "./entry.js"
import { type Failure, withoutArguments } from "./failure.js"
import { Decoder } from "./protocol/decoder.js"
import type { Payload } from "./protocol/encoder.js"
import { RespError, RespProtocolError, type RespValue } from "./protocol/value.js"
import { Ring } from "./ring.js"
import { inBatch } from "./suspension.js"

/** What a connection tells of itself. */
export interface ConnectionListener {
  /** Replies came in, so there may be room for more. */
  readonly onProgress: () => void
  readonly onDrain: () => void
  readonly onClose: (failure: Failure) => void
  readonly onPush?: (items: ReadonlyArray<RespValue>) => void
  /** A reply for which nothing waits; where nobody listens it is a breach of the protocol. */
  readonly onOrphan?: (value: RespValue) => void
  /** Takes all that comes in as it is, undecoded. */
  readonly onBytes?: (chunk: Uint8Array) => void
}

const silent: ConnectionListener = { onProgress: () => {}, onDrain: () => {}, onClose: () => {} }

/** Text is handed to the socket in pieces of about this size, so that a huge burst is not one huge string. */
const writeSize = 65_536

const longText = 2 ** 28

export class Connection implements TransportHandler {
  listener: ConnectionListener = silent
  /** Commands whose reply has not come. */
  commandsInFlight = 0
  bytesInFlight = 0
  /** Set when the connection has ended. */
  ended: Failure | undefined
  /** How many bytes came in, for the watchdog. */
  received = 0
  /** How many replies, for the same. */
  answered = 0
  /** False while the socket's buffer is full. */
  writable = true
  private transport: Transport | undefined
  private readonly inFlight = new Ring<Entry>()
  private readonly decoder: Decoder
  private text = ""
  private corked = false

  constructor(
    readonly address: string,
    options: { readonly allBytes?: boolean } = {}
  ) {
    const allBytes = options.allBytes === true
    this.decoder = new Decoder(
      {
        onReply: (value) => this.onReply(value),
        onPush: (items) => this.listener.onPush?.(items),
        bytesWanted: () => allBytes || this.inFlight.peek()?.wantsBytes() === true
      },
      { pushBytes: allBytes }
    )
  }

  /** Binds the open transport; before that nothing can be written. */
  open(transport: Transport): void {
    this.transport = transport
    if (this.ended !== undefined) transport.destroy()
  }

  get isOpen(): boolean {
    return this.transport !== undefined
  }

  /** Queues an entry's bytes for `flush`. From here on its outcome without a reply is unknown. */
  write(entry: Entry): void {
    entry.written = true
    this.inFlight.push(entry)
    this.commandsInFlight += entry.remaining
    this.bytesInFlight += entry.size
    this.writeUnpaired(entry.payload)
    entry.payload = ""
  }

  /** Queues bytes for `flush` of which the listener, not an entry, gets the replies. */
  writeUnpaired(payload: Payload): void {
    if (typeof payload === "string") this.append(payload)
    else for (const part of payload) this.append(part)
  }

  private append(part: string | Uint8Array): void {
    if (typeof part === "string") {
      // Together they might be longer than a string can be.
      if (part.length > longText) this.sendText()
      this.text += part
      if (this.text.length >= writeSize) this.sendText()
    } else {
      // Bytes go out as they are, in one write with the text around them.
      if (!this.corked) this.transport?.cork()
      this.corked = true
      this.sendText()
      this.send(part)
    }
  }

  /** Hands all that was gathered to the socket, in one write. */
  flush(): void {
    this.sendText()
    if (this.corked) this.transport?.uncork()
    this.corked = false
  }

  private sendText(): void {
    if (this.text === "") return
    const text = this.text
    this.text = ""
    this.send(text)
  }

  private send(chunk: string | Uint8Array): void {
    if (this.transport?.write(chunk) === false) this.writable = false
  }

  /** Bytes that the socket still has to send, as far as it tells. */
  get pending(): number {
    return this.transport?.pending?.() ?? 0
  }

  pause(): void {
    this.transport?.pause()
  }

  resume(): void {
    this.transport?.resume()
  }

  /** Whose reply is the next, or is being read. */
  get first(): Entry | undefined {
    return this.inFlight.peek()
  }

  /** Applies to every entry in flight. */
  forEach(f: (entry: Entry) => void): void {
    this.inFlight.forEach(f)
  }

  /** Ends the connection; everything in flight fails. */
  close(failure: Failure): void {
    if (this.ended !== undefined) return
    this.ended = failure
    this.writable = false
    // Nothing is kept of those who open it and listen: an error's stack may keep the connection, and their retry the error
    // before, so that each would keep the one before it for as long as connections are lost again and again.
    const { listener, transport } = this
    this.listener = silent
    this.transport = undefined
    transport?.destroy()
    this.commandsInFlight = 0
    this.bytesInFlight = 0
    for (const entry of this.inFlight.drain()) {
      if (!entry.settled) {
        entry.settled = true
        entry.fail(failure)
      }
    }
    listener.onClose(failure)
  }

  private onReply(value: RespValue): void {
    if (this.ended !== undefined) return
    const entry = this.inFlight.peek()
    if (entry === undefined) return this.orphan(value)
    this.answered++
    this.commandsInFlight--
    if (--entry.remaining === 0) {
      this.inFlight.shift()
      this.bytesInFlight -= entry.size
    }
    if (!entry.settled) entry.receive(value)
  }

  private orphan(value: RespValue): void {
    if (this.listener.onOrphan !== undefined) this.listener.onOrphan(value)
    else if (value instanceof RespError) {
      // The server's way to turn a client away, such as "max number of clients reached".
      this.close({
        _tag: "Connection",
        reason: "Handshake",
        address: this.address,
        detail: withoutArguments(value.message)
      })
    } else this.close({ _tag: "Protocol", address: this.address, reason: "a reply for which no command waits" })
  }

  readonly onData = (chunk: Uint8Array): void => {
    if (this.ended !== undefined) return
    this.received += chunk.length
    if (this.listener.onBytes !== undefined) return this.listener.onBytes(chunk)
    inBatch(() => this.read(chunk))
  }

  private read(chunk: Uint8Array): void {
    try {
      this.decoder.write(chunk)
    } catch (cause) {
      // Whatever went wrong, the pairing of replies is in doubt.
      const reason =
        cause instanceof RespProtocolError
          ? cause.message
          : `a reply could not be taken (${cause instanceof Error ? cause.name : typeof cause})`
      return this.close({ _tag: "Protocol", address: this.address, reason })
    }
    this.listener.onProgress()
  }

  readonly onDrain = (): void => {
    this.writable = this.ended === undefined
    this.listener.onDrain()
  }

  readonly onClose = (detail: string): void => {
    this.close({ _tag: "Connection", reason: "Lost", address: this.address, detail })
  }
}
