/** The charts of the report, as SVG. Drawn on white, so that they read the same on a light and on a dark page. */
import { type EChartsOption, init } from "echarts"
import { type ContenderInfo, ours } from "./measurement.js"

export interface Painted extends ContenderInfo {
  readonly colour: string
}

const accent = "#0969da"
const behind = "#bc4c00"
const neutral = "#6e7781"
const ink = "#1f2328"
const soft = "#59636e"
const faint = "#d1d9e0"
const muted = ["#c69026", "#e8b873", "#6a9f58", "#a8627c", "#8a73b5", "#4fa3a5", "#9c755f"]

const greys = ["#6e7781", "#afb8c1"]

const width = 900

/** Gives each its colour, the same in all charts. */
export const paint = (contenders: ReadonlyArray<ContenderInfo>): ReadonlyArray<Painted> => {
  const colours = { bound: greys.values(), client: muted.values() }
  return contenders.map((contender) => ({
    ...contender,
    colour: contender.id === ours ? accent : (colours[contender.bound ? "bound" : "client"].next().value ?? soft)
  }))
}

const render = (height: number, heading: string, option: EChartsOption): string => {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "Helvetica, Arial, sans-serif", color: ink },
    ...option,
    title: [
      { text: heading, left: 16, top: 10, textStyle: { color: ink, fontSize: 15 } },
      ...[option.title ?? []].flat()
    ]
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  // What serves the mouse and is numbered by process goes, so that equal figures give equal files.
  return svg
    .replace(/<style.*?<\/style>\n?/gs, "")
    .replace(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, "")
    .replace(/\bzr\d+-/g, "")
}

const caption = (text: string, left: number, top: number) => ({
  text,
  left,
  top,
  padding: 0,
  textStyle: { color: soft, fontSize: 12, fontWeight: "normal" as const }
})

const bare = { axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false } }

/** Room on the left for the names of the rows. */
const marginFor = (names: ReadonlyArray<string>): number => 30 + 6.2 * Math.max(...names.map(({ length }) => length))

export interface Panel {
  readonly title: string
  /** By the contender's id; undefined of one that cannot do it, none of one that does not take part. */
  readonly values: ReadonlyMap<string, number | undefined>
}

/** A row a contender, a column a panel, each panel to its own scale. */
export const bars = (
  heading: string,
  contenders: ReadonlyArray<Painted>,
  panels: ReadonlyArray<Panel>,
  format: (value: number) => string
): string => {
  const row = 22
  const top = panels.some(({ title }) => title !== "") ? 68 : 44
  const names = contenders.map(({ title }) => title)
  const margin = marginFor(names)
  const step = (width - margin - 10) / panels.length
  const room = 66
  // A bound may be many times faster than all clients, which would be hard to tell apart beside it.
  const reach = ({ values }: Panel): number => {
    const clients = contenders.flatMap(({ bound, id }) => (bound ? [] : (values.get(id) ?? [])))
    return clients.length === 0 ? 1 : 1.1 * Math.max(...clients)
  }
  return render(top + contenders.length * row + 14, heading, {
    title: panels.map(({ title }, index) => caption(title, margin + index * step, 46)),
    grid: panels.map((_, index) => ({
      left: margin + index * step,
      top,
      width: step - room,
      height: contenders.length * row,
      outerBoundsMode: "none"
    })),
    yAxis: panels.map((_, index) => ({
      ...bare,
      type: "category",
      gridIndex: index,
      inverse: true,
      data: names,
      axisLine: { show: true, lineStyle: { color: faint } },
      axisLabel: { show: index === 0, color: ink, fontSize: 12 }
    })),
    xAxis: panels.map((panel, index) => ({
      ...bare,
      type: "value",
      gridIndex: index,
      min: 0,
      max: reach(panel),
      axisLabel: { show: false }
    })),
    series: panels.map((panel, index) => ({
      type: "bar",
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 12,
      clip: true,
      silent: true,
      data: contenders.map(({ bound, colour, id }) => {
        const value = panel.values.get(id)
        const missing = panel.values.has(id) ? "not supported" : "–"
        return {
          value: value ?? 0,
          itemStyle: bound
            ? { color: "#f6f8fa", borderColor: colour, borderType: "dashed" as const }
            : { color: colour },
          label: {
            show: true,
            position: "right" as const,
            color: id === ours ? accent : soft,
            fontSize: 11,
            formatter: value === undefined ? missing : `${value > reach(panel) ? "» " : ""}${format(value)}`
          }
        }
      })
    }))
  })
}

