/** What a server was asked to do, as its own MONITOR tells it. */
import { randomUUID } from "node:crypto"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface CommandRecord {
  /** The lines so far, as the server printed them: `1700000000.000001 [0 127.0.0.1:50000] "set" "k" "v"`. */
  readonly commands: () => ReadonlyArray<string>
  /** The same without time, database and client: `"set" "k" "v"`. */
  readonly words: () => ReadonlyArray<string>
  /** Waits until all that the server did before is in the record. */
  readonly settle: Effect.Effect<void>
  /** Forgets the lines so far. */
  readonly clear: () => void
}

const open = (port: number, first: string): Effect.Effect<net.Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<net.Socket>((resolve, reject) => {
          const socket = net.connect({ port, host: "127.0.0.1" }, () => resolve(socket))
          socket.on("error", reject)
          socket.setNoDelay(true)
          socket.write(first)
        })
    ),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Records the commands of the server at a port from here on, for the scope. */
export const recordCommands = (port: number): Effect.Effect<CommandRecord, never, Scope.Scope> =>
  Effect.gen(function* () {
    let lines: Array<string> = []
    const markers = new Map<string, () => void>()
    const socket = yield* open(port, "MONITOR\r\n")
    yield* Effect.promise(
      () =>
        new Promise<void>((resolve, reject) => {
          let rest = ""
          let isOn = false
          socket.on("data", (chunk: Buffer) => {
            const parts = (rest + chunk.toString("latin1")).split("\r\n")
            rest = parts.pop()!
            for (const part of parts) {
              const line = part.slice(1)
              const marker = /"settle:[^"]*"$/.exec(line)?.[0]
              if (!isOn) {
                isOn = true
                if (part === "+OK") resolve()
                else reject(new Error(`MONITOR was answered ${part}`))
              } else if (marker !== undefined) markers.get(marker)?.()
              else lines.push(line)
            }
          })
        })
    )
    const settle = Effect.scoped(
      Effect.gen(function* () {
        const marker = `settle:${randomUUID()}`
        const seen = new Promise<void>((resolve) => markers.set(`"${marker}"`, resolve))
        yield* open(port, `ECHO ${marker}\r\n`)
        yield* Effect.promise(() => seen)
        markers.delete(`"${marker}"`)
      })
    )
    return {
      commands: () => [...lines],
      words: () => lines.map((line) => line.replace(/^\S+ \[\d+ .*?\] (?=")/, "")),
      settle,
      clear: () => {
        lines = []
      }
    }
  })
