import { expect, it } from "@effect/vitest"
import { Command, type ConnectionPool, Monitor, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Exit, Fiber, Redacted, Ref, Schedule, Scope, Stream } from "effect"

const first: ConnectionPool.Credentials = { password: Redacted.make("f1rst") }
const second: ConnectionPool.Credentials = { username: "app", password: Redacted.make("s3cond") }

/** A server with both, and its administrator. */
const secured = Effect.gen(function* () {
  const { port } = yield* NodeRedisServer.make({ password: first.password })
  const admin = yield* NodeRedis.make({ port, credentials: first })
  yield* admin.execute(Command.make(["ACL", "SETUSER", "app", "on", ">s3cond", "~*", "&*", "+@all"]))
  return { port, admin }
})

const whoami = (client: Redis.RedisService) => client.execute(Command.make(["ACL", "WHOAMI"]))

const until = (client: Redis.RedisService, name: string) =>
  whoami(client).pipe(
    Effect.filterOrFail((now) => now === name),
    Effect.retry(Schedule.spaced("10 millis")),
    Effect.timeout("2 seconds")
  )

it.scopedLive.each([
  ["fails", Effect.fail("t0ken")],
  ["dies", Effect.die("t0ken")],
  ["is interrupted", Effect.interrupt],
  [
    "throws",
    Effect.sync(() => {
      throw new Error("t0ken")
    })
  ]
] as const)("an Effect of credentials that %s fails the layer", ([, credentials]) =>
  Effect.gen(function* () {
    const { port } = yield* secured
    const error = yield* Effect.flip(NodeRedis.make({ port, credentials })).pipe(Effect.timeout("2 seconds"))
    expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
    expect(JSON.stringify(error) + String(error)).not.toContain("t0ken")
  })
)

it.scopedLive("an Effect of credentials that dies for a while does not end the reconnecting", () =>
  Effect.gen(function* () {
    const { admin, port } = yield* secured
    let runs = 0
    const credentials = Effect.suspend(() => (++runs === 1 || runs > 4 ? Effect.succeed(first) : Effect.die("no")))
    const client = yield* NodeRedis.make({ port, credentials, reconnect: Schedule.spaced("10 millis") })
    yield* admin.execute(Command.make(["CLIENT", "KILL", "SKIPME", "yes"]))
    const again = client.execute(Redis.echo("again")).pipe(Effect.retry(Schedule.spaced("10 millis")))
    expect(yield* Effect.timeout(again, "2 seconds")).toBe("again")
  })
)

/** It cannot be interrupted, as what acquires a resource cannot; the end of the test ends it. */
const hanging = Effect.gen(function* () {
  const latch = yield* Effect.makeLatch()
  yield* Effect.addFinalizer(() => latch.open)
  return Effect.uninterruptible(Effect.as(latch.await, first))
})

it.scopedLive(
  "scenario 25: an Effect of credentials that hangs and cannot be interrupted fails the layer in time",
  () =>
    Effect.gen(function* () {
      const { port } = yield* secured
      const making = NodeRedis.make({ port, credentials: yield* hanging, connectTimeout: "100 millis" })
      const error = yield* Effect.flip(making).pipe(Effect.disconnect, Effect.timeout("1 second"))
      expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Connect", millis: 100, outcome: "NotSent" })
    })
)

it.scopedLive(
  "scenario 25: credentials that hang on a reconnect are asked for again, and do not keep a client open",
  () =>
    Effect.gen(function* () {
      const { admin, port } = yield* secured
      const never = yield* hanging
      let isHanging = false
      const asked = yield* Ref.make(0)
      const credentials = Effect.suspend(() =>
        isHanging
          ? Effect.zipRight(
              Ref.update(asked, (n) => n + 1),
              never
            )
          : Effect.succeed(first)
      )
      const scope = yield* Scope.make()
      const client = yield* NodeRedis.make({
        port,
        credentials,
        connectTimeout: "100 millis",
        reconnect: Schedule.spaced("10 millis")
      }).pipe(Scope.extend(scope))
      const reconnecting = Effect.gen(function* () {
        yield* Ref.set(asked, 0)
        isHanging = true
        yield* admin.execute(Command.make(["CLIENT", "KILL", "SKIPME", "yes"]))
        yield* Effect.repeat(Effect.delay(Ref.get(asked), "5 millis"), { until: (n) => n > 1 })
      }).pipe(Effect.timeout("1 second"))
      yield* reconnecting
      isHanging = false
      expect(yield* whoami(client)).toBe("default")
      yield* reconnecting
      yield* Scope.close(scope, Exit.void).pipe(Effect.disconnect, Effect.timeout("1 second"))
    })
)

