import { describe, expect, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, Reply, Script, Transaction } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Option, Schedule } from "effect"
import { recordCommands } from "../support/monitor.js"
import { redisLayer } from "../support/redis.js"

const add = Script.make({
  keys: ["counter"],
  args: ["amount"],
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1]) -- ä",
  reply: Reply.integer
})

/** The names of the script commands that a program sends. */
const sent = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const server = yield* NodeRedisServer.NodeRedisServer
    const record = yield* recordCommands(server.port)
    const result = yield* program
    yield* record.settle
    const names = record.words().flatMap((words) => /^"(EVAL(?:SHA)?(?:_RO)?)"/i.exec(words)?.[1] ?? [])
    return [result, names] as const
  }).pipe(Effect.scoped)

const forget = Redis.scriptFlush()

/** Until the server is busy running it. */
const whenBusy = <A, E, R>(kill: Effect.Effect<A, E, R>) =>
  Effect.retry(kill, Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(200)))

describe.each([2, 3] as const)("scripts, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.effect("the text is sent once, and found by its SHA1 from then on", () =>
      Effect.gen(function* () {
        yield* forget
        expect(yield* Redis.scriptExists(add.sha)).toEqual([false])
        const results = Effect.all([
          add({ counter: "a", amount: 1 }),
          add({ counter: "a", amount: 2 }),
          add({ counter: "a", amount: 3n })
        ])
        expect(yield* sent(results)).toEqual([
          [1, 3, 6],
          ["EVALSHA", "EVAL", "EVALSHA", "EVALSHA"]
        ])
        expect(yield* Redis.scriptExists(add.sha)).toEqual([true])
        expect(yield* add.load).toBe(add.sha)
      })
    )

    it.effect("in a pipeline and in a transaction the first use of a script carries its text", () =>
      Effect.gen(function* () {
        yield* forget
        const commands = [1, 2, 3].map((amount) => add({ counter: "b", amount }))
        expect(yield* sent(Pipeline.all(commands))).toEqual([
          [1, 3, 6],
          ["EVAL", "EVALSHA", "EVALSHA"]
        ])
        yield* forget
        expect(yield* sent(Transaction.exec(commands))).toEqual([
          [7, 9, 12],
          ["EVAL", "EVALSHA", "EVALSHA"]
        ])
      })
    )

    it.effect("where a pipeline itself makes the server forget them the next use carries the text again", () =>
      Effect.gen(function* () {
        const use = add({ counter: "d", amount: 1 })
        const [first, , second, , third, , fourth] = yield* Pipeline.all([
          use,
          Redis.scriptFlush(),
          use,
          Command.make(["script", "flush"]),
          use,
          Command.make(["SCRIPT", new TextEncoder().encode("FLUSH"), "SYNC"]),
          use
        ])
        expect([first, second, third, fourth]).toEqual([1, 2, 3, 4])
      })
    )

    it.effect("what is made of its command finds the text too", () =>
      Effect.gen(function* () {
        const command = add({ counter: "c", amount: 1 })
        const text = Script.make({ args: ["value"], lua: "return ARGV[1]", reply: Reply.text })
        yield* forget
        expect(yield* command.pipe(Command.map((n) => `${n}`))).toBe("1")
        yield* forget
        expect(yield* command.pipe(Command.bigint)).toBe(2n)
        yield* forget
        expect(yield* command.pipe(Command.idempotent)).toBe(3)
        yield* forget
        expect(yield* text({ value: "ä" }).pipe(Command.bytes)).toEqual(new TextEncoder().encode("ä"))
      })
    )

    it.effect("what a script fails with is its command's error, and not tried again", () =>
      Effect.gen(function* () {
        const broken = Script.make({ keys: ["key"], lua: "return redis.call('INCR', KEYS[1])", reply: Reply.integer })
        yield* Redis.set("d", "text")
        yield* forget
        const [error, names] = yield* sent(Effect.flip(broken({ key: "d" })))
        expect(error).toMatchObject({ _tag: "ReplyError", outcome: "Failed" })
        expect(names).toEqual(["EVALSHA", "EVAL"])
      })
    )

    it.effect("a value that is missing is refused before a byte is sent", () =>
      Effect.gen(function* () {
        const rest = Script.make({ restKeys: "keys", restArgs: "args", lua: "return 1", reply: Reply.integer })
        const untyped = [add, rest] as unknown as [(values?: object) => Command.Command<unknown>]
        for (const script of untyped) {
          expect(yield* Effect.flip(script())).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
          expect(yield* Effect.flip(script({ counter: "a", keys: [] }))).toMatchObject({ _tag: "CommandError" })
        }
        expect(yield* Effect.flip(add({ counter: "a", amount: Number.NaN }))).toMatchObject({ _tag: "CommandError" })
      })
    )

    it.effect("a script that does not end can be stopped by the client that runs it", () =>
      Effect.gen(function* () {
        yield* Redis.configSet({ "lua-time-limit": 20 })
        expect(yield* Effect.flip(Redis.scriptKill)).toMatchObject({ _tag: "ReplyError", code: "NOTBUSY" })
        const endless = yield* Effect.fork(Effect.flip(Redis.eval("while true do end")))
        expect(yield* whenBusy(Redis.scriptKill)).toBe("OK")
        expect(yield* Fiber.join(endless)).toMatchObject({ _tag: "ReplyError", outcome: "Failed" })
        expect(yield* Redis.ping()).toBe("PONG")
      })
    )

    it.effect("a function that does not end can be seen and stopped by the client that runs it", () =>
      Effect.gen(function* () {
        const code = `#!lua name=endless
          redis.register_function("endless", function(keys, args) while true do end end)`
        yield* Redis.configSet({ "lua-time-limit": 20 })
        yield* Redis.functionLoad(code, { replace: true })
        expect(yield* Effect.flip(Redis.functionKill)).toMatchObject({ _tag: "ReplyError", code: "NOTBUSY" })
        const endless = yield* Effect.fork(Effect.flip(Redis.fcall("endless", { keys: ["k"], args: ["ä"] })))
        const running = yield* Redis.functionStats.pipe(
          Effect.flatMap(({ running }) => running),
          whenBusy
        )
        expect(running.name).toBe("endless")
        expect(running.command).toEqual(["FCALL", "endless", "1", "k", "ä"])
        const { running: bytes } = yield* Redis.functionStats.pipe(Command.bytes)
        expect(Option.getOrThrow(bytes).command[4]).toEqual(new TextEncoder().encode("ä"))
        expect(yield* Redis.functionKill).toBe("OK")
        expect(yield* Fiber.join(endless)).toMatchObject({ _tag: "ReplyError", outcome: "Failed" })
      })
    )

    it.effect("libraries survive a dump", () =>
      Effect.gen(function* () {
        yield* Redis.functionFlush()
        yield* Redis.functionLoad("#!lua name=kept\nredis.register_function('kept', function() return 'ä' end)")
        const dump = yield* Redis.functionDump
        yield* Redis.functionFlush()
        expect(yield* Redis.functionRestore(dump)).toBe("OK")
        expect(yield* Redis.fcall("kept", { reply: Reply.text })).toBe("ä")
        expect(yield* Effect.flip(Redis.functionRestore(dump))).toMatchObject({ _tag: "ReplyError" })
        expect(yield* Redis.functionRestore(dump, { policy: "replace" })).toBe("OK")
      })
    )
  })
})
