/**
 * What a subscriber has not taken yet, of all its feeds.
 */
import type { RedisError, RedisPubSub } from "@effect-resp/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

type BytesEvent = RedisPubSub.Event<Uint8Array>

const reconnected: RedisPubSub.Gap = { type: "gap", reason: "Reconnected" }

/** Confirmations answer the subscriber's own calls: they are as many as it asked for, and take no room. */
const takesRoom = (event: BytesEvent): boolean => !("count" in event)

export class SubscriberOutbox {
  /** Why nothing more will come; told when all that waits has been taken. */
  failure: RedisError.RedisError | undefined
  private events: Array<BytesEvent> = []
  /** How many of `events` are taken. */
  private head = 0
  private load = 0
  private pending = 0
  /** Open while there is something to take, or a failure to tell. */
  private readonly ready = Effect.unsafeMakeLatch(false)
  private readonly room = Effect.unsafeMakeLatch(true)

  constructor(private readonly capacity: number) {}

  /**
   * Completes when feeds may add. While a call waits for its confirmation they may, however much there is: it would wait
   * for the reader, who may be the one that called.
   */
  get hasRoom(): Effect.Effect<void> {
    return this.room.await
  }

  callBegins(): void {
    this.pending++
    this.flow()
  }

  callEnds(): void {
    this.pending--
    this.flow()
  }

  push(event: BytesEvent): void {
    if (this.failure !== undefined) return
    this.events.push(event)
    if (takesRoom(event)) this.load++
    this.ready.unsafeOpen()
    this.flow()
  }

  /** Tells of a reconnection, once where nothing came in between. */
  gap(): void {
    if (this.events.at(-1) !== reconnected) this.push(reconnected)
  }

  fail(error: RedisError.RedisError): void {
    this.failure ??= error
    this.ready.unsafeOpen()
    this.flow()
  }

  private flow(): void {
    if (this.load < this.capacity || this.pending > 0 || this.failure !== undefined) this.room.unsafeOpen()
    else this.room.unsafeClose()
  }

  /** Forgets what is taken. */
  private trim(): void {
    this.events = this.events.slice(this.head)
    this.head = 0
    if (this.events.length === 0 && this.failure === undefined) this.ready.unsafeClose()
    this.flow()
  }

  private shift(): BytesEvent | undefined {
    const event = this.events[this.head]
    if (event === undefined) return undefined
    if (takesRoom(event)) this.load--
    // Not each time, which would make a long way of a long queue; each event is moved once at most.
    if (++this.head * 2 >= this.events.length) this.trim()
    else this.flow()
    return event
  }

  private drain(): ReadonlyArray<BytesEvent> {
    const all = this.events.slice(this.head)
    this.head = this.events.length
    this.load = 0
    if (all.length > 0) this.trim()
    return all
  }

  // Waiting takes nothing, so that nothing is lost when it is interrupted.

  readonly take: Effect.Effect<BytesEvent, RedisError.RedisError> = Effect.suspend(() => {
    const next = this.shift()
    if (next !== undefined) return Effect.succeed(next)
    return this.failure === undefined ? Effect.zipRight(this.ready.await, this.take) : Effect.fail(this.failure)
  })

  readonly takeAll: Effect.Effect<ReadonlyArray<BytesEvent>, RedisError.RedisError> = Effect.suspend(() => {
    const all = this.drain()
    if (all.length > 0) return Effect.succeed(all)
    return this.failure === undefined ? Effect.zipRight(this.ready.await, this.takeAll) : Effect.fail(this.failure)
  })

  private readonly next: Effect.Effect<Option.Option<BytesEvent>, RedisError.RedisError> = Effect.suspend(() => {
    const next = this.shift()
    if (next !== undefined) return Effect.succeed(Option.some(next))
    return this.failure === undefined ? Effect.succeed(Option.none()) : Effect.fail(this.failure)
  })

  /** The next, if there is one now, or within the time. */
  poll(timeout?: Duration.DurationInput): Effect.Effect<Option.Option<BytesEvent>, RedisError.RedisError> {
    if (timeout === undefined) return this.next
    return Effect.flatMap(Effect.clock, (clock) => {
      const end = clock.unsafeCurrentTimeMillis() + Duration.toMillis(timeout)
      const within: Effect.Effect<Option.Option<BytesEvent>, RedisError.RedisError> = Effect.flatMap(
        this.next,
        (next) => {
          const left = end - clock.unsafeCurrentTimeMillis()
          if (Option.isSome(next) || left <= 0) return Effect.succeed(next)
          // Another one may take what has come, so there may be time left to wait for more.
          return Effect.zipRight(Effect.timeoutOption(this.ready.await, left), within)
        }
      )
      return within
    })
  }
}
