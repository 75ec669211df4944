/**
 * What a feed does at its node: its names are added to an inner subscriber there, and removed.
 */
import { RedisError, type RedisPubSub } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import type { Feed, Topic } from "./feed.js"

/** Whether it can be other at the next attempt, here or on another node. */
export const passes = (error: RedisError.RedisError): boolean => {
  if (error._tag === "ReplyError") return /^(MOVED|ASK)$/.test(error.code) || RedisError.isSafeToRetry(error)
  if (error._tag === "ConnectionError") return error.reason !== "Auth"
  return error._tag === "TimeoutError" || error._tag === "ProtocolError" || error._tag === "ClusterError"
}

const kinds = ["channel", "pattern", "shard"] as const

const namesOf = (topics: ReadonlyArray<Topic>) => topics.map(({ name }) => name)

/** Does something for the topics of each kind. */
const forKinds = <E>(
  topics: ReadonlyArray<Topic>,
  run: (kind: RedisPubSub.SubscriptionKind, topics: ReadonlyArray<Topic>) => Effect.Effect<void, E>
): ReadonlyArray<Effect.Effect<void, E>> =>
  kinds.flatMap((kind) => {
    const ours = topics.filter((topic) => topic.kind === kind)
    return ours.length === 0 ? [] : [run(kind, ours)]
  })

/** All at once. A fiber less for each feed where there is only one, as is usual. */
const together = <E>(effects: ReadonlyArray<Effect.Effect<void, E>>): Effect.Effect<void, E> =>
  effects.length === 1 ? effects[0]! : Effect.all(effects, { concurrency: "unbounded", discard: true })

/** Adds to a new inner subscriber what its predecessor had; gives whether there was anything. */
export const restore = (feed: Feed, inner: RedisPubSub.Subscriber): Effect.Effect<boolean, RedisError.RedisError> =>
  Effect.suspend(() => {
    const lost = feed.lost()
    const adding = forKinds(lost, (kind, topics) =>
      Effect.map(inner.subscribe(kind, namesOf(topics)), () => topics.forEach((topic) => feed.added(topic)))
    )
    return Effect.map(together(adding), () => lost.some(({ isWanted, told }) => isWanted && told))
  })

/** Adds what is new and removes what is left. Fails when the node is not the right one any more. */
export const change = (feed: Feed, inner: RedisPubSub.Subscriber): Effect.Effect<void, RedisError.RedisError> =>
  Effect.suspend(() => {
    // Where there is no answer, the end of the inner subscriber or of the caller's patience settles it.
    const removing = forKinds(feed.stale(), (kind, topics) => Effect.ignore(inner.unsubscribe(kind, namesOf(topics))))
    const adding = feed.fresh().map((group) => {
      const callers = [...new Set(group.flatMap(({ calls }) => [...calls]))]
      return Effect.matchEffect(inner.subscribe(group[0]!.kind, namesOf(group)), {
        onSuccess: () => Effect.sync(() => group.forEach((topic) => feed.added(topic))),
        onFailure: (error) =>
          passes(error) && error._tag !== "TimeoutError"
            ? Effect.fail(error)
            : Effect.sync(() => feed.refused(group, callers, error))
      })
    })
    return together([...removing, ...adding])
  })
