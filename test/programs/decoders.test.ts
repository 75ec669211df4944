import { expect, layer } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { Effect, Either, Schema } from "effect"
import { redisLayer } from "../support/redis.js"

class Unnamed extends Error {
  override get name(): string {
    throw new Error("no name")
  }
}

const throwing = (thrown: unknown) => () => {
  throw thrown
}

const deep = (n: number): number => deep(n + 1) + 1

const transform = (decode: Effect.Effect<number>) =>
  Schema.transformOrFail(Schema.String, Schema.Number, { decode: () => decode, encode: () => Effect.succeed("") })

const echo = Redis.echo("x")

const hostile: Readonly<Record<string, Command.Command<unknown>>> = {
  "an error": Command.map(echo, throwing(new Error("x"))),
  "an error that has no name": Command.map(echo, throwing(new Unnamed())),
  "what cannot be looked at": Command.map(
    echo,
    throwing(
      new Proxy(
        {},
        {
          getPrototypeOf: throwing(1)
        }
      )
    )
  ),
  null: Command.map(echo, throwing(null)),
  "too deep a recursion": Command.map(echo, () => deep(0)),
  "a schema's Effect that dies": Command.withSchema(transform(Effect.die("x")))(echo),
  "a schema's Effect that is interrupted": Command.withSchema(transform(Effect.interrupt))(echo),
  "a schema's Effect that takes time": Command.withSchema(transform(Effect.delay(Effect.succeed(1), 100)))(echo)
}

layer(redisLayer(), { excludeTestServices: true })("a decoder that throws", (it) => {
  it.effect.each(Object.entries(hostile))("scenario 13: %s fails its own command alone", ([, command]) =>
    Effect.gen(function* () {
      const id = yield* Redis.clientId
      const [failed, mine] = yield* Effect.all([Effect.flip(command), Redis.echo("mine")], {
        concurrency: "unbounded"
      }).pipe(Effect.timeout("2 seconds"))
      expect(failed).toMatchObject({ _tag: "DecodeError", command: "ECHO", outcome: "Failed" })
      expect(mine).toBe("mine")
      expect(yield* Redis.clientId).toBe(id)
    })
  )

  it.effect("scenario 13: does so in a pipeline and in a transaction, too", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const commands = [...Object.values(hostile), Redis.echo("mine")]
      for (const slots of [yield* redis.pipeline(commands), yield* redis.transaction(commands)]) {
        const tags = slots.map((slot) => (Either.isLeft(slot) ? slot.left._tag : slot.right))
        expect(tags).toEqual([...Object.values(hostile).map(() => "DecodeError"), "mine"])
      }
    })
  )
})
