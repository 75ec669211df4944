import { describe, expect, it } from "@effect/vitest"
import type { RedisError, RedisPubSub } from "@effect-resp/core"
import { RespError, type RespValue } from "@effect-resp/core/internal/protocol/value"
import { SubscriberInbox } from "@effect-resp/core/internal/subscriberInbox"
import { type Link, SubscriptionSet } from "@effect-resp/core/internal/subscriptionSet"
import { keyOf, Member } from "@effect-resp/core/internal/topic"
import { Duration, Effect, Fiber, Option, TestClock } from "effect"
import * as fc from "effect/FastCheck"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array) => new TextDecoder().decode(value)

/** A server that the test drives by hand. */
const makeWorld = (insists = true) => {
  const sent: Array<string> = []
  const doubts: Array<string> = []
  const needs: Array<boolean> = []
  const set = new SubscriptionSet((needed) => needs.push(needed), insists)
  const link: Link = {
    send: (commands) =>
      sent.push(
        ...commands.map((words) => words.map((word) => (typeof word === "string" ? word : text(word))).join(" "))
      ),
    pause: () => sent.push("(pause)"),
    resume: () => sent.push("(resume)"),
    doubt: (reason) => {
      doubts.push(reason)
      set.disconnected(link)
    }
  }
  const member = (capacity = 100) => {
    const made: Member = new Member(new SubscriberInbox(capacity, "suspend", () => set.onFlow(made)))
    return made
  }
  const outcomes: Array<string> = []
  const join = (who: Member, names: ReadonlyArray<string>, kind: RedisPubSub.SubscriptionKind = "channel") =>
    set.join(who, kind, names, (error: RedisError.RedisError | undefined) => outcomes.push(error?._tag ?? "done"))
  const leave = (who: Member, names?: ReadonlyArray<string>, kind: RedisPubSub.SubscriptionKind = "channel") =>
    set.leave(who, kind, names, (error: RedisError.RedisError | undefined) => outcomes.push(error?._tag ?? "done"))
  const push = (...items: ReadonlyArray<string | number>) =>
    set.receive(items.map((item): RespValue => (typeof item === "string" ? bytes(item) : item)))
  const pong = (fence: number) => set.reply(bytes(String(fence)))
  const seen = (who: Member) =>
    who.inbox.drain().map((event) => {
      if (event.type === "gap") return event.reason
      return "data" in event ? text(event.data) : `${event.type} ${text(event.channel)} ${event.count}`
    })
  const flush = () => {
    const all = [...sent]
    sent.length = 0
    return all
  }
  return { set, link, member, join, leave, push, pong, seen, flush, outcomes, doubts, needs }
}

/** Lets the microtask go by in which changes are sent. */
const tick = () => Promise.resolve()

