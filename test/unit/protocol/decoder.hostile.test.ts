import { defaultLimits } from "@effect-resp/core/internal/protocol/decoder"
import { describe, expect, it } from "vitest"
import { bytesOf, complaint, cutBy, oneByOne, read, replies, show } from "./support.js"

describe("nesting", () => {
  for (const type of ["*1", "%1", "~1", ">1", "|1", "*?", "%?", "~?", ">?"]) {
    it(`scenario 4: 200 000 times ${type} is refused`, () => {
      expect(complaint(`${type}\r\n`.repeat(200_000))).toBe(`"${type[0]}" is nested too deeply`)
    })
  }

  it("is refused when the header beyond the limit is read, not before", () => {
    const nested = (depth: number) => `${"*1\r\n".repeat(depth)}:1\r\n`
    expect(replies(nested(defaultLimits.maxDepth))).toHaveLength(1)
    expect(complaint("*1\r\n".repeat(defaultLimits.maxDepth + 1))).toContain("nested")
    expect(replies(nested(3), { maxDepth: 3 })).toEqual([[[[1]]]])
    expect(complaint(nested(4), { maxDepth: 3 })).toContain("nested")
    expect(complaint("*1\r\n*1\r\n*1\r\n>1\r\n", { maxDepth: 3 })).toContain("nested")
  })

  it("scenario 4: takes no stack of its own, whatever the limit", () => {
    const depth = 200_000
    expect(read([bytesOf(`${"*1\r\n".repeat(depth)}:1\r\n`)], { maxDepth: depth })).toHaveLength(1)
  })
})

describe("lengths", () => {
  for (const header of ["$9999999999", "$536870913", "=9999999999", "!9999999999", "$99999999999999999999"]) {
    it(`scenario 5: ${header} is refused at once`, () => expect(complaint(`${header}\r\n`)).toMatch(/is too long$/))
  }
  for (const header of ["*2147483647", "*67108865", "%33554433", "|33554433", "~4294967296", ">67108865"]) {
    it(`scenario 5: ${header} is refused at once`, () =>
      expect(complaint(`${header}\r\n`)).toMatch(/has too many elements$/))
  }

  it("a streamed string and a streamed aggregate are bounded like others", () => {
    expect(complaint("$?\r\n;6\r\nabcdef\r\n;5\r\n", { maxBulkLength: 10 })).toContain("too long")
    expect(replies("$?\r\n;6\r\nabcdef\r\n;4\r\nghij\r\n;0\r\n", { maxBulkLength: 10 })).toEqual(["abcdefghij"])
    expect(replies("*?\r\n:1\r\n:2\r\n.\r\n", { maxElements: 2 })).toEqual([[1, 2]])
    expect(complaint("*?\r\n:1\r\n:2\r\n:3\r\n", { maxElements: 2 })).toContain("too many")
  })

  it("scenario 5: aggregates in one another are bounded together", () => {
    expect(replies("*2\r\n*2\r\n:1\r\n:2\r\n:3\r\n*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", { maxElements: 4 })).toEqual([
      [[1, 2], 3],
      [1, 2, 3, 4]
    ])
    expect(complaint("*2\r\n*3\r\n", { maxElements: 4 })).toContain("too many")
    expect(complaint("*2\r\n*?\r\n:1\r\n:2\r\n:3\r\n", { maxElements: 4 })).toContain("too many")
    expect(complaint("*3\r\n*?\r\n:1\r\n.\r\n*1\r\n", { maxElements: 4 })).toContain("too many")
  })

  it("scenario 5: a claim alone costs next to nothing", () => {
    const before = process.memoryUsage()
    for (let i = 0; i < 200; i++) read([bytesOf("*67108864\r\n*67108864\r\n$536870912\r\nabc")])
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 2 ** 20)
    expect(after.heapUsed - before.heapUsed).toBeLessThan(64 * 2 ** 20)
  })
})

describe("garbage", () => {
  const lines = [
    ":12x",
    ":",
    ":-",
    ":+-1",
    ": 1",
    ":1 ",
    ":1.0",
    "$-7",
    "$",
    "$-",
    "$1x",
    "$+1",
    "*-2",
    "%-1",
    "~-1",
    ">-1"
  ]
  const others = [
    "=-1",
    "!-1",
    "#x",
    "#",
    "#tt",
    "_x",
    ",",
    ",x",
    ",1e",
    ",infinity",
    ",--1",
    "(",
    "(1x",
    "(1.5",
    ".",
    ".x"
  ]
  const misplaced = [
    ";1",
    ";0",
    "=?",
    "!?",
    ">0",
    ">?\r\n.",
    "*?\r\n.x",
    "*1\r\n.",
    "%?\r\n+a\r\n.",
    "$?\r\n+a",
    "$?\r\n;x",
    "=2\r\nab",
    "=4\r\ntxtx"
  ]
  for (const line of [...lines, ...others, ...misplaced]) {
    it(`scenario 6: ${JSON.stringify(line)} is refused, in any chunks`, () => {
      const bytes = bytesOf(`+OK\r\n${line}\r\n`)
      const want = show([{ reply: "OK" }, { broken: true }])
      expect(show(read([bytes]))).toBe(want)
      expect(show(read(oneByOne(bytes)))).toBe(want)
    })
  }

  for (const text of [
    "\n",
    "\r\n",
    "+a\n",
    ":1\n",
    "$1\nab",
    "$1\r\nabc",
    "$1\r\na\rb",
    "$1\r\na\n",
    "?",
    "GET a",
    "HTTP/1.1 400",
    "\u0000"
  ]) {
    it(`scenario 6: ${JSON.stringify(text)} is refused`, () => {
      expect(complaint(text)).not.toBe("no complaint")
      expect(show(read(oneByOne(bytesOf(text))))).toBe("broken")
    })
  }

  it("a byte that is no type is refused without waiting for its line", () => {
    for (let byte = 0; byte < 256; byte++) {
      const isType = "+-:$*_,#!=(%~>|;.".includes(String.fromCharCode(byte))
      expect(complaint(Uint8Array.of(byte)) === "no complaint", String(byte)).toBe(isType)
    }
  })

  it("lines have their bounds, in any chunks", () => {
    for (const [type, bound] of [
      ["+", 65_536],
      ["-", 65_536],
      [":", 32],
      ["$", 32],
      ["*", 32]
    ] as const) {
      const over = bytesOf(type + "0".repeat(bound))
      expect(complaint(over)).toBe("a line is too long")
      expect(show(read(cutBy(over, [1_000, 7])))).toBe("broken")
      const line = (length: number) => bytesOf(`${type}${"0".repeat(length - 3)}\r\n`)
      expect(show(read([line(bound + 1)]))).toBe("broken")
      expect(show(read(cutBy(line(bound + 1), [1_000])))).toBe("broken")
      expect(complaint(line(bound))).toBe("no complaint")
      expect(show(read(cutBy(line(bound), [9])))).toBe(show(read([line(bound)])))
    }
  })

  it("complaints show nothing of the data", () => {
    for (const text of [
      "$6\r\nsecretXX",
      ":secret\r\n",
      "*1\r\n$secret\r\n",
      "#secret\r\n",
      ",secret\r\n",
      `+secret${"x".repeat(70_000)}`
    ])
      expect(complaint(text)).not.toContain("secret")
  })
})
