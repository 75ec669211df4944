/**
 * Writes under faults, and counts what became of every write, to be held against what the server then has:
 * `import * as CountingWriter`.
 */
import { setTimeout as delay } from "node:timers/promises"
import { type Command, Redis, type RedisError } from "@effect-resp/core"
import { Effect, Either, Fiber, Option, type Scope } from "effect"

export interface Options {
  /** 8 by default. */
  readonly fibers?: number | undefined
  /** Counters of each fiber, and as many lists, spread over the slots; 4 by default. */
  readonly keys?: number | undefined
  /** Milliseconds between two writes of a fiber; 1 by default. */
  readonly pause?: number | undefined
}

/** `failed` writes surely had no effect (`NotSent`, `Rejected`, `Failed`); `unknown` ones may have had theirs, once. */
export interface Counts {
  readonly acknowledged: number
  readonly failed: number
  readonly unknown: number
}

export interface Report extends Counts {
  /** How often each error came: `ConnectionError Lost Unknown`, `ReplyError CLUSTERDOWN Rejected`. */
  readonly errors: Readonly<Record<string, number>>
  /** The longest time in milliseconds during which no write of any fiber was acknowledged. */
  readonly longestGap: number
}

export interface Verdict extends Report {
  /** Acknowledged writes that the server does not have. */
  readonly lost: ReadonlyArray<string>
  /** Writes that took effect twice, or although they were said to have failed. */
  readonly repeated: ReadonlyArray<string>
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
type Fate = keyof Counts

const describe = (error: RedisError.RedisError): string => {
  const detail = "code" in error ? error.code : "phase" in error ? error.phase : "address" in error ? error.reason : ""
  return [error._tag, detail, error.outcome].filter((word) => word !== "").join(" ")
}

class Counter {
  readonly counts: Mutable<Counts> = { acknowledged: 0, failed: 0, unknown: 0 }
  /** The last reply: nobody else writes this key, so replies only ever grow. */
  last = 0
  constructor(readonly key: string) {}
}

class List {
  readonly fates = new Map<string, Fate>()
  constructor(readonly key: string) {}
}

export class CountingWriter {
  private readonly counts: Mutable<Counts> = { acknowledged: 0, failed: 0, unknown: 0 }
  private readonly errors: Record<string, number> = {}
  private readonly lost: Array<string> = []
  private lastAcknowledged = performance.now()
  private longestGap = 0
  private isStopping = false
  private readonly work: ReadonlyArray<{
    readonly counters: ReadonlyArray<Counter>
    readonly lists: ReadonlyArray<List>
  }>
  private fibers: ReadonlyArray<Fiber.Fiber<void>> = []

  constructor(
    private readonly redis: Redis.RedisService,
    private readonly options: Options
  ) {
    const keys = Array.from({ length: options.keys ?? 4 }, (_, key) => key)
    this.work = Array.from({ length: options.fibers ?? 8 }, (_, fiber) => ({
      counters: keys.map((key) => new Counter(`counter:${fiber}:${key}`)),
      lists: keys.map((key) => new List(`list:${fiber}:${key}`))
    }))
  }

  /** So far. */
  get report(): Report {
    return { ...this.counts, errors: { ...this.errors }, longestGap: Math.max(this.longestGap, this.currentGap) }
  }
  private get currentGap(): number {
    return this.isStopping ? 0 : performance.now() - this.lastAcknowledged
  }

  get start(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.forEach(this.work, (_, fiber) => Effect.forkScoped(this.write(fiber))).pipe(
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
    const { counters, lists } = this.work[fiber]!
    return Effect.gen(this, function* () {
      for (let n = 0; !this.isStopping; n++) {
        const counter = counters[n % counters.length]!
        const list = lists[n % lists.length]!
        const [count, reply] = yield* this.run(Redis.incr(counter.key))
        if (reply !== undefined && reply <= counter.last) this.lost.push(`${counter.key} fell to ${reply}`)
        counter.last = reply ?? counter.last
        counter.counts[count] += 1
        const id = `${fiber}:${n}`
        const [fate] = yield* this.run(Redis.rpush(list.key, id))
        list.fates.set(id, fate)
        yield* Effect.promise(() => delay(this.options.pause ?? 1))
      }
    })
  }
  private run(command: Command.Command<number>): Effect.Effect<readonly [Fate, number?]> {
    return Effect.map(Effect.either(this.redis.execute(command)), (result) => {
      const fate = Either.isRight(result) ? "acknowledged" : result.left.outcome === "Unknown" ? "unknown" : "failed"
      this.counts[fate] += 1
      if (Either.isRight(result)) {
        const now = performance.now()
        this.longestGap = Math.max(this.longestGap, now - this.lastAcknowledged)
        this.lastAcknowledged = now
        return [fate, result.right]
      }
      const name = describe(result.left)
      this.errors[name] = (this.errors[name] ?? 0) + 1
      return [fate]
    })
  }

  /**
   * Stops, reads all that was written, through another client if one is given, and judges:
   * `acknowledged <= value <= acknowledged + unknown` for each counter; for each list all acknowledged ids, none twice,
   * none whose push failed.
   */
  verify(redis: Redis.RedisService = this.redis): Effect.Effect<Verdict, RedisError.RedisError> {
    return Effect.gen(this, function* () {
      yield* this.stop
      const lost = [...this.lost]
      const repeated: Array<string> = []
      for (const { counters, lists } of this.work) {
        for (const { key, counts } of counters) {
          const value = Number(Option.getOrElse(yield* redis.execute(Redis.get(key)), () => "0"))
          const told = `${key} is ${value} after ${counts.acknowledged} acknowledged and ${counts.unknown} unknown`
          if (value < counts.acknowledged) lost.push(told)
          if (value > counts.acknowledged + counts.unknown) repeated.push(told)
        }
        for (const { key, fates } of lists) {
          const ids = yield* redis.execute(Redis.lrange(key, 0, -1))
          const present = new Set(ids)
          for (const [id, fate] of fates) {
            if (fate === "acknowledged" && !present.has(id)) lost.push(`${id} is not in ${key}`)
            if (fate === "failed" && present.has(id)) repeated.push(`${id} is in ${key}, and had failed`)
          }
          if (present.size < ids.length) repeated.push(`${ids.length - present.size} ids are twice in ${key}`)
          const strangers = ids.filter((id) => !fates.has(id))
          if (strangers.length > 0) repeated.push(`${key} has ${strangers}, which nobody pushed`)
        }
      }
      return { ...this.report, lost, repeated }
    })
  }
}

/** Starts to write to the client, until `stop`, `verify` or the end of the scope. */
export const make = (options: Options = {}): Effect.Effect<CountingWriter, never, Redis.Redis | Scope.Scope> =>
  Effect.flatMap(Redis.Redis, (redis) => {
    const writer = new CountingWriter(redis, options)
    return Effect.as(writer.start, writer)
  })
