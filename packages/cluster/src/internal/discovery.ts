/**
 * Asks several servers the same, and takes the first good answer.
 */
import { RedisError } from "@effect-resp/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** Why a server's answer is none. */
export type AskError = RedisError.RedisError | { readonly _tag?: never; readonly message: string }

/** One server's answer, or why it is none. */
export interface Source<A> {
  readonly address: string
  readonly ask: Effect.Effect<A, AskError>
}

/** A server that is silent for so long is not waited for alone: the next is asked, too. */
const patience = "250 millis"

const told = (error: AskError, address: string) =>
  error._tag === undefined
    ? { detail: error.message }
    : // The address is said already.
      error._tag === "ConnectionError" && error.address === address
      ? { detail: `${error.reason}: ${error.detail}`, cause: error }
      : { detail: error.message, cause: error }

/** The first good answer, the sources being asked one after the other. When none has any, the error tells of each. */
export const firstAnswer = <A>(
  sources: ReadonlyArray<Source<A>>,
  what: string
): Effect.Effect<A, RedisError.ClusterError> =>
  Effect.suspend(() => {
    const attempts: Array<RedisError.ClusterError["attempts"][number]> = []
    const failed = () =>
      new RedisError.ClusterError({ reason: "Discovery", detail: what, attempts, outcome: "NotSent" })
    const from = (index: number): Effect.Effect<A, RedisError.ClusterError> =>
      Effect.suspend(() => {
        const source = sources[index]
        if (source === undefined) return Effect.fail(failed())
        return Effect.flatMap(Deferred.make<void>(), (passed) => {
          const asked = source.ask.pipe(
            Effect.tapError((error) => {
              attempts.push({ address: source.address, ...told(error, source.address) })
              return Deferred.succeed(passed, undefined)
            })
          )
          const others = Deferred.await(passed).pipe(Effect.timeoutOption(patience), Effect.zipRight(from(index + 1)))
          return Effect.race(asked, others)
        })
      }).pipe(Effect.catchAll(() => Effect.fail(failed())))
    return from(0)
  })
