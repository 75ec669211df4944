import { expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Option, Schedule, Stream } from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

/** The numbers below it. */
const below = (count: number) => Array.from({ length: count }, (_, i) => i)

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe("sockets that share what they read into", () => {
  it.scopedLive("mix nothing up, whatever comes on TCP and Unix sockets in one turn", () =>
    Effect.gen(function* () {
      const { port, unixSocket } = yield* NodeRedisServer.make()
      const clients = yield* Effect.forEach(below(8), (n) =>
        NodeRedis.make(n % 2 === 0 ? { port } : { path: unixSocket })
      )
      const check = (client: Redis.RedisService, n: number) => (i: number) =>
        Effect.gen(function* () {
          const key = `${n}:${i}`
          const value = `${key}é`.repeat(300 * i + 1)
          yield* client.execute(Redis.set(key, value))
          const text = Redis.get(key)
          const [one, bytes, both] = yield* Effect.all(
            [client.execute(text), client.execute(Command.bytes(text)), client.execute(Redis.mget([key, key]))],
            { concurrency: 3 }
          )
          expect(Option.contains(one, value)).toBe(true)
          expect(Buffer.compare(Option.getOrThrow(bytes), bytesOf(value))).toBe(0)
          expect(both.map((each) => Option.contains(each, value))).toEqual([true, true])
        })
      yield* Effect.forEach(
        clients,
        (client, n) => Effect.forEach(below(25), check(client, n), { concurrency: 10, discard: true }),
        { concurrency: "unbounded", discard: true }
      )
    })
  )

  it.scopedLive("put together large texts and bytes that come in turns, piece by piece", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const proxy = yield* FaultProxy.make({ port })
      const direct = yield* NodeRedis.make({ port })
      const clients = yield* Effect.forEach(below(3), () => NodeRedis.make({ port: proxy.port }))
      proxy.toClient.rechunk = { seed: 3 }
      // Around the size from which texts are put together in memory that is used again.
      const texts = clients.map((_, n) => [4_094, 4_095, 30_000].map((size) => `${String(n).repeat(size)}é`))
      yield* Effect.forEach(texts.flat(), (text) => direct.execute(Redis.set(`${text[0]}:${text.length}`, text)))
      const check = (client: Redis.RedisService) => (text: string) =>
        Effect.gen(function* () {
          const get = Redis.get(`${text[0]}:${text.length}`)
          const [one, bytes] = yield* Effect.all([client.execute(get), client.execute(Command.bytes(get))], {
            concurrency: 2
          })
          expect(Option.contains(one, text)).toBe(true)
          expect(Buffer.compare(Option.getOrThrow(bytes), bytesOf(text))).toBe(0)
        })
      yield* Effect.forEach(
        clients,
        (client, n) => Effect.forEach(texts[n]!, check(client), { concurrency: "unbounded", discard: true }),
        { concurrency: "unbounded", discard: true }
      )
    })
  )

  // Longer texts and shorter ones are kept in different memory until they are whole.
  it.scopedLive.each(["reset", "broken", "end"].flatMap((how) => [100_000, 2_000].map((size) => [how, size] as const)))(
    "scenario 23: lose nothing of a text when another ends within its own by a %s, of %i bytes",
    ([how, size]) =>
      Effect.gen(function* () {
        const letters = ["a", "b"] as const
        const peers = yield* Effect.forEach(letters, (letter) =>
          ScriptedPeer.make((words, connection) => {
            if (ScriptedPeer.greet(words, connection)) return
            const half = letter.repeat(size / 2)
            if (words[1] === "half") connection.write(`$${size}\r\n${half}`)
            else if (words[1] === "rest") connection.write(`${half}\r\n+done\r\n`)
            else if (words[1] === "broken") connection.write(`${half}XX`)
            else if (words[1] === "reset") connection.reset()
            else connection.end()
          })
        )
        const [a, b] = yield* Effect.all(
          peers.map(({ port }) => NodeRedis.make({ port, reconnect: Schedule.spaced("10 millis") }))
        )
        const begin = (client: Redis.RedisService) =>
          Effect.tap(Effect.fork(client.execute(Redis.echo("half"))), Effect.sleep("20 millis"))
        const lost = yield* begin(a!)
        const other = yield* begin(b!)
        yield* Effect.fork(Effect.exit(a!.execute(Redis.echo(how))))
        expect(yield* Effect.flip(Fiber.join(lost))).toMatchObject({
          _tag: how === "broken" ? "ProtocolError" : "ConnectionError",
          outcome: "Unknown"
        })
        const again = yield* begin(a!)
        expect(yield* b!.execute(Redis.echo("rest"))).toBe("done")
        expect((yield* Fiber.join(other)) === "b".repeat(size)).toBe(true)
        expect(yield* a!.execute(Redis.echo("rest"))).toBe("done")
        expect((yield* Fiber.join(again)) === "a".repeat(size)).toBe(true)
      })
  )
})

it.scopedLive.each(["TCP", "Unix"])("a %s socket that is paused again and again loses nothing", (kind) =>
  Effect.gen(function* () {
    const { port, unixSocket } = yield* NodeRedisServer.make()
    const client = yield* NodeRedis.make(kind === "TCP" ? { port } : { path: unixSocket })
    // Twice what a monitor lets wait, taken more slowly than it comes.
    const count = 2_500
    const monitored = yield* client.monitor.pipe(
      Stream.filterMap((line) => Option.fromNullable(/"token:(\d+)"/.exec(line)?.[1])),
      Stream.tap((token) => (token.endsWith("50") ? Effect.sleep("1 millis") : Effect.void)),
      Stream.take(count),
      Stream.runCollect,
      Effect.fork
    )
    yield* Effect.sleep("50 millis")
    yield* client.pipeline(below(count).map((i) => Redis.echo(`token:${i}`)))
    expect([...(yield* Fiber.join(monitored))]).toEqual(below(count).map(String))
  })
)

it.scopedLive("what a server says before it ends its side still counts", () =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      connection.write(`+${words[1]}\r\n`)
      if (words[1] === "last") connection.end()
    })
    const client = yield* NodeRedis.make({ port: peer.port, reconnect: Schedule.spaced("10 millis") })
    const both = [Effect.either(client.execute(Redis.echo("last"))), Effect.either(client.execute(Redis.echo("late")))]
    const [last, late] = yield* Effect.all(both, { concurrency: 2 })
    expect(last).toMatchObject({ right: "last" })
    expect(late).toMatchObject({ left: { _tag: "ConnectionError", outcome: "Unknown" } })
    expect(yield* client.execute(Redis.echo("again"))).toBe("again")
  })
)
