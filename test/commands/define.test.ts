/** Commands that the program makes itself, by `Command.make` and `Command.define`. */
import { describe, expect, it, layer } from "@effect/vitest"
import { Command, Redis, Reply } from "@effect-resp/core"
import { NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Option } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import { anotherClient, redisLayer } from "../support/redis.js"
import { timed } from "../support/timed.js"

type Words = readonly [string, ...Array<Command.Argument>]

const bytes = (text: string) => new TextEncoder().encode(text)

/** The same command in both ways. */
const bothWays = ([name, ...args]: Words): ReadonlyArray<Command.Command<unknown>> => [
  Command.make([name, ...args]),
  Command.define(name)(args, Reply.value)
]

/** Whether each of them may hold up its connection, and for how long. */
const blocking = (words: Words) =>
  bothWays(words).map(({ blockMillis, definition }) => [definition.blocking, blockMillis])

describe("a command of one's own", () => {
  it.each<readonly [millis: number | undefined, words: Words]>([
    [3000, ["BLPOP", "a", "b", 3]],
    [100, ["brpop", "a", "0.1"]],
    [0, ["BZPOPMIN", "a", 0]],
    [1, ["BZPOPMAX", "a", 0.0001]],
    [2000, ["BLMOVE", "a", "b", "LEFT", "RIGHT", bytes("2")]],
    [2000, ["BLMOVEM", "a", "b", "LEFT", "RIGHT", 2, "COUNT", 7]],
    [2000, ["BRPOPLPUSH", "a", "b", 2]],
    [2000, ["BLMPOP", 2, 1, "a", "LEFT"]],
    [2000, ["BZMPOP", 2, 1, "a", "MIN", "COUNT", 9]],
    [500, ["WAIT", 1, 500]],
    [500, ["WAITAOF", 1, 1, 500]],
    // The server refuses it at once.
    [1, ["BLPOP", "a", "soon"]],
    [1, ["BLPOP"]],
    [500, ["XREAD", "BLOCK", 500, "STREAMS", "s", "$"]],
    [500, ["xread", "count", 2, bytes("block"), "500", "streams", "s", "$"]],
    [0, ["XREADGROUP", "GROUP", "g", "me", "NOACK", "BLOCK", 0, "STREAMS", "s", ">"]],
    [500, ["XREADGROUP", "GROUP", "streams", "block", "BLOCK", 500, "STREAMS", "s", ">"]],
    [500, ["XREADGROUP", "BLOCK", 500, "GROUP", "g", "streams", "STREAMS", "s", ">"]],
    [500, ["XREADGROUP", "GROUP", "g", "me", "CLAIM", 9, "BLOCK", 500, "STREAMS", "s", ">"]],
    [undefined, ["XREADGROUP", "GROUP", "block", "me", "STREAMS", "s", ">"]],
    [undefined, ["XREADGROUP", "GROUP", "g", "block", "COUNT", 1, "STREAMS", "s", ">"]],
    [undefined, ["XREAD", "STREAMS", "BLOCK", "0"]],
    [undefined, ["XRANGE", "BLOCK", "-", "+"]],
    [undefined, ["LPOP", "a"]]
  ])("blocks for %s ms: %j", (millis, words) => {
    const expected = [millis !== undefined, millis]
    expect(blocking(words)).toEqual([expected, expected])
  })

  it("blocks for the time that is given rather than the one of its words", () => {
    const BLPOP = Command.define("BLPOP")
    expect(Command.make(["BLPOP", "a", 3], { blockMillis: 5 }).blockMillis).toBe(5)
    expect(BLPOP(["a", 3], Reply.value, { blockMillis: 5 }).blockMillis).toBe(5)
    expect(BLPOP.definition.blocking).toBe(true)
  })
})

layer(redisLayer(), { excludeTestServices: true })("a command of one's own", (it) => {
  it.effect("scenario 43: does not hold up others while it blocks, whatever its group is called", () =>
    Effect.gen(function* () {
      yield* Command.make(["XGROUP", "CREATE", "jobs", "streams", "$", "MKSTREAM"])
      const commands = [
        ["BLPOP", "nothing", 30],
        ["XREAD", "BLOCK", 30_000, "STREAMS", "jobs", "$"],
        ["XREADGROUP", "GROUP", "streams", "me", "BLOCK", 30_000, "STREAMS", "jobs", ">"]
      ] as const
      const all = Effect.all(commands.flatMap(bothWays), { concurrency: "unbounded" })
      const waiting = yield* Effect.fork(all)
      const blocked = Command.make(["INFO", "clients"]).pipe(
        Command.map((text) => /blocked_clients:(\d+)/.exec(String(text))?.[1])
      )
      const others = Effect.repeat(blocked, { until: (count) => count === "6" })
      yield* Effect.timeout(others, "1 second")
      yield* Fiber.interrupt(waiting)
    })
  )

  it.effect("scenario 43: has its own time and the usual time on a server that has gone silent", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const proxy = yield* FaultProxy.make({ port })
      const client = yield* anotherClient({ port: proxy.port, commandTimeout: "300 millis" })
      const commands = yield* Effect.forEach(bothWays(["BLPOP", "nothing", 0.1]), (command) =>
        Effect.map(client.reserve([]), (lease) => ({ command, lease }))
      )
      proxy.toServer.pause()
      for (const { command, lease } of commands) {
        const lost = yield* timed(Effect.flip(lease.execute(command))).pipe(Effect.timeout("900 millis"))
        expect(lost.value).toMatchObject({ _tag: "TimeoutError", millis: 400, outcome: "Unknown" })
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is refused with a time that is none", () =>
    Effect.gen(function* () {
      const EVAL = Command.define("EVAL", { blocking: true })
      for (const blockMillis of [Number.NaN, -1000, Number.POSITIVE_INFINITY, "5" as unknown as number]) {
        for (const command of [
          Command.make(["SET", "refused", 1], { blockMillis }),
          Command.define("BLPOP")(["refused", 1], Reply.value, { blockMillis }),
          EVAL(["return redis.call('SET', 'refused', 1)", 0], Reply.value, { blockMillis })
        ]) {
          const error = yield* Effect.flip(command)
          expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
          expect(error.message).toMatch(/^blockMillis must be a number of at least 0/)
        }
      }
      expect(yield* Redis.get("refused")).toEqual(Option.none())
    })
  )

  it.effect("scenario 17: is what it was made of, whatever becomes of the array", () =>
    Effect.gen(function* () {
      const words: [string, ...Array<Command.Argument>] = ["GET", "mine"]
      const keys = [1]
      const command = Command.make(words, { keys })
      words.splice(0, 2, "SUBSCRIBE", "news")
      keys[0] = 0
      yield* Redis.set("mine", "yes")
      expect(yield* Effect.timeout(command, "1 second")).toBe("yes")
      expect(Command.keyPositions(command)).toEqual([1])
    })
  )
})
