/** A bound: `redis-benchmark`, with one connection and a pipeline as long as there are workers. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { type Open, Unsupported } from "../job.js"
import { type Commands, operationOf } from "../operation.js"
import { isOnServer } from "../work.js"

const none = () => []

const commands: Commands<ReadonlyArray<string>> = {
  get: (key) => ["GET", key],
  set: (key, value) => ["SET", key, value],
  hgetall: (key) => ["HGETALL", key],
  lrange: (key) => ["LRANGE", key, "0", "-1"],
  pipeline: none,
  transaction: none,
  textOf: (reply) => reply,
  replyOf: (slot) => slot
}

const run = promisify(execFile)

/** The user and system times of children: the second line of what `times` prints. */
const childrenCpu = (lines: ReadonlyArray<string>): number | undefined => {
  const times = lines.at(-1)?.matchAll(/(\d+)m([\d.]+)s/g)
  if (times === undefined) return undefined
  return [...times].reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1e6, 0)
}

/** Whichever of them is there. */
const found = async (): Promise<string | undefined> => {
  for (const name of ["redis-benchmark", "valkey-benchmark"]) {
    if (await run(name, ["--version"]).catch(() => undefined)) return name
  }
  return undefined
}

const kinds = new Set(["get", "set", "hgetall", "lrange"])

export const open: Open = async (work, { host, port }) => {
  if (!isOnServer(work) || !kinds.has(work.kind)) return new Unsupported("it repeats one command")
  const program = await found()
  if (program === undefined) return new Unsupported("it is not on the PATH")
  const operation = operationOf(commands, work)
  const options = ["-h", host, "-p", String(port), "-c", "1", "-P", String(operation.workers), "--csv"]
  return {
    measure: async (iterations) => {
      const words = [program, ...options, "-n", String(iterations), ...operation.start(0, 0)]
      const { stdout } = await run("sh", ["-c", '"$@" && times', "sh", ...words])
      const lines = stdout.trim().split("\n")
      const figures = lines[1]?.split('","').map((text) => Number(text.replaceAll('"', "").replace("inf", "Infinity")))
      // The columns are the test, its requests a second, and latencies: average, least, p50, p95, p99, most.
      const perSecond = figures?.[1]
      if (perSecond === undefined || !(perSecond > 0)) throw new Error(`redis-benchmark: ${stdout}`)
      // It counts milliseconds, and says inf within the first.
      const seconds = Math.max(iterations / perSecond, 0.001)
      const cpu = childrenCpu(lines)
      const micros = (column: number) => (figures?.[column] ?? Number.NaN) * 1000
      return {
        value: iterations / seconds,
        operations: iterations,
        seconds,
        cpuMicros: cpu === undefined ? undefined : cpu / iterations,
        p50: micros(4),
        p99: micros(6)
      }
    },
    atLeast: operation.workers * 10,
    close: () => {}
  }
}
