import { describe, expect, it, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Pipeline, Redis, Reply, Transaction } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Either, Fiber, Option, Schedule } from "effect"
import { eventually } from "../pubsub/eventually.js"
import { behindProxy, redisLayer } from "../support/redis.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const bytes = (text: string) => new TextEncoder().encode(text)

const quickBehindProxy = (options: NodeRedis.Options = {}) =>
  behindProxy({ reconnect: Schedule.spaced("1 millis"), ...options })

const count = Effect.map(Redis.get("n"), (value) => Number(Option.getOrElse(value, () => "0")))

/** What became of each command: its result, or how it failed. */
const told = (slots: ReadonlyArray<Redis.Slot>) =>
  slots.map((slot) => (Either.isRight(slot) ? slot.right : `${slot.left._tag} ${slot.left.outcome}`))

describe.each([2, 3] as const)("a pipeline whose connection dies, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 53: keeps each reply that came; the others are Unknown and none is sent again", () =>
      Effect.gen(function* () {
        const { client, proxy } = yield* quickBehindProxy({ protocol })
        const size = 5
        const reply = ":1\r\n".length
        for (let cut = 0; cut < size * reply; cut++) {
          yield* Redis.del("n")
          proxy.toClient.cutAfter(cut)
          const slots = yield* client.pipeline(Array.from({ length: size }, () => Redis.incr("n")))
          const came = Math.floor(cut / reply)
          expect(told(slots), `cut after ${cut} bytes`).toEqual(
            slots.map((_, i) => (i < came ? i + 1 : "ConnectionError Unknown"))
          )
          expect(slots.flatMap((slot) => (Either.isLeft(slot) ? [slot.left.position] : []))).toEqual(
            Array.from({ length: size - came }, (_, i) => came + i)
          )
          expect(yield* client.execute(Redis.echo("again"))).toBe("again")
          expect(yield* count).toBe(size)
        }
      })
    )

    for (const [whileDisconnected, outcome] of [
      ["fail", ["ConnectionError NotSent", "ConnectionError NotSent"]],
      ["wait", [4, 5]]
    ] as const) {
      it.scoped(`scenario 53: not yet written is NotSent or runs once, by option: ${whileDisconnected}`, () =>
        Effect.gen(function* () {
          const { client, proxy } = yield* quickBehindProxy({ protocol, whileDisconnected, maxInFlight: 1 })
          yield* Redis.del("n")
          proxy.toClient.drop = true
          const incr = Redis.incr("n")
          const written = yield* Effect.fork(client.pipeline([incr, incr, incr]))
          yield* eventually(count, (value) => value === 3)
          const waiting = yield* Effect.fork(client.pipeline([incr, incr]))
          yield* Effect.yieldNow()
          proxy.reset()
          proxy.toClient.drop = false
          expect(told(yield* Fiber.join(written))).toEqual(Array(3).fill("ConnectionError Unknown"))
          expect(told(yield* Fiber.join(waiting))).toEqual(outcome)
          yield* eventually(Effect.either(client.execute(Redis.ping())), Either.isRight)
          expect(yield* count).toBe(whileDisconnected === "fail" ? 3 : 5)
        })
      )
    }
  })
})

it.scopedLive("scenario 53: a server that hangs up after READONLY has refused that one alone for certain", () =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      if (words[1] !== "b") return connection.write("+OK\r\n")
      connection.write("-READONLY You can't write against a read only replica.\r\n")
      connection.end()
    })
    const client = yield* NodeRedis.make({ port: peer.port, reconnect: Schedule.spaced("1 millis") })
    const slots = yield* client.pipeline(["a", "b", "c"].map((key) => Redis.set(key, 1)))
    expect(told(slots)).toEqual(["OK", "ReplyError Rejected", "ConnectionError Unknown"])
    yield* client.execute(Redis.set("d", 1))
    expect(peer.received.filter(([name]) => name === "SET").map(([, key]) => key)).toEqual(["a", "b", "c", "d"])
  })
)

const size = 200_000