/** 1, 2, 5, 10, 20 … or, where these are many, 1, 10, 100 … from just below the least to just above the greatest. */
const ticks = (values: ReadonlyArray<number>): Array<number> => {
  const least = Math.min(...values)
  const greatest = Math.max(...values)
  const digits = greatest / least > 200 ? [1] : [1, 2, 5]
  const all = Array.from({ length: 40 }, (_, index) => digits.map((digit) => digit * 10 ** (index - 20))).flat()
  const from = all.findLastIndex((tick) => tick <= least)
  const to = all.findIndex((tick) => tick >= greatest)
  return all.slice(from, to + 1)
}

export interface Growth {
  readonly title: string
  readonly points: ReadonlyArray<{ readonly contender: Painted; readonly x: number; readonly y: number }>
}

/** A line a contender on logarithmic axes, one panel a growth. */
export const growths = (heading: string, panels: ReadonlyArray<Growth>, formatX: (value: number) => string): string => {
  const columns = Math.min(3, panels.length)
  const step = (width - 20) / columns
  const tall = 250
  const first = 92
  const place = (index: number) => ({
    left: 10 + (index % columns) * step,
    top: first + Math.floor(index / columns) * tall
  })
  const contenders = [...new Set(panels.flatMap(({ points }) => points.map(({ contender }) => contender)))]
  // To the scale of the clients: a bound may be cheaper by orders of magnitude, and then leaves the chart.
  const scales = panels.map(({ points }) => ticks(points.flatMap(({ contender, y }) => (contender.bound ? [] : [y]))))
  const stops = panels.map(({ points }) => [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b))
  const axis = (index: number, values: ReadonlyArray<number>, format: (value: number) => string) => ({
    type: "log" as const,
    gridIndex: index,
    min: values[0] ?? 1,
    max: values.at(-1) ?? 1,
    axisLine: { show: true, lineStyle: { color: faint } },
    axisTick: { show: false },
    splitLine: { show: false },
    axisLabel: { customValues: [...values], color: soft, fontSize: 11, formatter: format }
  })
  return render(first + Math.ceil(panels.length / columns) * tall, heading, {
    title: panels.map(({ title }, index) => caption(title, place(index).left + 6, place(index).top)),
    legend: {
      left: 12,
      top: 36,
      width: width - 24,
      itemWidth: 20,
      itemHeight: 8,
      itemGap: 10,
      textStyle: { color: ink, fontSize: 11 },
      data: contenders.map(({ title }) => title)
    },
    grid: panels.map((_, index) => ({
      left: place(index).left + 44,
      top: place(index).top + 24,
      width: step - 74,
      height: tall - 58,
      outerBoundsMode: "none"
    })),
    xAxis: stops.map((values, index) => axis(index, values, formatX)),
    yAxis: scales.map((values, index) => ({
      ...axis(index, values, (value) => value.toLocaleString("en", { maximumSignificantDigits: 1 })),
      splitLine: { show: true, lineStyle: { color: "#eff2f5" } }
    })),
    series: panels.flatMap(({ points }, index) =>
      contenders.map(({ bound, colour, id, title }) => ({
        type: "line" as const,
        name: title,
        xAxisIndex: index,
        yAxisIndex: index,
        silent: true,
        symbol: "circle",
        symbolSize: id === ours ? 6 : 4,
        z: id === ours ? 3 : 2,
        itemStyle: { color: colour },
        lineStyle: {
          color: colour,
          width: id === ours ? 2.5 : 1.5,
          type: bound ? ("dashed" as const) : ("solid" as const)
        },
        data: points.filter(({ contender }) => contender.id === id).map(({ x, y }) => [x, y])
      }))
    )
  })
}

