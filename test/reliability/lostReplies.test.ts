import { expect, layer } from "@effect/vitest"
import { Pipeline, Redis, RedisError, Reply, Script, Transaction } from "@effect-resp/core"
import { type NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Either, Option, Schedule, Stream } from "effect"
import { recordCommands } from "../support/monitor.js"
import { behindProxy, redisLayer } from "../support/redis.js"

/** Once all is well again. Some connections may still be about to be lost. */
const again = (client: Redis.RedisService) =>
  client
    .execute(Redis.echo("again"))
    .pipe(Effect.retry({ while: RedisError.isSafeToRetry, schedule: Schedule.spaced("5 millis"), times: 100 }))

const quickBehindProxy = (options: NodeRedis.Options = {}) =>
  behindProxy({ reconnect: Schedule.spaced("5 millis"), ...options })

const increment = Script.make({ keys: ["key"], lua: "return redis.call('INCR', KEYS[1])", reply: Reply.integer })

interface Way {
  /** Increments once for each that is lost, or for each command within EXEC; gives what failed. */
  readonly run: (client: Redis.RedisService, key: string) => Effect.Effect<ReadonlyArray<unknown>, unknown>
  /** The commands of which there will be no reply; with the last of them all have run. */
  readonly lost: readonly [string, ...Array<string>]
  readonly count: number
}

const failureOf = (effect: Effect.Effect<unknown, unknown>) => Effect.map(Effect.flip(effect), (error) => [error])

const twice = (key: string) => [Redis.incr(key), Redis.incrby(key, 1)] as const

/** Every way in which a write goes out. */
const ways: Readonly<Record<string, Way>> = {
  "a command": {
    run: (client, key) => failureOf(client.execute(Redis.incr(key))),
    lost: ["INCR"],
    count: 1
  },
  "a command on a reserved connection": {
    run: (client, key) =>
      failureOf(Effect.scoped(Effect.flatMap(client.reserve([]), (lease) => lease.execute(Redis.incr(key))))),
    lost: ["INCR"],
    count: 1
  },
  "a script": {
    run: (client, key) => failureOf(client.execute(increment({ key }))),
    lost: ["EVALSHA"],
    count: 1
  },
  "a pipeline": {
    run: (client, key) =>
      Effect.map(client.pipeline(twice(key)), (slots) =>
        slots.flatMap((slot) => (Either.isLeft(slot) ? [slot.left] : []))
      ),
    lost: ["INCR", "INCRBY"],
    count: 2
  },
  "a transaction": {
    run: (client, key) => failureOf(client.transaction(twice(key))),
    lost: ["EXEC"],
    count: 2
  },
  "a transaction that watches": {
    run: (client, key) =>
      Transaction.watch(["watched"], Effect.succeed(Pipeline.all(twice(key)))).pipe(
        Effect.provideService(Redis.Redis, client),
        failureOf
      ),
    lost: ["EXEC"],
    count: 2
  }
}

const lastOf =
  ({ lost }: Way) =>
  (words: ReadonlyArray<string>) =>
    words[0] === lost.at(-1)

const valueOf = (direct: Redis.RedisService, key: string) =>
  Effect.map(direct.execute(Redis.get(key)), (value) => Number(Option.getOrElse(value, () => "0")))

