/**
 * Connection commands: https://redis.io/docs/latest/commands/?group=connection
 *
 * The commands of a client share a connection, so what asks about "this connection" answers for one that others use
 * too, and what would change it runs only on a reserved one: see `Redis.withReserved`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import {
  type Argument,
  type Command,
  define,
  type IntegerCommand,
  InvalidArgument,
  noKeys,
  type TextCommand,
  type Word
} from "../Command.js"
import { many, millis, type OneOrMany, option, whole, wholeSeconds } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }

const CLIENT_GETNAME = define("CLIENT GETNAME", asking)
const CLIENT_GETREDIR = define("CLIENT GETREDIR", asking)
const CLIENT_ID = define("CLIENT ID", asking)
const CLIENT_INFO = define("CLIENT INFO", asking)
const CLIENT_KILL = define("CLIENT KILL", { keys: noKeys })
const CLIENT_LIST = define("CLIENT LIST", asking)
const CLIENT_NO_EVICT = define("CLIENT NO-EVICT", { keys: noKeys })
const CLIENT_NO_TOUCH = define("CLIENT NO-TOUCH", { keys: noKeys })
const CLIENT_PAUSE = define("CLIENT PAUSE", { keys: noKeys })
const CLIENT_SETINFO = define("CLIENT SETINFO", { keys: noKeys })
const CLIENT_SETNAME = define("CLIENT SETNAME", { keys: noKeys })
const CLIENT_TRACKINGINFO = define("CLIENT TRACKINGINFO", asking)
const CLIENT_UNBLOCK = define("CLIENT UNBLOCK", { keys: noKeys })
const CLIENT_UNPAUSE = define("CLIENT UNPAUSE", { keys: noKeys })
const ECHO = define("ECHO", asking)
const PING = define("PING", asking)

// -----------------------------------------------------------------------------
// asking
// -----------------------------------------------------------------------------

/**
 * Gives a message back: https://redis.io/docs/latest/commands/echo/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const message = Redis.echo("hello") // string
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const echo = (message: Argument): TextCommand<string, Uint8Array> => ECHO([message], Reply.text)

const pong = Reply.make((raw) => (raw === "PONG" ? raw : Reply.mismatch("PONG", raw)))

/**
 * Asks for a sign of life, `"PONG"` or the message that is given: https://redis.io/docs/latest/commands/ping/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const pong = Redis.ping() // "PONG"
 * const echoed = Redis.ping("hello") // string
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const ping: {
  (message: Argument): TextCommand<string, Uint8Array>
  (): Command<"PONG">
} = (message?: Argument): never => (message === undefined ? PING([], pong) : PING([message], Reply.text)) as never

const optionalText = Reply.option(Reply.text)

/**
 * Gives the connection's name, `None` without one: https://redis.io/docs/latest/commands/client-getname/
 *
 * The name is part of the layer's options.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const name = Redis.clientGetname // Option<string>
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientGetname: Command<Option.Option<string>> = CLIENT_GETNAME([], optionalText)

/**
 * Gives the connection's number, which the server gives to no other one:
 * https://redis.io/docs/latest/commands/client-id/
 *
 * Another command may go over another connection: run both on a reserved one where that matters.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const id = Redis.clientId // number
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientId: IntegerCommand = CLIENT_ID([], Reply.integer)

// -----------------------------------------------------------------------------
// clients
// -----------------------------------------------------------------------------

/**
 * A connection, as the server sees it.
 *
 * Servers differ in what they tell: what an older one leaves out is `None`, 0 or empty, and `fields` has everything
 * that came, by the server's own names.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientInfo {
  readonly id: number
  /** Where it comes from: an address and a port, or a Unix socket's path. */
  readonly address: string
  /** Where it went to. */
  readonly localAddress: Option.Option<string>
  readonly name: Option.Option<string>
  readonly user: Option.Option<string>
  readonly libraryName: Option.Option<string>
  readonly libraryVersion: Option.Option<string>
  /** How long it has been connected. */
  readonly age: Duration.Duration
  /** How long ago it last sent a command. */
  readonly idle: Duration.Duration
  /** One letter each, such as `b` for blocked and `P` for subscribed; the command's page has them all. */
  readonly flags: ReadonlySet<string>
  readonly database: number
  /** How many channels it subscribes to. */
  readonly channels: number
  readonly patterns: number
  readonly shardChannels: number
  /** How many commands are queued since MULTI; `None` outside a transaction. */
  readonly queued: Option.Option<number>
  /** The last command, a subcommand after a bar: `client|list`. */
  readonly command: Option.Option<string>
  /** The version of RESP that it speaks. */
  readonly protocol: Option.Option<number>
  /** The memory it takes, in bytes. */
  readonly memory: Option.Option<number>
  readonly fields: Readonly<Record<string, string>>
}

