/** Builds the packages and checks what would be published: publint, and are-the-types-wrong. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const run = (command, args) => spawnSync(command, args, { encoding: "utf8" })
const directory = mkdtempSync(join(tmpdir(), "effect-resp-packages-"))
let failed = false

const check = (what, result) => {
  if (result.status !== 0) {
    failed = true
    console.error(`${what} failed:\n${result.stdout}${result.stderr}`)
  } else console.log(`${what}: clean`)
}

check("build", run("npm", ["run", "--silent", "build"]))
for (const name of ["core", "node", "cluster"]) {
  const folder = join("packages", name)
  const packed = run("npm", ["pack", "--silent", "--pack-destination", directory, `./${folder}`])
  const tarball = join(directory, packed.stdout.trim().split("\n").at(-1))
  check(`publint ${name}`, run("npx", ["publint", "--strict", tarball]))
  check(
    `attw ${name}`,
    run("npx", ["attw", "--profile", "esm-only", "--exclude-entrypoints", "package.json", "--", tarball])
  )
}
rmSync(directory, { recursive: true })
process.exit(failed ? 1 : 0)
