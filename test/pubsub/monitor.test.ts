import { connect } from "node:net"
import { describe, expect, layer, it as plainIt } from "@effect/vitest"
import { Command, ConnectionPool, Monitor, Pipeline, Redis, type Transport } from "@effect-resp/core"
import { parseMonitorLine } from "@effect-resp/core/internal/monitorLine"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Chunk, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import * as fc from "effect/FastCheck"
import { anotherClient, redisLayer } from "../support/redis.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { eventually, settled } from "./eventually.js"

const monitors = Command.make(["CLIENT", "LIST"]).pipe(
  Effect.map(
    (list) =>
      String(list)
        .split("\n")
        .filter((line) => / flags=\S*O/.test(line)).length
  )
)

/** What the server keeps of them, for the sockets do not take it. */
const held = Command.make(["CLIENT", "LIST"]).pipe(
  Effect.map((list) => Number(/ flags=\S*O.* omem=(\d+)/.exec(String(list))?.[1]))
)

/** Valkey 8.1 before 8.1.2 writes quotes and backslashes as they are, so that not every argument can be told. */
const isExact = Effect.map(
  NodeRedisServer.NodeRedisServer,
  ({ kind, version }) => !(kind === "valkey" && /^8\.1\.[01]$/.test(version))
)

const inexact = "this server does not escape what MONITOR shows"

/** Keeps the entries of commands with this name. */
const only =
  (name: string) =>
  <E, R>(entries: Stream.Stream<Monitor.MonitorEntry, E, R>) =>
    Stream.filter(entries, ({ command }) => command[0]?.toLowerCase() === name)

