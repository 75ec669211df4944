import { Monitor, Redis } from "@effect-resp/core"
import { Chunk, Effect, Stream } from "effect"
import { must, type Section, tell } from "./show.js"

export const monitoring: Section = {
  title: "Monitor: every command that the server processes",
  about: "Parsed: when, which database, who, and the arguments as exact bytes. For looking, not for production.",
  body: Effect.gen(function* () {
    const commands = yield* Monitor.started
    yield* Redis.set("watched", "by Monitor")
    yield* Redis.incrby("counter", 3)
    const seen = Chunk.toReadonlyArray(yield* commands.pipe(Stream.take(2), Stream.runCollect))
    yield* Effect.forEach(seen, ({ client, command, database, time }) =>
      tell(
        `${new Date(time * 1000).toISOString()}  database ${database}  ${client}`,
        command.map((word) => JSON.stringify(word)).join(" ")
      )
    )
    yield* must(seen[1]?.command[0]?.toUpperCase() === "INCRBY", "Monitor sees each command in order")
  }).pipe(Effect.scoped)
}