export interface Ratios {
  readonly title: string
  /** One list a column: how many times better ours is than the best other, one figure a workload. */
  readonly columns: ReadonlyArray<ReadonlyArray<number>>
}

export const geometricMean = (values: ReadonlyArray<number>): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

/** Nearer to 1 than this, neither is ahead. */
export const level = 0.05

const verdict = (ratio: number): string => (ratio > 1 + level ? accent : ratio < 1 - level ? behind : neutral)

export const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : ratio < 100 ? 1 : 0)}×`

/** A row a group: a bar from 1 to the mean, and a dot for each workload. Right of 1 ours is ahead. */
export const ratios = (heading: string, columns: ReadonlyArray<string>, rows: ReadonlyArray<Ratios>): string => {
  const row = 24
  const top = 74
  const margin = marginFor(rows.map(({ title }) => title))
  const step = (width - margin - 10) / columns.length
  const room = 58
  const height = rows.length * row
  // Twice as fast and half as fast are equally far from 1.
  const reach = Math.ceil(
    Math.max(1, ...rows.flatMap((each) => each.columns.flat().map((value) => Math.abs(Math.log2(value)))))
  )
  const scale = Array.from({ length: 2 * reach + 1 }, (_, index) => index - reach)
  return render(top + height + 34, heading, {
    title: columns.map((title, index) => caption(title, margin + index * step, 46)),
    grid: columns.map((_, index) => ({
      left: margin + index * step,
      top,
      width: step - room,
      height,
      outerBoundsMode: "none"
    })),
    yAxis: columns.map((_, index) => ({
      ...bare,
      type: "category",
      gridIndex: index,
      inverse: true,
      data: rows.map(({ title }) => title),
      axisLabel: { show: index === 0, color: ink, fontSize: 12 }
    })),
    xAxis: columns.map((_, index) => ({
      ...bare,
      type: "value",
      gridIndex: index,
      min: -reach,
      max: reach,
      splitLine: { show: true, lineStyle: { color: "#eff2f5" } },
      axisLabel: {
        customValues: scale,
        color: soft,
        fontSize: 11,
        formatter: (value: number) => (value < 0 ? `1/${2 ** -value}` : `${2 ** value}×`)
      }
    })),
    series: columns.flatMap((_, index) => {
      const on = { xAxisIndex: index, yAxisIndex: index, silent: true }
      return [
        {
          ...on,
          type: "bar" as const,
          barWidth: 10,
          data: rows.map((each) => {
            const mean = geometricMean(each.columns[index] ?? [])
            return {
              value: Number.isNaN(mean) ? 0 : Math.log2(mean),
              itemStyle: { color: verdict(mean), opacity: 0.5 }
            }
          }),
          markLine: {
            silent: true,
            symbol: "none",
            lineStyle: { color: soft, type: "solid" as const, width: 1 },
            label: { show: false },
            data: [{ xAxis: 0 }]
          }
        },
        {
          ...on,
          type: "scatter" as const,
          symbolSize: 6,
          data: rows.flatMap((each, at) =>
            (each.columns[index] ?? []).map((value) => ({
              value: [Math.log2(value), at],
              itemStyle: { color: verdict(value) }
            }))
          )
        },
        // The means stand in a column of their own, where no dot hides them.
        {
          ...on,
          type: "scatter" as const,
          symbolSize: 0,
          clip: false,
          data: rows.map((each, at) => {
            const mean = geometricMean(each.columns[index] ?? [])
            return {
              value: [reach, at],
              label: {
                show: true,
                position: "right" as const,
                color: verdict(mean),
                fontWeight: "bold" as const,
                fontSize: 12,
                formatter: Number.isNaN(mean) ? "–" : times(mean)
              }
            }
          })
        }
      ]
    })
  })
}
