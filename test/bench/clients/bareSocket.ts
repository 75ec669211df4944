/** A bound: a socket that writes requests made before, and counts the bytes of replies. */
import { once } from "node:events"
import { connect } from "node:net"
import { type Open, type Run, timed, Unsupported } from "../job.js"
import { type Commands, operationOf } from "../operation.js"
import { encode } from "../resp.js"
import { isOnServer } from "../work.js"

const gets = (keys: ReadonlyArray<string>): Buffer => Buffer.concat(keys.map((key) => encode("GET", key)))

const commands: Commands<Buffer> = {
  get: (key) => encode("GET", key),
  set: (key, value) => encode("SET", key, value),
  hgetall: (key) => encode("HGETALL", key),
  lrange: (key) => encode("LRANGE", key, "0", "-1"),
  pipeline: gets,
  transaction: (keys) => Buffer.concat([encode("MULTI"), gets(keys), encode("EXEC")]),
  textOf: (reply) => reply,
  replyOf: (slot) => slot
}

const pong = "+PONG\r\n"

/** How many bytes answer the batch. */
const replySize = async (port: number, host: string, batch: Buffer): Promise<number> => {
  const socket = connect({ host, port })
  socket.write(Buffer.concat([batch, encode("PING")]))
  let text = ""
  for await (const chunk of socket.setEncoding("latin1")) {
    text += chunk
    if (text.startsWith("-")) throw new Error(text)
    if (text.endsWith(pong)) break
  }
  return text.length - pong.length
}

export const open: Open = async (work, { host, port }) => {
  if (!isOnServer(work)) return new Unsupported("not a client")
  const operation = operationOf(commands, work)
  // Halves in turn, so that server and client work at the same time, as they do for clients.
  const halves = operation.workers === 1 ? 1 : 2
  const count = operation.workers / halves
  const batch = Buffer.concat(Array.from({ length: count }, (_, index) => operation.start(index, 0)))
  const expected = await replySize(port, host, batch)
  let onBytes = (_: number): void => {}
  // Always into the same memory: to make more for each read costs more than the bytes.
  const onread = {
    buffer: Buffer.allocUnsafeSlow(256 * 1024),
    callback: (bytes: number) => {
      onBytes(bytes)
      return true
    }
  }
  const socket = connect({ host, port, noDelay: true, onread })
  await once(socket, "connect")
  const run: Run = (iterations, latencies) =>
    new Promise<void>((resolve) => {
      let unsent = iterations
      let unanswered = iterations
      let bytes = 0
      const began: Array<number> = []
      const send = () => {
        if (unsent === 0) return
        began.push(latencies.start(--unsent))
        socket.write(batch)
      }
      onBytes = (more) => {
        for (bytes += more; bytes >= expected; bytes -= expected) {
          latencies.end(began.shift() ?? 0)
          send()
          if (--unanswered === 0) resolve()
        }
      }
      for (let half = 0; half < halves; half++) send()
    })
  return {
    measure: timed(run, { every: 1, operations: count * operation.commands }),
    close: () => socket.destroy()
  }
}
