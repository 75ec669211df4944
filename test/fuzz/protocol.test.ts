import { type Argument, encodeCommand, numberToText, payloadLength } from "@effect-resp/core/internal/protocol/encoder"
import { NodeRedisServer } from "@effect-resp/node"
import { Effect } from "effect"
import * as fc from "effect/FastCheck"
import { beforeAll, describe, expect, it } from "vitest"
import { bytesOf, cutBy, type Event, oneByOne, read, show } from "../unit/protocol/support.js"
import { fuzz, sizes } from "./budget.js"
import { damage, mutations, noise } from "./damage.js"
import { readNaively } from "./naive.js"
import { record } from "./recording.js"
import { encode, expected, traffic2, traffic3 } from "./traffic.js"

/** Cheaper than `expect`, which is asked only about what differs. */
const same = (got: ReadonlyArray<Event>, want: string, how: string) => {
  const shown = show(got)
  if (shown !== want) expect(shown, how).toBe(want)
}

/** Bounds that damaged traffic comes to. */
const limits = { maxDepth: 12, maxBulkLength: 1_000, maxElements: 100 }

const isBroken = (events: ReadonlyArray<Event>) => events.some((event) => "broken" in event)

/** That it reads what the naive decoder reads; of what it refuses, up to there. */
const expectAsNaive = (wire: Uint8Array, events: ReadonlyArray<Event>) => {
  const understood = events.filter((event) => !("broken" in event))
  const naive = readNaively(wire).events
  same(understood, show(isBroken(events) ? naive.slice(0, understood.length) : naive), "as the naive decoder")
}

/** Whatever it is: values or a protocol error, the same in any chunks, and no other values than the naive decoder's. */
const expectSound = (wire: Uint8Array, sizes: ReadonlyArray<number>, bytes: boolean) => {
  const want = show(read([wire], { ...limits, bytes }))
  same(read(oneByOne(wire), { ...limits, bytes }), want, "byte by byte")
  same(read(cutBy(wire, sizes), { ...limits, bytes }), want, "in chunks")
  expectAsNaive(wire, read([wire], limits))
}

describe("any traffic", () => {
  const wholeAndInPieces = (traffic: typeof traffic2) =>
    fc.property(traffic, fc.boolean(), fc.boolean(), sizes(40), (items, bytes, pushBytes, sizes) => {
      const wire = encode(items)
      const want = show(expected(items, bytes, pushBytes))
      const options = { bytes, pushBytes }
      same(read([wire], options), want, "whole")
      same(read(oneByOne(wire), options), want, "byte by byte")
      same(read(cutBy(wire, sizes), options), want, "in chunks")
      expectAsNaive(wire, read([wire]))
    })

  const atEveryCut = (traffic: typeof traffic2) =>
    fc.property(traffic, (items) => {
      const wire = encode(items)
      const want = show(expected(items, false, false))
      for (let cut = 0; cut <= wire.length; cut++) {
        same(read([wire.subarray(0, cut), wire.subarray(cut)]), want, `cut at ${cut}`)
      }
    })

  const nothingLeft = (traffic: typeof traffic2) =>
    fc.property(traffic, (items) => {
      const events = read([encode(items), bytesOf("+behind\r\n")])
      same(events, show([...expected(items, false, false), { reply: "behind" }]), "with one behind")
    })

  it("scenario 1: on RESP2 is read whole, byte by byte and in random chunks", fuzz(400, wholeAndInPieces(traffic2)))

  it(
    "scenario 1: on RESP3, with streamed forms, and pushes and attributes anywhere, is read whole, byte by byte and in random chunks",
    fuzz(400, wholeAndInPieces(traffic3))
  )

  it("scenario 1: on RESP2 is read when it is cut at any single place", fuzz(100, atEveryCut(traffic2)))

  it("scenario 1: on RESP3 is read when it is cut at any single place", fuzz(100, atEveryCut(traffic3)))

  it("scenario 1: on RESP2 leaves nothing over", fuzz(100, nothingLeft(traffic2)))

  it("scenario 1: on RESP3 leaves nothing over", fuzz(100, nothingLeft(traffic3)))
})

