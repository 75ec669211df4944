import { describe, expect, it } from "@effect/vitest"
import { Call, Feed, keyOf, nameBytes, Teller, type Topic } from "@effect-resp/cluster/internal/feed"
import { SubscriberOutbox } from "@effect-resp/cluster/internal/subscriberOutbox"
import { RedisError, type RedisPubSub } from "@effect-resp/core"
import { Effect } from "effect"
import * as fc from "effect/FastCheck"

const given = new RedisError.CommandError({ reason: "given up", outcome: "NotSent" })
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** A feed, and an inner subscriber that the test drives by hand: what is begun is answered when the test says so. */
const makeWorld = () => {
  const outbox = new SubscriberOutbox(1_000, "suspend")
  const teller = new Teller(outbox)
  const empty: Array<Feed> = []
  const feed = new Feed(undefined, teller, (feed) => empty.push(feed))
  const outcomes: Array<string> = []
  const start = (names: ReadonlyArray<string>, begin: (topic: Topic, call: Call) => void, onlyWanted: boolean) => {
    const call = new Call((error) => outcomes.push(error?._tag ?? "done"))
    for (const name of names) {
      const bytes = nameBytes(name)
      const key = keyOf("channel", bytes)
      const topic = onlyWanted ? feed.topics.get(key) : feed.topic("channel", bytes, key)
      if (topic === undefined || (onlyWanted && !topic.isWanted)) {
        teller.tell({ kind: "channel", name: bytes }, "unsubscribe", 0)
        continue
      }
      call.awaited.add(topic)
      if (!onlyWanted) call.topics.add(topic)
    }
    if (call.awaited.size === 0) call.finish(undefined)
    for (const topic of [...call.awaited]) begin(topic, call)
    return call
  }
  const join = (...names: ReadonlyArray<string>) => start(names, (topic, call) => feed.join(topic, call), false)
  const leave = (...names: ReadonlyArray<string>) => start(names, (topic, call) => feed.leave(topic, call), true)

  /** What the inner subscriber has, and its events that are not read. */
  const inner = new Set<string>()
  const events: Array<RedisPubSub.Confirmation<Uint8Array>> = []
  const pending: Array<() => void> = []
  const forbidden = "c3"
  const add = (group: ReadonlyArray<Topic>) => {
    for (const { name } of group) {
      inner.add(text(name))
      events.push({ type: "subscribe", channel: name, count: 0 })
    }
    for (const topic of group) feed.added(topic)
  }
  /** Begins what is due; not before the last has been answered. */
  const begin = () => {
    if (pending.length > 0) return
    const lost = feed.lost()
    if (lost.length > 0) {
      pending.push(() => {
        add(lost)
        outbox.gap()
        feed.isUp = true
      })
      return
    }
    feed.isUp = true
    const stale = feed.stale()
    const fresh = feed.fresh()
    for (const topic of stale) {
      pending.push(() => {
        inner.delete(text(topic.name))
        events.push({ type: "unsubscribe", channel: topic.name, count: 0 })
      })
    }
    for (const group of fresh) {
      const callers = [...new Set(group.flatMap(({ calls }) => [...calls]))]
      pending.push(() =>
        group.some(({ name }) => text(name) === forbidden) ? feed.refused(group, callers, given) : add(group)
      )
    }
  }
  const answer = () => pending.shift()?.()
  const read = () => {
    const event = feed.isUp ? events.shift() : undefined
    if (event !== undefined) feed.read(event)
  }
  const lose = () => {
    // Those in flight fail; what has come is read.
    pending.length = 0
    inner.clear()
    if (feed.isUp) while (events.length > 0) read()
    events.length = 0
    feed.down(true)
  }
  const settle = () => {
    for (let i = 0; i < 20; i++) {
      begin()
      while (pending.length > 0) answer()
      while (feed.isUp && events.length > 0) read()
    }
  }
  return { answer, begin, empty, feed, inner, join, leave, lose, outcomes, outbox, read, settle }
}

const brief = (event: RedisPubSub.Event<Uint8Array>) =>
  event.type === "gap"
    ? event.reason
    : "count" in event
      ? `${event.type} ${text(event.channel)} ${event.count}`
      : "data"

const drain = ({ outbox }: ReturnType<typeof makeWorld>) => {
  const all: Array<string> = []
  for (;;) {
    const next = Effect.runSync(outbox.poll())
    if (next._tag === "None") return all
    all.push(brief(next.value))
  }
}

