/** Who is still connected to a server at its end: a client that has been closed should not be. */
import { existsSync, readFileSync } from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"

interface Server {
  readonly directory: string
  readonly socketPath: string
}

/** Lines of CLIENT LIST of those who were still there, of all servers of this process. */
export const leftClients: Array<string> = []

/** Replicas, and servers that have sent keys by MIGRATE. */
const isServer = (line: string): boolean => / flags=\w*[SM]\w* | cmd=(replconf|psync|restore)/.test(line)

const isAsking = (line: string): boolean => / cmd=(client\|list|client) /.test(line)

/** Nobody where the server does not answer, for it is gone or frozen, or does not tell. */
const ask = (server: Server): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    const config = readFileSync(join(server.directory, "server.conf"), "utf8")
    const password = /^requirepass (".*")$/m.exec(config)?.[1]
    const auth = password === undefined ? "" : `AUTH ${password}\r\n`
    let text = ""
    const socket = net.connect({ path: server.socketPath }, () => socket.write(`${auth}CLIENT LIST\r\nQUIT\r\n`))
    socket.setTimeout(200, () => socket.destroy())
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
    })
    socket.on("close", () => {
      const lines = text.split(/\r?\n/).filter((line) => line.startsWith("id="))
      resolve(lines.filter((line) => !isAsking(line) && !isServer(line)))
    })
  })

/** Notes who stays connected to a server that is about to be ended. */
export const noteLeftClients = async (server: Server): Promise<void> => {
  if (!existsSync(server.socketPath)) return
  const deadline = performance.now() + 500
  let left = await ask(server)
  // The server sees the end of a connection a moment after the client.
  while (left.length > 0 && performance.now() < deadline) {
    await delay(10)
    left = await ask(server)
  }
  leftClients.push(...left)
}
