/** What workers and faults have to do with. */
import type { Redis, RedisError } from "@effect-resp/core"
import type { Effect, Scope } from "effect"
import type { Journal } from "./Journal.js"
import type { Dice, Plan, Repertoire } from "./plan.js"

export type Fault = (dice: Dice) => Effect.Effect<void, never, Scope.Scope>

/** Servers that can be harmed. */
export interface Habitat {
  readonly repertoire: Repertoire
  readonly faults: Readonly<Record<string, Fault>>
  /** After these servers may not have all that they acknowledged. */
  readonly lossy: ReadonlySet<string>
  /** Hash tags, one at least of each primary. */
  readonly tags: ReadonlyArray<string>
  /** To be published to. */
  readonly channels: ReadonlyArray<string>
  /** A client over the proxies. */
  readonly connect: (options: Plan["options"]) => Effect.Effect<Redis.RedisService, RedisError.RedisError, Scope.Scope>
  /** A client that no fault of the network befalls. */
  readonly direct: Redis.RedisService
  /** Publishes what a feed says, always by the same node. */
  readonly publish: (channel: string, message: string) => Effect.Effect<unknown, RedisError.RedisError>
  /** Removes all data. */
  readonly empty: Effect.Effect<void>
  /** Completes when the servers themselves are well again. */
  readonly recovered: Effect.Effect<void>
  /** How many connections of the client's name there are. */
  readonly connections: Effect.Effect<number, Error>
  /** Milliseconds within which the client then is. */
  readonly healing: number
  /** Whether nothing but the connection of a subscriber is between him and what is published to the channel. */
  readonly missesAreSeen: (channel: string) => boolean | "late"
}

export interface World extends Habitat {
  readonly redis: Redis.RedisService
  readonly journal: Journal
  readonly options: Plan["options"]
}
