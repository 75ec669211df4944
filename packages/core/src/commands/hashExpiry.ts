/**
 * Commands for fields of hashes that expire: https://redis.io/docs/latest/develop/data-types/hashes/#field-expiration
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import type { Option } from "effect/Option"
import { type Argument, type Command, define, type TextCommand, type Word } from "../Command.js"
import {
  atMostOne,
  choice,
  type Entries,
  epochMillis,
  epochSeconds,
  flag,
  type Instant,
  many,
  millis,
  type OneOrMany,
  option,
  pairs,
  presence,
  wholeSeconds
} from "../internal/arguments.js"
import * as Reply from "../Reply.js"
import type { ExpireOptions, SetOptions } from "./strings.js"
import {
  conditionWords,
  type ExpireCondition,
  type FieldExpireTime,
  type FieldTtl,
  fieldExpireTimeMillis,
  fieldExpireTimeSeconds,
  fieldTtlMillis,
  fieldTtlSeconds
} from "./ttl.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  FieldExpireTime,
  /**
   * @since 0.1.0
   * @category models
   */
  FieldTtl
} from "./ttl.js"

const HEXPIRE = define("HEXPIRE")
const HEXPIREAT = define("HEXPIREAT")
const HEXPIRETIME = define("HEXPIRETIME", { readOnly: true })
const HGETDEL = define("HGETDEL")
const HGETEX = define("HGETEX")
const HPERSIST = define("HPERSIST")
const HPEXPIRE = define("HPEXPIRE")
const HPEXPIREAT = define("HPEXPIREAT")
const HPEXPIRETIME = define("HPEXPIRETIME", { readOnly: true })
const HPTTL = define("HPTTL", { readOnly: true })
const HSETEX = define("HSETEX")
const HTTL = define("HTTL", { readOnly: true })

const optionalTexts = Reply.array(Reply.option(Reply.text))
const ttlsMillis = Reply.array(fieldTtlMillis)
const ttlsSeconds = Reply.array(fieldTtlSeconds)
const expireTimesMillis = Reply.array(fieldExpireTimeMillis)
const expireTimesSeconds = Reply.array(fieldExpireTimeSeconds)

const fieldWords = (fields: OneOrMany<Argument>): ReadonlyArray<Word> => {
  const words = many(fields, "fields")
  return ["FIELDS", words.length, ...words]
}

const expireWords = (options: ExpireOptions): ReadonlyArray<Word> => [
  ...option(options.expire, (expire) => ["PX", millis(expire, "expire")]),
  ...option(options.expireAt, (at) => ["PXAT", epochMillis(at, "expireAt")])
]

// -----------------------------------------------------------------------------
// changing the expiry
// -----------------------------------------------------------------------------

/**
 * What became of one field whose expiry was to be changed.
 *
 * - `Set`: it will expire.
 * - `Deleted`: it expired at once, for the time is not in the future.
 * - `ConditionNotMet`: nothing was done, because of `onlyIf`.
 * - `NoField`: there is no such field, or no hash.
 *
 * @since 0.1.0
 * @category models
 */
export type FieldExpireResult = "Set" | "Deleted" | "ConditionNotMet" | "NoField"

/**
 * What became of one field whose expiry was to be removed.
 *
 * - `Persisted`: it does not expire any more.
 * - `NoExpiry`: it did not before.
 * - `NoField`: there is no such field, or no hash.
 *
 * @since 0.1.0
 * @category models
 */
export type FieldPersistResult = "Persisted" | "NoExpiry" | "NoField"

/**
 * @since 0.1.0
 * @category options
 */
export interface FieldExpireOptions {
  readonly onlyIf?: ExpireCondition
}

const expireResults = Reply.array(
  Reply.make((raw): FieldExpireResult => {
    switch (raw) {
      case 1:
        return "Set"
      case 2:
        return "Deleted"
      case 0:
        return "ConditionNotMet"
      case -2:
        return "NoField"
    }
    return Reply.mismatch("the result of an expiry", raw)
  })
)

