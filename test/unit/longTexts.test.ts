import { expect, it } from "@effect/vitest"
import { Joining } from "@effect-resp/core/internal/commandEntry"
import { Connection } from "@effect-resp/core/internal/connection"

const longest = 2 ** 29 - 24

it("scenario 16: commands whose texts are too long for one string together are not joined to one", () => {
  const joining = new Joining()
  const texts = ["x".repeat(3_000_000), "y".repeat(longest - 1_000_000), "z"]
  for (const text of texts) joining.add(text)
  expect(joining.end()).toHaveLength(texts.length)
})

it("scenario 16: and are written one after the other", () => {
  const connection = new Connection("nowhere")
  const written: Array<number> = []
  connection.open({
    write: (chunk) => written.push(chunk.length) > 0,
    cork: () => {},
    uncork: () => {},
    pause: () => {},
    resume: () => {},
    destroy: () => {}
  })
  for (const length of [60_000, longest - 10_000, 60_000]) connection.writeUnpaired("x".repeat(length))
  connection.flush()
  expect(written).toEqual([60_000, longest - 10_000, 60_000])
})
