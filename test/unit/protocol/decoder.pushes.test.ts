import * as fc from "effect/FastCheck"
import { expect, it } from "vitest"
import { readNaively } from "../../fuzz/naive.js"
import { bytesOf, cutBy, read, show } from "./support.js"

const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 })

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
      const want = show(readNaively(wire).events)
      expect(show(read([wire]))).toBe(want)
      expect(show(read(cutBy(wire, sizes)))).toBe(want)
    }),
    { numRuns: 400 }
  )
})
