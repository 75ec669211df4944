/** A write that may be sent again after any error, and a claim that tells whose it is. */
import { Command, Redis, RedisError, Reply, Script } from "@effect-resp/core"
import { Effect, Option } from "effect"

/** Counts once for each value of `done`, however often it is sent. */
const countOnce = Script.make({
  keys: ["counter", "done"],
  args: ["amount"],
  lua: `
    if redis.call("SET", KEYS[2], "1", "NX", "EX", 86400) then redis.call("INCRBY", KEYS[1], ARGV[1]) end
    return tonumber(redis.call("GET", KEYS[1]))
  `,
  reply: Reply.integer
})

const ordered = (order: string, amount: number) =>
  countOnce({ counter: "{sales}", done: `{sales}:${order}`, amount }).pipe(
    Command.idempotent,
    Effect.retry(RedisError.retryPolicy)
  )

const claimed = (job: string, worker: string) =>
  Redis.set(`claim:${job}`, worker, { onlyIf: "absent", expire: "1 minute" }).pipe(
    Effect.catchIf(
      (error) => error.outcome === "Unknown",
      () => Effect.map(Redis.get(`claim:${job}`), Option.contains(worker))
    )
  )

export const program = Effect.gen(function* () {
  yield* ordered("order:1", 5)
  yield* ordered("order:2", 7)
  // As after a reply that was lost.
  const sold = yield* ordered("order:1", 5)
  return { sold, ada: yield* claimed("job:1", "ada"), grace: yield* claimed("job:1", "grace") }
})
