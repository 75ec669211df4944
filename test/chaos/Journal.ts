/** What workers of a run have done, what they were told, and what was wrong with it: `import * as Journal`. */
import { RedisError } from "@effect-resp/core"
import { Cause, Effect, Either, Exit, Fiber, Option } from "effect"
import * as Oracle from "../support/Oracle.js"
import { Feed } from "./Feed.js"

/** What a caller hears who interrupts what it waits for. */
export class Interrupted {
  readonly outcome = "Unknown"
  toString(): string {
    return "Interrupted"
  }
}

/** Milliseconds that the machine may take on top of any deadline, and what is closed until it gives up. */
const margin = 500
const closing = 500

/** An error that a caller asked for by what it sent. */
const unmerited = [RedisError.DecodeError, RedisError.ProtocolError, RedisError.CommandError, RedisError.CrossSlotError]

/** How often, by name. */
export type Counts = Readonly<Record<string, number>>

const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}

export interface Attempt {
  readonly kind: string
  /** Milliseconds within which it settles, whatever happens. */
  readonly limit: number
  /** Milliseconds after which the caller interrupts it. */
  readonly patience?: number | undefined
}

export class Journal {
  readonly oracle = new Oracle.Oracle()
  readonly feeds = new Map<string, Feed>()
  readonly done: Record<string, number> = {}
  readonly errors: Record<string, number> = {}
  readonly faults: Record<string, number> = {}
  readonly wrong: Array<string> = []
  /** Servers may lose what they have acknowledged. */
  mayLose = false
  /** Since when nothing is wrong with the servers and the client has shown that it knows. */
  quietSince: number | undefined
  /** What the plan is at. */
  episode = "the start"
  private readonly pending = new Map<object, { readonly kind: string; readonly began: number }>()
  private stalled = 0
  /** No more is to be begun. */
  isOver = false
  private readonly over = Effect.unsafeMakeLatch()

  /** Who has been patient until now is so no more. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isOver = true
      return this.over.open
    })
  }

  /** Measures how long this process itself did not run, which is nobody's fault. */
  get watchClock(): Effect.Effect<never> {
    return Effect.suspend(() => {
      const began = performance.now()
      return Effect.map(Effect.sleep(20), () => {
        this.stalled += Math.max(0, performance.now() - began - 40)
      })
    }).pipe(Effect.forever)
  }

  accuse(what: string): void {
    const told = `${what} (${this.episode})`
    // A defect tends to be found over and over.
    if (this.wrong.length < 100 && !this.wrong.includes(told)) this.wrong.push(told)
  }
  began(fault: string): void {
    count(this.faults, fault)
  }
  feed(channel: string, isWhole: Feed["isWhole"]): Feed {
    const feed = this.feeds.get(channel) ?? new Feed(channel, isWhole, (what) => this.accuse(what))
    this.feeds.set(channel, feed)
    return feed
  }
  /** What has not settled. */
  get unsettled(): ReadonlyArray<string> {
    const now = performance.now()
    return [...this.pending.values()].map(({ began, kind }) => `${kind} since ${Math.round(now - began)} ms`)
  }

  /** Runs it as a caller would, and takes down how it ended and when. */
  attempt<A, E extends { readonly outcome: RedisError.Outcome }, R>(
    { kind, limit, patience }: Attempt,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Either.Either<A, E | Interrupted>, never, R> {
    return Effect.gen(this, function* () {
      const id = {}
      const began = performance.now()
      const stalled = this.stalled
      this.pending.set(id, { kind, began })
      const exit =
        patience === undefined
          ? yield* Effect.exit(effect)
          : yield* impatiently(effect, Effect.raceFirst(Effect.sleep(patience), this.over.await))
      this.pending.delete(id)
      const result = this.resultOf(kind, exit)
      const lag = this.stalled - stalled
      const took = performance.now() - began - lag
      const allowed = Math.min(limit, (patience ?? limit) + closing) + margin
      if (took > allowed) this.accuse(`${kind} took ${Math.round(took)} of ${allowed} ms: ${told(result)}`)
      if (Either.isRight(result)) {
        count(this.done, kind)
        return result
      }
      count(this.errors, `${kind}: ${Oracle.describe(result.left)}`)
      const { left } = result
      if (unmerited.some((type) => left instanceof type)) this.accuse(`${kind}: ${left}`)
      const isWatch = "_tag" in left && left._tag === "WatchError"
      const isQuiet = this.quietSince !== undefined && began >= this.quietSince && lag < 50
      if (isQuiet && !isWatch && !(left instanceof Interrupted)) this.accuse(`${kind} in quiet times: ${left}`)
      return result
    })
  }

  private resultOf<A, E>(kind: string, exit: Exit.Exit<A, E>): Either.Either<A, E | Interrupted> {
    if (Exit.isSuccess(exit)) return Either.right(exit.value)
    for (const defect of Cause.defects(exit.cause)) this.accuse(`${kind} died of ${defect}`)
    return Either.left(Option.getOrElse(Cause.failureOption(exit.cause), () => new Interrupted()))
  }
}

const told = (result: Either.Either<unknown, unknown>): string =>
  Either.isRight(result) ? "success" : Oracle.describe(result.left)

const impatiently = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  end: Effect.Effect<void>
): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* Effect.raceFirst(Fiber.await(fiber), end)
    return yield* Fiber.interrupt(fiber)
  })
