/**
 * The server's configuration: https://redis.io/docs/latest/commands/config/
 *
 * @since 0.1.0
 */
import { type Argument, type Command, define, noKeys, type TextCommand } from "../Command.js"
import { type Entries, many, type OneOrMany, pairs } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const CONFIG_GET = define("CONFIG GET", { keys: noKeys, idempotent: true })
const CONFIG_RESETSTAT = define("CONFIG RESETSTAT", { keys: noKeys })
const CONFIG_REWRITE = define("CONFIG REWRITE", { keys: noKeys })
const CONFIG_SET = define("CONFIG SET", { keys: noKeys })

const textRecord = Reply.record(Reply.text)

/**
 * Gives parameters with their values: https://redis.io/docs/latest/commands/config-get/
 *
 * The names may be glob-style patterns; one that matches nothing is left out. Many at once since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const memory = Redis.configGet("maxmemory*") // Readonly<Record<string, string>>
 * ```
 *
 * @since 0.1.0
 * @category configuration
 */
export const configGet = (
  parameters: OneOrMany<Argument>
): TextCommand<Readonly<Record<string, string>>, ReadonlyArray<readonly [Uint8Array, Uint8Array]>> =>
  CONFIG_GET(many(parameters, "parameters"), textRecord)

/**
 * Sets the statistics that INFO tells back to zero: https://redis.io/docs/latest/commands/config-resetstat/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const reset = Redis.configResetstat // "OK"
 * ```
 *
 * @since 0.1.0
 * @category configuration
 */
export const configResetstat: Command<"OK"> = CONFIG_RESETSTAT([], Reply.ok)

/**
 * Writes the configuration in use to the file that the server was started with:
 * https://redis.io/docs/latest/commands/config-rewrite/
 *
 * Fails with a `ReplyError` when it was started without one.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const written = Redis.configRewrite // "OK"
 * ```
 *
 * @since 0.1.0
 * @category configuration
 */
export const configRewrite: Command<"OK"> = CONFIG_REWRITE([], Reply.ok)

/**
 * Sets parameters: https://redis.io/docs/latest/commands/config-set/
 *
 * All of them or, with a `ReplyError`, none. Many at once since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const set = Redis.configSet({ maxmemory: "100mb", "maxmemory-policy": "allkeys-lru" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category configuration
 */
export const configSet = (parameters: Entries): Command<"OK"> => CONFIG_SET(pairs(parameters, "parameters"), Reply.ok)
