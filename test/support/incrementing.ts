/** One command in each of the ways in which it can be sent, and a node that answers them. */
import { Redis, type RedisError, type Transaction } from "@effect-resp/core"
import { Effect, type Either, type Scope } from "effect"
import type * as ScriptedCluster from "./ScriptedCluster.js"

export type Failure = RedisError.RedisError | Transaction.ExecAbortError | Transaction.WatchError

export const abort = "-EXECABORT Transaction discarded because of previous errors.\r\n"

/** Plays MULTI … EXEC over what commands are answered: an error aborts it, anything else is a reply of 7. */
export const queueing = (answer: ScriptedCluster.Answer): ScriptedCluster.Answer => {
  const queued = new Map<string, { count: number; refused: boolean }>()
  return (words, node, connection) => {
    const key = `${node} ${connection.id}`
    const multi = queued.get(key)
    if (words[0] === "MULTI") {
      queued.set(key, { count: 0, refused: false })
      return "+OK\r\n"
    }
    if (multi === undefined) return answer(words, node, connection)
    if (words[0] === "EXEC") {
      queued.delete(key)
      return multi.refused ? abort : `*${multi.count}\r\n${":7\r\n".repeat(multi.count)}`
    }
    const reply = answer(words, node, connection)
    if (reply?.startsWith("-") === true) {
      multi.refused = true
      return reply
    }
    multi.count++
    return "+QUEUED\r\n"
  }
}

/** The same command in each of the ways in which it can be sent. */
export const ways: ReadonlyArray<readonly [string, (redis: Redis.RedisService) => Effect.Effect<unknown, Failure>]> = [
  ["a command", (redis) => redis.execute(Redis.incr("foo"))],
  [
    "a pipeline",
    (redis) =>
      Effect.flatMap(
        redis.pipeline([Redis.incr("foo")]),
        ([slot]) => slot as Either.Either<unknown, RedisError.RedisError>
      )
  ],
  [
    "a transaction",
    (redis) =>
      Effect.flatMap(
        redis.transaction([Redis.incr("foo")]),
        ([slot]) => slot as Either.Either<unknown, RedisError.RedisError>
      )
  ]
]

/** The same check of each way, all at once, for what takes its time. */
export const eachWay = <E>(
  check: (way: string, run: (typeof ways)[number][1]) => Effect.Effect<void, E, Scope.Scope>
): Effect.Effect<void, E> =>
  Effect.forEach(ways, ([way, run]) => Effect.scoped(check(way, run)), { concurrency: "unbounded", discard: true })
