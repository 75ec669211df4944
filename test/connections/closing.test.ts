import { spawn } from "node:child_process"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import * as net from "node:net"
import { expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Duration, Effect, Exit, Fiber, Schedule, Scope } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"

/** A client of a scope that the test closes. */
const closable = (options: NodeRedis.Options = {}) =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const client = yield* Scope.extend(NodeRedis.make({ port: proxy.port, ...options }), scope)
    const close = Effect.timed(Scope.close(scope, Exit.void)).pipe(Effect.map(([took]) => Duration.toMillis(took)))
    return { port, proxy, client, close }
  })

it.scopedLive("scenario 32: a client with a command that blocks for ever closes in time, and the command fails", () =>
  Effect.gen(function* () {
    const { client, close } = yield* closable({ closeTimeout: "100 millis" })
    const waiting = yield* Effect.fork(Effect.flip(client.execute(Redis.blpop("queue", Duration.infinity))))
    yield* Effect.sleep("30 millis")
    expect(yield* close).toBeLessThan(1_000)
    expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "Unknown" })
  })
)

it.scopedLive("scenario 32: a client whose server is frozen closes in time, whatever its number of connections", () =>
  Effect.gen(function* () {
    const { client, close, proxy } = yield* closable({ closeTimeout: "200 millis", connections: 4 })
    proxy.toClient.pause()
    const pings = yield* Effect.forEach(Array.from({ length: 8 }), () =>
      Effect.fork(Effect.flip(client.execute(Redis.ping())))
    )
    yield* Effect.sleep("20 millis")
    expect(yield* close).toBeLessThan(700)
    for (const ping of pings) {
      expect(yield* Fiber.join(ping)).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown" })
    }
  })
)

it.scopedLive("scenario 32: a client that closes gives what is in flight its reply, and refuses all that comes", () =>
  Effect.gen(function* () {
    const { client, close, proxy } = yield* closable({ closeTimeout: "2 seconds" })
    proxy.toClient.pause()
    const due = yield* Effect.fork(client.execute(Redis.echo("due")))
    yield* Effect.sleep("20 millis")
    const closing = yield* Effect.fork(close)
    yield* Effect.sleep("20 millis")
    const refused = { _tag: "ConnectionError", reason: "Closed", outcome: "NotSent" }
    const attempts: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      client.execute(Redis.ping()),
      client.execute(Redis.blpop("queue", "1 second")),
      client.transaction([Redis.ping()]),
      Effect.scoped(client.reserve([]))
    ]
    const late = Effect.forEach(attempts, (attempt) => Effect.timed(Effect.flip(attempt)))
    for (const [took, error] of yield* late) {
      expect(error).toMatchObject(refused)
      expect(Duration.toMillis(took)).toBeLessThan(100)
    }
    proxy.toClient.resume()
    expect(yield* Fiber.join(due)).toBe("due")
    yield* Fiber.join(closing)
    for (const [, error] of yield* late) expect(error).toMatchObject(refused)
    expect(yield* client.state.get).toEqual({ _tag: "Closed" })
  })
)

it.scopedLive(
  "scenario 32: a connection that is lost and comes back while the client closes does not open it again",
  () =>
    Effect.gen(function* () {
      const { client, close, proxy } = yield* closable({ reconnect: Schedule.spaced("1 millis") })
      const lease = yield* client.watch(["k"])
      proxy.toClient.pause()
      yield* Effect.fork(Effect.exit(client.execute(Redis.ping())))
      yield* Effect.sleep("20 millis")
      const closing = yield* Effect.fork(close)
      yield* Effect.sleep("20 millis")
      // The lease, which is still out, keeps the client from its end.
      expect(lease.isAlive()).toBe(true)
      proxy.toClient.resume()
      proxy.live[0]!.reset()
      yield* Effect.sleep("100 millis")
      expect(yield* Effect.flip(client.execute(Redis.ping()))).toMatchObject({ reason: "Closed" })
      yield* Fiber.join(closing)
      expect(yield* client.state.get).toEqual({ _tag: "Closed" })
    })
)

