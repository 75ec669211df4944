/** Who takes part. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import type { Open } from "./job.js"
import { type ContenderInfo, ours } from "./measurement.js"

export interface Contender extends Omit<ContenderInfo, "version"> {
  readonly version: () => string
  /** What its users import. */
  readonly imports: ReadonlyArray<string>
  /** Loads it, in the process that is to be measured. */
  readonly load: () => Promise<Open>
}

const versionOf = (name: string): string => {
  const text = readFileSync(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), "utf8")
  const { version }: { version?: unknown } = JSON.parse(text)
  return String(version)
}

const benchmarkVersion = (): string =>
  execFileSync("redis-benchmark", ["--version"], { encoding: "utf8" }).trim().split(" ")[1] ?? ""

export const contenders: ReadonlyArray<Contender> = [
  {
    id: ours,
    title: "effect-resp",
    version: () => versionOf("@effect-resp/core"),
    bound: false,
    note: `With all defaults, deadlines among them, on Effect ${versionOf("effect")}. Workers are fibers.`,
    imports: ["effect", "@effect-resp/core", "@effect-resp/node"],
    load: async () => (await import("./clients/effectResp.js")).open
  },
  {
    id: "ioredis",
    title: "ioredis",
    version: () => versionOf("ioredis"),
    bound: false,
    note: "With all defaults.",
    imports: ["ioredis"],
    load: async () => (await import("./clients/ioredis.js")).open
  },
  {
    id: "ioredis-auto",
    title: "ioredis, auto-pipelining",
    version: () => versionOf("ioredis"),
    bound: false,
    note: "With `enableAutoPipelining: true`.",
    imports: ["ioredis"],
    load: async () => (await import("./clients/ioredis.js")).openAutoPipelining
  },
  {
    id: "node-redis",
    title: "node-redis",
    version: () => versionOf("redis"),
    bound: false,
    note: "With all defaults; it pipelines by itself.",
    imports: ["redis"],
    load: async () => (await import("./clients/nodeRedis.js")).open
  },
  {
    id: "iovalkey",
    title: "iovalkey",
    version: () => versionOf("iovalkey"),
    bound: false,
    note: "With all defaults.",
    imports: ["iovalkey"],
    load: async () => (await import("./clients/iovalkey.js")).open
  },
  {
    id: "glide",
    title: "Valkey GLIDE",
    version: () => versionOf("@valkey/valkey-glide"),
    bound: false,
    note:
      "With a `requestTimeout` and an `inflightRequestsLimit` that let large batches and 10,000 workers pass. Its core is " +
      "native: its threads count as CPU of its process, its memory is not in the heap.",
    imports: ["@valkey/valkey-glide"],
    load: async () => (await import("./clients/glide.js")).open
  },
  {
    id: "redis-benchmark",
    title: "redis-benchmark -P",
    version: benchmarkVersion,
    bound: true,
    note:
      "One connection, a pipeline as long as the others have workers. A C program that looks at no value. With large values " +
      "it is slower than a socket that only counts, so that it is no bound there.",
    imports: [],
    load: async () => (await import("./clients/redisBenchmark.js")).open
  },
  {
    id: "bare-socket",
    title: "bare socket",
    version: () => process.versions.node,
    bound: true,
    note:
      "A `net.Socket` that writes requests encoded before, for half of the workers at a time, reads into the same memory, " +
      "and counts the bytes of replies.",
    imports: [],
    load: async () => (await import("./clients/bareSocket.js")).open
  },
  {
    id: "effect-alone",
    title: "Effect alone",
    version: () => versionOf("effect"),
    bound: true,
    note:
      "No client: messages that are in memory already, through `Stream.runForEach`, and fibers of `Effect.forEach` that wait " +
      "for nothing. What a client for Effect adds to is this.",
    imports: [],
    load: async () => (await import("./clients/effectAlone.js")).open
  }
]

export const infoOf = ({ bound, id, note, title, version }: Contender): ContenderInfo => ({
  id,
  title,
  version: version(),
  bound,
  note
})
