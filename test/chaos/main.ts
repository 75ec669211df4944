/**
 * `npm run test:chaos -- --minutes 10`: random faults with seeds of its own, or from `--seed` on, and beside it what is
 * fuzzed and what takes thousands of connections. `--on server` (or `tls`, `cluster`, `sentinels`) leaves all else out.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as cluster from "./cluster.js"
import { run, type Summary, tell, tellAll } from "./run.js"
import * as sentinels from "./sentinels.js"
import * as singleServer from "./singleServer.js"

const habitats = new Map([
  ["server", singleServer.make],
  ["tls", singleServer.makeTls],
  ["cluster", cluster.make],
  ["sentinels", sentinels.make]
])

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    /** Of each run, of which there are as many as go into the minutes. */
    seconds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1e9) },
    on: { type: "string", multiple: true },
    verbose: { type: "boolean", default: false }
  }
})
const minutes = Number(values.minutes)
const lengths = { run: Number(values.seconds) * 1_000, episode: 1_500 }

/** Resolves to whether all went well. */
const runTests = async (...files: ReadonlyArray<string>): Promise<boolean> => {
  const env = { ...process.env, EFFECT_RESP_CHAOS: "1", EFFECT_RESP_FUZZ_SECONDS: String(Math.ceil(minutes * 10)) }
  const child = spawn("npx", ["vitest", "run", "--config", "test/vitest.config.ts", ...files], {
    env,
    stdio: "inherit"
  })
  const [code] = await once(child, "exit")
  return code === 0
}

const until = performance.now() + minutes * 60_000
let isGood = values.on !== undefined || (await runTests("test/fuzz", "test/chaos/churn.test.ts"))
const summaries: Array<Summary> = []
for (let seed = Number(values.seed); performance.now() < until; seed++) {
  for (const [name, habitat] of habitats) {
    if (performance.now() > until || values.on?.includes(name) === false) continue
    console.log(`seed ${seed} on ${name}`)
    const running = Effect.flatMap(habitat, (habitat) => run(habitat, seed, lengths))
    const summary = await Effect.runPromise(Effect.scoped(running))
    summaries.push(summary)
    if (summary.wrong.length > 0 || values.verbose) console.log(tell(summary))
    isGood &&= summary.wrong.length === 0
  }
}
console.log(tellAll(summaries))
console.log(isGood ? "nothing was wrong" : "SOMETHING WAS WRONG: see above, by its seed")
process.exitCode = isGood ? 0 : 1
