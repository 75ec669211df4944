import { Command, Redis, RedisError } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Chunk, Effect, Either, Fiber, Stream } from "effect"
import { must, run, type Section, show, tell } from "./show.js"

/** So many runs of an Effect, 20 at a time, a millisecond each. */
const times = <A, E, R>(count: number, effect: (n: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, n) => n),
    (n) => Effect.delay(effect(n), "1 millis"),
    { concurrency: 20 }
  )

export const reconnecting: Section = {
  title: "A connection that dies during work",
  about: "It comes back by itself. Nothing is sent twice: what may have run says Unknown, and a policy decides.",
  body: Effect.gen(function* () {
    const server = yield* NodeRedisServer.NodeRedisServer
    const admin = yield* NodeRedis.make({ url: server.url, clientName: "admin" })
    const states = yield* Redis.state.pipe(
      Stream.map((state) => state._tag),
      Stream.take(3),
      Stream.runCollect,
      Effect.fork
    )
    const id = yield* Redis.clientId
    const plain = yield* Effect.fork(times(200, () => Effect.either(Redis.incr("hits"))))
    const repeatable = yield* Effect.fork(
      times(200, (n) => Redis.set(`copy:${n}`, n).pipe(Command.idempotent, Effect.retry(RedisError.retryPolicy)))
    )
    yield* Effect.sleep("8 millis")
    yield* run(
      "Redis.clientKill({ id }) by somebody else, in the middle of:",
      Effect.provideService(Redis.clientKill({ id }), Redis.Redis, admin)
    )

    const outcomes = yield* Fiber.join(plain)
    const lost = outcomes.filter(Either.isLeft).map(({ left }) => left.outcome)
    yield* show("200 × Redis.incr: got their replies", outcomes.length - lost.length)
    yield* tell(
      "  may have run or not",
      `${lost.length}${lost.length === 0 ? "" : `, each with outcome ${[...new Set(lost)]}`}`
    )
    const hits = yield* run("  Redis.get: what the server counted", Redis.get("hits"))
    yield* must(
      hits._tag === "Some" && Number(hits.value) >= outcomes.length - lost.length,
      "what was answered was counted"
    )
    const copies = yield* Fiber.join(repeatable)
    yield* show("200 × Redis.set, idempotent, with RedisError.retryPolicy", copies.length)
    yield* show("Redis.state", Chunk.toReadonlyArray(yield* Fiber.join(states)))
  }).pipe(Effect.scoped)
}
