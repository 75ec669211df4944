/** The first program: write, read, count, and read many at once. */
import { Pipeline, Redis } from "@effect-resp/core"
import { Effect, Option } from "effect"

export const program = Effect.gen(function* () {
  yield* Redis.set("greeting", "hello", { expire: "10 minutes" })
  const greeting = yield* Redis.get("greeting")
  const nobody = yield* Redis.get("nobody")

  const { seen, user } = yield* Pipeline.all({
    seen: Redis.incr("seen"),
    user: Redis.hgetall("user:1")
  })

  return {
    greeting: Option.getOrElse(greeting, () => "nothing"),
    isNobody: Option.isNone(nobody),
    seen,
    fields: Object.keys(user).length
  }
})
