import { expect, it, layer } from "@effect/vitest"
import { Command, ConnectionPool, Redis, type Transport } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import {
  Cause,
  Effect,
  Either,
  Exit,
  Fiber,
  FiberId,
  ManagedRuntime,
  Option,
  Schedule,
  Scheduler,
  Scope,
  TestClock,
  TestContext
} from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import { recordCommands } from "../support/monitor.js"
import { anotherClient, redisLayer } from "../support/redis.js"
import { RequestReader } from "../support/requests.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

/** The numbers below it. */
const below = (count: number) => Array.from({ length: count }, (_, i) => i)

const turn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))

/** SET in one of the three ways in which commands go out. */
const setByWay = (client: Redis.RedisService, key: string, way: number): Effect.Effect<unknown, unknown> => {
  const command = Redis.set(key, way)
  return [client.execute(command), client.pipeline([command, command]), client.transaction([command, command])][
    way % 3
  ]!
}

layer(redisLayer(), { excludeTestServices: true })("fibers that are interrupted", (it) => {
  const behindProxy = (options: NodeRedis.Options = {}) =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const proxy = yield* FaultProxy.make({ port })
      return { port, proxy, client: yield* anotherClient({ port: proxy.port, ...options }) }
    })

  it.effect(
    "scenario 45: go at once while there is no connection, by thousands, and nothing of them is written later",
    () =>
      Effect.gen(function* () {
        const { client, port, proxy } = yield* behindProxy({
          reconnect: Schedule.spaced("20 millis"),
          maxWaiting: 10_100
        })
        const recorder = yield* recordCommands(port)
        proxy.refuse(true)
        proxy.reset()
        yield* turn
        const gone = yield* Effect.forEach(below(10_000), (i) => Effect.fork(setByWay(client, `gone:${i}`, i)))
        const staying = yield* Effect.forEach(below(100), (i) => Effect.fork(client.execute(Redis.rpush("list", [i]))))
        yield* turn
        yield* Fiber.interruptAll(gone)
        expect(gone.every((fiber) => Exit.isInterrupted(fiber.unsafePoll() ?? Exit.void))).toBe(true)
        proxy.refuse(false)
        expect(yield* Fiber.join(Fiber.all(staying))).toEqual(below(100).map((i) => i + 1))
        expect(yield* client.execute(Redis.lrange("list", 0, -1))).toEqual(below(100).map(String))
        yield* recorder.settle
        expect(recorder.words().join("\n")).not.toContain("gone")
      }).pipe(Effect.scoped)
  )

  it.effect("scenario 46: leave each of the others its own replies, in whatever way theirs were written", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy()
      proxy.toClient.pause()
      const ways = (i: number) => [
        client.execute(Redis.echo(`${i}`)),
        client.pipeline([Redis.echo(`${i}`), Command.bytes(Redis.echo(`${i}`))]),
        client.transaction([Command.bytes(Redis.echo(`${i}`)), Redis.echo(`${i}`)])
      ]
      const bytes = (i: number) => new TextEncoder().encode(`${i}`)
      const fibers = yield* Effect.forEach(below(60), (i) =>
        Effect.fork(ways(i)[i % 3] as Effect.Effect<unknown, unknown>)
      )
      yield* turn
      // Three in a row go, three stay.
      for (const i of below(60)) if (i % 6 < 3) yield* Fiber.interrupt(fibers[i]!)
      proxy.toClient.resume()
      for (const i of below(60)) {
        if (i % 6 < 3) continue
        const expected = [
          `${i}`,
          [Either.right(`${i}`), Either.right(bytes(i))],
          [Either.right(bytes(i)), Either.right(`${i}`)]
        ]
        expect(yield* Fiber.join(fibers[i]!)).toEqual(expected[i % 3])
      }
      expect(proxy.connections).toBe(1)
    }).pipe(Effect.scoped)
  )

  it.effect("where they cannot be are written, wait for their reply and have it", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ reconnect: Schedule.spaced("20 millis") })
      proxy.refuse(true)
      proxy.reset()
      yield* turn
      let reply: unknown
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(
          Effect.map(client.execute(Redis.echo("kept")), (echo) => {
            reply = echo
          })
        )
      )
      yield* turn
      fiber.unsafeInterruptAsFork(FiberId.none)
      yield* turn
      proxy.refuse(false)
      yield* Fiber.await(fiber)
      expect(reply).toBe("kept")
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 50: no longer count against newcomers a moment later, however many they were", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ maxWaiting: 10_000, maxInFlight: 1, closeTimeout: 0 })
      proxy.toClient.pause()
      const first = yield* Effect.fork(client.execute(Redis.ping()))
      yield* turn
      const gone = yield* Effect.forEach(below(10_000), () => Effect.fork(client.execute(Redis.ping())))
      // Some ticks of the queue's clock.
      yield* Effect.sleep("100 millis")
      yield* Fiber.interruptAll(gone)
      const second = yield* client
        .execute(Redis.echo("second"))
        .pipe(Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo("1 second"))), Effect.fork)
      yield* Effect.sleep("1200 millis")
      proxy.toClient.resume()
      expect(yield* Fiber.join(first)).toBe("PONG")
      expect(yield* Fiber.join(second)).toBe("second")
    }).pipe(Effect.scoped)
  )
})

