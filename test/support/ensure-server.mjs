// Sees to it that there is a server to test on: one that is already there, else the system's own package.
import { spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

const isOnPath = (program) =>
  (process.env.PATH ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return directory !== ""
    } catch {
      return false
    }
  })

const hasServer = () => isOnPath("redis-server") || isOnPath("valkey-server")

const isRoot = process.getuid?.() === 0
const isSudoer = () => isOnPath("sudo") && spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0

/** Runs a command as root; what it prints is shown only if it fails. */
const run = (...command) => {
  const words = isRoot ? command : ["sudo", "-n", ...command]
  const result = spawnSync(words[0], words.slice(1), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  if (result.status === 0) return true
  console.error(`${command[0]} failed:\n${result.error?.message ?? `${result.stdout}${result.stderr}`.trimEnd()}`)
  return false
}

// Debian's packages start a system service unless policy-rc.d forbids it. One that is already there is left alone.
const aptScript = `
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > $policy
  chmod 755 $policy
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"
`

const managers = [
  {
    program: "apt-get",
    names: ["redis-server", "valkey-server", "valkey"],
    refresh: () => run("apt-get", "update"),
    install: (name) => run("sh", "-c", aptScript, "sh", name)
  },
  { program: "apk", names: ["redis", "valkey"], install: (name) => run("apk", "add", "--no-cache", name) },
  { program: "dnf", names: ["valkey", "redis"], install: (name) => run("dnf", "install", "-y", name) },
  {
    program: "brew",
    names: ["redis", "valkey"],
    isOwn: true,
    // Homebrew refuses to run as root.
    install: (name) => spawnSync("brew", ["install", "--quiet", name], { stdio: "inherit" }).status === 0
  }
]

const install = () => {
  const manager = managers.find(({ program }) => isOnPath(program))
  if (manager === undefined || !(manager.isOwn || isRoot || isSudoer())) return false
  console.log(`No redis-server or valkey-server: installing ${manager.names[0]} with ${manager.program}.`)
  manager.refresh?.()
  return manager.names.some((name) => manager.install(name) && hasServer())
}

if (!process.env.EFFECT_RESP_SERVER && !hasServer() && !install()) {
  console.error(`A Redis or Valkey server is needed, and none was found: the environment variable EFFECT_RESP_SERVER is not
set, and neither redis-server nor valkey-server is on PATH. Please install one:

  Debian, Ubuntu   sudo apt-get install redis-server
  Alpine           sudo apk add redis
  Fedora           sudo dnf install valkey
  macOS            brew install redis

or set EFFECT_RESP_SERVER to the command that starts one.`)
  process.exit(1)
}
