/**
 * What a subscriber has at one node: its names there, who waits for them, and what it has been told. No IO.
 *
 * An inner subscriber of that node answers each name that is added or removed by one confirmation among its events. When
 * it is lost, the names stay, and are added to the next one.
 */
import type { RedisError, RedisPubSub } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import type { SubscriberOutbox } from "./subscriberOutbox.js"

type Confirmation = RedisPubSub.Confirmation<Uint8Array>

const types = {
  channel: { subscribe: "subscribe", unsubscribe: "unsubscribe" },
  pattern: { subscribe: "psubscribe", unsubscribe: "punsubscribe" },
  shard: { subscribe: "ssubscribe", unsubscribe: "sunsubscribe" }
} as const

const kinds = {
  subscribe: "channel",
  unsubscribe: "channel",
  psubscribe: "pattern",
  punsubscribe: "pattern",
  ssubscribe: "shard",
  sunsubscribe: "shard"
} as const

declare const TextEncoder: new () => { encode(text: string): Uint8Array }
const encoder = new TextEncoder()

/** A copy: nobody else can change it. */
export const nameBytes = (name: RedisPubSub.Name): Uint8Array =>
  typeof name === "string" ? encoder.encode(name) : new Uint8Array(name)

/** Exactly the name, as a key for maps. */
export const keyOf = (kind: RedisPubSub.SubscriptionKind, name: Uint8Array): string =>
  `${kind} ${Encoding.encodeHex(name)}`

export const commandOf = (kind: RedisPubSub.SubscriptionKind, what: "subscribe" | "unsubscribe"): string =>
  types[kind][what].toUpperCase()

/** Tells a subscriber of its subscriptions, with their number as a server counts: shard channels apart from others. */
export class Teller {
  private readonly counts = { plain: 0, shard: 0 }

  constructor(private readonly outbox: SubscriberOutbox) {}

  tell(
    { kind, name }: { readonly kind: RedisPubSub.SubscriptionKind; readonly name: Uint8Array },
    what: "subscribe" | "unsubscribe",
    change: -1 | 0 | 1
  ): void {
    const apart = kind === "shard" ? "shard" : "plain"
    this.counts[apart] += change
    this.outbox.push({ type: types[kind][what], channel: new Uint8Array(name), count: this.counts[apart] })
  }
}

/** A subscribe or unsubscribe that waits for confirmations. */
export class Call {
  finished = false
  /** What is still to be confirmed. */
  readonly awaited = new Set<Topic>()
  /** What it subscribes to. */
  readonly topics = new Set<Topic>()
  /** A node that is lost since may have heard of a part of it. */
  wasSent = false

  constructor(private readonly done: (error: RedisError.RedisError | undefined) => void) {}

  /** Whether a node may have heard of a part of it. */
  get mayBeSent(): boolean {
    return this.wasSent || [...this.awaited].some(({ feed, state }) => state !== "absent" && feed.isConnected())
  }

  confirmed(topic: Topic): void {
    if (this.awaited.delete(topic) && this.awaited.size === 0) this.finish(undefined)
  }

  /** Ends it; what a subscribe that failed had begun is undone. */
  finish(error: RedisError.RedisError | undefined): void {
    if (this.finished) return
    this.finished = true
    for (const topic of this.topics) {
      topic.calls.delete(this)
      if (error === undefined) topic.kept = true
      else topic.feed.review(topic)
    }
    this.done(error)
  }
}

/** A channel, pattern or shard channel of one subscriber. */
export class Topic {
  /** Where it stands with the inner subscriber; it is absent again when the confirmation of its removal was read. */
  state: "absent" | "adding" | "present" | "removing" = "absent"
  /** The subscriber has been told that it is subscribed. */
  told = false
  /** A subscribe has succeeded, and no unsubscribe has come since. */
  kept = false
  /** Those who subscribe. */
  readonly calls = new Set<Call>()
  /** Those who unsubscribe. */
  leaving: ReadonlyArray<Call> = []

  constructor(
    readonly feed: Feed,
    readonly kind: RedisPubSub.SubscriptionKind,
    readonly name: Uint8Array,
    readonly key: string
  ) {}

  get isWanted(): boolean {
    return this.kept || this.calls.size > 0
  }
}

export class Feed {
  readonly topics = new Map<string, Topic>()
  /** What was subscribed to stands, and the inner subscriber's events are being read. */
  isUp = false
  /** Whether the inner subscriber has a connection. */
  isConnected = (): boolean => false
  /** Opened when something may be due. */
  readonly work = Effect.unsafeMakeLatch(false)

  constructor(
    /** Of its shard channels; nothing where it has channels and patterns. */
    readonly slot: number | undefined,
    private readonly teller: Teller,
    private readonly onEmpty: (feed: Feed) => void
  ) {}

  // ---- what the subscriber wants

