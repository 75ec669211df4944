import { readFileSync } from "node:fs"
import * as net from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import * as tls from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { NodeRedisServer } from "@effect-resp/node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Certificate, makeCertificates } from "./certificates.js"
import * as FaultProxy from "./FaultProxy.js"
import { recordCommands } from "./monitor.js"
import { RequestReader } from "./requests.js"
import * as ScriptedPeer from "./ScriptedPeer.js"

/** A client that keeps what it hears. */
class Client {
  heard = ""
  readonly chunks: Array<number> = []
  /** How the connection ended: `open`, `end` or an error's code. */
  ending = "open"
  constructor(readonly socket: net.Socket) {
    socket.on("data", (chunk: Buffer) => {
      this.heard += chunk.toString()
      this.chunks.push(chunk.length)
    })
    socket.on("end", () => {
      if (this.ending === "open") this.ending = "end"
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.ending = String(error.code)
    })
  }
  say(text: string): void {
    this.socket.write(text)
  }
  until(condition: () => boolean): Effect.Effect<void> {
    return Effect.promise(async () => {
      for (let waited = 0; !condition(); waited += 5) {
        if (waited > 5000) throw new Error(`still waiting; heard ${JSON.stringify(this.heard)}, ${this.ending}`)
        await sleep(5)
      }
    })
  }
  hears(text: string): Effect.Effect<void> {
    return this.until(() => this.heard === text)
  }
  ends(how: string): Effect.Effect<void> {
    return this.until(() => this.ending === how)
  }
}

const connect = (port: number): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(net.connect({ port, host: "127.0.0.1", noDelay: true }))),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const rest = (milliseconds: number) => Effect.promise(() => sleep(milliseconds))

const setUp = Effect.gen(function* () {
  const server = yield* NodeRedisServer.make()
  const proxy = yield* FaultProxy.make(server)
  const client = yield* connect(proxy.port)
  const direct = yield* connect(server.port)
  return { server, proxy, client, direct }
})

