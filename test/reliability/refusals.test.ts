import { expect, it } from "@effect/vitest"
import { Command, ConnectionPool, Redis, type Transport } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Deferred, Effect, Redacted, Ref, Schedule } from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const first = Redacted.make("first-secret")
const second = Redacted.make("second-secret")

/** A server with a password, its administrator, whom no kill concerns, and a proxy. */
const secured = Effect.gen(function* () {
  const { port } = yield* NodeRedisServer.make({ password: first })
  const admin = yield* NodeRedis.make({ port, credentials: { password: first } })
  return { admin, proxy: yield* FaultProxy.make({ port }) }
})

const changePassword = (admin: Redis.RedisService, password: Redacted.Redacted<string>) =>
  admin.execute(Command.make(["CONFIG", "SET", "requirepass", Redacted.value(password)]))

const killAll = (admin: Redis.RedisService) => admin.execute(Command.make(["CLIENT", "KILL", "SKIPME", "yes"]))

describe("credentials that are refused", () => {
  it.scopedLive.each([2, 3] as const)(
    "scenario 29: are told after one attempt where there was no connection yet, RESP%i",
    (protocol) =>
      Effect.gen(function* () {
        const { admin, proxy } = yield* secured
        const limited = ["ACL", "SETUSER", "limited", "on", ">l1mited", "~*", "&*", "+@all", "-select"] as const
        yield* admin.execute(Command.make(limited))
        const refused: ReadonlyArray<readonly [code: string, options: NodeRedis.Options]> = [
          ["WRONGPASS", { credentials: { password: second } }],
          ["NOAUTH", { database: 1 }],
          ["NOPERM", { credentials: { username: "limited", password: Redacted.make("l1mited") }, database: 1 }]
        ]
        for (const [attempt, [code, options]] of refused.entries()) {
          const error = yield* Effect.flip(NodeRedis.make({ port: proxy.port, protocol, ...options }))
          expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
          expect(error.message).toContain(code)
          expect(proxy.connections).toBe(attempt + 1)
        }
      })
  )

  it.scopedLive(
    "scenario 29: on reconnecting fail at once who waits, are tried at the schedule's pace, and may be mended",
    () =>
      Effect.gen(function* () {
        const { admin, proxy } = yield* secured
        const client = yield* NodeRedis.make({
          port: proxy.port,
          credentials: { password: first },
          reconnect: Schedule.spaced("50 millis")
        })
        yield* changePassword(admin, second)
        yield* killAll(admin)
        const write = client.execute(Redis.incr("n"))
        const refused = yield* Effect.flip(write).pipe(
          Effect.repeat({ until: (error) => error.outcome === "NotSent" }),
          Effect.timeout("1 second")
        )
        expect(refused).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent", command: "INCR" })
        const before = proxy.connections
        yield* Effect.sleep("250 millis")
        expect(proxy.connections - before).toBeLessThanOrEqual(6)
        yield* changePassword(admin, first)
        yield* eventually("a reply", Effect.as(client.execute(Redis.ping()), undefined), 2_000)
        expect(yield* admin.execute(Redis.exists("n"))).toBe(0)
      })
  )

  it.scopedLive("scenario 29: are asked for again on reconnecting, and nobody notices where they have changed", () =>
    Effect.gen(function* () {
      const { admin, proxy } = yield* secured
      const current = yield* Ref.make(first)
      const client = yield* NodeRedis.make({
        port: proxy.port,
        credentials: Effect.map(Ref.get(current), (password) => ({ password })),
        reconnect: Schedule.spaced("5 millis")
      })
      yield* Ref.set(current, second)
      yield* changePassword(admin, second)
      yield* killAll(admin)
      yield* eventually(
        "a new connection",
        Effect.sync(() => (proxy.connections === 2 ? undefined : "none")),
        1_000
      )
      expect(yield* client.execute(Redis.incr("n"))).toBe(1)
      expect(proxy.connections).toBe(2)
    })
  )

  it.scopedLive.each(["ERR invalid password", "ERR Client sent AUTH, but no password is set"])(
    "scenario 29: are known by the words of servers without users, too: %s",
    (words) =>
      Effect.gen(function* () {
        const peer = yield* ScriptedPeer.make(([name], connection) =>
          connection.write(name === "AUTH" ? `-${words}\r\n` : "-ERR unknown command `HELLO`\r\n")
        )
        const error = yield* Effect.flip(NodeRedis.make({ port: peer.port, credentials: { password: first } }))
        expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
        expect(error.message).toContain(words)
        expect(peer.connections).toHaveLength(1)
      })
  )
})

