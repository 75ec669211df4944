/**
 * The server's memory: https://redis.io/docs/latest/commands/memory/
 *
 * @since 0.1.0
 */
import type { Option } from "effect/Option"
import { type Argument, type Command, define, noKeys } from "../Command.js"
import { option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }

const MEMORY_DOCTOR = define("MEMORY DOCTOR", asking)
const MEMORY_MALLOC_STATS = define("MEMORY MALLOC-STATS", asking)
const MEMORY_PURGE = define("MEMORY PURGE", { keys: noKeys })
const MEMORY_STATS = define("MEMORY STATS", asking)
const MEMORY_USAGE = define("MEMORY USAGE", { readOnly: true })

/**
 * Gives a report on memory, for humans: https://redis.io/docs/latest/commands/memory-doctor/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const report = Redis.memoryDoctor // string
 * ```
 *
 * @since 0.1.0
 * @category memory
 */
export const memoryDoctor: Command<string> = MEMORY_DOCTOR([], Reply.text)

/**
 * Gives a report of the allocator, for humans: https://redis.io/docs/latest/commands/memory-malloc-stats/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const report = Redis.memoryMallocStats // string
 * ```
 *
 * @since 0.1.0
 * @category memory
 */
export const memoryMallocStats: Command<string> = MEMORY_MALLOC_STATS([], Reply.text)

/**
 * Asks the allocator to give unused memory back to the system: https://redis.io/docs/latest/commands/memory-purge/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const purged = Redis.memoryPurge // "OK"
 * ```
 *
 * @since 0.1.0
 * @category memory
 */
export const memoryPurge: Command<"OK"> = MEMORY_PURGE([], Reply.ok)

/**
 * What the server uses memory for, in bytes.
 *
 * Servers differ in what they tell: `fields` has every number by the server's own names, and `databases` what it tells
 * of each database that is in use, by its index.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryStats {
  readonly peakAllocated: number
  readonly totalAllocated: number
  readonly startupAllocated: number
  /** All that is not data. */
  readonly overhead: number
  readonly dataset: number
  readonly keys: number
  readonly fields: Readonly<Record<string, number>>
  readonly databases: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const numbers = Reply.record(Reply.double)

const statsReply = Reply.make((raw): MemoryStats => {
  const fields: Record<string, number> = Object.create(null)
  const databases: Record<string, Readonly<Record<string, number>>> = Object.create(null)
  for (const [name, value] of Reply.fields(raw)) {
    const database = /^db\.(\d+)$/.exec(name)?.[1]
    if (database !== undefined) databases[database] = numbers.decode(value)
    else if (/^[+-]?(\d|inf|nan)/.test(String(value))) fields[name] = Reply.double.decode(value)
  }
  return {
    peakAllocated: fields["peak.allocated"] ?? 0,
    totalAllocated: fields["total.allocated"] ?? 0,
    startupAllocated: fields["startup.allocated"] ?? 0,
    overhead: fields["overhead.total"] ?? 0,
    dataset: fields["dataset.bytes"] ?? 0,
    keys: fields["keys.count"] ?? 0,
    fields,
    databases
  }
})

/**
 * Tells what the server uses memory for: https://redis.io/docs/latest/commands/memory-stats/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stats = Redis.memoryStats // MemoryStats
 * ```
 *
 * @since 0.1.0
 * @category memory
 */
export const memoryStats: Command<MemoryStats> = MEMORY_STATS([], statsReply)

/**
 * @since 0.1.0
 * @category options
 */
export interface MemoryUsageOptions {
  /** How many elements of a collection to measure; 0 is all of them. Five when left out. */
  readonly samples?: number
}

const optionalInteger = Reply.option(Reply.integer)

/**
 * Gives the bytes that a key and its value take, with all overhead: https://redis.io/docs/latest/commands/memory-usage/
 *
 * `None` when the key is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const bytes = Redis.memoryUsage("cart:1", { samples: 0 }) // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category memory
 */
export const memoryUsage = (key: Argument, options: MemoryUsageOptions = {}): Command<Option<number>> =>
  MEMORY_USAGE(
    [key, ...option(options.samples, (samples) => ["SAMPLES", whole(samples, "samples", 0)])],
    optionalInteger
  )