it.scopedLive("a Unix socket is closed as any other, and its commands fail when it is", () =>
  Effect.gen(function* () {
    const server = yield* NodeRedisServer.make()
    const admin = yield* NodeRedis.make({ port: server.port })
    const named = admin
      .execute(Redis.clientList())
      .pipe(Effect.map((list) => list.filter(({ name }) => name._tag === "Some" && name.value === "unix").length))
    const scope = yield* Scope.make()
    const options = { path: server.unixSocket, clientName: "unix", closeTimeout: "50 millis" } as const
    const client = yield* Scope.extend(NodeRedis.make(options), scope)
    const waiting = yield* Effect.fork(Effect.flip(client.execute(Redis.blpop("queue", Duration.infinity))))
    yield* Effect.sleep("30 millis")
    expect(yield* named).toBe(2)
    yield* Scope.close(scope, Exit.void)
    expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown" })
    yield* Effect.sleep("30 millis")
    expect(yield* named).toBe(0)
  })
)

it.scopedLive("scenario 32: a layer that is interrupted while it is built leaves no connection", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    proxy.toClient.rechunk = "byte"
    for (let round = 0; round < 30; round++) {
      const building = Effect.scoped(
        Effect.zipRight(NodeRedis.make({ port: proxy.port, connections: 2 }), Effect.never)
      )
      const fiber = yield* Effect.fork(building)
      yield* Effect.sleep(round)
      yield* Fiber.interrupt(fiber)
    }
    yield* Effect.sleep("50 millis")
    expect(proxy.live).toHaveLength(0)
  })
)

it.scopedLive("a client that could not be made does not come to life later", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    proxy.refuse(true)
    const make = NodeRedis.make({ port: proxy.port, reconnect: Schedule.spaced("10 millis") })
    // All attempts share the scope.
    const made = yield* Effect.fork(Effect.retry(make, Schedule.spaced("10 millis")))
    yield* Effect.sleep("100 millis")
    proxy.refuse(false)
    yield* Fiber.join(made)
    yield* Effect.sleep("100 millis")
    expect(proxy.connections).toBe(1)
  })
)

/** The port of a process that listens and accepts no more. */
const deaf = Effect.gen(function* () {
  const listen = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
    console.log(this.address().port)
  })`
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, ["-e", listen], { stdio: ["ignore", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const port = yield* Effect.async<number>((resume) => {
    child.stdout.once("data", (data) => resume(Effect.succeed(Number(String(data)))))
  })
  child.kill("SIGSTOP")
  yield* Effect.acquireRelease(
    Effect.sync(() => Array.from({ length: 4 }, () => net.connect(port, "127.0.0.1").on("error", () => {}))),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => void socket.destroy()))
  )
  return port
})

it.scopedLive("scenario 36: a socket that has not yet connected is given up with its attempt", () =>
  Effect.gen(function* () {
    const port = yield* deaf
    yield* Effect.sleep("50 millis")
    const sockets: Array<net.Socket> = []
    const note = (message: unknown) => void sockets.push((message as { readonly socket: net.Socket }).socket)
    subscribe("net.client.socket", note)
    const error = yield* Effect.flip(
      Effect.scoped(NodeRedis.make({ port, host: "127.0.0.1", connectTimeout: "100 millis" }))
    )
    unsubscribe("net.client.socket", note)
    expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Connect" })
    expect(sockets.map((socket) => socket.destroyed)).toEqual([true])
  })
)

it.scopedLive("a client that has given up to reconnect says so at once", () =>
  Effect.gen(function* () {
    const { client, proxy } = yield* closable({ reconnect: Schedule.recurs(1) })
    proxy.refuse(true)
    proxy.reset()
    yield* Effect.sleep("50 millis")
    expect(yield* client.state.get).toEqual({ _tag: "Closed" })
    const [took, error] = yield* Effect.timed(Effect.flip(client.execute(Redis.blpop("queue", "1 second"))))
    expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "NotSent" })
    expect(Duration.toMillis(took)).toBeLessThan(500)
    expect(yield* Effect.flip(client.execute(Command.make(["PING"])))).toMatchObject({ outcome: "NotSent" })
  })
)