it.scopedLive("an Effect of credentials that are none fails the layer, and says what they must be", () =>
  Effect.gen(function* () {
    const { port } = yield* secured
    for (const given of [null, { password: "f1rst" }, { username: 5, password: first.password }]) {
      const credentials = Effect.succeed(given as unknown as ConnectionPool.Credentials)
      const error = yield* Effect.flip(NodeRedis.make({ port, credentials }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Auth", outcome: "NotSent" })
      expect(error.message).toContain("credentials must have a")
      expect(JSON.stringify(error) + String(error)).not.toContain("f1rst")
    }
  })
)

it.scopedLive("credentials that could not be had at first, or never come, are taken up when they change", () =>
  Effect.gen(function* () {
    const { port } = yield* secured
    const answers: Array<Effect.Effect<ConnectionPool.Credentials, string>> = [
      Effect.succeed(first),
      Effect.fail("not now"),
      Effect.die("not now"),
      Effect.never
    ]
    const credentials = Effect.suspend(() => answers.shift() ?? Effect.succeed(second))
    const client = yield* NodeRedis.make({
      port,
      credentials,
      connectTimeout: "200 millis",
      credentialsInterval: "20 millis"
    })
    expect(yield* whoami(client)).toBe("default")
    expect(yield* until(client, "app")).toBe("app")
  })
)

it.scopedLive("credentials that the server refuses at first are tried again", () =>
  Effect.gen(function* () {
    const { admin, port } = yield* secured
    const current = yield* Ref.make(first)
    const client = yield* NodeRedis.make({ port, credentials: Ref.get(current), credentialsInterval: "20 millis" })
    yield* Ref.set(current, { username: "late", password: Redacted.make("l4te") })
    yield* Effect.sleep("60 millis")
    yield* admin.execute(Command.make(["ACL", "SETUSER", "late", "on", ">l4te", "~*", "&*", "+@all"]))
    expect(yield* until(client, "late")).toBe("late")
  })
)

it.scopedLive.each([2, 3] as const)("a monitor goes on when they change, RESP%i", (protocol) =>
  Effect.gen(function* () {
    const { admin, port } = yield* secured
    const current = yield* Ref.make(first)
    const client = yield* NodeRedis.make({
      port,
      protocol,
      credentials: Ref.get(current),
      credentialsInterval: "20 millis"
    })
    const seen = yield* Monitor.stream.pipe(
      Stream.filter(({ command }) => command[1] === "marker"),
      Stream.take(1),
      Stream.runCollect,
      Effect.provideService(Redis.Redis, client),
      Effect.fork
    )
    yield* Effect.sleep("50 millis")
    yield* Ref.set(current, second)
    expect(yield* until(client, "app")).toBe("app")
    yield* admin.execute(Redis.echo("marker"))
    expect([...(yield* Fiber.join(seen))]).toHaveLength(1)
  })
)

it.scopedLive.each([
  ["HELLO", 3],
  ["AUTH", 2]
] as const)("are not in the error of a server that does not know %s", ([name, protocol]) =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make({ args: ["--rename-command", name, ""] })
    const error = yield* Effect.flip(NodeRedis.make({ port, protocol, credentials: first }))
    expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "NotSent" })
    expect(error.message).toContain(`unknown command '${name}'`)
    expect(JSON.stringify(error) + String(error)).not.toContain("f1rst")
  })
)
