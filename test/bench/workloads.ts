/** What is measured, in the order of the report. */
import type { WorkloadInfo } from "./measurement.js"
import { sizes, type Work } from "./work.js"

export interface Workload {
  readonly info: WorkloadInfo
  readonly work: Work
  /** Also in the quick run. */
  readonly quick: boolean
}

interface Group {
  readonly id: string
  readonly title: string
  readonly axis?: string
  readonly measures?: WorkloadInfo["measures"]
  readonly unit?: string
  readonly note?: string
}

interface Point {
  readonly work: Work
  readonly at?: number
  readonly quick?: boolean
}

const group = (
  { axis, id, measures = "throughput", note, title, unit = "op" }: Group,
  points: ReadonlyArray<Point>
): ReadonlyArray<Workload> =>
  points.map(({ at, quick = false, work }) => ({
    info: {
      id: at === undefined ? id : `${id}/${at}`,
      group: title,
      title: at === undefined ? title : `${title}, ${at.toLocaleString("en")} ${at === 1 ? axis?.slice(0, -1) : axis}`,
      axis: at === undefined || axis === undefined ? undefined : { name: axis, value: at },
      measures,
      unit,
      note
    },
    work,
    quick
  }))

const concurrencies = [1, 10, 100, 1000, 10_000]
const few = new Set([1, 100, 1000])

const watchNote =
  "ioredis, iovalkey and GLIDE have a client for each worker, node-redis a pool of as many, ours the leases of one client."
const sharedNote = "The sender, the server and the client share the cores: CPU tells more than the rate."
const nativeNote = "GLIDE's native memory does not count."

