/**
 * The handle that changes its subscriptions while it reads.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CommandError, type RedisError } from "../RedisError.js"
import type {
  Event,
  HandleOptions,
  Handler,
  Message,
  Name,
  RedisPubSub,
  RunOptions,
  Subscriber,
  SubscriptionKind,
  Subscriptions
} from "../RedisPubSub.js"
import { Redis } from "../RedisService.js"
import type { OneOrMany } from "./arguments.js"
import { countdown } from "./inbox.js"
import { asBytes, asText, isMessage, listOf, type Read, readEvent } from "./pubSub.js"
import { keyOfMessage } from "./receivedMessage.js"
import { areNames, badName, frames, keyOf, nameBytes } from "./topic.js"

/** A `subscribe` of one name, with what handles its messages. */
interface Claim<Data, E> {
  readonly handler: Handler<Data, E> | undefined
  /** The server has confirmed it. */
  settled: boolean
  /** It was unsubscribed from; its last messages may still be to be read. */
  left: boolean
}

/** A name that is subscribed to, or whose last messages are still to be read. */
interface Entry<Data, E> {
  readonly name: Uint8Array
  /** The last one counts; it goes if it fails, and the one before counts again. */
  claims: ReadonlyArray<Claim<Data, E>>
  /** Ends of subscriptions that are still to be read. */
  ends: number
}

const isSubscribed = ({ claims }: Entry<never, unknown>): boolean => claims.some(({ left }) => !left)

const refused = (reason: string) => new CommandError({ reason, outcome: "NotSent" })

/** The names with their handlers. */
const entriesOf = <Data, E, R>(
  subscriptions: Subscriptions<Data, E, R>
): ReadonlyArray<readonly [Name, Handler<Data, E, R> | undefined]> => {
  if (typeof subscriptions === "string" || subscriptions instanceof Uint8Array) return [[subscriptions, undefined]]
  if (!isList(subscriptions)) return Object.entries(subscriptions ?? {})
  return subscriptions.map((one) => (isList(one) ? one : [one, undefined]))
}

// Array.isArray does not narrow a readonly array.
const isList = <A, B>(value: ReadonlyArray<A> | B): value is ReadonlyArray<A> => Array.isArray(value)