const persistResults = Reply.array(
  Reply.make((raw): FieldPersistResult => {
    switch (raw) {
      case 1:
        return "Persisted"
      case -1:
        return "NoExpiry"
      case -2:
        return "NoField"
    }
    return Reply.mismatch("the result of a removed expiry", raw)
  })
)

/**
 * Lets fields expire after a duration, in whole seconds once rounded up:
 * https://redis.io/docs/latest/commands/hexpire/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const results = Redis.hexpire("user:1", "1 hour", ["token", "code"]) // ReadonlyArray<FieldExpireResult>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hexpire = (
  key: Argument,
  expire: DurationInput,
  fields: OneOrMany<Argument>,
  options: FieldExpireOptions = {}
): Command<ReadonlyArray<FieldExpireResult>> =>
  HEXPIRE(
    [key, wholeSeconds(expire, "expire"), ...conditionWords(options.onlyIf), ...fieldWords(fields)],
    expireResults
  )

/**
 * Lets fields expire at a point in time, in whole seconds once rounded up:
 * https://redis.io/docs/latest/commands/hexpireat/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const results = Redis.hexpireat("user:1", new Date("2100-01-01"), "token") // ReadonlyArray<FieldExpireResult>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hexpireat = (
  key: Argument,
  expireAt: Instant,
  fields: OneOrMany<Argument>,
  options: FieldExpireOptions = {}
): Command<ReadonlyArray<FieldExpireResult>> =>
  HEXPIREAT(
    [key, epochSeconds(expireAt, "expireAt"), ...conditionWords(options.onlyIf), ...fieldWords(fields)],
    expireResults
  )

/**
 * Lets fields expire after a duration, in whole milliseconds once rounded up:
 * https://redis.io/docs/latest/commands/hpexpire/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * // ReadonlyArray<FieldExpireResult>
 * const results = Redis.hpexpire("user:1", "1 hour", "token", { onlyIf: "noExpiry" })
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hpexpire = (
  key: Argument,
  expire: DurationInput,
  fields: OneOrMany<Argument>,
  options: FieldExpireOptions = {}
): Command<ReadonlyArray<FieldExpireResult>> =>
  HPEXPIRE([key, millis(expire, "expire"), ...conditionWords(options.onlyIf), ...fieldWords(fields)], expireResults)

/**
 * Lets fields expire at a point in time, to the millisecond: https://redis.io/docs/latest/commands/hpexpireat/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const results = Redis.hpexpireat("user:1", new Date("2100-01-01"), "token") // ReadonlyArray<FieldExpireResult>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hpexpireat = (
  key: Argument,
  expireAt: Instant,
  fields: OneOrMany<Argument>,
  options: FieldExpireOptions = {}
): Command<ReadonlyArray<FieldExpireResult>> =>
  HPEXPIREAT(
    [key, epochMillis(expireAt, "expireAt"), ...conditionWords(options.onlyIf), ...fieldWords(fields)],
    expireResults
  )

/**
 * Removes the expiry of fields: https://redis.io/docs/latest/commands/hpersist/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const results = Redis.hpersist("user:1", ["token", "code"]) // ReadonlyArray<FieldPersistResult>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hpersist = (key: Argument, fields: OneOrMany<Argument>): Command<ReadonlyArray<FieldPersistResult>> =>
  HPERSIST([key, ...fieldWords(fields)], persistResults)

// -----------------------------------------------------------------------------
// reading the expiry
// -----------------------------------------------------------------------------

/**
 * Gives how long fields have to live, in whole seconds: https://redis.io/docs/latest/commands/httl/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const ttls = Redis.httl("user:1", ["token", "code"]) // ReadonlyArray<FieldTtl>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const httl = (key: Argument, fields: OneOrMany<Argument>): Command<ReadonlyArray<FieldTtl>> =>
  HTTL([key, ...fieldWords(fields)], ttlsSeconds)

/**
 * Gives how long fields have to live, to the millisecond: https://redis.io/docs/latest/commands/hpttl/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const ttls = Redis.hpttl("user:1", ["token", "code"]) // ReadonlyArray<FieldTtl>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hpttl = (key: Argument, fields: OneOrMany<Argument>): Command<ReadonlyArray<FieldTtl>> =>
  HPTTL([key, ...fieldWords(fields)], ttlsMillis)

/**
 * Gives when fields expire, in whole seconds: https://redis.io/docs/latest/commands/hexpiretime/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const times = Redis.hexpiretime("user:1", ["token", "code"]) // ReadonlyArray<FieldExpireTime>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hexpiretime = (key: Argument, fields: OneOrMany<Argument>): Command<ReadonlyArray<FieldExpireTime>> =>
  HEXPIRETIME([key, ...fieldWords(fields)], expireTimesSeconds)

/**
 * Gives when fields expire, to the millisecond: https://redis.io/docs/latest/commands/hpexpiretime/
 *
 * The results are in the order of the fields. Since Redis 7.4 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const times = Redis.hpexpiretime("user:1", ["token", "code"]) // ReadonlyArray<FieldExpireTime>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hpexpiretime = (key: Argument, fields: OneOrMany<Argument>): Command<ReadonlyArray<FieldExpireTime>> =>
  HPEXPIRETIME([key, ...fieldWords(fields)], expireTimesMillis)

// -----------------------------------------------------------------------------
// values and expiry at once
// -----------------------------------------------------------------------------

/**
 * Gives the values of fields, in the order asked, and removes them: https://redis.io/docs/latest/commands/hgetdel/
 *
 * Since Redis 8.0 and Valkey 9.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const values = Redis.hgetdel("user:1", ["token", "code"]) // ReadonlyArray<Option<string>>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hgetdel = (
  key: Argument,
  fields: OneOrMany<Argument>
): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>> =>
  HGETDEL([key, ...fieldWords(fields)], optionalTexts)

/**
 * Gives the values of fields, in the order asked, and changes their expiry:
 * https://redis.io/docs/latest/commands/hgetex/
 *
 * Without options the expiry stays as it is. Since Redis 8.0 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const values = Redis.hgetex("user:1", ["token", "code"], { expire: "1 hour" }) // ReadonlyArray<Option<string>>
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hgetex = (
  key: Argument,
  fields: OneOrMany<Argument>,
  options: ExpireOptions & { readonly persist?: boolean } = {}
): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>> =>
  HGETEX(
    [
      key,
      ...atMostOne(options, ["expire", "expireAt", "persist"]),
      ...expireWords(options),
      ...flag(options.persist, "PERSIST"),
      ...fieldWords(fields)
    ],
    optionalTexts
  )

/**
 * @since 0.1.0
 * @category options
 */
