/** Whom the client talks to, and what it lets through. */
import { readFileSync } from "node:fs"
import { createServer } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import {
  Command,
  ConnectionPool,
  Monitor,
  Pipeline,
  Redis,
  RedisError,
  RedisPubSub,
  Script,
  Transaction,
  type Transport
} from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Effect, Option, Redacted } from "effect"
import { makeCertificates } from "../support/certificates.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"
import { isBuiltWithTls } from "../support/tls.js"

const servedWithTls = (authClients: "yes" | "no" = "no") =>
  Effect.gen(function* () {
    const certificates = yield* makeCertificates
    const server = yield* NodeRedisServer.make({ tls: { ...certificates.server, ca: certificates.ca, authClients } })
    return {
      host: "127.0.0.1",
      plain: server.port,
      secure: server.tls!.port,
      ca: readFileSync(certificates.ca, "utf8")
    }
  })

describe.runIf(isBuiltWithTls)("where TLS is expected on one side alone", () => {
  it.scopedLive("scenario 96: an authority that was not named is refused, by option and by URL", () =>
    Effect.gen(function* () {
      const { host, secure } = yield* servedWithTls()
      for (const options of [{ host, port: secure, tls: true }, { url: `rediss://${host}:${secure}` }]) {
        const error = yield* Effect.flip(NodeRedis.make(options))
        expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Tls", outcome: "NotSent" })
        expect(error.message).toMatch(/certificate/)
      }
    })
  )

  it.scopedLive.each([2, 3] as const)(
    "scenario 96: a server that wants TLS ends plain RESP%i at once, and the error asks whether it does",
    (protocol) =>
      Effect.gen(function* () {
        const { host, secure } = yield* servedWithTls()
        const { millis, value } = yield* timed(Effect.flip(NodeRedis.make({ host, port: secure, protocol })))
        expect(value).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
        expect(value.message).toContain("does the server want TLS?")
        expect(millis).toBeLessThan(1_000)
      })
  )

  it.scopedLive(
    "scenario 96: a server without TLS is given up at the deadline, and the error asks whether it has any",
    () =>
      Effect.gen(function* () {
        const { ca, host, plain } = yield* servedWithTls()
        const options = { host, port: plain, tls: { ca }, connectTimeout: "200 millis" } as const
        const error = yield* Effect.flip(NodeRedis.make(options))
        expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Connect", outcome: "NotSent" })
        expect(error.message).toBe("Connect took longer than 200 ms (does the server speak TLS?), NotSent")
      })
  )

  it.scopedLive("scenario 96: a server without TLS that speaks at once is told from one that cannot be reached", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make(() => {}, {
        onConnect: (connection) => connection.write("-ERR max number of clients reached\r\n")
      })
      const { millis, value } = yield* timed(Effect.flip(NodeRedis.make({ port: peer.port, tls: true })))
      expect(value).toMatchObject({ _tag: "ConnectionError", reason: "Tls", outcome: "NotSent" })
      expect(millis).toBeLessThan(1_000)
    })
  )

  it.scopedLive("scenario 96: a client without the certificate that the server wants is refused", () =>
    Effect.gen(function* () {
      const { ca, host, secure } = yield* servedWithTls("yes")
      const error = yield* Effect.flip(NodeRedis.make({ host, port: secure, tls: { ca } }))
      expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "NotSent" })
      expect(error.message).toMatch(/certificate required/)
    })
  )
})