it.scopedLive(
  "scenario 29: a server that refuses RESP3 is asked for it once a connection, and spoken to in RESP2",
  () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const peer = yield* ScriptedPeer.make((words, connection) => {
        told.push(`${connection.id} ${words[0]}`)
        if (words[0] === "HELLO") connection.write("-NOPROTO unsupported protocol version\r\n")
        else if (!ScriptedPeer.greet(words, connection)) connection.write("+fine\r\n")
      })
      const options = { port: peer.port, credentials: { password: first }, reconnect: Schedule.spaced("1 millis") }
      const client = yield* NodeRedis.make(options)
      peer.connections[0]!.reset()
      yield* eventually(
        "reconnected",
        Effect.sync(() => (told.includes("2 CLIENT") ? undefined : "not")),
        1_000
      )
      expect(yield* client.execute(Redis.echo("x"))).toBe("fine")
      expect(told).toEqual(
        [1, 2].flatMap((id) => ["HELLO", "AUTH", "CLIENT", "CLIENT"].map((name) => `${id} ${name}`)).concat("2 ECHO")
      )
      const insisting = yield* Effect.flip(NodeRedis.make({ ...options, protocol: 3 }))
      expect(insisting).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
      expect(insisting.message).toContain("NOPROTO")
    })
)

it.scopedLive("scenario 30: a server that has all the clients it takes is quoted by who wants another connection", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make({ args: ["--maxclients", "2"] })
    const client = yield* NodeRedis.make({ port })
    const full = { _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" }
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* NodeRedis.make({ port })
        const refused = [
          yield* Effect.flip(NodeRedis.make({ port })),
          yield* Effect.flip(client.execute(Redis.blpop("list", "1 second")))
        ]
        for (const error of refused) {
          expect(error).toMatchObject(full)
          expect(error.message).toContain("max number of clients reached")
        }
        // Those who have one go on.
        expect(yield* client.execute(Redis.echo("here"))).toBe("here")
      })
    )
    const pushed = Effect.scoped(
      Effect.flatMap(client.reserve([]), (lease) => lease.execute(Redis.rpush("list", ["x"])))
    )
    yield* eventually("a place", Effect.as(pushed, undefined), 1_000)
  })
)

it.scopedLive.each(["ERR max number of clients reached", "DENIED it is running in protected mode"])(
  "scenario 30: a server that says %s before it is told a word is quoted, and told nothing",
  (words) =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make(() => {}, {
        onConnect: (connection) => {
          connection.write(`-${words}\r\n`)
          connection.end()
        }
      })
      const real = yield* NodeRedis.connector({ port: peer.port })
      const heard = yield* Deferred.make<void>()
      const connector: Transport.Connector = {
        ...real,
        connect: (handler) =>
          real.connect({
            ...handler,
            onData: (chunk) => {
              handler.onData(chunk)
              Deferred.unsafeDone(heard, Effect.void)
            }
          })
      }
      // The set-up begins with the credentials, which come when the refusal has.
      const credentials = Effect.as(Deferred.await(heard), { password: first })
      const error = yield* Effect.flip(ConnectionPool.make(connector, { credentials }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
      expect(error.message).toContain(words)
      expect(peer.received).toEqual([])
    })
)
