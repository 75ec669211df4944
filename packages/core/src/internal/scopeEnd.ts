/**
 * What happens at the end of a scope.
 */
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"

/**
 * Adds a finalizer to the scope. `Effect.addFinalizer` runs it with the fiber refs of the fiber that added it, and
 * leaves some of them behind: a fiber that takes one lease after the other would grow with each, without end.
 */
export const atEnd = (finalizer: Effect.Effect<void>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.scopeWith((scope) => Scope.addFinalizer(scope, finalizer))

/** Waits until it is done, but no longer than patience lasts. */
export const patiently = (isDone: () => boolean, patience: DurationInput): Effect.Effect<void> =>
  Effect.suspend(() =>
    isDone()
      ? Effect.void
      : Effect.sync(isDone).pipe(
          Effect.repeat({ until: (done) => done, schedule: Schedule.spaced("5 millis") }),
          // Finalizers are uninterruptible, and what cannot be interrupted does not time out either.
          Effect.interruptible,
          Effect.timeout(patience),
          Effect.ignore
        )
  )
