import { readFileSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { type Command, ConnectionPool, Redis, RedisPubSub, type Transport } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Deferred, Duration, Effect, Exit, Fiber, Redacted, Schedule, Scope, Stream } from "effect"
import { describe } from "vitest"
import { makeCertificates } from "../support/certificates.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"
import { isBuiltWithTls } from "../support/tls.js"

const reconnect = Schedule.spaced("5 millis")

/** Until it holds, for a second. */
const until = (what: string, holds: () => boolean) =>
  eventually(
    what,
    Effect.sync(() => (holds() ? undefined : "not")),
    1_000
  )

const disconnected = (client: Redis.RedisService) =>
  client.state.changes.pipe(
    Stream.takeUntil(({ _tag }) => _tag === "Connecting"),
    Stream.runDrain
  )

/** A server, a proxy before it, and what a client of the proxy needs for the kind of socket. */
const proxied = (kind: string) =>
  Effect.gen(function* () {
    if (kind === "TCP") {
      const { port } = yield* NodeRedisServer.make()
      return { port, proxy: yield* FaultProxy.make({ port }), options: {} }
    }
    const certificates = yield* makeCertificates
    const server = yield* NodeRedisServer.make({ tls: { ...certificates.server, ca: certificates.ca } })
    const proxy = yield* FaultProxy.make({ port: server.tls!.port })
    return { port: server.port, proxy, options: { tls: { ca: readFileSync(certificates.ca, "utf8") } } }
  })

const kinds = isBuiltWithTls ? ["TCP", "TLS"] : ["TCP"]

describe.each(kinds)("a %s connection that is given up", (kind) => {
  it.scopedLive("scenario 22: is reset, whatever the reason", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* proxied(kind)
      const make = (more: NodeRedis.Options) =>
        NodeRedis.make({
          host: "127.0.0.1",
          port: proxy.port,
          ...options,
          reconnect: Schedule.spaced("1 hour"),
          ...more
        })
      const isReset = (why: string, count: number) => until(`reset: ${why}`, () => proxy.resetByClient === count)

      const watched = yield* make({ watchdog: "60 millis" })
      const probed = yield* make({ keepAlive: "30 millis", watchdog: "60 millis" })
      yield* Effect.scoped(make({}))
      yield* isReset("the end of its scope", 1)
      proxy.toClient.drop = true
      const error = yield* Effect.flip(watched.execute(Redis.echo("due")))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown" })
      yield* isReset("a reply is due, and an answer to PING", 3)
      expect(yield* probed.state.get).toMatchObject({ _tag: "Connecting" })
      yield* Effect.flip(make({ connectTimeout: "60 millis" }))
      yield* isReset("its set-up was not answered", 4)
    })
  )

  it.scopedLive("scenario 22: does not go on to send what was written and not yet taken", () =>
    Effect.gen(function* () {
      const { options, port, proxy } = yield* proxied(kind)
      const direct = yield* NodeRedis.make({ port })
      const client = yield* NodeRedis.make({
        host: "127.0.0.1",
        port: proxy.port,
        ...options,
        reconnect,
        watchdog: "150 millis"
      })
      proxy.toServer.stopReading()
      // More than the proxy's side takes without reading, and less than this side keeps for it.
      const large: Command.Command<unknown> = Redis.set("large", "x".repeat(60_000))
      const errors = yield* Effect.forEach(
        [...Array.from({ length: 10 }, () => large), Redis.incr("ghost")],
        (command) => Effect.flip(client.execute(command)),
        { concurrency: "unbounded" }
      )
      expect(errors.at(-1)).toMatchObject({ _tag: "ConnectionError", command: "INCR", outcome: "Unknown" })
      proxy.toServer.startReading()
      expect(yield* client.execute(Redis.echo("again"))).toBe("again")
      yield* until("only the new connection", () => proxy.live.length === 1)
      expect(yield* direct.execute(Redis.exists("ghost"))).toBe(0)
    })
  )
})

