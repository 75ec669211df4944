/** The page on reliability tells of the tests as they are. */
import * as fs from "node:fs/promises"
import { expect, it } from "@effect/vitest"
import { Redis, RedisError } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect } from "effect"
import { catalogue } from "../reliability/catalogue.js"
import { page, updated } from "../reliability/report.js"
import { readTitles, titlesOf } from "../reliability/titles.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const numbers = catalogue.map(({ number }) => number)

it("numbers a hundred scenarios", () => expect(numbers).toEqual(Array.from({ length: 100 }, (_, i) => i + 1)))

it("has a test of each scenario, or a reason why not, and not both", async () => {
  const shown = new Set((await readTitles()).flatMap(({ scenarios }) => scenarios))
  const neither = catalogue.filter(({ leftOut, number }) => leftOut === undefined && !shown.has(number))
  const both = catalogue.filter(({ leftOut, number }) => leftOut !== undefined && shown.has(number))
  expect({ neither: neither.map(({ number }) => number), both: both.map(({ number }) => number) }).toEqual({
    neither: [],
    both: []
  })
})

it("has no test of a scenario that does not exist", async () => {
  const strange = (await readTitles()).filter(({ scenarios }) => scenarios.some((number) => !numbers.includes(number)))
  expect(strange).toEqual([])
})

it("is up to date: else `npm run reliability`", async () => {
  const text = await fs.readFile(page, "utf8")
  // The formatter makes columns of the table.
  const plain = (text: string) => text.replace(/ +/g, " ").replace(/-{3,}/g, "---")
  expect(plain(text) === plain(await updated(text))).toBe(true)
})

it("finds titles in any form, and complains of what only looks like one", () => {
  const source = `
describe("a command", () => {
  layer(redis)(
    "that is sent",
    (it) => {
      it.effect("scenario 18, 19: is \\"not\\" sent again", () => {})
    }
  )
  it.scopedLive.each(cases)(
    \`scenario 7: \${n} is exact\`,
    () => {}
  )
  it("a scenario 3: of another kind", () => {})
})
  `
  expect(titlesOf("x", source)).toEqual([
    { file: "x", scenarios: [18, 19], subject: "a command, that is sent", text: 'is \\"not\\" sent again' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is in the source
    { file: "x", scenarios: [7], subject: "a command", text: "${n} is exact" }
  ])
  for (const wrong of ['it("scenario 18 is", f)', 'it("Scenario 18: is", f)', 'const name = "scenario 18: is"'])
    expect(() => titlesOf("x", wrong)).toThrow("x: 1 titles")
})

it.scopedLive("tells of refusals what the client does", () =>
  Effect.gen(function* () {
    const text = yield* Effect.promise(() => fs.readFile(page, "utf8"))
    const rows = text
      .slice(text.indexOf("<!-- refusals -->"))
      .match(/^\|(.*\|)+\n(\|.*\n)+/m)![0]
      .trim()
      .split("\n")
      .slice(2)
    expect(rows.length).toBeGreaterThan(20)
    const told = rows.map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", ""))
    )
    let words = ""
    const peer = yield* ScriptedPeer.make((command, connection) => {
      if (!ScriptedPeer.greet(command, connection)) connection.write(`-${words}\r\n`)
    })
    const client = yield* NodeRedis.make({ port: peer.port })
    const found: Array<ReadonlyArray<string>> = []
    for (const [refusal] of told) {
      words = refusal!
      const error = yield* Effect.flip(client.execute(Redis.incr("key")))
      const ofScript = yield* Effect.flip(client.execute(Redis.eval("return 1", { keys: ["key"] })))
      expect(error._tag).toBe("ReplyError")
      expect(RedisError.isSafeToRetry(ofScript)).toBe(
        RedisError.isSafeToRetry(error) && ofScript.outcome === "Rejected"
      )
      found.push([refusal!, error.outcome, ofScript.outcome, RedisError.isSafeToRetry(error) ? "yes" : "no"])
    }
    expect(found).toEqual(told)
    expect(peer.connections).toHaveLength(1)
  })
)
