/**
 * A time by which something is to have come that takes several waits, one after the other.
 */
import * as Effect from "effect/Effect"

/** The longest time a timer takes, in milliseconds; more is for ever. */
const longest = 2 ** 31 - 1

export class Deadline<E> {
  private readonly end: number

  constructor(
    millis: number,
    /** The error when it is over. */
    private readonly late: () => E
  ) {
    this.end = performance.now() + millis
  }

  private get left(): number {
    return Math.max(0, this.end - performance.now())
  }

  /**
   * Waits for a callback; `begin` gives what ends the waiting early. Not by `Effect.timeout`, whose two fibers for each of
   * 10,000 that wait keep the process from everything else for seconds when their time is over.
   */
  wait<A, E2>(begin: (resume: (outcome: Effect.Effect<A, E2>) => void) => () => void): Effect.Effect<A, E | E2> {
    return Effect.async<A, E | E2>((resume) => {
      const { left } = this
      const timer =
        left > longest
          ? undefined
          : setTimeout(() => {
              end()
              resume(Effect.fail(this.late()))
            }, left)
      const end = begin((outcome) => {
        clearTimeout(timer)
        resume(outcome)
      })
      return Effect.sync(() => {
        clearTimeout(timer)
        end()
      })
    })
  }

  /** Interrupts what has not ended by then. */
  limit<A, E2, R>(effect: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, R> {
    return Effect.suspend(() => Effect.timeoutFail(effect, { duration: this.left, onTimeout: this.late }))
  }
}