it.scopedLive("scenario 21: a peer that is gone without a word holds nobody up, on any connection that was open", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    const client = yield* NodeRedis.make({
      port: proxy.port,
      reconnect,
      commandTimeout: "100 millis",
      reserveTimeout: "100 millis",
      connectTimeout: "100 millis",
      keepAlive: "100 millis",
      watchdog: "200 millis"
    })
    const idle = Effect.scoped(Effect.flatMap(client.reserve([]), (lease) => lease.execute(Redis.clientId)))
    yield* idle
    const messages = yield* RedisPubSub.events({ channels: "news" }).pipe(
      Stream.runForEach(() => Effect.void),
      Effect.provideService(Redis.Redis, client),
      Effect.fork
    )
    const subscribed = eventually(
      "the subscription",
      Effect.map(client.execute(Redis.pubsubNumsub(["news"])), (counts) =>
        JSON.stringify([...counts]).includes("1") ? undefined : "nobody"
      ),
      2_000
    )
    yield* until("a connection of each kind", () => proxy.connections === 3)
    yield* subscribed
    // What is sent is taken, and nothing comes back.
    proxy.toServer.pause()
    proxy.toClient.pause()
    const ways: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      client.execute(Redis.get("k")),
      Effect.map(client.pipeline([Redis.get("k")]), ([slot]) => expect(slot?._tag).toBe("Left")),
      client.transaction([Redis.incr("k")]),
      idle,
      client.execute(Redis.blpop("list", "50 millis")),
      Effect.scoped(client.watch(["k"]))
    ]
    const settled = yield* Effect.forEach(ways, (way) => timed(Effect.exit(way)), { concurrency: "unbounded" })
    for (const { millis } of settled) expect(millis).toBeLessThan(450)
    expect(settled.map(({ value }) => Exit.isSuccess(value))).toEqual([false, true, false, false, false, false])
    yield* disconnected(client)
    proxy.toServer.resume()
    proxy.toClient.resume()
    const again = Effect.retry(client.execute(Redis.echo("again")), { times: 50, schedule: reconnect })
    expect(yield* again).toBe("again")
    // None of those three is used again.
    expect(yield* Effect.retry(idle, { times: 10 })).toBeGreaterThan(0)
    yield* subscribed
    yield* Fiber.interrupt(messages)
  })
)

it.scopedLive("scenario 27: what an old connection still tells does nothing to the one that has replaced it", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    const real = yield* NodeRedis.connector({ port: proxy.port })
    const handlers: Array<Transport.TransportHandler> = []
    const connector: Transport.Connector = {
      ...real,
      connect: (handler) => {
        handlers.push(handler)
        return real.connect(handler)
      }
    }
    const client = yield* ConnectionPool.make(connector, { reconnect })
    const heard: Array<string> = []
    yield* RedisPubSub.events({ channels: "news" }).pipe(
      Stream.runForEach((event) => Effect.sync(() => heard.push("data" in event ? event.data : event.type))),
      Effect.provideService(Redis.Redis, client),
      Effect.forkScoped
    )
    yield* until("subscribed", () => heard.length === 1)
    for (let epoch = 1; epoch <= 3; epoch++) {
      const replaced = handlers.slice()
      proxy.reset()
      yield* disconnected(client)
      expect(yield* client.execute(Redis.echo("ready"))).toBe("ready")
      yield* until("subscribed again", () => heard.length === 1 + epoch)
      proxy.toClient.pause()
      const sent = new Promise<void>((resolve) => proxy.afterRequest("ECHO mine", resolve))
      const due = yield* Effect.fork(client.execute(Redis.echo("mine")))
      yield* Effect.promise(() => sent)
      for (const old of replaced) {
        old.onData(new TextEncoder().encode("$5\r\nstale\r\n"))
        old.onData(new TextEncoder().encode(">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nstale\r\n"))
        old.onData(new TextEncoder().encode("garbage\r\n"))
        old.onDrain()
        old.onClose("too late")
      }
      proxy.toClient.resume()
      expect(yield* due).toBe("mine")
      // And what is sent only now finds it.
      expect(yield* client.execute(Redis.echo("next"))).toBe("next")
      expect(yield* client.state.get).toMatchObject({ _tag: "Connected" })
      expect(handlers).toHaveLength(2 * (epoch + 1))
    }
    yield* client.execute(Redis.publish("news", "fresh"))
    yield* until("the message", () => heard.includes("fresh"))
    expect(heard).toEqual(["subscribe", "gap", "gap", "gap", "fresh"])
  })
)