export interface HsetexOptions extends SetOptions {
  /** Only if none of the fields exists, or only if all of them do. */
  readonly onlyIf?: "absent" | "present"
  /** Only if there is no hash yet, or only if there is one. Since Valkey 9.1; Redis refuses it. */
  readonly onlyIfKey?: "absent" | "present"
}

/**
 * Sets fields of a hash with their expiry, and tells whether it did: https://redis.io/docs/latest/commands/hsetex/
 *
 * All of the fields are set, or none because of `onlyIf` or `onlyIfKey`. Without `expire`, `expireAt` and `keepTtl`
 * they do not expire. Since Redis 8.0 and Valkey 9.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.hsetex("user:1", { token: "x", code: 42 }, { expire: "1 hour" }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category hashes
 */
export const hsetex = (key: Argument, entries: Entries, options: HsetexOptions = {}): Command<boolean> => {
  const words = pairs(entries, "entries")
  return HSETEX(
    [
      key,
      ...option(options.onlyIfKey, (condition) => [choice(condition, presence, "onlyIfKey")]),
      ...option(options.onlyIf, (condition) => [choice(condition, { absent: "FNX", present: "FXX" }, "onlyIf")]),
      ...atMostOne(options, ["expire", "expireAt", "keepTtl"]),
      ...expireWords(options),
      ...flag(options.keepTtl, "KEEPTTL"),
      "FIELDS",
      Math.floor(words.length / 2),
      ...words
    ],
    Reply.boolean
  )
}
