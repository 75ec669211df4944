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

/** The entries of lines; those before a line that is none still come. */
const parse = (lines: Chunk.Chunk<string>): Stream.Stream<MonitorEntry, DecodeError> => {
  const entries: Array<MonitorEntry> = []
  for (const line of lines) {
    const entry = parseMonitorLine(line)
    if (entry === undefined) {
      return Stream.concat(Stream.fromIterable(entries), Stream.fail(malformed("not a line of MONITOR")))
    }
    entries.push(entry)
  }
  return Stream.fromChunk(Chunk.unsafeFromArray(entries))
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
  const [first, ...lines] = yield* Effect.catchAll(
    pull,
    Option.match({ onNone: () => Effect.succeed([]), onSome: Effect.fail })
  )
  if (first !== "OK") return yield* malformed("expected OK")
  return Stream.concat(Stream.fromIterable(lines), Stream.repeatEffectChunkOption(pull)).pipe(
    Stream.chunks,
    Stream.flatMap(parse)
  )
})

/**
 * Every command that the server processes, from when the stream is run until it ends, on a connection of its own. A slow
 * consumer slows that connection down, and no memory fills here.
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
