/** A peer that answers what the test says, true RESP or not: `import * as ScriptedPeer`. */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { RequestReader } from "./requests.js"

export interface Connection {
  /** 1 for the first connection that was accepted. */
  readonly id: number
  /** Until either side has ended it. */
  readonly isOpen: boolean
  write(data: string | Uint8Array): void
  /** An orderly end (FIN). */
  end(): void
  /** A reset (RST). */
  reset(): void
  /** Reads no more until `resume`. */
  pause(): void
  resume(): void
}

export type Handler = (words: ReadonlyArray<string>, connection: Connection) => void

export interface ScriptedPeer {
  readonly port: number
  readonly url: string
  /** All that was accepted so far, open or not. */
  readonly connections: ReadonlyArray<Connection>
  /** The words of every command that came, in order. */
  readonly received: ReadonlyArray<ReadonlyArray<string>>
}

export interface GreetOptions {
  /** `false` answers HELLO as a server that does not know it. */
  readonly hello?: boolean
}

const helloFields = (protocol: string, id: number) => [
  ["server", "$5\r\nredis\r\n"],
  ["version", "$5\r\n7.0.0\r\n"],
  ["proto", `:${protocol}\r\n`],
  ["id", `:${id}\r\n`],
  ["mode", "$10\r\nstandalone\r\n"],
  ["role", "$6\r\nmaster\r\n"],
  ["modules", "*0\r\n"]
]

const hello = (protocol: string, id: number): string => {
  const fields = helloFields(protocol, id)
  const header = protocol === "3" ? `%${fields.length}` : `*${fields.length * 2}`
  return `${header}\r\n${fields.map(([name, value]) => `$${name!.length}\r\n${name}\r\n${value}`).join("")}`
}

/** Answers what a client says when it connects (HELLO, AUTH, SELECT, CLIENT …), and says whether it did. */
export const greet = (words: ReadonlyArray<string>, connection: Connection, options: GreetOptions = {}): boolean => {
  switch (words[0]?.toUpperCase()) {
    case "HELLO":
      connection.write(
        options.hello === false ? "-ERR unknown command 'HELLO'\r\n" : hello(words[1] ?? "2", connection.id)
      )
      return true
    case "CLIENT":
      connection.write(words[1]?.toUpperCase() === "ID" ? `:${connection.id}\r\n` : "+OK\r\n")
      return true
    case "AUTH":
    case "SELECT":
      connection.write("+OK\r\n")
      return true
    default:
      return false
  }
}

/** A peer that calls the handler for each command that comes, for the scope. */
export const make = (
  handler: Handler,
  options: { readonly onConnect?: (connection: Connection) => void } = {}
): Effect.Effect<ScriptedPeer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connections: Array<Connection> = []
    const received: Array<ReadonlyArray<string>> = []
    const sockets = new Set<net.Socket>()
    const listener = net.createServer({ noDelay: true }, (socket) => {
      const reader = new RequestReader()
      const connection: Connection = {
        id: connections.length + 1,
        get isOpen() {
          return !socket.destroyed
        },
        write: (data) => void socket.write(data),
        end: () => void socket.end(),
        reset: () => void socket.resetAndDestroy(),
        pause: () => void socket.pause(),
        resume: () => void socket.resume()
      }
      connections.push(connection)
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
      socket.on("data", (chunk: Buffer) => {
        for (const { words } of reader.read(chunk)) {
          received.push(words)
          handler(words, connection)
        }
      })
      options.onConnect?.(connection)
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))),
      () =>
        Effect.sync(() => {
          listener.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    const { port } = listener.address() as net.AddressInfo
    return { port, url: `redis://127.0.0.1:${port}`, connections, received }
  })
