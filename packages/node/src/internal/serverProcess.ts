/**
 * A server as a child process.
 *
 * Plain node:child_process, where @effect/platform's Command would be expected: Command's finalizer sends SIGTERM and
 * then waits without bound (a paused or busy server never exits), it detaches the child so that an abrupt exit of this
 * process leaves it behind, and its log would be a pipe that somebody must keep reading. Waiting uses real timers, so
 * that a server also starts under Effect's TestClock.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as delay } from "node:timers/promises"

/** One running server. */
export interface ServerProcess {
  readonly child: ChildProcess
  readonly directory: string
  readonly socketPath: string
}

/** Configuration: directives and their values, in the order in which the server reads them. */
export type Settings = ReadonlyArray<readonly [directive: string, value: string]>

const logName = "server.log"

const live = new Set<ServerProcess>()

const killAll = (): void => {
  for (const server of live) {
    server.child.kill("SIGKILL")
    fs.rmSync(server.directory, { recursive: true, force: true })
  }
}

/** `first second "the third"` as words: a path may have spaces. */
export const splitWords = (text: string): ReadonlyArray<string> =>
  (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => (/^["']/.test(word) ? word.slice(1, -1) : word))

/** What `--version` prints, or why it could not be run. */
export const readVersion = (command: ReadonlyArray<string>): Promise<string | Error> =>
  new Promise((resolve) => {
    const [file, ...args] = command
    if (file === undefined || file === "") resolve(new Error("an empty command"))
    else execFile(file, [...args, "--version"], { timeout: 10_000 }, (error, stdout) => resolve(error ?? stdout.trim()))
  })

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.createServer()
    probe.once("error", () => resolve(false))
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)))
  })

/**
 * A port that nobody listens on now. It and its cluster bus port (10000 above) lie below the range from which systems
 * give ports to outgoing connections, so that these do not take it meanwhile.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 12_000)
    if (await isFree(port)) return port
  }
}

const hexadecimal = (text: string): string => Buffer.from(text).toString("hex").replace(/../g, "\\x$&")

const quote = (value: string): string => `"${value.replace(/["\\]/g, "\\$&").replace(/\p{Cc}/gu, hexadecimal)}"`

const makeDirectory = (): string => {
  // The path of a Unix socket has at most 103 bytes on some systems.
  const parent = Buffer.byteLength(os.tmpdir()) > 70 ? "/tmp" : os.tmpdir()
  return fs.mkdtempSync(path.join(parent, "effect-resp-"))
}

/**
 * Starts the server with a configuration file, which keeps a password out of the list of processes. It also listens on
 * a Unix socket in its own directory: an answer there cannot come from a stranger who took the port.
 */
export const launch = (
  command: ReadonlyArray<string>,
  settings: Settings,
  args: ReadonlyArray<string>
): ServerProcess => {
  const directory = makeDirectory()
  const socketPath = path.join(directory, "server.sock")
  const configPath = path.join(directory, "server.conf")
  const lines = [...settings, ["dir", directory], ["unixsocket", socketPath]].map(
    ([directive, value]) => `${directive} ${quote(value!)}\n`
  )
  fs.writeFileSync(configPath, lines.join(""), { mode: 0o600 })
  const log = fs.openSync(path.join(directory, logName), "a")
  const [file, ...before] = command
  const child = spawn(file!, [...before, configPath, ...args], { stdio: ["ignore", log, log] })
  fs.closeSync(log)
  // Without a listener, a failure to spawn would be an uncaught exception; `ready` sees it by the missing pid.
  child.on("error", () => {})
  const server: ServerProcess = { child, directory, socketPath }
  if (live.size === 0) process.on("exit", killAll)
  live.add(server)
  return server
}

/** The last lines that the server logged. */
export const lastLines = (server: ServerProcess, count = 15): string => {
  const file = path.join(server.directory, logName)
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n") : ""
}

const ping = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    let answered = false
    const socket = net.connect({ path: socketPath }, () => socket.write("*1\r\n$4\r\nPING\r\n"))
    socket.setTimeout(1000, () => socket.destroy())
    // Any answer will do (-NOAUTH, -DENIED). Then wait until the server has closed too, so that it counts no client.
    socket.on("data", () => {
      answered = true
      socket.end()
    })
    socket.on("error", () => {})
    socket.on("close", () => resolve(answered))
  })

const hasExited = ({ child }: ServerProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

/** Waits until the server answers, or until it is plain that it will not. */
export const ready = async (
  server: ServerProcess,
  limit: number,
  signal: AbortSignal
): Promise<"Up" | "Exited" | "Timeout"> => {
  const deadline = performance.now() + limit
  while (performance.now() < deadline && !signal.aborted) {
    if (hasExited(server)) return "Exited"
    if (await ping(server.socketPath)) return "Up"
    await delay(10)
  }
  return "Timeout"
}

/** Ends the server, politely for a second, and removes its directory. */
export const stop = async (server: ServerProcess): Promise<void> => {
  if (!hasExited(server)) {
    const exited = new Promise<void>((resolve) => server.child.once("exit", () => resolve()))
    server.child.kill("SIGTERM")
    const insist = setTimeout(() => server.child.kill("SIGKILL"), 1000)
    await exited
    clearTimeout(insist)
  }
  live.delete(server)
  if (live.size === 0) process.off("exit", killAll)
  await fs.promises.rm(server.directory, { recursive: true, force: true, maxRetries: 3 })
}
