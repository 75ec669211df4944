/**
 * Pipelines, transactions, watches and reads that go on and on, and what became of them: `import * as Workload`. Beside
 * `CountingWriter`, which does the same with single writes.
 */
import { Pipeline, Redis, type RedisError, Transaction } from "@effect-resp/core"
import { Effect, Either, Fiber, Option, type Scope } from "effect"
import * as Oracle from "./Oracle.js"

type Kind = "pipeline" | "transaction" | "watch" | "read"

export interface Verdict {
  /** How often each kind of work succeeded. */
  readonly done: Readonly<Record<Kind, number>>
  /** How often each error came, by kind: `read: TimeoutError Reply Unknown`. */
  readonly errors: Readonly<Record<string, number>>
  /** How often a watch did not hold, by reason. */
  readonly watches: Readonly<Record<string, number>>
  /** Effects that are not as the replies said. */
  readonly wrong: ReadonlyArray<string>
}

const valueOf = (value: Option.Option<string>): number => Number(Option.getOrElse(value, () => "0"))

export class Workload {
  private readonly done = { pipeline: 0, transaction: 0, watch: 0, read: 0 }
  private readonly errors: Record<string, number> = {}
  private readonly watches: Record<string, number> = {}
  private readonly wrong: Array<string> = []
  private readonly oracle = new Oracle.Oracle()
  private isStopping = false
  private fibers: ReadonlyArray<Fiber.Fiber<void>> = []

  constructor(
    private readonly redis: Redis.RedisService,
    /** Each is a hash tag of its own. */
    private readonly tags: ReadonlyArray<string>
  ) {}

  get start(): Effect.Effect<void, RedisError.RedisError, Scope.Scope> {
    const { redis, tags } = this
    return Effect.gen(this, function* () {
      for (const tag of tags) yield* redis.execute(Redis.set(`{${tag}}read`, tag))
      const loops = [
        this.pipelines,
        ...tags.flatMap((tag) => [this.transactions(tag), this.watching(tag), this.reads(tag)])
      ]
      this.fibers = yield* Effect.forEach(loops, (loop) => Effect.forkScoped(this.repeat(loop)))
    })
  }

  private repeat(work: Effect.Effect<void>): Effect.Effect<void> {
    return work.pipe(
      Effect.zipRight(Effect.sleep("2 millis")),
      Effect.repeat({ until: () => this.isStopping }),
      Effect.asVoid
    )
  }
  private settle(kind: Kind, outcome: Either.Either<unknown, unknown>): void {
    if (Either.isRight(outcome)) this.done[kind]++
    else {
      const name = `${kind}: ${Oracle.describe(outcome.left)}`
      this.errors[name] = (this.errors[name] ?? 0) + 1
    }
  }

  /** Two counters of each tag. */
  private readonly pipelines = Effect.suspend(() => {
    const keys = this.tags.flatMap((tag) => [`{${tag}}piped`, `{${tag}}too`])
    return Effect.map(this.redis.pipeline(keys.map((key) => Redis.incr(key))), (slots) => {
      for (const [i, slot] of slots.entries()) {
        this.oracle.incremented(keys[i]!, slot)
        this.settle("pipeline", slot)
      }
    })
  }).pipe(Effect.catchAll((error) => Effect.sync(() => this.settle("pipeline", Either.left(error)))))

  /** Two counters that are always the same. */
  private transactions(tag: string): Effect.Effect<void> {
    const keys = [`{${tag}}left`, `{${tag}}right`]
    const run = Effect.either(this.redis.transaction(keys.map((key) => Redis.incr(key))))
    return Effect.map(run, (outcome) => {
      for (const key of keys) this.oracle.incremented(key, outcome)
      this.settle("transaction", outcome)
      if (Either.isLeft(outcome)) return
      const [left, right] = outcome.right
      if (JSON.stringify(left) !== JSON.stringify(right)) this.wrong.push(`${tag}: ${left} and ${right}`)
    })
  }

  private watching(tag: string): Effect.Effect<void> {
    const key = `{${tag}}watched`
    const increment = Transaction.watch(
      [key],
      Effect.map(Redis.get(key), (value) => Pipeline.all([Redis.set(key, valueOf(value) + 1)]))
    )
    return Effect.map(Effect.either(Effect.provideService(increment, Redis.Redis, this.redis)), (outcome) => {
      this.oracle.incremented(key, outcome)
      if (Either.isLeft(outcome) && outcome.left instanceof Transaction.WatchError) {
        const { reason } = outcome.left
        this.watches[reason] = (this.watches[reason] ?? 0) + 1
      } else this.settle("watch", outcome)
    })
  }

  private reads(tag: string): Effect.Effect<void> {
    return Effect.map(Effect.either(this.redis.execute(Redis.get(`{${tag}}read`))), (outcome) => {
      this.settle("read", outcome)
      if (Either.isRight(outcome) && !Option.contains(outcome.right, tag))
        this.wrong.push(`${tag} reads ${outcome.right}`)
    })
  }

  /** Works no more, and completes when all has its outcome. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isStopping = true
      return Effect.asVoid(Fiber.joinAll(this.fibers))
    })
  }

  /** Stops, and holds what was said against what is there. `mayLose`: the servers may lose what they acknowledged. */
  verify(options: { readonly mayLose?: boolean } = {}): Effect.Effect<Verdict, RedisError.RedisError> {
    return Effect.gen(this, function* () {
      yield* this.stop
      const { lost, repeated } = yield* this.oracle.verify(this.redis)
      const wrong = [...this.wrong, ...repeated, ...(options.mayLose === true ? [] : lost)]
      return { done: { ...this.done }, errors: { ...this.errors }, watches: { ...this.watches }, wrong }
    })
  }
}

/** Starts to work on keys of these hash tags, until `stop`, `verify` or the end of the scope. */
export const make = (
  tags: ReadonlyArray<string>
): Effect.Effect<Workload, RedisError.RedisError, Redis.Redis | Scope.Scope> =>
  Effect.flatMap(Redis.Redis, (redis) => {
    const workload = new Workload(redis, tags)
    return Effect.as(workload.start, workload)
  })