  topic(kind: RedisPubSub.SubscriptionKind, name: Uint8Array, key: string): Topic {
    let topic = this.topics.get(key)
    if (topic === undefined) {
      topic = new Topic(this, kind, name, key)
      this.topics.set(key, topic)
    }
    return topic
  }

  /** The call, which awaits the topic already, subscribes to it. */
  join(topic: Topic, call: Call): void {
    // Had it just been left, it stays after all.
    if (!topic.isWanted && topic.state !== "removing") this.settle(topic)
    topic.calls.add(call)
    if (topic.state === "present") this.confirm(topic)
    else this.work.unsafeOpen()
  }

  /** The call, which awaits the topic already, unsubscribes from it. */
  leave(topic: Topic, call: Call): void {
    topic.kept = false
    for (const joining of [...topic.calls]) {
      topic.calls.delete(joining)
      joining.topics.delete(topic)
      joining.confirmed(topic)
    }
    topic.leaving = [...topic.leaving, call]
    // Nobody confirms it while there is no server.
    if (!this.isUp) this.settle(topic)
    this.review(topic)
  }

  /** Looks whether something is to be done about a topic. */
  review(topic: Topic): void {
    if (topic.state !== "absent" || topic.isWanted) return this.work.unsafeOpen()
    this.settle(topic)
    this.topics.delete(topic.key)
    if (this.topics.size === 0) this.onEmpty(this)
  }

  // ---- what comes of it

  /** What the subscriber counts on and the node does not have: to be added before anything else. */
  lost(): ReadonlyArray<Topic> {
    return this.begin("adding", (topic) => topic.state === "absent" && topic.isWanted && topic.told)
  }

  /** What is new, in groups that are added together: a name that is refused fails all of its group. */
  fresh(): ReadonlyArray<ReadonlyArray<Topic>> {
    const groups = new Map<Call | Topic, Array<Topic>>()
    for (const topic of this.begin("adding", (topic) => topic.state === "absent" && topic.isWanted && !topic.told)) {
      const [call, other] = topic.calls
      const whose = call === undefined || other !== undefined ? topic : call
      const group = groups.get(whose)
      if (group === undefined) groups.set(whose, [topic])
      else group.push(topic)
    }
    return [...groups.values()]
  }

  /** What is not wanted any more. */
  stale(): ReadonlyArray<Topic> {
    return this.begin("removing", (topic) => topic.state === "present" && !topic.isWanted)
  }

  private begin(state: Topic["state"], isDue: (topic: Topic) => boolean): ReadonlyArray<Topic> {
    const due = [...this.topics.values()].filter(isDue)
    for (const topic of due) topic.state = state
    return due
  }

  added(topic: Topic): void {
    if (topic.state === "adding") topic.state = "present"
    if (!topic.isWanted) this.work.unsafeOpen()
  }

  /** A group could not be added: those who wanted it when it was begun are told. */
  refused(group: ReadonlyArray<Topic>, callers: ReadonlyArray<Call>, error: RedisError.RedisError): void {
    for (const call of callers) call.finish(error)
    for (const topic of group) this.lapse(topic)
  }

  /** A confirmation was read. */
  read({ channel, type }: Confirmation): void {
    const topic = this.topics.get(keyOf(kinds[type], channel))
    if (topic === undefined) return
    if (type === types[topic.kind].unsubscribe) {
      if (topic.state === "removing") this.lapse(topic)
      return
    }
    this.added(topic)
    // What was only made anew, or has been left already, is no news.
    const awaited = [...topic.calls].some((call) => call.awaited.has(topic))
    if (awaited || (topic.isWanted && !topic.told)) this.confirm(topic)
  }

  /** The inner subscriber has ended, which was connected or was not, and all its events have been read. */
  down(wasConnected: boolean): void {
    this.isUp = false
    for (const topic of [...this.topics.values()]) {
      if (wasConnected && topic.state !== "absent") for (const call of topic.calls) call.wasSent = true
      this.lapse(topic)
    }
  }

  /** Fails all who wait for a subscription. */
  abandon(error: RedisError.RedisError): void {
    for (const topic of [...this.topics.values()]) for (const call of [...topic.calls]) call.finish(error)
  }

  private lapse(topic: Topic): void {
    topic.state = "absent"
    if (topic.leaving.length > 0) this.settle(topic)
    this.review(topic)
  }

  private confirm(topic: Topic): void {
    this.teller.tell(topic, "subscribe", topic.told ? 0 : 1)
    topic.told = true
    for (const call of [...topic.calls]) call.confirmed(topic)
  }

  /** Tells of the end of a subscription: each who asked for it, and once where nobody did. */
  private settle(topic: Topic): void {
    const { leaving } = topic
    topic.leaving = []
    for (let i = 0; i < leaving.length || topic.told; i++) {
      this.teller.tell(topic, "unsubscribe", topic.told ? -1 : 0)
      topic.told = false
      leaving[i]?.confirmed(topic)
    }
  }
}