it.scopedLive("scenario 96: a server is told by which name it is called, and held to just that name or address", () =>
  Effect.gen(function* () {
    const { ca, nameOnly } = yield* makeCertificates
    const called: Array<unknown> = []
    const listener = createServer({ cert: readFileSync(nameOnly.cert), key: readFileSync(nameOnly.key) }, (socket) => {
      called.push(socket.servername)
      socket.on("error", () => {})
      socket.on("data", () => socket.end("-ERR that is all\r\n"))
    })
    listener.on("tlsClientError", () => {})
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void listener.listen(0, "localhost", () => resume(Effect.void))),
      () => Effect.sync(() => void listener.close())
    )
    const address = listener.address()
    if (address === null || typeof address === "string") return expect.fail("no port")
    const { address: host, port } = address
    const tls = { ca: readFileSync(ca, "utf8") }
    const refusedBy = (options: NodeRedis.Options) =>
      Effect.map(Effect.flip(NodeRedis.make({ port, protocol: 3, ...options })), (error) =>
        error._tag === "ConnectionError" ? error.reason : error._tag
      )
    expect(yield* refusedBy({ host: "localhost", tls })).toBe("Handshake")
    expect(called).toEqual(["localhost"])
    expect(yield* refusedBy({ host, tls })).toBe("Tls")
    expect(yield* refusedBy({ host, tls: { ...tls, servername: "localhost" } })).toBe("Handshake")
    expect(called.filter((name) => name !== false)).toEqual(["localhost", "localhost"])
  })
)

it.scopedLive("scenario 96: a TLS alert is taken for what it is", () =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((_, connection) => {
      connection.write(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70))
      connection.end()
    })
    const error = yield* Effect.flip(NodeRedis.make({ port: peer.port }))
    expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
    expect(error.message).toContain("does the server want TLS?")
  })
)

