/** Moving stock between two warehouses, safe against everyone else who does the same. */
import { Pipeline, Redis, Transaction } from "@effect-resp/core"
import { Data, Effect, Option, Schedule } from "effect"

class NotEnough extends Data.TaggedError("NotEnough")<{ readonly left: number }> {}

const move = (from: string, to: string, count: number) =>
  Transaction.watch(
    [from],
    Effect.gen(function* () {
      // Runs at once, on the connection that watches.
      const left = Number(Option.getOrElse(yield* Redis.get(from), () => "0"))
      if (left < count) return yield* new NotEnough({ left })
      // Runs between MULTI and EXEC, unless somebody has changed `from` meanwhile.
      return Pipeline.all({ from: Redis.decrby(from, count), to: Redis.incrby(to, count) })
    })
  ).pipe(Transaction.retry(Schedule.exponential("5 millis").pipe(Schedule.jittered, Schedule.upTo("5 seconds"))))

export const program = Effect.gen(function* () {
  yield* Transaction.exec([Redis.set("north", 20), Redis.set("south", 0)])
  yield* Effect.all([move("north", "south", 5), move("north", "south", 5), move("north", "south", 5)], {
    concurrency: "unbounded"
  })
  const refused = yield* Effect.flip(move("north", "south", 6))
  const stock = yield* Redis.mget(["north", "south"])
  return { stock, refused: refused._tag }
})
