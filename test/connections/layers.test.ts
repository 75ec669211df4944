import { describe, expect, it, layer } from "@effect/vitest"
import { Command, Redis, RedisError, RedisPubSub, Scan } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Config, ConfigProvider, Effect, Layer, Option, Redacted, Ref, Stream } from "effect"
import { anotherClient, redisLayer } from "../support/redis.js"

const info = Command.make(["CLIENT", "INFO"]).pipe(Command.map(String))

layer(redisLayer(), { excludeTestServices: true })("layers", (it) => {
  it.effect("speak RESP3 by default and RESP2 when asked", () =>
    Effect.gen(function* () {
      expect(yield* info).toContain(" resp=3")
      const old = yield* anotherClient({ protocol: 2 })
      expect(yield* old.execute(info)).toContain(" resp=2")
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 28: set database and name before any command, also on reserved connections", () =>
    Effect.gen(function* () {
      const client = yield* anotherClient({ database: 3, clientName: "reports" })
      expect(yield* client.execute(info)).toMatch(/ name=reports .* db=3 /)
      const lease = yield* client.reserve([])
      expect(yield* lease.execute(info)).toMatch(/ name=reports .* db=3 /)
    }).pipe(Effect.scoped)
  )

  it.effect("serve several databases of one program by tags", () =>
    Effect.gen(function* () {
      class Sessions extends Redis.Tag("Sessions")<Sessions>() {}
      const server = yield* NodeRedisServer.NodeRedisServer
      const program = Effect.gen(function* () {
        yield* Redis.set("who", "default")
        yield* Redis.set("who", "sessions").pipe(Redis.use(Sessions))
        return [yield* Redis.get("who"), yield* Redis.get("who").pipe(Redis.use(Sessions))]
      })
      const answers = yield* program.pipe(
        Effect.provide(Redis.layerFor(Sessions, NodeRedis.layer({ port: server.port, database: 1 })))
      )
      expect(answers).toEqual([Option.some("default"), Option.some("sessions")])
    })
  )

  it.effect("serve several servers of one program by tags, streams included", () =>
    Effect.gen(function* () {
      class Events extends Redis.Tag("Events")<Events>() {}
      const other = yield* NodeRedisServer.make()
      const program = Effect.gen(function* () {
        const news = yield* RedisPubSub.subscribed({ channels: "news" }).pipe(Redis.use(Events))
        expect(yield* Redis.publish("news", "to nobody")).toBe(0)
        expect(yield* Redis.publish("news", "hello").pipe(Redis.use(Events))).toBe(1)
        const first = yield* Stream.runHead(news)
        const keys = Scan.keys().pipe(Redis.useStream(Events), Stream.runCount)
        yield* Redis.set("here", 1)
        return { message: Option.map(first, ({ data }) => data), keys: yield* keys }
      })
      const answer = yield* program.pipe(Effect.provide(Redis.layerFor(Events, NodeRedis.layer({ port: other.port }))))
      expect(answer).toEqual({ message: Option.some("hello"), keys: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("read their options from a URL", () =>
    Effect.gen(function* () {
      const server = yield* NodeRedisServer.NodeRedisServer
      for (const scheme of ["redis", "valkey"]) {
        const client = NodeRedis.layerUrl(`${scheme}://127.0.0.1:${server.port}/2`)
        expect(yield* info.pipe(Effect.provide(client))).toContain(" db=2 ")
      }
      const unix = NodeRedis.layerUrl(`unix://${server.unixSocket}?db=4`)
      expect(yield* info.pipe(Effect.provide(unix))).toMatch(/ addr=\S*(?:redis|valkey|sock)\S*:0 .* db=4 /)
    })
  )

  it.effect("read their options from Config", () =>
    Effect.gen(function* () {
      const server = yield* NodeRedisServer.NodeRedisServer
      const live = NodeRedis.layerConfig({
        url: Config.redacted("REDIS_URL"),
        commandTimeout: Config.duration("REDIS_TIMEOUT")
      })
      const provider = ConfigProvider.fromMap(
        new Map([
          ["REDIS_URL", `redis://127.0.0.1:${server.port}/5`],
          ["REDIS_TIMEOUT", "2 seconds"]
        ])
      )
      expect(yield* info.pipe(Effect.provide(live), Effect.withConfigProvider(provider))).toContain(" db=5 ")
      const missing = yield* Effect.flip(
        info.pipe(Effect.provide(live), Effect.withConfigProvider(ConfigProvider.fromMap(new Map())))
      )
      expect(String(missing)).toContain("REDIS_URL")
    })
  )

  it.effect("leave nothing behind when their scope ends", () =>
    Effect.gen(function* () {
      const clients = Redis.clientList().pipe(
        Effect.map((list) => list.filter((client) => Option.contains(client.name, "short-lived")).length)
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* anotherClient({ clientName: "short-lived", connections: 3 })
          yield* Effect.scoped(client.reserve([]))
          expect(yield* clients).toBe(4)
        })
      )
      expect(
        yield* clients.pipe(Effect.repeat({ until: (count) => count === 0, times: 100 }), Effect.delay("5 millis"))
      ).toBe(0)
    })
  )

  it.effect("tell their state", () =>
    Effect.gen(function* () {
      const client = yield* anotherClient()
      expect(yield* client.state.get).toMatchObject({ _tag: "Connected" })
    }).pipe(Effect.scoped)
  )
})

describe("options that cannot be used", () => {
  const secret = "s3cr3t"
  const cases: ReadonlyArray<readonly [NodeRedis.Options, string]> = [
    [{ url: `http://u:${secret}@localhost` }, "url has the scheme http: where"],
    [{ url: "nonsense" }, "url is not a valid URL"],
    [{ url: `redis://u:${secret}@localhost/one` }, "url has a database that is not a number"],
    [{ url: `redis://u:${secret}@localhost/0?timeout=1` }, "url has an unknown parameter: timeout"],
    [{ url: `redis://u:1?${secret}@localhost` }, "url has a ? or # before an @"],
    [{ url: `redis://u:1#${secret}@localhost` }, "url has a ? or # before an @"],
    [{ url: "redis://localhost#1" }, "url has a fragment"],
    [{ url: `${secret}:@localhost` }, "url has no // behind its scheme"],
    [
      { tls: { cert: secret } },
      "tls has a certificate, key or passphrase that cannot be used: ERR_OSSL_PEM_NO_START_LINE"
    ],
    [{ url: "redis://user@localhost" }, "url has a user name without a password"],
    [{ url: "redis://:%zz@localhost" }, "url has a malformed percent-encoding"],
    [{ url: "unix://" }, "url names no socket path"],
    [{ port: 70_000 }, "port must be a whole number from 1 to 65535"],
    [{ path: "/tmp/x.sock", tls: true }, "tls does not go over a Unix socket"],
    [{ database: -1 }, "database must be a whole number of at least 0"],
    [{ clientName: "two words" }, "clientName must be printable ASCII without spaces"],
    [{ connections: 0 }, "connections must be a whole number from 1 to 1000"]
  ]
  it.effect.each(cases)("%o", ([options, reason]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(NodeRedis.make(options)))
      expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
      expect(error.message).toContain(reason)
      expect(String(error)).not.toContain(secret)
    })
  )
})

describe("credentials", () => {
  const password = Redacted.make("p@ss:/word")
  const secured = Layer.unwrapScoped(
    Effect.gen(function* () {
      const server = yield* NodeRedisServer.make({ password })
      const admin = yield* NodeRedis.make({ port: server.port, credentials: { password } })
      yield* admin.execute(Command.make(["ACL", "SETUSER", "app", "on", ">first", "~*", "&*", "+@all"]))
      return Layer.merge(Layer.succeed(Redis.Redis, admin), Layer.succeed(NodeRedisServer.NodeRedisServer, server))
    })
  )
  const whoami = Command.make(["ACL", "WHOAMI"])

  describe.each([2, 3] as const)("RESP%i", (protocol) => {
    layer(secured, { excludeTestServices: true })((it) => {
      it.effect("of a user, of the default user, and in a URL", () =>
        Effect.gen(function* () {
          const { port } = yield* NodeRedisServer.NodeRedisServer
          const app = yield* NodeRedis.make({
            port,
            protocol,
            credentials: { username: "app", password: Redacted.make("first") }
          })
          expect(yield* app.execute(whoami)).toBe("app")
          const plain = yield* NodeRedis.make({ port, protocol, credentials: { password } })
          expect(yield* plain.execute(whoami)).toBe("default")
          const url = Redacted.make(`redis://default:${encodeURIComponent(Redacted.value(password))}@127.0.0.1:${port}`)
          const byUrl = yield* NodeRedis.make({ url, protocol })
          expect(yield* byUrl.execute(whoami)).toBe("default")
        }).pipe(Effect.scoped)
      )

      it.effect("scenario 29: that are refused or missing fail the layer, and are in no error", () =>
        Effect.gen(function* () {
          const { port } = yield* NodeRedisServer.NodeRedisServer
          const wrong = yield* Effect.flip(
            NodeRedis.make({ port, protocol, credentials: { username: "app", password: Redacted.make("wr0ng-one") } })
          )
          expect(wrong).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
          expect(wrong.message).toContain("WRONGPASS")
          expect(JSON.stringify(wrong) + String(wrong)).not.toContain("wr0ng-one")
          const missing = yield* Effect.flip(NodeRedis.make({ port, protocol, database: 1 }))
          expect(missing).toMatchObject({ _tag: "ConnectionError", reason: "Auth" })
        }).pipe(Effect.scoped)
      )

      it.effect("that rotate are taken up by live connections", () =>
        Effect.gen(function* () {
          const { port } = yield* NodeRedisServer.NodeRedisServer
          yield* Command.make(["ACL", "SETUSER", "next", "on", ">second", "~*", "&*", "+@all"])
          const current = yield* Ref.make({ username: "app", password: Redacted.make("first") })
          const client = yield* NodeRedis.make({
            port,
            protocol,
            credentials: Ref.get(current),
            credentialsInterval: "20 millis"
          })
          const id = yield* client.execute(Redis.clientId)
          expect(yield* client.execute(whoami)).toBe("app")
          yield* Ref.set(current, { username: "next", password: Redacted.make("second") })
          const user = yield* client
            .execute(whoami)
            .pipe(Effect.delay("10 millis"), Effect.repeat({ until: (name) => name === "next", times: 100 }))
          expect(user).toBe("next")
          expect(yield* client.execute(Redis.clientId)).toBe(id)
        }).pipe(Effect.scoped)
      )
    })
  })
})

it.scopedLive("scenario 29: a server that does not know HELLO is spoken to in RESP2", () =>
  Effect.gen(function* () {
    const server = yield* NodeRedisServer.make({ args: ["--rename-command", "HELLO", ""] })
    const client = yield* NodeRedis.make({ port: server.port })
    expect(yield* client.execute(Redis.echo("hi"))).toBe("hi")
    const error = yield* Effect.flip(NodeRedis.make({ port: server.port, protocol: 3 }))
    expect(error).toBeInstanceOf(RedisError.ConnectionError)
    expect(error).toMatchObject({ reason: "Handshake" })
  })
)
