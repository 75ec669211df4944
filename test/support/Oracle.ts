/**
 * What callers were told of every effect, held against what the servers then have: `import * as Oracle`.
 *
 * An effect that was acknowledged is there, one that failed (`NotSent`, `Rejected`, `Failed`) is not, and one of unknown
 * outcome may be there, once.
 */
import { Redis, RedisError, Transaction } from "@effect-resp/core"
import { Effect, Either, Option } from "effect"

export type Fate = "acknowledged" | "failed" | "unknown"

/** In a few words, the same for all errors that are of a kind: `ConnectionError Lost Unknown`. */
export const describe = (error: unknown): string => {
  if (error instanceof Transaction.WatchError) return `WatchError ${error.reason} ${error.outcome}`
  if (error instanceof Transaction.ExecAbortError) {
    const because = error.errors.length > 0 ? [...new Set(error.errors.map(({ code }) => code))].join("+") : error.text
    return `ExecAbortError ${because} ${error.outcome}`
  }
  if (error instanceof RedisError.ReplyError) return `ReplyError ${error.code} ${error.outcome}`
  if (error instanceof RedisError.TimeoutError) return `TimeoutError ${error.phase} ${error.outcome}`
  if (error instanceof RedisError.ConnectionError || error instanceof RedisError.ClusterError) {
    return `${error._tag} ${error.reason} ${error.outcome}`
  }
  return String(error)
}

/** A result, or an error that says what became of the effect. */
export type Result<A = unknown> = Either.Either<A, { readonly outcome: RedisError.Outcome }>

export const fateOf = (result: Result): Fate =>
  Either.isRight(result) ? "acknowledged" : result.left.outcome === "Unknown" ? "unknown" : "failed"

/** How often a counter was surely incremented, and how often perhaps. */
class Counter {
  acknowledged = 0
  unknown = 0
  readonly replies = new Set<number>()
}

/** The ids that were to be pushed, and how often each was popped. */
class List {
  readonly pushed = new Map<string, Fate>()
  readonly popped = new Map<string, number>()
  /** Each of these pops may have taken an element that nobody has got. */
  unknownPops = 0
}

/** What the only writer of a key may read there. */
class Register {
  last: string | undefined
  readonly unknown = new Set<string>()
}

export interface Verdict {
  /** Acknowledged effects that the servers do not have. */
  readonly lost: ReadonlyArray<string>
  /** Effects that are there twice, or although they were said to have failed. */
  readonly repeated: ReadonlyArray<string>
}

const at = <A>(map: Map<string, A>, key: string, make: () => A): A => {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

export class Oracle {
  private readonly counters = new Map<string, Counter>()
  private readonly lists = new Map<string, List>()
  private readonly registers = new Map<string, Register>()
  private readonly lost: Array<string> = []

  /** One INCR of the counter, with its reply if it gave one: no two are the same. */
  incremented(key: string, result: Result): void {
    const counter = at(this.counters, key, () => new Counter())
    const fate = fateOf(result)
    if (fate !== "failed") counter[fate] += 1
    if (Either.isLeft(result) || typeof result.right !== "number") return
    if (counter.replies.has(result.right)) this.lost.push(`${key} gave ${result.right} twice`)
    counter.replies.add(result.right)
  }
  /** One RPUSH or LPUSH of an id that is nobody else's. */
  pushed(key: string, id: string, fate: Fate): void {
    at(this.lists, key, () => new List()).pushed.set(id, fate)
  }
  /** One pop, with the id that it gave, if it gave one. */
  popped(key: string, result: Result<string | undefined>): void {
    const list = at(this.lists, key, () => new List())
    if (fateOf(result) === "unknown") list.unknownPops += 1
    if (Either.isLeft(result) || result.right === undefined) return
    list.popped.set(result.right, (list.popped.get(result.right) ?? 0) + 1)
  }
  /** One SET by the only writer of the key. */
  set(key: string, value: string, fate: Fate): void {
    const register = at(this.registers, key, () => new Register())
    if (fate === "unknown") register.unknown.add(value)
    if (fate === "acknowledged") register.last = value
  }
  /** What the only writer of the key, who is not writing, read there: the last value, or a later one that was in doubt. */
  got(key: string, value: string | undefined): void {
    const { last, unknown } = at(this.registers, key, () => new Register())
    if (value === last || (value !== undefined && unknown.has(value))) return
    this.lost.push(`${key} was ${value?.slice(0, 60)}, not ${last?.slice(0, 60)} nor any of ${unknown.size} in doubt`)
  }

  /** Reads all that was written. */
  verify(redis: Redis.RedisService): Effect.Effect<Verdict, RedisError.RedisError> {
    return Effect.gen(this, function* () {
      const lost = [...this.lost]
      const repeated: Array<string> = []
      for (const [key, { acknowledged, unknown }] of this.counters) {
        const value = Number(Option.getOrElse(yield* redis.execute(Redis.get(key)), () => "0"))
        const told = `${key} is ${value} after ${acknowledged} acknowledged and ${unknown} unknown`
        if (value < acknowledged) lost.push(told)
        if (value > acknowledged + unknown) repeated.push(told)
      }
      for (const [key, { popped, pushed, unknownPops }] of this.lists) {
        const present = yield* redis.execute(Redis.lrange(key, 0, -1))
        const times = new Map(popped)
        for (const id of present) times.set(id, (times.get(id) ?? 0) + 1)
        const missing: Array<string> = []
        for (const [id, fate] of pushed) {
          if (fate === "acknowledged" && !times.has(id)) missing.push(`${id} is not in ${key}`)
          if (fate === "failed" && times.has(id)) repeated.push(`${id} is in ${key}, and had failed`)
        }
        // Which of them the pops have taken that gave nobody anything cannot be told.
        if (missing.length > unknownPops) lost.push(...missing)
        const twice = present.length - new Set(present).size
        if (twice > 0) repeated.push(`${twice} ids are twice in ${key}`)
        // A pop that is undone is an effect that was lost.
        const again = [...popped.keys()].filter((id) => times.get(id)! > 1)
        if (again.length > 0) lost.push(`${again} were popped from ${key}, and were there again`)
        const strangers = [...times.keys()].filter((id) => !pushed.has(id))
        if (strangers.length > 0) repeated.push(`${key} has ${strangers}, which nobody pushed`)
      }
      return { lost, repeated }
    })
  }
}
