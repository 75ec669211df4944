/**
 * Runs the tests on every server that can be had: `npm run test:servers -- [--list] [--only name]... [test files]`.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import * as NodeRedisServer from "../../packages/node/src/NodeRedisServer.js"
import { type TestServer, testServers } from "./servers.js"

interface Candidate {
  readonly name: string
  readonly command: string
  readonly version: string
}

interface Result extends Candidate {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly isGood: boolean
}

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Fetches a server, starts it once the way the tests will, and asks for its version. */
const obtain = async (server: TestServer): Promise<Candidate | undefined> => {
  try {
    const command = await server.obtain()
    process.env.EFFECT_RESP_SERVER = command
    const { kind, version } = await Effect.runPromise(Effect.scoped(NodeRedisServer.make()))
    console.log(`${server.name}: ${kind} ${version}`)
    return { name: server.name, command, version: `${kind} ${version}` }
  } catch (error) {
    console.log(
      `${server.name}: cannot be had (${server.origin}): ${error instanceof Error ? error.message : String(error)}`
    )
    return undefined
  }
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
}

const test = (candidate: Candidate, files: ReadonlyArray<string>): Result => {
  console.log(`\n== ${candidate.name}: ${candidate.version}`)
  const directory = mkdtempSync(join(tmpdir(), "effect-resp-report-"))
  const report = join(directory, "report.json")
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`]
  const { status } = spawnSync("npx", ["vitest", "run", "--config", "test/vitest.config.ts", ...reporters, ...files], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, EFFECT_RESP_SERVER: candidate.command }
  })
  try {
    const { numFailedTests, numPassedTests, numPendingTests }: Report = JSON.parse(readFileSync(report, "utf8"))
    // The status also knows of files that did not load and of errors outside of tests.
    return {
      ...candidate,
      passed: numPassedTests,
      failed: numFailedTests,
      skipped: numPendingTests,
      isGood: status === 0
    }
  } catch {
    return { ...candidate, passed: 0, failed: 0, skipped: 0, isGood: false }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const { values, positionals } = parseArgs({
  options: { list: { type: "boolean" }, only: { type: "string", multiple: true } },
  allowPositionals: true
})
const { list, only } = values

const unknown = only?.filter((name) => !testServers.some((server) => server.name === name)) ?? []
if (unknown.length > 0) {
  console.error(
    `No server is called ${unknown.join(", ")}. There are ${testServers.map(({ name }) => name).join(", ")}.`
  )
  process.exit(1)
}
const wanted = testServers.filter(({ name }) => only?.includes(name) ?? true)

if (list) {
  for (const { name, origin } of wanted) console.log(`${name.padEnd(16)} ${origin}`)
  process.exit()
}

const candidates: Array<Candidate> = []
for (const server of wanted) {
  const candidate = await obtain(server)
  if (candidate !== undefined) candidates.push(candidate)
}
const results = candidates.map((candidate) => test(candidate, positionals))

console.log("")
console.table(
  Object.fromEntries(
    results.map(({ name, command: _, isGood, ...counts }) => [name, { ...counts, result: isGood ? "ok" : "FAILED" }])
  )
)
if (results.length === 0) console.log("No server could be had.")
process.exitCode = results.length > 0 && results.every(({ isGood }) => isGood) ? 0 : 1
