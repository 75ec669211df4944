import { Redis } from "@effect-resp/core"
import { Duration, Effect } from "effect"
import { millis, must, type Section, show, tell } from "./show.js"

export const fibers: Section = {
  title: "1,000 fibers, one client, one connection",
  about: "Commands of all fibers share a connection and are pipelined by themselves; each gets its own reply.",
  body: Effect.gen(function* () {
    const [took, echoes] = yield* Effect.timed(
      Effect.forEach(
        Array.from({ length: 1_000 }, (_, fiber) => fiber),
        (fiber) =>
          Effect.forEach(
            Array.from({ length: 20 }, (_, turn) => `${fiber}:${turn}`),
            (word) => Effect.map(Redis.echo(word), (echo) => echo === word)
          ),
        { concurrency: "unbounded" }
      )
    )
    const all = echoes.flat()
    yield* show("replies", all.length)
    yield* show("replies that reached another fiber", all.filter((own) => !own).length)
    yield* tell(
      "took",
      `${millis(took)}, ${Math.round(all.length / Duration.toSeconds(took)).toLocaleString("en-US")} commands a second`
    )
    yield* must(
      all.every((own) => own),
      "each fiber gets its own replies"
    )
  })
}
