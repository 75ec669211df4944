/**
 * The events of one subscriber, bounded by its strategy.
 */
import type { Event, Gap, Message, SubscriberOptions } from "../RedisPubSub.js"
import { Inbox } from "./inbox.js"
import { Ring } from "./ring.js"

type BytesEvent = Event<Uint8Array>

const overflow: Gap = { type: "gap", reason: "Overflow" }
const reconnected: Gap = { type: "gap", reason: "Reconnected" }

const isConfirmation = (event: BytesEvent): boolean => "count" in event

export class SubscriberInbox extends Inbox<BytesEvent> {
  /** What `sliding` pushed off the head and may not lose, with a Gap in the place of what it lost. */
  private readonly kept = new Ring<BytesEvent>()
  /** A Gap already stands for what is being lost: in the place of it, one is enough. */
  private losing = false
  private last: BytesEvent | undefined

  constructor(
    capacity: number,
    private readonly strategy: Exclude<SubscriberOptions["strategy"], undefined>,
    onFlow: () => void
  ) {
    super(capacity, onFlow)
  }

  /** The socket should wait for this subscriber. */
  get isBlocking(): boolean {
    return this.strategy === "suspend" && this.isFull
  }

  // Confirmations answer the subscriber's own calls: they are as many as it asked for.
  protected override sizeOf(event: BytesEvent): number {
    if ("data" in event) return event.channel.length + event.data.length
    return isConfirmation(event) ? -1 : 0
  }

  override push(event: BytesEvent): void {
    this.last = event
    super.push(event)
  }

  /** Adds a message, or loses one. Confirmations are never lost. */
  message(event: Message<Uint8Array>): void {
    if (!this.isFull || this.strategy === "suspend") {
      if (this.strategy === "dropping") this.losing = false
      this.push(event)
    } else if (this.strategy === "sliding") {
      this.slide()
      this.push(event)
    } else if (!this.losing) {
      this.losing = true
      this.push(overflow)
    }
  }

  /** Tells of a reconnection, once where nothing came in between. */
  gap(): void {
    const merges = !this.isEmpty && this.last !== undefined && "reason" in this.last
    if (merges && (this.isFull || this.last === reconnected)) return
    this.push(reconnected)
  }

  /** Loses the oldest, for one more to have room. */
  private slide(): void {
    while (this.isFull) {
      const oldest = super.shift()!
      if (isConfirmation(oldest)) this.kept.push(oldest)
      else if (!this.losing) {
        this.kept.push(overflow)
        this.losing = true
      }
    }
  }

  override shift(): BytesEvent | undefined {
    if (this.kept.length > 0) {
      const first = this.kept.shift()
      // A Gap that was read does not stand for what is lost from now on.
      if (first === overflow) this.losing = false
      return first
    }
    const event = super.shift()
    if (event !== undefined && this.strategy === "sliding" && !isConfirmation(event)) this.losing = false
    return event
  }

  override drain(): ReadonlyArray<BytesEvent> {
    if (this.load > 0 && this.strategy === "sliding") this.losing = false
    return this.kept.length === 0 ? super.drain() : [...this.kept.drain(), ...super.drain()]
  }

  protected override get isEmpty(): boolean {
    return this.kept.length === 0 && super.isEmpty
  }
}
