/**
 * The desired subscriptions of many subscribers, and what must be sent so that the server has them: no Effect, no IO.
 */
import { isSafeToRetry, type RedisError } from "../RedisError.js"
import type { SubscriptionKind } from "../RedisPubSub.js"
import { replyError } from "./failure.js"
import { Outstanding } from "./outstanding.js"
import { RespError, type RespValue } from "./protocol/value.js"
import { ReceivedMessage } from "./receivedMessage.js"
import {
  batches,
  Call,
  frames,
  LastKey,
  type Leaving,
  type Member,
  type Membership,
  subscribeCommands,
  Topic,
  unique,
  verbs,
  wordOf
} from "./topic.js"

/** The connection, as the set sees it. */
export interface Link {
  readonly send: (commands: ReadonlyArray<ReadonlyArray<string | Uint8Array>>) => void
  readonly pause: () => void
  readonly resume: () => void
  /** Ends a connection that cannot be trusted. */
  readonly doubt: (reason: string) => void
}

const kinds = ["channel", "pattern", "shard"] as const

export class SubscriptionSet {
  /** Reading is stopped, because a subscriber's inbox is full. */
  paused = false
  /** How often that has happened. */
  pauses = 0
  private readonly topics: Readonly<Record<SubscriptionKind, Map<string, Topic>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map()
  }
  /** Topics whose state may not be the desired one. */
  private readonly dirty = new Set<Topic>()
  private readonly blocking = new Set<Member>()
  private readonly outstanding = new Outstanding()
  private readonly lastWord = new LastKey()
  private readonly lastName = new LastKey()
  private link: Link | undefined
  private memberships = 0
  private leavingCalls = 0
  private scheduled = false

  constructor(
    /** Told, after changes, whether a connection is needed. */
    private readonly onNeed: (needed: boolean) => void,
    /** The server is tried again for what was subscribed to and is refused for a reason that passes. */
    private readonly insists = true
  ) {}

  get isConnected(): boolean {
    return this.link !== undefined
  }

  // ---- what subscribers want

  /** Subscribes; the call is done when the server has confirmed every name. */
  join(member: Member, kind: SubscriptionKind, names: ReadonlyArray<string | Uint8Array>, done: Call["done"]): Call {
    const call = this.begin(new Call(member, kind, "subscribe", done))
    for (const [key, name] of unique(names)) {
      const topic = this.topics[kind].get(key) ?? this.addTopic(kind, name, key)
      let membership = topic.members.get(member)
      if (membership === undefined) {
        membership = { topic, member, confirmed: false, kept: false, calls: new Set() }
        topic.members.set(member, membership)
        member.memberships[kind].set(key, membership)
        this.memberships++
      }
      call.memberships.push(membership)
      call.remaining++
      membership.calls.add(call)
      if (topic.state === "subscribed") {
        // Had the last one just left, the topic stays after all.
        this.settleLeaving(topic)
        this.confirm(membership)
      } else this.dirty.add(topic)
    }
    this.progress(call)
    this.schedule()
    return call
  }

  /** Unsubscribes from some names or all; from here on their messages are not delivered. */
  leave(
    member: Member,
    kind: SubscriptionKind,
    names: ReadonlyArray<string | Uint8Array> | undefined,
    done: Call["done"]
  ): Call {
    const call = this.begin(new Call(member, kind, "unsubscribe", done))
    const memberships = member.memberships[kind]
    const keys: ReadonlyMap<string, Uint8Array | undefined> =
      names === undefined ? new Map([...memberships.keys()].map((key) => [key, undefined])) : unique(names)
    for (const [key, name] of keys) {
      const membership = memberships.get(key)
      if (membership !== undefined) {
        call.remaining++
        this.drop(membership, call)
      } else if (name !== undefined) {
        // The server, too, confirms what was not subscribed.
        member.inbox.push({ type: verbs[kind].unsubscribe, channel: name, count: member.count(kind, 0) })
      }
    }
    this.progress(call)
    return call
  }

  /** Gives a call up; what it had begun is undone. */
  abandon(call: Call, error: RedisError): void {
    this.finish(call, error)
  }

  /** Ends a subscriber: it sees the error when it has taken what it has. */
  expel(member: Member, error: RedisError): void {
    member.inbox.fail(error)
    this.blocking.delete(member)
    for (const kind of kinds) {
      for (const membership of [...member.memberships[kind].values()]) {
        for (const call of [...membership.calls]) this.finish(call, error)
        if (membership.topic.members.get(member) === membership) this.drop(membership, undefined)
      }
    }
    this.flow()
  }

  /** Ends every subscriber. */
  expelAll(error: RedisError): void {
    for (const kind of kinds) {
      for (const topic of [...this.topics[kind].values()]) {
        for (const member of [...topic.members.keys()]) this.expel(member, error)
      }
    }
  }

  /** A member's inbox has become full, or not full. */
  onFlow(member: Member): void {
    if (member.inbox.isBlocking && member.inbox.failure === undefined) this.blocking.add(member)
    else this.blocking.delete(member)
    this.flow()
  }

  // ---- the connection

  connected(link: Link): void {
    this.link = link
    this.paused = false
    this.outstanding.clear()
    for (const kind of kinds) for (const topic of this.topics[kind].values()) this.dirty.add(topic)
    this.reconcile()
    this.flow()
  }

  /** Nothing of what the link's server knew counts any more. */
  disconnected(link = this.link): void {
    if (link === undefined || this.link !== link) return
    this.link = undefined
    this.paused = false
    for (const kind of kinds) {
      for (const topic of this.topics[kind].values()) {
        if (topic.state === "subscribed") this.forget(topic)
        topic.alone = false
        this.gone(topic)
      }
    }
  }

  /** Sends a PING. */
  ping(): void {
    this.link?.send(this.commandOf([], true))
  }

  /** Takes a reply that is no push frame. */
  reply(value: RespValue): void {
    if (value instanceof RespError) return this.refused(value)
    if (!Array.isArray(value)) return this.fence(value as RespValue)
    // RESP2: everything comes as an array, PONG included.
    if (wordOf(value[0]) === "pong") this.fence(value[1])
    else this.receive(value)
  }

  /** Takes a message or a confirmation. Others (invalidations, what a future server may push) are ignored. */
  receive(items: ReadonlyArray<RespValue>): void {
    const [word, name] = items
    const frame = frames.get(word instanceof Uint8Array ? this.lastWord.of(word) : wordOf(word))
    if (frame === undefined || !(name instanceof Uint8Array)) return
    const topic = this.topics[frame.kind].get(this.lastName.of(name))
    if (topic === undefined) return
    if (frame.what === "message") {
      if (topic.state === "subscribed") this.deliver(topic, items)
    } else if (frame.what === "subscribe") {
      if (topic.state === "subscribing") this.subscribed(topic)
    } else if (topic.state === "unsubscribing") {
      this.outstanding.confirm(topic)
      this.gone(topic)
    } else if (topic.state === "subscribed") {
      // Not an answer to us: the server took the subscription away, as it does when a slot moves.
      this.forget(topic)
      this.gone(topic)
    }
  }

  private deliver(topic: Topic, items: ReadonlyArray<RespValue>): void {
    const isPattern = topic.kind === "pattern"
    const channel = isPattern ? items[2] : topic.shown.name
    const data = items[isPattern ? 3 : 2]
    if (!(channel instanceof Uint8Array && data instanceof Uint8Array)) return this.link?.doubt("not a message")
    const message = new ReceivedMessage(topic, channel, data)
    for (const member of topic.members.keys()) {
      if (member.missing.size > 0 && !member.gapTold) {
        member.gapTold = true
        member.inbox.gap()
      }
      member.inbox.message(message)
    }
  }

  private subscribed(topic: Topic): void {
    this.outstanding.confirm(topic)
    topic.state = "subscribed"
    topic.alone = false
    if (topic.members.size > 0) this.settleLeaving(topic)
    for (const membership of topic.members.values()) {
      this.found(membership)
      if (!membership.confirmed || membership.calls.size > 0) this.confirm(membership)
    }
    this.change(topic)
  }

  private refused(error: RespError): void {
    const sent = this.outstanding.refused()
    if (sent === "fence") return
    if (sent === undefined) return this.link?.doubt(error.message)
    if (!sent.subscribes) return this.link?.doubt(`cannot unsubscribe: ${error.message}`)
    const topics = [...sent.topics]
    sent.topics.clear()
    for (const topic of topics) {
      topic.alone = topics.length > 1
      this.gone(topic)
    }
    if (topics.length === 1) this.refuse(topics[0]!, error)
  }

  private refuse(topic: Topic, refusal: RespError): void {
    const error = replyError(refusal, subscribeCommands[topic.kind])
    const members = [...topic.members.values()]
    // What is there already is not given up for an error that passes: the reconnect's schedule tries again.
    const isKept = this.insists && isSafeToRetry(error)
    if (isKept && members.some(({ confirmed }) => confirmed)) return this.link?.doubt(refusal.message)
    for (const { calls, confirmed, member } of members) {
      if (confirmed) this.expel(member, error)
      else for (const call of [...calls]) this.finish(call, error)
    }
  }

  private fence(value: RespValue | undefined): void {
    // What has no text is no answer, and not the number 0.
    if (!this.outstanding.answered(Number(wordOf(value) || Number.NaN))) this.link?.doubt("an answer is missing")
  }

  // ---- bookkeeping

  private addTopic(kind: SubscriptionKind, name: Uint8Array, key: string): Topic {
    const topic = new Topic(kind, name, key)
    this.topics[kind].set(key, topic)
    return topic
  }

  private begin(call: Call): Call {
    call.member.pending++
    this.flow()
    return call
  }

  private progress(call: Call): void {
    if (--call.remaining === 0) this.finish(call, undefined)
  }

  private finish(call: Call, error: RedisError | undefined): void {
    if (call.finished) return
    call.finished = true
    call.member.pending--
    for (const membership of call.memberships) {
      membership.calls.delete(call)
      if (error === undefined) membership.kept = true
      else if (!membership.kept && membership.calls.size === 0) this.drop(membership, undefined)
    }
    call.done(error)
    this.flow()
  }

  private confirm(membership: Membership): void {
    const { member, topic } = membership
    const count = member.count(topic.kind, membership.confirmed ? 0 : 1)
    membership.confirmed = true
    topic.showAnew()
    member.inbox.push({ type: verbs[topic.kind].subscribe, channel: new Uint8Array(topic.name), count })
    const calls = [...membership.calls]
    membership.calls.clear()
    for (const call of calls) this.progress(call)
  }

  private drop(membership: Membership, call: Call | undefined): void {
    const { confirmed, member, topic } = membership
    if (topic.members.get(member) !== membership) return
    topic.members.delete(member)
    member.memberships[topic.kind].delete(topic.key)
    this.memberships--
    this.found(membership)
    for (const joining of [...membership.calls]) this.progress(joining)
    membership.calls.clear()
    if (call !== undefined) this.leavingCalls++
    topic.leaving.push({ member, confirmed, call })
    if (topic.members.size > 0 || topic.state === "absent") this.settleLeaving(topic)
    this.change(topic)
  }

  private settleLeaving(topic: Topic): void {
    const all: ReadonlyArray<Leaving> = topic.leaving
    if (all.length === 0) return
    topic.leaving = []
    for (const { call, confirmed, member } of all) {
      const count = member.count(topic.kind, confirmed ? -1 : 0)
      if (confirmed || call !== undefined) {
        member.inbox.push({ type: verbs[topic.kind].unsubscribe, channel: new Uint8Array(topic.name), count })
      }
      if (call === undefined) continue
      this.leavingCalls--
      this.progress(call)
    }
  }

  /** The server does not have the topic. */
  private gone(topic: Topic): void {
    topic.state = "absent"
    this.settleLeaving(topic)
    this.change(topic)
  }

  /** The server has lost a topic that it had. */
  private forget(topic: Topic): void {
    for (const { member, confirmed } of topic.members.values()) {
      if (!confirmed) continue
      member.missing.add(topic)
      member.gapTold = false
    }
  }

  /** A member misses a topic no longer. The Gap comes when all are there, so that what is read then is up to date. */
  private found({ member, topic }: Membership): void {
    if (member.missing.delete(topic) && member.missing.size === 0) member.inbox.gap()
  }

  private change(topic: Topic): void {
    this.dirty.add(topic)
    this.schedule()
  }

  private flow(): void {
    let paused = false
    for (const member of this.blocking) paused ||= member.pending === 0
    if (this.link === undefined || paused === this.paused) return
    this.paused = paused
    if (paused) {
      this.pauses++
      this.link.pause()
    } else this.link.resume()
  }

  /** Changes of one burst go out together. */
  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      this.reconcile()
    })
  }

  private reconcile(): void {
    const due = { subscribe: [] as Array<Topic>, unsubscribe: [] as Array<Topic> }
    for (const topic of this.dirty) {
      const wanted = topic.members.size > 0
      if (topic.state === "absent" && !wanted) {
        if (this.topics[topic.kind].get(topic.key) === topic) this.topics[topic.kind].delete(topic.key)
      } else if (this.link === undefined) continue
      else if (topic.state === "absent") due.subscribe.push(topic)
      else if (topic.state === "subscribed" && !wanted) due.unsubscribe.push(topic)
    }
    this.dirty.clear()
    const needed = this.memberships > 0 || this.leavingCalls > 0
    if (needed) {
      const commands: Array<ReadonlyArray<string | Uint8Array>> = []
      for (const kind of kinds) {
        const ours = (topic: Topic) => topic.kind === kind
        for (const topics of batches(due.unsubscribe.filter(ours))) commands.push(...this.commandOf(topics, false))
        for (const topics of batches(due.subscribe.filter(ours))) commands.push(...this.commandOf(topics, true))
      }
      // In one write, for shard channels are a command each.
      if (commands.length > 0) this.link?.send(commands)
    }
    this.onNeed(needed)
  }

  /** A command with its fence; from here on it counts as sent. */
  private commandOf(
    topics: ReadonlyArray<Topic>,
    subscribes: boolean
  ): ReadonlyArray<ReadonlyArray<string | Uint8Array>> {
    const ping = ["PING", String(this.outstanding.add(topics, subscribes))]
    for (const topic of topics) {
      topic.state = subscribes ? "subscribing" : "unsubscribing"
      for (const { calls } of topic.members.values()) for (const call of calls) call.written = true
      for (const { call } of topic.leaving) if (call !== undefined) call.written = true
    }
    const first = topics[0]
    if (first === undefined) return [ping]
    const verb = verbs[first.kind][subscribes ? "subscribe" : "unsubscribe"].toUpperCase()
    return [[verb, ...topics.map(({ name }) => name)], ping]
  }
}
