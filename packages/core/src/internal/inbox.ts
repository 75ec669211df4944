/**
 * What came in and waits to be taken: callbacks on one side, Effects on the other.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { RedisError } from "../RedisError.js"
import { type Caller, suspend } from "./suspension.js"

/** What may wait in bytes, beside what may wait in number. */
export const maxBytes = 2 ** 24

/** What is left of a time from now on, in milliseconds: by the clock that nobody sets back, in microseconds at the finest. */
export const countdown = (time: Duration.DurationInput): Effect.Effect<() => number> =>
  Effect.map(Effect.clock, (clock) => {
    const begin = clock.unsafeCurrentTimeNanos()
    const millis = Duration.toMillis(time)
    return () => Math.max(0, millis - Math.round(Number(clock.unsafeCurrentTimeNanos() - begin) / 1_000) / 1_000)
  })

export abstract class Inbox<A extends string | object> {
  /** Why nothing more will come; told when all that waits has been taken. */
  failure: RedisError | undefined
  isFull = false
  /** What waits, from `head` on: an array, so that all of it can be handed on as it is. */
  private waiting: Array<A> = []
  private head = 0
  /** How many of those that wait count towards the capacity. */
  protected load = 0
  /** The size of those. */
  private bytes = 0
  private takers: Array<Caller<void, never>> = []

  constructor(
    readonly capacity: number,
    /** `isFull` has changed. */
    private readonly onFlow: () => void
  ) {}

  /** Its size in bytes, about; -1 when it does not count at all. */
  protected abstract sizeOf(value: A): number

  /** Adds at the end, full or not: who fills it looks at `isFull`. */
  push(value: A): void {
    if (this.failure !== undefined) return
    this.waiting.push(value)
    const size = this.sizeOf(value)
    if (size >= 0) {
      this.bytes += size
      if ((++this.load >= this.capacity || this.bytes >= maxBytes) && !this.isFull) this.turn(true)
    }
    this.wake()
  }

  fail(error: RedisError): void {
    this.failure ??= error
    this.wake()
  }

  /** Takes the next. */
  shift(): A | undefined {
    const value = this.waiting[this.head]
    if (value === undefined) return undefined
    // What is taken is forgotten, not each time, which would make a long way of a long queue.
    if (++this.head * 2 >= this.waiting.length) {
      this.waiting = this.waiting.slice(this.head)
      this.head = 0
    }
    const size = this.sizeOf(value)
    if (size >= 0) {
      // Memory that was transferred has no size any more, so the sum is made right where nothing is left.
      this.bytes = --this.load === 0 ? 0 : this.bytes - size
      if (this.isFull && this.load < this.capacity && this.bytes < maxBytes) this.turn(false)
    }
    return value
  }

  /** Takes all. */
  drain(): ReadonlyArray<A> {
    const all = this.head === 0 ? this.waiting : this.waiting.slice(this.head)
    this.waiting = []
    this.head = 0
    this.load = 0
    this.bytes = 0
    if (this.isFull) this.turn(false)
    return all
  }

  private turn(isFull: boolean): void {
    this.isFull = isFull
    this.onFlow()
  }

  protected get isEmpty(): boolean {
    return this.waiting.length === this.head
  }

  // All are woken, so that none sleeps on when the first of them was interrupted just now.
  private wake(): void {
    if (this.takers.length === 0) return
    const { takers } = this
    this.takers = []
    for (const taker of takers) taker.resume(Exit.void)
  }

  /** Completes when there is something to take, or a failure to tell; takes nothing, so that it can be interrupted. */
  private readonly ready: Effect.Effect<void> = suspend((taker) => {
    if (!this.isEmpty || this.failure !== undefined) return taker.resume(Exit.void)
    this.takers = this.takers.filter((other) => !other.isGone)
    this.takers.push(taker)
  })

  readonly take: Effect.Effect<A, RedisError> = Effect.suspend(() => {
    const next = this.shift()
    if (next !== undefined) return Effect.succeed(next)
    return this.failure === undefined ? Effect.zipRight(this.ready, this.take) : Effect.fail(this.failure)
  })

  /** Waits for at least one. */
  readonly takeAll: Effect.Effect<ReadonlyArray<A>, RedisError> = Effect.suspend(() => {
    if (!this.isEmpty) return Effect.succeed(this.drain())
    return this.failure === undefined ? Effect.zipRight(this.ready, this.takeAll) : Effect.fail(this.failure)
  })

  private readonly next: Effect.Effect<Option.Option<A>, RedisError> = Effect.suspend(() => {
    const next = this.shift()
    if (next !== undefined) return Effect.succeed(Option.some(next))
    return this.failure === undefined ? Effect.succeed(Option.none()) : Effect.fail(this.failure)
  })

  /** The next, if there is one now, or within the time. */
  poll(timeout?: Duration.DurationInput): Effect.Effect<Option.Option<A>, RedisError> {
    if (timeout === undefined) return this.next
    return Effect.flatMap(countdown(timeout), (timeLeft) => {
      const within: Effect.Effect<Option.Option<A>, RedisError> = Effect.flatMap(this.next, (next) => {
        const left = timeLeft()
        if (Option.isSome(next) || left === 0) return Effect.succeed(next)
        // Another one may take what has come, so there may be time left to wait for more.
        return Effect.zipRight(Effect.timeoutOption(this.ready, left), within)
      })
      return within
    })
  }
}
