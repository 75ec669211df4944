/** What a `DecodeError` tells, and what it keeps to itself. */
import { expect, layer } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { Cause, Effect, Schema } from "effect"
import { redisLayer } from "../support/redis.js"

const secret = "s3cret"

interface Tree {
  readonly leaf: number
  readonly branches: ReadonlyArray<Tree>
}

const Tree: Schema.Schema<Tree> = Schema.Struct({
  leaf: Schema.Number,
  branches: Schema.Array(Schema.suspend(() => Tree))
})

const Ages = Schema.Struct({ ages: Schema.Record({ key: Schema.String, value: Schema.Number }) })

const Pair = Schema.Struct({ first: Schema.String, second: Schema.String }).pipe(
  Schema.filter(({ first }) => [
    { path: ["second"], message: first },
    { path: [first], message: first }
  ])
)

class Revealing extends Error {
  override name = secret
}

class Reading extends Schema.Class<Reading>("Reading")({ at: Schema.Date, value: Schema.NumberFromString }) {}

const refusals: ReadonlyArray<readonly [places: string, schema: Schema.Schema<never, string>, value: unknown]> = [
  ["", Schema.parseJson(Ages) as never, secret],
  [" at *", Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Number })) as never, { [secret]: "x" }],
  [" at ages.*", Schema.parseJson(Ages) as never, { ages: { [secret]: "x" } }],
  [" at branches.1.leaf", Schema.parseJson(Tree) as never, { leaf: 1, branches: [{ leaf: 2, branches: [] }, {}] }],
  [" at second, *", Schema.parseJson(Pair) as never, { first: secret, second: "" }],
  [" at value", Schema.parseJson(Reading) as never, { at: new Date(0), value: secret }],
  [
    " at kind",
    Schema.parseJson(
      Schema.Union(
        Schema.Struct({ kind: Schema.Literal("a"), x: Schema.Number }),
        Schema.Struct({ kind: Schema.Literal("b") })
      )
    ) as never,
    { kind: secret }
  ]
]

/** All that can be seen of it. */
const shown = (error: unknown) => `${error} ${JSON.stringify(error)} ${Cause.pretty(Cause.fail(error))}`

layer(redisLayer(), { excludeTestServices: true })("the error of a reply that cannot be decoded", (it) => {
  it.effect.each(refusals)("scenario 99: tells a schema's own names and no value:%s", ([places, schema, value]) =>
    Effect.gen(function* () {
      const echo = Redis.echo(typeof value === "string" ? value : JSON.stringify(value))
      const error = yield* Effect.flip(echo.pipe(Command.withSchema(schema)))
      expect(error).toMatchObject({ _tag: "DecodeError", reason: `the schema refuses it${places}` })
      expect(shown(error)).not.toContain(secret)
    })
  )

  it.effect("scenario 99: tells the class of what a function threw and not its name", () =>
    Effect.gen(function* () {
      const throwing = Command.map(Redis.echo("x"), () => {
        throw new Revealing(secret)
      })
      const error = yield* Effect.flip(throwing)
      expect(error).toMatchObject({ _tag: "DecodeError", reason: "the decoder threw Revealing" })
      expect(shown(error)).not.toContain(secret)
    })
  )
})
