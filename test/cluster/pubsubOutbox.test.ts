import { describe, expect, it } from "@effect/vitest"
import { SubscriberOutbox } from "@effect-resp/cluster/internal/subscriberOutbox"
import { RedisError, type RedisPubSub } from "@effect-resp/core"
import { Effect, Exit, Fiber, Option } from "effect"
import * as fc from "effect/FastCheck"
import { setBack } from "../support/setBack.js"

type Event = RedisPubSub.Event<Uint8Array>

const bytes = (n: number) => new TextEncoder().encode(String(n))
const numberOf = (event: Event): number | undefined =>
  "data" in event ? Number(new TextDecoder().decode(event.data)) : "count" in event ? event.count : undefined

const message = (n: number): Event => ({
  type: "message",
  channel: bytes(0),
  pattern: Option.none(),
  data: bytes(n)
})
const confirmation = (n: number): Event => ({ type: "subscribe", channel: bytes(0), count: n })

const take = (outbox: SubscriberOutbox) => Effect.runSync(outbox.poll())

describe("what a subscriber has not taken yet", () => {
  it("is bounded, in order, and every loss has its Gap: property", () => {
    const action = fc.constantFrom("message", "message", "message", "confirmation", "gap", "take", "all")
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom("suspend" as const, "sliding" as const, "dropping" as const),
        fc.array(action, { maxLength: 80 }),
        (capacity, strategy, actions) => {
          const outbox = new SubscriberOutbox(capacity, strategy)
          const read: Array<Event> = []
          const sent: Array<Event> = []
          const all = () => {
            const before = read.length
            for (let next = take(outbox); Option.isSome(next); next = take(outbox)) read.push(next.value)
            return read.slice(before)
          }
          let n = 0
          for (const what of actions) {
            if (what === "take") read.push(...Option.toArray(take(outbox)))
            else if (what === "all") {
              const messages = all().filter((event) => "data" in event)
              if (strategy !== "suspend") expect(messages.length).toBeLessThanOrEqual(capacity)
            } else if (what === "gap") outbox.gap()
            else if (!(what === "message" && outbox.isFull)) {
              // Feeds wait for a reader that may lose nothing.
              const event = what === "message" ? message(n) : confirmation(n)
              n++
              sent.push(event)
              outbox.push(event)
            }
          }
          all()
          const numbers = read.flatMap((event) => numberOf(event) ?? [])
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
          expect(read.filter((event) => "count" in event)).toEqual(sent.filter((event) => "count" in event))
          if (strategy === "suspend") expect(numbers).toHaveLength(sent.length)
          // From one message read to the next, or to the end: what is missing has a Gap between them.
          let gap = false
          let next = 0
          for (const event of [...read, message(n)]) {
            if (event.type === "gap") gap = true
            if (!("data" in event)) continue
            const number = numberOf(event)!
            const missing = sent.slice(next, number).some((one) => "data" in one)
            if (missing) expect(gap).toBe(true)
            gap = false
            next = number + 1
          }
          if (strategy === "sliding") {
            const newest = sent.findLast((event) => "data" in event)
            if (newest !== undefined) expect(read).toContain(newest)
          }
        }
      ),
      { numRuns: 5_000 }
    )
  })

  it("has room while a call waits, and for one feed at a time", () =>
    Effect.gen(function* () {
      const outbox = new SubscriberOutbox(1, "suspend")
      outbox.push(message(0))
      let entered = 0
      const feed = outbox.hasRoom.pipe(
        Effect.map(() => {
          entered++
          outbox.push(message(entered))
        })
      )
      const feeds = yield* Effect.forEach([feed, feed], (effect) => Effect.fork(effect))
      yield* Effect.yieldNow()
      expect(entered).toBe(0)
      yield* outbox.take
      yield* Effect.sleep("5 millis")
      expect(entered).toBe(1)
      outbox.callBegins()
      yield* Fiber.joinAll(feeds)
      expect(entered).toBe(2)
    }).pipe(Effect.runPromise))

  it.each([
    ["suspend", [0, 1, 2, 3]],
    ["sliding", [undefined, 2, 3]],
    ["dropping", [0, 1, undefined]]
  ] as const)("is full of few messages that are large: %s", (strategy, numbers) => {
    const outbox = new SubscriberOutbox(1_024, strategy)
    const channel = new Uint8Array(2 ** 23)
    for (let n = 0; n < 4; n++) {
      outbox.push({ type: "message", channel, pattern: Option.none(), data: bytes(n) })
      expect(outbox.isFull).toBe(strategy === "suspend" && n >= 1)
    }
    expect(Option.toArray(take(outbox)).map(numberOf)).toEqual(numbers.slice(0, 1))
    expect(Effect.runSync(outbox.takeAll).map(numberOf)).toEqual(numbers.slice(1))
    expect(outbox.isFull).toBe(false)
    // What is taken counts no more.
    for (let n = 4; n < 20; n++) {
      outbox.push({ type: "message", channel, pattern: Option.none(), data: bytes(n) })
      expect(Option.toArray(take(outbox)).map(numberOf)).toEqual([n])
    }
  })

  it("a poll ends in time though the clock is set back meanwhile", () =>
    new SubscriberOutbox(1, "suspend").poll("20 millis").pipe(
      Effect.withClock(setBack()),
      Effect.timeoutFail({ duration: "1 second", onTimeout: () => "too late" }),
      Effect.map((polled) => expect(polled).toEqual(Option.none())),
      Effect.runPromise
    ))

  it("gives what it has before it tells why nothing more will come", () => {
    const outbox = new SubscriberOutbox(2, "sliding")
    for (let n = 0; n < 5; n++) outbox.push(message(n))
    outbox.fail(new RedisError.CommandError({ reason: "over", outcome: "NotSent" }))
    outbox.push(message(9))
    expect(Effect.runSync(outbox.takeAll).map(numberOf)).toEqual([undefined, 3, 4])
    expect(Exit.isFailure(Effect.runSyncExit(outbox.take))).toBe(true)
  })
})
