import { describe, expect, layer } from "@effect/vitest"
import { Command, ConnectionPool, Pipeline, Redis, type RedisError } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Either, Option, Schema } from "effect"
import { redisLayer } from "../support/redis.js"

describe.each([2, 3] as const)("pipelines, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.effect("give results in the shape they were composed in", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        yield* Redis.set("foo", "bar")
        const struct = yield* Pipeline.all({ foo: Redis.get("foo"), seen: Redis.incr("seen"), none: Redis.get("none") })
        expect(struct).toEqual({ foo: Option.some("bar"), seen: 1, none: Option.none() })
        const tuple = yield* Pipeline.all([Redis.get("foo"), Redis.incr("seen")])
        expect(tuple).toEqual([Option.some("bar"), 2])
        const nested = yield* Pipeline.all({
          inner: Pipeline.all([Redis.incr("seen"), { deep: Redis.get("foo") }]),
          list: ["a", "b"].map((key) => Redis.set(key, key))
        })
        expect(nested).toEqual({ inner: [3, { deep: Option.some("bar") }], list: ["OK", "OK"] })
        const chained = yield* Pipeline.empty.pipe(
          Pipeline.add(Redis.set("c", 1)),
          Pipeline.add(Redis.incr("c")),
          Pipeline.add(Redis.get("c"))
        )
        expect(chained).toEqual(["OK", 2, Option.some("2")])
        expect(yield* Pipeline.empty).toEqual([])
        const many = yield* Pipeline.forEach(["x", "y", "z"], (key, index) => Redis.set(key, index))
        expect(many).toEqual(["OK", "OK", "OK"])
        expect(yield* Redis.mget(["x", "y", "z"])).toEqual([Option.some("0"), Option.some("1"), Option.some("2")])
      })
    )

    it.effect("decode as direct calls would", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const bytes = new Uint8Array([0, 255, 13, 10, 128])
        yield* Pipeline.all([
          Redis.set("n", "9007199254740993"),
          Redis.set("json", JSON.stringify({ name: "Ada" })),
          Redis.set("bytes", bytes),
          Redis.hset("h", { a: "1", __proto__x: "2" })
        ])
        const commands = {
          big: Redis.incrby("n", 0).pipe(Command.bigint),
          person: Redis.get("json").pipe(Command.withSchema(Schema.parseJson(Schema.Struct({ name: Schema.String })))),
          bytes: Redis.get("bytes").pipe(Command.bytes),
          hash: Redis.hgetall("h"),
          length: Redis.strlen("bytes").pipe(Command.map((length) => length * 2))
        }
        const direct = yield* Effect.all(commands)
        expect(yield* Pipeline.all(commands)).toEqual(direct)
        expect(direct.big).toBe(9007199254740993n)
        expect(direct.bytes).toEqual(Option.some(bytes))
        expect(direct.person).toEqual(Option.some({ name: "Ada" }))
      })
    )

    it.effect("go out in one write and come back in order", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const connector = yield* NodeRedis.connector({ port, host: "127.0.0.1" })
        let writes = 0
        const client = yield* ConnectionPool.make(
          {
            ...connector,
            connect: (handler) =>
              Effect.map(connector.connect(handler), (transport) => ({
                ...transport,
                write: (chunk) => {
                  writes++
                  return transport.write(chunk)
                }
              }))
          },
          { protocol }
        )
        writes = 0
        const results = yield* Pipeline.forEach(Array.from({ length: 200 }), (_, i) => Redis.echo(String(i))).pipe(
          Effect.provideService(Redis.Redis, client)
        )
        expect(results).toEqual(Array.from({ length: 200 }, (_, i) => String(i)))
        expect(writes).toBe(1)
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 52: fail with the first error, naming command and position, the others having run", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const error = yield* Effect.flip(
          Pipeline.all([Redis.set("a", "text"), Redis.incr("a"), Redis.set("b", 1), Redis.incr("a")])
        )
        expect(error).toMatchObject({ _tag: "ReplyError", command: "INCR", position: 1, outcome: "Failed" })
        expect(yield* Redis.get("b")).toEqual(Option.some("1"))
      })
    )

    it.effect("scenario 52: give every outcome in attempt mode", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const outcome = yield* Pipeline.attempt({
          set: Redis.set("a", "text"),
          bad: Redis.incr("a"),
          inner: [Redis.get("a"), Redis.lpush("a", "x")]
        })
        expect(outcome.set).toEqual(Either.right("OK"))
        expect(Either.getLeft(outcome.bad).pipe(Option.map((error) => error.position))).toEqual(Option.some(1))
        expect(outcome.inner[0]).toEqual(Either.right(Option.some("text")))
        expect(Either.getLeft(outcome.inner[1]).pipe(Option.getOrThrow)).toMatchObject({
          code: "WRONGTYPE",
          position: 3
        })
      })
    )

    it.effect("scenario 55: with an argument that cannot be sent write nothing", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const error = yield* Effect.flip(Pipeline.all([Redis.set("a", 1), Redis.set("b", Number.NaN)]))
        expect(error).toMatchObject({ _tag: "CommandError", command: "SET", position: 1, outcome: "NotSent" })
        const long = Array.from({ length: 25_000 }, (_, i) => Redis.set("a", i < 24_999 ? i : Number.NaN))
        expect(yield* Effect.flip(Pipeline.all(long))).toMatchObject({ _tag: "CommandError", position: 24_999 })
        expect(yield* Redis.exists("a")).toBe(0)
      })
    )

    it.effect("a decoder that fails spoils only its own slot", () =>
      Effect.gen(function* () {
        yield* Redis.set("a", "1")
        const outcome = yield* Pipeline.attempt([
          Redis.get("a"),
          Redis.get("a").pipe(
            Command.map((): string => {
              throw new Error("no")
            })
          ),
          Redis.get("a").pipe(Command.withSchema(Schema.parseJson(Schema.String))),
          Redis.get("a")
        ])
        expect(outcome.map((slot) => Either.isRight<unknown, unknown>(slot))).toEqual([true, false, false, true])
        expect(Either.getLeft(outcome[2]).pipe(Option.getOrThrow)).toMatchObject({
          _tag: "DecodeError",
          position: 2,
          outcome: "Failed"
        })
      })
    )

    it.effect("with a blocking command run on a connection of their own", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const [pushed, popped] = yield* Pipeline.all([Redis.rpush("list", "x"), Redis.blpop("list", "1 second")])
        expect(pushed).toBe(1)
        expect(Option.isSome(popped)).toBe(true)
      })
    )

    it.effect("of 100,000 commands arrive whole while others are served", () =>
      Effect.gen(function* () {
        yield* Redis.del("count")
        const big = yield* Effect.fork(Pipeline.forEach(Array.from({ length: 100_000 }), () => Redis.incr("count")))
        const counted = Redis.get("count").pipe(Effect.map(Option.match({ onNone: () => 0, onSome: Number })))
        const between = yield* counted.pipe(Effect.repeat({ until: (count) => count > 0 }))
        // Two slices may have been under way.
        expect(between).toBeLessThanOrEqual(30_000)
        const results = yield* big
        expect(results).toHaveLength(100_000)
        expect(results[99_999]).toBe(100_000)
      })
    )

    it.effect("scenario 53, 54: of 100,000 commands whose connection is lost run no further", () =>
      Effect.gen(function* () {
        yield* Redis.del("count")
        const id = yield* Redis.clientId
        const kill = Redis.clientKill({ id, skipMe: false })
        const commands = Array.from({ length: 100_000 }, (_, i) => (i === 45_000 ? kill : Redis.incr("count")))
        const outcomes = yield* Pipeline.attempt(commands)
        const told = outcomes.map((outcome) => (Either.isRight(outcome) ? "OK" : outcome.left.outcome))
        const lost = told.indexOf("Unknown")
        const unsent = told.indexOf("NotSent")
        expect(lost).toBeGreaterThan(0)
        expect(unsent - lost).toBeLessThanOrEqual(20_000)
        // Nothing behind what is lost runs.
        expect(new Set(told.slice(0, lost))).toEqual(new Set(["OK"]))
        expect(new Set(told.slice(lost, unsent))).toEqual(new Set(["Unknown"]))
        expect(new Set(told.slice(unsent))).toEqual(new Set(["NotSent"]))
        expect(outcomes.findIndex((outcome, i) => Either.isLeft(outcome) && outcome.left.position !== i)).toBe(-1)
        const count = Number(Option.getOrThrow(yield* Redis.get("count")))
        // The one that kills counts nothing.
        expect(count).toBeGreaterThanOrEqual(lost - 1)
        expect(count).toBeLessThanOrEqual(unsent)
      })
    )

    it.effect("of several clients end together, and at once where there is none", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const client = yield* NodeRedis.make({ port, protocol })
        const prepared = [Redis.echo("a"), Redis.echo("b")].flatMap((command) => client.prepare([command]) ?? [])
        yield* ConnectionPool.together(prepared)
        expect(prepared.map(({ slots }) => slots)).toEqual([[Either.right("a")], [Either.right("b")]])
        expect(client.prepare([])).toBe(undefined)
        yield* ConnectionPool.together([])
      }).pipe(Effect.scoped)
    )

    it.effect("may be a long chain of commands that were added one by one", () =>
      Effect.gen(function* () {
        yield* Redis.del("chain")
        let chain: Pipeline.Pipeline<
          ReadonlyArray<number>,
          ReadonlyArray<Either.Either<number, RedisError.RedisError>>
        > = Pipeline.all([[Redis.incr("chain")]].flat())
        for (let i = 0; i < 12_000; i++) chain = Pipeline.add(chain, Redis.incr("chain"))
        const results = yield* chain
        expect(results).toEqual(Array.from({ length: 12_001 }, (_, i) => i + 1))
      })
    )
  })
})
