/** The results as a page: `docs/benchmarks.md` with its charts. */
import { mkdir, rm, writeFile } from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { bars, geometricMean, growths, level, ratios, times } from "./chart.js"
import {
  advantage,
  bestOf,
  type Comparison,
  compare,
  cpu,
  type Entry,
  type Figure,
  type Group,
  groupsOf,
  main,
  middle,
  p50,
  p99
} from "./comparison.js"
import { describe } from "./machine.js"
import { type ContenderInfo, ours, type Report, type WorkloadInfo } from "./measurement.js"
import { spread } from "./statistics.js"

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })
const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 })
const number = (value: number): string => (Math.abs(value) < 1000 ? digits : whole).format(value)

const size = (bytes: number): string => {
  const power = bytes >= 2 ** 20 ? 2 : bytes >= 2 ** 10 ? 1 : 0
  return `${digits.format(bytes / 2 ** (10 * power))} ${["B", "KB", "MB"][power]}`
}

/** What tells a workload from the others of its group: `100 workers`; nothing of one that is alone. */
const labelOf = ({ axis, group, title }: WorkloadInfo): string => {
  if (axis === undefined) return title === group ? "" : title
  if (axis.name === "bytes") return size(axis.value)
  return `${whole.format(axis.value)} ${axis.value === 1 ? axis.name.replace(/s$/, "") : axis.name}`
}

const unitOf = ({ measures, unit }: WorkloadInfo): string =>
  measures === "throughput" ? `${unit.replace(/y$/, "ie")}s/s` : measures === "bytes" ? `bytes/${unit}` : "ms"

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(",", "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")

