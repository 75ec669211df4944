/** What to make of the rounds. */
import type { Sample } from "./measurement.js"

/** The value below which the fraction lies, interpolated; `NaN` of nothing. */
export const quantile = (values: ArrayLike<number>, fraction: number): number => {
  const sorted = Float64Array.from(values).sort()
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position % 1)
}

export const median = (values: ArrayLike<number>): number => quantile(values, 0.5)

/** Half of the interquartile range, in the unit of the values: half of the rounds lie about so near to the median. */
export const spread = (values: ArrayLike<number>): number => (quantile(values, 0.75) - quantile(values, 0.25)) / 2

/** The median of a figure over the rounds that have it. */
export const medianOf = (
  samples: ReadonlyArray<Sample>,
  figure: (sample: Sample) => number | undefined
): number | undefined => {
  const values = samples.map(figure).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

/**
 * How many times the first's figure is the second's: the median of the ratios round by round, so that what slows the
 * machine down for a while slows both.
 */
export const ratio = (
  first: ReadonlyArray<Sample>,
  second: ReadonlyArray<Sample>,
  figure: (sample: Sample) => number | undefined = ({ value }) => value
): number | undefined => {
  const ratios = first.flatMap((sample, round) => {
    const other = second[round]
    const above = figure(sample)
    const below = other && figure(other)
    return above === undefined || !below ? [] : [above / below]
  })
  return ratios.length === 0 ? undefined : median(ratios)
}
