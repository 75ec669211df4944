/** What the benchmark's page makes of its figures. */
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { compare, cpu, groupsOf, main } from "../../bench/comparison.js"
import type { ContenderInfo, Measure, Outcome, Report, Result } from "../../bench/measurement.js"
import { writeReport } from "../../bench/report.js"

const contender = (id: string, bound = false): ContenderInfo => ({ id, title: id, version: "1.0.0", bound, note: "" })

const measured = (...values: ReadonlyArray<number>): Outcome => ({
  _tag: "Measured",
  samples: values.map((value) => ({
    value,
    operations: 1,
    seconds: 1,
    cpuMicros: 1e6 / value,
    p50: undefined,
    p99: undefined
  }))
})

const result = (group: string, measures: Measure, outcomes: Result["outcomes"], at?: number): Result => ({
  workload: {
    id: group,
    group,
    title: group,
    axis: at === undefined ? undefined : { name: "workers", value: at },
    measures,
    unit: "op",
    note: undefined
  },
  outcomes
})

const slow = measured(100, 110, 120)
const fast = measured(200, 220, 240)
const reason = "It has none."

const report: Report = {
  contenders: [contender("effect-resp"), contender("other"), contender("third"), contender("bound", true)],
  results: [
    ...[1, 10, 100].map((at) =>
      result("Won", "throughput", { "effect-resp": fast, other: slow, bound: measured(9e3, 9e3, 9e3) }, at)
    ),
    result("Lost", "throughput", { "effect-resp": slow, other: fast, third: { _tag: "Unsupported", reason } }),
    result("Time", "milliseconds", { "effect-resp": slow, other: fast })
  ],
  server: "Redis 7.0.15",
  rounds: 3,
  spanMillis: 400,
  startedAt: "2026-01-02T03:04:05.000Z",
  tookSeconds: 90
}

it("compares so that above 1 ours is better, and never with a bound", () => {
  const rows = groupsOf(report).flatMap((group) => group.rows)
  expect(compare(rows, main).map(({ ratio, rival }) => [rival.id, ratio])).toEqual([
    ["other", 2],
    ["other", 2],
    ["other", 2],
    ["other", 0.5],
    ["other", 2]
  ])
  expect(compare(rows.slice(3, 4), () => cpu).map(({ ratio }) => ratio)).toEqual([0.5])
})

let root: string
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), "effect-resp-bench-"))
})
afterEach(() => fs.rm(root, { recursive: true, force: true }))

const written = async (): Promise<Record<string, string>> => {
  await writeReport(report, root)
  const docs = path.join(root, "docs")
  const files = (await fs.readdir(docs, { recursive: true })).filter((file) => /\.(md|svg)$/.test(file)).sort()
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await fs.readFile(path.join(docs, file), "utf8")] as const))
  )
}

it("shows what is lost as what is won, and every image that it names", async () => {
  const files = await written()
  const page = files["benchmarks.md"] ?? ""
  expect(page).toContain("ahead in 4 of 5, level in 0, behind in 1")
  expect(page).toMatch(/^\| other +\| +\*\*220 ± 4\.5 %\*\* \| .* 0\.50× \|$/m)
  expect(page).toMatch(/^\| +\| _bound_ +\| +9,000 ± 0\.0 % \| .* 0\.02× \|$/m)
  expect(page).toMatch(/^\| third <sup>1<\/sup> \| +– \|/m)
  expect(page).toContain(`<sup>1</sup> ${reason}`)
  const images = [...page.matchAll(/\]\((.*\.svg)\)/g)].map(([, file]) => file ?? "")
  expect(images.toSorted()).toEqual(Object.keys(files).filter((file) => file.endsWith(".svg")))
})

it("draws equal charts of equal figures", async () => {
  expect(await written()).toEqual(await written())
})
