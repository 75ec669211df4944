/**
 * Lua scripts as typed values: keys and arguments by name, a result of a known type, and the text sent only once.
 *
 * @since 0.1.0
 */
import { sha1 } from "@noble/hashes/legacy.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import {
  type Argument,
  type Command,
  countedKeys,
  define,
  type IntegerCommand,
  InvalidArgument,
  type TextCommand,
  type Word
} from "./Command.js"
import { scriptLoad } from "./commands/scripting.js"
import { encodeText } from "./internal/protocol/text.js"
import * as Reply from "./Reply.js"

const EVAL = define("EVAL", { keys: countedKeys(2) })
const EVALSHA = define("EVALSHA", { keys: countedKeys(2) })
const EVALSHA_RO = define("EVALSHA_RO", { keys: countedKeys(2), readOnly: true })
const EVAL_RO = define("EVAL_RO", { keys: countedKeys(2), readOnly: true })

/**
 * What a script is called with: one value for each of the names, a list for each of the rests.
 *
 * @since 0.1.0
 * @category models
 */
export type Values<Names extends string, Rests extends string = never> = {
  readonly [Name in Names]: Argument
} & {
  readonly [Name in Rests]: ReadonlyArray<Argument>
}

/**
 * A script: a function from its values to a command.
 *
 * The command goes out as EVALSHA, and once more as EVAL when the server does not know the script; in a pipeline or a
 * transaction the first use of a script is EVAL and the others are EVALSHA.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script<V, out C extends Command<unknown>> {
  (...values: [keyof V] extends [never] ? [] : [values: V]): C
  readonly lua: string
  /** The SHA1 of the text, by which the server knows it. */
  readonly sha: string
  /** Makes the script known to the server without running it. */
  readonly load: Command<string>
}

/**
 * What a script is made of.
 *
 * @since 0.1.0
 * @category options
 */
export interface ScriptOptions<
  Key extends string,
  Arg extends string,
  RestKeys extends string,
  RestArgs extends string
> {
  /** The script's text. Values never belong into it: they are arguments, or the server keeps a script for each. */
  readonly lua: string
  /** The names of `KEYS[1]`, `KEYS[2]` and so on: all the keys it touches. */
  readonly keys?: ReadonlyArray<Key>
  /** The name of a list of any number of keys, behind the others. */
  readonly restKeys?: RestKeys
  /** The names of `ARGV[1]`, `ARGV[2]` and so on. */
  readonly args?: ReadonlyArray<Arg>
  /** The name of a list of any number of arguments, behind the others. */
  readonly restArgs?: RestArgs
  /** It changes nothing: it may run on a replica and may be repeated. Since Redis 7.0. */
  readonly readOnly?: boolean
}

const wordsOf = (
  options: ScriptOptions<string, string, string, string>,
  values: Readonly<Record<string, unknown>>
): ReadonlyArray<Word> => {
  const one = (name: string): Word =>
    Object.hasOwn(values, name) ? (values[name] as Argument) : new InvalidArgument(`${name} is missing`)
  const rest = (name: string | undefined): ReadonlyArray<Word> => {
    if (name === undefined) return []
    const list = values[name]
    return Array.isArray(list) ? list : [new InvalidArgument(`${name} must be a list`)]
  }
  const keys = [...(options.keys ?? []).map(one), ...rest(options.restKeys)]
  return [keys.length, ...keys, ...(options.args ?? []).map(one), ...rest(options.restArgs)]
}

/**
 * Makes a script of a Lua text, names for its keys and arguments, and the type of its result; without `reply` that is
 * plain JavaScript.
 *
 * A key or argument that is left out does not compile.
 *
 * @example
 * ```ts
 * import { Pipeline, Reply, Script } from "@effect-resp/core"
 *
 * const transfer = Script.make({
 *   keys: ["source", "target"],
 *   args: ["amount"],
 *   lua: `
 *     if tonumber(redis.call("GET", KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
 *     redis.call("DECRBY", KEYS[1], ARGV[1])
 *     redis.call("INCRBY", KEYS[2], ARGV[1])
 *     return 1`,
 *   reply: Reply.boolean
 * })
 *
 * // Command<boolean>
 * const done = transfer({ source: "account:1", target: "account:2", amount: 10 })
 *
 * const removeAll = Script.make({ restKeys: "keys", lua: "return redis.call('DEL', unpack(KEYS))", reply: Reply.integer })
 *
 * const both = Pipeline.all([removeAll({ keys: ["a", "b"] }), removeAll({ keys: ["c"] })])
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <
    A,
    B,
    Key extends string = never,
    Arg extends string = never,
    RestKeys extends string = never,
    RestArgs extends string = never
  >(
    options: ScriptOptions<Key, Arg, RestKeys, RestArgs> & { readonly reply: Reply.TextReply<A, B> }
  ): Script<Values<Key | Arg, RestKeys | RestArgs>, TextCommand<A, B>>
  <
    Key extends string = never,
    Arg extends string = never,
    RestKeys extends string = never,
    RestArgs extends string = never
  >(
    options: ScriptOptions<Key, Arg, RestKeys, RestArgs> & { readonly reply: Reply.IntegerReply }
  ): Script<Values<Key | Arg, RestKeys | RestArgs>, IntegerCommand>
  <
    A,
    Key extends string = never,
    Arg extends string = never,
    RestKeys extends string = never,
    RestArgs extends string = never
  >(
    options: ScriptOptions<Key, Arg, RestKeys, RestArgs> & { readonly reply: Reply.Reply<A> }
  ): Script<Values<Key | Arg, RestKeys | RestArgs>, Command<A>>
  <
    Key extends string = never,
    Arg extends string = never,
    RestKeys extends string = never,
    RestArgs extends string = never
  >(
    options: ScriptOptions<Key, Arg, RestKeys, RestArgs>
  ): Script<Values<Key | Arg, RestKeys | RestArgs>, TextCommand<Reply.Value, Reply.Value>>
} = (options: ScriptOptions<string, string, string, string> & { readonly reply?: Reply.Reply<unknown> }): never => {
  const { lua, readOnly = false, reply = Reply.value } = options
  const sha = bytesToHex(sha1(encodeText(lua)))
  const bySha = readOnly ? EVALSHA_RO : EVALSHA
  const byText = readOnly ? EVAL_RO : EVAL
  const call = (values: Readonly<Record<string, unknown>> = {}) => {
    const words = wordsOf(options, values)
    return bySha([sha, ...words], reply, { onNoScript: byText([lua, ...words], reply) })
  }
  return Object.assign(call, { lua, sha, load: scriptLoad(lua) }) as never
}
