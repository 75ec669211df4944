/** Ours beside the others, workload by workload. */
import { type Painted, paint } from "./chart.js"
import { ours, type Report, type Sample, type WorkloadInfo } from "./measurement.js"
import { medianOf, ratio } from "./statistics.js"

export interface Figure {
  readonly of: (sample: Sample) => number | undefined
  readonly isBetter: "higher" | "lower"
}

export const cpu: Figure = { of: ({ cpuMicros }) => cpuMicros, isBetter: "lower" }
export const p50: Figure = { of: ({ p50 }) => p50, isBetter: "lower" }
export const p99: Figure = { of: ({ p99 }) => p99, isBetter: "lower" }
/** What the workload is there to measure. */
export const main = ({ measures }: WorkloadInfo): Figure => ({
  of: ({ value }) => value,
  isBetter: measures === "throughput" ? "higher" : "lower"
})

/** What one contender did. */
export interface Entry {
  readonly contender: Painted
  /** None of one that cannot do it. */
  readonly samples: ReadonlyArray<Sample>
  /** Why it cannot. */
  readonly reason: string | undefined
}

export interface Row {
  readonly workload: WorkloadInfo
  readonly entries: ReadonlyArray<Entry>
}

export interface Group {
  readonly title: string
  readonly rows: readonly [Row, ...ReadonlyArray<Row>]
}

const rowsOf = ({ contenders, results }: Report): ReadonlyArray<Row> => {
  const painted = paint(contenders)
  return results.map(({ outcomes, workload }) => ({
    workload,
    entries: painted.flatMap((contender): ReadonlyArray<Entry> => {
      const outcome = outcomes[contender.id]
      if (outcome === undefined) return []
      return outcome._tag === "Measured"
        ? [{ contender, samples: outcome.samples, reason: undefined }]
        : [{ contender, samples: [], reason: outcome.reason }]
    })
  }))
}

export const groupsOf = (report: Report): ReadonlyArray<Group> => {
  const groups = new Map<string, [Row, ...Array<Row>]>()
  for (const row of rowsOf(report)) {
    const rows = groups.get(row.workload.group)
    if (rows === undefined) groups.set(row.workload.group, [row])
    else rows.push(row)
  }
  return [...groups].map(([title, rows]) => ({ title, rows }))
}

export const middle = ({ samples }: Entry, figure: Figure): number | undefined => medianOf(samples, figure.of)

/** The client with the best figure; a bound is none. */
export const bestOf = (entries: ReadonlyArray<Entry>, figure: Figure): Entry | undefined => {
  const ranked = entries.flatMap((entry) => {
    const value = entry.contender.bound ? undefined : middle(entry, figure)
    return value === undefined ? [] : [{ entry, value }]
  })
  const sign = figure.isBetter === "lower" ? 1 : -1
  return ranked.sort((a, b) => sign * (a.value - b.value))[0]?.entry
}

/** How many times better ours is than it: above 1 ours is ahead, whether more or less is better. */
export const advantage = ({ entries }: Row, other: Entry, figure: Figure): number | undefined => {
  const mine = entries.find(({ contender }) => contender.id === ours)
  if (mine === undefined || mine === other) return undefined
  const found =
    figure.isBetter === "higher"
      ? ratio(mine.samples, other.samples, figure.of)
      : ratio(other.samples, mine.samples, figure.of)
  // A figure of memory may come out as nothing or less, of which there is no ratio.
  return found !== undefined && found > 0 ? found : undefined
}

export interface Comparison {
  readonly workload: WorkloadInfo
  /** The best of the others. */
  readonly rival: Painted
  readonly ratio: number
}

/** Ours with the best of the others, in each workload that both can do. */
export const compare = (
  rows: ReadonlyArray<Row>,
  figureOf: (workload: WorkloadInfo) => Figure
): ReadonlyArray<Comparison> =>
  rows.flatMap((row) => {
    const figure = figureOf(row.workload)
    const rival = bestOf(
      row.entries.filter(({ contender }) => contender.id !== ours),
      figure
    )
    if (rival === undefined) return []
    const ratio = advantage(row, rival, figure)
    return ratio === undefined ? [] : [{ workload: row.workload, rival: rival.contender, ratio }]
  })
