import { describe, expect, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, Transaction } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Deferred, Effect, Either, Exit, Fiber, Option, Schedule } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import { recordCommands } from "../support/monitor.js"
import { anotherClient, redisLayer } from "../support/redis.js"

/** The names of the commands that the server saw from this client, in order. */
const record = Effect.gen(function* () {
  const server = yield* NodeRedisServer.NodeRedisServer
  const recorder = yield* recordCommands(server.port)
  return Effect.gen(function* () {
    yield* recorder.settle
    return recorder.words().flatMap((line) => /^"([A-Za-z]+)"/.exec(line)?.[1]?.toUpperCase() ?? [])
  })
})

const count = (names: ReadonlyArray<string>, name: string) => names.filter((each) => each === name).length

describe.each([2, 3] as const)("transactions, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.effect("apply all or nothing, in the shape composed", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        expect(yield* Transaction.exec([Redis.set("a", "1"), Redis.sadd("s", "x")])).toEqual(["OK", 1])
        expect(yield* Transaction.exec({ a: Redis.incr("a"), s: Redis.smembers("s") })).toEqual({
          a: 2,
          s: new Set(["x"])
        })
        expect(yield* Transaction.exec(Pipeline.empty)).toEqual([])
        const bytes = new Uint8Array([200, 201])
        const mixed = yield* Transaction.exec([
          Redis.set("bin", bytes),
          Redis.get("bin").pipe(Command.bytes),
          Redis.get("a"),
          Redis.hset("h", { f: "v" }),
          Redis.hgetall("h")
        ])
        expect(mixed[1]).toEqual(Option.some(bytes))
        expect(mixed[2]).toEqual(Option.some("2"))
        expect({ ...mixed[4] }).toEqual({ f: "v" })
      })
    )

    it.effect("are MULTI … EXEC, and a pipeline is not", () =>
      Effect.gen(function* () {
        const seen = yield* record
        yield* Pipeline.all([Redis.set("a", 1), Redis.get("a")])
        yield* Transaction.exec([Redis.set("a", 1), Redis.get("a")])
        expect((yield* seen).join(" ")).toContain("SET GET MULTI SET GET EXEC")
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 63: never interleave", () =>
      Effect.gen(function* () {
        const seen = yield* record
        yield* Effect.forEach(
          Array.from({ length: 50 }),
          () => Transaction.exec([Redis.incr("i"), Redis.incr("i"), Redis.incr("i")]),
          { concurrency: "unbounded" }
        )
        const names = (yield* seen).join(" ")
        expect(names.match(/MULTI INCR INCR INCR EXEC/g)).toHaveLength(50)
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 57: an error at queue time names the command and applies nothing", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const error = yield* Effect.flip(
          Transaction.exec([Redis.set("a", "1"), Command.make(["GET"]), Redis.set("b", "1")])
        )
        expect(error).toMatchObject({ _tag: "ExecAbortError", outcome: "Rejected" })
        if (error._tag !== "ExecAbortError") return
        expect(error.errors).toHaveLength(1)
        expect(error.errors[0]).toMatchObject({ command: "GET", position: 1, outcome: "Rejected" })
        expect(yield* Redis.exists(["a", "b"])).toBe(0)
      })
    )

    it.effect("scenario 59: an error inside EXEC is that slot's alone", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const parts = [Redis.set("a", "text"), Redis.incr("a"), Redis.set("b", "1")] as const
        const error = yield* Effect.flip(Transaction.exec(parts))
        expect(error).toMatchObject({ _tag: "ReplyError", command: "INCR", position: 1, outcome: "Failed" })
        expect(yield* Redis.get("b")).toEqual(Option.some("1"))
        const outcome = yield* Transaction.attempt(parts)
        expect(outcome.map((slot) => Either.isRight<unknown, unknown>(slot))).toEqual([true, false, true])
      })
    )

    it.effect("scenario 58, 65: refuse what cannot be queued before anything is sent", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        for (const words of [["MULTI"], ["WATCH", "k"], ["HELLO", "3"], ["SELECT", "1"], ["SUBSCRIBE", "c"]] as const) {
          const error = yield* Effect.flip(Transaction.exec([Redis.set("a", 1), Command.make([...words])]))
          expect(error).toMatchObject({ _tag: "CommandError", position: 1, outcome: "NotSent" })
        }
        const bad = yield* Effect.flip(Transaction.exec([Redis.set("a", 1), Redis.set("b", Number.NaN)]))
        expect(bad).toMatchObject({ _tag: "CommandError", position: 1 })
        expect(yield* Redis.exists("a")).toBe(0)
      })
    )
  })
})

