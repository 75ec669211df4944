/** `npm run bench`: what the client can do beside others. */
import { writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { contenders, infoOf } from "./contenders.js"
import { Contest } from "./contest.js"
import type { Report, Result } from "./measurement.js"
import { writeReport } from "./report.js"
import { cluster, server } from "./servers.js"
import { printHead, printResult } from "./terminal.js"
import { isOnCluster } from "./work.js"
import { workloads } from "./workloads.js"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    contender: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    json: { type: "string" },
    "no-docs": { type: "boolean", default: false }
  }
})

const unknown = options.contender.find((id) => contenders.every((contender) => contender.id !== id))
if (unknown !== undefined) {
  throw new Error(`--contender ${unknown}: it is one of ${contenders.map(({ id }) => id).join(", ")}`)
}
const chosen =
  options.contender.length === 0 ? contenders : contenders.filter(({ id }) => options.contender.includes(id))
const wanted = workloads.filter(
  ({ info, quick }) =>
    (!options.quick || quick) && (options.only.length === 0 || options.only.some((part) => info.id.includes(part)))
)
/** Only then it is what the documentation shows. */
const isWhole = !options.quick && !options["no-docs"] && options.only.length === 0 && options.contender.length === 0
const settings = {
  rounds: options.rounds === undefined ? (options.quick ? 3 : 7) : Number(options.rounds),
  spanMillis: options.quick ? 100 : 200
}

const program = Effect.gen(function* () {
  const startedAt = new Date()
  const participants = chosen.map(infoOf)
  const { host, kind, port, version } = yield* server
  const contest = yield* Effect.acquireRelease(
    Effect.sync(() => new Contest(chosen, settings)),
    (contest) => Effect.sync(() => contest.end())
  )
  const name = `${kind === "redis" ? "Redis" : "Valkey"} ${version}`
  printHead(name, settings)
  const results: Array<Result> = []
  // Its processes cost the others nothing before they are there.
  let clusterPorts: ReadonlyArray<number> = []
  for (const workload of wanted) {
    if (isOnCluster(workload.work) && clusterPorts.length === 0) clusterPorts = yield* cluster
    const result = yield* Effect.promise(() => contest.measure(workload, { host, port, clusterPorts }))
    printResult(result, participants)
    results.push(result)
  }
  const report: Report = {
    contenders: participants,
    results,
    server: name,
    ...settings,
    startedAt: startedAt.toISOString(),
    tookSeconds: (Date.now() - startedAt.getTime()) / 1000
  }
  const { json } = options
  if (json !== undefined) yield* Effect.promise(() => writeFile(json, JSON.stringify(report)))
  if (isWhole) yield* Effect.promise(() => writeReport(report, new URL("../../../", import.meta.url)))
})

NodeRuntime.runMain(Effect.scoped(program))
