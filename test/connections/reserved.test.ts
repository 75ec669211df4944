import { describe, expect, layer } from "@effect/vitest"
import { Command, Pipeline, Redis } from "@effect-resp/core"
import { Duration, Effect, Exit, Fiber, Option, Scope } from "effect"
import { anotherClient, redisLayer } from "../support/redis.js"

const on = <A, E, R>(client: Redis.RedisService, effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Redis.Redis, client)

describe.each([2, 3] as const)("reserved connections, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.effect("run all their commands on one connection that nobody else has", () =>
      Effect.gen(function* () {
        const shared = yield* Redis.clientId
        const ids = yield* Effect.all([Redis.clientId, Redis.clientId]).pipe(Redis.withReserved())
        expect(ids[0]).toBe(ids[1])
        expect(ids[0]).not.toBe(shared)
        const both = yield* Effect.all(
          [Redis.clientId, Redis.clientId].map((id) => Effect.delay(id, "20 millis").pipe(Redis.withReserved())),
          { concurrency: "unbounded" }
        )
        expect(new Set(both).size).toBe(2)
      })
    )

    it.effect("scenario 37: are reused when clean and closed when a session command made them dirty", () =>
      Effect.gen(function* () {
        const client = yield* anotherClient({ protocol, maxReserved: 1 })
        const id = Redis.clientId.pipe(Redis.withReserved())
        const first = yield* on(client, id)
        expect(yield* on(client, id)).toBe(first)
        yield* on(client, Command.make(["CLIENT", "SETNAME", "dirty"]).pipe(Redis.withReserved()))
        expect(yield* on(client, id)).not.toBe(first)
        const name = yield* on(client, Command.make(["CLIENT", "GETNAME"]).pipe(Redis.withReserved()))
        expect(name === null || name === "").toBe(true)
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 44: used after their scope fail and write nothing", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const lease = yield* Redis.reserve().pipe(Scope.extend(scope))
        yield* on(lease, Redis.set("k", "inside"))
        yield* Scope.close(scope, Exit.void)
        const error = yield* Effect.flip(on(lease, Redis.set("k", "outside")))
        expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "NotSent" })
        expect(yield* Redis.get("k")).toEqual(Option.some("inside"))
      })
    )

    it.effect("are bounded, and waiting for one has a deadline", () =>
      Effect.gen(function* () {
        const client = yield* anotherClient({ protocol, maxReserved: 2, reserveTimeout: "100 millis" })
        yield* client.reserve([])
        yield* client.reserve([])
        const error = yield* Effect.flip(client.reserve([]))
        expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Reserve", millis: 100, outcome: "NotSent" })
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 43: serve blocking commands, the shared connection going on meanwhile", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const waiting = yield* Effect.fork(Redis.blpop("queue", "5 seconds"))
        yield* Effect.sleep("20 millis")
        expect(yield* Redis.echo("free")).toBe("free")
        yield* Redis.rpush("queue", "job")
        expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "Some", value: { element: "job" } })
        const [elapsed, none] = yield* Effect.timed(Redis.blpop("queue", "100 millis"))
        expect(none).toEqual(Option.none())
        expect(Duration.toMillis(elapsed)).toBeGreaterThan(80)
      })
    )

    it.effect("scenario 48: interrupted while they block are closed, so that nothing is taken later", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const waiting = yield* Effect.fork(Redis.blpop("queue", Duration.infinity))
        yield* Effect.sleep("30 millis")
        yield* Fiber.interrupt(waiting)
        yield* Effect.sleep("30 millis")
        yield* Redis.rpush("queue", "job")
        expect(yield* Redis.llen("queue")).toBe(1)
      })
    )

    it.effect("scenario 42, 48: a pool whose leases were all interrupted is whole again", () =>
      Effect.gen(function* () {
        const client = yield* anotherClient({ protocol, maxReserved: 2, reserveTimeout: "1 second" })
        const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.fork(on(client, Redis.blpop("never", Duration.infinity)))
        )
        yield* Effect.sleep("50 millis")
        yield* Fiber.interruptAll(fibers)
        yield* client.reserve([])
        const lease = yield* client.reserve([])
        expect(yield* on(lease, Redis.echo("ok"))).toBe("ok")
      }).pipe(Effect.scoped)
    )

    it.effect("count the replicas of their own writes with WAIT, which a shared client refuses", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Redis.wait(1, "10 millis"))
        expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
        const written = Redis.set("k", 1).pipe(Effect.zipRight(Redis.wait(1, "20 millis")))
        expect(yield* written.pipe(Redis.withReserved())).toBe(0)
        expect(yield* Pipeline.all([Redis.set("k", 1), Redis.wait(1, "20 millis")])).toEqual(["OK", 0])
      })
    )
  })
})
