/**
 * Scripts and functions: https://redis.io/docs/latest/commands/?group=scripting
 *
 * `Script.make` is the way to a script with typed keys, arguments and result.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import {
  type Argument,
  type Command,
  type Constructor,
  countedKeys,
  define,
  type IntegerCommand,
  noKeys,
  type TextCommand
} from "../Command.js"
import { choice, flag, many, type OneOrMany, option } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }
// The server reads nothing more from the connection whose script is running: what is to reach it meanwhile must come
// by another one.
const fromElsewhere = { keys: noKeys, blocking: true }

const EVAL = define("EVAL", { keys: countedKeys(2) })
const EVALSHA = define("EVALSHA", { keys: countedKeys(2) })
const EVALSHA_RO = define("EVALSHA_RO", { keys: countedKeys(2), readOnly: true })
const EVAL_RO = define("EVAL_RO", { keys: countedKeys(2), readOnly: true })
const FCALL = define("FCALL", { keys: countedKeys(2) })
const FCALL_RO = define("FCALL_RO", { keys: countedKeys(2), readOnly: true })
const FUNCTION_DELETE = define("FUNCTION DELETE", { keys: noKeys })
const FUNCTION_DUMP = define("FUNCTION DUMP", asking)
const FUNCTION_FLUSH = define("FUNCTION FLUSH", { keys: noKeys })
const FUNCTION_KILL = define("FUNCTION KILL", fromElsewhere)
const FUNCTION_LIST = define("FUNCTION LIST", asking)
const FUNCTION_LOAD = define("FUNCTION LOAD", { keys: noKeys })
const FUNCTION_RESTORE = define("FUNCTION RESTORE", { keys: noKeys })
const FUNCTION_STATS = define("FUNCTION STATS", { ...fromElsewhere, idempotent: true })
const SCRIPT_EXISTS = define("SCRIPT EXISTS", asking)
const SCRIPT_FLUSH = define("SCRIPT FLUSH", { keys: noKeys })
const SCRIPT_KILL = define("SCRIPT KILL", fromElsewhere)
const SCRIPT_LOAD = define("SCRIPT LOAD", { keys: noKeys, idempotent: true })
const SCRIPT_SHOW = define("SCRIPT SHOW", asking)

// It does not block, so the ordinary deadline is the right one.
const atOnce = { blockMillis: 1 }

// -----------------------------------------------------------------------------
// calling
// -----------------------------------------------------------------------------

/**
 * What a script or a function is given.
 *
 * @since 0.1.0
 * @category options
 */
export interface ScriptCall {
  /** Its `KEYS`: all the keys it touches. */
  readonly keys?: ReadonlyArray<Argument>
  /** Its `ARGV`: whatever else it needs to know. Values belong here, never into the script's text. */
  readonly args?: ReadonlyArray<Argument>
}

