/**
 * The service that every topology provides: a handful of primitives, and the tag they go by.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Subscribable from "effect/Subscribable"
import type { Argument, Command } from "./Command.js"
import type { RedisError } from "./RedisError.js"
import type { Subscriber, SubscriberOptions } from "./RedisPubSub.js"
import type { Page } from "./Reply.js"
import type { ExecAbortError, WatchError } from "./Transaction.js"

/**
 * Where a client's shared connection stands.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionState =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Connected"; readonly address: string }
  | { readonly _tag: "Closed" }

/**
 * The outcome of one slot of a pipeline or transaction.
 *
 * @since 0.1.0
 * @category models
 */
export type Slot<A = unknown> = Either.Either<A, RedisError>

/**
 * The primitives a client is made of. Programs use `Redis.get`, `Pipeline.all` and their like instead.
 *
 * @since 0.1.0
 * @category models
 */
export interface RedisService {
  /** Runs one command: on the shared connection, or, when it blocks, on a reserved one. */
  readonly execute: <A>(command: Command<A>) => Effect.Effect<A, RedisError>
  /** Sends the commands in one write and gives every slot's outcome, in order. */
  readonly pipeline: (commands: ReadonlyArray<Command<unknown>>) => Effect.Effect<ReadonlyArray<Slot>, RedisError>
  /** Runs the commands between MULTI and EXEC and gives every slot's outcome, in order. */
  readonly transaction: (
    commands: ReadonlyArray<Command<unknown>>
  ) => Effect.Effect<ReadonlyArray<Slot>, RedisError | ExecAbortError | WatchError>
  /** Leases a connection that nobody else uses, on the node that owns the keys, until the scope ends. */
  readonly reserve: (keys: ReadonlyArray<Argument>) => Effect.Effect<RedisService, RedisError, Scope.Scope>
  /** Leases such a connection and WATCHes the keys on it; the end of the scope unwatches what was not committed. */
  readonly watch: (keys: ReadonlyArray<Argument>) => Effect.Effect<Watching, RedisError | WatchError, Scope.Scope>
  /** Follows the cursors of SCAN through all that the client reaches, `page` being one call of it. */
  readonly scan: (page: (cursor: string) => Command<Page<ReadonlyArray<string>>>) => Stream.Stream<string, RedisError>
  /** Registers a subscriber on the shared subscription connection until the scope ends. */
  readonly subscriber: (options: SubscriberOptions) => Effect.Effect<Subscriber, RedisError, Scope.Scope>
  /** The raw lines of MONITOR, the first being its OK, from a connection of their own. */
  readonly monitor: Stream.Stream<string, RedisError>
  /** The state of the shared connection, now and as it changes. */
  readonly state: Subscribable.Subscribable<ConnectionState>
}

/**
 * A leased connection that watches keys: the same primitives, all running on it; until `commit` it refuses other
 * transactions.
 *
 * @since 0.1.0
 * @category models
 */
export interface Watching extends RedisService {
  /** MULTI … EXEC that ends the watch; fails with `WatchError` when a key changed or the connection was lost. */
  readonly commit: (
    commands: ReadonlyArray<Command<unknown>>
  ) => Effect.Effect<ReadonlyArray<Slot>, RedisError | ExecAbortError | WatchError>
  /** Whether the connection still lives. */
  readonly isAlive: () => boolean
}

/**
 * The tag of the client that commands run on.
 *
 * @since 0.1.0
 * @category tags
 */
export class Redis extends Context.Tag("@effect-resp/core/Redis")<Redis, RedisService>() {}

/**
 * A tag for one more client in the same program: another server, another database.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * class Sessions extends Redis.Tag("Sessions")<Sessions>() {}
 *
 * // Effect<Option<string>, RedisError, Sessions>
 * const session = Redis.get("session:1").pipe(Redis.use(Sessions))
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const Tag =
  <const Id extends string>(id: Id) =>
  <Self>() =>
    Context.Tag(id)<Self, RedisService>()

/**
 * Runs an Effect of commands on another client's tag.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * class Sessions extends Redis.Tag("Sessions")<Sessions>() {}
 *
 * const count = Redis.dbsize.pipe(Redis.use(Sessions))
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const use =
  <I>(tag: Context.Tag<I, RedisService>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, I | Exclude<R, Redis>> =>
    Effect.provideServiceEffect(self, Redis, tag)

/**
 * Runs a Stream, such as of a subscription, on another client's tag.
 *
 * @example
 * ```ts
 * import { Redis, RedisPubSub } from "@effect-resp/core"
 *
 * class Events extends Redis.Tag("Events")<Events>() {}
 *
 * const news = RedisPubSub.subscribe("news").pipe(Redis.useStream(Events))
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const useStream =
  <I>(tag: Context.Tag<I, RedisService>) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, I | Exclude<R, Redis>> =>
    Stream.provideServiceEffect(self, Redis, tag)

/**
 * Leases a connection that nobody else uses, until the scope ends: a client whose commands all run on it, in order.
 *
 * For what needs a session of its own: WAIT after its writes, `CLIENT NO-EVICT`, many blocking commands in a row. Where
 * keys are given, the connection is to the node that owns them. Fails with a `TimeoutError` (`Reserve`) when none
 * becomes free in time. Used after its scope, commands fail with a `ConnectionError` (`Closed`).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const lease = yield* Redis.reserve()
 *   return yield* Redis.incr("visits").pipe(Effect.provideService(Redis.Redis, lease))
 * }))
 * ```
 *
 * @since 0.1.0
 * @category reserving
 */
export const reserve = (
  keys: ReadonlyArray<Argument> = []
): Effect.Effect<RedisService, RedisError, Redis | Scope.Scope> => Effect.flatMap(Redis, (redis) => redis.reserve(keys))

/**
 * Runs an Effect whose commands all go over one connection that nobody else uses meanwhile.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const replicated = Redis.set("a", 1).pipe(
 *   Effect.zipRight(Redis.wait(1, "100 millis")),
 *   Redis.withReserved()
 * )
 * ```
 *
 * @since 0.1.0
 * @category reserving
 */
export const withReserved =
  (keys: ReadonlyArray<Argument> = []) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | RedisError, Exclude<R, Redis> | Redis> =>
    Effect.scoped(Effect.flatMap(reserve(keys), (lease) => Effect.provideService(self, Redis, lease)))

/**
 * The state of the shared connection: what it is now, and each change.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const logged = Redis.state.pipe(Stream.runForEach((state) => Effect.log(state._tag)))
 * ```
 *
 * @since 0.1.0
 * @category state
 */
export const state: Stream.Stream<ConnectionState, never, Redis> = Stream.unwrap(
  Effect.map(Redis, (redis) => redis.state.changes)
)

/**
 * Turns a layer of the `Redis` tag into a layer of another client's tag.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Redis } from "@effect-resp/core"
 * import { NodeRedis } from "@effect-resp/node"
 *
 * class Sessions extends Redis.Tag("Sessions")<Sessions>() {}
 *
 * const live = Layer.merge(
 *   NodeRedis.layer({ database: 0 }),
 *   Redis.layerFor(Sessions, NodeRedis.layer({ database: 1 }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const layerFor = <I, E, R>(
  tag: Context.Tag<I, RedisService>,
  layer: Layer.Layer<Redis, E, R>
): Layer.Layer<I, E, R> => Layer.project(layer, Redis, tag, (service) => service)
