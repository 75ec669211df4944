/**
 * Publish and subscribe: messages as Streams, and a handle to change subscriptions while reading.
 *
 * All subscribers of a client share one connection of its own. It is made when first needed, made anew when lost, and
 * closed when last used. A subscriber that is slow and may lose nothing (`suspend`) stops that connection for all.
 *
 * Messages that the server sends while nobody listens are lost. Whenever that may have happened, there is a `Gap`.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { DurationInput } from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { OneOrMany } from "./internal/arguments.js"
import * as internal from "./internal/pubSub.js"
import { makeHandle } from "./internal/pubSubHandle.js"
import type { RedisError } from "./RedisError.js"
import type { Redis } from "./RedisService.js"

/**
 * What a subscription names: channels, glob patterns of channels, or shard channels.
 *
 * @since 0.1.0
 * @category models
 */
export type SubscriptionKind = "channel" | "pattern" | "shard"

/**
 * The name of a channel or a pattern: text, or bytes, which need not be UTF-8.
 *
 * @since 0.1.0
 * @category models
 */
export type Name = string | Uint8Array

/**
 * A published message. `Data` is text, or bytes where the subscriber asked for bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message<out Data = string> {
  readonly type: "message" | "pmessage" | "smessage"
  readonly channel: Data
  /** The pattern that matched, on a `pmessage`. */
  readonly pattern: Option.Option<Data>
  readonly data: Data
}

/**
 * The server's word that a subscription began or ended. `channel` is what was subscribed to, a pattern on `psubscribe`
 * and `punsubscribe`. `count` is how many subscriptions the subscriber then has: channels and patterns together, shard
 * channels apart.
 *
 * @since 0.1.0
 * @category models
 */
export interface Confirmation<out Data = string> {
  readonly type: "subscribe" | "unsubscribe" | "psubscribe" | "punsubscribe" | "ssubscribe" | "sunsubscribe"
  readonly channel: Data
  readonly count: number
}

/**
 * Messages may have been missed: the connection was lost and its subscriptions made anew, or a buffer overflowed.
 *
 * After `Reconnected` all subscriptions stand again, so what is read then (a cache, a state) is up to date.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gap {
  readonly type: "gap"
  readonly reason: "Reconnected" | "Overflow"
}

/**
 * Anything a subscriber can see.
 *
 * @since 0.1.0
 * @category models
 */
export type Event<Data = string> = Message<Data> | Confirmation<Data> | Gap

/**
 * How a subscriber buffers.
 *
 * @since 0.1.0
 * @category options
 */
export interface SubscriberOptions {
  /** How many messages and Gaps may wait to be taken; 1,024 by default. With 16 MiB of messages it is full as well. */
  readonly capacity?: number
  /**
   * What happens to the next message: the socket waits, and with it every subscriber of the client (`suspend`, the
   * default), or the oldest (`sliding`) or the newest (`dropping`) is lost, with a `Gap`.
   */
  readonly strategy?: "suspend" | "sliding" | "dropping"
}

/**
 * How a stream of messages buffers, and whether it has text (the default; what is no UTF-8 becomes U+FFFD) or bytes.
 *
 * Bytes are the subscriber's own. Only the names may be the same ones in its next messages: copy them to change them.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamOptions extends SubscriberOptions {
  readonly bytes?: boolean
}

/**
 * Subscriptions of several kinds at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Topics {
  readonly channels?: OneOrMany<Name>
  readonly patterns?: OneOrMany<Name>
  readonly shardChannels?: OneOrMany<Name>
}

/**
 * A registration on the shared subscription connection: the primitive under this module. Names and data are bytes,
 * which other subscribers may be given, too: they are not to be changed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subscriber {
  /** Completes when the server has confirmed every name; when it fails or is interrupted, none of them is left. */
  readonly subscribe: (kind: SubscriptionKind, names: ReadonlyArray<Name>) => Effect.Effect<void, RedisError>
  /** Ends some of this subscriber's subscriptions, or all of the kind. Completes when the server has confirmed. */
  readonly unsubscribe: (kind: SubscriptionKind, names?: ReadonlyArray<Name>) => Effect.Effect<void, RedisError>
  /** Waits for the next event; fails when the subscription connection cannot come back. */
  readonly take: Effect.Effect<Event<Uint8Array>, RedisError>
  /** Waits for at least one event, and takes all that are there. */
  readonly takeAll: Effect.Effect<ReadonlyArray<Event<Uint8Array>>, RedisError>
  /** The next event, if one is there, or comes within the time. */
  readonly poll: (timeout?: DurationInput) => Effect.Effect<Option.Option<Event<Uint8Array>>, RedisError>
}

