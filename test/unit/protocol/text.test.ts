import { readFileSync } from "node:fs"
import * as shortText from "@effect-resp/core/internal/protocol/shortText"
import * as node from "@effect-resp/core/internal/protocol/text"
import * as fc from "effect/FastCheck"
import { transformWithEsbuild } from "vite"
import { describe, expect, it } from "vitest"

/** The module as it is where there is no Buffer. */
const bare = async (): Promise<typeof node> => {
  const path = new URL("../../../packages/core/src/internal/protocol/text.ts", import.meta.url)
  const { code } = await transformWithEsbuild(readFileSync(path, "utf8"), "text.ts", { format: "cjs" })
  const module = { exports: {} as typeof node }
  new Function("module", "require", "globalThis", code)(module, () => shortText, {})
  return module.exports
}

for (const [runtime, text] of [
  ["Node", node],
  ["a runtime without Buffer", await bare()]
] as const) {
  describe(`on ${runtime}`, () => {
    it("text is read as the standard says, from any place", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(10), (bytes, start) => {
          const from = Math.min(start, bytes.length)
          const want = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(from))
          expect(text.decodeText(bytes, from, bytes.length)).toBe(want)
        }),
        { numRuns: 1_000 }
      )
    })

    it("a leading byte order mark is kept", () => {
      const bytes = text.encodeText("\ufeffabc")
      expect(text.decodeText(bytes, 0, bytes.length)).toBe("\ufeffabc")
    })

    it("the length of a text is that of its bytes", () => {
      const units = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd700, max: 0xe0ff }))
      fc.assert(
        fc.property(fc.array(units, { maxLength: 30 }), (units) => {
          const sample = String.fromCharCode(...units)
          expect(text.textLength(sample)).toBe(new TextEncoder().encode(sample).length)
        }),
        { numRuns: 1_000 }
      )
    })
  })
}