const present = (text: string | undefined): Option.Option<string> =>
  text === undefined || text === "" || text === "NULL" ? Option.none() : Option.some(text)

const count = (text: string | undefined): number => Number(text ?? 0)

const optionalCount = (text: string | undefined): Option.Option<number> => {
  const value = Number(text)
  return text === undefined || text === "" || Number.isNaN(value) || value < 0 ? Option.none() : Option.some(value)
}

/** A line of `name=value` pairs. A value may have spaces, as a path has, and a name that nobody knows yet is kept. */
const parseClient = (line: string): ClientInfo => {
  const fields: Record<string, string> = Object.create(null)
  for (const pair of line.trim().split(/ (?=[A-Za-z_][\w-]*=)/)) {
    const at = pair.indexOf("=")
    if (at > 0) fields[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return {
    id: count(fields.id),
    address: fields.addr ?? "",
    localAddress: present(fields.laddr),
    name: present(fields.name),
    user: present(fields.user),
    libraryName: present(fields["lib-name"]),
    libraryVersion: present(fields["lib-ver"]),
    age: Duration.seconds(count(fields.age)),
    idle: Duration.seconds(count(fields.idle)),
    flags: new Set(fields.flags === "N" ? "" : (fields.flags ?? "")),
    database: count(fields.db),
    channels: count(fields.sub),
    patterns: count(fields.psub),
    shardChannels: count(fields.ssub),
    queued: optionalCount(fields.multi),
    command: present(fields.cmd),
    protocol: optionalCount(fields.resp),
    memory: optionalCount(fields["tot-mem"]),
    fields
  }
}

const infoReply = Reply.map(Reply.text, parseClient)

const listReply = Reply.map(Reply.text, (text) =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(parseClient)
)

/**
 * Tells about the connection itself: https://redis.io/docs/latest/commands/client-info/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const info = Redis.clientInfo // ClientInfo
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientInfo: Command<ClientInfo> = CLIENT_INFO([], infoReply)

/**
 * What a connection is used for.
 *
 * @since 0.1.0
 * @category options
 */
export type ClientType = "normal" | "primary" | "replica" | "pubsub"

/**
 * What connections have in common.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClientProperties {
  readonly id?: OneOrMany<number>
  readonly type?: ClientType
  readonly user?: string
  /** The address and the port that it comes from: `127.0.0.1:50123`. */
  readonly address?: string
  /** The address and the port that it went to. */
  readonly localAddress?: string
  /** Since Valkey 9.0. */
  readonly name?: string
  /** All of these letters. Since Valkey 9.0. */
  readonly flags?: string
  /** Since Valkey 9.0. */
  readonly libraryName?: string
  /** Since Valkey 9.0. */
  readonly libraryVersion?: string
  /** Since Valkey 9.0. */
  readonly database?: number
  /** All of these letters. Since Valkey 9.0. */
  readonly capabilities?: string
  /** The address that it comes from, whatever the port. Since Valkey 9.0. */
  readonly ip?: string
}

/**
 * Which connections are meant: those that all of the given filters let through.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClientFilters extends ClientProperties {
  /** Connected for at least so long, in whole seconds once rounded up. Since Redis 7.4 and Valkey 8.0. */
  readonly maxAge?: Duration.DurationInput
  /** Without a command for at least so long, in whole seconds once rounded up. Since Valkey 9.0. */
  readonly idle?: Duration.DurationInput
  /** Leave out the connection that runs the command. */
  readonly skipMe?: boolean
  /** Leave out connections that have one of these properties. Since Valkey 9.0. */
  readonly not?: ClientProperties
}

// The old word for a primary is the one that all servers know.
const typeWords: Record<ClientType, Word> = {
  normal: "NORMAL",
  primary: "MASTER",
  replica: "REPLICA",
  pubsub: "PUBSUB"
}

