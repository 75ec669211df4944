import { Pipeline, Redis } from "@effect-resp/core"
import { Duration, Effect } from "effect"
import { millis, must, run, type Section, tell } from "./show.js"

const each = Array.from({ length: 1_000 }, (_, n) => Redis.set(`item:${n}`, n))

export const pipelines: Section = {
  title: "Pipelines: one write, typed results in the shape you gave",
  about: "A tuple, a struct, a list, nested, or chained. Not atomic: that is a transaction.",
  body: Effect.gen(function* () {
    yield* run(
      `Pipeline.all([Redis.set("foo", "bar"), Redis.get("bing")])`,
      Pipeline.all([Redis.set("foo", "bar"), Redis.get("bing")])
    )
    yield* run(
      `Pipeline.all({ foo: Redis.get("foo"), n: [Redis.incr("n1")] })`,
      Pipeline.all({ foo: Redis.get("foo"), n: [Redis.incr("n1")] })
    )
    yield* run(
      `Pipeline.forEach(["x", "y", "z"], (key) => Redis.incr(key))`,
      Pipeline.forEach(["x", "y", "z"], (key) => Redis.incr(key))
    )
    yield* run(
      "Pipeline.empty.pipe(Pipeline.add(set), Pipeline.add(sadd), …)",
      Pipeline.empty.pipe(
        Pipeline.add(Redis.set("foo", "bar")),
        Pipeline.add(Redis.sadd("faz", "baz")),
        Pipeline.add(Redis.incr("auto_number"))
      )
    )
    yield* run(
      `Pipeline.attempt([Redis.get("foo"), Redis.incr("foo")])`,
      Pipeline.attempt([Redis.get("foo"), Redis.incr("foo")])
    )
    const [slow] = yield* Effect.timed(Effect.forEach(each, (command) => command, { discard: true }))
    const [fast, results] = yield* Effect.timed(Pipeline.all(each))
    yield* tell("1,000 × SET, one after the other", millis(slow))
    yield* tell(
      "1,000 × SET in one pipeline",
      `${millis(fast)}, ${(Duration.toMillis(slow) / Duration.toMillis(fast)).toFixed(0)} times as fast`
    )
    yield* must(results.length === 1_000, "a pipeline of 1,000 gives 1,000 results")
  })
}