/**
 * Calls a script or a function; the result is what `reply` makes of it, plain JavaScript without one.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallScript {
  <A, B>(script: Argument, call: ScriptCall & { readonly reply: Reply.TextReply<A, B> }): TextCommand<A, B>
  (script: Argument, call: ScriptCall & { readonly reply: Reply.IntegerReply }): IntegerCommand
  <A>(script: Argument, call: ScriptCall & { readonly reply: Reply.Reply<A> }): Command<A>
  (script: Argument, call?: ScriptCall): TextCommand<Reply.Value, Reply.Value>
}

const calls =
  (command: Constructor): CallScript =>
  (
    script: Argument,
    { args = [], keys = [], reply = Reply.value }: ScriptCall & { readonly reply?: Reply.Reply<unknown> } = {}
  ): never =>
    command([script, keys.length, ...keys, ...args], reply) as never

/**
 * Runs a Lua script: https://redis.io/docs/latest/commands/eval/
 *
 * `Script.make` names and types the keys and arguments, and sends the script's text only where the server does not know
 * it. What a script wrote before it failed stays written. Lua's numbers are doubles: an integer beyond 2^53 comes back
 * exactly only as text.
 *
 * @example
 * ```ts
 * import { Redis, Reply } from "@effect-resp/core"
 *
 * const script = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
 *
 * const plain = Redis.eval(script, { keys: ["visits"], args: [10] }) // Reply.Value
 * const typed = Redis.eval(script, { keys: ["visits"], args: [10], reply: Reply.integer }) // number
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
const eval_: CallScript = calls(EVAL)

export { eval_ as eval }

/**
 * Runs a script that the server knows, by the SHA1 of its text: https://redis.io/docs/latest/commands/evalsha/
 *
 * Fails with a `ReplyError` (NOSCRIPT) when the server does not know it; `Script.make` then sends the text.
 *
 * @example
 * ```ts
 * import { Redis, Reply } from "@effect-resp/core"
 *
 * const sha = "1b936e3fe509bcbc9cd0664897bbe8fd0cac101b"
 *
 * const sum = Redis.evalsha(sha, { keys: ["a"], reply: Reply.integer }) // number
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const evalsha: CallScript = calls(EVALSHA)

/**
 * Like `evalsha`, for a script that changes nothing: https://redis.io/docs/latest/commands/evalsha_ro/
 *
 * It may run on a replica and may be repeated. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis, Reply } from "@effect-resp/core"
 *
 * const text = Redis.evalsha_ro("1b936e3fe509bcbc9cd0664897bbe8fd0cac101b", { reply: Reply.text }) // string
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const evalsha_ro: CallScript = calls(EVALSHA_RO)

/**
 * Like `eval`, for a script that changes nothing: https://redis.io/docs/latest/commands/eval_ro/
 *
 * It may run on a replica and may be repeated; a script that writes fails with a `ReplyError`. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis, Reply } from "@effect-resp/core"
 *
 * const length = Redis.eval_ro("return #redis.call('GET', KEYS[1])", { keys: ["a"], reply: Reply.integer }) // number
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const eval_ro: CallScript = calls(EVAL_RO)

/**
 * Calls a function of a library: https://redis.io/docs/latest/commands/fcall/
 *
 * Fails with a `ReplyError` when there is no such function. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis, Reply } from "@effect-resp/core"
 *
 * const score = Redis.fcall("raise", { keys: ["player:1"], args: [10], reply: Reply.integer }) // number
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const fcall: CallScript = calls(FCALL)

/**
 * Like `fcall`, for a function with the flag `no-writes`: https://redis.io/docs/latest/commands/fcall_ro/
 *
 * It may run on a replica and may be repeated. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis, Reply } from "@effect-resp/core"
 *
 * const score = Redis.fcall_ro("score", { keys: ["player:1"], reply: Reply.integer }) // number
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const fcall_ro: CallScript = calls(FCALL_RO)

// -----------------------------------------------------------------------------
// functions
// -----------------------------------------------------------------------------

/**
 * A library of functions; `A` is the type of its texts.
 *
 * @since 0.1.0
 * @category models
 */
export interface FunctionLibrary<out A = string> {
  readonly name: string
  /** What runs it: `LUA`. */
  readonly engine: string
  readonly functions: ReadonlyArray<LibraryFunction<A>>
  /** Only when asked for. */
  readonly code: Option.Option<A>
}

/**
 * A function of a library.
 *
 * @since 0.1.0
 * @category models
 */
export interface LibraryFunction<out A = string> {
  readonly name: string
  readonly description: Option.Option<A>
  /** Such as `no-writes`. */
  readonly flags: ReadonlySet<string>
}

const nameOf = (raw: Reply.Raw | undefined): string => Reply.text.decode(raw ?? null)
const namesOf = (raw: Reply.Raw | undefined): ReadonlySet<string> => Reply.members.decode(raw ?? [])

const libraries =
  <A>(text: Reply.Reply<A>) =>
  (raw: Reply.Raw): ReadonlyArray<FunctionLibrary<A>> => {
    const optional = Reply.option(text)
    return Reply.items(raw).map((raw) => {
      const library = Reply.fields(raw)
      return {
        name: nameOf(library.get("library_name")),
        engine: nameOf(library.get("engine")),
        functions: Reply.items(library.get("functions") ?? []).map((raw) => {
          const one = Reply.fields(raw)
          return {
            name: nameOf(one.get("name")),
            description: optional.decode(one.get("description") ?? null),
            flags: namesOf(one.get("flags"))
          }
        }),
        code: optional.decode(library.get("library_code") ?? null)
      }
    })
  }

const libraryList = Reply.makeText(libraries(Reply.text), libraries(Reply.text.asBytes))

/**
 * What runs functions right now, and how many there are; `A` is the type of a running command's words.
 *
 * @since 0.1.0
 * @category models
 */
