import { expect, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, RedisError } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Effect, Option } from "effect"
import { anotherClient, behindProxy, redisLayer } from "../support/redis.js"

const visits = Effect.map(
  Redis.get("visits"),
  Option.getOrElse(() => "0")
)

layer(redisLayer(), { excludeTestServices: true })("what is tried again because that is safe", (it) => {
  /** A client whose next connection is lost when the server has got an INCR, and has not answered yet. */
  const losing = Effect.gen(function* () {
    const { client, proxy } = yield* behindProxy()
    yield* Redis.del("visits")
    yield* client.execute(Redis.ping())
    proxy.toClient.drop = true
    proxy.afterRequest("INCR visits", () => {
      proxy.toClient.drop = false
      proxy.reset()
    })
    return client
  })

  it.scoped("scenario 19: is no pipeline with a write whose reply was lost, whatever stands first in it", () =>
    Effect.gen(function* () {
      for (const parts of [
        [Redis.get("name"), Redis.incr("visits")],
        [Redis.incr("visits"), Redis.get("name")]
      ]) {
        const client = yield* losing
        const tried = Pipeline.all(parts).pipe(Effect.retry(RedisError.retryPolicy))
        const error = yield* Effect.flip(Effect.provideService(tried, Redis.Redis, client))
        expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown", idempotent: false })
        expect(yield* visits).toBe("1")
      }
    })
  )

  it.scoped("scenario 19: is a pipeline of what may run twice", () =>
    Effect.gen(function* () {
      const client = yield* losing
      const parts = [Redis.get("name"), Command.idempotent(Redis.incr("visits")), Redis.exists("name")]
      const tried = Pipeline.all(parts).pipe(Effect.retry(RedisError.retryPolicy))
      expect(yield* Effect.provideService(tried, Redis.Redis, client)).toEqual([Option.none(), 2, 0])
    })
  )

  it.scoped(
    "scenario 52: is no pipeline of which a part has run and another was refused for a reason that passes",
    () =>
      Effect.gen(function* () {
        yield* Redis.del("visits")
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const replica = yield* NodeRedisServer.make({ args: ["--replicaof", `127.0.0.1 ${port}`] })
        const client = yield* anotherClient({ port: replica.port })
        const own = Redis.get("name")
        const alone = yield* Effect.flip(client.execute(Redis.incr("visits")))
        expect(RedisError.isSafeToRetry(alone)).toBe(true)
        // Of this one nothing but a read has run, and of that one a script.
        const on = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
          Effect.flip(Effect.provideService(effect, Redis.Redis, client))
        const harmless = yield* on(Pipeline.all([own, Redis.incr("visits")]))
        expect(harmless).toMatchObject({ code: "READONLY", outcome: "Rejected", position: 1 })
        expect(RedisError.isSafeToRetry(harmless)).toBe(true)
        const harmful = yield* on(Pipeline.all([Redis.eval("return 1"), Redis.incr("visits")]))
        expect(harmful).toMatchObject({ code: "READONLY", outcome: "Unknown", position: 1 })
        expect(RedisError.isSafeToRetry(harmful)).toBe(false)
      })
  )
})