layer(redisLayer(), { excludeTestServices: true })("an effect of commands", (it) => {
  it.effect("may run many times, one after the other and at once", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const append = Redis.append("k", new Uint8Array(300).fill(200))
      const effects: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        redis.execute(append),
        redis.pipeline([append, Redis.incr("n")]),
        redis.transaction([append, Redis.incr("n")])
      ]
      for (const effect of effects) {
        yield* Effect.all([effect, effect, effect], { concurrency: 3 })
        yield* effect
      }
      expect(yield* Redis.strlen("k")).toBe(12 * 300)
      expect(yield* Redis.get("n")).toEqual(Option.some("8"))
    })
  )

  it.effect("is made of the commands that it was given, whatever then becomes of their array", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      for (const run of [redis.pipeline, redis.transaction]) {
        const commands: Array<Command.Command<unknown>> = [Redis.echo("a"), Redis.echo("b")]
        const fiber = yield* Effect.fork(run(commands))
        yield* Effect.yieldNow()
        commands.length = 0
        const slots = yield* Effect.timeout(Fiber.join(fiber), "2 seconds")
        expect(slots).toEqual([Either.right("a"), Either.right("b")])
      }
    })
  )

  it.effect("may be run by any runtime, also within another fiber and with another service", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const { host, port } = yield* NodeRedisServer.NodeRedisServer
      const runtime = ManagedRuntime.make(NodeRedis.layer({ host, port, clientName: "other" }))
      const name = Redis.clientGetname
      const both = Effect.flatMap(name, (outer) =>
        Effect.map(
          Effect.promise(() => runtime.runPromise(Effect.zipRight(Redis.ping(), name))),
          (inner) => [outer, inner]
        )
      )
      expect(yield* Effect.zip(both, name)).toEqual([[Option.none(), Option.some("other")], Option.none()])
      // What cannot be done at once goes on nevertheless.
      expect(Exit.isFailure(runtime.runSyncExit(Redis.set("sync", 1)))).toBe(true)
      yield* turn
      expect(Exit.isFailure(Effect.runSyncExit(redis.execute(Redis.incr("sync"))))).toBe(true)
      yield* turn
      expect(yield* Redis.get("sync")).toEqual(Option.some("2"))
      const aborted = new AbortController()
      const exit = Effect.runPromiseExit(redis.execute(Redis.incr("sync")), { signal: aborted.signal })
      aborted.abort()
      expect(Exit.isInterrupted(yield* Effect.promise(() => exit))).toBe(true)
      yield* Effect.promise(() => runtime.dispose())
    })
  )

  it.effect("goes by the scheduler and the clock of its fiber", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const scheduler = new Scheduler.ControlledScheduler()
      const fiber = Effect.runFork(redis.execute(Redis.echo("controlled")), { scheduler })
      scheduler.step()
      yield* turn
      expect(fiber.unsafePoll()).toBe(null)
      scheduler.step()
      expect(fiber.unsafePoll()).toEqual(Exit.succeed("controlled"))
      const batched = Effect.all([Redis.echo("a"), Redis.echo("b")], { concurrency: 2 })
      expect(yield* Effect.withScheduler(batched, Scheduler.timerBatched(1))).toEqual(["a", "b"])
      // Its connection is there, and takes no time to be made.
      yield* Redis.withReserved()(Redis.ping())
      const late = Effect.gen(function* () {
        const waiting = yield* Effect.fork(Effect.either(Effect.timeout(Redis.blpop("none", "1 minute"), "1 minute")))
        yield* turn
        yield* TestClock.adjust("1 minute")
        return yield* Fiber.join(waiting)
      })
      expect(yield* Effect.provide(late, TestContext.TestContext)).toMatchObject({ left: { _tag: "TimeoutException" } })
    })
  )

  it.effect("may come to a decoder that runs others", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const decoded = Redis.echo("x").pipe(
        Command.map((text) => {
          Effect.runFork(redis.execute(Redis.set("from", "decoder")))
          return Effect.runSync(Effect.succeed(`${text}!`))
        })
      )
      const impossible = Command.map(Redis.echo("x"), () => Effect.runSync(redis.execute(Redis.ping())))
      const all = [decoded, Effect.flip(impossible), Redis.echo("y")]
      expect(yield* Effect.all(all, { concurrency: "unbounded" })).toEqual([
        "x!",
        expect.objectContaining({ _tag: "DecodeError" }),
        "y"
      ])
      expect(yield* Redis.get("from")).toEqual(Option.some("decoder"))
    })
  )

  it.effect("that fails tells in which span", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      yield* Redis.set("text", "a")
      for (const effect of [
        redis.execute(Redis.incr("text")),
        redis.execute(Redis.set("k", Number.NaN)),
        redis.execute(Command.map(Redis.ping(), () => Number.parseInt("", 36).toString(99)))
      ] as ReadonlyArray<Effect.Effect<unknown, unknown>>) {
        const exit = yield* Effect.exit(Effect.withSpan(effect, "the-span"))
        expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("at the-span")
      }
    })
  )
})

