/** Every code block of the guides and every `@example` compiles, strictly. */
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Snippet {
  /** Relative to the root. */
  readonly file: string
  /** Of its first line, counted from 1. */
  readonly line: number
  readonly code: string
}

const opening = /^(\s*\*)?\s*```(ts|typescript)\s*$/
const closing = /^(\s*\*)?\s*```\s*$/
const named = /^import (?:type )?\{([^}]*)\} from ("[^"]+")$/gm

/** The blocks of one file. */
const blocks = (file: string, text: string): ReadonlyArray<Snippet> => {
  const found: Array<Snippet> = []
  let block: { line: number; lines: Array<string> } | undefined
  for (const [index, line] of text.split("\n").entries()) {
    if (block === undefined) {
      if (opening.test(line)) block = { line: index + 2, lines: [] }
    } else if (closing.test(line)) {
      found.push({ file, line: block.line, code: block.lines.join("\n") })
      block = undefined
    } else block.lines.push(file.endsWith(".md") ? line : line.replace(/^\s*\* ?/, ""))
  }
  if (block !== undefined) throw new Error(`${file}:${block.line}: the block has no end`)
  return found
}

/** The code of each block, on its own line numbers. On a page a block may use what the blocks before it imported. */
const programs = (snippets: ReadonlyArray<Snippet>): ReadonlyArray<Snippet> => {
  const known = new Map<string, string>()
  return snippets.map((snippet) => {
    const own = new Map<string, string>()
    for (const [, names, from] of snippet.code.matchAll(named)) {
      for (const name of names!.split(",")) own.set(name.trim(), from!)
    }
    const inherited = snippet.file.endsWith(".md") ? [...known].filter(([name]) => !own.has(name)) : []
    for (const [name, from] of own) known.set(name, from)
    const imports = inherited.map(([name, from]) => `import { ${name} } from ${from}`).join("; ")
    return { ...snippet, code: `${imports}${"\n".repeat(snippet.line - 1)}${snippet.code}\n` }
  })
}

const filesUnder = async (directory: string, extension: string): Promise<ReadonlyArray<string>> =>
  (await fs.readdir(path.join(root, directory), { recursive: true }))
    .filter((file) => file.endsWith(extension) && !/(^|\/)internal\//.test(file))
    .map((file) => path.join(directory, file))
    .sort()

let workshop: string
beforeAll(async () => {
  workshop = await fs.mkdtemp(path.join(os.tmpdir(), "effect-resp-snippets-"))
})
afterAll(() => fs.rm(workshop, { recursive: true, force: true }))

it("compiles", { timeout: 60_000 }, async () => {
  const sources = [
    "README.md",
    ...(await filesUnder("docs", ".md")),
    ...(await filesUnder("packages/core/src", ".ts")),
    ...(await filesUnder("packages/node/src", ".ts")),
    ...(await filesUnder("packages/cluster/src", ".ts"))
  ]
  const read = async (file: string) => programs(blocks(file, await fs.readFile(path.join(root, file), "utf8")))
  const snippets = (await Promise.all(sources.map(read))).flat()
  expect(snippets.length).toBeGreaterThan(0)

  const names = new Map<string, Snippet>()
  for (const [index, snippet] of snippets.entries()) {
    const name = `snippet-${index}.ts`
    names.set(name, snippet)
    await fs.writeFile(path.join(workshop, name), snippet.code)
  }
  await fs.writeFile(path.join(workshop, "package.json"), JSON.stringify({ type: "module" }))
  await fs.symlink(path.join(root, "node_modules"), path.join(workshop, "node_modules"))
  const packages = ["core", "node", "cluster"]
  await fs.writeFile(
    path.join(workshop, "tsconfig.json"),
    JSON.stringify({
      extends: path.join(root, "packages/tsconfig.base.json"),
      compilerOptions: {
        noEmit: true,
        composite: false,
        declaration: false,
        declarationMap: false,
        noUnusedLocals: false,
        moduleDetection: "force",
        types: ["node"],
        paths: Object.fromEntries(
          packages.flatMap((name) => [
            [`@effect-resp/${name}`, [path.join(root, "packages", name, "src/index.ts")]],
            [`@effect-resp/${name}/*`, [path.join(root, "packages", name, "src/*.ts")]]
          ])
        )
      },
      include: ["*.ts"]
    })
  )

  const tsc = path.join(root, "node_modules/.bin/tsc")
  const output = await promisify(execFile)(tsc, ["-p", workshop, "--pretty", "false"], { maxBuffer: 2 ** 26 }).then(
    ({ stdout }) => stdout,
    (error: { readonly stdout?: string; readonly message: string }) => error.stdout || error.message
  )
  // The place in the guide or source, not in the workshop.
  const errors = output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) =>
      line.replace(
        /^.*?(snippet-\d+\.ts)\((\d+),\d+\)/,
        (_, name: string, at: string) => `${names.get(name)!.file}:${at}`
      )
    )
  expect(errors).toEqual([])
})
