/**
 * Many commands in one write, replies in order; buffered, not atomic.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import { type Command, isCommand } from "./Command.js"
import { inPart, isSafeToRetry, type RedisError, withContext } from "./RedisError.js"
import { Redis, type Slot } from "./RedisService.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("@effect-resp/core/Pipeline")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A run of commands whose results are an `A`; `Attempt` is the same shape with every result as an `Either`.
 *
 * As an Effect it sends them in one write (more than 10,000 commands, or 4 MB, in slices, between which others get their
 * turn) and fails with the first error, in order, naming its position and command; the other commands have run all the
 * same. `Pipeline.attempt` gives every outcome; `Transaction.exec` makes it atomic.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pipeline<out A, out Attempt = unknown> extends Effect.Effect<A, RedisError, Redis> {
  readonly [TypeId]: { readonly _Attempt: (_: never) => Attempt }
  readonly commands: ReadonlyArray<Command<unknown>>
  /** Puts the results, one a command and in order, into the pipeline's shape. */
  readonly shape: (results: ReadonlyArray<unknown>) => unknown
}

/**
 * What a pipeline is composed from: commands, pipelines, and tuples, lists and structs of them, nested at will.
 *
 * @since 0.1.0
 * @category models
 */
export type Parts = Command<unknown> | Pipeline<unknown> | ReadonlyArray<Parts> | { readonly [key: string]: Parts }

/**
 * The results of parts, in the parts' own shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Results<P> =
  P extends Command<infer A> ? A : P extends Pipeline<infer A, unknown> ? A : { readonly [K in keyof P]: Results<P[K]> }

/**
 * The outcomes of parts, in the parts' own shape: every result an `Either`.
 *
 * @since 0.1.0
 * @category models
 */
export type Attempts<P> =
  P extends Command<infer A>
    ? Either.Either<A, RedisError>
    : P extends Pipeline<unknown, infer B>
      ? B
      : { readonly [K in keyof P]: Attempts<P[K]> }

class PipelineImpl extends Effectable.Class<unknown, RedisError, Redis> {
  readonly [TypeId] = { _Attempt: (_: never) => _ }
  constructor(
    readonly commands: ReadonlyArray<Command<unknown>>,
    readonly shape: (results: ReadonlyArray<unknown>) => unknown,
    /** What commands were added to. A long chain is one step over it, for steps upon steps would overflow the stack. */
    readonly base?: Pipeline<ReadonlyArray<unknown>>
  ) {
    super()
  }
  commit(): Effect.Effect<unknown, RedisError, Redis> {
    return Redis.pipe(
      Effect.flatMap((redis) => redis.pipeline(this.commands)),
      Effect.flatMap((slots) => firstError(slots, this.commands)),
      Effect.map(this.shape)
    )
  }
}

/**
 * The results of slots, or the first error among them.
 *
 * The error is that of the whole. Where others of the commands, which may not run twice, have run or may have, what would
 * be safe to retry of the one command is not: its outcome is `Unknown` then, and it is not `idempotent`.
 *
 * @since 0.1.0
 * @category destructors
 */
export const firstError = (
  slots: ReadonlyArray<Slot>,
  commands: ReadonlyArray<Command<unknown>>
): Effect.Effect<ReadonlyArray<unknown>, RedisError> => {
  const results = new Array<unknown>(slots.length)
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!
    if (Either.isLeft(slot)) {
      const error = slot.left
      const again = isSafeToRetry(error) && slots.some((other, at) => at !== i && hasEffect(other, commands[at]!))
      return Effect.fail(again ? inPart(withContext(error, { idempotent: false })) : error)
    }
    results[i] = slot.right
  }
  return Effect.succeed(results)
}

/** Whether it may have done what is not to be done twice. */
const hasEffect = (slot: Slot, { definition }: Command<unknown>): boolean =>
  !definition.idempotent && (Either.isRight(slot) || slot.left.outcome === "Unknown" || slot.left.outcome === "Failed")

/**
 * Whether a value is a pipeline.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPipeline = (u: unknown): u is Pipeline<unknown> => u instanceof PipelineImpl

/** Collects the commands of parts, and gives the function that puts results back into their places. */
const collect = (parts: Parts, commands: Array<Command<unknown>>): ((results: ReadonlyArray<unknown>) => unknown) => {
  if (isCommand(parts)) {
    const at = commands.push(parts) - 1
    return (results) => results[at]
  }
  if (isPipeline(parts)) {
    const at = commands.length
    for (const command of parts.commands) commands.push(command)
    const end = commands.length
    return (results) => parts.shape(results.slice(at, end))
  }
  if (Array.isArray(parts)) {
    if (parts.every(isCommand)) {
      // As most lists are: no closure for each of ten thousand.
      const at = commands.length
      for (const command of parts) commands.push(command)
      const end = commands.length
      return (results) => results.slice(at, end)
    }
    const places = parts.map((part) => collect(part, commands))
    return (results) => places.map((place) => place(results))
  }
  if (typeof parts !== "object" || parts === null || Effect.isEffect(parts)) {
    throw new TypeError(
      "a pipeline is made of commands: an ordinary Effect (such as of Effect.map) cannot be part of it"
    )
  }
  const places = Object.entries(parts).map(([key, part]) => [key, collect(part, commands)] as const)
  return (results) => Object.fromEntries(places.map(([key, place]) => [key, place(results)]))
}

