/**
 * Slow commands and latency: https://redis.io/docs/latest/commands/?group=server
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { type Argument, type Command, define, type IntegerCommand, noKeys, type TextCommand } from "../Command.js"
import { many, type OneOrMany, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }

const COMMANDLOG_GET = define("COMMANDLOG GET", asking)
const COMMANDLOG_LEN = define("COMMANDLOG LEN", asking)
const COMMANDLOG_RESET = define("COMMANDLOG RESET", { keys: noKeys })
const LATENCY_DOCTOR = define("LATENCY DOCTOR", asking)
const LATENCY_GRAPH = define("LATENCY GRAPH", asking)
const LATENCY_HISTOGRAM = define("LATENCY HISTOGRAM", asking)
const LATENCY_HISTORY = define("LATENCY HISTORY", asking)
const LATENCY_LATEST = define("LATENCY LATEST", asking)
const LATENCY_RESET = define("LATENCY RESET", { keys: noKeys })
const SLOWLOG_GET = define("SLOWLOG GET", asking)
const SLOWLOG_LEN = define("SLOWLOG LEN", asking)
const SLOWLOG_RESET = define("SLOWLOG RESET", { keys: noKeys })

const numberOf = (raw: Reply.Raw | undefined): number => Reply.integer.decode(raw ?? 0)
const dateOf = (raw: Reply.Raw | undefined): Date => new Date(numberOf(raw) * 1000)

// -----------------------------------------------------------------------------
// logs of commands
// -----------------------------------------------------------------------------

/**
 * A command that was logged; `A` is the type of its texts.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedCommand<out A = string> {
  /** Counts up and is never used again while the server runs. */
  readonly id: number
  readonly at: Date
  /** Its words; of a long command some are left out, and the last one says how many. */
  readonly command: ReadonlyArray<A>
  /** The address and the port of the client. */
  readonly clientAddress: A
  /** The client's name, empty without one. */
  readonly clientName: A
}

/**
 * A command that took long.
 *
 * @since 0.1.0
 * @category models
 */
export interface SlowCommand<out A = string> extends LoggedCommand<A> {
  /** How long it ran, without waiting and without sending the reply; to the microsecond. */
  readonly duration: Duration.Duration
}

/**
 * A command with a big request or a big reply.
 *
 * @since 0.1.0
 * @category models
 */
export interface LargeCommand<out A = string> extends LoggedCommand<A> {
  /** Of the request or the reply, in bytes. */
  readonly size: number
}

const logged = <A, B>(text: Reply.Reply<A>, measured: (value: number) => B) =>
  Reply.make((raw): LoggedCommand<A> & B => {
    const [id, at, value, command, address, name] = Reply.items(raw)
    return {
      id: numberOf(id),
      at: dateOf(at),
      ...measured(numberOf(value)),
      command: Reply.items(command ?? []).map(text.decode),
      clientAddress: text.decode(address ?? ""),
      clientName: text.decode(name ?? "")
    }
  })

const logs = <B>(measured: (value: number) => B) =>
  Reply.makeText(
    Reply.array(logged(Reply.text, measured)).decode,
    Reply.array(logged(Reply.text.asBytes, measured)).decode
  )

const slowCommands = logs((micros) => ({ duration: Duration.micros(BigInt(micros)) }))
const largeCommands = logs((size) => ({ size }))

/**
 * Gives the latest commands that took long, the latest first: https://redis.io/docs/latest/commands/slowlog-get/
 *
 * Ten of them without `count`; -1 is all. What counts as long is configured: `slowlog-log-slower-than`.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const slow = Redis.slowlogGet(100) // ReadonlyArray<SlowCommand>
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const slowlogGet = (
  count?: number
): TextCommand<ReadonlyArray<SlowCommand>, ReadonlyArray<SlowCommand<Uint8Array>>> =>
  SLOWLOG_GET(
    option(count, (count) => [whole(count, "count", -1)]),
    slowCommands
  )

/**
 * Gives the number of commands in the log of those that took long:
 * https://redis.io/docs/latest/commands/slowlog-len/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const count = Redis.slowlogLen // number
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const slowlogLen: IntegerCommand = SLOWLOG_LEN([], Reply.integer)

/**
 * Empties the log of the commands that took long: https://redis.io/docs/latest/commands/slowlog-reset/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const emptied = Redis.slowlogReset // "OK"
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const slowlogReset: Command<"OK"> = SLOWLOG_RESET([], Reply.ok)

/**
 * A log of commands: those that took long, or those with a big request or a big reply.
 *
 * @since 0.1.0
 * @category options
 */
export type CommandLog = "slow" | "large-request" | "large-reply"