it.scopedLive("a fiber that closes the client takes no reply from those that came with its own", () =>
  Effect.gen(function* () {
    let held = ""
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      if (words[0] === "ECHO") held += `+${words[1]}\r\n`
      else connection.write(held)
    })
    const scope = yield* Scope.make()
    const client = yield* Scope.extend(NodeRedis.make({ port: peer.port, closeTimeout: "50 millis" }), scope)
    const closing = Effect.tap(client.execute(Redis.echo("a")), Scope.close(scope, Exit.void))
    const echoes = [closing, client.execute(Redis.echo("b")), client.execute(Redis.echo("c"))]
    const replies = yield* Effect.fork(Effect.all(echoes, { concurrency: "unbounded" }))
    yield* turn
    const error = yield* Effect.flip(client.execute(Redis.ping()))
    expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "Unknown" })
    expect(yield* Fiber.join(replies)).toEqual(["a", "b", "c"])
  })
)

describe("a transport that answers within the write", () => {
  /** Each ECHO; the rest by way of the greeting. */
  const connector: Transport.Connector = {
    address: "instant",
    connect: ({ onData }) =>
      Effect.sync(() => {
        const reader = new RequestReader()
        const answer = (data: string | Uint8Array) => onData(Buffer.from(data))
        const connection = { id: 1, isOpen: true, write: answer, end() {}, reset() {}, pause() {}, resume() {} }
        return {
          write: (chunk) => {
            for (const { words } of reader.read(Buffer.from(chunk))) {
              if (ScriptedPeer.greet(words, connection)) continue
              answer(`$${Buffer.byteLength(words[1]!)}\r\n${words[1]}\r\n`)
            }
            return true
          },
          cork() {},
          uncork() {},
          pause() {},
          resume() {},
          destroy() {}
        }
      })
  }

  it.scopedLive("serves fibers that go on within it", () =>
    Effect.gen(function* () {
      const client = yield* ConnectionPool.make(connector, { maxInFlight: 10 })
      const echo = (text: string) => client.execute(Redis.echo(text))
      const pairs = Effect.forEach(below(1_000), (i) => Effect.zip(echo(`${i}`), echo(`-${i}`)), { concurrency: 100 })
      expect(yield* pairs).toEqual(below(1_000).map((i) => [`${i}`, `-${i}`]))
      const big = "é".repeat(50_000)
      const slots = yield* client.pipeline(below(20).map((i) => Redis.echo(`${i}${big}`)))
      expect(slots).toEqual(below(20).map((i) => Either.right(`${i}${big}`)))
    })
  )
})
