import { Redis } from "@effect-resp/core"
import { Effect, Fiber, Option } from "effect"
import { fails, millis, must, run, type Section, show, tell } from "./show.js"

export const reserved: Section = {
  title: "Blocking commands and reserved connections",
  about:
    "What blocks takes a connection of its own by itself, so it holds up nobody. A session of your own is a scope.",
  body: Effect.gen(function* () {
    const waiting = yield* Effect.fork(Effect.timed(Redis.blpop("jobs", "5 seconds")))
    yield* Effect.sleep("50 millis")
    const [ping] = yield* Effect.timed(Redis.ping())
    yield* tell(`Redis.blpop("jobs", "5 seconds")`, "waits …")
    yield* tell("Redis.ping() meanwhile", `answered after ${millis(ping)}`)
    yield* run(`Redis.rpush("jobs", "job 1")`, Redis.rpush("jobs", "job 1"))
    const [, job] = yield* Fiber.join(waiting)
    yield* show("… and has it", job)
    yield* must(Option.isSome(job), "BLPOP gets the job")

    const ids = yield* Effect.all([Redis.clientId, Redis.clientId]).pipe(Redis.withReserved())
    yield* show("Redis.clientId, twice, with Redis.withReserved()", ids)
    yield* must(ids[0] === ids[1], "a lease is one connection")
    yield* run("Redis.clientId on the shared client", Redis.clientId)
    yield* run(
      `Redis.set("a", 1), then Redis.wait(0, "1 second"), reserved`,
      Redis.set("a", 1).pipe(Effect.zipRight(Redis.wait(0, "1 second")), Redis.withReserved())
    )
    const lease = yield* Effect.scoped(Redis.reserve())
    yield* fails("a lease used after its scope", Effect.provideService(Redis.ping(), Redis.Redis, lease))
  })
}