it.scopedLive("scenario 96: other ends of the handshake are not laid to TLS", () =>
  Effect.gen(function* () {
    const answers = ["-ERR max number of clients reached\r\n", "HTTP/1.1 400\r\n", "+OK\r\n"]
    for (const answer of answers) {
      const peer = yield* ScriptedPeer.make((_, connection) => {
        connection.write(answer)
        connection.end()
      })
      const error = yield* Effect.flip(NodeRedis.make({ port: peer.port, protocol: 3 }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
      expect(error.message).not.toContain("TLS")
    }
  })
)

/** The arrays of byte strings that a text is made of, and what is none from some place on. */
const readArrays = (text: string) => {
  const words: Array<ReadonlyArray<string>> = []
  let rest = text
  for (;;) {
    const array = /^\*([1-9]\d*)\r\n/.exec(rest)
    if (array === null) return { words, rest }
    let at = array[0].length
    const own: Array<string> = []
    while (own.length < Number(array[1])) {
      const header = /^\$(\d+)\r\n/.exec(rest.slice(at, at + 20))
      if (header === null) return { words, rest }
      const start = at + header[0].length
      const end = start + Number(header[1])
      if (rest.slice(end, end + 2) !== "\r\n") return { words, rest }
      own.push(rest.slice(start, end))
      at = end + 2
    }
    words.push(own)
    rest = rest.slice(at)
  }
}

describe("nothing that is given becomes a command", () => {
  it.scopedLive("scenario 100: every command goes out as an array of byte strings, those of the set-up too", () =>
    Effect.gen(function* () {
      // As lines, these words would end at their blanks, and there would be more commands.
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (!ScriptedPeer.greet(words, connection)) connection.write("+OK\r\n")
      })
      const client = yield* NodeRedis.make({
        port: peer.port,
        protocol: 2,
        database: 1,
        clientName: "api",
        credentials: { username: "u\r\nFLUSHALL", password: Redacted.make("p\r\nFLUSHALL\r\n") }
      })
      yield* client.execute(Redis.set("k\r\nFLUSHALL\r\n", "\r\n*1\r\n$8\r\nFLUSHALL\r\n"))
      yield* client.execute(Command.make(["SET k v\r\nFLUSHALL\r\n"]))
      expect(peer.received).toEqual([
        ["AUTH", "u\r\nFLUSHALL", "p\r\nFLUSHALL\r\n"],
        ["CLIENT", "SETNAME", "api"],
        ["SELECT", "1"],
        ["CLIENT", "SETINFO", "LIB-NAME", "effect-resp"],
        ["CLIENT", "SETINFO", "LIB-VER", expect.any(String)],
        ["SET", "k\r\nFLUSHALL\r\n", "\r\n*1\r\n$8\r\nFLUSHALL\r\n"],
        ["SET k v\r\nFLUSHALL\r\n"]
      ])
    })
  )

  it.scopedLive.each([2, 3] as const)(
    "scenario 100: so do those of transactions, watches, subscribers, monitors and heartbeats, RESP%i",
    (protocol) =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.make()
        const { address, connect } = makeConnector({ host: "127.0.0.1", port, path: undefined, tls: undefined })
        const written: Array<Array<string>> = []
        const recording: Transport.Connector = {
          address,
          connect: (handler) =>
            Effect.map(connect(handler), (transport) => {
              const own: Array<string> = []
              written.push(own)
              return {
                ...transport,
                write: (chunk) => {
                  own.push(Buffer.from(chunk).toString("latin1"))
                  return transport.write(chunk)
                }
              }
            })
        }
        const client = yield* ConnectionPool.make(recording, {
          protocol,
          keepAlive: "10 millis",
          database: 1,
          clientName: "api",
          credentials: { username: "default", password: Redacted.make("any") }
        })
        const on = Effect.provideService(Redis.Redis, client)
        yield* client.transaction([Redis.incr("n")])
        yield* on(Transaction.watch(["n"], Effect.succeed(Pipeline.all([Redis.incr("n")]))))
        yield* on(Transaction.watch(["n"], Effect.fail("no"))).pipe(Effect.flip)
        yield* client.execute(Redis.blpop("list", 0.01))
        yield* client.calling({ asking: true }).execute(Redis.incr("n"))
        yield* on(RedisPubSub.subscribed({ channels: "c", patterns: "p*", shardChannels: "s" }))
        yield* on(Monitor.started)
        const names = () =>
          written.map((own) => {
            const { rest, words } = readArrays(own.join(""))
            expect(rest).toBe("")
            return words.map(([name]) => name)
          })
        const pings = (all: ReadonlyArray<string | undefined>) => all.filter((name) => name === "PING").length
        // Fences and heartbeats.
        while (names().filter((all) => pings(all) > 3).length < 2) yield* Effect.sleep("5 millis")
        for (const name of ["SELECT", "MULTI", "EXEC", "WATCH", "UNWATCH", "BLPOP", "ASKING", "MONITOR"]) {
          expect(names().flat()).toContain(name)
        }
        for (const name of ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]) expect(names().flat()).toContain(name)
      })
  )

  it.scopedLive.each(["two words", "a\nb", "a\r\nFLUSHALL", "ä", "\u0000", ""])(
    "scenario 100: a connection is not named %j",
    (clientName) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(NodeRedis.make({ port: 1, clientName }))
        expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
        expect(error.message).toBe("clientName must be printable ASCII without spaces")
      })
  )

  it.scopedLive("scenario 100: what a script is given stays a value", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const client = yield* NodeRedis.make({ port })
      const store = Script.make({ keys: ["key"], args: ["value"], lua: "return redis.call('SET', KEYS[1], ARGV[1])" })
      const value = `' .. redis.call('FLUSHALL') .. '`
      yield* client.execute(Redis.set("kept", 1))
      yield* client.execute(store({ key: "'] redis.call('FLUSHALL') --", value }))
      expect(yield* client.execute(Redis.get("'] redis.call('FLUSHALL') --"))).toEqual(Option.some(value))
      expect(yield* client.execute(Redis.exists("kept"))).toBe(1)
    })
  )

  it.scopedLive.each([2, 3] as const)(
    "scenario 100: a token beyond what a server reads before it knows the client is told in its words, RESP%i",
    (protocol) =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.make({ password: Redacted.make("right") })
        const password = Redacted.make("token".repeat(4_000))
        const error = yield* Effect.flip(NodeRedis.make({ port, protocol, credentials: { password } }))
        expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
        expect(error.message).toContain("unauthenticated bulk length")
        expect(error.message).not.toContain("tokentoken")
        expect(RedisError.isSafeToRetry(error)).toBe(false)
      })
  )
})
