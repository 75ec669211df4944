import * as fc from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { bytesOf, oneByOne, read, show } from "./support.js"

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
    it(`scenario 2: a ${form} string cut within a character is exact`, () => {
      const bytes = bytesOf(wire)
      const want = show(read([bytes]))
      expect(want).toContain(JSON.stringify(form === "error" ? `ERR ${text}` : text))
      expect(show(read(oneByOne(bytes)))).toBe(want)
      for (let cut = 1; cut < bytes.length; cut++)
        expect(show(read([bytes.subarray(0, cut), bytes.subarray(cut)]))).toBe(want)
    })
  }

  it("scenario 2: a streamed string cut into pieces within a character is exact", () => {
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
