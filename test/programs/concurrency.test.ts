import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { Effect } from "effect"
import { redisLayer } from "../support/redis.js"

describe.each([2, 3] as const)("one client, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.effect("serves 1,000 fibers, each with its own replies", () =>
      Effect.gen(function* () {
        const echoes = yield* Effect.forEach(
          Array.from({ length: 1_000 }, (_, fiber) => fiber),
          (fiber) =>
            Effect.forEach([1, 2, 3, 4, 5], (turn) =>
              Redis.echo(`${fiber}:${turn}`).pipe(Effect.map((echo) => echo === `${fiber}:${turn}`))
            ),
          { concurrency: "unbounded" }
        )
        expect(echoes.flat().every((own) => own)).toBe(true)
        expect(echoes.flat()).toHaveLength(5_000)
      })
    )

    it.effect("scenario 56: has no SELECT, nor anything else that would change its session", () =>
      Effect.gen(function* () {
        expect(Redis).not.toHaveProperty("select")
        const words: ReadonlyArray<readonly [string, ...Array<string>]> = [
          ["SELECT", "1"],
          ["select", "1"],
          ["MULTI"],
          ["WATCH", "k"],
          ["AUTH", "x"],
          ["CLIENT", "REPLY", "OFF"],
          ["client", "tracking", "on"],
          ["SUBSCRIBE", "c"],
          ["MONITOR"],
          ["HELLO", "2"],
          ["RESET"],
          ["REPLCONF", "ACK", "0"],
          ["script", "debug", "yes"],
          ["QUIT"]
        ]
        for (const each of words) {
          const error = yield* Effect.flip(Command.make(each))
          expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
        }
        const info = yield* Command.make(["CLIENT", "INFO"])
        expect(info).toContain(" db=0 ")
      })
    )

    it.effect("scenario 17: refuses bad arguments before anything is sent, naming them", () =>
      Effect.gen(function* () {
        const before = yield* Redis.incr("probe")
        const errors = yield* Effect.forEach(
          [
            Redis.set("k", Number.NaN),
            Redis.set("k", Number.POSITIVE_INFINITY),
            Redis.set("k", "v", { expire: "1 second", expireAt: new Date() }),
            Redis.set("k", "v", { expireAt: new Date(Number.NaN) }),
            Redis.mget([])
          ] as ReadonlyArray<Command.Command<unknown>>,
          (command) => Effect.flip(command)
        )
        expect(errors.map((error) => error._tag)).toEqual(errors.map(() => "CommandError"))
        expect(errors.map((error) => error.message)).toEqual([
          "argument 2 is NaN, which cannot be sent (SET)",
          "argument 2 is Infinity, which cannot be sent (SET)",
          "options exclude each other: expire, expireAt (SET)",
          "expireAt is not a valid date (SET)",
          "keys must not be empty (MGET)"
        ])
        expect(yield* Redis.incr("probe")).toBe(before + 1)
        expect(yield* Redis.exists("k")).toBe(0)
      })
    )
  })
})
