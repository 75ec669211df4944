import { expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Either, Exit, Fiber, Option, Schedule, Scope } from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import { timed } from "../support/timed.js"

const behindProxy = (options: NodeRedis.Options = {}) =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    const client = yield* NodeRedis.make({ port: proxy.port, ...options })
    return { port, proxy, client }
  })

const lease = (client: Redis.RedisService) => Effect.scoped(Effect.asVoid(client.reserve([])))

const leases = (client: Redis.RedisService, count: number) =>
  Effect.scoped(Effect.forEach(Array.from({ length: count }), () => client.reserve([]), { concurrency: "unbounded" }))

it.scopedLive("a lease is waited for no longer than its deadline, also while its connection is being made", () =>
  Effect.gen(function* () {
    const { client, proxy } = yield* behindProxy({ reserveTimeout: "100 millis", connectTimeout: "3 seconds" })
    proxy.toClient.pause()
    const before = Date.now()
    const error = yield* Effect.flip(lease(client))
    expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Reserve", outcome: "NotSent" })
    expect(Date.now() - before).toBeLessThan(1_000)
    proxy.toClient.resume()
    yield* lease(client)
  })
)

it.scopedLive("scenario 40: idle connections that the server has closed take no place from others", () =>
  Effect.gen(function* () {
    const { client } = yield* behindProxy({ maxReserved: 2, reserveTimeout: "500 millis" })
    yield* leases(client, 2)
    yield* client.execute(Command.make(["CLIENT", "KILL", "SKIPME", "yes"]))
    yield* Effect.sleep("20 millis")
    yield* leases(client, 2)
  })
)

it.scopedLive("scenario 41: attempts that fail give their place back at once, whatever scope they are in", () =>
  Effect.gen(function* () {
    const { client, proxy } = yield* behindProxy({ maxReserved: 1, reserveTimeout: "1 second" })
    proxy.refuse(true)
    const tried = yield* Effect.fork(client.reserve([]).pipe(Effect.retry(Schedule.spaced("5 millis"))))
    yield* Effect.sleep("50 millis")
    proxy.refuse(false)
    const reserved = yield* Fiber.join(tried)
    expect(yield* reserved.execute(Redis.echo("there"))).toBe("there")
  })
)

it.scopedLive("scenario 41: all who wait are told when connections are refused, and are served when they are not", () =>
  Effect.gen(function* () {
    const { client, proxy } = yield* behindProxy({ maxReserved: 3, reserveTimeout: "2 seconds" })
    const attempts = Effect.forEach(Array.from({ length: 20 }), () => Effect.either(lease(client)), {
      concurrency: "unbounded"
    })
    proxy.refuse(true)
    const refused = yield* attempts
    expect(refused.map((each) => Either.isLeft(each) && each.left._tag)).toEqual(refused.map(() => "ConnectionError"))
    proxy.refuse(false)
    expect((yield* attempts).every(Either.isRight)).toBe(true)
    // As many as before, and no more.
    yield* Effect.forEach(Array.from({ length: 3 }), () => client.reserve([]))
    const another = yield* Effect.flip(Effect.asVoid(client.calling({ timeout: 50 }).reserve([])))
    expect(another).toMatchObject({ _tag: "TimeoutError", phase: "Reserve", outcome: "NotSent" })
  })
)

it.scopedLive("scenario 41: attempts that failed are not waited for when the client closes", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { client, proxy } = yield* Scope.extend(behindProxy({ closeTimeout: "5 seconds" }), scope)
    proxy.refuse(true)
    yield* Effect.forEach(Array.from({ length: 3 }), () => Effect.flip(lease(client)))
    expect((yield* timed(Scope.close(scope, Exit.void))).millis).toBeLessThan(1_500)
  })
)

it.scopedLive("idle ones are closed after a while", () =>
  Effect.gen(function* () {
    const { client, proxy } = yield* behindProxy({ reservedIdleTimeout: "50 millis" })
    yield* leases(client, 3)
    expect(proxy.live).toHaveLength(4)
    yield* Effect.sleep("200 millis")
    expect(proxy.live).toHaveLength(1)
  })
)