export const workloads: ReadonlyArray<Workload> = [
  ...group(
    { id: "get-64", title: "GET of 64 B", axis: "fibers" },
    concurrencies.map((workers) => ({
      at: workers,
      quick: few.has(workers),
      work: { kind: "get", bytes: 64, workers }
    }))
  ),
  ...group(
    { id: "set-64", title: "SET of 64 B", axis: "fibers" },
    concurrencies.map((workers) => ({ at: workers, work: { kind: "set", bytes: 64, workers } }))
  ),
  ...group(
    { id: "mixed", title: "80 % GET, 20 % SET of 64 B", axis: "fibers" },
    [10, 100, 1000].map((workers) => ({ at: workers, work: { kind: "mixed", bytes: 64, workers } }))
  ),
  ...group(
    { id: "get-size", title: "GET by 10 fibers", axis: "bytes" },
    sizes.values.map((bytes) => ({ at: bytes, quick: bytes === 65_536, work: { kind: "get", bytes, workers: 10 } }))
  ),
  ...group(
    {
      id: "hgetall-1000",
      title: "HGETALL of 1,000 fields by 10 fibers",
      note: "Each gives the structure of its client."
    },
    [{ quick: true, work: { kind: "hgetall", size: 1000, workers: 10 } }]
  ),
  ...group({ id: "lrange-1000", title: "LRANGE of 1,000 elements by 10 fibers" }, [
    { work: { kind: "lrange", size: 1000, workers: 10 } }
  ]),
  ...group(
    {
      id: "pipeline",
      title: "An explicit pipeline of GETs of 64 B",
      axis: "commands",
      unit: "command",
      note: "One fiber, one pipeline after the other; latency is of a whole pipeline."
    },
    [100, 1000, 10_000, 100_000].map((size) => ({
      at: size,
      quick: size === 10_000,
      work: { kind: "pipeline", size }
    }))
  ),
  ...group(
    { id: "transaction-10", title: "MULTI/EXEC of 10 GETs of 64 B", axis: "fibers", unit: "transaction" },
    [1, 100].map((workers) => ({
      at: workers,
      quick: workers === 100,
      work: { kind: "transaction", size: 10, workers }
    }))
  ),
  ...group(
    {
      id: "watch",
      title: "WATCH, GET, MULTI, SET, EXEC by 10 fibers, each its own key",
      unit: "commit",
      note: watchNote
    },
    [{ work: { kind: "watch", contended: false, workers: 10 } }]
  ),
  ...group(
    {
      id: "watch-contended",
      title: "WATCH, GET, MULTI, SET, EXEC by 10 fibers, all the same key",
      unit: "commit",
      note: `${watchNote} All try again at once when somebody else was faster; latency is until it is committed.`
    },
    [{ quick: true, work: { kind: "watch", contended: true, workers: 10 } }]
  ),
  ...group(
    {
      id: "pubsub",
      title: "Delivery of messages of 64 B",
      axis: "subscribers",
      unit: "delivery",
      note:
        "Another process publishes. Subscribers listen to one channel on one connection of their client: streams of ours, " +
        `listeners of the others; GLIDE has one callback, which calls them. ${sharedNote}`
    },
    [1, 10, 100].map((subscribers) => ({
      at: subscribers,
      quick: subscribers === 1,
      work: { kind: "pubsub", subscribers }
    }))
  ),
  ...group(
    {
      id: "monitor",
      title: "Monitor under load",
      unit: "line",
      note: `Another process sends GETs. node-redis gives lines as they are; the others parse them. ${sharedNote}`
    },
    [{ quick: true, work: { kind: "monitor" } }]
  ),
  ...group(
    { id: "cluster-get", title: "GET of random keys of a cluster of 3 primaries", axis: "fibers" },
    [100, 1000].map((workers) => ({ at: workers, quick: workers === 100, work: { kind: "cluster-get", workers } }))
  ),
  ...group(
    { id: "cluster-set", title: "SET of random keys of a cluster of 3 primaries", axis: "fibers" },
    [100, 1000].map((workers) => ({ at: workers, work: { kind: "cluster-set", workers } }))
  ),
  ...group(
    {
      id: "cluster-pipeline",
      title: "A pipeline of GETs of random keys of a cluster of 3 primaries",
      axis: "commands",
      unit: "command",
      note:
        "One fiber, one pipeline after the other. ioredis with auto-pipelining and node-redis have no pipeline across nodes: " +
        "they run `Promise.all` of single commands, which they send together."
    },
    [100, 1000].map((size) => ({ at: size, quick: size === 1000, work: { kind: "cluster-pipeline", size } }))
  ),
  ...group(
    {
      id: "first-reply",
      title: "Time from the start of connecting to the first reply",
      measures: "milliseconds",
      unit: "connection",
      note: "In a new process each time, the client being imported already."
    },
    [{ quick: true, work: { kind: "first-reply" } }]
  ),
  ...group(
    {
      id: "import",
      title: "Time to import the client",
      measures: "milliseconds",
      unit: "import",
      note: "In a new process each time. Ours needs `effect`, which is imported with it here."
    },
    [{ quick: true, work: { kind: "import", after: [] } }]
  ),
  ...group(
    {
      id: "import-beside-effect",
      title: "Time to import the client into a program that has imported Effect",
      measures: "milliseconds",
      unit: "import",
      note: "In a new process each time."
    },
    [{ work: { kind: "import", after: ["effect"] } }]
  ),
  ...group(
    {
      id: "idle-connection",
      title: "Heap of an idle connection",
      measures: "bytes",
      unit: "connection",
      note: `Of 200 clients with one connection each, after a collection: heap and what is external to it. ${nativeNote}`
    },
    [{ work: { kind: "idle-connection", count: 200 } }]
  ),
  ...group(
    {
      id: "in-flight",
      title: "Heap of a command in flight",
      measures: "bytes",
      unit: "command",
      note: `Of 10,000 GETs that wait for a paused server, each with its fiber or its promise. A fiber of Effect.forEach that waits for nothing takes 5.1 KB by itself. ${nativeNote}`
    },
    [{ work: { kind: "in-flight", count: 10_000 } }]
  )
]
