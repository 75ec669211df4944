import { Command, Redis } from "@effect-resp/core"
import { Effect, Option, Schema } from "effect"
import { run, type Section, show } from "./show.js"

const User = Schema.parseJson(Schema.Struct({ name: Schema.String, age: Schema.Number }))

export const commands: Section = {
  title: "Commands are values",
  about: "Pure data that is also an Effect: run it, change its result, or compose it with others.",
  body: Effect.gen(function* () {
    yield* run(`Redis.set("bing", "baz", { expire: "10 minutes" })`, Redis.set("bing", "baz", { expire: "10 minutes" }))
    yield* run(`Redis.get("bing")`, Redis.get("bing"))
    yield* run(`Redis.get("nobody")`, Redis.get("nobody"))
    yield* run(`Redis.ttl("bing")`, Redis.ttl("bing"))
    yield* run(`Redis.set("bing", "boo", { onlyIf: "absent" })`, Redis.set("bing", "boo", { onlyIf: "absent" }))
    yield* run(
      `Redis.hset("user:1", { name: "Ada", city: "London" })`,
      Redis.hset("user:1", { name: "Ada", city: "London" })
    )
    yield* run(`Redis.hgetall("user:1")`, Redis.hgetall("user:1"))
    yield* Redis.zadd("ranking", { Ada: 36, Grace: 85, Edsger: 72 })
    yield* run(
      `Redis.zrange("ranking", 0, 1, { reverse, withScores })`,
      Redis.zrange("ranking", 0, 1, { reverse: true, withScores: true })
    )
    yield* show(`Redis.set("password", "hunter2"), printed`, Redis.set("password", "hunter2"))
  })
}

export const results: Section = {
  title: "Results of the type you want",
  about: "Text, bytes, numbers, bigints, JSON through a Schema: each of these is still a command.",
  body: Effect.gen(function* () {
    yield* run(`Redis.set("raw", new Uint8Array([0, 255, 128]))`, Redis.set("raw", new Uint8Array([0, 255, 128])))
    yield* run(`Redis.get("raw").pipe(Command.bytes)`, Redis.get("raw").pipe(Command.bytes))
    yield* Redis.set("user:2", JSON.stringify({ name: "Grace", age: 85 }))
    yield* run(`Redis.get("user:2").pipe(Command.withSchema(User))`, Redis.get("user:2").pipe(Command.withSchema(User)))
    yield* run(
      `Redis.incrby("n", 9007199254740993n).pipe(Command.bigint)`,
      Redis.incrby("n", 9007199254740993n).pipe(Command.bigint)
    )
    yield* run(
      `Redis.get("bing").pipe(Command.map(Option.getOrThrow))`,
      Redis.get("bing").pipe(Command.map(Option.getOrThrow))
    )
    yield* run(`Command.make(["OBJECT", "ENCODING", "ranking"])`, Command.make(["OBJECT", "ENCODING", "ranking"]))
  })
}
