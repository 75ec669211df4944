/** Writes into docs/reliability.md which tests show which scenario: `npm run reliability`. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { catalogue, type Scenario } from "./catalogue.js"
import { readTitles, root, type Title } from "./titles.js"

export const page = path.join(root, "docs/reliability.md")

const begin = "<!-- written by `npm run reliability` -->"
const end = "<!-- end -->"

/** A title as it reads in a table: what each case fills in is left open, and nothing in it is Markdown. */
const shown = (text: string): string =>
  text
    .replace(/\\(.)/g, "$1")
    .replace(/,? RESP%i$/, "")
    .replace(/\$\{[^}]*\}|%[sijo]/g, "…")
    .replace(/[|*_<>`[\]]/g, "\\$&")

const shownBy = (scenario: Scenario, titles: ReadonlyArray<Title>): string => {
  const groups = new Map<string, Set<string>>()
  for (const { file, scenarios, subject, text } of titles) {
    if (!scenarios.includes(scenario.number)) continue
    const group = `[${file.slice("test/".length)}](../${file})${subject === "" ? "" : ` ${shown(subject)}`}`
    groups.set(group, (groups.get(group) ?? new Set()).add(shown(text)))
  }
  if (groups.size === 0) return scenario.leftOut ?? ""
  return [...groups].map(([group, texts]) => `${group}: ${[...texts].join("; ")}`).join("<br>")
}

const table = (titles: ReadonlyArray<Title>): string =>
  [...new Set(catalogue.map(({ area }) => area))]
    .flatMap((area) => [
      `### ${area}`,
      "",
      "| | Promise | Tests |",
      "| --- | --- | --- |",
      ...catalogue
        .filter((scenario) => scenario.area === area)
        .map((scenario) => `| ${scenario.number} | ${scenario.promise} | ${shownBy(scenario, titles)} |`),
      ""
    ])
    .join("\n")

/** The page with its table as the tests are now. */
export const updated = async (text: string): Promise<string> => {
  const [before, after] = [text.indexOf(begin), text.indexOf(end)]
  if (before === -1 || after < before) throw new Error(`${page} has not its two markers`)
  return `${text.slice(0, before + begin.length)}\n\n${table(await readTitles())}\n${text.slice(after)}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await fs.writeFile(page, await updated(await fs.readFile(page, "utf8")))
}
