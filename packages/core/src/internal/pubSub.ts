/**
 * Streams over the primitive subscriber.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CommandError, type RedisError } from "../RedisError.js"
import type { Event, Message, Name, StreamOptions, Subscriber, SubscriberOptions, Topics } from "../RedisPubSub.js"
import { Redis } from "../RedisService.js"
import type { OneOrMany } from "./arguments.js"
import { textOf } from "./topic.js"

/** Reads bytes as what the subscriber wants. */
export type Read<Data> = (bytes: Uint8Array) => Data

export const asText: Read<string> = textOf
export const asBytes: Read<Uint8Array> = (bytes) => bytes

/** All of one or many. */
export const listOf = (names: OneOrMany<Name> | undefined): ReadonlyArray<Name> =>
  names === undefined ? [] : typeof names === "string" || names instanceof Uint8Array ? [names] : names

export const isMessage = <Data>(event: Event<Data>): event is Message<Data> => "data" in event

export const readMessage = <Data>(message: Message<Uint8Array>, read: Read<Data>): Message<Data> => ({
  type: message.type,
  channel: read(message.channel),
  pattern: Option.map(message.pattern, read),
  data: read(message.data)
})

export const readEvent = <Data>(event: Event<Uint8Array>, read: Read<Data>): Event<Data> => {
  if (event.type === "gap") return event
  return isMessage(event) ? readMessage(event, read) : { ...event, channel: read(event.channel) }
}

/** Subscribes for the scope, and completes when everything is confirmed. */
const open = (topics: Topics, options: SubscriberOptions): Effect.Effect<Subscriber, RedisError, Redis | Scope.Scope> =>
  Effect.gen(function* () {
    const names = [
      ["channel", listOf(topics.channels)],
      ["pattern", listOf(topics.patterns)],
      ["shard", listOf(topics.shardChannels)]
    ] as const
    const given = names.filter(([, list]) => list.length > 0)
    if (given.length === 0) {
      return yield* new CommandError({ reason: "there must be at least one name", outcome: "NotSent" })
    }
    const subscriber = yield* Effect.flatMap(Redis, (redis) => redis.subscriber(options))
    yield* Effect.forEach(given, ([kind, list]) => subscriber.subscribe(kind, list), {
      concurrency: "unbounded",
      discard: true
    })
    return subscriber
  })

const eventsFrom = <Data>({ takeAll }: Subscriber, read: Read<Data>): Stream.Stream<Event<Data>, RedisError> =>
  Stream.repeatEffectChunk(
    Effect.map(takeAll, (events) => Chunk.unsafeFromArray(events.map((event) => readEvent(event, read))))
  )

const messagesFrom = <Data>({ takeAll }: Subscriber, read: Read<Data>): Stream.Stream<Message<Data>, RedisError> =>
  Stream.repeatEffectChunk(
    Effect.map(takeAll, (events) => {
      const messages: Array<Message<Data>> = []
      for (const event of events) if (isMessage(event)) messages.push(readMessage(event, read))
      return Chunk.unsafeFromArray(messages)
    })
  )

type Bytes = StreamOptions & { readonly bytes: true }
type Text = StreamOptions & { readonly bytes?: false }

/** `subscribed`. */
export function subscribed(
  topics: Topics,
  options: Bytes
): Effect.Effect<Stream.Stream<Message<Uint8Array>, RedisError>, RedisError, Redis | Scope.Scope>
export function subscribed(
  topics: Topics,
  options?: Text
): Effect.Effect<Stream.Stream<Message, RedisError>, RedisError, Redis | Scope.Scope>
export function subscribed(topics: Topics, options: StreamOptions = {}) {
  return Effect.map(
    open(topics, options),
    (subscriber): Stream.Stream<Message<Uint8Array>, RedisError> | Stream.Stream<Message, RedisError> =>
      options.bytes === true ? messagesFrom(subscriber, asBytes) : messagesFrom(subscriber, asText)
  )
}

/** `events`. */
export function eventsOf(topics: Topics, options: Bytes): Stream.Stream<Event<Uint8Array>, RedisError, Redis>
export function eventsOf(topics: Topics, options?: Text): Stream.Stream<Event, RedisError, Redis>
export function eventsOf(topics: Topics, options: StreamOptions = {}) {
  const from = <Data>(read: Read<Data>) =>
    Stream.unwrapScoped(Effect.map(open(topics, options), (subscriber) => eventsFrom(subscriber, read)))
  return options.bytes === true ? from(asBytes) : from(asText)
}

/** `subscribe`, `psubscribe` and `ssubscribe`. */
export const messagesOf = (kind: keyof Topics) => {
  function messages(names: OneOrMany<Name>, options: Bytes): Stream.Stream<Message<Uint8Array>, RedisError, Redis>
  function messages(names: OneOrMany<Name>, options?: Text): Stream.Stream<Message, RedisError, Redis>
  function messages(names: OneOrMany<Name>, options: StreamOptions = {}) {
    const from = <Data>(read: Read<Data>) =>
      Stream.unwrapScoped(Effect.map(open({ [kind]: names }, options), (subscriber) => messagesFrom(subscriber, read)))
    return options.bytes === true ? from(asBytes) : from(asText)
  }
  return messages
}