it.scopedLive.each([
  "-LOADING Redis is loading the dataset in memory",
  "-BUSY Redis is busy running a script.",
  "-MISCONF Redis is configured to save RDB snapshots",
  "-MASTERDOWN Link with MASTER is down",
  "-NOPERM this user has no permissions to run the 'ping' command"
])("scenario 31: a server that answers PING with %s is alive", (answer) =>
  Effect.gen(function* () {
    let pings = 0
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      if (words[0] === "PING") pings++
      connection.write(words[0] === "PING" ? `${answer}\r\n` : "+alive\r\n")
    })
    const client = yield* NodeRedis.make({ port: peer.port, keepAlive: "10 millis", watchdog: "50 millis" })
    yield* until("five answers", () => pings > 5)
    expect(yield* client.execute(Redis.echo("x"))).toBe("alive")
    expect(peer.connections).toHaveLength(1)
  })
)

describe("a client that is closed", () => {
  /** Why it is not connected, or hears nothing. */
  const troubles: Readonly<Record<string, (proxy: FaultProxy.FaultProxy) => void>> = {
    "while its server is silent": (proxy) => proxy.toClient.pause(),
    "while it connects": (proxy) => {
      proxy.reset()
      proxy.toClient.drop = true
    },
    "while it waits to connect again": (proxy) => {
      proxy.refuse(true)
      proxy.reset()
    }
  }

  const close = (client: Redis.RedisService, scope: Scope.CloseableScope) =>
    Effect.gen(function* () {
      const pending: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        client.execute(Redis.incr("n")),
        client.pipeline([Redis.incr("n")]),
        client.transaction([Redis.incr("n")]),
        client.execute(Redis.blpop("list", Duration.infinity)),
        Effect.scoped(client.watch(["k"])),
        Effect.scoped(client.reserve([]).pipe(Effect.flatMap((lease) => lease.execute(Redis.ping())))),
        Effect.scoped(RedisPubSub.subscribed({ channels: "news" })).pipe(Effect.provideService(Redis.Redis, client)),
        Stream.runDrain(client.monitor)
      ]
      const fibers = yield* Effect.forEach(pending, (one) => Effect.fork(Effect.exit(one)))
      yield* Effect.sleep("20 millis")
      const first = yield* Effect.fork(timed(Scope.close(scope, Exit.void)))
      const second = yield* timed(Scope.close(scope, Exit.void))
      expect(second.millis).toBeLessThan(700)
      expect((yield* first).millis).toBeLessThan(700)
      const exits = yield* Effect.forEach(fibers, (fiber) => Effect.timeout(Fiber.join(fiber), "500 millis"))
      for (const exit of exits) {
        // A pipeline tells of each command.
        const error = Exit.isSuccess(exit)
          ? (exit.value as ReadonlyArray<{ readonly left: unknown }>)[0]!.left
          : yield* Effect.flip(exit)
        expect(error).toMatchObject({ _tag: expect.stringMatching(/^(Connection|Watch)Error$/) })
      }
      expect(yield* Effect.flip(client.execute(Redis.ping()))).toMatchObject({ reason: "Closed", outcome: "NotSent" })
      expect(yield* client.state.get).toEqual({ _tag: "Closed" })
    })

  it.scopedLive.each(Object.entries(troubles))(
    "scenario 32: %s ends in time, and so does all that is pending",
    ([, trouble]) =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.make()
        const proxy = yield* FaultProxy.make({ port })
        const scope = yield* Scope.make()
        const client = yield* NodeRedis.make({
          port: proxy.port,
          closeTimeout: "100 millis",
          reconnect: Schedule.spaced("1 hour").pipe(Schedule.union(Schedule.recurs(1)))
        }).pipe(Scope.extend(scope))
        trouble(proxy)
        yield* close(client, scope)
      })
  )

  it.scopedLive("scenario 32: while its credentials do not come ends in time, and so does all that is pending", () =>
    Effect.gen(function* () {
      const password = Redacted.make("s3cret")
      const { port } = yield* NodeRedisServer.make({ password })
      const proxy = yield* FaultProxy.make({ port })
      const asked = yield* Deferred.make<void>()
      let runs = 0
      const credentials = Effect.suspend(() =>
        ++runs === 1 ? Effect.succeed({ password }) : Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never)
      )
      const scope = yield* Scope.make()
      const client = yield* NodeRedis.make({
        port: proxy.port,
        credentials,
        closeTimeout: "100 millis",
        reconnect
      }).pipe(Scope.extend(scope))
      proxy.reset()
      yield* Deferred.await(asked)
      yield* close(client, scope)
    })
  )
})