describe("the set of subscriptions", () => {
  it("sends the changes of a burst together, each kind with a fence behind it", async () => {
    const { flush, join, link, member, outcomes, pong, push, seen, set } = makeWorld()
    const one = member()
    set.connected(link)
    join(one, ["a", "b"])
    join(one, ["c"])
    join(one, ["p*"], "pattern")
    await tick()
    expect(flush()).toEqual(["SUBSCRIBE a b c", "PING 1", "PSUBSCRIBE p*", "PING 2"])
    for (const name of ["a", "b", "c"]) push("subscribe", name, 1)
    expect(outcomes).toEqual(["done", "done"])
    pong(1)
    push("psubscribe", "p*", 4)
    pong(2)
    expect(seen(one)).toEqual(["subscribe a 1", "subscribe b 2", "subscribe c 3", "psubscribe p* 4"])
  })

  it("sends shard channels one by one, for they may be in several slots, and all in one write", async () => {
    const { flush, join, leave, link, member, outcomes, pong, push, seen, set } = makeWorld()
    let writes = 0
    const send = link.send
    const counting: Link = {
      ...link,
      send: (commands) => {
        writes++
        send(commands)
      }
    }
    const one = member()
    set.connected(counting)
    writes = 0
    join(one, ["s", "t"], "shard")
    join(one, ["c", "d"])
    await tick()
    expect(flush()).toEqual(["SUBSCRIBE c d", "PING 1", "SSUBSCRIBE s", "PING 2", "SSUBSCRIBE t", "PING 3"])
    expect(writes).toBe(1)
    for (const name of ["c", "d"]) push("subscribe", name, 1)
    pong(1)
    push("ssubscribe", "s", 1)
    pong(2)
    push("ssubscribe", "t", 1)
    pong(3)
    leave(one, undefined, "shard")
    await tick()
    expect(flush()).toEqual(["SUNSUBSCRIBE s", "PING 4", "SUNSUBSCRIBE t", "PING 5"])
    push("sunsubscribe", "s", 1)
    pong(4)
    push("sunsubscribe", "t", 0)
    pong(5)
    expect(outcomes).toEqual(["done", "done", "done"])
    expect(seen(one)).toEqual([
      "subscribe c 1",
      "subscribe d 2",
      "ssubscribe s 1",
      "ssubscribe t 2",
      "sunsubscribe s 1",
      "sunsubscribe t 0"
    ])
  })

  it("told not to insist, gives up alone who is refused what it had, also for an error that passes", async () => {
    for (const [insists, code] of [
      [false, "CLUSTERDOWN"],
      [true, "MOVED"]
    ] as const) {
      const { doubts, join, link, member, outcomes, pong, push, set } = makeWorld(insists)
      const one = member()
      const two = member()
      set.connected(link)
      join(one, ["s"], "shard")
      join(two, ["t"], "shard")
      await tick()
      push("ssubscribe", "s", 1)
      pong(1)
      push("ssubscribe", "t", 2)
      pong(2)
      push("sunsubscribe", "s", 1)
      await tick()
      set.reply(new RespError(code, `${code} it is not here`))
      pong(3)
      expect(doubts).toEqual([])
      expect(one.inbox.failure).toMatchObject({ _tag: "ReplyError", code })
      expect(two.inbox.failure).toBeUndefined()
      expect(outcomes).toEqual(["done", "done"])
    }
  })

  it.each([
    ["channel", "subscribe", ["message"]],
    ["pattern", "psubscribe", ["pmessage", "from"]],
    ["shard", "ssubscribe", ["smessage"]]
  ] as const)(
    "scenario 67: tells a %s's subscriber of a Gap before and behind what comes when not all is back",
    (...of) => {
      const [kind, confirmation, [word, ...rest]] = of
      const { join, link, member, push, seen, set } = makeWorld()
      const one = member()
      set.connected(link)
      join(one, ["a", "b"], kind)
      set.disconnected(link)
      set.connected(link)
      for (const name of ["a", "b"]) push(confirmation, name, 1)
      // Nothing of what was not confirmed yet can be missing.
      expect(seen(one)).toEqual([`${confirmation} a 1`, `${confirmation} b 2`])
      set.disconnected(link)
      set.connected(link)
      push(confirmation, "a", 1)
      push(word, "a", ...rest, "1")
      push(word, "a", ...rest, "2")
      push(confirmation, "b", 2)
      push(word, "b", ...rest, "3")
      expect(seen(one)).toEqual(["Reconnected", "1", "2", "Reconnected", "3"])
    }
  )

  it("scenario 70: takes an unsubscribe that it did not ask for as a loss, and subscribes again", async () => {
    const { flush, join, link, member, pong, push, seen, set } = makeWorld()
    const one = member()
    set.connected(link)
    join(one, ["s"], "shard")
    await tick()
    push("ssubscribe", "s", 1)
    pong(1)
    flush()
    push("smessage", "s", "before")
    push("sunsubscribe", "s", 0)
    await tick()
    expect(flush()).toEqual(["SSUBSCRIBE s", "PING 2"])
    push("ssubscribe", "s", 1)
    pong(2)
    push("smessage", "s", "after")
    expect(seen(one)).toEqual(["ssubscribe s 1", "before", "Reconnected", "after"])
  })

  it.each(["refused", "confirmed"])(
    "scenario 70: is not misled when the server unsubscribes at the same time: %s",
    async (how) => {
      const { doubts, flush, join, leave, link, member, outcomes, pong, push, set } = makeWorld()
      const one = member()
      const two = member()
      set.connected(link)
      join(one, ["s"], "shard")
      await tick()
      push("ssubscribe", "s", 1)
      pong(1)
      leave(one, ["s"], "shard")
      join(one, ["other"])
      await tick()
      expect(flush().slice(2)).toEqual(["SUBSCRIBE other", "PING 2", "SUNSUBSCRIBE s", "PING 3"])
      // The server's own comes first; our command is then refused, or confirmed once more. That must not hit anyone else.
      push("subscribe", "other", 1)
      pong(2)
      push("sunsubscribe", "s", 0)
      join(two, ["s"], "shard")
      join(two, ["third"])
      await tick()
      if (how === "refused") set.reply(new RespError("MOVED", "MOVED 1 127.0.0.1:1"))
      else push("sunsubscribe", "s", 0)
      pong(3)
      await tick()
      expect(flush()).toEqual(["SUBSCRIBE third", "PING 4", "SSUBSCRIBE s", "PING 5"])
      push("subscribe", "third", 2)
      pong(4)
      push("ssubscribe", "s", 1)
      pong(5)
      expect(outcomes).toEqual(["done", "done", "done", "done", "done"])
      expect(doubts).toEqual([])
    }
  )

  it("scenario 71: sends nothing for one who leaves what others have, nor loses anything of theirs", async () => {
    const { flush, join, leave, link, member, outcomes, pong, push, seen, set } = makeWorld()
    const [one, two] = [member(), member()]
    set.connected(link)
    join(one, ["a"])
    join(two, ["a"])
    await tick()
    push("subscribe", "a", 1)
    pong(1)
    flush()
    leave(one)
    expect(outcomes).toEqual(["done", "done", "done"])
    await tick()
    expect(flush()).toEqual([])
    push("message", "a", "x")
    expect(seen(one)).toEqual(["subscribe a 1", "unsubscribe a 0"])
    expect(seen(two)).toEqual(["subscribe a 1", "x"])
    leave(two)
    await tick()
    expect(flush()).toEqual(["UNSUBSCRIBE a", "PING 2"])
  })

  it("doubts a connection on which an answer is missing or out of place", async () => {
    for (const answer of ["1", "7", "x"]) {
      const { doubts, join, link, member, set } = makeWorld()
      set.connected(link)
      join(member(), ["a"])
      await tick()
      set.reply(bytes(answer))
      expect(doubts).toHaveLength(1)
    }
    const { doubts, link, set } = makeWorld()
    set.connected(link)
    set.reply(new RespError("ERR", "ERR max number of clients reached"))
    expect(doubts).toEqual(["ERR max number of clients reached"])
  })

  it("scenario 72: asks for refused names one by one", async () => {
    const { flush, join, link, member, outcomes, pong, push, set } = makeWorld()
    const one = member()
    const two = member()
    set.connected(link)
    join(one, ["good", "bad"])
    join(two, ["fine"])
    await tick()
    flush()
    set.reply(new RespError("NOPERM", "NOPERM no"))
    pong(1)
    await tick()
    expect(flush()).toEqual(["SUBSCRIBE good", "PING 2", "SUBSCRIBE bad", "PING 3", "SUBSCRIBE fine", "PING 4"])
    push("subscribe", "good", 1)
    pong(2)
    set.reply(new RespError("NOPERM", "NOPERM no"))
    pong(3)
    push("subscribe", "fine", 2)
    pong(4)
    await tick()
    expect(outcomes).toEqual(["ReplyError", "done"])
    // The call that failed leaves nothing behind.
    expect(flush()).toEqual(["UNSUBSCRIBE good", "PING 5"])
  })

  it("scenario 72: does not give up for an error that passes what it had", async () => {
    const { doubts, flush, join, link, member, outcomes, pong, push, seen, set } = makeWorld()
    const one = member()
    set.connected(link)
    join(one, ["a"])
    await tick()
    push("subscribe", "a", 1)
    pong(1)
    set.disconnected(link)
    const again = { ...link }
    set.connected(again)
    flush()
    set.reply(new RespError("BUSY", "BUSY a script runs"))
    expect(doubts).toHaveLength(1)
    expect(one.inbox.failure).toBeUndefined()
    set.disconnected(again)
    set.connected(link)
    expect(flush()).toEqual(["SUBSCRIBE a", "PING 3"])
    push("subscribe", "a", 1)
    expect(seen(one)).toEqual(["subscribe a 1", "Reconnected"])
    expect(outcomes).toEqual(["done"])
  })

  it("scenario 74: takes RESP2's messages, which come as replies, for what they are", async () => {
    const { doubts, join, leave, link, member, outcomes, seen, set } = makeWorld()
    const one = member()
    const reply = (...items: ReadonlyArray<string | number>) =>
      set.reply(items.map((item): RespValue => (typeof item === "string" ? bytes(item) : item)))
    set.connected(link)
    for (const [kind, prefix] of [
      ["channel", ""],
      ["pattern", "p"],
      ["shard", "s"]
    ] as const) {
      join(one, ["a"], kind)
      await tick()
      reply(`${prefix}subscribe`, "a", 1)
      reply(`${prefix}message`, "a", ...(kind === "pattern" ? ["from"] : []), kind)
      leave(one, ["a"], kind)
      await tick()
      reply(`${prefix}unsubscribe`, "a", 0)
      expect(seen(one)).toEqual([`${prefix}subscribe a 1`, kind, `${prefix}unsubscribe a 0`])
    }
    expect(outcomes).toHaveLength(6)
    expect(doubts).toEqual([])
  })

  it.each([
    ["RESP2", (fence: number): RespValue => [bytes("pong"), bytes(String(fence))]],
    ["RESP3", (fence: number): RespValue => bytes(String(fence))]
  ])("scenario 74: knows by the PONG of %s whose an error is, and whether an answer is missing", async (_, pong) => {
    const { doubts, join, link, member, outcomes, push, set } = makeWorld()
    const one = member()
    set.connected(link)
    join(one, ["a"])
    await tick()
    push("subscribe", "a", 1)
    set.reply(pong(1))
    join(one, ["b"])
    await tick()
    set.reply(new RespError("NOPERM", "NOPERM b"))
    set.reply(pong(2))
    expect(outcomes).toEqual(["done", "ReplyError"])
    join(one, ["c"])
    await tick()
    expect(doubts).toEqual([])
    set.reply(pong(3))
    expect(doubts).toEqual(["an answer is missing"])
  })

  it("scenario 73, 74: gives nothing of what comes before its confirmation, or behind its end, to anybody", async () => {
    const { doubts, join, leave, link, member, outcomes, push, seen, set } = makeWorld()
    const one = member(1)
    set.connected(link)
    const early = () => {
      for (let i = 0; i < 10; i++) push("message", "a", `${i}`)
    }
    early()
    join(one, ["a"])
    early()
    await tick()
    early()
    push("subscribe", "a", 1)
    push("message", "a", "here")
    expect(seen(one)).toEqual(["subscribe a 1", "here"])
    leave(one, ["a"])
    early()
    await tick()
    early()
    push("unsubscribe", "a", 0)
    early()
    expect(seen(one)).toEqual(["unsubscribe a 0"])
    expect(outcomes).toEqual(["done", "done"])
    expect(doubts).toEqual([])
  })

  it("ignores pushes that it does not know", () => {
    const { doubts, link, push, set } = makeWorld()
    set.connected(link)
    push("invalidate", "key")
    push("message", "unknown", "x")
    push("subscribe", "unknown", 1)
    set.receive([])
    set.receive([bytes("unsubscribe"), null, 0])
    expect(doubts).toEqual([])
  })

  it("scenario 68, 69: ends in what is desired, whatever happens on the way: property", async () => {
    const action = fc.oneof(
      fc.record({ what: fc.constant("join" as const), who: fc.nat(2), name: fc.nat(3) }),
      fc.record({ what: fc.constant("leave" as const), who: fc.nat(2), name: fc.nat(3) }),
      fc.record({ what: fc.constant("abandon" as const), who: fc.nat(9), name: fc.nat(3) }),
      fc.record({ what: fc.constant("drop" as const), who: fc.nat(2), name: fc.nat(3) }),
      fc.record({ what: fc.constant("answer" as const), who: fc.nat(2), name: fc.nat(3) }),
      fc.record({ what: fc.constant("tick" as const), who: fc.nat(2), name: fc.nat(3) })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const server = new Set<string>()
        const queue: Array<ReadonlyArray<string>> = []
        const doubts: Array<string> = []
        const lose = () => {
          queue.length = 0
          server.clear()
          set.disconnected()
        }
        // A connection that nobody needs is closed, and its subscriptions with it.
        const set = new SubscriptionSet((needed) => {
          if (!needed) lose()
          else if (!set.isConnected) {
            queueMicrotask(() => {
              if (!set.isConnected) set.connected(makeLink())
            })
          }
        })
        const makeLink = (): Link => ({
          send: (commands) =>
            queue.push(...commands.map((words) => words.map((w) => (typeof w === "string" ? w : text(w))))),
          pause: () => {},
          resume: () => {},
          doubt: (reason) => doubts.push(reason)
        })
        const answer = () => {
          const [verb, ...names] = queue.shift() ?? []
          if (verb === "PING") set.reply(bytes(names[0]!))
          // One name is always refused, and with it all of its command.
          else if (verb === "SUBSCRIBE" && names.includes("c3")) set.reply(new RespError("NOPERM", "NOPERM no"))
          else if (verb !== undefined) {
            for (const name of names) {
              if (verb === "SUBSCRIBE") server.add(name)
              else server.delete(name)
              set.receive([bytes(verb.toLowerCase()), bytes(name), server.size])
            }
          }
        }
        const members = Array.from({ length: 3 }, () => {
          const made: Member = new Member(new SubscriberInbox(1_000, "suspend", () => set.onFlow(made)))
          return made
        })
        /** What each member should have: a name that a call has got, or for which one still waits. */
        const fresh = () => ({ pending: 0, kept: false })
        const desired = members.map(() => Array.from({ length: 4 }, fresh))
        const calls: Array<() => void> = []
        const given = { _tag: "CommandError" } as unknown as RedisError.RedisError
        let settled = 0
        for (const { name, what, who } of actions) {
          const channel = `c${name}`
          if (what === "join") {
            const one = desired[who]![name]!
            one.pending++
            const call = set.join(members[who]!, "channel", [channel], (error) => {
              settled++
              one.pending--
              one.kept ||= error === undefined
            })
            calls.push(() => set.abandon(call, given))
          } else if (what === "leave") {
            desired[who]![name] = fresh()
            const call = set.leave(members[who]!, "channel", [channel], () => settled++)
            calls.push(() => set.abandon(call, given))
          } else if (what === "abandon") calls[who]?.()
          else if (what === "drop") {
            lose()
          } else if (what === "answer") answer()
          else await tick()
        }
        for (let i = 0; i < 10; i++) {
          await tick()
          while (queue.length > 0) answer()
        }
        const wanted = new Set(members.flatMap((member) => [...member.memberships.channel.keys()]))
        expect(doubts).toEqual([])
        expect(settled).toBe(calls.length)
        expect([...server].sort()).toEqual([...wanted].sort())
        for (const [i, member] of members.entries()) {
          const names = desired[i]!.flatMap(({ kept, pending }, name) => (kept || pending > 0 ? [`c${name}`] : []))
          expect([...member.memberships.channel.keys()].sort()).toEqual(names)
          expect(member.counts.plain).toBe(member.memberships.channel.size)
          expect(member.pending).toBe(0)
          expect(member.missing.size).toBe(0)
          // Its last confirmation tells the count, too.
          const last = member.inbox
            .drain()
            .filter((event) => "count" in event)
            .at(-1)
          if (last !== undefined) expect(last.count).toBe(member.counts.plain)
        }
      }),
      { numRuns: 3_000 }
    )
  })
})

