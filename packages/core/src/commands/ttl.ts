/**
 * When keys and fields expire, as told by and to the server.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type { Word } from "../Command.js"
import { option } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

/**
 * How long a key has to live.
 *
 * @since 0.1.0
 * @category models
 */
export type Ttl =
  | { readonly _tag: "NoKey" }
  | { readonly _tag: "NoExpiry" }
  | { readonly _tag: "ExpiresIn"; readonly duration: Duration.Duration }

/**
 * When a key expires.
 *
 * @since 0.1.0
 * @category models
 */
export type ExpireTime =
  | { readonly _tag: "NoKey" }
  | { readonly _tag: "NoExpiry" }
  | { readonly _tag: "ExpiresAt"; readonly date: Date }

/**
 * How long a field of a hash has to live. `NoField` also when there is no hash.
 *
 * @since 0.1.0
 * @category models
 */
export type FieldTtl =
  | { readonly _tag: "NoField" }
  | { readonly _tag: "NoExpiry" }
  | { readonly _tag: "ExpiresIn"; readonly duration: Duration.Duration }

/**
 * When a field of a hash expires. `NoField` also when there is no hash.
 *
 * @since 0.1.0
 * @category models
 */
export type FieldExpireTime =
  | { readonly _tag: "NoField" }
  | { readonly _tag: "NoExpiry" }
  | { readonly _tag: "ExpiresAt"; readonly date: Date }

const expiry = <A, B>(absent: A, present: (value: number) => B): Reply.Reply<A | B | { readonly _tag: "NoExpiry" }> =>
  Reply.map(Reply.integer, (value) =>
    value === -2 ? absent : value === -1 ? { _tag: "NoExpiry" as const } : present(value)
  )

const noKey = { _tag: "NoKey" } as const
const noField = { _tag: "NoField" } as const
const expiresIn = (millis: number) => ({ _tag: "ExpiresIn", duration: Duration.millis(millis) }) as const
const expiresAt = (millis: number) => ({ _tag: "ExpiresAt", date: new Date(millis) }) as const
const fromSeconds =
  <A>(f: (millis: number) => A) =>
  (seconds: number): A =>
    f(seconds * 1000)

export const ttlMillis: Reply.Reply<Ttl> = expiry(noKey, expiresIn)
export const ttlSeconds: Reply.Reply<Ttl> = expiry(noKey, fromSeconds(expiresIn))
export const expireTimeMillis: Reply.Reply<ExpireTime> = expiry(noKey, expiresAt)
export const expireTimeSeconds: Reply.Reply<ExpireTime> = expiry(noKey, fromSeconds(expiresAt))

export const fieldTtlMillis: Reply.Reply<FieldTtl> = expiry(noField, expiresIn)
export const fieldTtlSeconds: Reply.Reply<FieldTtl> = expiry(noField, fromSeconds(expiresIn))
export const fieldExpireTimeMillis: Reply.Reply<FieldExpireTime> = expiry(noField, expiresAt)
export const fieldExpireTimeSeconds: Reply.Reply<FieldExpireTime> = expiry(noField, fromSeconds(expiresAt))

/**
 * On what condition to change an expiry: there is none yet, there is one, or the new one is later or sooner than it.
 * No expiry counts as later than any.
 *
 * @since 0.1.0
 * @category options
 */
export type ExpireCondition = "noExpiry" | "hasExpiry" | "later" | "sooner"

const conditions: Record<ExpireCondition, Word> = { noExpiry: "NX", hasExpiry: "XX", later: "GT", sooner: "LT" }

/** The words of a condition. */
export const conditionWords = (onlyIf: ExpireCondition | undefined): ReadonlyArray<Word> =>
  option(onlyIf, (condition) => [conditions[condition]])
