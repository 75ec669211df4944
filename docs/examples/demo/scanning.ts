import { Redis, Scan } from "@effect-resp/core"
import { Effect, Stream } from "effect"
import { must, run, type Section } from "./show.js"

export const scanning: Section = {
  title: "SCAN as a Stream",
  about: "Page by page, each asked for when it is needed. HSCAN, SSCAN and ZSCAN as well.",
  body: Effect.gen(function* () {
    const found = yield* run(
      `Scan.keys({ match: "item:*" }).pipe(Stream.runCount)`,
      Scan.keys({ match: "item:*", count: 100 }).pipe(Stream.runCount)
    )
    yield* must(found >= 1_000, "SCAN finds every key")
    yield* run(
      `Scan.keys().pipe(Stream.take(3), Stream.runCollect)`,
      Scan.keys().pipe(
        Stream.take(3),
        Stream.runCollect,
        Effect.map((found) => [...found])
      )
    )
    yield* run(
      `Scan.sortedSet("ranking").pipe(Stream.runCollect)`,
      Scan.sortedSet("ranking").pipe(
        Stream.runCollect,
        Effect.map((found) => [...found])
      )
    )
    yield* run(
      "Scan.keys(…) by hundreds, with Redis.unlink for each",
      Scan.keys({ match: "item:*", count: 100 }).pipe(
        Stream.grouped(100),
        Stream.mapEffect((keys) => Redis.unlink([...keys])),
        Stream.runSum
      )
    )
  })
}
