/** Which failures may be tried again, and which ones the caller handles. */
import { Command, Redis, RedisError } from "@effect-resp/core"
import { Effect, Option } from "effect"

/** SET of the same value may run twice; so an unknown outcome may be tried again. */
const online = Redis.set("status", "online").pipe(Command.idempotent, Effect.retry(RedisError.retryPolicy))

/** INCR may not: with the same policy only what surely did not run is tried again. */
const visits = Redis.incr("visits").pipe(Effect.retry(RedisError.retryPolicy))

/** A counter that was something else before counts from 1. */
const count = (key: string) =>
  Redis.incr(key).pipe(
    Effect.catchTag("ReplyError", (error) =>
      error.code === "WRONGTYPE" ? Effect.as(Redis.set(key, 1), 1) : Effect.fail(error)
    )
  )

export const program = Effect.gen(function* () {
  yield* online
  yield* visits
  yield* Redis.rpush("list", "x")
  const counted = yield* count("list")
  const error = yield* Effect.flip(Redis.incr("status"))
  return {
    status: Option.getOrThrow(yield* Redis.get("status")),
    counted,
    error: { tag: error._tag, command: error.command, outcome: error.outcome, safe: RedisError.isSafeToRetry(error) }
  }
})
