/** Numbered messages of one channel, and whether all subscribers got them as they should. */
import type { RedisPubSub } from "@effect-resp/core"
import * as Oracle from "../support/Oracle.js"

/** How long a Gap may take that is told late, in milliseconds. */
const lateness = 5_000

export class Feed {
  /** The number of the last message. */
  last = 0
  private readonly fates = new Map<number, Oracle.Fate>()
  readonly readers = new Set<Reader>()

  constructor(
    readonly channel: string,
    /**
     * What a subscriber misses, its own connection has missed, and a Gap stands for it. `late`: or follows, for a node that
     * is no primary any more may get no messages for a moment before its subscribers leave it.
     */
    readonly isWhole: boolean | "late",
    readonly accuse: (what: string) => void
  ) {}

  /** The next message to publish; the one before has its outcome. */
  next(): string {
    return `${this.channel} ${++this.last}`
  }
  published(result: Oracle.Result): void {
    this.fates.set(this.last, Oracle.fateOf(result))
  }
  hadFailed(n: number): boolean {
    return this.fates.get(n) === "failed"
  }
  /** The first message between the two that was surely published. */
  surelyBetween(after: number, before: number): number | undefined {
    for (let n = after + 1; n < before; n++) if (this.fates.get(n) === "acknowledged") return n
    return undefined
  }
  join(name: string): Reader {
    const reader = new Reader(this, name)
    this.readers.add(reader)
    return reader
  }
}

/** One subscription to a feed. */
export class Reader {
  /** The last message that it got. */
  got = 0
  /** It gets all messages after this one; until the server has confirmed, none is due. */
  due = Number.POSITIVE_INFINITY
  private hasGap = false
  /** What it misses, for which there is no Gap yet. */
  private missed: { readonly what: string; readonly since: number } | undefined

  constructor(
    private readonly feed: Feed,
    readonly name: string
  ) {}

  confirmed(): void {
    this.due = Math.min(this.due, this.feed.last)
  }
  gap(): void {
    this.hasGap = true
    this.missed = undefined
  }
  message({ channel, data }: RedisPubSub.Message): void {
    const { feed } = this
    const n = Number(data.slice(feed.channel.length + 1))
    if (channel !== feed.channel || data !== `${channel} ${n}`) return feed.accuse(`${data} came on ${channel}`)
    // At another server it may come later than at the one before.
    if (this.hasGap && feed.isWhole === false) this.got = 0
    if (n <= this.got) return feed.accuse(`${data} came after ${this.got} to ${this.name}`)
    if (feed.hadFailed(n)) feed.accuse(`${data} came, and had failed`)
    const missed = feed.surelyBetween(Math.max(this.got, this.due), n)
    const now = performance.now()
    if (missed !== undefined && feed.isWhole !== false && !this.hasGap) {
      const what = `${channel} ${missed} was missed between ${this.got} and ${n} by ${this.name}, without a Gap`
      this.missed ??= { what, since: feed.isWhole === "late" ? now : Number.NEGATIVE_INFINITY }
    }
    if (this.missed !== undefined && now - this.missed.since > lateness) {
      feed.accuse(this.missed.what)
      this.missed = undefined
    }
    this.hasGap = false
    this.got = n
  }
  leave(): void {
    this.feed.readers.delete(this)
  }
}
