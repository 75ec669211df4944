import { createServer, type Socket, connect as tcpConnect } from "node:net"
import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Chunk, Effect, Exit, Fiber, Option, Redacted, Schedule, Scope, Stream } from "effect"
import { anotherClient, redisLayer } from "../support/redis.js"
import { eventually, noSubscriptions } from "./eventually.js"

const killSubscribers = Command.make(["CLIENT", "KILL", "TYPE", "pubsub"])

const subscribers = Command.make(["CLIENT", "LIST", "TYPE", "PUBSUB"]).pipe(
  Effect.map(
    (list) =>
      String(list)
        .split("\n")
        .filter((line) => line !== "").length
  )
)

/** A proxy whose connections the test can cut, or make silent. */
const makeProxy = Effect.gen(function* () {
  const { port } = yield* NodeRedisServer.NodeRedisServer
  const state = { onOpen: (_socket: Socket, _upstream: Socket) => {}, opened: 0, sockets: new Set<Socket>() }
  const server = createServer((socket) => {
    const upstream = tcpConnect(port, "127.0.0.1")
    state.opened++
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket]
    ] as const) {
      one.on("error", () => {})
      one.on("close", () => other.destroy())
    }
    state.sockets.add(socket)
    socket.on("close", () => state.sockets.delete(socket))
    socket.pipe(upstream)
    upstream.pipe(socket)
    state.onOpen(socket, upstream)
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        for (const socket of state.sockets) socket.destroy()
        server.close()
      })
  )
  return { ...state, state, port: (server.address() as { port: number }).port }
})

