/**
 * What came in and waits to be taken: callbacks on one side, Effects on the other.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { RedisError } from "../RedisError.js"
import { type Caller, suspend } from "./suspension.js"

export class Inbox<A extends string | object> {
  /** Why nothing more will come; told when all that waits has been taken. */
  failure: RedisError | undefined
  /** What waits, from `head` on: an array, so that all of it can be handed on as it is. */
  private waiting: Array<A> = []
  private head = 0
  /** How many of those that wait count towards the capacity. */
  protected load = 0
  private takers: Array<Caller<void, never>> = []

  constructor(
    readonly capacity: number,
    /** `isFull` has changed. */
    private readonly onFlow: () => void
  ) {}

  get isFull(): boolean {
    return this.load >= this.capacity
  }

  /** Whether it counts towards the capacity. */
  protected counts(_value: A): boolean {
    return true
  }

  /** Adds at the end, full or not: who fills it looks at `isFull`. */
  push(value: A): void {
    if (this.failure !== undefined) return
    this.waiting.push(value)
    if (this.counts(value) && ++this.load === this.capacity) this.onFlow()
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
    if (this.counts(value) && this.load-- === this.capacity) this.onFlow()
    return value
  }

  /** Takes all. */
  drain(): ReadonlyArray<A> {
    const wasFull = this.isFull
    const all = this.head === 0 ? this.waiting : this.waiting.slice(this.head)
    this.waiting = []
    this.head = 0
    this.load = 0
    if (wasFull) this.onFlow()
    return all
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
    return Effect.flatMap(Effect.clock, (clock) => {
      const end = clock.unsafeCurrentTimeMillis() + Duration.toMillis(timeout)
      const within: Effect.Effect<Option.Option<A>, RedisError> = Effect.flatMap(this.next, (next) => {
        const left = end - clock.unsafeCurrentTimeMillis()
        if (Option.isSome(next) || left <= 0) return Effect.succeed(next)
        // Another one may take what has come, so there may be time left to wait for more.
        return Effect.zipRight(Effect.timeoutOption(this.ready, left), within)
      })
      return within
    })
  }
}