class Handle<Data, E> implements RedisPubSub<Data, E> {
  private readonly entries: Readonly<Record<SubscriptionKind, Map<string, Entry<Data, E>>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map()
  }
  private running = 0

  constructor(
    private readonly subscriber: Subscriber,
    private readonly read: Read<Data>,
    private readonly ignoreConfirmations: boolean
  ) {}

  readonly subscribe = <R = never>(channels: Subscriptions<Data, E, R>) => this.join("channel", channels)
  readonly psubscribe = <R = never>(patterns: Subscriptions<Data, E, R>) => this.join("pattern", patterns)
  readonly ssubscribe = <R = never>(shardChannels: Subscriptions<Data, E, R>) => this.join("shard", shardChannels)
  readonly unsubscribe = (channels?: OneOrMany<Name>) => this.leave("channel", channels)
  readonly punsubscribe = (patterns?: OneOrMany<Name>) => this.leave("pattern", patterns)
  readonly sunsubscribe = (shardChannels?: OneOrMany<Name>) => this.leave("shard", shardChannels)

  private join<R>(
    kind: SubscriptionKind,
    subscriptions: Subscriptions<Data, E, R>
  ): Effect.Effect<void, RedisError, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.contextWithEffect((context) => {
        const given = entriesOf(subscriptions)
        if (this.running > 0 && given.some(([, handler]) => handler === undefined)) {
          return Effect.fail(refused("while `run` is running, every subscription needs a handler"))
        }
        const names = given.map(([name]) => name)
        if (!areNames(names)) return Effect.fail(badName())
        if (given.some(([, handler]) => handler !== undefined && typeof handler !== "function")) {
          return Effect.fail(refused("a handler must be a function"))
        }
        const entries = this.entries[kind]
        const claimed: Array<readonly [key: string, Claim<Data, E>]> = []
        for (const [given_, handler] of given) {
          const name = nameBytes(given_)
          const key = keyOf(name)
          const claim: Claim<Data, E> = {
            // Suspended, so that a handler which throws is one that fails.
            handler:
              handler &&
              ((message) =>
                Effect.contextWithEffect((current: Context.Context<never>) =>
                  // The same one where `run` was started beside `subscribe`; to provide it would cost more than the rest.
                  current === context
                    ? (handler(message) as Effect.Effect<unknown, E>)
                    : Effect.provide(handler(message), context)
                )),
            settled: false,
            left: false
          }
          const entry = entries.get(key) ?? { name, claims: [], ends: 0 }
          entry.claims = [...entry.claims, claim]
          entries.set(key, entry)
          claimed.push([key, claim])
        }
        return Effect.onExit(restore(this.subscriber.subscribe(kind, names)), (exit) =>
          Effect.sync(() => {
            for (const [key, claim] of claimed) this.settle(kind, key, claim, Exit.isSuccess(exit))
          })
        )
      })
    )
  }

  /** A claim that is confirmed replaces those confirmed before it; one that failed is as if it had not been. */
  private settle(kind: SubscriptionKind, key: string, claim: Claim<Data, E>, confirmed: boolean): void {
    const entry = this.entries[kind].get(key)
    const at = entry?.claims.indexOf(claim) ?? -1
    if (entry === undefined || at < 0) return
    claim.settled = confirmed
    entry.claims = entry.claims.filter((other, i) => (confirmed ? i >= at || !other.settled : other !== claim))
    if (entry.claims.length === 0) this.entries[kind].delete(key)
  }

  private leave(kind: SubscriptionKind, names: OneOrMany<Name> | undefined): Effect.Effect<void, RedisError> {
    return Effect.suspend(() => {
      const entries = this.entries[kind]
      const list = names === undefined ? undefined : listOf(names)
      if (list !== undefined && !areNames(list)) return Effect.fail(badName())
      for (const key of new Set(list?.map((name) => keyOf(nameBytes(name))) ?? entries.keys())) {
        const entry = entries.get(key)
        if (entry === undefined) continue
        // Naming it is always confirmed; leaving all confirms only what is subscribed to.
        if (list !== undefined || isSubscribed(entry)) entry.ends++
        for (const claim of entry.claims) claim.left = true
      }
      return this.subscriber.unsubscribe(kind, list)
    })
  }

  /** The end of a subscription was read: its handler goes, unless it has been subscribed to again. */
  private ended(kind: SubscriptionKind, name: Uint8Array): void {
    const key = keyOf(name)
    const entry = this.entries[kind].get(key)
    if (entry === undefined) return
    entry.ends = Math.max(0, entry.ends - 1)
    if (entry.ends === 0 && !isSubscribed(entry)) this.entries[kind].delete(key)
  }

  private handlerOf(message: Message<Uint8Array>): Handler<Data, E> | undefined {
    const kind = frames.get(message.type)!.kind
    return this.entries[kind].get(keyOfMessage(message))?.claims.at(-1)?.handler
  }

  /** Drives the state by an event and gives it on, or what handles it, or nothing. */
  private readonly see = (event: Event<Uint8Array>): Effect.Effect<Option.Option<Event<Data>>, E> => {
    if (isMessage(event)) {
      const handler = this.handlerOf(event)
      if (handler !== undefined) return Effect.as(handler(this.read.message(event)), Option.none())
    } else if (event.type !== "gap") {
      const { kind, what } = frames.get(event.type)!
      if (what === "unsubscribe") this.ended(kind, event.channel)
      if (this.ignoreConfirmations) return Effect.succeed(Option.none())
    }
    return Effect.succeed(Option.some(readEvent(event, this.read)))
  }

  readonly take: Effect.Effect<Event<Data>, RedisError | E> = Effect.suspend(() =>
    this.subscriber.take.pipe(
      Effect.flatMap(this.see),
      Effect.flatMap((event) => (Option.isSome(event) ? Effect.succeed(event.value) : this.take))
    )
  )

  readonly poll: RedisPubSub<Data, E>["poll"] = ({ timeout } = {}) =>
    timeout === undefined
      ? this.pollWithin(() => undefined)
      : Effect.flatMap(countdown(timeout), (left) => this.pollWithin(left))

  private pollWithin(left: () => number | undefined): Effect.Effect<Option.Option<Event<Data>>, RedisError | E> {
    return Effect.suspend(() => this.subscriber.poll(left())).pipe(
      Effect.flatMap((event) => {
        if (Option.isNone(event)) return Effect.succeed(Option.none())
        const seen = this.see(event.value)
        // What is ignored is as if it had not come.
        const ignored = this.ignoreConfirmations && "count" in event.value
        return ignored ? Effect.zipRight(seen, this.pollWithin(left)) : seen
      })
    )
  }

  readonly stream: Stream.Stream<Event<Data>, RedisError | E> = Stream.repeatEffect(Effect.suspend(() => this.take))

  // Which errors are left depends on the options; the overloads of the interface say how.
  readonly run = (<E2 = never, R2 = never>(
    options: RunOptions<Data, E, E2, R2> = {}
  ): Effect.Effect<void, RedisError | E | E2, R2> => {
    const handle = (event: Event<Uint8Array>): Effect.Effect<"continue" | "stop", RedisError | E | E2, R2> => {
      if (event.type === "gap" && options.onGap !== undefined) return Effect.as(options.onGap(event), "continue")
      if (!isMessage(event)) return Effect.as(this.see(event), "continue")
      const handler = this.handlerOf(event)
      // Only what came before `run` can be without.
      if (handler === undefined) return Effect.succeed("continue")
      const message = this.read.message(event)
      const handled = Effect.as(handler(message), "continue" as const)
      const { onError } = options
      return onError === undefined
        ? handled
        : // Also of a handler that interrupts itself. When `run` is interrupted, nobody is asked.
          Effect.catchAllCause(handled, (cause) => onError(cause, message))
    }
    const next = Effect.flatMap(this.subscriber.take, handle)
    const loop = Effect.suspend(() => {
      let goesOn = true
      return Effect.whileLoop({
        while: () => goesOn,
        body: () => next,
        step: (decision) => {
          goesOn = decision === "continue"
        }
      })
    })
    return Effect.suspend(() => {
      for (const entries of Object.values(this.entries)) {
        for (const entry of entries.values()) {
          if (entry.claims.at(-1)?.handler === undefined && isSubscribed(entry)) {
            return Effect.fail(refused(`no handler for ${asText.bytes(entry.name)}`))
          }
        }
      }
      this.running++
      return Effect.ensuring(
        loop,
        Effect.sync(() => this.running--)
      )
    })
  }) as RedisPubSub<Data, E>["run"]

  readonly subscriptions: RedisPubSub<Data, E>["subscriptions"] = Effect.sync(() => {
    const names = (kind: SubscriptionKind) =>
      [...this.entries[kind].values()].filter(isSubscribed).map(({ name }) => this.read.bytes(name))
    return { channels: names("channel"), patterns: names("pattern"), shardChannels: names("shard") }
  })
}

/** `make`. */
export function makeHandle<E = never>(
  options: HandleOptions & { readonly bytes: true }
): Effect.Effect<RedisPubSub<Uint8Array, E>, RedisError, Redis | Scope.Scope>
export function makeHandle<E = never>(
  options?: HandleOptions & { readonly bytes?: false }
): Effect.Effect<RedisPubSub<string, E>, RedisError, Redis | Scope.Scope>
export function makeHandle<E = never>(options: HandleOptions = {}) {
  return Effect.map(
    Effect.flatMap(Redis, (redis) => redis.subscriber(options)),
    (subscriber): RedisPubSub<Uint8Array, E> | RedisPubSub<string, E> =>
      options.bytes === true
        ? new Handle<Uint8Array, E>(subscriber, asBytes, options.ignoreConfirmations === true)
        : new Handle<string, E>(subscriber, asText, options.ignoreConfirmations === true)
  )
}
