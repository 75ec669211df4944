/**
 * What waits for a connection, and the bounds and deadlines of all that waits or is in flight.
 */
import type { Connection } from "./connection.js"
import type { Entry } from "./entry.js"
import type { Failure } from "./failure.js"
import { Ring } from "./ring.js"

/** Bounds of one queue. */
export interface QueueLimits {
  /** Commands written whose reply has not come; more of them wait. */
  readonly maxInFlight: number
  /** Bytes of those; a single larger command still goes, alone. */
  readonly maxInFlightBytes: number
  /** Commands and bytes that wait to be written; more of them fail. */
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
  /** Milliseconds without a byte from the server or on its way to it, while replies are due, after which the connection is given up. */
  readonly watchdog: number
}

/** The clock of deadlines ticks so often, in milliseconds: a deadline is kept to within three ticks. */
const tick = 20

/**
 * An idle server gets the first so many commands of a burst at once, and works while the others are made: 100 fibers get
 * 800,000 replies a second where they would get 520,000, for from then on they go in two groups in turn.
 */
const early = 64

/** So many bytes may still come of a reply that nobody waits for any more: as long as a string may be. */
const maxDropped = 512 * 1024 * 1024

/** After so many of them what was abandoned is let go of: a look at a fiber costs ten times one at a deadline. */
const sweepTicks = 25

export class CommandQueue {
  private readonly waiting = new Ring<Entry>()
  private waitingBytes = 0
  /** How many had no room since the abandoned ones were last swept out. */
  private refused = 0
  private connection: Connection | undefined
  private closed: Failure | undefined
  private ended = false
  private flushing = false
  private writing = false
  /** The time of the last tick, in ticks. */
  private now = 0
  private ticks = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private lastReceived = 0
  private lastPending = 0
  private silentSince = 0
  private lastAnswered = 0
  private droppedSince = 0
  private droppedFrom = 0

  constructor(
    readonly address: string,
    readonly limits: QueueLimits
  ) {}

  /** Takes an entry; it is written in the next microtask with all that came in the same burst, or at once to an idle server. */
  submit(entry: Entry): void {
    if (this.closed !== undefined) return settle(entry, this.closed)
    const { waiting } = this
    // Not every time when they are many: it looks at all of them.
    if (!this.hasRoom(entry) && ++this.refused * 64 > waiting.length) this.sweep()
    if (!this.hasRoom(entry)) {
      return settle(entry, {
        _tag: "Connection",
        reason: "Overloaded",
        address: this.address,
        detail: `${waiting.length} commands (${this.waitingBytes} bytes) are waiting already`
      })
    }
    this.waitingBytes += entry.size
    waiting.push(entry)
    if (this.timer === undefined) this.startClock()
    if (waiting.length >= early && this.connection?.commandsInFlight === 0 && !this.writing) this.flush()
    else this.schedule()
  }

  private hasRoom(entry: Entry): boolean {
    const { limits, waiting, waitingBytes } = this
    return (
      waiting.length < limits.maxWaiting && waitingBytes + entry.size <= Math.max(limits.maxWaitingBytes, entry.size)
    )
  }

  /** Binds a connection that has passed its handshake. */
  attach(connection: Connection): void {
    this.connection = connection
    this.silentSince = this.now
    this.schedule()
  }

  /** The connection is gone; what waits goes on waiting. */
  detach(): void {
    this.connection = undefined
  }

  /** Fails what waits, and all that comes until `reopen`. */
  close(failure: Failure): void {
    this.closed = failure
    this.waitingBytes = 0
    for (const entry of this.waiting.drain()) if (!entry.settled) settle(entry, failure)
  }

  /** Closes for good: a connection that comes back meanwhile does not reopen it. */
  end(failure: Failure): void {
    this.ended = true
    this.close(failure)
  }

  /** Takes entries again. */
  reopen(): void {
    if (!this.ended) this.closed = undefined
  }

  /** Whether there is a connection now. */
  get attached(): boolean {
    return this.connection !== undefined
  }

  /** Whether nothing waits and nothing is in flight. */
  get idle(): boolean {
    this.sweep()
    return this.waiting.length === 0 && (this.connection?.commandsInFlight ?? 0) === 0
  }

