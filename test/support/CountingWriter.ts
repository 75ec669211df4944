/**
 * Writes under faults, and counts what became of every write, to be held against what the server then has:
 * `import * as CountingWriter`.
 */
import { setTimeout as delay } from "node:timers/promises"
import { type Command, Redis, type RedisError } from "@effect-resp/core"
import { Effect, Either, Fiber, type Scope } from "effect"
import * as Oracle from "./Oracle.js"

export interface Options {
  /** 8 by default. */
  readonly fibers?: number | undefined
  /** Counters of each fiber, and as many lists, spread over the slots; 4 by default. */
  readonly keys?: number | undefined
  /** Milliseconds between two writes of a fiber; 1 by default. */
  readonly pause?: number | undefined
}

/** `failed` writes surely had no effect (`NotSent`, `Rejected`, `Failed`); `unknown` ones may have had theirs, once. */
export type Counts = Readonly<Record<Oracle.Fate, number>>

export interface Report extends Counts {
  /** How often each error came: `ConnectionError Lost Unknown`, `ReplyError CLUSTERDOWN Rejected`. */
  readonly errors: Readonly<Record<string, number>>
  /** The longest time in milliseconds during which no write of any fiber was acknowledged. */
  readonly longestGap: number
}

export interface Verdict extends Report, Oracle.Verdict {}

export class CountingWriter {
  private readonly oracle = new Oracle.Oracle()
  private readonly counts = { acknowledged: 0, failed: 0, unknown: 0 }
  private readonly errors: Record<string, number> = {}
  private lastAcknowledged = performance.now()
  private longestGap = 0
  private isStopping = false
  private fibers: ReadonlyArray<Fiber.Fiber<void>> = []

  constructor(
    private readonly redis: Redis.RedisService,
    private readonly options: Options
  ) {}

  /** So far. */
  get report(): Report {
    return { ...this.counts, errors: { ...this.errors }, longestGap: Math.max(this.longestGap, this.currentGap) }
  }
  private get currentGap(): number {
    return this.isStopping ? 0 : performance.now() - this.lastAcknowledged
  }

  get start(): Effect.Effect<void, never, Scope.Scope> {
    const fibers = Array.from({ length: this.options.fibers ?? 8 }, (_, fiber) => fiber)
    return Effect.forEach(fibers, (fiber) => Effect.forkScoped(this.write(fiber))).pipe(
      Effect.map((fibers) => {
        this.fibers = fibers
        this.lastAcknowledged = performance.now()
      })
    )
  }
  /** Writes no more, and completes when every write has its outcome. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.longestGap = Math.max(this.longestGap, this.currentGap)
      this.isStopping = true
      return Effect.asVoid(Fiber.joinAll(this.fibers))
    })
  }

  private write(fiber: number): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      for (let n = 0; !this.isStopping; n++) {
        const key = `${fiber}:${n % (this.options.keys ?? 4)}`
        this.oracle.incremented(`counter:${key}`, yield* this.run(Redis.incr(`counter:${key}`)))
        const id = `${fiber}:${n}`
        const pushed = yield* this.run(Redis.rpush(`list:${key}`, id))
        this.oracle.pushed(`list:${key}`, id, Oracle.fateOf(pushed))
        yield* Effect.promise(() => delay(this.options.pause ?? 1))
      }
    })
  }
  private run(command: Command.Command<number>): Effect.Effect<Either.Either<number, RedisError.RedisError>> {
    return Effect.tap(Effect.either(this.redis.execute(command)), (result) =>
      Effect.sync(() => {
        this.counts[Oracle.fateOf(result)] += 1
        if (Either.isRight(result)) {
          const now = performance.now()
          this.longestGap = Math.max(this.longestGap, now - this.lastAcknowledged)
          this.lastAcknowledged = now
          return
        }
        const name = Oracle.describe(result.left)
        this.errors[name] = (this.errors[name] ?? 0) + 1
      })
    )
  }

  /** Stops, reads all that was written, through another client if one is given, and judges. */
  verify(redis: Redis.RedisService = this.redis): Effect.Effect<Verdict, RedisError.RedisError> {
    return this.stop.pipe(
      Effect.zipRight(this.oracle.verify(redis)),
      Effect.map((verdict) => ({ ...this.report, ...verdict }))
    )
  }
}

/** Starts to write to the client, until `stop`, `verify` or the end of the scope. */
export const make = (options: Options = {}): Effect.Effect<CountingWriter, never, Redis.Redis | Scope.Scope> =>
  Effect.flatMap(Redis.Redis, (redis) => {
    const writer = new CountingWriter(redis, options)
    return Effect.as(writer.start, writer)
  })