describe.each([2, 3] as const)("MONITOR, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 78: shows every command, parsed", () =>
      Effect.gen(function* () {
        const entries = yield* Monitor.started
        yield* Redis.set("key", 'quo"te\\')
        yield* Redis.get("key")
        const [set, get] = Chunk.toReadonlyArray(yield* entries.pipe(Stream.take(2), Stream.runCollect))
        expect(set!.command.map((word, i) => (i === 0 ? word.toUpperCase() : word))).toEqual(["SET", "key", 'quo"te\\'])
        expect(set!.database).toBe(0)
        expect(set!.source).toBe("tcp")
        expect(set!.client).toMatch(/^127\.0\.0\.1:\d+$/)
        expect(Math.abs(set!.time - Date.now() / 1000)).toBeLessThan(60)
        expect(get!.time).toBeGreaterThanOrEqual(set!.time)
        expect(get!.args[1]).toEqual(new TextEncoder().encode("key"))
      })
    )

    it.scoped("ends with the client, and does not begin on one that has ended", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const client = yield* anotherClient({ protocol }).pipe(Scope.extend(scope))
        const on = Effect.provideService(Redis.Redis, client)
        const entries = yield* Monitor.started.pipe(on)
        const fiber = yield* Effect.fork(Stream.runDrain(entries))
        yield* Scope.close(scope, Exit.void)
        expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
        const again = yield* Effect.flip(Monitor.started.pipe(on))
        expect(again).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "NotSent" })
      })
    )

    it.scoped("scenario 77: gives exact bytes: property", (context) =>
      Effect.gen(function* () {
        if (!(yield* isExact)) return context.skip(inexact)
        const entries = yield* Monitor.started.pipe(Effect.map(only("echo")))
        const nasty = fc.constantFrom(0x5c, 0x22, 0x5b, 0x5d, 0x20, 0x0a, 0x0d, 0x78, 0x00, 0xff, 0x6e)
        const value = fc.array(fc.oneof(nasty, fc.integer({ min: 0, max: 255 })), { maxLength: 60 })
        const values = fc.sample(value, 500).map((list) => Uint8Array.from(list))
        const fixed = ["", "\\", '"', '\\"', '"\\', "\\\\", '] "', "\\x41", "é\u{1f600}"].map((text) =>
          new TextEncoder().encode(text)
        )
        const all = [...values, ...fixed, Uint8Array.from({ length: 256 }, (_, i) => i)]
        yield* Pipeline.all(all.map((bytes) => Command.make(["ECHO", bytes])))
        const seen = yield* entries.pipe(Stream.take(all.length), Stream.runCollect)
        expect(Chunk.toReadonlyArray(seen).map(({ args }) => args[1])).toEqual(all)
        const texts = all.map((bytes) => Buffer.from(bytes).toString())
        expect(Chunk.toReadonlyArray(seen).map(({ command }) => command[1])).toEqual(texts)
      })
    )

    it.scoped("shows arguments far longer than 64 KiB", (context) =>
      Effect.gen(function* () {
        if (!(yield* isExact)) return context.skip(inexact)
        const entries = yield* Monitor.started.pipe(Effect.map(only("set")))
        const big = new Uint8Array(1_000_000).map((_, i) => i)
        yield* Redis.set("big", big)
        const head = yield* Stream.runHead(entries)
        expect(Buffer.compare(Option.getOrThrow(head).args[2]!, big)).toBe(0)
      })
    )

    it.scoped("scenario 77: tells scripts and Unix sockets apart", () =>
      Effect.gen(function* () {
        const server = yield* NodeRedisServer.NodeRedisServer
        const unix = yield* NodeRedis.make({ protocol, path: server.unixSocket, database: 3 })
        const entries = yield* Monitor.started.pipe(Effect.map(only("get")))
        yield* Command.make(["EVAL", "return redis.call('GET', KEYS[1])", "1", "from lua"])
        yield* Redis.get("from unix").pipe(Effect.provideService(Redis.Redis, unix))
        const [lua, socket] = Chunk.toReadonlyArray(yield* entries.pipe(Stream.take(2), Stream.runCollect))
        expect(lua).toMatchObject({ source: "lua", client: "lua", database: 0, command: ["GET", "from lua"] })
        expect(socket).toMatchObject({ source: "unix", database: 3 })
        expect(socket!.client.startsWith("unix:/")).toBe(true)
      })
    )

    it.scoped("scenario 78, 79: has a connection of its own, closed with the stream", () =>
      Effect.gen(function* () {
        yield* eventually(monitors, (count) => count === 0)
        const fiber = yield* Monitor.stream.pipe(Stream.runDrain, Effect.fork)
        yield* eventually(monitors, (count) => count === 1)
        yield* Fiber.interrupt(fiber)
        yield* eventually(monitors, (count) => count === 0)
      })
    )

    it.scoped("fails with its connection, and when it is refused", () =>
      Effect.gen(function* () {
        const entries = yield* Monitor.started
        const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(entries)))
        const list = String(yield* Command.make(["CLIENT", "LIST"]))
        const id = /^id=(\d+).* flags=\S*O/m.exec(list)![1]!
        yield* Command.make(["CLIENT", "KILL", "ID", id])
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "ConnectionError", reason: "Lost", command: "MONITOR" })
        yield* Command.make(["ACL", "SETUSER", "default", "-monitor"])
        expect(yield* Effect.flip(Monitor.started)).toMatchObject({ _tag: "ReplyError", code: "NOPERM" })
        expect(yield* Effect.flip(Stream.runDrain(Monitor.stream))).toMatchObject({ code: "NOPERM" })
        yield* Command.make(["ACL", "SETUSER", "default", "+monitor"])
      })
    )

    it.scoped("scenario 79: a slow consumer is bounded in few large lines, too", () =>
      Effect.gen(function* () {
        // A Unix socket itself takes little.
        const { unixSocket } = yield* NodeRedisServer.NodeRedisServer
        const watching = yield* NodeRedis.make({ protocol, path: unixSocket })
        const entries = yield* Monitor.started.pipe(
          Effect.provideService(Redis.Redis, watching),
          Effect.map(only("echo"))
        )
        const rest = "x".repeat(2 ** 20)
        for (let i = 0; i < 18; i++) yield* Redis.echo(`${i}:${rest}`)
        expect(yield* settled(held)).toBeGreaterThan(1_000_000)
        const got = yield* entries.pipe(
          Stream.take(18),
          Stream.map(({ command }) => Number.parseInt(command[1]!, 10)),
          Stream.runCollect
        )
        expect(Chunk.toReadonlyArray(got)).toEqual(Array.from({ length: 18 }, (_, i) => i))
      })
    )

    it.scoped("scenario 79: a slow consumer is bounded, and loses nothing", () =>
      Effect.gen(function* () {
        const other = yield* anotherClient({ protocol })
        const entries = yield* Monitor.started.pipe(Effect.map(only("echo")))
        const payload = "x".repeat(1_000)
        yield* Effect.gen(function* () {
          for (let round = 0; round < 20; round++) {
            yield* Pipeline.all(Array.from({ length: 1_000 }, (_, i) => Redis.echo(`${round * 1_000 + i}:${payload}`)))
          }
        }).pipe(Effect.provideService(Redis.Redis, other))
        expect(yield* held).toBeGreaterThan(5_000_000)
        const got = yield* entries.pipe(Stream.take(20_000), Stream.runCollect)
        const numbers = Chunk.toReadonlyArray(got).map(({ command }) => Number.parseInt(command[1]!, 10))
        expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, i) => i))
      })
    )
  })
})