/**
 * The type of `subscribe`, `psubscribe` and `ssubscribe`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subscribe {
  (
    names: OneOrMany<Name>,
    options: StreamOptions & { readonly bytes: true }
  ): Stream.Stream<Message<Uint8Array>, RedisError, Redis>
  (
    names: OneOrMany<Name>,
    options?: StreamOptions & { readonly bytes?: false }
  ): Stream.Stream<Message, RedisError, Redis>
}

/**
 * The messages of channels. The stream subscribes when it is run, and unsubscribes when it ends.
 *
 * It goes on by itself after the connection was lost. It fails with a `ReplyError` when the server refuses the
 * subscription, a `TimeoutError` when it does not confirm within `commandTimeout`, and a `ConnectionError` when the
 * connection cannot come back. To publish only when the server has confirmed, use `subscribed`.
 *
 * Messages come in chunks, all that were there: with `Stream.runForEachChunk` one to each of 100 subscribers takes 0.09 us
 * of CPU where it takes 0.32 with `Stream.runForEach`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { RedisPubSub } from "@effect-resp/core"
 *
 * const news = RedisPubSub.subscribe(["news", "sport"]).pipe(
 *   Stream.runForEach(({ channel, data }) => Effect.log(channel, data))
 * )
 * ```
 *
 * @since 0.1.0
 * @category subscribing
 */
export const subscribe: Subscribe = internal.messagesOf("channels")

/**
 * The messages of all channels whose names match glob patterns. A message comes once for each pattern that matches.
 * Fails as `subscribe` does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { RedisPubSub } from "@effect-resp/core"
 *
 * const news = RedisPubSub.psubscribe("news.*").pipe(
 *   Stream.runForEach(({ channel, pattern, data }) => Effect.log(pattern, channel, data))
 * )
 * ```
 *
 * @since 0.1.0
 * @category subscribing
 */
export const psubscribe: Subscribe = internal.messagesOf("patterns")

/**
 * The messages of shard channels, those that `Redis.spublish` publishes to. Fails as `subscribe` does. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { RedisPubSub } from "@effect-resp/core"
 *
 * const firstTen = RedisPubSub.ssubscribe("orders").pipe(Stream.take(10), Stream.runCollect)
 * ```
 *
 * @since 0.1.0
 * @category subscribing
 */
export const ssubscribe: Subscribe = internal.messagesOf("shardChannels")

/**
 * Everything a subscriber can see: messages, confirmations and Gaps. Fails as `subscribe` does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { RedisPubSub } from "@effect-resp/core"
 *
 * const watched = RedisPubSub.events({ channels: "prices", patterns: ["stock.*"] }).pipe(
 *   Stream.runForEach((event) => (event.type === "gap" ? Effect.logWarning(event.reason) : Effect.log(event.channel)))
 * )
 * ```
 *
 * @since 0.1.0
 * @category subscribing
 */
export const events: {
  (
    topics: Topics,
    options: StreamOptions & { readonly bytes: true }
  ): Stream.Stream<Event<Uint8Array>, RedisError, Redis>
  (topics: Topics, options?: StreamOptions & { readonly bytes?: false }): Stream.Stream<Event, RedisError, Redis>
} = internal.eventsOf

/**
 * Subscribes for a scope. Completes when the server has confirmed, so that nothing published after it is lost, and gives
 * the stream of the messages, which is to be run once. Fails as `subscribe` does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Redis, RedisPubSub } from "@effect-resp/core"
 *
 * const hello = Effect.scoped(
 *   Effect.gen(function*() {
 *     const messages = yield* RedisPubSub.subscribed({ channels: "news" })
 *     yield* Redis.publish("news", "hello")
 *     return yield* Stream.runHead(messages)
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category subscribing
 */
export const subscribed: {
  (
    topics: Topics,
    options: StreamOptions & { readonly bytes: true }
  ): Effect.Effect<Stream.Stream<Message<Uint8Array>, RedisError>, RedisError, Redis | Scope.Scope>
  (
    topics: Topics,
    options?: StreamOptions & { readonly bytes?: false }
  ): Effect.Effect<Stream.Stream<Message, RedisError>, RedisError, Redis | Scope.Scope>
} = internal.subscribed

/**
 * What is done with the messages of one channel or pattern.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler<in Data = string, out E = never, out R = never> = (
  message: Message<Data>
) => Effect.Effect<unknown, E, R>

/**
 * What a handle subscribes to: a name, names of which each may have a handler, or a record of handlers by name.
 *
 * @since 0.1.0
 * @category models
 */