layer(redisLayer(), { excludeTestServices: true })("a reply that is lost", (it) => {
  it.effect.each(Object.entries(ways))(
    "scenario 18, 19: leaves the outcome of %s unknown, and nothing is sent again",
    ([name, way]) =>
      Effect.gen(function* () {
        const { client, direct, proxy } = yield* quickBehindProxy()
        yield* direct.execute(Redis.scriptLoad(increment.lua))
        const key = `lost:${name}`
        proxy.afterRequest(lastOf(way), () => proxy.reset())
        const errors = yield* way.run(client, key)
        expect(errors).toMatchObject(
          way.lost.map((command) => ({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown", command }))
        )
        expect(errors.some(RedisError.isSafeToRetry)).toBe(false)
        expect(yield* again(client)).toBe("again")
        expect(yield* valueOf(direct, key)).toBe(way.count)
      }).pipe(Effect.scoped)
  )

  it.effect("scenario 18: leaves the outcome of a command that blocks unknown, and it takes nothing more", () =>
    Effect.gen(function* () {
      const { client, direct, proxy } = yield* quickBehindProxy()
      const ways: ReadonlyArray<(pop: ReturnType<typeof Redis.blpop>) => Effect.Effect<unknown, unknown>> = [
        client.execute,
        (pop) => Effect.flatMap(client.pipeline([pop]), ([slot]) => slot!)
      ]
      yield* Effect.forEach(ways, (way, i) =>
        Effect.gen(function* () {
          const key = `taken:${i}`
          yield* direct.execute(Redis.rpush(key, ["first", "second"]))
          proxy.afterRequest("BLPOP", () => proxy.reset())
          const error = yield* Effect.flip(way(Redis.blpop(key, "1 second")))
          expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown", command: "BLPOP" })
          expect(yield* again(client)).toBe("again")
          expect(yield* direct.execute(Redis.lrange(key, 0, -1))).toEqual(["second"])
        })
      )
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 18: is not asked for again, also where that would be safe: it says that it is", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const { client, proxy } = yield* quickBehindProxy()
      const record = yield* recordCommands(port)
      proxy.afterRequest("GET", () => proxy.reset())
      const error = yield* Effect.flip(client.execute(Redis.get("read")))
      expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown", idempotent: true })
      expect(RedisError.isSafeToRetry(error)).toBe(true)
      expect(yield* again(client)).toBe("again")
      yield* record.settle
      expect(record.words().filter((words) => words.includes('"read"'))).toHaveLength(1)
    }).pipe(Effect.scoped)
  )
})

layer(redisLayer(), { excludeTestServices: true })("what timed out", (it) => {
  const impatient = { commandTimeout: "100 millis", reserveTimeout: "100 millis" } as const
  const inEachWay = <E, R>(check: (way: Way, key: string) => Effect.Effect<void, E, R>) =>
    Effect.forEach(Object.entries(ways), ([name, way]) => check(way, name), {
      concurrency: "unbounded",
      discard: true
    })

  it.effect("scenario 20: is not sent again when it was sent, and the connection is then lost and comes back", () =>
    inEachWay((way, name) =>
      Effect.gen(function* () {
        const { client, direct, proxy } = yield* quickBehindProxy(impatient)
        yield* direct.execute(Redis.scriptLoad(increment.lua))
        const key = `sent:${name}`
        proxy.afterRequest(lastOf(way), () => proxy.toClient.pause())
        expect(yield* way.run(client, key)).toMatchObject(
          way.lost.map((command) => ({ _tag: "TimeoutError", phase: "Reply", outcome: "Unknown", command }))
        )
        proxy.reset()
        proxy.toClient.resume()
        expect(yield* again(client)).toBe("again")
        expect(yield* valueOf(direct, key)).toBe(way.count)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("scenario 20: is never sent when it waited for a connection that comes too late", () =>
    inEachWay((way, name) =>
      Effect.gen(function* () {
        const { client, direct, proxy } = yield* quickBehindProxy(impatient)
        const key = `unsent:${name}`
        proxy.refuse(true)
        proxy.reset()
        yield* client.state.changes.pipe(
          Stream.takeUntil(({ _tag }) => _tag === "Connecting"),
          Stream.runDrain
        )
        const errors = yield* way.run(client, key)
        expect(errors.length).toBeGreaterThan(0)
        for (const error of errors) {
          expect(error).toMatchObject({
            _tag: "TimeoutError",
            phase: expect.stringMatching(/^(Connect|Reserve)$/),
            outcome: "NotSent"
          })
        }
        proxy.refuse(false)
        expect(yield* again(client)).toBe("again")
        expect(yield* valueOf(direct, key)).toBe(0)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("scenario 20: is never sent when it waited behind others for too long", () =>
    Effect.gen(function* () {
      const { client, direct, proxy } = yield* quickBehindProxy({ ...impatient, maxInFlight: 1 })
      proxy.toClient.pause()
      const sent = new Promise<void>((resolve) => proxy.afterRequest("INCR first", resolve))
      const first = yield* Effect.fork(Effect.exit(client.execute(Redis.incr("first"))))
      yield* Effect.promise(() => sent)
      const slots = yield* client.pipeline(twice("behind"))
      expect(slots.map((slot) => Either.getOrThrow(Either.flip(slot)))).toMatchObject([
        { _tag: "TimeoutError", phase: "Write", outcome: "NotSent", command: "INCR" },
        { _tag: "TimeoutError", phase: "Write", outcome: "NotSent", command: "INCRBY" }
      ])
      yield* first
      proxy.toClient.resume()
      expect(yield* again(client)).toBe("again")
      expect(yield* valueOf(direct, "behind")).toBe(0)
      expect(yield* valueOf(direct, "first")).toBe(1)
    }).pipe(Effect.scoped)
  )
})
