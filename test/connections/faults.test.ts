import { describe, expect, it, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Either, Fiber, Option, Schedule, Stream } from "effect"
import { recordCommands } from "../support/monitor.js"
import { behindProxy, redisLayer } from "../support/redis.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

layer(redisLayer(), { excludeTestServices: true })("a connection that breaks", (it) => {
  it.effect(
    "scenario 18: after a command was sent leaves its outcome unknown, and the command is never sent again",
    () =>
      Effect.gen(function* () {
        const { client, direct, proxy } = yield* behindProxy()
        yield* direct.execute(Redis.del("n"))
        proxy.afterRequest("INCR", () => proxy.reset())
        const error = yield* Effect.flip(client.execute(Redis.incr("n")))
        expect(error).toMatchObject({
          _tag: "ConnectionError",
          reason: "Lost",
          outcome: "Unknown",
          command: "INCR",
          idempotent: false
        })
        // The next one goes over the new connection.
        expect(yield* client.execute(Redis.echo("again"))).toBe("again")
        expect(yield* direct.execute(Redis.get("n"))).toEqual(Option.some("1"))
      }).pipe(Effect.scoped)
  )

  it.effect("scenario 19, 53: in a pipeline keeps the replies that came, and tells the others apart", () =>
    Effect.gen(function* () {
      const { client, direct, proxy } = yield* behindProxy()
      yield* direct.execute(Redis.del("n"))
      proxy.afterRequest(
        (words) => words[1] === "stop",
        () => proxy.reset()
      )
      const slots = yield* client.pipeline([
        Redis.incr("n"),
        Redis.echo("stop"),
        ...Array.from({ length: 3 }, () => Redis.incr("n"))
      ])
      const tags = slots.map((slot) => (Either.isRight(slot) ? "reply" : `${slot.left._tag} ${slot.left.outcome}`))
      expect(tags.at(-1)).toBe("ConnectionError Unknown")
      const replies = tags.filter((tag) => tag === "reply").length
      expect(tags).toEqual(tags.map((_, i) => (i < replies ? "reply" : "ConnectionError Unknown")))
      yield* client.execute(Redis.ping())
      expect(Number(Option.getOrThrow(yield* direct.execute(Redis.get("n"))))).toBeLessThanOrEqual(4)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 19, 62, 63: in a transaction applies it whole or not at all, once", () =>
    Effect.gen(function* () {
      const { client, direct, proxy } = yield* behindProxy()
      yield* direct.execute(Redis.del("n"))
      proxy.afterRequest("EXEC", () => proxy.reset())
      const error = yield* Effect.flip(client.transaction([Redis.incr("n"), Redis.incr("n")]))
      expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown", command: "EXEC" })
      yield* client.execute(Redis.ping())
      expect(yield* direct.execute(Redis.get("n"))).toEqual(Option.some("2"))
      proxy.afterRequest("MULTI", () => proxy.reset())
      yield* Effect.flip(client.transaction([Redis.incr("n"), Redis.incr("n")]))
      yield* client.execute(Redis.ping())
      expect(yield* direct.execute(Redis.get("n"))).toEqual(Option.some("2"))
    }).pipe(Effect.scoped)
  )

  it.effect("comes back by itself; commands given meanwhile wait and run", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy()
      const states = yield* client.state.changes.pipe(
        Stream.map((state) => state._tag),
        Stream.changes,
        Stream.take(3),
        Stream.runCollect,
        Effect.fork
      )
      yield* Effect.sleep("10 millis")
      proxy.refuse(true)
      proxy.reset()
      yield* Effect.sleep("20 millis")
      const waiting = yield* Effect.fork(client.execute(Redis.echo("waited")))
      yield* Effect.sleep("80 millis")
      proxy.refuse(false)
      expect(yield* Fiber.join(waiting)).toBe("waited")
      expect([...(yield* Fiber.join(states))]).toEqual(["Connected", "Connecting", "Connected"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not told to be connected while the next attempt is put off", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ reconnect: Schedule.spaced("10 seconds") })
      proxy.reset()
      yield* Effect.sleep("30 millis")
      expect(yield* client.state.get).toMatchObject({ _tag: "Connecting" })
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 20: for longer than the deadline fails those who wait, nothing sent", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "150 millis", reserveTimeout: "150 millis" })
      proxy.refuse(true)
      proxy.reset()
      yield* Effect.sleep("10 millis")
      const error = yield* Effect.flip(client.execute(Redis.incr("n")))
      expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Connect", outcome: "NotSent", millis: 150 })
      const blocked = yield* Effect.flip(client.execute(Redis.blpop("q", "1 second")))
      expect(blocked).toMatchObject({ outcome: "NotSent" })
    }).pipe(Effect.scoped)
  )

  it.effect("for ever, by a schedule that ends, fails everything with what went wrong", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({
        reconnect: Schedule.spaced("10 millis").pipe(Schedule.intersect(Schedule.recurs(3)))
      })
      proxy.refuse(true)
      proxy.reset()
      const error = yield* Effect.flip(client.execute(Redis.incr("n")).pipe(Effect.delay("20 millis")))
      expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "NotSent" })
      yield* Effect.sleep("200 millis")
      // The loss itself took the first of the schedule's steps, for the connection was young.
      expect(proxy.refused).toBe(3)
      expect(yield* Effect.flip(client.execute(Redis.ping()))).toMatchObject({ outcome: "NotSent" })
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 28: keeps database and name on the new connection, before any command", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ database: 7, clientName: "keeper" })
      proxy.reset()
      yield* Effect.sleep("20 millis")
      const info = yield* client.execute(Command.make(["CLIENT", "INFO"]))
      expect(info).toMatch(/ name=keeper .* db=7 /)
    }).pipe(Effect.scoped)
  )
})