describe("a server that takes nothing", () => {
  const value = "x".repeat(100_000)
  const outcomes = (client: Redis.RedisService, count: number) =>
    Effect.forEach(
      Array.from({ length: count }),
      () => Effect.map(Effect.flip(client.execute(Redis.set("k", value))), (error) => error),
      { concurrency: "unbounded" }
    ).pipe(
      Effect.map((errors) => {
        const counts: Record<string, number> = {}
        for (const error of errors) {
          const kind = error._tag === "TimeoutError" ? error.phase : "reason" in error ? error.reason : error._tag
          const name = `${kind} ${error.outcome}`
          counts[name] = (counts[name] ?? 0) + 1
        }
        return counts
      })
    )

  it.scopedLive("scenario 34: has so many bytes wait for it and no more, and they end by their deadline", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const proxy = yield* FaultProxy.make({ port })
      const client = yield* NodeRedis.make({
        port: proxy.port,
        commandTimeout: "150 millis",
        maxInFlightBytes: 150_000,
        maxWaitingBytes: 1_000_000
      })
      proxy.toClient.pause()
      // Two are in flight, for the second begins within the bound.
      expect(yield* outcomes(client, 30)).toEqual({
        "Reply Unknown": 2,
        "Write NotSent": 7,
        "Overloaded NotSent": 21
      })
      proxy.toClient.resume()
      expect(yield* client.execute(Redis.echo("fine"))).toBe("fine")
    })
  )

  it.scopedLive("scenario 34: is no longer counted for once it has taken them and answered", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const bounds = { maxInFlight: 2, maxInFlightBytes: 250_000, maxWaiting: 3, maxWaitingBytes: 350_000 }
      const client = yield* NodeRedis.make({ port, commandTimeout: "1 second", ...bounds })
      for (let round = 0; round < 10; round++) {
        const three = Array.from({ length: 3 }, () => client.execute(Redis.set("k", value)))
        expect(yield* Effect.all(three, { concurrency: "unbounded" })).toEqual(["OK", "OK", "OK"])
      }
    })
  )

  it.scopedLive(
    "scenario 34: for it cannot be reached has so many wait and no more, and they end by their deadline",
    () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.make()
        const proxy = yield* FaultProxy.make({ port })
        const client = yield* NodeRedis.make({
          port: proxy.port,
          commandTimeout: "150 millis",
          maxWaiting: 20,
          reconnect
        })
        proxy.refuse(true)
        proxy.reset()
        yield* disconnected(client)
        expect(yield* outcomes(client, 30)).toEqual({ "Connect NotSent": 20, "Overloaded NotSent": 10 })
        proxy.refuse(false)
        expect(yield* client.execute(Redis.echo("fine"))).toBe("fine")
      })
  )
})
