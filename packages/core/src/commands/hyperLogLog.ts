/**
 * HyperLogLog commands: https://redis.io/docs/latest/commands/?group=hyperloglog
 *
 * @since 0.1.0
 */
import { type Argument, type Command, define, type IntegerCommand, keyRange } from "../Command.js"
import { many, type OneOrMany, option } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const PFADD = define("PFADD")
const PFCOUNT = define("PFCOUNT", { readOnly: true, keys: keyRange(1, -1) })
const PFMERGE = define("PFMERGE", { keys: keyRange(1, -1) })

/**
 * Counts elements in at a key, and tells whether its estimate may have changed:
 * https://redis.io/docs/latest/commands/pfadd/
 *
 * Without elements it makes an empty HyperLogLog where the key is absent. Fails with a `ReplyError` (WRONGTYPE) when the
 * key holds anything else.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const changed = Redis.pfadd("visitors", ["ann", "bob"]) // boolean
 * ```
 *
 * @since 0.1.0
 * @category hyperLogLog
 */
export const pfadd = (key: Argument, elements?: OneOrMany<Argument>): Command<boolean> =>
  PFADD([key, ...option(elements, (elements) => many(elements, "elements"))], Reply.boolean)

/**
 * Estimates how many different elements were counted in at the keys together:
 * https://redis.io/docs/latest/commands/pfcount/
 *
 * The standard error is 0.81 %. Absent keys count as empty. Many keys take much longer than one.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const estimate = Redis.pfcount(["visitors:mon", "visitors:tue"]) // number
 * ```
 *
 * @since 0.1.0
 * @category hyperLogLog
 */
export const pfcount = (keys: OneOrMany<Argument>): IntegerCommand => PFCOUNT(many(keys, "keys"), Reply.integer)

/**
 * Adds what was counted in at the sources to the destination: https://redis.io/docs/latest/commands/pfmerge/
 *
 * What the destination had counted stays.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const merged = Redis.pfmerge("visitors", ["visitors:mon", "visitors:tue"]) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category hyperLogLog
 */
export const pfmerge = (destination: Argument, sources: OneOrMany<Argument>): Command<"OK"> =>
  PFMERGE([destination, ...many(sources, "sources")], Reply.ok)
