import { Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Option, Redacted } from "effect"
import { expect, it } from "vitest"

it("MIGRATE moves keys to another server, which may want a password", () =>
  Effect.gen(function* () {
    const password = Redacted.make("KEYS")
    const here = yield* NodeRedisServer.make()
    const there = yield* NodeRedisServer.make({ password })
    const one = yield* NodeRedis.make({ url: here.url })
    const other = yield* NodeRedis.make({ url: there.url, credentials: { password }, database: 1 })
    const target = { host: there.host, port: there.port, database: 1 }
    yield* Effect.gen(function* () {
      yield* Redis.mset({ a: "1", b: "2" })
      const refused = yield* Effect.flip(Redis.migrate(["a", "b"], target))
      expect(refused).toMatchObject({ _tag: "ReplyError", command: "MIGRATE" })
      expect(yield* Redis.migrate(["a", "x"], { ...target, password: "KEYS", copy: true })).toBe(true)
      expect(
        yield* Redis.migrate(["a", "b"], { ...target, username: "default", password: "KEYS", replace: true })
      ).toBe(true)
      expect(yield* Redis.migrate("a", { ...target, password: "KEYS" })).toBe(false)
    }).pipe(Effect.provideService(Redis.Redis, one))
    const values = yield* Redis.mget(["a", "b"]).pipe(Effect.provideService(Redis.Redis, other))
    expect(values).toEqual([Option.some("1"), Option.some("2")])
  }).pipe(Effect.scoped, Effect.runPromise))