describe.each([2, 3] as const)("subscriptions and lost connections, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 67: survive, all kinds of them, with a Gap before anything new", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        const handled: Array<string> = []
        const name = Uint8Array.of(0xff, 0xfe)
        yield* pubSub.subscribe(["plain", name])
        yield* pubSub.psubscribe({ "pat.*": ({ data }) => Effect.sync(() => handled.push(data)) })
        yield* pubSub.ssubscribe("shard")
        yield* killSubscribers
        expect(yield* pubSub.take).toEqual({ type: "gap", reason: "Reconnected" })
        // After the Gap everything stands.
        expect(yield* Redis.publish("plain", "1")).toBe(1)
        expect(yield* Redis.publish(name, "2")).toBe(1)
        expect(yield* Redis.publish("pat.x", "3")).toBe(1)
        expect(yield* Redis.spublish("shard", "4")).toBe(1)
        const got = yield* Effect.all([pubSub.take, pubSub.take, pubSub.take])
        expect(got.map((event) => ("data" in event ? event.data : event.type)).sort()).toEqual(["1", "2", "4"])
        expect(handled).toEqual(["3"])
        expect(yield* pubSub.poll({ timeout: "50 millis" })).toEqual(Option.none())
      })
    )

    it.scoped("scenario 67: streams go on, and events shows the Gap", () =>
      Effect.gen(function* () {
        const fiber = yield* RedisPubSub.subscribe("go on").pipe(Stream.take(2), Stream.runCollect, Effect.fork)
        const events = yield* RedisPubSub.events({ channels: "go on" }).pipe(
          Stream.take(4),
          Stream.runCollect,
          Effect.fork
        )
        yield* eventually(Redis.pubsubNumsub("go on"), ([entry]) => entry![1] === 1)
        yield* Redis.publish("go on", "1")
        yield* killSubscribers
        yield* eventually(Redis.pubsubNumsub("go on"), ([entry]) => entry![1] === 1)
        yield* Redis.publish("go on", "2")
        expect(Chunk.toReadonlyArray(yield* Fiber.join(fiber)).map(({ data }) => data)).toEqual(["1", "2"])
        expect(Chunk.toReadonlyArray(yield* Fiber.join(events)).map(({ type }) => type)).toEqual([
          "subscribe",
          "message",
          "gap",
          "message"
        ])
      })
    )

    it.scoped("scenario 68: are whole in the end though the connection drops again and again meanwhile", () =>
      Effect.gen(function* () {
        const proxy = yield* makeProxy
        const redis = yield* anotherClient({
          protocol,
          port: proxy.port,
          reconnect: Schedule.spaced("5 millis")
        })
        yield* Effect.gen(function* () {
          const names = Array.from({ length: 3_000 }, (_, i) => `again:${i}`)
          const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
          yield* pubSub.subscribe(names)
          yield* pubSub.psubscribe(["x*", "y*"])
          let drops = 0
          proxy.state.onOpen = (socket, upstream) => {
            // Each time somewhere else in what the server answers.
            let seen = 0
            upstream.on("data", (chunk) => {
              seen += chunk.length
              if (drops < 12 && seen > 400 + drops * 3_000) {
                drops++
                socket.destroy()
              }
            })
          }
          for (const socket of proxy.sockets) socket.destroy()
          yield* eventually(
            Effect.sync(() => drops),
            (count) => count === 12
          )
          yield* eventually(Redis.pubsubChannels("again:*"), (channels) => channels.length === 3_000)
          expect(yield* eventually(Redis.pubsubNumpat, (patterns) => patterns === 2)).toBe(2)
          expect((yield* pubSub.take).type).toBe("gap")
          yield* Redis.publish("again:2999", "here")
          let event = yield* pubSub.take
          while (event.type === "gap") event = yield* pubSub.take
          expect(event).toMatchObject({ data: "here" })
        }).pipe(Effect.provideService(Redis.Redis, redis))
      })
    )

    it.scoped("scenario 69: are not brought back when they end meanwhile, and calls wait for the reconnect", () =>
      Effect.gen(function* () {
        const proxy = yield* makeProxy
        const redis = yield* anotherClient({ protocol, port: proxy.port, reconnect: Schedule.spaced("300 millis") })
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, redis)
        )
        yield* pubSub.subscribe(["stays", "goes"])
        for (const socket of proxy.sockets) socket.destroy()
        yield* eventually(subscribers, (count) => count === 0)
        // The schedule lets the first attempt go at once: make it fail.
        proxy.state.onOpen = (socket) => socket.destroy()
        yield* pubSub.unsubscribe("goes")
        const joining = yield* Effect.fork(pubSub.subscribe("joins"))
        proxy.state.onOpen = () => {}
        yield* Fiber.join(joining)
        expect([...(yield* Redis.pubsubChannels())].sort()).toEqual(["joins", "stays"])
        expect(yield* pubSub.subscriptions).toEqual({
          channels: ["stays", "joins"],
          patterns: [],
          shardChannels: []
        })
      })
    )

    it.scoped("scenario 75: a silent connection is found by a heartbeat", () =>
      Effect.gen(function* () {
        const proxy = yield* makeProxy
        const redis = yield* anotherClient({
          protocol,
          port: proxy.port,
          keepAlive: "50 millis",
          commandTimeout: "100 millis"
        })
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, redis)
        )
        yield* pubSub.subscribe("quiet")
        yield* Effect.sleep("400 millis")
        // An idle but live connection is left alone.
        expect(proxy.state.opened).toBeLessThanOrEqual(2)
        for (const socket of proxy.sockets) {
          socket.unpipe()
          socket.pause()
        }
        const before = proxy.state.opened
        expect(yield* pubSub.take.pipe(Effect.timeout("3 seconds"))).toEqual({ type: "gap", reason: "Reconnected" })
        expect(proxy.state.opened).toBeGreaterThan(before)
        yield* Redis.publish("quiet", "x")
        expect(yield* pubSub.take).toMatchObject({ data: "x" })
      })
    )

    it.scoped("subscribe gives up after commandTimeout, and leaves nothing", () =>
      Effect.gen(function* () {
        const proxy = yield* makeProxy
        const redis = yield* anotherClient({ protocol, port: proxy.port, commandTimeout: "200 millis" })
        proxy.state.onOpen = (socket) => socket.destroy()
        const error = yield* RedisPubSub.subscribed({ channels: "never" }).pipe(
          Effect.provideService(Redis.Redis, redis),
          Effect.flip
        )
        expect(error).toMatchObject({
          _tag: "TimeoutError",
          phase: "Connect",
          outcome: "NotSent",
          command: "SUBSCRIBE"
        })
        expect(yield* Redis.pubsubChannels()).toEqual([])
      })
    )

    it.scoped("fail when the schedule is exhausted; what had come can still be taken", () =>
      Effect.gen(function* () {
        const proxy = yield* makeProxy
        const redis = yield* anotherClient({ protocol, port: proxy.port, reconnect: Schedule.recurs(2) })
        const provide = Effect.provideService(Redis.Redis, redis)
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(provide)
        yield* pubSub.subscribe("last")
        yield* Redis.publish("last", "words")
        yield* Effect.sleep("50 millis")
        proxy.state.onOpen = (socket) => socket.destroy()
        for (const socket of proxy.sockets) socket.destroy()
        yield* Effect.sleep("100 millis")
        expect(yield* pubSub.take).toMatchObject({ data: "words" })
        expect(yield* Effect.flip(pubSub.take)).toMatchObject({ _tag: "ConnectionError" })
        expect(yield* Effect.flip(pubSub.poll())).toMatchObject({ _tag: "ConnectionError" })
        expect(yield* Effect.flip(pubSub.subscribe("more"))).toMatchObject({ _tag: "ConnectionError" })
        // A new subscriber tries anew.
        proxy.state.onOpen = () => {}
        const again = yield* RedisPubSub.make().pipe(provide)
        yield* again.subscribe("again")
        expect(yield* again.take).toEqual({ type: "subscribe", channel: "again", count: 1 })
      })
    )

    it.scoped("fail, with the address, when the schedule itself throws, and when the client ends", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const client = yield* anotherClient({
          protocol,
          reconnect: Schedule.map(Schedule.recurs(9), () => {
            throw new Error("no schedule")
          })
        }).pipe(Scope.extend(scope))
        const on = Effect.provideService(Redis.Redis, client)
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(on)
        yield* pubSub.subscribe("news")
        yield* killSubscribers
        const error = yield* pubSub.take.pipe(
          Effect.repeat({ until: () => false }),
          Effect.timeoutFail({ duration: "3 seconds", onTimeout: () => new Error("left waiting") }),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "NotSent" })
        expect(error.message).toMatch(/127\.0\.0\.1:\d+/)
        const other = yield* RedisPubSub.make().pipe(on)
        yield* Scope.close(scope, Exit.void)
        const ended = yield* Effect.flip(other.take)
        expect(ended).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
        expect(ended.message).toMatch(/127\.0\.0\.1:\d+/)
      })
    )

    it.scoped("scenario 72: a refused name fails its own subscriber alone, then and on a new connection", () =>
      Effect.gen(function* () {
        yield* Command.make(["ACL", "SETUSER", "narrow", "on", ">pw", "+@all", "~*", "resetchannels", "&ok*", "&later"])
        const redis = yield* anotherClient({
          protocol,
          credentials: { username: "narrow", password: Redacted.make("pw") }
        })
        const provide = Effect.provideService(Redis.Redis, redis)
        const fine = yield* RedisPubSub.subscribed({ channels: "ok" }).pipe(provide)
        const later = yield* RedisPubSub.subscribed({ channels: ["later", "ok2"] }).pipe(provide)
        const both = yield* Effect.all(
          [
            RedisPubSub.subscribed({ channels: ["ok3", "forbidden"] }).pipe(provide, Effect.either),
            RedisPubSub.subscribed({ channels: "ok4" }).pipe(provide, Effect.either)
          ],
          { concurrency: "unbounded" }
        )
        expect(both.map(({ _tag }) => _tag)).toEqual(["Left", "Right"])
        expect(both[0]).toMatchObject({
          left: { _tag: "ReplyError", code: "NOPERM", command: "SUBSCRIBE", outcome: "Rejected" }
        })
        const sorted = Effect.map(Redis.pubsubChannels(), (names) => [...names].sort().join())
        expect(yield* eventually(sorted, (names) => names === "later,ok,ok2,ok4")).toBe("later,ok,ok2,ok4")
        // Taking the permission away makes the server close the connection.
        yield* Command.make(["ACL", "SETUSER", "narrow", "resetchannels", "&ok*"])
        expect(yield* Effect.flip(Stream.runDrain(later))).toMatchObject({ _tag: "ReplyError", code: "NOPERM" })
        expect(yield* eventually(sorted, (names) => names === "ok,ok4")).toBe("ok,ok4")
        yield* Redis.publish("ok", "x")
        expect(yield* Stream.runHead(fine)).toMatchObject({ value: { data: "x" } })
      })
    )

    it.scoped("scenario 31: works where PING is forbidden", () =>
      Effect.gen(function* () {
        yield* Command.make(["ACL", "SETUSER", "noping", "on", ">pw", "+@all", "-ping", "~*", "resetchannels", "&ok*"])
        const redis = yield* anotherClient({
          protocol,
          keepAlive: "30 millis",
          credentials: { username: "noping", password: Redacted.make("pw") }
        })
        const provide = Effect.provideService(Redis.Redis, redis)
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(provide)
        yield* pubSub.subscribe(["ok1", "ok2"])
        expect(yield* Effect.flip(pubSub.subscribe("bad"))).toMatchObject({ code: "NOPERM" })
        yield* pubSub.psubscribe("ok*")
        yield* Effect.sleep("100 millis")
        yield* pubSub.unsubscribe()
        yield* Redis.publish("ok1", "x")
        expect(yield* pubSub.take).toMatchObject({ type: "pmessage", data: "x" })
      })
    )

    it.scoped("refused credentials are told at once", () =>
      Effect.gen(function* () {
        yield* Command.make(["ACL", "SETUSER", "gone", "on", ">pw", "+@all", "~*", "&*"])
        const redis = yield* anotherClient({
          protocol,
          credentials: { username: "gone", password: Redacted.make("pw") }
        })
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
          Effect.provideService(Redis.Redis, redis)
        )
        yield* pubSub.subscribe("c")
        yield* Command.make(["ACL", "SETUSER", "gone", ">other", "<pw"])
        yield* killSubscribers
        expect(yield* pubSub.take.pipe(Effect.flip, Effect.timeout("3 seconds"))).toMatchObject({
          _tag: "ConnectionError",
          reason: "Auth"
        })
      })
    )

    it.scoped("closing the client ends its subscribers and leaves nothing", () =>
      Effect.gen(function* () {
        yield* eventually(subscribers, (count) => count === 0)
        const { fiber, pubSub } = yield* Effect.scoped(
          Effect.gen(function* () {
            const redis = yield* anotherClient({ protocol })
            const pubSub = yield* RedisPubSub.make().pipe(Effect.provideService(Redis.Redis, redis))
            yield* pubSub.subscribe("c")
            yield* pubSub.take
            const fiber = yield* Effect.forkDaemon(Effect.flip(pubSub.take))
            yield* Effect.yieldNow()
            return { fiber, pubSub }
          })
        )
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
        expect(yield* Effect.flip(pubSub.subscribe("d"))).toMatchObject({ _tag: "ConnectionError", reason: "Closed" })
        yield* eventually(subscribers, (count) => count === 0)
        yield* noSubscriptions
      })
    )
  })
})