describe("FaultProxy", () => {
  it.scopedLive("passes and counts", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setUp
      client.say("PING\r\n")
      yield* client.hears("+PONG\r\n")
      expect(proxy.connections).toBe(1)
      expect(proxy.live).toHaveLength(1)
      expect([proxy.toServer.bytes, proxy.toClient.bytes]).toEqual([6, 7])
      client.say("QUIT\r\n")
      yield* client.ends("end")
      yield* client.until(() => proxy.live.length === 0)
    })
  )

  it.scopedLive("passes much, to a slow reader", () =>
    Effect.gen(function* () {
      const { client } = yield* setUp
      const value = "x".repeat(5_000_000)
      client.say(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\nGET k\r\n`)
      client.socket.pause()
      yield* rest(50)
      client.socket.resume()
      yield* client.hears(`+OK\r\n$${value.length}\r\n${value}\r\n`)
    })
  )

  it.scopedLive("pauses, delays and drops", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setUp
      proxy.toClient.pause()
      client.say("PING a\r\n")
      yield* rest(30)
      expect(client.heard).toBe("")
      proxy.toClient.resume()
      yield* client.hears("$1\r\na\r\n")

      proxy.toServer.delay = 50
      const start = performance.now()
      client.say("PING b\r\n")
      yield* client.hears("$1\r\na\r\n$1\r\nb\r\n")
      expect(performance.now() - start).toBeGreaterThan(45)
      proxy.toServer.delay = 0

      proxy.toServer.drop = true
      client.say("PING c\r\n")
      yield* rest(20)
      proxy.toServer.drop = false
      client.say("PING d\r\n")
      yield* client.hears("$1\r\na\r\n$1\r\nb\r\n$1\r\nd\r\n")
    })
  )

  it.scopedLive("cuts into other chunks", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setUp
      proxy.toClient.rechunk = "byte"
      client.say("PING hello\r\n")
      yield* client.hears("$5\r\nhello\r\n")
      expect(client.chunks.length).toBeGreaterThan(3)
      proxy.toClient.rechunk = { seed: 7 }
      proxy.toServer.rechunk = { seed: 8 }
      const long = "y".repeat(500)
      client.say(`PING ${long}\r\n`)
      yield* client.hears(`$5\r\nhello\r\n$500\r\n${long}\r\n`)
    })
  )

  it.scopedLive("cuts after so many bytes", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setUp
      proxy.toClient.cutAfter(9)
      client.say("PING\r\n")
      yield* client.hears("+PONG\r\n")
      client.say("PING\r\n")
      yield* client.ends("end")
      expect(client.heard).toBe("+PONG\r\n+P")
    })
  )

  it.scopedLive("resets, ends and refuses", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setUp
      client.say("PING\r\n")
      yield* client.hears("+PONG\r\n")
      proxy.reset()
      yield* client.ends("ECONNRESET")

      const second = yield* connect(proxy.port)
      second.say("PING\r\n")
      yield* second.hears("+PONG\r\n")
      proxy.end()
      yield* second.ends("end")
      yield* second.until(() => proxy.live.length === 0)

      proxy.refuse(true)
      yield* (yield* connect(proxy.port)).ends("ECONNRESET")
      expect([proxy.connections, proxy.refused]).toEqual([2, 1])
      proxy.refuse(false)
      const last = yield* connect(proxy.port)
      last.say("PING\r\n")
      yield* last.hears("+PONG\r\n")
    })
  )

  it.scopedLive("acts right after a request has passed, and before the next does", () =>
    Effect.gen(function* () {
      const { client, direct, proxy } = yield* setUp
      proxy.afterRequest("INCR n", () => proxy.reset())
      client.say("SET a 1\r\nINCR n\r\nINCR n\r\nINCR n\r\n")
      yield* client.ends("ECONNRESET")
      yield* rest(20)
      direct.say("GET a\r\nGET n\r\n")
      yield* direct.hears("$1\r\n1\r\n$1\r\n1\r\n")
    })
  )

  it.scopedLive("stops reading, so that the sender feels it", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setUp
      proxy.toServer.stopReading()
      client.say("x".repeat(20_000_000))
      yield* rest(50)
      expect(client.socket.writableLength).toBeGreaterThan(0)
      expect(proxy.toServer.bytes).toBeLessThan(1_000_000)
    })
  )
})

describe("ScriptedPeer", () => {
  it.scopedLive("answers what it is told to", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection)) return
        if (words[0] === "BYE") connection.end()
        else if (words[0] === "RST") connection.reset()
        else connection.write(`+${words.length}\r\n`)
      })
      const client = yield* connect(peer.port)
      client.say("*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*2\r\n$4\r\nECHO\r\n$4\r\n\r\né\r\n*1\r")
      yield* client.hears("+OK\r\n+2\r\n")
      client.say("\n$3\r\nBYE\r\n")
      yield* client.ends("end")
      expect(peer.received).toEqual([["SELECT", "1"], ["ECHO", "\r\né"], ["BYE"]])

      const second = yield* connect(peer.port)
      second.say("HELLO 3\r\n")
      yield* second.until(() => second.heard.startsWith("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"))
      second.say("RST\r\n")
      yield* second.ends("ECONNRESET")
      expect(peer.connections.map(({ id }) => id)).toEqual([1, 2])
    })
  )

  it.scopedLive("can be an old server, and can speak first", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make(
        (words, connection) => {
          ScriptedPeer.greet(words, connection, { hello: false })
        },
        { onConnect: (connection) => connection.write("-ERR max number of clients reached\r\n") }
      )
      const client = yield* connect(peer.port)
      client.say("HELLO 3\r\n")
      yield* client.hears("-ERR max number of clients reached\r\n-ERR unknown command 'HELLO'\r\n")
    })
  )

  it("reads requests however they are cut", () => {
    const text = "*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\nPING  \r\n*1\r\n$4\r\nPING\r\n"
    for (let size = 1; size <= text.length; size++) {
      const reader = new RequestReader()
      const ends: Array<number> = []
      const words: Array<ReadonlyArray<string>> = []
      for (let start = 0; start < text.length; start += size) {
        for (const request of reader.read(Buffer.from(text.slice(start, start + size)))) {
          words.push(request.words)
          ends.push(start + request.end)
        }
      }
      expect(words).toEqual([["GET", "\r\n"], ["PING"], ["PING"]])
      expect(ends).toEqual([21, 29, 43])
    }
  })
})

it.scopedLive("recordCommands tells what the server did", () =>
  Effect.gen(function* () {
    const { server, client } = yield* setUp
    const record = yield* recordCommands(server.port)
    client.say('SET k "a\\r\\nb"\r\n')
    yield* client.hears("+OK\r\n")
    yield* record.settle
    expect(record.words()).toEqual(['"SET" "k" "a\\r\\nb"'])
    expect(record.commands()[0]).toMatch(/^\d+\.\d+ \[0 127\.0\.0\.1:\d+\] "SET"/)
    record.clear()
    yield* record.settle
    expect(record.commands()).toEqual([])
  })
)

it.scopedLive("makeCertificates makes good and bad ones", () =>
  Effect.gen(function* () {
    const certificates = yield* makeCertificates
    const handshake = ({ cert, key }: Certificate, ca = certificates.ca) =>
      Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            const listener = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) =>
              socket.end()
            )
            listener.on("tlsClientError", () => {})
            listener.listen(0, "127.0.0.1", () => {
              const { port } = listener.address() as net.AddressInfo
              const socket = tls.connect({ port, host: "localhost", ca: readFileSync(ca) })
              const finish = (result: string) => {
                socket.destroy()
                listener.close(() => resolve(result))
              }
              socket.on("secureConnect", () => finish("good"))
              socket.on("error", (error: NodeJS.ErrnoException) => finish(String(error.code)))
            })
          })
      )
    expect(yield* handshake(certificates.server)).toBe("good")
    expect(yield* handshake(certificates.wrongName)).toBe("ERR_TLS_CERT_ALTNAME_INVALID")
    expect(yield* handshake(certificates.expired)).toBe("CERT_HAS_EXPIRED")
    expect(yield* handshake(certificates.unknown)).toMatch(/UNABLE_TO/)
    expect(yield* handshake(certificates.unknown, certificates.unknownCa)).toBe("good")
  })
)
