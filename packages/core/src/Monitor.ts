/**
 * Every command that the server processes, as it processes them: https://redis.io/docs/latest/commands/monitor/
 *
 * For looking at a server, not for production: it costs the server about half of its throughput. The values of commands
 * are shown as they are; only credentials are redacted, by the server.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { parseMonitorLine } from "./internal/monitorLine.js"
import { DecodeError, type RedisError } from "./RedisError.js"
import { Redis } from "./RedisService.js"

/**
 * A command that the server has processed.
 *
 * @since 0.1.0
 * @category models
 */
export interface MonitorEntry {
  /** When, by the server's clock: seconds since 1970, to the microsecond. */
  readonly time: number
  readonly database: number
  /** Who sent it: `127.0.0.1:50000`, `[::1]:50000`, `unix:/path`, or `lua` for a script. */
  readonly client: string
  readonly source: "tcp" | "unix" | "lua"
  /** The command's name and arguments, as exact bytes. */
  readonly args: ReadonlyArray<Uint8Array>
  /** The same as text; what is no UTF-8 becomes U+FFFD. */
  readonly command: ReadonlyArray<string>
}

const malformed = (reason: string) => new DecodeError({ command: "MONITOR", reason, outcome: "Failed" })

/** Lines are read in pieces, so that most entries are garbage before the next are made: 2.3 us of CPU a line, not 2.9. */
const piece = 128

/** The entries of the lines that begin with `begun`, past its OK; those before a line that is none still come. */
const entriesOf = (
  begun: ReadonlyArray<string>,
  pull: Effect.Effect<Chunk.Chunk<string>, Option.Option<RedisError>>
): Stream.Stream<MonitorEntry, RedisError> => {
  let lines = begun
  let at = 1
  const read = (): Effect.Effect<Chunk.Chunk<MonitorEntry>, Option.Option<DecodeError>> => {
    const entries: Array<MonitorEntry> = []
    const end = Math.min(at + piece, lines.length)
    for (; at < end; at++) {
      const entry = parseMonitorLine(lines[at]!)
      if (entry !== undefined) entries.push(entry)
      else if (entries.length > 0) break
      else return Effect.fail(Option.some(malformed("not a line of MONITOR")))
    }
    return Effect.succeed(Chunk.unsafeFromArray(entries))
  }
  const readNext = Effect.flatMap(pull, (next) => {
    lines = Chunk.toReadonlyArray(next)
    at = 0
    return read()
  })
  return Stream.repeatEffectChunkOption(Effect.suspend(() => (at < lines.length ? read() : readNext)))
}

/**
 * Monitors for a scope. Completes when the server has begun, so that every command after it is seen, and gives the stream
 * of them, which is to be run once. Fails as `stream` does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Monitor, Redis } from "@effect-resp/core"
 *
 * const seen = Effect.scoped(
 *   Effect.gen(function*() {
 *     const commands = yield* Monitor.started
 *     yield* Redis.set("key", "value")
 *     return yield* commands.pipe(Stream.take(1), Stream.runHead)
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category monitoring
 */
export const started: Effect.Effect<
  Stream.Stream<MonitorEntry, RedisError>,
  RedisError,
  Redis | Scope.Scope
> = Effect.gen(function* () {
  const { monitor } = yield* Redis
  const pull = yield* Stream.toPull(monitor)
  const begun = yield* Effect.catchAll(
    pull,
    Option.match({ onNone: () => Effect.succeed(Chunk.empty<string>()), onSome: Effect.fail })
  )
  const lines = Chunk.toReadonlyArray(begun)
  if (lines[0] !== "OK") return yield* malformed("expected OK")
  return entriesOf(lines, pull)
})

/**
 * Every command that the server processes, from when the stream is run until it ends, on a connection of its own. A slow
 * consumer slows that connection down: with 1,024 lines or 16 MiB that wait here, the server has to keep the others.
 *
 * Fails with a `ConnectionError` when the connection is lost (retry the stream with a `Schedule` to go on; what the server
 * processed meanwhile is not seen), and with a `ReplyError` when the server refuses MONITOR.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Monitor } from "@effect-resp/core"
 *
 * const watch = Monitor.stream.pipe(
 *   Stream.runForEach(({ client, command }) => Effect.log(client, ...command))
 * )
 * ```
 *
 * @since 0.1.0
 * @category monitoring
 */
export const stream: Stream.Stream<MonitorEntry, RedisError, Redis> = Stream.unwrapScoped(started)