export interface FunctionStats<out A = string> {
  readonly running: Option.Option<RunningFunction<A>>
  /** By the engine's name. */
  readonly engines: Readonly<Record<string, { readonly libraries: number; readonly functions: number }>>
}

/**
 * A function that is running.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunningFunction<out A = string> {
  readonly name: string
  /** The command that called it. */
  readonly command: ReadonlyArray<A>
  /** How long it has been running. */
  readonly duration: Duration.Duration
}

const countOf = (raw: Reply.Raw | undefined): number => Reply.integer.decode(raw ?? 0)

const engineCounts = Reply.record(
  Reply.make((raw) => {
    const engine = Reply.fields(raw)
    return { libraries: countOf(engine.get("libraries_count")), functions: countOf(engine.get("functions_count")) }
  })
)

const stats = <A>(text: Reply.Reply<A>): ((raw: Reply.Raw) => FunctionStats<A>) => {
  const running = Reply.option(
    Reply.make((raw): RunningFunction<A> => {
      const script = Reply.fields(raw)
      return {
        name: nameOf(script.get("name")),
        command: Reply.items(script.get("command") ?? []).map(text.decode),
        duration: Duration.millis(countOf(script.get("duration_ms")))
      }
    })
  )
  return (raw) => {
    const all = Reply.fields(raw)
    return {
      running: running.decode(all.get("running_script") ?? null),
      engines: engineCounts.decode(all.get("engines") ?? [])
    }
  }
}

const statsReply = Reply.makeText(stats(Reply.text), stats(Reply.text.asBytes))

/**
 * Deletes a library with its functions: https://redis.io/docs/latest/commands/function-delete/
 *
 * Fails with a `ReplyError` when there is no such library. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const deleted = Redis.functionDelete("game") // "OK"
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionDelete = (library: Argument): Command<"OK"> => FUNCTION_DELETE([library], Reply.ok)

/**
 * Gives all libraries, serialized for `functionRestore`: https://redis.io/docs/latest/commands/function-dump/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const dump = Redis.functionDump // Uint8Array
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionDump: Command<Uint8Array> = FUNCTION_DUMP([], Reply.text.asBytes)

/**
 * When memory is freed: before the reply, or afterwards in the background. Left out, the server's configuration
 * decides.
 *
 * @since 0.1.0
 * @category options
 */
export interface ScriptFlushOptions {
  readonly mode?: "async" | "sync"
}

const flushMode = ({ mode }: ScriptFlushOptions) =>
  option(mode, (mode) => [choice(mode, { async: "ASYNC", sync: "SYNC" }, "mode")])

/**
 * Deletes all libraries: https://redis.io/docs/latest/commands/function-flush/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const flushed = Redis.functionFlush({ mode: "async" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionFlush = (options: ScriptFlushOptions = {}): Command<"OK"> =>
  FUNCTION_FLUSH(flushMode(options), Reply.ok)

/**
 * Stops the function that is running: https://redis.io/docs/latest/commands/function-kill/
 *
 * Runs on a reserved connection, for the server does not read the one whose function is running. A busy server lets in no
 * new connection that sets a name or a database: a client with these needs a reserved one from before. Fails with a
 * `ReplyError`: NOTBUSY when none is running, UNKILLABLE when it has written. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const killed = Redis.functionKill // "OK"
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionKill: Command<"OK"> = FUNCTION_KILL([], Reply.ok, atOnce)

/**
 * @since 0.1.0
 * @category options
 */
export interface FunctionListOptions {
  /** Only libraries whose names match a glob-style pattern. */
  readonly library?: Argument
  /** Give their code too. */
  readonly withCode?: boolean
}

/**
 * Gives the libraries with their functions: https://redis.io/docs/latest/commands/function-list/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const libraries = Redis.functionList({ library: "game*", withCode: true }) // ReadonlyArray<FunctionLibrary>
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionList = (
  options: FunctionListOptions = {}
): TextCommand<ReadonlyArray<FunctionLibrary>, ReadonlyArray<FunctionLibrary<Uint8Array>>> =>
  FUNCTION_LIST(
    [...option(options.library, (library) => ["LIBRARYNAME", library]), ...flag(options.withCode, "WITHCODE")],
    libraryList
  )

/**
 * @since 0.1.0
 * @category options
 */
