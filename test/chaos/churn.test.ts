import { createHook } from "node:async_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, it } from "@effect/vitest"
import { Command, ConnectionPool, Redis, RedisError, RedisPubSub } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Schedule, Stream } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"

/** So many connections are made and killed; in a usual run of the tests as many as go in three seconds. */
const isLong = process.env.EFFECT_RESP_CHAOS !== undefined
const wanted = isLong ? 10_000 : Number.POSITIVE_INFINITY
const time = isLong ? Number.POSITIVE_INFINITY : 3_000

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

/** What could grow. */
const sample = Effect.gen(function* () {
  // Finalizers and closing handles have their turns.
  yield* Effect.sleep("50 millis")
  collectGarbage()
  collectGarbage()
  const fibers = yield* Fiber.roots
  return {
    heap: process.memoryUsage().heapUsed,
    handles: process.getActiveResourcesInfo().filter((name) => name !== "Timeout").length,
    timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    fibers: fibers.length
  }
})

const reconnect = Schedule.spaced("1 millis")

/** What nobody handles in the scope. */
const noteUnhandled = Effect.suspend(() => {
  const unhandled: Array<unknown> = []
  const note = (cause: unknown) => void unhandled.push(cause)
  const events = ["uncaughtException", "unhandledRejection"]
  return Effect.acquireRelease(
    Effect.sync(() => {
      for (const event of events) process.on(event, note)
      return unhandled
    }),
    () => Effect.sync(() => events.forEach((event) => void process.off(event, note)))
  )
})

it.scopedLive(
  "scenario 33, 36: connections made and killed by thousands leave no handle, timer, listener, fiber or memory behind",
  () =>
    Effect.gen(function* () {
      const unhandled = yield* noteUnhandled
      const { port } = yield* NodeRedisServer.make()
      const admin = yield* NodeRedis.make({ port })
      const proxy = yield* FaultProxy.make({ port })
      const options = { port: proxy.port, reconnect, closeTimeout: "1 second" } as const
      const lasting = yield* NodeRedis.make({ ...options, connections: 8 })
      yield* RedisPubSub.events({ channels: "news" }).pipe(
        Stream.runDrain,
        Effect.provideService(Redis.Redis, lasting),
        Effect.forkScoped
      )

      const echo = (token: number) =>
        lasting
          .execute(Redis.echo(`${token}`))
          .pipe(Effect.retry({ while: RedisError.isSafeToRetry, schedule: reconnect }))
      const reserved = lasting.reserve([]).pipe(
        Effect.flatMap((lease) => lease.execute(Redis.echo("reserved"))),
        Effect.scoped,
        Effect.retry({ while: RedisError.isSafeToRetry, schedule: reconnect })
      )
      /** The ways of a connection to end. */
      const ends: ReadonlyArray<Effect.Effect<unknown, RedisError.RedisError>> = [
        admin.execute(Command.make(["CLIENT", "KILL", "SKIPME", "yes"])),
        Effect.sync(() => proxy.reset()),
        Effect.sync(() => proxy.end()),
        Effect.scoped(Effect.flatMap(NodeRedis.make(options), (client) => client.execute(Redis.ping()))).pipe(
          Effect.retry({ times: 100, schedule: reconnect })
        ),
        reserved
      ]
      const whole = Effect.repeat(
        Effect.sync(() => proxy.live.length),
        { until: (live) => live >= 9, schedule: reconnect }
      )
      let rounds = 0
      const round = Effect.gen(function* () {
        yield* ends[++rounds % ends.length]!
        yield* whole
        expect(yield* echo(rounds)).toBe(`${rounds}`)
      })
      const started = performance.now()
      const churn = (connections: number, millis: number) =>
        Effect.repeat(round, {
          until: () => proxy.connections >= connections || performance.now() - started >= millis
        })

      yield* churn(wanted / 4, time / 3)
      const before = yield* sample
      yield* churn(wanted, time)
      const after = yield* sample
      expect(proxy.connections).toBeGreaterThanOrEqual(isLong ? wanted : 300)
      expect(unhandled).toEqual([])
      for (const kind of ["handles", "timers", "listeners", "fibers"] as const) {
        // One reserved connection and its timer may have come or gone.
        expect({ [kind]: after[kind] }).toEqual({ [kind]: expect.toSatisfy((now: number) => now <= before[kind] + 4) })
      }
      expect(after.heap - before.heap).toBeLessThan(1_500_000)
    }),
  600_000
)

it.scopedLive("scenario 36: of connections that were lost one after the other none is kept in memory", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ port })
    const real = yield* NodeRedis.connector({ port: proxy.port })
    const made: Array<WeakRef<object>> = []
    const client = yield* ConnectionPool.make(
      {
        ...real,
        connect: (handler) => {
          made.push(new WeakRef(handler))
          return real.connect(handler)
        }
      },
      { reconnect }
    )
    const alive = Effect.sync(() => {
      collectGarbage()
      return made.filter((one) => one.deref() !== undefined).length
    })
    for (let round = 1; round <= 40; round++) {
      proxy.reset()
      yield* Effect.repeat(
        Effect.sync(() => made.length),
        { until: (count) => count > round, schedule: reconnect }
      )
      expect(yield* client.execute(Redis.echo("again"))).toBe("again")
    }
    const few = Effect.repeat(alive, { until: (count) => count < 5, schedule: Schedule.spaced("20 millis") })
    expect(
      yield* Effect.either(Effect.timeoutFail(few, { duration: "2 seconds", onTimeout: () => "many" }))
    ).toMatchObject({
      _tag: "Right"
    })
  })
)

it.live(
  "scenario 36: clients that end while much is due leave no timer behind, also of those that keep no process alive",
  () =>
    Effect.gen(function* () {
      const timers = new Map<number, string>()
      const hook = createHook({
        init: (id, type) => {
          if (type === "Timeout") timers.set(id, new Error().stack ?? "")
        },
        destroy: (id) => void timers.delete(id)
      }).enable()
      yield* Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.make()
        const proxy = yield* FaultProxy.make({ port })
        proxy.afterRequest("ECHO pause", () => proxy.toClient.pause())
        const client = yield* NodeRedis.make({ port: proxy.port, closeTimeout: "20 millis", connections: 3 })
        const due: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          client.execute(Redis.echo("pause")),
          client.execute(Redis.blpop("list", "1 second"))
        ]
        yield* Effect.forEach(due, (one) => Effect.forkScoped(Effect.exit(one)))
        yield* Effect.sleep("20 millis")
      }).pipe(Effect.scoped)
      // The clock of a client that has ended ticks once more.
      yield* Effect.sleep("60 millis")
      hook.disable()
      const ours = [...timers.values()].filter((stack) => /packages[\\/](core|node|cluster)[\\/]src/.test(stack))
      expect(ours).toEqual([])
    })
)
