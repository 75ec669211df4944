/**
 * Everything that SCAN, HSCAN, SSCAN and ZSCAN find, as Streams: page by page, each asked for when it is needed.
 *
 * What is there from the beginning to the end of a scan comes at least once; it may come more than once, and what is
 * added or removed meanwhile may come or not. That holds while one server answers: to another one, after a restart or a
 * failover between two pages, the cursor means nothing, and some of it may be missed without an error.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Argument, Command } from "./Command.js"
import { type HscanOptions, hscan } from "./commands/hashes.js"
import { type ScanOptions, scan } from "./commands/keys.js"
import { type SscanOptions, sscan } from "./commands/sets.js"
import { type ZscanOptions, zscan } from "./commands/sortedSets.js"
import { scanPages } from "./internal/scanPages.js"
import type { RedisError } from "./RedisError.js"
import { Redis } from "./RedisService.js"
import type { Page } from "./Reply.js"

/**
 * Follows the cursor of any command that gives pages: bytes for instance, or a command of a module.
 *
 * @example
 * ```ts
 * import { Command, Redis, Scan } from "@effect-resp/core"
 *
 * // Stream<Uint8Array, RedisError, Redis>
 * const members = Scan.pages((cursor) => Redis.sscan("photos", cursor).pipe(Command.bytes))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const pages = <A>(
  page: (cursor: string) => Command<Page<ReadonlyArray<A>>>
): Stream.Stream<A, RedisError, Redis> => scanPages(page)

/**
 * The keys of the database, on a cluster of all its nodes: https://redis.io/docs/latest/commands/scan/
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Redis, Scan } from "@effect-resp/core"
 *
 * const cleanUp = Scan.keys({ match: "temporary:*", count: 1000 }).pipe(
 *   Stream.grouped(100),
 *   Stream.runForEach((keys) => Redis.unlink([...keys]))
 * )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const keys = (options: ScanOptions = {}): Stream.Stream<string, RedisError, Redis> =>
  Stream.unwrap(Effect.map(Redis, (redis) => redis.scan((cursor) => scan(cursor, options))))

/**
 * The fields of a hash, with their values unless `noValues` is given: https://redis.io/docs/latest/commands/hscan/
 *
 * @example
 * ```ts
 * import { Scan } from "@effect-resp/core"
 *
 * const settings = Scan.hash("settings", { match: "mail:*" }) // Stream of [field, value]
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const hash: {
  (key: Argument, options: HscanOptions & { readonly noValues: true }): Stream.Stream<string, RedisError, Redis>
  (key: Argument, options?: HscanOptions): Stream.Stream<readonly [field: string, value: string], RedisError, Redis>
} = (key: Argument, options: HscanOptions = {}): never => pages((cursor) => hscan(key, cursor, options)) as never

/**
 * The members of a set: https://redis.io/docs/latest/commands/sscan/
 *
 * @example
 * ```ts
 * import { Scan } from "@effect-resp/core"
 *
 * const tags = Scan.set("tags") // Stream of string
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const set = (key: Argument, options: SscanOptions = {}): Stream.Stream<string, RedisError, Redis> =>
  pages((cursor) => sscan(key, cursor, options))

/**
 * The members of a sorted set, with their scores unless `noScores` is given:
 * https://redis.io/docs/latest/commands/zscan/
 *
 * @example
 * ```ts
 * import { Scan } from "@effect-resp/core"
 *
 * const ranking = Scan.sortedSet("ranking") // Stream of [member, score]
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const sortedSet: {
  (key: Argument, options: ZscanOptions & { readonly noScores: true }): Stream.Stream<string, RedisError, Redis>
  (key: Argument, options?: ZscanOptions): Stream.Stream<readonly [member: string, score: number], RedisError, Redis>
} = (key: Argument, options: ZscanOptions = {}): never => pages((cursor) => zscan(key, cursor, options)) as never
