/**
 * MONITOR on several nodes as one.
 */
import type { Redis, RedisError } from "@effect-resp/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** The lines of all nodes: one OK when each has said so, and then what comes, as it comes. */
export const monitorAll = (
  clients: () => ReadonlyArray<Effect.Effect<Redis.RedisService, RedisError.RedisError>>
): Stream.Stream<string, RedisError.RedisError> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const begin = Effect.fnUntraced(function* (client: Effect.Effect<Redis.RedisService, RedisError.RedisError>) {
        const pull = yield* Stream.toPull((yield* client).monitor)
        const lines = yield* Effect.catchAll(
          pull,
          Option.match({ onNone: () => Effect.succeed(Chunk.empty<string>()), onSome: Effect.fail })
        )
        return Stream.concat(Stream.fromChunk(Chunk.drop(lines, 1)), Stream.repeatEffectChunkOption(pull))
      })
      const streams = yield* Effect.forEach(clients(), begin, { concurrency: "unbounded" })
      return Stream.concat(Stream.make("OK"), Stream.mergeAll(streams, { concurrency: "unbounded" }))
    })
  )