  /** To be called when there may be room for more. */
  readonly schedule = (): void => {
    if (this.flushing || this.waiting.length === 0) return
    this.flushing = true
    // One write for a burst: 2 to 4 times the throughput of a write a command, and no slower alone.
    queueMicrotask(this.flush)
  }

  private readonly flush = (): void => {
    this.flushing = false
    const { connection, limits, waiting } = this
    if (connection === undefined) return
    this.writing = true
    try {
      while (
        waiting.length > 0 &&
        connection.writable &&
        connection.commandsInFlight < limits.maxInFlight &&
        connection.bytesInFlight < limits.maxInFlightBytes
      ) {
        const entry = waiting.shift()!
        this.waitingBytes -= entry.size
        if (!entry.isAbandoned) connection.write(entry)
      }
      connection.flush()
    } catch {
      // How much of it went out is not known, and what would come next might be taken for the rest of it.
      this.giveUp(connection, "the transport threw when it was written to")
    }
    this.writing = false
  }

  /** Takes out what nobody waits for. */
  private sweep(): void {
    this.refused = 0
    this.waiting.filter((entry) => {
      const isGone = entry.settled || entry.isAbandoned
      if (isGone) this.waitingBytes -= entry.size
      return !isGone
    })
  }

  private setDeadline(entry: Entry): void {
    if (entry.timeout !== undefined) entry.expires = this.now + Math.ceil(entry.timeout / tick)
  }

  private startClock(): void {
    this.now = Math.floor(performance.now() / tick)
    this.silentSince = this.now
    this.timer = setTimeout(this.onTick, tick)
    this.timer.unref?.()
  }

  // Deadlines begin with the first tick after their command, for which no clock is read. They are judged by the time of the
  // tick before: what had arrived by then has been read since, however long the event loop was busy in between.
  private readonly onTick = (): void => {
    const judged = this.now
    this.now = Math.floor(performance.now() / tick)
    this.timer = undefined
    const { connection } = this
    let expired = false
    const check = (entry: Entry): void => {
      // From here on the replies to one that is abandoned are not even decoded.
      if (entry.written) entry.settled ||= entry.isAbandoned
      const { expires, timeout } = entry
      if (entry.settled || timeout === undefined) return
      if (expires === undefined) this.setDeadline(entry)
      else if (expires <= judged) {
        if (entry.progress > entry.judged) {
          entry.judged = entry.progress
          return this.setDeadline(entry)
        }
        if (!entry.written) expired = true
        settle(entry, { _tag: "Timeout", millis: timeout, connected: connection !== undefined })
      }
    }
    this.waiting.forEach(check)
    if (expired || ++this.ticks % sweepTicks === 0) this.sweep()
    if (connection !== undefined) {
      connection.forEach(check)
      this.watch(connection, judged)
    }
    if (this.waiting.length > 0 || (connection !== undefined && connection.commandsInFlight > 0)) {
      this.timer = setTimeout(this.onTick, tick)
      this.timer.unref?.()
    }
  }

  private watch(connection: Connection, judged: number): void {
    const { answered, first, pending, received } = connection
    if (first?.settled !== true || answered !== this.lastAnswered) {
      this.lastAnswered = answered
      this.droppedSince = this.now
      this.droppedFrom = received
    } else if (received > this.droppedFrom + maxDropped || this.isOver(this.droppedSince, judged)) {
      return this.giveUp(connection, "the reply to a command that was given up did not end")
    }
    if (received !== this.lastReceived || pending !== this.lastPending || connection.commandsInFlight === 0) {
      this.lastReceived = received
      this.lastPending = pending
      this.silentSince = this.now
    } else if (this.isOver(this.silentSince, judged)) {
      this.giveUp(connection, `no byte for ${this.limits.watchdog} ms while replies were due`)
    }
  }

  private isOver(since: number, judged: number): boolean {
    return (judged - since) * tick >= this.limits.watchdog
  }

  private giveUp(connection: Connection, detail: string): void {
    connection.close({ _tag: "Connection", reason: "Lost", address: this.address, detail })
  }
}

const settle = (entry: Entry, failure: Failure): void => {
  entry.settled = true
  entry.fail(failure)
}