layer(NodeRedisServer.layer({ args: ["--bind", "127.0.0.1 ::1"] }), { excludeTestServices: true })((it) => {
  it.scoped("scenario 77: shows peers by IPv6", (context) =>
    Effect.gen(function* () {
      const server = yield* NodeRedisServer.NodeRedisServer
      const reachable = yield* Effect.async<boolean>((resume) => {
        const socket = connect(server.port, "::1")
        socket.once("connect", () => socket.destroy())
        socket.once("error", () => {})
        socket.once("close", (failed) => resume(Effect.succeed(!failed)))
        return Effect.sync(() => socket.destroy())
      })
      if (!reachable) return context.skip("this machine has no IPv6")
      const redis = yield* NodeRedis.make({ host: "::1", port: server.port })
      yield* Effect.gen(function* () {
        const entries = yield* Monitor.started
        yield* Redis.ping()
        expect(Option.getOrThrow(yield* Stream.runHead(entries)).client).toMatch(/^\[::1\]:\d+$/)
      }).pipe(Effect.provideService(Redis.Redis, redis))
    })
  )
})

describe("lines of MONITOR", () => {
  const time = 1_339_518_083.107_412
  const start = "1339518083.107412 [0 127.0.0.1:1] "
  plainIt("have parts", () => {
    const entry = parseMonitorLine('1339518083.107412 [0 127.0.0.1:60866] "keys" "*"')
    expect({ ...entry, args: entry?.args }).toEqual({
      time,
      database: 0,
      client: "127.0.0.1:60866",
      source: "tcp",
      args: [new TextEncoder().encode("keys"), new TextEncoder().encode("*")],
      command: ["keys", "*"]
    })
    expect(parseMonitorLine('1339518083.107412 [15 [::1]:60866] "x"')).toMatchObject({
      database: 15,
      client: "[::1]:60866",
      source: "tcp"
    })
    expect(parseMonitorLine('1339518083.107412 [2 unix:/tmp/a b.sock] "x"')).toMatchObject({
      client: "unix:/tmp/a b.sock",
      source: "unix"
    })
    expect(parseMonitorLine('1339518083.107412 [0 lua] "x" ""')).toMatchObject({ source: "lua", command: ["x", ""] })
  })

  plainIt("are refused when they are damaged", () => {
    for (const line of [
      "",
      "OK",
      start,
      `${start}x`,
      `${start}"`,
      `${start}"x`,
      `${start}"x\\`,
      `${start}"x"y`,
      `${start}"x" `,
      `${start}"\u20ac"`,
      'NaN [0 127.0.0.1:1] "x"',
      '1.5 [a 127.0.0.1:1] "x"',
      ' [0 127.0.0.1:1] "x"'
    ]) {
      expect(parseMonitorLine(line)).toBeUndefined()
    }
  })

  const monitored = (...written: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (!ScriptedPeer.greet(words, connection)) connection.write(written.join(""))
      })
      const seen: Array<string> = []
      const error = yield* Monitor.stream.pipe(
        Stream.runForEach(({ command }) => Effect.sync(() => seen.push(command.join(" ")))),
        Effect.provideServiceEffect(Redis.Redis, NodeRedis.make({ host: "127.0.0.1", port: peer.port })),
        Effect.flip
      )
      return { seen, error }
    }).pipe(Effect.scoped)

  plainIt.live("scenario 79: come until one is damaged", () =>
    Effect.gen(function* () {
      const { error, seen } = yield* monitored(
        "+OK\r\n",
        `+${start}"a"\r\n+${start}"b"\r\n+damaged\r\n+${start}"c"\r\n`
      )
      expect(error).toMatchObject({ _tag: "DecodeError", reason: "not a line of MONITOR" })
      expect(seen).toEqual(["a", "b"])
    })
  )

  plainIt.live("come only behind the server's OK", () =>
    Effect.gen(function* () {
      const { error, seen } = yield* monitored(`+${start}"a"\r\n+${start}"b"\r\n`)
      expect(error).toMatchObject({ _tag: "DecodeError", reason: "expected OK" })
      expect(seen).toEqual([])
    })
  )

  plainIt("scenario 77: are read as well as can be where the server does not escape", () => {
    for (const value of ['quo"te', "back\\slash", "end\\", '"', "\\q", "\\x4", "\\xzz", 'a"b "c', '\\q"q" q']) {
      const entry = parseMonitorLine(`${start}"set" "k" "${value}"`)
      expect(entry?.command).toEqual(["set", "k", value])
      expect(entry?.args.map((arg) => Buffer.from(arg).toString())).toEqual(["set", "k", value])
    }
  })

  plainIt("scenario 77: are read in time that grows with their length alone", () => {
    const hostile = `1.5 [0 a] "${"\\\\".repeat(2_000_000)}`
    const begin = performance.now()
    expect(parseMonitorLine(hostile)).toBeUndefined()
    expect(parseMonitorLine(`${'1.5 [0 a] "x'.repeat(200_000)}`)).toBeUndefined()
    const quotes = '"'.repeat(1_000_000)
    expect(parseMonitorLine(`1.5 [0 a] "\\q${quotes}"`)?.command).toEqual([`\\q${quotes}`])
    expect(performance.now() - begin).toBeLessThan(2_000)
  })

  plainIt.scopedLive(
    "scenario 77: that come in thousands of pieces are put together in time that grows with their length",
    () =>
      Effect.gen(function* () {
        const value = "x".repeat(2 ** 20)
        const peer = yield* ScriptedPeer.make((words, connection) => {
          if (!ScriptedPeer.greet(words, connection)) connection.write(`+OK\r\n+${start}"set" "k" "${value}"\r\n`)
        })
        const sockets = makeConnector({ host: "127.0.0.1", port: peer.port, path: undefined, tls: undefined })
        const inPieces: Transport.Connector = {
          address: sockets.address,
          connect: (handler) =>
            sockets.connect({
              onDrain: () => handler.onDrain(),
              onClose: (detail) => handler.onClose(detail),
              onData: (chunk) => {
                for (let at = 0; at < chunk.length; at += 32) handler.onData(chunk.subarray(at, at + 32))
              }
            })
        }
        const client = yield* ConnectionPool.make(inPieces)
        const begin = performance.now()
        const head = yield* Effect.provideService(Stream.runHead(Monitor.stream), Redis.Redis, client)
        expect(performance.now() - begin).toBeLessThan(1_000)
        expect(Option.getOrThrow(head).command).toEqual(["set", "k", value])
      })
  )
})
