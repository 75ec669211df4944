import { Decoder } from "@effect-resp/core/internal/protocol/decoder"
import {
  RespError,
  RespMap,
  RespProtocolError,
  RespSet,
  type RespValue
} from "@effect-resp/core/internal/protocol/value"
import { describe, expect, it } from "vitest"
import { bytesOf, read, replies } from "./support.js"

describe("integers", () => {
  it("scenario 7: are exact around the last safe ones", () => {
    const last = BigInt(Number.MAX_SAFE_INTEGER)
    for (let n = last - 46n; n <= last + 46n; n++) {
      const want = n <= last ? Number(n) : n
      expect(replies(`:${n}\r\n`)).toEqual([want])
      expect(replies(`:-${n}\r\n`)).toEqual([-want])
    }
  })

  it("scenario 7: reach from -2^63 to 2^63 - 1", () => {
    expect(replies(":9223372036854775807\r\n:-9223372036854775808\r\n")).toEqual([2n ** 63n - 1n, -(2n ** 63n)])
    for (const text of ["9223372036854775808", "-9223372036854775809", "99999999999999999999999"])
      expect(read([bytesOf(`:${text}\r\n`)])).toEqual([{ broken: true }])
  })

  it("may have a sign, and zero has none", () => {
    expect(replies(":+5\r\n:-5\r\n:0\r\n:-0\r\n:000000000000000000012\r\n")).toEqual([5, -5, 0, 0, 12])
  })
})

describe("doubles and big numbers", () => {
  it("scenario 8: are read in every form", () => {
    expect(replies(",inf\r\n,-inf\r\n,nan\r\n,-nan\r\n,-0\r\n,0\r\n")).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.NaN,
      -0,
      0
    ])
    // Older servers print what their C library does.
    expect(replies(",NaN\r\n,-NAN\r\n,+nan\r\n,Inf\r\n,-INF\r\n")).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY
    ])
    expect(replies(",1.5\r\n,10\r\n,1e10\r\n,1.5E-7\r\n,-2.5e+3\r\n,.5\r\n,5.\r\n,1e999\r\n")).toEqual([
      1.5,
      10,
      1e10,
      1.5e-7,
      -2500,
      0.5,
      5,
      Number.POSITIVE_INFINITY
    ])
    expect(replies(",0.10000000000000000555111512312578270211815834045410156250\r\n")).toEqual([0.1])
  })

  it("scenario 8: have no bound when they are big", () => {
    const big = "3492890328409238509324850943850943825024385"
    expect(replies(`(${big}\r\n(-${big}\r\n(+1\r\n`)).toEqual([BigInt(big), -BigInt(big), 1n])
    const long = "9".repeat(1_300)
    expect(replies(`(${long}\r\n`)).toEqual([BigInt(long)])
  })
})

describe("errors", () => {
  it("carry their code and the whole text, also within a reply", () => {
    const text =
      "*2\r\n-WRONGTYPE Operation\r\n!10\r\nSYNTAX bad\r\n-MOVED 3999 127.0.0.1:6381\r\n-Error x\r\n-ERR\r\n-\r\n"
    expect(replies(text)).toEqual([
      [new RespError("WRONGTYPE", "WRONGTYPE Operation"), new RespError("SYNTAX", "SYNTAX bad")],
      new RespError("MOVED", "MOVED 3999 127.0.0.1:6381"),
      new RespError("ERR", "Error x"),
      new RespError("ERR", "ERR"),
      new RespError("ERR", "")
    ])
  })
})