describe("a feed", () => {
  it("makes its names anew without a word but one Gap", () => {
    const world = makeWorld()
    world.join("a", "b")
    world.settle()
    world.lose()
    world.join("c")
    world.settle()
    expect(world.outcomes).toEqual(["done", "done"])
    expect(drain(world)).toEqual(["subscribe a 1", "subscribe b 2", "Reconnected", "subscribe c 3"])
    expect([...world.inner].sort()).toEqual(["a", "b", "c"])
  })

  it("makes its names anew as they were, though the subscriber wrote over what it was told", () => {
    const world = makeWorld()
    world.join("a")
    world.settle()
    for (const event of Effect.runSync(world.outbox.takeAll)) if ("channel" in event) event.channel.fill(42)
    world.lose()
    world.settle()
    expect([...world.inner]).toEqual(["a"])
  })

  it("confirms what is left while there is no server, and does not make it anew", () => {
    const world = makeWorld()
    world.join("a", "b")
    world.settle()
    world.lose()
    world.leave("a")
    expect(world.outcomes).toEqual(["done", "done"])
    world.begin()
    // While it is being made anew, too.
    world.leave("b")
    expect(world.outcomes).toEqual(["done", "done", "done"])
    world.settle()
    expect(drain(world).filter((event) => event !== "Reconnected")).toEqual([
      "subscribe a 1",
      "subscribe b 2",
      "unsubscribe a 1",
      "unsubscribe b 0"
    ])
    expect([...world.inner]).toEqual([])
    expect(world.empty).toEqual([world.feed])
  })

  it("keeps what was left and is wanted again before the server was told", () => {
    const world = makeWorld()
    world.join("a")
    world.settle()
    world.leave("a")
    world.join("a")
    world.begin()
    world.settle()
    expect(world.outcomes).toEqual(["done", "done", "done"])
    expect(drain(world)).toEqual(["subscribe a 1", "unsubscribe a 0", "subscribe a 1"])
    expect([...world.inner]).toEqual(["a"])
  })

  it("a name that is wanted again while it is being removed is added again", () => {
    const world = makeWorld()
    world.join("a")
    world.settle()
    world.leave("a")
    world.begin()
    world.join("a")
    expect(world.outcomes).toEqual(["done"])
    world.settle()
    expect(world.outcomes).toEqual(["done", "done", "done"])
    expect(drain(world)).toEqual(["subscribe a 1", "unsubscribe a 0", "subscribe a 1"])
    expect([...world.inner]).toEqual(["a"])
  })

  it("ends in what is desired, whatever happens on the way: property", () => {
    const name = fc.nat(3).map((n) => `c${n}`)
    const action = fc.oneof(
      fc.record({ what: fc.constant("join" as const), names: fc.uniqueArray(name, { minLength: 1 }) }),
      fc.record({ what: fc.constant("leave" as const), names: fc.uniqueArray(name, { minLength: 1 }) }),
      fc.record({ what: fc.constant("abandon" as const), which: fc.nat(9) }),
      fc.record({ what: fc.constantFrom("begin" as const, "answer" as const, "read" as const, "lose" as const) })
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const world = makeWorld()
        const calls: Array<Call> = []
        let leaves = 0
        for (const one of actions) {
          if (one.what === "join") calls.push(world.join(...one.names))
          else if (one.what === "leave") {
            calls.push(world.leave(...one.names))
            leaves += one.names.length
          } else if (one.what === "abandon") calls[one.which]?.finish(given)
          else world[one.what]()
        }
        world.settle()
        expect(world.outcomes).toHaveLength(calls.length)
        const topics = [...world.feed.topics.values()]
        // Nobody waits any more: what is there was kept, was told, and is at the node.
        expect(topics.every(({ kept, state, told }) => kept && told && state === "present")).toBe(true)
        expect([...world.inner].sort()).toEqual(topics.map((topic) => text(topic.name)).sort())
        expect(world.inner).not.toContain("c3")
        const events = drain(world)
        // The count goes by one at a time, and ends in what is there.
        let count = 0
        for (const event of events) {
          const [type, , told] = event.split(" ")
          if (told === undefined) continue
          const change = Number(told) - count
          expect(type === "subscribe" ? [0, 1] : [0, -1]).toContain(change)
          count += change
        }
        expect(count).toBe(world.inner.size)
        // Each name of each unsubscribe has its answer.
        expect(events.filter((event) => event.startsWith("unsubscribe")).length).toBeGreaterThanOrEqual(leaves)
      }),
      { numRuns: 4_000 }
    )
  })
})