const propertyWords = (properties: ClientProperties, not = ""): ReadonlyArray<Word> => [
  ...option(properties.id, (id) => [`${not}ID`, ...many(id, "id")]),
  ...option(properties.type, (type) => [`${not}TYPE`, typeWords[type]]),
  ...option(properties.user, (user) => [`${not}USER`, user]),
  ...option(properties.address, (address) => [`${not}ADDR`, address]),
  ...option(properties.localAddress, (address) => [`${not}LADDR`, address]),
  ...option(properties.name, (name) => [`${not}NAME`, name]),
  ...option(properties.flags, (flags) => [`${not}FLAGS`, flags]),
  ...option(properties.libraryName, (name) => [`${not}LIB-NAME`, name]),
  ...option(properties.libraryVersion, (version) => [`${not}LIB-VER`, version]),
  ...option(properties.database, (database) => [`${not}DB`, whole(database, "database", 0)]),
  ...option(properties.capabilities, (capabilities) => [`${not}CAPA`, capabilities]),
  ...option(properties.ip, (ip) => [`${not}IP`, ip])
]

const filterWords = (filters: ClientFilters): ReadonlyArray<Word> => [
  ...propertyWords(filters),
  ...option(filters.maxAge, (age) => ["MAXAGE", wholeSeconds(age, "maxAge")]),
  ...option(filters.idle, (idle) => ["IDLE", wholeSeconds(idle, "idle")]),
  ...option(filters.not, (not) => propertyWords(not, "NOT-")),
  ...option(filters.skipMe, (skipMe) => ["SKIPME", skipMe ? "YES" : "NO"])
]

/**
 * Closes connections, and gives how many: https://redis.io/docs/latest/commands/client-kill/
 *
 * At least one filter must be given. The connection that runs the command is left out unless `skipMe` is false. Many
 * `id`s since Valkey 8.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const byId = Redis.clientKill({ id: 42 }) // number
 * const ofUser = Redis.clientKill({ user: "guest", maxAge: "1 hour" })
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientKill = (filters: ClientFilters): IntegerCommand => {
  const words = filterWords(filters)
  return CLIENT_KILL(words.length === 0 ? [new InvalidArgument("filters must not be empty")] : words, Reply.integer)
}

/**
 * Gives the connections of the server: https://redis.io/docs/latest/commands/client-list/
 *
 * Redis filters by `type` and `id` alone; Valkey has the other filters since 8.1, or as said with each.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const all = Redis.clientList() // ReadonlyArray<ClientInfo>
 * const subscribers = Redis.clientList({ type: "pubsub" })
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientList = (filters: ClientFilters = {}): Command<ReadonlyArray<ClientInfo>> =>
  CLIENT_LIST(filterWords(filters), listReply)

/**
 * @since 0.1.0
 * @category options
 */
export interface ClientPauseOptions {
  /** Hold up all commands, or only those that write. `all` when left out. */
  readonly mode?: "all" | "write"
}

/**
 * Makes the server hold up the commands of all clients for a while: https://redis.io/docs/latest/commands/client-pause/
 *
 * This client's own commands wait too, and fail with a `TimeoutError` when the pause is longer than its deadline.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const paused = Redis.clientPause("2 seconds", { mode: "write" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientPause = (timeout: Duration.DurationInput, options: ClientPauseOptions = {}): Command<"OK"> =>
  CLIENT_PAUSE([millis(timeout, "timeout"), ...option(options.mode, (mode) => [mode.toUpperCase()])], Reply.ok)

/**
 * Ends a pause before its time: https://redis.io/docs/latest/commands/client-unpause/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const resumed = Redis.clientUnpause // "OK"
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientUnpause: Command<"OK"> = CLIENT_UNPAUSE([], Reply.ok)

/**
 * @since 0.1.0
 * @category options
 */
export interface ClientUnblockOptions {
  /** Its command ends as if its time were over, or with an error (UNBLOCKED). `timeout` when left out. */
  readonly as?: "timeout" | "error"
}

/**
 * Ends a blocking command of another connection, and tells whether there was one:
 * https://redis.io/docs/latest/commands/client-unblock/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const unblocked = Redis.clientUnblock(42, { as: "error" }) // boolean
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientUnblock = (id: number, options: ClientUnblockOptions = {}): Command<boolean> =>
  CLIENT_UNBLOCK([whole(id, "id"), ...option(options.as, (as) => [as.toUpperCase()])], Reply.boolean)

// -----------------------------------------------------------------------------
// tracking
// -----------------------------------------------------------------------------

/**
 * Where invalidation messages go.
 *
 * - `NotTracking`: the connection tracks no keys.
 * - `NotRedirected`: to the connection itself.
 * - `RedirectedTo`: to the connection with this number.
 *
 * @since 0.1.0
 * @category models
 */
