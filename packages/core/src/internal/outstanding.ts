/**
 * The commands of a subscription connection that are not answered. A numbered PING behind each is a fence: all its
 * answers come before, so that an error belongs to the right command, and an answer that is missing is noticed.
 */
import { Ring } from "./ring.js"
import type { Topic } from "./topic.js"

/** A command that was sent. */
export interface Sent {
  readonly fence: number
  readonly subscribes: boolean
  /** Those that it is about and that are not confirmed. */
  readonly topics: Set<Topic>
}

export class Outstanding {
  private readonly sent = new Ring<Sent>()
  private last = 0
  private passed = 0

  /** Notes a command, and gives its fence. */
  add(topics: ReadonlyArray<Topic>, subscribes: boolean): number {
    const awaited = new Set(topics)
    for (const topic of topics) topic.sent = awaited
    this.sent.push({ fence: ++this.last, subscribes, topics: awaited })
    return this.last
  }

  confirm(topic: Topic): void {
    topic.sent?.delete(topic)
    topic.sent = undefined
  }

  /** The command that an error is the answer to; nothing where it answers the PING, which may be forbidden. */
  refused(): Sent | "fence" | undefined {
    const head = this.sent.peek()
    if (head === undefined || head.topics.size > 0) return head
    this.pass()
    return "fence"
  }

  /** Takes the answer of a PING; false when it does not come in its turn. */
  answered(fence: number): boolean {
    if (fence <= this.passed) return true
    const head = this.sent.peek()
    if (head?.fence !== fence || head.topics.size > 0) return false
    this.pass()
    return true
  }

  private pass(): void {
    this.passed = this.sent.shift()!.fence
  }

  /** Nothing of it will be answered. */
  clear(): void {
    this.sent.drain()
    this.passed = this.last
  }
}
