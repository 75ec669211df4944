/**
 * Server commands: https://redis.io/docs/latest/commands/?group=server
 *
 * Of the same group: configuration, diagnostics, introspection, persistence and replication, in files of their own.
 *
 * @since 0.1.0
 */
import { type Argument, type Command, define, type IntegerCommand, noKeys, type TextCommand } from "../Command.js"
import { choice, many, type OneOrMany, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }

const ACL_WHOAMI = define("ACL WHOAMI", asking)
const DBSIZE = define("DBSIZE", { keys: noKeys, readOnly: true })
const FLUSHALL = define("FLUSHALL", { keys: noKeys })
const FLUSHDB = define("FLUSHDB", { keys: noKeys })
const INFO = define("INFO", asking)
const LOLWUT = define("LOLWUT", { keys: noKeys, readOnly: true })
const SWAPDB = define("SWAPDB", { keys: noKeys })
const TIME = define("TIME", asking)

/**
 * Gives the name of the user that the connection runs as: https://redis.io/docs/latest/commands/acl-whoami/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const user = Redis.aclWhoami // string
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const aclWhoami: TextCommand<string, Uint8Array> = ACL_WHOAMI([], Reply.text)

/**
 * Gives the number of keys in the database: https://redis.io/docs/latest/commands/dbsize/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const keys = Redis.dbsize // number
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const dbsize: IntegerCommand = DBSIZE([], Reply.integer)

/**
 * When memory is freed: before the reply, or afterwards in the background. Left out, the server's configuration
 * decides.
 *
 * @since 0.1.0
 * @category options
 */
export interface FlushOptions {
  readonly mode?: "async" | "sync"
}

const flushMode = ({ mode }: FlushOptions) =>
  option(mode, (mode) => [choice(mode, { async: "ASYNC", sync: "SYNC" }, "mode")])

/**
 * Deletes the keys of all databases: https://redis.io/docs/latest/commands/flushall/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const flushed = Redis.flushall({ mode: "async" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const flushall = (options: FlushOptions = {}): Command<"OK"> => FLUSHALL(flushMode(options), Reply.ok)

/**
 * Deletes the keys of the database: https://redis.io/docs/latest/commands/flushdb/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const flushed = Redis.flushdb({ mode: "async" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const flushdb = (options: FlushOptions = {}): Command<"OK"> => FLUSHDB(flushMode(options), Reply.ok)

/**
 * What the server tells about itself: fields by section, the section's name in lower case.
 *
 * The records have no prototype. Where a section has a field more than once, as `modules` has, its values come one a
 * line.
 *
 * @since 0.1.0
 * @category models
 */
export type Info = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Lines of `name:value` under lines of `# Section`. What is neither is skipped. */
const parseInfo = (text: string): Info => {
  const sections: Record<string, Record<string, string>> = Object.create(null)
  let name = ""
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) {
      name = line.slice(1).trim().toLowerCase()
      sections[name] ??= Object.create(null)
      continue
    }
    const at = line.indexOf(":")
    if (at < 1) continue
    const field = line.slice(0, at)
    const value = line.slice(at + 1)
    sections[name] ??= Object.create(null)
    const section = sections[name]!
    section[field] = section[field] === undefined ? value : `${section[field]}\n${value}`
  }
  return sections
}

const infoReply = Reply.map(Reply.text, parseInfo)

/**
 * @since 0.1.0
 * @category options
 */
export interface InfoOptions {
  /** Give the text as it came. */
  readonly raw?: boolean
}

/**
 * Tells how the server is doing: https://redis.io/docs/latest/commands/info/
 *
 * All of it or only some sections, such as `memory`; `everything` is more than what comes without a name. Many names at
 * once since Redis 7.0. With `raw` the result is the text as it came.
 *
 * @example
 * ```ts
 * import { Command, Redis } from "@effect-resp/core"
 *
 * const all = Redis.info() // Info
 * const memory = Redis.info("memory").pipe(Command.map((info) => info.memory?.used_memory))
 * const text = Redis.info(["server", "clients"], { raw: true }) // string
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const info: {
  (sections: OneOrMany<string>, options: InfoOptions & { readonly raw: true }): TextCommand<string, Uint8Array>
  (sections?: OneOrMany<string>, options?: InfoOptions & { readonly raw?: false }): Command<Info>
} = (sections: OneOrMany<string> = [], options: InfoOptions = {}): never =>
  INFO(
    Array.isArray(sections) ? sections : [sections as string],
    (options.raw === true ? Reply.text : infoReply) as Reply.Reply<unknown>
  ) as never

/**
 * @since 0.1.0
 * @category options
 */
export interface LolwutOptions {
  /** The version of the server whose art is wanted. */
  readonly version?: number
  /** What that art depends on, such as its size. */
  readonly parameters?: OneOrMany<number>
}

/**
 * Gives a piece of generative art and the server's version: https://redis.io/docs/latest/commands/lolwut/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const art = Redis.lolwut({ version: 5, parameters: [40, 8, 4] }) // string
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const lolwut = (options: LolwutOptions = {}): TextCommand<string, Uint8Array> =>
  LOLWUT(
    [
      ...option(options.version, (version) => ["VERSION", whole(version, "version")]),
      ...option<OneOrMany<Argument>>(options.parameters, (parameters) => many(parameters, "parameters"))
    ],
    Reply.text
  )

/**
 * Exchanges two databases, so that every client of the one sees the other:
 * https://redis.io/docs/latest/commands/swapdb/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const swapped = Redis.swapdb(0, 1) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const swapdb = (first: number, second: number): Command<"OK"> =>
  SWAPDB([whole(first, "first", 0), whole(second, "second", 0)], Reply.ok)

/**
 * The server's clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerTime {
  /** To the millisecond. */
  readonly date: Date
  /** Microseconds of the epoch, as exactly as the server tells. */
  readonly epochMicros: number
}

const timeReply = Reply.make((raw): ServerTime => {
  const [seconds, micros] = Reply.items(raw)
  const epochMicros = Reply.integer.decode(seconds ?? null) * 1_000_000 + Reply.integer.decode(micros ?? null)
  return { date: new Date(Math.floor(epochMicros / 1000)), epochMicros }
})

/**
 * Gives the server's time: https://redis.io/docs/latest/commands/time/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const now = Redis.time // ServerTime
 * ```
 *
 * @since 0.1.0
 * @category server
 */
export const time: Command<ServerTime> = TIME([], timeReply)