describe("damaged traffic", () => {
  it(
    "scenario 6: gives values or a protocol error, the same in any chunks",
    fuzz(
      2_000,
      fc.property(traffic3, mutations, sizes(20), fc.boolean(), (items, mutations, sizes, bytes) =>
        expectSound(damage(encode(items), mutations), sizes, bytes)
      )
    )
  )

  it("scenario 6: so does noise", fuzz(3_000, fc.property(noise, sizes(20), fc.boolean(), expectSound)))
})

describe("what a real server says", () => {
  let frames: ReadonlyArray<Uint8Array> = []
  let whole: ReadonlyArray<Uint8Array> = []

  beforeAll(async () => {
    const recorded = Effect.flatMap(NodeRedisServer.make({ args: ["--enable-debug-command", "yes"] }), ({ port }) =>
      Effect.promise(() => record(port))
    )
    ;({ frames, whole } = await Effect.runPromise(Effect.scoped(recorded)))
  })

  /** Some of it, in any order. */
  const some = fc
    .array(fc.nat(), { minLength: 1, maxLength: 5 })
    .map((picks) => new Uint8Array(Buffer.concat(picks.map((pick) => frames[pick % frames.length]!))))

  it("is of every type, and read as the naive decoder reads it", () => {
    const types = new Set(frames.map((frame) => String.fromCharCode(frame[0]!)))
    for (const type of "+-:$*_,#(%~>") expect(types, type).toContain(type)
    for (const wire of whole) {
      const events = read([wire])
      expect(isBroken(events)).toBe(false)
      expectAsNaive(wire, events)
    }
  })

  it(
    "scenario 1: is read in any chunks",
    fuzz(
      40,
      fc.property(sizes(2_000), fc.boolean(), fc.boolean(), (sizes, bytes, pushBytes) => {
        for (const wire of whole) {
          const options = { bytes, pushBytes }
          same(read(cutBy(wire, sizes), options), show(read([wire], options)), "in chunks")
        }
      })
    )
  )

  it(
    "scenario 6: damaged gives values or a protocol error, the same in any chunks",
    fuzz(
      400,
      fc.property(some, mutations, sizes(200), fc.boolean(), (wire, mutations, sizes, bytes) =>
        expectSound(damage(wire, mutations), sizes, bytes)
      )
    )
  )
})

describe("a command", () => {
  const within = (bytes: Uint8Array) => {
    const around = new Uint8Array(bytes.length + 10).fill(255)
    around.set(bytes, 5)
    return around.subarray(5, 5 + bytes.length)
  }
  const bytes = fc.uint8Array({ maxLength: 200 })
  const word: fc.Arbitrary<Argument> = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 }).map((units) => String.fromCharCode(...units)),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.bigInt(),
    bytes,
    bytes.map(within),
    bytes.map((bytes) => Buffer.from(bytes)),
    fc.string().map((text) => within(Buffer.from(text)))
  )
  const bytesOfWord = (word: Argument): Uint8Array =>
    word instanceof Uint8Array
      ? Uint8Array.from(word)
      : bytesOf(typeof word === "number" ? numberToText(word) : String(word))

  it(
    "scenario 16, 100: of any words is read back as an array of bulk strings of exactly these bytes",
    fuzz(
      1_000,
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), sizes(20), (words, sizes) => {
        const payload = encodeCommand(words)
        const parts = typeof payload === "string" ? [payload] : payload
        const wire = new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))))
        expect(payloadLength(payload)).toBe(wire.length)
        const header = words.map((word) => `$${bytesOfWord(word).length}`)
        expect(Buffer.from(wire).toString("latin1").startsWith(`*${words.length}\r\n${header[0]}\r\n`)).toBe(true)
        same(read(cutBy(wire, sizes), { bytes: true }), show([{ reply: words.map(bytesOfWord) }]), "read back")
      })
    )
  )
})