describe.each([2, 3] as const)("watch, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    const increment = Effect.gen(function* () {
      const current = Number(Option.getOrElse(yield* Redis.get("OUR-SEQUENCE-KEY"), () => "0"))
      return Pipeline.all([Redis.set("OUR-SEQUENCE-KEY", current + 1)])
    })

    it.effect("commits when nothing changed, the body having run at once on the same connection", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        yield* Redis.set("k", "before")
        const ids: Array<unknown> = []
        const result = yield* Transaction.watch(
          ["k"],
          Effect.gen(function* () {
            ids.push(yield* Command.make(["CLIENT", "ID"]), yield* Command.make(["CLIENT", "ID"]))
            const value = yield* Redis.get("k")
            return Pipeline.all({
              value: Redis.set("copy", Option.getOrThrow(value)),
              id: Command.make(["CLIENT", "ID"])
            })
          })
        )
        expect(result.value).toBe("OK")
        expect(new Set([...ids, result.id]).size).toBe(1)
        expect(result.id).not.toBe(yield* Command.make(["CLIENT", "ID"]))
        expect(yield* Redis.get("copy")).toEqual(Option.some("before"))
      })
    )

    const changes: Record<string, Effect.Effect<unknown, unknown, Redis.Redis>> = {
      "another client": Redis.set("k", "changed"),
      "the same value": Redis.set("k", "v"),
      expiry: Redis.pexpire("k", "1 millis").pipe(Effect.zipRight(Effect.sleep("20 millis"))),
      deletion: Redis.del("k"),
      FLUSHALL: Redis.flushall()
    }
    it.effect("scenario 60: is a WatchError whatever changed the key, and applies nothing", () =>
      Effect.gen(function* () {
        const shared = yield* Redis.Redis
        for (const [name, change] of Object.entries(changes)) {
          yield* Redis.flushall()
          yield* Redis.set("k", "v")
          const error = yield* Effect.flip(
            Transaction.watch(
              ["k"],
              Effect.as(Effect.provideService(change, Redis.Redis, shared), Pipeline.all([Redis.set("applied", 1)]))
            )
          )
          expect(error, name).toMatchObject({ _tag: "WatchError", reason: "KeysChanged", outcome: "Rejected" })
          expect(yield* Redis.exists("applied"), name).toBe(0)
        }
      })
    )

    it.effect("sees a change that its own connection made", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Transaction.watch(["k"], Effect.as(Redis.set("k", "mine"), Pipeline.all([Redis.get("k")])))
        )
        expect(error._tag).toBe("WatchError")
      })
    )

    it.effect("scenario 60: with nothing to commit still sees the change", () =>
      Effect.gen(function* () {
        const shared = yield* Redis.Redis
        const error = yield* Effect.flip(
          Transaction.watch(
            ["k"],
            Effect.as(Effect.provideService(Redis.set("k", 1), Redis.Redis, shared), Pipeline.empty)
          )
        )
        expect(error._tag).toBe("WatchError")
        expect(yield* Transaction.watch(["k"], Effect.succeed(Pipeline.empty))).toEqual([])
      })
    )

    it.effect("scenario 66: sends no UNWATCH after EXEC, whether it held or not", () =>
      Effect.gen(function* () {
        const shared = yield* Redis.Redis
        const seen = yield* record
        yield* Transaction.watch(["k"], increment)
        yield* Effect.flip(
          Transaction.watch(
            ["k"],
            Effect.as(Effect.provideService(Redis.set("k", 1), Redis.Redis, shared), Pipeline.empty)
          )
        )
        const names = yield* seen
        expect(count(names, "WATCH")).toBe(2)
        expect(count(names, "EXEC")).toBe(2)
        expect(count(names, "UNWATCH")).toBe(0)
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 66: sends exactly one UNWATCH when the body fails or is interrupted, and goes back clean", () =>
      Effect.gen(function* () {
        const seen = yield* record
        const failed = yield* Effect.exit(Transaction.watch(["k"], Effect.fail("no")))
        expect(failed).toEqual(Exit.fail("no"))
        const inside = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(
          Transaction.watch(["k"], Effect.zipRight(Deferred.succeed(inside, undefined), Effect.never))
        )
        yield* Deferred.await(inside)
        yield* Fiber.interrupt(fiber)
        const refused = yield* Effect.flip(
          Transaction.watch(["k"], Effect.succeed(Pipeline.all([Redis.set("a", Number.NaN)])))
        )
        expect(refused._tag).toBe("CommandError")
        const names = yield* seen
        expect(count(names, "WATCH")).toBe(3)
        expect(count(names, "UNWATCH")).toBe(3)
        expect(count(names, "EXEC")).toBe(0)
        // The next one to get the connection is not bothered by a change to the key.
        yield* Redis.set("k", "changed")
        expect(yield* Transaction.watch(["other"], Effect.succeed(Pipeline.all([Redis.echo("fine")])))).toEqual([
          "fine"
        ])
      }).pipe(Effect.scoped)
    )

    it.effect("scenario 58: refuses another transaction on the watching connection", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Transaction.watch(["k"], Effect.as(Transaction.exec([Redis.set("x", 1)]), Pipeline.empty))
        )
        expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
        // A watch inside takes a connection of its own.
        const nested = yield* Transaction.watch(
          ["k"],
          Effect.gen(function* () {
            yield* Transaction.watch(["other"], Effect.succeed(Pipeline.all([Redis.set("inner", 1)])))
            return Pipeline.all([Redis.set("outer", 1)])
          })
        )
        expect(nested).toEqual(["OK"])
      })
    )

    it.effect("needs keys", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Transaction.watch([], Effect.succeed(Pipeline.empty)))
        expect(error).toMatchObject({ _tag: "CommandError", message: "keys must not be empty (WATCH)" })
      })
    )

    it.effect("scenario 61: that lost its connection is a WatchError, and the other writer's value stays", () =>
      Effect.gen(function* () {
        yield* Redis.set("k", "v")
        const shared = yield* Redis.Redis
        const error = yield* Effect.flip(
          Transaction.watch(
            ["k"],
            Effect.gen(function* () {
              const id = yield* Redis.clientId
              yield* Effect.provideService(Command.make(["CLIENT", "KILL", "ID", id]), Redis.Redis, shared)
              yield* Effect.provideService(Redis.set("k", "theirs"), Redis.Redis, shared)
              yield* Effect.sleep("30 millis")
              return Pipeline.all([Redis.set("k", "mine")])
            })
          )
        )
        expect(error).toMatchObject({ _tag: "WatchError", reason: "ConnectionReset" })
        expect(yield* Redis.get("k")).toEqual(Option.some("theirs"))
      })
    )

    it.effect("scenario 61: whose body lost a write with its connection is Unknown, and does not run it again", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const proxy = yield* FaultProxy.make({ port })
        const client = yield* anotherClient({ protocol, port: proxy.port })
        yield* Redis.del("n")
        proxy.afterRequest("INCR", () => proxy.reset())
        const body = Effect.as(Redis.incr("n"), Pipeline.empty)
        const error = yield* Transaction.watch(["k"], body).pipe(
          Transaction.retry(Schedule.recurs(3)),
          Effect.provideService(Redis.Redis, client),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown", command: "INCR" })
        expect(yield* Redis.get("n")).toEqual(Option.some("1"))
      }).pipe(Effect.scoped)
    )

    it.effect("whose body ran a script that answered TRYAGAIN fails with that error, for it may have written", () =>
      Effect.gen(function* () {
        const script = Redis.eval("redis.call('INCR', 'n') return redis.error_reply('TRYAGAIN later')")
        yield* Redis.del("n")
        const error = yield* Transaction.watch(["k"], Effect.as(script, Pipeline.empty)).pipe(
          Transaction.retry(Schedule.recurs(3)),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "ReplyError", code: "TRYAGAIN", outcome: "Failed" })
        expect(yield* Redis.get("n")).toEqual(Option.some("1"))
      })
    )

    it.effect("scenario 62: whose EXEC was sent and not answered has an unknown outcome", () =>
      Effect.gen(function* () {
        const server = yield* NodeRedisServer.NodeRedisServer
        const proxy = yield* FaultProxy.make({ port: server.port })
        const client = yield* anotherClient({ port: proxy.port, protocol })
        proxy.afterRequest("EXEC", () => proxy.reset())
        const error = yield* Effect.flip(
          Transaction.watch(["k"], Effect.succeed(Pipeline.all([Redis.incr("k2")]))).pipe(
            Effect.provideService(Redis.Redis, client)
          )
        )
        expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown", command: "EXEC" })
      }).pipe(Effect.scoped)
    )

    it.effect(
      "the documentation's INCR by 50 fibers x 100 times ends at 5,000",
      () =>
        Effect.gen(function* () {
          yield* Redis.del("OUR-SEQUENCE-KEY")
          const next = Transaction.watch(["OUR-SEQUENCE-KEY"], increment).pipe(
            Effect.retry({
              while: (error) => error._tag === "WatchError",
              schedule: Schedule.exponential("5 millis").pipe(
                Schedule.union(Schedule.spaced("200 millis")),
                Schedule.jittered
              )
            })
          )
          yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.repeatN(next, 99), {
            concurrency: "unbounded",
            discard: true
          })
          expect(yield* Redis.get("OUR-SEQUENCE-KEY")).toEqual(Option.some("5000"))
        }),
      60_000
    )

    it.effect("scenario 66: Transaction.retry is the ready-made loop, and retries nothing but WatchError", () =>
      Effect.gen(function* () {
        yield* Redis.set("OUR-SEQUENCE-KEY", 0)
        const next = Transaction.watch(["OUR-SEQUENCE-KEY"], increment).pipe(
          Transaction.retry(Schedule.spaced("2 millis").pipe(Schedule.jittered))
        )
        yield* Effect.all([next, next, next], { concurrency: "unbounded" })
        expect(yield* Redis.get("OUR-SEQUENCE-KEY")).toEqual(Option.some("3"))
        let runs = 0
        const failing = Effect.suspend(() => {
          runs++
          return Effect.fail("mine")
        })
        const exit = yield* Effect.exit(Transaction.watch(["k"], failing).pipe(Transaction.retry(Schedule.recurs(5))))
        expect(exit).toEqual(Exit.fail("mine"))
        expect(runs).toBe(1)
      })
    )
  })
})
