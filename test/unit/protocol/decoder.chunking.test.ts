import * as fc from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { readNaively } from "./naive.js"
import { bytesOf, cutBy, oneByOne, read, show } from "./support.js"
import { encode, expected, traffic2, traffic3 } from "./wire.js"

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 })

describe("any traffic in any chunks", () => {
  for (const [name, traffic] of [
    ["RESP2", traffic2],
    ["RESP3 with streamed forms, pushes and attributes anywhere", traffic3]
  ] as const) {
    it(`${name}: whole, byte by byte and in random chunks`, () => {
      fc.assert(
        fc.property(traffic, fc.boolean(), fc.boolean(), sizes, (items, bytes, pushBytes, sizes) => {
          const wire = encode(items)
          const want = show(expected(items, bytes, pushBytes))
          const options = { bytes, pushBytes }
          expect(show(read([wire], options))).toBe(want)
          expect(show(read(oneByOne(wire), options))).toBe(want)
          expect(show(read(cutBy(wire, sizes), options))).toBe(want)
        }),
        { numRuns: 400 }
      )
    })

    it(`${name}: at every single place to cut`, () => {
      fc.assert(
        fc.property(traffic, (items) => {
          const wire = encode(items)
          const want = show(expected(items, false, false))
          for (let cut = 0; cut <= wire.length; cut++) {
            const got = show(read([wire.subarray(0, cut), wire.subarray(cut)]))
            if (got !== want) expect(got, `cut at ${cut}`).toBe(want)
          }
        }),
        { numRuns: 100 }
      )
    })

    it(`${name}: nothing is left over`, () => {
      fc.assert(
        fc.property(traffic, (items) => {
          const wire = encode(items)
          const events = read([wire, bytesOf("+behind\r\n")])
          expect(show(events)).toBe(show([...expected(items, false, false), { reply: "behind" }]))
        }),
        { numRuns: 100 }
      )
    })
  }

  it("push frames that begin as the one before them did", () => {
    // All but the last element is taken from the one before: everything here could be mistaken for that.
    const frames = fc.constantFrom(
      ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
      ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$0\r\n\r\n",
      ">3\r\n$7\r\nmessage\r\n$4\r\nnewt\r\n$2\r\nhi\r\n",
      ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n*1\r\n+a\r\n",
      ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$?\r\n;2\r\nhi\r\n;0\r\n",
      ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
      ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
      ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
      ">2\r\n$10\r\ninvalidate\r\n_\r\n",
      ">1\r\n+one\r\n",
      ">?\r\n+a\r\n+b\r\n.\r\n",
      "|1\r\n+k\r\n>2\r\n+a\r\n+b\r\n:1\r\n",
      "*2\r\n+a\r\n>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n+b\r\n",
      "+OK\r\n"
    )
    const run = fc.tuple(frames, fc.integer({ min: 1, max: 3 })).map(([frame, times]) => frame.repeat(times))
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 8 }), sizes, (runs, sizes) => {
        const wire = bytesOf(runs.join(""))
        const want = show(readNaively(wire))
        expect(show(read([wire]))).toBe(want)
        expect(
          show(
            read(
              cutBy(
                wire,
                sizes.map((size) => size * 5)
              )
            )
          )
        ).toBe(want)
      }),
      { numRuns: 400 }
    )
  })

  it("reads what a plain recursive decoder reads", () => {
    fc.assert(
      fc.property(traffic3, (items) => {
        const wire = encode(items)
        expect(show(read(cutBy(wire, [7])))).toBe(show(readNaively(wire)))
      }),
      { numRuns: 400 }
    )
  })
})

describe("text", () => {
  const text = "aé€😀\ufeffz"
  const length = Buffer.byteLength(text)
  const forms = {
    bulk: `$${length}\r\n${text}\r\n`,
    simple: `+${text}\r\n`,
    error: `-ERR ${text}\r\n`,
    verbatim: `=${length + 4}\r\ntxt:${text}\r\n`,
    streamed: `$?\r\n;${length}\r\n${text}\r\n;0\r\n`
  }
  for (const [form, wire] of Object.entries(forms)) {
    it(`a ${form} string cut within a character is exact`, () => {
      const bytes = bytesOf(wire)
      const want = show(read([bytes]))
      expect(want).toContain(JSON.stringify(form === "error" ? `ERR ${text}` : text))
      expect(show(read(oneByOne(bytes)))).toBe(want)
      for (let cut = 1; cut < bytes.length; cut++)
        expect(show(read([bytes.subarray(0, cut), bytes.subarray(cut)]))).toBe(want)
    })
  }

  it("a streamed string cut into pieces within a character is exact", () => {
    const pieces = oneByOne(bytesOf("€😀")).map((byte) =>
      Buffer.concat([Buffer.from(";1\r\n"), byte, Buffer.from("\r\n")])
    )
    expect(read([Buffer.from("$?\r\n"), ...pieces, Buffer.from(";0\r\n")])).toEqual([{ reply: "€😀" }])
  })

  it("keeps a leading byte order mark and replaces what is no UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.boolean(), (data, bom) => {
        const body = Buffer.concat([Buffer.from(bom ? "\ufeff" : ""), data])
        const reply = new TextDecoder("utf-8", { ignoreBOM: true }).decode(body)
        const wire = Buffer.concat([Buffer.from(`$${body.length}\r\n`), body, Buffer.from("\r\n")])
        expect(read([wire])).toEqual([{ reply }])
        expect(read(oneByOne(wire))).toEqual([{ reply }])
      }),
      { numRuns: 500 }
    )
  })
})