describe("maps and sets", () => {
  it("scenario 9: take names of the prototype as data", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    const pairs = names.map((name) => `$${name.length}\r\n${name}\r\n$1\r\nx\r\n`).join("")
    expect(replies(`%${names.length}\r\n${pairs}*${names.length * 2}\r\n${pairs}`)).toEqual([
      new RespMap(names.flatMap((name) => [name, "x"])),
      names.flatMap((name) => [name, "x"])
    ])
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it("scenario 11: take any value as a key", () => {
    expect(replies("%3\r\n*1\r\n:1\r\n+a\r\n%1\r\n+k\r\n+v\r\n_\r\n_\r\n~1\r\n#t\r\n")).toEqual([
      new RespMap([[1], "a", new RespMap(["k", "v"]), null, null, new RespSet([true])])
    ])
  })
})

describe("what is not part of a reply", () => {
  it("scenario 10: a push between an array's header and its elements is no element", () => {
    const text = "*2\r\n>3\r\n+message\r\n+q\r\n+hi\r\n:1\r\n$1\r\nz\r\n:7\r\n"
    expect(read([bytesOf(text)])).toEqual([{ push: ["message", "q", "hi"] }, { reply: [1, "z"] }, { reply: 7 }])
  })

  it("a push may come within a push", () => {
    expect(read([bytesOf(">2\r\n+a\r\n>1\r\n+b\r\n+c\r\n")])).toEqual([{ push: ["b"] }, { push: ["a", "c"] }])
  })

  it("scenario 11: attributes are dropped before any value and before a push", () => {
    const attribute = "|1\r\n+ttl\r\n*2\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n"
    const text = `${attribute}+a\r\n*2\r\n${attribute}:1\r\n${attribute}:2\r\n${attribute}>1\r\n+p\r\n|0\r\n+b\r\n`
    expect(read([bytesOf(text)])).toEqual([{ reply: "a" }, { reply: [1, 2] }, { push: ["p"] }, { reply: "b" }])
  })
})

describe("text or bytes", () => {
  const asked = (text: string, answers: Array<boolean>, pushBytes = false) => {
    const out: Array<RespValue> = []
    let questions = 0
    const decoder = new Decoder(
      {
        onReply: (value) => out.push(value),
        onPush: (items) => out.push(items),
        bytesWanted: () => answers[questions++] ?? false
      },
      { pushBytes }
    )
    for (const byte of bytesOf(text)) decoder.write(Uint8Array.of(byte))
    return { out, questions }
  }

  it("is asked once for each reply, when its first byte is seen", () => {
    const text =
      "$1\r\na\r\n|1\r\n+k\r\n+v\r\n*2\r\n$1\r\na\r\n>1\r\n$1\r\np\r\n%1\r\n+k\r\n=5\r\ntxt:b\r\n$?\r\n;1\r\nc\r\n;0\r\n"
    expect(asked(text, [false, true, true])).toEqual({
      out: ["a", ["p"], [Uint8Array.of(97), new RespMap(["k", Uint8Array.of(98)])], Uint8Array.of(99)],
      questions: 3
    })
    let questions = 0
    const decoder = new Decoder({ onReply: () => {}, onPush: () => {}, bytesWanted: () => ++questions > 0 })
    decoder.write(bytesOf("$"))
    expect(questions).toBe(1)
  })

  it.each([">1\r\n+p\r\n", "|1\r\n+k\r\n+v\r\n"])(
    "scenario 10, 11: is asked of the reply itself, not when %j comes before it",
    (before) => {
      const out: Array<RespValue> = []
      let wanted = false
      const decoder = new Decoder({ onReply: (value) => out.push(value), onPush: () => {}, bytesWanted: () => wanted })
      // The command is sent only when that has come.
      decoder.write(bytesOf(before))
      wanted = true
      decoder.write(bytesOf("$2\r\n\u00ff\r\n"))
      expect(out).toEqual([bytesOf("\u00ff")])
    }
  )

  it("is for pushes a matter of their own", () => {
    expect(asked("*1\r\n>2\r\n+k\r\n$1\r\np\r\n$1\r\na\r\n", [false], true).out).toEqual([
      ["k", Uint8Array.of(112)],
      ["a"]
    ])
  })

  it("leaves errors, simple strings and numbers as they are", () => {
    expect(asked("*4\r\n+a\r\n-ERR b\r\n!5\r\nERR c\r\n:1\r\n", [true]).out).toEqual([
      ["a", new RespError("ERR", "ERR b"), new RespError("ERR", "ERR c"), 1]
    ])
  })
})

describe("a handler that throws", () => {
  it("loses no other reply", () => {
    const seen: Array<RespValue> = []
    const decoder = new Decoder({
      onReply: (value) => {
        seen.push(value)
        if (value === 2) throw new Error("two")
      },
      onPush: () => {
        throw new Error("push")
      },
      bytesWanted: () => false
    })
    expect(() => decoder.write(bytesOf(":1\r\n:2\r\n*2\r\n:3\r\n>1\r\n+p\r\n:4\r\n:5\r\n:"))).toThrow("two")
    decoder.write(bytesOf("6\r\n"))
    expect(seen).toEqual([1, 2, [3, 4], 5, 6])
  })

  it("may even fail to say whether it wants bytes", () => {
    const seen: Array<RespValue> = []
    const decoder = new Decoder({
      onReply: (value) => seen.push(value),
      onPush: () => {},
      bytesWanted: () => {
        throw new Error("who knows")
      }
    })
    expect(() => decoder.write(bytesOf("$1\r\na\r\n:1\r\n"))).toThrow("who knows")
    expect(seen).toEqual(["a", 1])
  })
})

it("a decoder that gave up stays dead", () => {
  const decoder = new Decoder({ onReply: () => {}, onPush: () => {}, bytesWanted: () => false })
  expect(() => decoder.write(bytesOf("?"))).toThrow(RespProtocolError)
  expect(() => decoder.write(bytesOf("+OK\r\n"))).toThrow(RespProtocolError)
})
