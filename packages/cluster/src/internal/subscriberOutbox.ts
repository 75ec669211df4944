/**
 * What a subscriber has not taken yet, of all its feeds.
 */
import type { RedisError, RedisPubSub } from "@effect-resp/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

type BytesEvent = RedisPubSub.Event<Uint8Array>

const reconnected: RedisPubSub.Gap = { type: "gap", reason: "Reconnected" }
const overflow: RedisPubSub.Gap = { type: "gap", reason: "Overflow" }

/**
 * Confirmations answer the subscriber's own calls: they are as many as it asked for, and take no room. Nor does the Gap
 * that stands for what had none.
 */
const takesRoom = (event: BytesEvent): boolean => !("count" in event) && event !== overflow

/** What may wait in bytes, beside what may wait in number. */
const maxBytes = 2 ** 24

const sizeOf = (event: BytesEvent): number => ("data" in event ? event.channel.length + event.data.length : 0)

export class SubscriberOutbox {
  /** Why nothing more will come; told when all that waits has been taken. */
  failure: RedisError.RedisError | undefined
  /** Comes before `events`: confirmations that `sliding` passed over, and a Gap for what it lost. */
  private kept: Array<BytesEvent> = []
  private events: Array<BytesEvent> = []
  /** How many of `events` are taken. */
  private head = 0
  private load = 0
  /** The size of what takes room. */
  private bytes = 0
  private pending = 0
  /** There is a Gap for what is lost until something is taken. */
  private losing = false
  /** Open while there is something to take, or a failure to tell. */
  private readonly ready = Effect.unsafeMakeLatch(false)
  private readonly room = Effect.unsafeMakeLatch(true)

  constructor(
    private readonly capacity: number,
    private readonly strategy: Exclude<RedisPubSub.SubscriberOptions["strategy"], undefined>
  ) {}

  /**
   * Feeds have to wait for the reader. Not while a call waits for its confirmation, however much there is: it would wait
   * for the reader, who may be the one that called.
   */
  get isFull(): boolean {
    return this.strategy === "suspend" && this.isLoaded && this.pending === 0 && this.failure === undefined
  }

  private get isLoaded(): boolean {
    return this.load >= this.capacity || this.bytes >= maxBytes
  }

  /** Completes when feeds may add. Looks again when woken, for another feed may have been faster. */
  readonly hasRoom: Effect.Effect<void> = Effect.suspend(() =>
    this.isFull ? Effect.zipRight(this.room.await, this.hasRoom) : Effect.void
  )

  callBegins(): void {
    this.pending++
    this.flow()
  }

  callEnds(): void {
    this.pending--
    this.flow()
  }

  /** Adds an event, or loses one as the strategy says. */
  push(event: BytesEvent): void {
    if (this.failure !== undefined) return
    if ("data" in event && this.isLoaded) {
      if (this.strategy === "dropping") return this.lose()
      if (this.strategy === "sliding") this.slide()
    }
    this.add(event)
  }

  /** Tells of a reconnection, once where nothing came in between. */
  gap(): void {
    if (this.events.at(-1) !== reconnected) this.push(reconnected)
  }

  /** Tells that something is lost here. */
  lose(): void {
    if (!this.losing) this.add(overflow)
    this.losing = true
  }

  fail(error: RedisError.RedisError): void {
    this.failure ??= error
    this.ready.unsafeOpen()
    this.flow()
  }

  private add(event: BytesEvent): void {
    this.events.push(event)
    if (takesRoom(event)) this.load++
    this.bytes += sizeOf(event)
    this.ready.unsafeOpen()
    this.flow()
  }

  /** Loses the oldest, for one more to have room. */
  private slide(): void {
    while (this.isLoaded) {
      const oldest = this.advance()!
      if (!takesRoom(oldest)) this.kept.push(oldest)
      else if (!this.losing) {
        this.losing = true
        this.kept.push(overflow)
      }
    }
  }

  private flow(): void {
    if (this.isFull) this.room.unsafeClose()
    else this.room.unsafeOpen()
    if (this.events.length === 0 && this.failure === undefined) this.ready.unsafeClose()
  }

  private advance(): BytesEvent | undefined {
    const event = this.events[this.head]
    if (event === undefined) return undefined
    if (takesRoom(event)) this.load--
    // Memory that was transferred has no size any more, so the sum is made right where nothing is left.
    this.bytes = this.load === 0 ? 0 : this.bytes - sizeOf(event)
    // What is taken is forgotten, not each time, which would make a long way of a long queue.
    if (++this.head * 2 >= this.events.length) {
      this.events = this.events.slice(this.head)
      this.head = 0
    }
    return event
  }

  private shift(): BytesEvent | undefined {
    const event = this.kept.shift() ?? this.advance()
    if (event === undefined) return undefined
    if (!("count" in event)) this.losing = false
    this.flow()
    return event
  }

  private drain(): ReadonlyArray<BytesEvent> {
    const all = [...this.kept, ...this.events.slice(this.head)]
    this.kept = []
    this.events = []
    this.head = 0
    this.load = 0
    this.bytes = 0
    this.losing = false
    this.flow()
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
      // By the clock that nobody sets back.
      const begin = clock.unsafeCurrentTimeNanos()
      const millis = Duration.toMillis(timeout)
      const within: Effect.Effect<Option.Option<BytesEvent>, RedisError.RedisError> = Effect.flatMap(
        this.next,
        (next) => {
          const passed = Math.round(Number(clock.unsafeCurrentTimeNanos() - begin) / 1_000) / 1_000
          const left = millis - passed
          if (Option.isSome(next) || left <= 0) return Effect.succeed(next)
          // Another one may take what has come, so there may be time left to wait for more.
          return Effect.zipRight(Effect.timeoutOption(this.ready.await, left), within)
        }
      )
      return within
    })
  }
}