export type ClientRedirection =
  | { readonly _tag: "NotTracking" }
  | { readonly _tag: "NotRedirected" }
  | { readonly _tag: "RedirectedTo"; readonly id: number }

const redirection = Reply.map(
  Reply.integer,
  (id): ClientRedirection =>
    id === -1 ? { _tag: "NotTracking" } : id === 0 ? { _tag: "NotRedirected" } : { _tag: "RedirectedTo", id }
)

/**
 * Tells where the connection's invalidation messages go: https://redis.io/docs/latest/commands/client-getredir/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const redirection = Redis.clientGetredir // ClientRedirection
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientGetredir: Command<ClientRedirection> = CLIENT_GETREDIR([], redirection)

/**
 * How a connection tracks the keys that it reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientTrackingInfo {
  /** `off`, or `on` with what more was asked for: `bcast`, `optin`, `optout`, `noloop`… */
  readonly flags: ReadonlySet<string>
  readonly redirection: ClientRedirection
  readonly prefixes: ReadonlyArray<string>
}

const prefixes = Reply.array(Reply.text)

const trackingInfo = Reply.make((raw): ClientTrackingInfo => {
  const fields = Reply.fields(raw)
  return {
    flags: Reply.members.decode(fields.get("flags") ?? []),
    redirection: redirection.decode(fields.get("redirect") ?? -1),
    prefixes: prefixes.decode(fields.get("prefixes") ?? null)
  }
})

/**
 * Tells how the connection tracks keys: https://redis.io/docs/latest/commands/client-trackinginfo/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const tracking = Redis.clientTrackinginfo // ClientTrackingInfo
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientTrackinginfo: Command<ClientTrackingInfo> = CLIENT_TRACKINGINFO([], trackingInfo)

// -----------------------------------------------------------------------------
// of a reserved connection
// -----------------------------------------------------------------------------

const onOrOff = (enabled: boolean): Word => (enabled ? "ON" : "OFF")

/**
 * Spares the connection when the server closes connections to get memory, or does not:
 * https://redis.io/docs/latest/commands/client-no-evict/
 *
 * Only on a reserved connection. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const count = Redis.clientNoEvict(true).pipe(Effect.zipRight(Redis.dbsize), Redis.withReserved())
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientNoEvict = (enabled: boolean): Command<"OK"> => CLIENT_NO_EVICT([onOrOff(enabled)], Reply.ok)

/**
 * Makes the connection's reads leave the keys' LRU and LFU as they are, or does not:
 * https://redis.io/docs/latest/commands/client-no-touch/
 *
 * Only on a reserved connection. Since Redis 7.2.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const value = Redis.clientNoTouch(true).pipe(Effect.zipRight(Redis.get("a")), Redis.withReserved())
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientNoTouch = (enabled: boolean): Command<"OK"> => CLIENT_NO_TOUCH([onOrOff(enabled)], Reply.ok)

/**
 * Names the library, or its version, that the connection is of: https://redis.io/docs/latest/commands/client-setinfo/
 *
 * Only on a reserved connection; every connection of a client begins with the client's own. Since Redis 7.2.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const info = Redis.clientSetinfo("lib-name", "importer").pipe(
 *   Effect.zipRight(Redis.clientInfo),
 *   Redis.withReserved()
 * )
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientSetinfo = (attribute: "lib-name" | "lib-ver", value: string): Command<"OK"> =>
  CLIENT_SETINFO([attribute.toUpperCase(), value], Reply.ok)

/**
 * Names the connection, or takes its name with `""`: https://redis.io/docs/latest/commands/client-setname/
 *
 * Only on a reserved connection; the name of all connections of a client is part of the layer's options.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const name = Redis.clientSetname("importer").pipe(Effect.zipRight(Redis.clientGetname), Redis.withReserved())
 * ```
 *
 * @since 0.1.0
 * @category connection
 */
export const clientSetname = (name: Argument): Command<"OK"> => CLIENT_SETNAME([name], Reply.ok)
