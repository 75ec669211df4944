/**
 * Deadlines for what comes over a socket.
 */
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * After a time in which the event loop was busy timers come first, and then what has arrived meanwhile. So long, in
 * milliseconds, is it waited for when a deadline has passed.
 */
export const grace = 20

/** `Effect.timeoutFail` for what is answered over a socket. */
export const answeredWithin =
  <E>(duration: DurationInput, onTimeout: () => E) =>
  <A, E2, R>(answer: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, R> =>
    Effect.raceFirst(answer, Effect.failSync(onTimeout).pipe(Effect.delay(grace), Effect.delay(duration)))
