import { inspect } from "node:util"
import { describe, expect, layer } from "@effect/vitest"
import { Command, Monitor, Pipeline, Redis } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Chunk, Effect, Fiber, Logger, LogLevel, Redacted, Stream } from "effect"
import { anotherClient, redisLayer } from "../support/redis.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

/** The server's line about its only monitor. */
const monitor = Command.make(["CLIENT", "LIST"]).pipe(
  Effect.map((list) =>
    String(list)
      .split("\n")
      .find((line) => / flags=\S*O/.test(line))
  )
)

/** What is logged at any level. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make((entry) => void lines.push(inspect(entry, { depth: 10 })))
    return effect.pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All),
      Effect.map((value) => ({ value, lines }))
    )
  })

describe.each([2, 3] as const)("MONITOR, RESP%i", (protocol) => {
  layer(redisLayer({ protocol, keepAlive: "20 millis" }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 78: nothing else goes over its connection, and commands and probes go on elsewhere", () =>
      Effect.gen(function* () {
        const entries = yield* Monitor.started
        const address = / addr=(\S+)/.exec((yield* monitor)!)![1]
        let probes = 0
        const seen = yield* entries.pipe(
          Stream.dropWhile(({ command }) => command[1] !== "beside it"),
          Stream.takeUntil(({ command }) => command[0]?.toLowerCase() === "ping" && ++probes === 10),
          Stream.runCollect,
          Effect.fork
        )
        expect(yield* Redis.echo("beside it")).toBe("beside it")
        expect(yield* Effect.flip(Command.make(["MONITOR"]))).toMatchObject({
          _tag: "CommandError",
          outcome: "NotSent"
        })
        const clients = Chunk.toReadonlyArray(yield* Fiber.join(seen)).map(({ client }) => client)
        expect(clients.length).toBeGreaterThan(1)
        expect(clients).not.toContain(address)
        expect(yield* monitor).toMatch(/ cmd=monitor /)
      })
    )

    it.scoped("scenario 79: shows no password, and neither values nor passwords are logged", () =>
      Effect.gen(function* () {
        const password = "secret-of-a-user"
        const value = "secret-in-a-value"
        yield* Command.make(["ACL", "SETUSER", "someone", "on", `>${password}`, "+@all", "~*", "&*"])
        const watching = Effect.gen(function* () {
          const entries = yield* Monitor.started
          const credentials = { username: "someone", password: Redacted.make(password) }
          const other = yield* anotherClient({ protocol, credentials })
          yield* other.execute(Redis.set("k", value))
          return yield* entries.pipe(
            Stream.takeUntil(({ command }) => command[2] === value),
            Stream.runCollect
          )
        })
        const { lines, value: entries } = yield* logged(watching)
        const words = Chunk.toReadonlyArray(entries).map(({ command }) => command)
        expect(words.some((command) => command.includes("(redacted)"))).toBe(true)
        expect(words.at(-1)).toContain(value)
        expect(inspect(words, { depth: 10 })).not.toContain(password)
        expect(lines.filter((line) => line.includes(password) || line.includes(value))).toEqual([])
      })
    )

    it.scoped("scenario 79: cut off by the server for reading slowly, it ends behind whole lines", () =>
      Effect.gen(function* () {
        yield* Command.make(["CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0 replica 1mb 0 0"])
        const entries = yield* Monitor.started
        // So many are kept here, whatever their size; the server has to keep the others.
        const kept = 1_024
        const rest = "x".repeat(64 * 1024)
        const dataOf = (i: number) => (i < kept ? `${i}` : `${i}:${rest}`)
        let sent = kept
        yield* Pipeline.all(Array.from({ length: kept }, (_, i) => Redis.echo(dataOf(i))))
        const send = Effect.suspend(() => Redis.echo(dataOf(sent++)))
        yield* Effect.repeat(Effect.zipRight(send, monitor), { until: (line) => line === undefined, times: 2_000 })
        let next = 0
        const error = yield* entries.pipe(
          Stream.filter(({ command }) => command[0]?.toLowerCase() === "echo"),
          Stream.runForEach(({ command }) => Effect.sync(() => expect(command[1]).toBe(dataOf(next++)))),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Lost", command: "MONITOR" })
        expect(next).toBeGreaterThan(kept)
        expect(next).toBeLessThan(sent)
      })
    )
  })
})

layer(redisLayer(), { excludeTestServices: true })("lines of MONITOR", (it) => {
  it.scoped("scenario 79: an error about a damaged one does not show it, and neither does the log", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (!ScriptedPeer.greet(words, connection)) connection.write('+OK\r\n+1.5 [0 a] "set" "secret\r\n')
      })
      const watching = NodeRedis.make({ port: peer.port }).pipe(
        Effect.flatMap((client) => Stream.runDrain(Monitor.stream).pipe(Effect.provideService(Redis.Redis, client))),
        Effect.flip
      )
      const { lines, value: error } = yield* logged(watching)
      expect(error).toMatchObject({ _tag: "DecodeError", reason: "not a line of MONITOR" })
      expect([inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), ...lines].join()).not.toContain(
        "secret"
      )
    })
  )
})
