/** The results as they come, for the terminal. */
import { type ContenderInfo, type Measure, type Outcome, ours, type Result, type Sample } from "./measurement.js"
import { medianOf, ratio, spread } from "./statistics.js"

/** Three digits that count. */
const figure = (value: number | undefined): string =>
  value === undefined
    ? ""
    : value.toLocaleString("en", value >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 })

const units: Readonly<Record<Measure, (unit: string) => string>> = {
  throughput: (unit) => `${unit}/s`,
  milliseconds: () => "ms",
  bytes: (unit) => `B/${unit}`
}

const cells = (samples: ReadonlyArray<Sample>, own: ReadonlyArray<Sample> | undefined): ReadonlyArray<string> => {
  const value = medianOf(samples, (sample) => sample.value)
  const share = value === undefined ? undefined : (100 * spread(samples.map((sample) => sample.value))) / value
  const times = own && own !== samples ? ratio(own, samples) : undefined
  return [
    `${figure(value)} ±${figure(share)}%`,
    figure(medianOf(samples, (sample) => sample.cpuMicros)),
    figure(medianOf(samples, (sample) => sample.p50)),
    figure(medianOf(samples, (sample) => sample.p99)),
    times === undefined ? "" : `${figure(times)}x`
  ]
}

const widths = [22, 20, 12, 12, 10]
const row = (name: string, cells: ReadonlyArray<string>) =>
  `  ${name.padEnd(26)}${cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("")}`

const samplesOf = (outcome: Outcome | undefined): ReadonlyArray<Sample> | undefined =>
  outcome?._tag === "Measured" ? outcome.samples : undefined

export const printHead = (server: string, settings: { readonly rounds: number; readonly spanMillis: number }): void =>
  console.log(`${server}, ${settings.rounds} rounds of ${settings.spanMillis} ms. Ratio: ours to the other's.`)

export const printResult = ({ outcomes, workload }: Result, contenders: ReadonlyArray<ContenderInfo>): void => {
  const unit = units[workload.measures](workload.unit)
  console.log(`\n${workload.title}  [${workload.id}]`)
  console.log(row("", [unit, `CPU us/${workload.unit}`, "p50 us", "p99 us", "ratio"]))
  const own = samplesOf(outcomes[ours])
  for (const { bound, id, title } of contenders) {
    const outcome = outcomes[id]
    if (outcome === undefined) continue
    const name = bound ? `(${title})` : title
    const samples = samplesOf(outcome)
    if (samples !== undefined) console.log(row(name, cells(samples, own)))
    else if (outcome._tag === "Unsupported") console.log(`  ${name.padEnd(26)}  ${outcome.reason}`)
  }
}
