/** The tests that show scenarios, found by their titles. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Title {
  /** Relative to the root. */
  readonly file: string
  readonly scenarios: ReadonlyArray<number>
  /** What it is a test of: the title around it, or none. */
  readonly subject: string
  /** What comes behind the numbers, as it is in the source. */
  readonly text: string
}

/** The first argument of a call, in any quotes: `it.effect("scenario 18, 19: …"`, `it.each(cases)(`scenario 7: …``. */
const title = /\(\s*(["'`])scenario (\d+(?:, \d+)*): ((?:\\.|(?!\1)[^\\])*)\1/g

/** The beginning of any string that seems to be such a title. */
const beginning = /["'`]scenarios? ?\d/gi

/** What opens a group of tests: `describe("subject", () => {`, or `layer(…)(` with `"subject",` on the next line. */
const opening = /\((["'`])((?:\\.|(?!\1).)*)\1,(?: .*=> \{)?$/

/** The titles of the groups around the end of a text. The formatter sees to the indentation, by which they are found. */
const subjectOf = (before: string): string => {
  const lines = before.split("\n").reverse()
  const indentation = (line: string) => line.length - line.trimStart().length
  let inner = indentation(lines[0]!)
  const subjects: Array<string> = []
  for (const [above, line] of lines.entries()) {
    if (line.trim() === "" || indentation(line) >= inner) continue
    inner = indentation(line)
    const subject = opening.exec(line.endsWith("(") ? `${line}${lines[above - 1]!.trim()}` : line)?.[2]
    if (subject !== undefined) subjects.unshift(subject)
  }
  return subjects.join(", ")
}

export const titlesOf = (file: string, source: string): ReadonlyArray<Title> => {
  const titles = Array.from(source.matchAll(title), ({ 2: numbers, 3: text, index }) => ({
    file,
    scenarios: numbers!.split(", ").map(Number),
    subject: subjectOf(source.slice(0, index)),
    text: text!
  }))
  const seeming = source.match(beginning)?.length ?? 0
  if (seeming !== titles.length) throw new Error(`${file}: ${seeming} titles name scenarios, ${titles.length} rightly`)
  return titles
}

/** All of them, by file. */
export const readTitles = async (): Promise<ReadonlyArray<Title>> => {
  const entries = await fs.readdir(path.join(root, "test"), { recursive: true })
  const files = entries.filter((file) => file.endsWith(".test.ts") && file !== "docs/reliability.test.ts").sort()
  const titles = files.map(async (file) =>
    titlesOf(path.join("test", file), await fs.readFile(path.join(root, "test", file), "utf8"))
  )
  return (await Promise.all(titles)).flat()
}
