/** The client-side INCR of redis-py's documentation. */
import { Pipeline, Redis, Transaction } from "@effect-resp/core"
import { Effect, Option, Schedule } from "effect"

const clientSideIncr = Effect.gen(function* () {
  const current = Option.getOrElse(yield* Redis.get("OUR-SEQUENCE-KEY"), () => "0")
  return Pipeline.all([Redis.set("OUR-SEQUENCE-KEY", Number(current) + 1)])
})

const next = Transaction.watch(["OUR-SEQUENCE-KEY"], clientSideIncr).pipe(
  Transaction.retry(Schedule.spaced("5 millis").pipe(Schedule.jittered))
)

export const program = Effect.gen(function* () {
  yield* Effect.all([next, next, next], { concurrency: "unbounded" })
  return yield* Redis.get("OUR-SEQUENCE-KEY")
})