layer(redisLayer({ commandTimeout: "20 seconds" }), { excludeTestServices: true })("200,000 commands", (it) => {
  it.effect("scenario 54: in a pipeline have each its own reply, errors in between included", () =>
    Effect.gen(function* () {
      yield* Redis.flushall()
      yield* Redis.set("text", "x")
      const slots = yield* Pipeline.attempt(
        Array.from({ length: size }, (_, i) => (i % 1_000 === 7 ? Redis.incr("text") : Redis.incr("n")))
      )
      let next = 1
      const expected = slots.map((_, i) => (i % 1_000 === 7 ? "ReplyError Failed" : next++))
      expect(told(slots)).toEqual(expected)
      expect(slots.flatMap((slot, i) => (Either.isLeft(slot) && slot.left.position !== i ? [i] : []))).toEqual([])
    })
  )

  it.effect("scenario 54: of text and bytes arrive whole, and others are served meanwhile", () =>
    Effect.gen(function* () {
      yield* Redis.flushall()
      const binary = new Uint8Array(200).fill(0xff)
      const values = Array.from({ length: size }, (_, i) => (i % 2 === 0 ? `é${i}` : binary))
      const big = yield* Effect.fork(Pipeline.forEach(values, (value) => Redis.echo(value).pipe(Command.bytes)))
      expect(yield* Redis.echo("between")).toBe("between")
      const echoes = yield* big
      expect(echoes.findIndex((echo, i) => Buffer.compare(echo, Buffer.from(values[i]!)) !== 0)).toBe(-1)
      expect(echoes).toHaveLength(size)
    })
  )

  it.effect("scenario 54: are one transaction", () =>
    Effect.gen(function* () {
      yield* Redis.flushall()
      const results = yield* Transaction.exec(Array.from({ length: size }, () => Redis.incr("n")))
      expect(results.findIndex((value, i) => value !== i + 1)).toBe(-1)
      expect(results).toHaveLength(size)
    })
  )
})

it.scopedLive("scenario 54: of large values goes out by and by, and others are served in between", () =>
  Effect.gen(function* () {
    const release: Array<() => void> = []
    const peer = yield* ScriptedPeer.make(([name = ""], connection) => {
      if (ScriptedPeer.greet([name], connection)) return
      if (name === "SET") release.push(() => connection.write("+OK\r\n"))
      else connection.write("+PONG\r\n")
    })
    const received = (count: number) =>
      eventually(
        Effect.sync(() => peer.received.map(([name]) => name).filter((name) => name === "SET" || name === "PING")),
        (names) => names.length === count
      )
    const client = yield* NodeRedis.make({ port: peer.port })
    const value = "x".repeat(3 * 1024 * 1024)
    const large = yield* Effect.fork(client.pipeline(Array.from({ length: 6 }, (_, i) => Redis.set(`k${i}`, value))))
    // Two slices of two.
    yield* received(4)
    const ping = yield* Effect.fork(client.execute(Redis.ping()))
    yield* Effect.yieldNow()
    for (const reply of release.splice(0)) reply()
    expect(yield* received(7)).toEqual(["SET", "SET", "SET", "SET", "PING", "SET", "SET"])
    for (const reply of release.splice(0)) reply()
    expect(yield* Fiber.join(ping)).toBe("PONG")
    expect(told(yield* Fiber.join(large))).toEqual(Array.from({ length: 6 }, () => "OK"))
  })
)

it.scopedLive("scenario 54: of 140,000 commands that a cluster redirects at once each is answered", () =>
  Effect.gen(function* () {
    const many = 140_000
    // A stack trace for each error would take most of the time.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        Error.stackTraceLimit = stackTraceLimit
      })
    )
    const cluster = yield* ScriptedCluster.make(2)
    const moved = cluster.redirect("MOVED", Slot.ofKey("foo"), 1)
    const asked = [0, 0]
    let held = ""
    cluster.answer = (_, node) => {
      asked[node]!++
      held += node === 0 ? moved : `:${asked[node]}\r\n`
      if (asked[node]! % 1_000 > 0) return undefined
      const replies = held
      held = ""
      return replies
    }
    const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "20 seconds" })
    const slots = yield* redis.pipeline(Array.from({ length: many }, () => Redis.incr("foo")))
    expect(told(slots).findIndex((value, i) => value !== i + 1)).toBe(-1)
    expect(asked).toEqual([many, many])
  })
)

