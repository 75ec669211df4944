/**
 * Commands on when a key expires: https://redis.io/docs/latest/commands/expire/
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import { type Argument, type Command, define, type Word } from "../Command.js"
import { epochMillis, epochSeconds, type Instant, millis, wholeSeconds } from "../internal/arguments.js"
import * as Reply from "../Reply.js"
import {
  conditionWords,
  type ExpireCondition,
  type ExpireTime,
  expireTimeMillis,
  expireTimeSeconds,
  type Ttl,
  ttlMillis,
  ttlSeconds
} from "./ttl.js"

export type { ExpireTime, Ttl } from "./ttl.js"

const EXPIRE = define("EXPIRE")
const EXPIREAT = define("EXPIREAT")
const EXPIRETIME = define("EXPIRETIME", { readOnly: true })
const PERSIST = define("PERSIST")
const PEXPIRE = define("PEXPIRE")
const PEXPIREAT = define("PEXPIREAT")
const PEXPIRETIME = define("PEXPIRETIME", { readOnly: true })
const PTTL = define("PTTL", { readOnly: true })
const TTL = define("TTL", { readOnly: true })

/**
 * @since 0.1.0
 * @category options
 */
export interface KeyExpireOptions {
  /**
   * Change the expiry only if the key has none yet, has one, or if the new one is later or sooner; no expiry counts as
   * later than any. Since Redis 7.0.
   */
  readonly onlyIf?: ExpireCondition | "hasExpiryAndSooner"
}

const onlyIfWords = ({ onlyIf }: KeyExpireOptions): ReadonlyArray<Word> =>
  onlyIf === "hasExpiryAndSooner" ? ["XX", "LT"] : conditionWords(onlyIf)

/**
 * Lets a key expire after a duration, and tells whether it will: https://redis.io/docs/latest/commands/expire/
 *
 * In whole seconds, rounded up; `pexpire` is exact. No time at all deletes the key. `false` when the key is absent or
 * the condition is not met.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.expire("session:1", "30 minutes", { onlyIf: "later" }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const expire = (key: Argument, expire: DurationInput, options: KeyExpireOptions = {}): Command<boolean> =>
  EXPIRE([key, wholeSeconds(expire, "expire"), ...onlyIfWords(options)], Reply.boolean)

/**
 * Lets a key expire at a point in time, and tells whether it will: https://redis.io/docs/latest/commands/expireat/
 *
 * In whole seconds, rounded up; `pexpireat` is exact. A time in the past deletes the key. `false` when the key is absent
 * or the condition is not met.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.expireat("offer", new Date("2030-01-01")) // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const expireat = (key: Argument, expireAt: Instant, options: KeyExpireOptions = {}): Command<boolean> =>
  EXPIREAT([key, epochSeconds(expireAt, "expireAt"), ...onlyIfWords(options)], Reply.boolean)

/**
 * Gives when a key expires, to the second: https://redis.io/docs/latest/commands/expiretime/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const expiry = Redis.expiretime("offer") // NoKey, NoExpiry or ExpiresAt
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const expiretime = (key: Argument): Command<ExpireTime> => EXPIRETIME([key], expireTimeSeconds)

/**
 * Takes a key's expiry away, and tells whether there was one: https://redis.io/docs/latest/commands/persist/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const kept = Redis.persist("session:1") // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const persist = (key: Argument): Command<boolean> => PERSIST([key], Reply.boolean)

/**
 * Lets a key expire after a duration, and tells whether it will: https://redis.io/docs/latest/commands/pexpire/
 *
 * In whole milliseconds, rounded up. No time at all deletes the key. `false` when the key is absent or the condition is
 * not met.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.pexpire("lock", "1500 millis") // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const pexpire = (key: Argument, expire: DurationInput, options: KeyExpireOptions = {}): Command<boolean> =>
  PEXPIRE([key, millis(expire, "expire"), ...onlyIfWords(options)], Reply.boolean)

/**
 * Lets a key expire at a point in time, and tells whether it will: https://redis.io/docs/latest/commands/pexpireat/
 *
 * To the millisecond. A time in the past deletes the key. `false` when the key is absent or the condition is not met.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.pexpireat("offer", new Date("2030-01-01")) // boolean
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const pexpireat = (key: Argument, expireAt: Instant, options: KeyExpireOptions = {}): Command<boolean> =>
  PEXPIREAT([key, epochMillis(expireAt, "expireAt"), ...onlyIfWords(options)], Reply.boolean)

/**
 * Gives when a key expires, to the millisecond: https://redis.io/docs/latest/commands/pexpiretime/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const expiry = Redis.pexpiretime("offer") // NoKey, NoExpiry or ExpiresAt
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const pexpiretime = (key: Argument): Command<ExpireTime> => PEXPIRETIME([key], expireTimeMillis)

/**
 * Gives how long a key has to live, to the millisecond: https://redis.io/docs/latest/commands/pttl/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const ttl = Redis.pttl("session:1") // NoKey, NoExpiry or ExpiresIn
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const pttl = (key: Argument): Command<Ttl> => PTTL([key], ttlMillis)

/**
 * Gives how long a key has to live, to the second: https://redis.io/docs/latest/commands/ttl/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const ttl = Redis.ttl("session:1") // NoKey, NoExpiry or ExpiresIn
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const ttl = (key: Argument): Command<Ttl> => TTL([key], ttlSeconds)