describe("what a peer makes up", () => {
  const subscribed = async () => {
    const world = makeWorld()
    const alice = world.member()
    world.set.connected(world.link)
    world.join(alice, ["c"])
    world.join(alice, ["p*"], "pattern")
    await tick()
    world.push("subscribe", "c", 1)
    world.push("psubscribe", "p*", 2)
    world.seen(alice)
    return { ...world, alice }
  }

  it.each([
    ["no data", ["message", "c"]],
    ["a number for data", ["message", "c", 1]],
    ["no data of a pattern", ["pmessage", "p*", "c"]],
    ["no channel of a pattern", ["pmessage", "p*"]]
  ])("a message with %s is doubted and reaches nobody", async (_, items) => {
    const { alice, doubts, push, seen } = await subscribed()
    push(...items)
    expect(doubts).toEqual(["not a message"])
    expect(seen(alice)).toEqual([])
  })

  it.each([null, 0, true, "", []])("%j is no answer to a PING", async (value) => {
    const { doubts, set } = await subscribed()
    set.reply(value)
    expect(doubts).toEqual(Array.isArray(value) ? [] : ["an answer is missing"])
  })

  it("a name may be as long as a string of the server", () => {
    const name = new Uint8Array(2 ** 26).fill(0x61)
    expect(keyOf(name)).toHaveLength(name.length)
    expect(keyOf(name.subarray(0, 5_000))).toBe("a".repeat(5_000))
  })
})