export type Subscriptions<Data, E, R> =
  | Name
  | ReadonlyArray<Name | readonly [name: Name, handler: Handler<Data, E, R>]>
  | Readonly<Record<string, Handler<Data, E, R>>>

/**
 * How a handle behaves.
 *
 * @since 0.1.0
 * @category options
 */
export interface HandleOptions extends StreamOptions {
  /** `take`, `poll` and `stream` do not give confirmations. */
  readonly ignoreConfirmations?: boolean
}

/**
 * How `run` goes about what is no plain message.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions<in Data, in E, out E2, out R> {
  /** Decides what a failed handler means: to `continue` with the next message, or to `stop`. */
  readonly onError?: (cause: Cause.Cause<E>, message: Message<Data>) => Effect.Effect<"continue" | "stop", E2, R>
  /** Is told when messages may have been missed. */
  readonly onGap?: (gap: Gap) => Effect.Effect<unknown, E2, R>
}

/**
 * A subscriber whose subscriptions change while it reads. Its handlers may fail with `E`.
 *
 * A message with a handler is handled when it is read (by `take`, `poll`, `stream` or `run`) and given to nobody else.
 * Handlers outlive a reconnect, and go when the end of their subscription has been read.
 *
 * @since 0.1.0
 * @category models
 */
export interface RedisPubSub<Data = string, E = never> {
  /** Subscribes to channels. Completes when the server has confirmed; fails as the stream `subscribe` does. */
  readonly subscribe: <R = never>(channels: Subscriptions<Data, E, R>) => Effect.Effect<void, RedisError, R>
  /** Subscribes to glob patterns. */
  readonly psubscribe: <R = never>(patterns: Subscriptions<Data, E, R>) => Effect.Effect<void, RedisError, R>
  /** Subscribes to shard channels. */
  readonly ssubscribe: <R = never>(shardChannels: Subscriptions<Data, E, R>) => Effect.Effect<void, RedisError, R>
  /** Unsubscribes from some channels or all. Their messages that have come already can still be read. */
  readonly unsubscribe: (channels?: OneOrMany<Name>) => Effect.Effect<void, RedisError>
  readonly punsubscribe: (patterns?: OneOrMany<Name>) => Effect.Effect<void, RedisError>
  readonly sunsubscribe: (shardChannels?: OneOrMany<Name>) => Effect.Effect<void, RedisError>
  /** Waits for the next event that has no handler, handling the others. */
  readonly take: Effect.Effect<Event<Data>, RedisError | E>
  /** Reads one event if there is one, or comes within the timeout. None also when it was a message that a handler got. */
  readonly poll: (options?: {
    readonly timeout?: DurationInput
  }) => Effect.Effect<Option.Option<Event<Data>>, RedisError | E>
  /** All that `take` gives, without end. */
  readonly stream: Stream.Stream<Event<Data>, RedisError | E>
  /**
   * Handles messages, one after the other, until it is interrupted: to be forked. Fails with what a handler fails with,
   * and with a `CommandError` when a subscription has no handler. While it runs, subscriptions without are refused.
   */
  readonly run: {
    (): Effect.Effect<never, RedisError | E>
    /** With `onError` a handler's failure is not one of `run`. It completes when `onError` says `stop`. */
    <E2 = never, R2 = never>(
      options: RunOptions<Data, E, E2, R2> & { readonly onError: {} }
    ): Effect.Effect<void, RedisError | E2, R2>
    <E2 = never, R2 = never>(options: RunOptions<Data, E, E2, R2>): Effect.Effect<void, RedisError | E | E2, R2>
  }
  /** What is subscribed to now. */
  readonly subscriptions: Effect.Effect<{
    readonly channels: ReadonlyArray<Data>
    readonly patterns: ReadonlyArray<Data>
    readonly shardChannels: ReadonlyArray<Data>
  }>
}

/**
 * Makes a handle for a scope, to change subscriptions while reading. Its subscriptions end with the scope.
 *
 * Handlers that can fail say so: `RedisPubSub.make<MyError>()`. Fails with a `CommandError` for a bad option.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { RedisPubSub } from "@effect-resp/core"
 *
 * const program = Effect.scoped(
 *   Effect.gen(function*() {
 *     const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
 *     yield* pubSub.subscribe({ news: (message) => Effect.log(message.data) })
 *     yield* pubSub.run()
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <E = never>(
    options: HandleOptions & { readonly bytes: true }
  ): Effect.Effect<RedisPubSub<Uint8Array, E>, RedisError, Redis | Scope.Scope>
  <E = never>(
    options?: HandleOptions & { readonly bytes?: false }
  ): Effect.Effect<RedisPubSub<string, E>, RedisError, Redis | Scope.Scope>
} = makeHandle