layer(redisLayer(), { excludeTestServices: true })("a server that is slow", (it) => {
  it.effect("lets a command fail at its deadline, and later replies reach their own commands", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "100 millis" })
      proxy.toClient.pause()
      const error = yield* Effect.flip(client.execute(Redis.echo("late")))
      expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Reply", outcome: "Unknown", command: "ECHO" })
      proxy.toClient.resume()
      expect(yield* client.execute(Redis.echo("mine"))).toBe("mine")
    }).pipe(Effect.scoped)
  )

  it.effect("lets a pipeline fail at its deadline, and its late replies are dropped", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "100 millis" })
      proxy.toClient.pause()
      const slots = yield* client.pipeline([Redis.echo("late"), Redis.echo("later")])
      expect(slots.map(Either.flip).map(Either.getOrThrow)).toMatchObject([
        { _tag: "TimeoutError", position: 0, outcome: "Unknown" },
        { _tag: "TimeoutError", position: 1, outcome: "Unknown" }
      ])
      const next = yield* Effect.fork(client.execute(Redis.echo("mine")))
      yield* Effect.sleep("10 millis")
      proxy.toClient.rechunk = "byte"
      proxy.toClient.resume()
      expect(yield* Fiber.join(next)).toBe("mine")
      yield* Effect.sleep("20 millis")
      expect(proxy.connections).toBe(1)
    }).pipe(Effect.scoped)
  )

  it.effect("is not given up by the probe for being slower than a command may be", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ keepAlive: "30 millis", commandTimeout: "50 millis" })
      proxy.toClient.delay = 120
      yield* Effect.sleep("400 millis")
      proxy.toClient.delay = 0
      yield* client.execute(Redis.ping()).pipe(Effect.retry(Schedule.recurs(5)))
      expect(proxy.connections).toBe(1)
    }).pipe(Effect.scoped)
  )

  it.effect("and far away is not given up when a probe is under way among commands", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ keepAlive: "20 millis" })
      proxy.toClient.delay = 70
      for (let i = 0; i < 5; i++) {
        // Long enough for a probe, too short for its answer.
        yield* Effect.sleep("30 millis")
        expect(yield* client.execute(Redis.echo(`${i}`))).toBe(`${i}`)
      }
      expect(proxy.connections).toBe(1)
    }).pipe(Effect.scoped)
  )

  it.effect("does not count against newcomers those who have gone", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ maxWaiting: 20, maxInFlight: 1 })
      proxy.toClient.pause()
      const first = yield* Effect.fork(client.execute(Redis.echo("first")))
      yield* Effect.sleep("10 millis")
      const gone = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.fork(client.execute(Redis.ping())))
      yield* Effect.sleep("10 millis")
      expect(yield* Effect.flip(client.execute(Redis.ping()))).toMatchObject({ reason: "Overloaded" })
      yield* Fiber.interruptAll(gone)
      const second = yield* Effect.fork(client.execute(Redis.echo("second")))
      yield* Effect.sleep("10 millis")
      proxy.toClient.resume()
      expect(yield* Fiber.join(first)).toBe("first")
      expect(yield* Fiber.join(second)).toBe("second")
    }).pipe(Effect.scoped)
  )

  it.effect("to take a large value is not given up by the watchdog, nor is one that is slow to give it", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ watchdog: "1200 millis", commandTimeout: "10 seconds" })
      const throttle = Effect.gen(function* () {
        proxy.toServer.stopReading()
        proxy.toClient.pause()
        yield* Effect.sleep("100 millis")
        proxy.toServer.startReading()
        proxy.toClient.resume()
        yield* Effect.sleep("1 millis")
      })
      yield* Effect.fork(Effect.forever(throttle))
      const size = 30_000_000
      expect(yield* client.execute(Redis.set("big", new Uint8Array(size)))).toBe("OK")
      expect(yield* client.execute(Redis.set("big", "x".repeat(size)))).toBe("OK")
      expect(Option.getOrThrow(yield* client.execute(Redis.get("big")))).toHaveLength(size)
      expect(proxy.connections).toBe(1)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 21: and silent with much still unsent is given up by the watchdog", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "5 seconds", watchdog: "600 millis" })
      proxy.toServer.stopReading()
      const error = yield* Effect.flip(client.execute(Redis.set("big", new Uint8Array(30_000_000))))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown" })
      proxy.toServer.startReading()
      expect(yield* client.execute(Redis.echo("again"))).toBe("again")
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 21: and silent is given up by the watchdog", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "5 seconds", watchdog: "200 millis" })
      proxy.toClient.drop = true
      const error = yield* Effect.flip(client.execute(Redis.echo("lost")))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown" })
      proxy.toClient.drop = false
      expect(yield* client.execute(Redis.echo("again"))).toBe("again")
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 21: and gone without a word is found while nothing is asked of it", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({
        keepAlive: "50 millis",
        watchdog: "100 millis",
        connectTimeout: "50 millis"
      })
      yield* Effect.sleep("150 millis")
      expect(proxy.connections).toBe(1)
      proxy.toServer.drop = true
      yield* Effect.sleep("300 millis")
      proxy.toServer.drop = false
      expect(yield* client.execute(Redis.echo("again"))).toBe("again")
      expect(proxy.connections).toBeGreaterThan(1)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 35: does not make a stall of our own event loop a timeout", () =>
    Effect.gen(function* () {
      const { client } = yield* behindProxy({ commandTimeout: "100 millis" })
      const fiber = yield* Effect.fork(client.execute(Redis.echo("there")))
      yield* Effect.sleep("1 millis")
      const until = Date.now() + 400
      while (Date.now() < until) {
        // Nothing else can run.
      }
      expect(yield* Fiber.join(fiber)).toBe("there")
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 34: and frozen holds callers back within bounds", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({
        commandTimeout: "400 millis",
        maxInFlight: 10,
        maxWaiting: 20
      })
      proxy.toClient.pause()
      const before = proxy.toServer.bytes
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        (i) => Effect.flip(client.execute(Redis.echo(`${i}`.padStart(2, "0")))),
        { concurrency: "unbounded" }
      )
      const kinds = outcomes.map((error) =>
        error._tag === "TimeoutError"
          ? `${error.phase} ${error.outcome}`
          : error._tag === "ConnectionError"
            ? error.reason
            : error._tag
      )
      const countOf = (kind: string) => kinds.filter((each) => each === kind).length
      expect(countOf("Reply Unknown")).toBe(10)
      expect(countOf("Write NotSent")).toBeGreaterThan(0)
      expect(countOf("Overloaded")).toBeGreaterThan(0)
      expect(kinds).toHaveLength(50)
      expect(proxy.toServer.bytes - before).toBe(10 * "*2\r\n$4\r\nECHO\r\n$2\r\n00\r\n".length)
      proxy.toClient.resume()
      expect(yield* client.execute(Redis.echo("fine"))).toBe("fine")
    }).pipe(Effect.scoped)
  )
})