describe("an inbox", () => {
  const message = (data: number): RedisPubSub.Message<Uint8Array> => ({
    type: "message",
    channel: bytes("c"),
    pattern: Option.none(),
    data: Uint8Array.of(data)
  })

  it.each(["suspend", "sliding", "dropping"] as const)(
    "scenario 73: tells of a reconnection when it is full, too: %s",
    (strategy) => {
      const inbox = new SubscriberInbox(2, strategy, () => {})
      const drained = () =>
        inbox.drain().map((event) => (event.type === "gap" ? event.reason : "data" in event && event.data[0]))
      inbox.message(message(0))
      inbox.message(message(1))
      inbox.gap()
      inbox.gap()
      expect(drained()).toEqual([0, 1, "Reconnected"])
      inbox.gap()
      inbox.message(message(2))
      inbox.gap()
      expect(drained()).toEqual(["Reconnected", 2, "Reconnected"])
    }
  )

  it("scenario 73: is full of 16 MiB, or of one message that is more, and says so to who fills it", () => {
    const flow: Array<boolean> = []
    const inbox = new SubscriberInbox(1_000, "suspend", () => flow.push(inbox.isBlocking))
    const sized = (size: number): RedisPubSub.Message<Uint8Array> => ({ ...message(0), data: new Uint8Array(size) })
    // With the name's byte it leaves one.
    const most = 2 ** 24 - 2
    inbox.message(sized(most))
    expect(flow).toEqual([])
    inbox.message(sized(0))
    expect(flow).toEqual([true])
    inbox.message(sized(2 ** 25))
    inbox.shift()
    inbox.shift()
    expect(flow).toEqual([true])
    inbox.shift()
    expect(flow).toEqual([true, false])
    inbox.message(sized(most))
    inbox.push({ type: "subscribe", channel: new Uint8Array(most), count: 1 })
    expect(flow).toEqual([true, false])
    inbox.message(sized(0))
    inbox.drain()
    expect(flow).toEqual([true, false, true, false])
    inbox.message(sized(most))
    expect(flow).toHaveLength(4)
  })

  it.each(["suspend", "sliding"] as const)(
    "has room again when it is empty, whatever became of memory: %s",
    (strategy) => {
      const inbox = new SubscriberInbox(1_000, strategy, () => {})
      const channel = new Uint8Array(2 ** 22)
      for (let i = 0; i < 4; i++) inbox.message({ ...message(i), channel })
      expect(inbox.isFull).toBe(true)
      structuredClone(channel.buffer, { transfer: [channel.buffer] })
      if (strategy === "suspend") for (let i = 0; i < 4; i++) inbox.shift()
      else inbox.message(message(4))
      expect(inbox.isFull).toBe(false)
      expect(inbox.drain()).toHaveLength(strategy === "suspend" ? 0 : 2)
    }
  )

  it("waits within bounds, whatever the sizes of messages are: property", () => {
    const data = new Uint8Array(2 ** 24)
    const size = fc.constantFrom(0, 1, 2 ** 10, 2 ** 22, 2 ** 23, 2 ** 24)
    fc.assert(
      fc.property(
        fc.array(fc.option(size), { maxLength: 100 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom("sliding" as const, "dropping" as const),
        (actions, capacity, strategy) => {
          const inbox = new SubscriberInbox(capacity, strategy, () => {})
          for (const action of actions) {
            if (action === null) inbox.shift()
            else inbox.message({ ...message(0), data: data.subarray(0, action) })
          }
          const waiting = inbox.drain().flatMap((event) => ("data" in event ? [event.data.length + 1] : []))
          expect(waiting.length).toBeLessThanOrEqual(capacity)
          expect(waiting.slice(0, -1).reduce((sum, length) => sum + length, 0)).toBeLessThan(2 ** 24)
        }
      ),
      { numRuns: 2_000 }
    )
  })

  it.effect("lets who polls wait by the Clock, to the millisecond", () =>
    Effect.gen(function* () {
      const inbox = new SubscriberInbox(1, "suspend", () => {})
      for (const start of [0, 1, 1_700_000_000_123, 1_700_000_000_457]) {
        yield* TestClock.setTime(start)
        const fiber = yield* Effect.fork(inbox.poll("5 minutes"))
        yield* TestClock.adjust(299_999)
        expect(yield* Fiber.poll(fiber)).toEqual(Option.none())
        yield* TestClock.adjust(1)
        expect(yield* Fiber.join(fiber)).toEqual(Option.none())
      }
      const fiber = yield* Effect.fork(inbox.poll(Duration.infinity))
      yield* TestClock.adjust("1 day")
      inbox.message(message(1))
      expect(yield* Fiber.join(fiber)).toEqual(Option.some(message(1)))
    })
  )

  it("scenario 73: loses what its strategy says, and says so where it was: property", () => {
    const action = fc.constantFrom<Array<"message" | "take" | "drain" | "confirm">>(
      ...(["message", "message", "message", "take", "take", "drain", "confirm"] as const)
    )
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 80 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom("sliding" as const, "dropping" as const),
        (actions, capacity, strategy) => {
          const inbox = new SubscriberInbox(capacity, strategy, () => {})
          const taken: Array<number | "gap" | "confirm"> = []
          /** How much had been taken when each message came. */
          const takenBefore: Array<number> = []
          const note = (event: RedisPubSub.Event<Uint8Array>) =>
            taken.push(event.type === "gap" ? "gap" : "data" in event ? event.data[0]! : "confirm")
          const take = () => {
            const event = inbox.shift()
            if (event !== undefined) note(event)
            return event !== undefined
          }
          let messages = 0
          let confirmations = 0
          for (const what of actions) {
            if (what === "message") {
              takenBefore.push(taken.length)
              inbox.message(message(messages++))
            } else if (what === "take") take()
            else if (what === "drain") for (const event of inbox.drain()) note(event)
            else {
              confirmations++
              inbox.push({ type: "subscribe", channel: bytes("c"), count: 1 })
            }
          }
          while (take()) {}
          expect(taken.filter((event) => event === "confirm")).toHaveLength(confirmations)
          // Between neighbours there is a Gap exactly where numbers are missing, and one that was taken after they came.
          let next = 0
          let gap = -1
          const meet = (number: number) => {
            if (number === next) expect(gap).toBe(-1)
            else expect(gap).toBeGreaterThanOrEqual(takenBefore[number - 1]!)
            next = number + 1
            gap = -1
          }
          for (const [at, event] of taken.entries()) {
            if (event === "gap") gap = at
            else if (event !== "confirm") meet(event)
          }
          meet(messages)
        }
      ),
      { numRuns: 5_000 }
    )
  })
})
