import { Command, Pipeline, Redis, Transaction } from "@effect-resp/core"
import { Effect, Option, Ref, Schedule } from "effect"
import { fails, millis, must, run, type Section, show, tell } from "./show.js"

const key = "OUR-SEQUENCE-KEY"

// From 10 ms, doubling, up to 100 ms, and never two at the same pace.
const backoff = Schedule.exponential("10 millis").pipe(Schedule.union(Schedule.spaced("100 millis")), Schedule.jittered)

export const transactions: Section = {
  title: "Transactions: all or nothing",
  about: "MULTI … EXEC in one write, on the connection that everyone shares.",
  body: Effect.gen(function* () {
    yield* run(
      `Transaction.exec([Redis.set("a", "1"), Redis.sadd("s", "x")])`,
      Transaction.exec([Redis.set("a", "1"), Redis.sadd("s", "x")])
    )
    yield* run(
      `Transaction.attempt([Redis.set("a", "x"), Redis.incr("a")])`,
      Transaction.attempt([Redis.set("a", "x"), Redis.incr("a")])
    )
    yield* fails(
      `Transaction.exec([Redis.set("a", "y"), Command.make(["GET"])])`,
      Transaction.exec([Redis.set("a", "y"), Command.make(["GET"])])
    )
    yield* run(`Redis.get("a")   (nothing of the last one was applied)`, Redis.get("a"))
  })
}

export const locking: Section = {
  title: "Optimistic locking: INCR written in the client",
  about: "WATCH, GET, MULTI, SET, EXEC by 50 fibers × 100 times. Who is overtaken tries again, as a Schedule says.",
  body: Effect.gen(function* () {
    const conflicts = yield* Ref.make(0)
    const next = Transaction.watch(
      [key],
      Effect.gen(function* () {
        const current = Number(Option.getOrElse(yield* Redis.get(key), () => "0"))
        return Pipeline.all([Redis.set(key, current + 1)])
      })
    ).pipe(
      Effect.tapErrorTag("WatchError", () => Ref.update(conflicts, (n) => n + 1)),
      Transaction.retry(backoff)
    )
    yield* tell("50 fibers × 100 × Transaction.watch", "…")
    const [took] = yield* Effect.timed(
      Effect.forEach(Array.from({ length: 50 }), () => Effect.repeatN(next, 99), {
        concurrency: "unbounded",
        discard: true
      })
    )
    yield* show("conflicts, each a WatchError that was tried again", yield* Ref.get(conflicts))
    yield* tell("took", millis(took))
    const sum = yield* run(`Redis.get("${key}")`, Redis.get(key))
    yield* must(Option.contains(sum, "5000"), "no increment is lost")
  })
}
