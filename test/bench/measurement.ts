/** What the benchmark finds out, as plain JSON. */

/** What one round of one contender gave. */
export interface Sample {
  /** The figure that the workload measures: operations a second, milliseconds or bytes. */
  readonly value: number
  readonly operations: number
  readonly seconds: number
  /** Of the whole client process, for one operation; undefined where it cannot be told. */
  readonly cpuMicros: number | undefined
  /** Latency of one operation in microseconds. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

/** Higher is better for throughput, lower for the others. */
export type Measure = "throughput" | "milliseconds" | "bytes"

export interface WorkloadInfo {
  /** `get-64/100` */
  readonly id: string
  /** `GET of 64 B`: the workloads of a group differ in the value of their axis alone. */
  readonly group: string
  readonly title: string
  readonly axis: { readonly name: string; readonly value: number } | undefined
  readonly measures: Measure
  /** What is counted: `op`, `delivery`, `line`, `transaction`, `connection`, … */
  readonly unit: string
  readonly note: string | undefined
}

export type Outcome =
  | { readonly _tag: "Measured"; readonly samples: ReadonlyArray<Sample> }
  | { readonly _tag: "Unsupported"; readonly reason: string }

export interface ContenderInfo {
  /** `effect-resp` */
  readonly id: string
  readonly title: string
  readonly version: string
  /** Not a client: what the server or the socket could do at most. */
  readonly bound: boolean
  /** How it is used. */
  readonly note: string | undefined
}

export interface Result {
  readonly workload: WorkloadInfo
  /** By the contender's id; one that does not take part is absent. */
  readonly outcomes: Readonly<Record<string, Outcome>>
}

export interface Report {
  readonly contenders: ReadonlyArray<ContenderInfo>
  readonly results: ReadonlyArray<Result>
  /** `Redis 7.0.15` */
  readonly server: string
  readonly rounds: number
  /** How long a contender is measured in a round. */
  readonly spanMillis: number
  readonly startedAt: string
  readonly tookSeconds: number
}

/** The id of the contender that the others are compared with. */
export const ours = "effect-resp"
