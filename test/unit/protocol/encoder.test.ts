import {
  type Argument,
  encodeCommand,
  numberToText,
  type Payload,
  payloadLength
} from "@effect-resp/core/internal/protocol/encoder"
import * as fc from "effect/FastCheck"
import { describe, expect, it } from "vitest"

const written = (payload: Payload): Buffer =>
  typeof payload === "string"
    ? Buffer.from(payload)
    : Buffer.concat(payload.map((part) => (typeof part === "string" ? Buffer.from(part) : part)))

const reference = (words: ReadonlyArray<Argument>): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => {
      const body =
        word instanceof Uint8Array
          ? Buffer.from(word)
          : Buffer.from(typeof word === "number" ? numberToText(word) : String(word))
      return [Buffer.from(`$${body.length}\r\n`), body, Buffer.from("\r\n")]
    })
  ])

const check = (words: ReadonlyArray<Argument>) => {
  const payload = encodeCommand(words)
  const want = reference(words)
  expect(written(payload).toString("hex")).toBe(want.toString("hex"))
  expect(payloadLength(payload)).toBe(want.length)
}

describe("a command", () => {
  for (const word of [
    "",
    "plain",
    "a\u0000b",
    "\r\nFLUSHALL\r\n",
    "$3\r\nfoo\r\n",
    "é",
    "€uro",
    "😀",
    "\ufeffbom",
    "\ud800",
    "\udc00",
    "a\ud800b",
    "\udc00\ud800",
    "\ud83d\ud83d\ude00",
    "x".repeat(300),
    "é".repeat(300),
    "\ud800".repeat(30)
  ]) {
    it(`scenario 16: writes ${JSON.stringify(word.slice(0, 20))} with its length in bytes`, () => {
      check(["SET", word, word])
      check(["SET", new Uint8Array([1, 200]), word, word])
    })
  }

  it("may have many words", () => check(["DEL", ...Array.from({ length: 1_000 }, (_, i) => `key:${i}`)]))

  it("of nothing but ASCII is one string", () => {
    expect(encodeCommand(["SET", "key", 1, Buffer.from("abc")])).toBe(
      "*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\n1\r\n$3\r\nabc\r\n"
    )
  })

  it("scenario 16: has its own copy of the bytes, which their owner may change", () => {
    const big = Buffer.alloc(100_000, "a")
    const parts = encodeCommand(["SET", "key", big])
    big.fill("b")
    expect(parts[1]).toEqual(new Uint8Array(100_000).fill(0x61))
  })

  it("scenario 17: is refused when a word cannot be sent, and the word is named", () => {
    for (const bad of [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      null,
      undefined,
      {},
      [],
      true,
      new Date(0)
    ]) {
      const encode = () => encodeCommand(["SET", "key", bad as Argument])
      expect(encode).toThrow(RangeError)
      expect(encode).toThrow(/word 2/)
    }
    expect(() => encodeCommand([])).toThrow(RangeError)
  })
})

describe("numbers", () => {
  it("scenario 17: are decimal text", () => {
    const texts: ReadonlyArray<readonly [number, string]> = [
      [0, "0"],
      [-0, "0"],
      [-1, "-1"],
      [1e20, "100000000000000000000"],
      [1e21, "1000000000000000000000"],
      [-1e21, "-1000000000000000000000"],
      [Number.MAX_SAFE_INTEGER, "9007199254740991"],
      [0.1, "0.1"],
      [1e-7, "1e-7"],
      [1.5e300, BigInt(1.5e300).toString()]
    ]
    for (const [number, text] of texts) expect(numberToText(number)).toBe(text)
  })

  it("read back the same, and whole ones have no exponent", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => {
        const text = numberToText(n)
        expect(Number(text)).toBe(n === 0 ? 0 : n)
        if (Number.isInteger(n)) expect(text).toMatch(/^-?\d+$/)
      })
    )
  })
})