export interface FunctionLoadOptions {
  /** Replace the library of the same name, instead of failing. */
  readonly replace?: boolean
}

/**
 * Loads a library, and gives its name: https://redis.io/docs/latest/commands/function-load/
 *
 * The code begins with a line such as `#!lua name=game`. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const code = `#!lua name=game
 *   redis.register_function("raise", function(keys, args)
 *     return redis.call("INCRBY", keys[1], args[1])
 *   end)`
 *
 * const name = Redis.functionLoad(code, { replace: true }) // string
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionLoad = (code: Argument, options: FunctionLoadOptions = {}): TextCommand<string, Uint8Array> =>
  FUNCTION_LOAD([...flag(options.replace, "REPLACE"), code], Reply.text)

/**
 * @since 0.1.0
 * @category options
 */
export interface FunctionRestoreOptions {
  /**
   * What becomes of the libraries that are there: `append` fails on one of the same name, `replace` replaces it, and
   * `flush` deletes them all first. `append` when left out.
   */
  readonly policy?: "append" | "flush" | "replace"
}

/**
 * Restores the libraries of a `functionDump`: https://redis.io/docs/latest/commands/function-restore/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "@effect-resp/core"
 *
 * const copied = Effect.flatMap(Redis.functionDump, (dump) => Redis.functionRestore(dump, { policy: "replace" }))
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionRestore = (dump: Uint8Array, options: FunctionRestoreOptions = {}): Command<"OK"> =>
  FUNCTION_RESTORE([dump, ...option(options.policy, (policy) => [policy.toUpperCase()])], Reply.ok)

/**
 * Tells which function is running, if any, and how many there are:
 * https://redis.io/docs/latest/commands/function-stats/
 *
 * Runs on a reserved connection, for the server does not read the one whose function is running. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stats = Redis.functionStats // FunctionStats
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const functionStats: TextCommand<FunctionStats, FunctionStats<Uint8Array>> = FUNCTION_STATS(
  [],
  statsReply,
  atOnce
)

// -----------------------------------------------------------------------------
// scripts
// -----------------------------------------------------------------------------

const booleans = Reply.array(Reply.boolean)

/**
 * Tells which scripts the server knows, by the SHA1 of their texts, in the order asked:
 * https://redis.io/docs/latest/commands/script-exists/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const known = Redis.scriptExists(["1b936e3fe509bcbc9cd0664897bbe8fd0cac101b"]) // ReadonlyArray<boolean>
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const scriptExists = (shas: OneOrMany<Argument>): Command<ReadonlyArray<boolean>> =>
  SCRIPT_EXISTS(many(shas, "shas"), booleans)

/**
 * Makes the server forget all scripts: https://redis.io/docs/latest/commands/script-flush/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const flushed = Redis.scriptFlush({ mode: "async" }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const scriptFlush = (options: ScriptFlushOptions = {}): Command<"OK"> =>
  SCRIPT_FLUSH(flushMode(options), Reply.ok)

/**
 * Stops the script that is running: https://redis.io/docs/latest/commands/script-kill/
 *
 * Runs on a reserved connection, for the server does not read the one whose script is running. A busy server lets in no
 * new connection that sets a name or a database: a client with these needs a reserved one from before. Fails with a
 * `ReplyError`: NOTBUSY when none is running, UNKILLABLE when it has written.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const killed = Redis.scriptKill // "OK"
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const scriptKill: Command<"OK"> = SCRIPT_KILL([], Reply.ok, atOnce)

/**
 * Makes a script known to the server without running it, and gives the SHA1 of its text:
 * https://redis.io/docs/latest/commands/script-load/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const sha = Redis.scriptLoad("return 1") // string
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const scriptLoad = (script: Argument): TextCommand<string, Uint8Array> => SCRIPT_LOAD([script], Reply.text)

/**
 * Gives the text of a script by its SHA1: https://valkey.io/commands/script-show/
 *
 * Fails with a `ReplyError` (NOSCRIPT) when the server does not know it. Valkey only, since 8.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const script = Redis.scriptShow("1b936e3fe509bcbc9cd0664897bbe8fd0cac101b") // string
 * ```
 *
 * @since 0.1.0
 * @category scripting
 */
export const scriptShow = (sha: Argument): TextCommand<string, Uint8Array> => SCRIPT_SHOW([sha], Reply.text)