/**
 * Composes a pipeline from a tuple, a struct or a list of commands and pipelines, nested at will; its results have the
 * same shape.
 *
 * An ordinary Effect among them does not compile: use `Command.map` where a result is to be changed.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pipeline, Redis } from "@effect-resp/core"
 *
 * const program = Effect.gen(function* () {
 *   const { foo, seen } = yield* Pipeline.all({ foo: Redis.get("foo"), seen: Redis.incr("seen") })
 *   const [a, [b, c]] = yield* Pipeline.all([Redis.get("a"), [Redis.get("b"), Redis.get("c")]])
 *   return { foo, seen, a, b, c }
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const all = <const P extends ReadonlyArray<Parts> | { readonly [key: string]: Parts } | Pipeline<unknown>>(
  parts: P
): Pipeline<Results<P>, Attempts<P>> => {
  const commands: Array<Command<unknown>> = []
  const shape = collect(parts, commands)
  return new PipelineImpl(commands, shape) as unknown as Pipeline<Results<P>, Attempts<P>>
}

/**
 * The pipeline without commands, to which `Pipeline.add` adds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: Pipeline<readonly [], readonly []> = all([])

/**
 * Adds a command at the end: pipelines by chaining.
 *
 * @example
 * ```ts
 * import { Pipeline, Redis } from "@effect-resp/core"
 *
 * // Pipeline<readonly ["OK", number]>
 * const chained = Pipeline.empty.pipe(Pipeline.add(Redis.set("a", 1)), Pipeline.add(Redis.incr("a")))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const add: {
  <B>(
    command: Command<B>
  ): <A extends ReadonlyArray<unknown>, At extends ReadonlyArray<unknown>>(
    self: Pipeline<A, At>
  ) => Pipeline<readonly [...A, B], readonly [...At, Either.Either<B, RedisError>]>
  <A extends ReadonlyArray<unknown>, At extends ReadonlyArray<unknown>, B>(
    self: Pipeline<A, At>,
    command: Command<B>
  ): Pipeline<readonly [...A, B], readonly [...At, Either.Either<B, RedisError>]>
} = dual(2, (self: Pipeline<ReadonlyArray<unknown>>, command: Command<unknown>) => {
  const base = (self instanceof PipelineImpl ? self.base : undefined) ?? self
  const count = base.commands.length
  return new PipelineImpl(
    [...self.commands, command],
    (results) => [...(base.shape(results.slice(0, count)) as ReadonlyArray<unknown>), ...results.slice(count)],
    base
  )
})

/**
 * A pipeline of one command an item; its results are a list in the items' order.
 *
 * @example
 * ```ts
 * import { Pipeline, Redis } from "@effect-resp/core"
 *
 * // Pipeline<ReadonlyArray<"OK">>
 * const writes = Pipeline.forEach(["a", "b", "c"], (key, index) => Redis.set(key, index))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const forEach = <A, B>(
  items: Iterable<A>,
  f: (item: A, index: number) => Command<B>
): Pipeline<ReadonlyArray<B>, ReadonlyArray<Either.Either<B, RedisError>>> =>
  all(Array.from(items, f)) as Pipeline<ReadonlyArray<B>, ReadonlyArray<Either.Either<B, RedisError>>>

/**
 * Runs a pipeline and gives every command's outcome as an `Either`. It fails as a whole only when nothing was sent.
 *
 * @example
 * ```ts
 * import { Effect, Either } from "effect"
 * import { Pipeline, Redis } from "@effect-resp/core"
 *
 * const program = Effect.gen(function* () {
 *   const { text, number } = yield* Pipeline.attempt({ text: Redis.set("a", "x"), number: Redis.incr("a") })
 *   return Either.isRight(text) && Either.isLeft(number)
 * })
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const attempt = <const P extends ReadonlyArray<Parts> | { readonly [key: string]: Parts } | Pipeline<unknown>>(
  parts: P
): Effect.Effect<Attempts<P>, RedisError, Redis> => {
  const { commands, shape } = all(parts)
  return Redis.pipe(
    Effect.flatMap((redis) => redis.pipeline(commands)),
    Effect.map((slots) => shape(slots) as Attempts<P>)
  )
}
