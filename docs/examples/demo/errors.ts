import { Command, Pipeline, Redis, RedisError } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Schema } from "effect"
import { fails, must, run, type Section, tell } from "./show.js"

const Age = Schema.parseJson(Schema.Struct({ age: Schema.Number }))

const verdict = (name: string, error: RedisError.RedisError) =>
  tell(`  ${name}`, `outcome ${error.outcome}, isSafeToRetry ${RedisError.isSafeToRetry(error)}`)

export const errors: Section = {
  title: "Typed errors that say what became of the command",
  about: "A closed union. Every error names its command, and its outcome: NotSent, Rejected, Failed or Unknown.",
  body: Effect.gen(function* () {
    const failed = yield* fails(`Redis.incr("bing")`, Redis.incr("bing"))
    yield* verdict("it ran, and the server answered an error", failed)
    const unknown = yield* fails(`Command.make(["NOSUCHCOMMAND", "secret"])`, Command.make(["NOSUCHCOMMAND", "secret"]))
    yield* verdict("refused before it ran; no argument is quoted", unknown)
    const bad = yield* fails(`Redis.set("n", Number.NaN)`, Redis.set("n", Number.NaN))
    yield* verdict("refused here: not a byte was sent", bad)
    const nobody = yield* fails("NodeRedis.make({ port: 1 })", Effect.scoped(NodeRedis.make({ port: 1 })))
    yield* verdict("nobody is there, maybe later", nobody)
    yield* fails(`Command.make(["SELECT", "1"])`, Command.make(["SELECT", "1"]))
    yield* Redis.set("user:3", `{"age":"secret"}`)
    yield* fails(`Redis.get("user:3").pipe(Command.withSchema(Age))`, Redis.get("user:3").pipe(Command.withSchema(Age)))
    yield* fails(
      `Pipeline.all([Redis.get("foo"), Redis.incr("foo")])`,
      Pipeline.all([Redis.get("foo"), Redis.incr("foo")])
    )
    const caught = yield* run(
      `Redis.incr("foo") with Effect.catchTag("ReplyError", …code)`,
      Redis.incr("foo").pipe(Effect.catchTag("ReplyError", (error) => Effect.succeed(error.code)))
    )
    yield* must(caught === "ERR", "a ReplyError has its code")
  })
}