layer(redisLayer(), { excludeTestServices: true })("an interrupted command", (it) => {
  it.effect("scenario 45: that was not yet written is never written", () =>
    Effect.gen(function* () {
      const { client, direct, proxy } = yield* behindProxy({ maxInFlight: 1 })
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const recorder = yield* recordCommands(port)
      proxy.toClient.pause()
      const first = yield* Effect.fork(client.execute(Redis.set("first", 1)))
      yield* Effect.sleep("20 millis")
      const second = yield* Effect.fork(client.execute(Redis.set("second", 1)))
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(second)
      proxy.toClient.resume()
      expect(yield* Fiber.join(first)).toBe("OK")
      expect(yield* client.execute(Redis.echo("after"))).toBe("after")
      yield* recorder.settle
      expect(recorder.words().join("\n")).not.toContain("second")
      expect(yield* direct.execute(Redis.exists("second"))).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 46: that was written keeps its slot, and its reply is dropped", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy()
      proxy.toClient.pause()
      const first = yield* Effect.fork(client.execute(Redis.echo("first")))
      const second = yield* Effect.fork(client.execute(Redis.echo("second")))
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(first)
      proxy.toClient.resume()
      expect(yield* Fiber.join(second)).toBe("second")
      expect(proxy.connections).toBe(1)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "scenario 47: among 10,000 leaves every survivor its own reply, however the bytes are cut",
    () =>
      Effect.gen(function* () {
        const { client, proxy } = yield* behindProxy({ commandTimeout: "30 seconds", maxInFlight: 100 })
        proxy.toClient.rechunk = { seed: 7 }
        let survivors = 0
        yield* Effect.forEach(
          Array.from({ length: 10_000 }, (_, i) => i),
          (i) =>
            Effect.gen(function* () {
              const fiber = yield* Effect.fork(client.execute(Redis.echo(`token-${i}`)))
              if (i % 3 === 0) {
                if (i % 2 === 0) yield* Effect.yieldNow()
                yield* Fiber.interrupt(fiber)
                return
              }
              expect(yield* Fiber.join(fiber)).toBe(`token-${i}`)
              survivors++
            }),
          { concurrency: 500, discard: true }
        )
        expect(survivors).toBe(6_666)
        expect(proxy.connections).toBe(1)
      }).pipe(Effect.scoped),
    60_000
  )
})

describe("a peer that breaks the protocol", () => {
  const against = (answer: (words: ReadonlyArray<string>, connection: ScriptedPeer.Connection) => void) =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (!ScriptedPeer.greet(words, connection)) answer(words, connection)
      })
      return { peer, client: yield* NodeRedis.make({ port: peer.port, commandTimeout: "500 millis" }) }
    })

  it.scopedLive.each([
    ["an unknown type", "?what\r\n"],
    ["a garbled integer", ":12x\r\n"],
    ["a negative length", "$-7\r\n"],
    ["a huge array", "*2147483647\r\n"],
    ["a huge string", "$9999999999\r\n"],
    ["a deep nest", "*1\r\n".repeat(200)]
  ] as const)(
    "scenario 4, 5, 6: with %s fails the command with a ProtocolError, and the connection is made anew",
    ([, bytes]) =>
      Effect.gen(function* () {
        const { client, peer } = yield* against((_, connection) =>
          connection.write(connection.id === 1 ? bytes : "+fine\r\n")
        )
        const error = yield* Effect.flip(client.execute(Redis.ping()))
        expect(error).toMatchObject({ _tag: "ProtocolError", outcome: "Unknown", command: "PING" })
        expect(yield* client.execute(Command.make(["ECHO", "x"]))).toBe("fine")
        expect(peer.connections).toHaveLength(2)
      })
  )

  it.scopedLive("scenario 12: by a reply too many does not shift the others", () =>
    Effect.gen(function* () {
      const { client } = yield* against((words, connection) => {
        const reply = `$${words[1]!.length}\r\n${words[1]}\r\n`
        connection.write(words[1] === "one" && connection.id === 1 ? `${reply}${reply}` : reply)
      })
      expect(yield* client.execute(Redis.echo("one"))).toBe("one")
      expect(yield* client.execute(Redis.echo("two"))).toBe("two")
    })
  )

  it.scopedLive.each(["*0\r\n", "*1\r\n:1\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n"])(
    "by a reply of EXEC that is not one for each command fails the transaction",
    (exec) =>
      Effect.gen(function* () {
        const { client } = yield* against((words, connection) =>
          connection.write(words[0] === "MULTI" ? "+OK\r\n" : words[0] === "EXEC" ? exec : "+QUEUED\r\n")
        )
        const values = [Command.make(["A"]), Command.make(["B"])]
        expect(yield* Effect.flip(client.transaction(values))).toMatchObject({ _tag: "DecodeError", command: "EXEC" })
      })
  )

  it.scopedLive("scenario 30: before it was spoken to says why in the layer's error", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make(() => {}, {
        onConnect: (connection) => {
          connection.write("-ERR max number of clients reached\r\n")
          connection.end()
        }
      })
      const error = yield* Effect.flip(NodeRedis.make({ port: peer.port }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
      expect(error.message).toContain("max number of clients reached")
    })
  )

  it.scopedLive("scenario 26: that never answers the handshake fails the layer at its deadline", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make(() => {})
      const error = yield* Effect.flip(NodeRedis.make({ port: peer.port, connectTimeout: "100 millis" }))
      expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Connect", millis: 100, outcome: "NotSent" })
    })
  )

  it.scopedLive("is not hammered when it hangs up at once", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection) && words.includes("LIB-VER") && connection.id > 1) connection.end()
      })
      yield* NodeRedis.make({ port: peer.port, reconnect: Schedule.spaced("100 millis") })
      peer.connections[0]!.reset()
      yield* Effect.sleep("450 millis")
      expect(peer.connections.length).toBeLessThan(8)
    })
  )
})

it.scopedLive("scenario 10: push frames between the elements of EXEC's reply are not taken for them", () =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      if (words[0] === "MULTI") connection.write("+OK\r\n")
      else if (words[0] === "EXEC") {
        connection.write(
          "*2\r\n>3\r\n$7\r\nmessage\r\n$1\r\nq\r\n$1\r\nx\r\n:1\r\n>2\r\n+invalidate\r\n*0\r\n$1\r\nz\r\n"
        )
      } else connection.write("+QUEUED\r\n")
    })
    const client = yield* NodeRedis.make({ port: peer.port })
    const results = yield* Transaction.exec([Redis.publish("q", "x"), Redis.get("z")]).pipe(
      Effect.provideService(Redis.Redis, client)
    )
    expect(results).toEqual([1, Option.some("z")])
    expect(
      yield* Pipeline.all([Redis.publish("q", "y")]).pipe(Effect.provideService(Redis.Redis, client), Effect.flip)
    ).toMatchObject({
      _tag: "DecodeError"
    })
  })
)