it.scopedLive("scenario 42: interrupted at any moment leave the pool whole", () =>
  Effect.gen(function* () {
    const { client, proxy } = yield* behindProxy({ maxReserved: 3, reserveTimeout: "2 seconds" })
    proxy.toClient.delay = 2
    for (let round = 0; round < 40; round++) {
      const command = round % 2 === 0 ? Redis.ping() : Command.make(["CLIENT", "SETNAME", "dirty"])
      const fibers = yield* Effect.forEach(Array.from({ length: 6 }), () =>
        Effect.fork(Effect.scoped(Effect.flatMap(client.reserve([]), (reserved) => reserved.execute(command))))
      )
      yield* Effect.sleep(round % 20)
      yield* Fiber.interruptAll(fibers)
    }
    proxy.toClient.delay = 0
    yield* leases(client, 3)
  })
)

it.scopedLive("taken one after the other leave nothing behind in the fiber", () =>
  Effect.gen(function* () {
    const { client } = yield* behindProxy()
    const traces = Effect.withFiberRuntime<number>((fiber) => {
      const { locals } = fiber.getFiberRefs()
      return Effect.succeed(Math.max(...Array.from(locals.values(), (trace) => trace.length)))
    })
    const dirty = Command.make(["CLIENT", "SETNAME", "dirty"])
    for (let i = 0; i < 20; i++) {
      yield* lease(client)
      yield* Effect.scoped(Effect.flatMap(client.reserve([]), (reserved) => reserved.execute(dirty)))
      const waiting = yield* Effect.fork(client.execute(Redis.blpop("nothing", "5 seconds")))
      yield* Effect.sleep("1 millis")
      yield* Fiber.interrupt(waiting)
    }
    expect(yield* traces).toBeLessThan(10)
  })
)

it.scopedLive("scenario 43: any command that can block takes one", () =>
  Effect.gen(function* () {
    const { client } = yield* behindProxy()
    const words = ["XREAD", "block", "300", "STREAMS", "stream", "$"] as const
    const waiting = yield* Effect.fork(client.execute(Command.make([...words])))
    yield* Effect.sleep("20 millis")
    const before = Date.now()
    expect(yield* client.execute(Redis.echo("free"))).toBe("free")
    expect(Date.now() - before).toBeLessThan(200)
    expect(yield* Fiber.join(waiting)).toBeNull()
  })
)

describe("of a call with a deadline of its own", () => {
  it.scopedLive("leases are had within it, and their commands have the usual time", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "2 seconds" })
      const call = client.calling({ timeout: 150 })
      const watching = yield* call.watch(["k"])
      const reserved = yield* call.reserve([])
      proxy.toClient.delay = 400
      expect(yield* watching.execute(Redis.get("k"))).toEqual(Option.none())
      expect(yield* watching.commit([Redis.echo("late")])).toEqual([Either.right("late")])
      expect(yield* reserved.pipeline([Redis.echo("late")])).toEqual([Either.right("late")])
    })
  )

  it.scopedLive("WATCH and blocking commands end with it", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "2 seconds" })
      yield* leases(client, 2)
      const call = client.calling({ timeout: 150 })
      proxy.toClient.pause()
      for (const run of [Effect.scoped(call.watch(["k"])), call.execute(Redis.blpop("k", "50 millis"))]) {
        const { millis, value } = yield* timed(Effect.flip(run as Effect.Effect<unknown, unknown>))
        expect(value).toMatchObject({ _tag: "TimeoutError", phase: "Reply" })
        expect(millis).toBeGreaterThan(140)
        expect(millis).toBeLessThan(500)
      }
    })
  )
})

describe("a lease that watches on a server that has gone silent", () => {
  const silent = (body: (lease: Redis.RedisService) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      const { client, proxy } = yield* behindProxy({ commandTimeout: "2 seconds" })
      const fiber = yield* Effect.fork(
        Effect.scoped(
          Effect.flatMap(client.watch(["k"]), (lease) => {
            proxy.toClient.pause()
            return body(lease)
          })
        )
      )
      yield* Effect.sleep("100 millis")
      expect(proxy.live).toHaveLength(2)
      const { millis } = yield* timed(Fiber.interrupt(fiber))
      proxy.toClient.resume()
      yield* Effect.sleep("50 millis")
      // It has been closed, for it may still be watching.
      expect(proxy.live).toHaveLength(1)
      return millis
    })

  it.scopedLive("scenario 49: is given up at once while a reply is due", () =>
    Effect.gen(function* () {
      expect(yield* silent((lease) => lease.execute(Redis.get("k")))).toBeLessThan(100)
    })
  )

  it.scopedLive("scenario 49: waits a moment for UNWATCH otherwise", () =>
    Effect.gen(function* () {
      expect(yield* silent(() => Effect.never)).toBeLessThan(500)
    })
  )
})