const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  /** How many columns are text; the others are figures. */
  texts = head.length
): string => {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${widths
      .map((width, column) => {
        const cell = cells[column] ?? ""
        return column < texts ? cell.padEnd(width) : cell.padStart(width)
      })
      .join(" | ")} |`
  const rule = widths.map((width, column) => (column < texts ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [head, rule, ...rows].map(line).join("\n")
}

const nameOf = ({ bound, title }: ContenderInfo): string => (bound ? `_${title}_` : title)

interface Column {
  readonly head: string
  readonly figure: Figure
  readonly withSpread?: boolean
}

const cell = (entry: Entry, { figure, withSpread }: Column): string => {
  const value = middle(entry, figure)
  if (value === undefined) return "–"
  if (!withSpread) return number(value)
  const deviation = spread(entry.samples.map((sample) => figure.of(sample) ?? value)) / Math.abs(value)
  return `${number(value)} ± ${(100 * deviation).toFixed(1)} %`
}

/** A block of lines for each workload, a line for each contender. */
const figures = ({ rows }: Group): string => {
  const [{ workload }] = rows
  const columns: ReadonlyArray<Column> = [
    { head: unitOf(workload), figure: main(workload), withSpread: true },
    { head: `CPU µs/${workload.unit}`, figure: cpu },
    { head: "p50 µs", figure: p50 },
    { head: "p99 µs", figure: p99 }
  ].filter(({ figure }) => rows.some(({ entries }) => entries.some((entry) => middle(entry, figure) !== undefined)))
  const labelled = rows.some(({ workload }) => labelOf(workload) !== "")
  const reasons = [...new Set(rows.flatMap(({ entries }) => entries.flatMap(({ reason }) => reason ?? [])))]
  const lines = rows.flatMap((row) => {
    const best = columns.map(({ figure }) => bestOf(row.entries, figure))
    return row.entries.map((entry, index) => {
      const mark = entry.reason === undefined ? "" : ` <sup>${reasons.indexOf(entry.reason) + 1}</sup>`
      const ratio = advantage(row, entry, main(row.workload))
      return [
        ...(labelled ? [index === 0 ? labelOf(row.workload) : ""] : []),
        nameOf(entry.contender) + mark,
        ...columns.map((column, at) => (best[at] === entry ? `**${cell(entry, column)}**` : cell(entry, column))),
        ratio === undefined ? "–" : times(ratio)
      ]
    })
  })
  const names = labelled ? ["", ""] : [""]
  return [
    table([...names, ...columns.map(({ head }) => head), `${ours} to it`], lines, names.length),
    ...reasons.map((reason, index) => `<sup>${index + 1}</sup> ${reason}`)
  ].join("\n\n")
}

const barsOf = ({ rows, title }: Group): string => {
  const [{ workload }] = rows
  const present = new Set(rows.flatMap(({ entries }) => entries.map(({ contender }) => contender)))
  return bars(
    `${title}: ${unitOf(workload)}, ${main(workload).isBetter} is better`,
    [...present],
    rows.map(({ entries, workload }) => ({
      title: labelOf(workload),
      values: new Map(entries.map((entry) => [entry.contender.id, middle(entry, main(workload))]))
    })),
    workload.measures === "bytes" ? size : (value) => compact.format(value)
  )
}

/** What its workloads differ in, if they show how cost grows with it. */
const growsBy = ({ rows }: Group): string | undefined => {
  const [{ workload }] = rows
  return rows.length > 2 && workload.measures === "throughput" ? workload.axis?.name : undefined
}

const growthsOf = (axis: string, groups: ReadonlyArray<Group>): string => {
  const points = groups.map(({ rows, title }) => ({
    title,
    points: rows.flatMap(({ entries, workload }) =>
      entries.flatMap((entry) => {
        const y = middle(entry, cpu)
        return y === undefined || y <= 0 || workload.axis === undefined
          ? []
          : [{ contender: entry.contender, x: workload.axis.value, y }]
      })
    )
  }))
  return growths(
    `CPU µs of the client process an operation, by ${axis}: lower is better`,
    points,
    axis === "bytes" ? size : (value) => whole.format(value)
  )
}

const verdict = (comparisons: ReadonlyArray<Comparison>): string => {
  const count = comparisons.length
  const ahead = comparisons.filter(({ ratio }) => ratio > 1 + level).length
  const behind = comparisons.filter(({ ratio }) => ratio < 1 - level).length
  return `ahead in ${ahead} of ${count}, level in ${count - ahead - behind}, behind in ${behind}`
}

const byRatio = (comparisons: ReadonlyArray<Comparison>): ReadonlyArray<Comparison> =>
  [...comparisons].sort((a, b) => a.ratio - b.ratio)

const tell = (found: Comparison | undefined): string => {
  if (found === undefined) return ""
  const { ratio, rival, workload } = found
  const label = labelOf(workload)
  return `${times(ratio)} ${rival.title}${label && `, ${label}`}`
}

const mean = (comparisons: ReadonlyArray<Comparison>): string =>
  comparisons.length === 0 ? "–" : times(geometricMean(ratiosOf(comparisons)))

const range = (comparisons: ReadonlyArray<Comparison>): string => {
  const [worst, ...rest] = ratiosOf(byRatio(comparisons))
  const best = rest.at(-1)
  return worst === undefined || best === undefined ? "" : ` (${times(worst)}–${times(best)})`
}

const ratiosOf = (comparisons: ReadonlyArray<Comparison>): ReadonlyArray<number> =>
  comparisons.map(({ ratio }) => ratio)

const method = `
- **In turns.** Each contender has a process of its own and warms up first, uncounted. Then come the rounds: in each, every
  contender in its turn, the first another each time. Only one of them is at work at a time.
- **Medians.** A figure is the median of the rounds, ± half of their interquartile range.
- **Ratios, pair by pair.** The figures of one round are compared with each other; the ratio is the median of these. What
  slows the machine down for a while slows both. Above 1 ${ours} is better, below 1 the other, also where lower is better.
- **CPU** is user and system time of the whole client process, native threads included. Where server and client share the
  cores, it tells more than the rate does.
- **p50 and p99** are the latency of one operation, by samples.
- **Bold** is the best client of a workload, whoever it is.
- **Bounds**, in italics and dashed, are no clients: they show what the server, a socket or Effect could do, and are never
  "the best other". A bar marked » is longer than its place.
`.trim()

/** Writes the page and its charts below the repository's root. */
export const writeReport = async (report: Report, root: URL | string): Promise<void> => {
  const groups = groupsOf(report)
  const compared = groups.map(({ rows, title }) => ({
    title,
    rates: compare(rows, main),
    cpus: compare(rows, () => cpu)
  }))
  const machine = await describe()
  const axes = [...new Set(groups.flatMap((group) => growsBy(group) ?? []))]

  const charts = new Map<string, string>()
  const chart = (alt: string, name: string, svg: string): string => {
    charts.set(`${name}.svg`, svg)
    return `![${alt}](images/benchmarks/${name}.svg)`
  }

  const page = [
    "# Benchmarks",
    `_Generated by \`npm run bench\` on ${report.startedAt.slice(0, 10)}; what is changed here by hand is lost._`,
    `${ours} and the other clients for Node, all in one run on one machine. Yours is another, so run it there.`,
    "## At a glance",
    chart(
      "For each group of workloads, how many times better than the best other client; the table below has the figures.",
      "summary",
      ratios(
        `${ours} to the best other client: right of 1 it is ahead, left of 1 behind`,
        ["Rate, time or memory", "CPU of the client process"],
        compared.map(({ cpus, rates, title }) => ({ title, columns: [ratiosOf(rates), ratiosOf(cpus)] }))
      )
    ),
    `A dot is a workload; the bar and the figure are the group's geometric mean. Level, in grey, is within ${100 * level} %.`,
    [
      "Against the best other client of each workload:",
      "",
      `- by rate, time or memory it is ${verdict(compared.flatMap(({ rates }) => rates))}`,
      `- by CPU it is ${verdict(compared.flatMap(({ cpus }) => cpus))}`
    ].join("\n"),
    table(
      ["", "Mean", "Worst", "Best", "CPU"],
      compared.map(({ cpus, rates, title }) => {
        const [worst, ...rest] = byRatio(rates)
        return [title, mean(rates), tell(worst), tell(rest.at(-1)), mean(cpus) + range(cpus)]
      })
    ),
    "## How it was measured",
    table(
      ["", ""],
      [
        ["Machine", machine.cpu],
        ["Memory", machine.memory],
        ["System", machine.system],
        ["Node", machine.node],
        ["Server", `${report.server}, on the same machine, without persistence`],
        ["Rounds", `${report.rounds}, of ${report.spanMillis} ms for each contender`],
        ["Took", `${digits.format(report.tookSeconds / 60)} minutes`]
      ]
    ),
    method,
    table(
      ["Contender", "Version", "How it is used"],
      report.contenders.map((contender) => [nameOf(contender), contender.version, contender.note ?? ""])
    ),
    ...(axes.length === 0
      ? []
      : [
          "## How cost grows",
          "Both axes are logarithmic: a level line is a cost that stays. A bound that is far cheaper leaves the chart."
        ]),
    ...axes.map((axis) =>
      chart(
        `CPU of the client process by ${axis}, a line for each contender; the tables below have the figures.`,
        `cost-by-${slug(axis)}`,
        growthsOf(
          axis,
          groups.filter((group) => growsBy(group) === axis)
        )
      )
    ),
    ...groups.flatMap((group) => [
      `## ${group.title}`,
      ...new Set(group.rows.flatMap(({ workload }) => workload.note ?? [])),
      chart(
        `${group.title}, a bar for each contender; the table below has the figures.`,
        slug(group.title),
        barsOf(group)
      ),
      figures(group)
    ])
  ].join("\n\n")

  const docs = path.join(typeof root === "string" ? root : fileURLToPath(root), "docs")
  const images = path.join(docs, "images", "benchmarks")
  await rm(images, { recursive: true, force: true })
  await mkdir(images, { recursive: true })
  await Promise.all([...charts].map(([name, svg]) => writeFile(path.join(images, name), `${svg}\n`)))
  await writeFile(path.join(docs, "benchmarks.md"), `${page}\n`)
}