it.scopedLive("scenario 55: to several nodes with an argument that cannot be sent is not sent to any", () =>
  Effect.gen(function* () {
    const cluster = yield* ScriptedCluster.make(2)
    cluster.map = [
      [0, 8_191, 0],
      [8_192, 16_383, 1]
    ]
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`)
    const { redis } = yield* ScriptedCluster.connect(cluster)
    for (const bad of keys) {
      const commands = keys.map((key) => Redis.set(key, key === bad ? Number.NaN : 1))
      const position = keys.indexOf(bad)
      expect(yield* Effect.flip(redis.pipeline(commands))).toMatchObject({ _tag: "CommandError", position })
    }
    expect(told(yield* redis.pipeline(keys.map((key) => Redis.set(key, 1))))).toEqual(keys.map(() => "OK"))
    expect([0, 1].flatMap((node) => cluster.commands(node)).sort()).toEqual(keys.map((key) => `SET ${key} 1`).sort())
  })
)

describe("commands that are written together by themselves", () => {
  it.scopedLive("scenario 56: what changes or holds up the connection is kept out, however spelled", () =>
    Effect.gen(function* () {
      const client = yield* Redis.Redis
      const refused: ReadonlyArray<readonly [string, ...Array<Command.Argument>]> = [
        ["CLIENT", bytes("REPLY"), "SKIP"],
        ["client", bytes("reply"), "off"],
        ["Client", bytes("Tracking"), "on"],
        ["SCRIPT", bytes("DEBUG"), "YES"],
        ["PSUBSCRIBE", "*"],
        ["sync"]
      ]
      for (const words of refused) {
        expect(yield* Effect.flip(Command.make(words)), String(words)).toMatchObject({
          _tag: "CommandError",
          outcome: "NotSent"
        })
      }
      const definedBare = Command.define("CLIENT", { keys: Command.noKeys })(["REPLY", "SKIP"], Reply.ok)
      expect(yield* Effect.flip(definedBare)).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
      // Had a reply been left out, the others would be shifted.
      const echoes = ["a", "b", "c"].map((text) => client.execute(Redis.echo(text)))
      expect(yield* Effect.all(echoes, { concurrency: "unbounded" })).toEqual(["a", "b", "c"])

      const blocking: ReadonlyArray<readonly [string, ...Array<Command.Argument>]> = [
        ["XREAD", "BLOCK", 0, "STREAMS", "s", "$"],
        ["xread", bytes("block"), 0, bytes("streams"), "s", "$"],
        ["XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "t", ">"],
        ["BLPOP", "q", 0]
      ]
      yield* Command.make(["XGROUP", "CREATE", "t", "g", "$", "MKSTREAM"])
      const blocked = yield* Effect.forEach(blocking, (words) => Effect.fork(Command.make(words)))
      const waits = Effect.map(Command.make(["INFO", "clients"]), (info) =>
        Number(/blocked_clients:(\d+)/.exec(String(info))?.[1])
      )
      expect(yield* eventually(waits, (clients) => clients === blocking.length)).toBe(blocking.length)
      yield* Fiber.interruptAll(blocked)
    }).pipe(Effect.provide(redisLayer({ commandTimeout: "1 second" })))
  )

  it.scopedLive("scenario 56: those of several fibers go out in one write, and each is redirected by itself", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      const keys = Array.from({ length: 10 }, (_, i) => `key-${i}`)
      const isMoved = (key: string) => Number(key.at(-1)) % 3 === 0
      cluster.answer = ([, key], node) =>
        node === 0 && isMoved(key!)
          ? cluster.redirect("MOVED", Slot.ofKey(key!), 1)
          : ScriptedCluster.bulk(`${node} ${key}`)
      const { redis, writes } = yield* ScriptedCluster.connectRecorded(cluster)
      writes.length = 0
      const values = yield* Effect.forEach(keys, (key) => redis.execute(Redis.getdel(key)), {
        concurrency: "unbounded"
      })
      expect(values).toEqual(keys.map((key) => Option.some(`${isMoved(key) ? 1 : 0} ${key}`)))
      expect(writes.filter((write) => keys.every((key) => write.includes(key)))).toHaveLength(1)
      expect(cluster.commands(0)).toEqual(keys.map((key) => `GETDEL ${key}`))
      expect([...cluster.commands(1)].sort()).toEqual(keys.filter(isMoved).map((key) => `GETDEL ${key}`))
    })
  )
})