/**
 * Gives up to so many of the latest commands in a log, the latest first; -1 is all:
 * https://valkey.io/commands/commandlog-get/
 *
 * Valkey only, since 8.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const slow = Redis.commandlogGet(10, "slow") // ReadonlyArray<SlowCommand>
 * const large = Redis.commandlogGet(-1, "large-reply") // ReadonlyArray<LargeCommand>
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const commandlogGet: {
  (count: number, log: "slow"): TextCommand<ReadonlyArray<SlowCommand>, ReadonlyArray<SlowCommand<Uint8Array>>>
  (
    count: number,
    log: "large-request" | "large-reply"
  ): TextCommand<ReadonlyArray<LargeCommand>, ReadonlyArray<LargeCommand<Uint8Array>>>
} = (count: number, log: CommandLog): never =>
  COMMANDLOG_GET(
    [whole(count, "count", -1), log.toUpperCase()],
    (log === "slow" ? slowCommands : largeCommands) as Reply.Reply<unknown>
  ) as never

/**
 * Gives the number of commands in a log: https://valkey.io/commands/commandlog-len/
 *
 * Valkey only, since 8.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const count = Redis.commandlogLen("large-reply") // number
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const commandlogLen = (log: CommandLog): IntegerCommand => COMMANDLOG_LEN([log.toUpperCase()], Reply.integer)

/**
 * Empties a log of commands: https://valkey.io/commands/commandlog-reset/
 *
 * Valkey only, since 8.1.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const emptied = Redis.commandlogReset("slow") // "OK"
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const commandlogReset = (log: CommandLog): Command<"OK"> => COMMANDLOG_RESET([log.toUpperCase()], Reply.ok)

// -----------------------------------------------------------------------------
// latency
// -----------------------------------------------------------------------------

/**
 * Gives a report on latency, for humans: https://redis.io/docs/latest/commands/latency-doctor/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const report = Redis.latencyDoctor // string
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const latencyDoctor: Command<string> = LATENCY_DOCTOR([], Reply.text)

/**
 * Draws an event's latency with letters: https://redis.io/docs/latest/commands/latency-graph/
 *
 * Fails with a `ReplyError` when nothing is known of the event.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const graph = Redis.latencyGraph("command") // string
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const latencyGraph = (event: string): Command<string> => LATENCY_GRAPH([event], Reply.text)

/**
 * How long a command took, as often as it ran.
 *
 * @since 0.1.0
 * @category models
 */
export interface LatencyHistogram {
  readonly calls: number
  /** How many calls took up to so many microseconds, ascending; each includes the ones before it. */
  readonly micros: ReadonlyArray<readonly [upTo: number, calls: number]>
}

const integerPairs = (raw: Reply.Raw): ReadonlyArray<readonly [number, number]> => {
  const flat = Reply.entries(raw)
  const out: Array<readonly [number, number]> = []
  for (let i = 0; i < flat.length; i += 2) out.push([numberOf(flat[i]), numberOf(flat[i + 1])])
  return out
}

const histograms = Reply.record(
  Reply.make((raw): LatencyHistogram => {
    const fields = Reply.fields(raw)
    return { calls: numberOf(fields.get("calls")), micros: integerPairs(fields.get("histogram_usec") ?? []) }
  })
)

/**
 * Tells how long commands took, by their names in lower case, a subcommand after a bar (`config|get`):
 * https://redis.io/docs/latest/commands/latency-histogram/
 *
 * Without names all commands; one that never ran is left out. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const histograms = Redis.latencyHistogram(["get", "set"]) // Readonly<Record<string, LatencyHistogram>>
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const latencyHistogram = (commands?: OneOrMany<string>): Command<Readonly<Record<string, LatencyHistogram>>> =>
  LATENCY_HISTOGRAM(
    option(commands, (commands) => many(commands, "commands")),
    histograms
  )

/**
 * A time when an event took long, in a second the longest.
 *
 * @since 0.1.0
 * @category models
 */
export interface LatencySpike {
  readonly at: Date
  readonly latency: Duration.Duration
}

const spikes = Reply.array(
  Reply.make((raw): LatencySpike => {
    const [at, latency] = Reply.items(raw)
    return { at: dateOf(at), latency: Duration.millis(numberOf(latency)) }
  })
)

/**
 * Gives the last times that an event took long, up to 160: https://redis.io/docs/latest/commands/latency-history/
 *
 * What counts as long is configured: `latency-monitor-threshold`, by default nothing.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const spikes = Redis.latencyHistory("command") // ReadonlyArray<LatencySpike>
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const latencyHistory = (event: string): Command<ReadonlyArray<LatencySpike>> => LATENCY_HISTORY([event], spikes)

/**
 * An event that took long at times.
 *
 * @since 0.1.0
 * @category models
 */
export interface LatencyEvent {
  readonly event: string
  /** The last time. */
  readonly at: Date
  /** The last latency. */
  readonly latency: Duration.Duration
  /** The longest latency since the start or a reset. */
  readonly longest: Duration.Duration
  /** The sum of the latencies that are in the event's history. Since Valkey 8.1. */
  readonly sum: Option.Option<Duration.Duration>
  /** The number of the latencies that are in the event's history. Since Valkey 8.1. */
  readonly count: Option.Option<number>
}

const events = Reply.array(
  Reply.make((raw): LatencyEvent => {
    const [event, at, latency, longest, sum, count] = Reply.items(raw)
    return {
      event: Reply.text.decode(event ?? null),
      at: dateOf(at),
      latency: Duration.millis(numberOf(latency)),
      longest: Duration.millis(numberOf(longest)),
      sum: sum === undefined ? Option.none() : Option.some(Duration.millis(numberOf(sum))),
      count: count === undefined ? Option.none() : Option.some(numberOf(count))
    }
  })
)

/**
 * Gives the events that took long: https://redis.io/docs/latest/commands/latency-latest/
 *
 * What counts as long is configured: `latency-monitor-threshold`, by default nothing.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const events = Redis.latencyLatest // ReadonlyArray<LatencyEvent>
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const latencyLatest: Command<ReadonlyArray<LatencyEvent>> = LATENCY_LATEST([], events)

/**
 * Forgets the latency of events, of all without names, and gives of how many:
 * https://redis.io/docs/latest/commands/latency-reset/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const forgotten = Redis.latencyReset(["command", "fork"]) // number
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const latencyReset = (events?: OneOrMany<Argument>): IntegerCommand =>
  LATENCY_RESET(
    option(events, (events) => many(events, "events")),
    Reply.integer
  )
