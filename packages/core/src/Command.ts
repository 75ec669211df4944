/**
 * A command is a value: its words, where its keys are, how its reply decodes. It is also the Effect that runs it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { blockMillisOf, canBlock, type Restriction, restrictionOf } from "./internal/restrictions.js"
import { refusedPlaces } from "./internal/schemaIssue.js"
import type { RedisError } from "./RedisError.js"
import { Redis } from "./RedisService.js"
import * as Reply from "./Reply.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("@effect-resp/core/Command")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * What can be sent: text (as UTF-8), numbers (as decimal text; NaN and infinities are refused), bigints, and bytes.
 *
 * @since 0.1.0
 * @category models
 */
export type Argument = string | number | bigint | Uint8Array

/**
 * An option that cannot be sent. A command that holds one fails with `CommandError` before a byte is written.
 *
 * @since 0.1.0
 * @category models
 */
export class InvalidArgument {
  constructor(readonly reason: string) {}
}

/**
 * One word of a command as built.
 *
 * @since 0.1.0
 * @category models
 */
export type Word = Argument | InvalidArgument

/**
 * Finds the positions of the keys among the words, the command's name being at 0.
 *
 * @since 0.1.0
 * @category models
 */
export type KeySpec = (words: ReadonlyArray<Word>) => ReadonlyArray<number>

/**
 * What is the same for every use of one command.
 *
 * @since 0.1.0
 * @category models
 */
export interface Definition {
  /** The server's name in upper case, a subcommand after a space: `GET`, `CONFIG GET`. */
  readonly name: string
  readonly keys: KeySpec
  /** It changes nothing: it may go to a replica and may be repeated. */
  readonly readOnly: boolean
  /** Running it twice is harmless. */
  readonly idempotent: boolean
  /** It can hold up its connection, so it runs on a reserved one. Of XREAD and XREADGROUP the words of each decide. */
  readonly blocking: boolean
  /** Why it cannot run on a connection that others share, if so. */
  readonly restriction: Restriction | undefined
}

/**
 * A command whose reply is an `A`.
 *
 * Run it as an Effect, or put it into a `Pipeline` or a `Transaction`. `Command.map`, `Command.withSchema`,
 * `Command.bytes` and `Command.bigint` keep it a command; `Effect.map` makes it an ordinary Effect.
 *
 * @since 0.1.0
 * @category models
 */
export interface Command<out A> extends Effect.Effect<A, RedisError, Redis> {
  readonly [TypeId]: TypeId
  readonly definition: Definition
  /** The name's words and the arguments. */
  readonly words: ReadonlyArray<Word>
  readonly reply: Reply.Reply<A>
  /** How long the server may block, in milliseconds; 0 is without end. */
  readonly blockMillis: number | undefined
  /** What to run instead where the server does not know the script. */
  readonly onNoScript: Command<A> | undefined
}

/**
 * A command with text in its reply, `B` being the same with bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface TextCommand<out A, out B> extends Command<A> {
  readonly reply: Reply.TextReply<A, B>
}

/**
 * A command whose reply is an integer.
 *
 * @since 0.1.0
 * @category models
 */
export interface IntegerCommand extends Command<number> {
  readonly reply: Reply.IntegerReply
}

class CommandImpl<A> extends Effectable.Class<A, RedisError, Redis> implements Command<A> {
  get [TypeId](): TypeId {
    return TypeId
  }
  constructor(
    readonly definition: Definition,
    readonly words: ReadonlyArray<Word>,
    readonly reply: Reply.Reply<A>,
    readonly blockMillis: number | undefined,
    readonly onNoScript: Command<A> | undefined
  ) {
    super()
  }
  commit(): Effect.Effect<A, RedisError, Redis> {
    // The service is read off the fiber: two steps of the runtime less than a flatMap over the tag, which are 0.2 us.
    const fiber = Fiber.getCurrentFiber()
    return Option.isSome(fiber)
      ? Context.get(fiber.value.currentContext as Context.Context<Redis>, Redis).execute(this)
      : Effect.flatMap(Redis, (redis) => redis.execute(this))
  }
  // Arguments may be secrets: only the name is ever printed.
  toJSON() {
    return { _id: "Command", name: this.definition.name }
  }
  override toString() {
    return `Command(${this.definition.name})`
  }
  [NodeInspectSymbol]() {
    return this.toJSON()
  }
}

/**
 * Whether a value is a command.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCommand = (u: unknown): u is Command<unknown> => u instanceof CommandImpl

// -----------------------------------------------------------------------------
// key positions
// -----------------------------------------------------------------------------

/**
 * The command has no keys.
 *
 * @since 0.1.0
 * @category keys
 */
export const noKeys: KeySpec = () => []

/**
 * Keys from position `first` to position `last` (negative: from the end), every `step` words.
 *
 * @since 0.1.0
 * @category keys
 */
export const keyRange = (first: number, last = first, step = 1): KeySpec => {
  if (last === first) {
    // As of most commands: the same array for all of them.
    const only = [first]
    return () => only
  }
  return (words) => {
    const end = last < 0 ? words.length + last : last
    const positions: Array<number> = []
    for (let i = first; i <= end; i += step) positions.push(i)
    return positions
  }
}

/**
 * As many keys as the number at position `at` says, right behind it, and before them the ones at `fixed` positions.
 *
 * @since 0.1.0
 * @category keys
 */
export const countedKeys =
  (at: number, ...fixed: ReadonlyArray<number>): KeySpec =>
  (words) => {
    const count = Number(words[at])
    // The count is the caller's word for it: there are no more keys than words.
    const length = Number.isSafeInteger(count) ? Math.min(Math.max(count, 0), words.length - at - 1) : 0
    return [...fixed, ...Array.from({ length }, (_, i) => at + 1 + i)]
  }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * What distinguishes one command from another.
 *
 * @since 0.1.0
 * @category models
 */
export interface DefinitionOptions {
  /** Where its keys are; by default the first argument after the name is the only one. */
  readonly keys?: KeySpec
  readonly readOnly?: boolean
  readonly idempotent?: boolean
  /** It can hold up its connection. The server's own commands that do are known without it. */
  readonly blocking?: boolean
}

/**
 * Per-call details beside the words.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions<out A> {
  /** How long the server may block, in milliseconds (0: without end); by default what a command's words say that is known. */
  readonly blockMillis?: number
  readonly onNoScript?: Command<A>
}

/**
 * The constructor of one command's values: from arguments and a reply.
 *
 * @since 0.1.0
 * @category models
 */
export interface Constructor {
  <A, B>(args: ReadonlyArray<Word>, reply: Reply.TextReply<A, B>, call?: CallOptions<A>): TextCommand<A, B>
  (args: ReadonlyArray<Word>, reply: Reply.IntegerReply, call?: CallOptions<number>): IntegerCommand
  <A>(args: ReadonlyArray<Word>, reply: Reply.Reply<A>, call?: CallOptions<A>): Command<A>
  readonly definition: Definition
}

/**
 * Defines a command by its name. Every `Redis.<command>` is made with it.
 *
 * @example
 * ```ts
 * import { Command, Reply } from "@effect-resp/core"
 *
 * const GETDEL = Command.define("GETDEL")
 *
 * const getdel = (key: Command.Argument) => GETDEL([key], Reply.option(Reply.text))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const define = (name: string, options: DefinitionOptions = {}): Constructor => {
  const prefix = name.split(" ")
  const readOnly = options.readOnly ?? false
  const definition: Definition = {
    name,
    keys: options.keys ?? keyRange(prefix.length),
    readOnly,
    idempotent: options.idempotent ?? readOnly,
    blocking: options.blocking === true || blockMillisOf(prefix) !== undefined,
    restriction: restrictionOf(prefix)
  }
  // An array literal is as long as its words; one that is put together by spreading has room for sixteen more, which are
  // half of what a command in flight keeps in memory.
  const wordsOf = (args: ReadonlyArray<Word>): ReadonlyArray<Word> =>
    prefix.length > 1 || args.length === 0 || args.length > 2
      ? (prefix as ReadonlyArray<Word>).concat(args)
      : args.length === 1
        ? [prefix[0]!, args[0]!]
        : [prefix[0]!, args[0]!, args[1]!]
  const plain = (args: ReadonlyArray<Word>, reply: Reply.Reply<unknown>, call?: CallOptions<unknown>) =>
    call?.blockMillis === undefined
      ? new CommandImpl(definition, wordsOf(args), reply, undefined, call?.onNoScript)
      : new CommandImpl(definition, timed(wordsOf(args), call), reply, call.blockMillis, call.onNoScript)
  const whileBlocking: Definition = { ...definition, blocking: true }
  const blocking = (args: ReadonlyArray<Word>, reply: Reply.Reply<unknown>, call: CallOptions<unknown> = {}) => {
    const words = wordsOf(args)
    const known = blockMillisOf(words)
    return new CommandImpl(
      known === undefined ? definition : whileBlocking,
      timed(words, call),
      reply,
      call.blockMillis ?? known,
      call.onNoScript
    )
  }
  const construct = (canBlock(prefix[0]) ? blocking : plain) as (...args: Parameters<typeof plain>) => never
  return Object.assign(construct, { definition })
}

/** The words of a command, with what is to be said of a time that is none. */
const timed = (words: ReadonlyArray<Word>, { blockMillis }: CallOptions<unknown>): ReadonlyArray<Word> =>
  blockMillis === undefined || (Number.isFinite(blockMillis) && blockMillis >= 0)
    ? words
    : words.concat(new InvalidArgument("blockMillis must be a number of at least 0, which is without end"))

/**
 * Any command, by its words. Without options it has no keys, may not be repeated, and its reply is plain JavaScript.
 *
 * @example
 * ```ts
 * import { Command, Reply } from "@effect-resp/core"
 *
 * const encoding = Command.make(["OBJECT", "ENCODING", "key"], {
 *   keys: [2],
 *   readOnly: true,
 *   reply: Reply.option(Reply.text)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <A, B>(
    words: readonly [string, ...Array<Argument>],
    options: MakeOptions & { readonly reply: Reply.TextReply<A, B> }
  ): TextCommand<A, B>
  <A>(
    words: readonly [string, ...Array<Argument>],
    options: MakeOptions & { readonly reply: Reply.Reply<A> }
  ): Command<A>
  (words: readonly [string, ...Array<Argument>], options?: MakeOptions): TextCommand<Reply.Value, Reply.Value>
} = (
  words: readonly [string, ...Array<Argument>],
  options: MakeOptions & { readonly reply?: Reply.Reply<unknown> } = {}
): never => {
  const name = words[0].toUpperCase()
  const readOnly = options.readOnly ?? false
  const keys = options.keys?.slice() ?? []
  const blockMillis = options.blockMillis ?? blockMillisOf(words)
  return new CommandImpl(
    {
      name,
      keys: () => keys,
      readOnly,
      idempotent: options.idempotent ?? readOnly,
      blocking: blockMillis !== undefined,
      restriction: restrictionOf(words)
    },
    // A copy: its owner may change the array, which is judged now and sent later.
    timed(words.slice(), options),
    options.reply ?? Reply.value,
    blockMillis,
    undefined
  ) as never
}

/**
 * What `Command.make` is told beside the words.
 *
 * @since 0.1.0
 * @category models
 */
export interface MakeOptions {
  /** Positions of the keys among the words, the name being at 0. */
  readonly keys?: ReadonlyArray<number>
  readonly readOnly?: boolean
  readonly idempotent?: boolean
  /**
   * The command blocks for up to so many milliseconds (0: without end), so it runs on a reserved connection. By default
   * what the words say of a command that the server itself is known to block.
   */
  readonly blockMillis?: number
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

const withReply = <A, B>(self: Command<A>, reply: (reply: Reply.Reply<A>) => Reply.Reply<B>): Command<B> =>
  new CommandImpl(
    self.definition,
    self.words,
    reply(self.reply),
    self.blockMillis,
    self.onNoScript && withReply(self.onNoScript, reply)
  )

/**
 * Changes a command's result; it stays a command. A function that throws is a `DecodeError` of this command alone.
 *
 * @example
 * ```ts
 * import { Option } from "effect"
 * import { Command, Redis } from "@effect-resp/core"
 *
 * const visits = Redis.get("visits").pipe(Command.map(Option.getOrElse(() => "0")))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const map: {
  <A, B>(f: (a: A) => B): (self: Command<A>) => Command<B>
  <A, B>(self: Command<A>, f: (a: A) => B): Command<B>
} = dual(2, <A, B>(self: Command<A>, f: (a: A) => B): Command<B> => withReply(self, (reply) => Reply.map(reply, f)))

/**
 * Decodes a command's result with a schema; where the result is an `Option`, its value. What the schema refuses is a
 * `DecodeError` of this command alone.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Command, Redis } from "@effect-resp/core"
 *
 * const User = Schema.Struct({ name: Schema.String, age: Schema.Number })
 *
 * // Command<Option<{ name: string, age: number }>>
 * const user = Redis.get("user:1").pipe(Command.withSchema(Schema.parseJson(User)))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSchema = <A, I>(schema: Schema.Schema<A, I>) => {
  const parse = Schema.decodeUnknownEither(schema)
  const decode = (input: unknown): A => {
    const parsed = parse(input)
    if (parsed._tag === "Right") return parsed.right
    // The formatted message would show the value, which may be a secret: only places are told.
    const places = refusedPlaces(schema, parsed.left)
    throw new Reply.Mismatch(`the schema refuses it${places === "" ? "" : ` at ${places}`}`)
  }
  return <C extends Command<Option.Option<I>> | Command<I>>(
    self: C
  ): Command<C extends Command<Option.Option<I>> ? Option.Option<A> : A> =>
    map(self as Command<unknown>, (value) =>
      Option.isOption(value) ? Option.map(value, decode) : decode(value)
    ) as Command<never>
}

/**
 * Takes bytes where a command's result has text: `Command<Option<string>>` becomes `Command<Option<Uint8Array>>`.
 *
 * @example
 * ```ts
 * import { Command, Redis } from "@effect-resp/core"
 *
 * // Command<Option<Uint8Array>>
 * const image = Redis.get("image").pipe(Command.bytes)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const bytes = <A, B>(self: TextCommand<A, B>): Command<B> =>
  new CommandImpl(
    self.definition,
    self.words,
    self.reply.asBytes,
    self.blockMillis,
    self.onNoScript && bytes(self.onNoScript as TextCommand<A, B>)
  )

/**
 * Takes a bigint where a command's result is an integer, exact beyond 2^53.
 *
 * @example
 * ```ts
 * import { Command, Redis } from "@effect-resp/core"
 *
 * // Command<bigint>
 * const total = Redis.incrby("total", 9007199254740993n).pipe(Command.bigint)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const bigint = (self: IntegerCommand): Command<bigint> => withReply(self, () => self.reply.asBigint)

/**
 * The command with its reply as it came, and with other words where they are given: for what splits a command among
 * several servers and puts their replies together, to decode them with `self.reply`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const undecoded = (self: Command<unknown>, words: ReadonlyArray<Word> = self.words): Command<Reply.Raw> =>
  new CommandImpl(
    self.definition,
    words,
    { decode: (raw) => raw, wantsBytes: self.reply.wantsBytes },
    self.blockMillis,
    self.onNoScript && undecoded(self.onNoScript)
  )

/**
 * Marks a command as harmless to run twice, so that `RedisError.isSafeToRetry` allows it after an unknown outcome.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Command, Redis, RedisError } from "@effect-resp/core"
 *
 * const online = Redis.set("status", "online").pipe(Command.idempotent, Effect.retry(RedisError.retryPolicy))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const idempotent = <A>(self: Command<A>): Command<A> =>
  new CommandImpl(
    { ...self.definition, idempotent: true },
    self.words,
    self.reply,
    self.blockMillis,
    self.onNoScript && idempotent(self.onNoScript)
  )

const isSendable = (word: unknown): boolean =>
  typeof word === "string" ||
  typeof word === "bigint" ||
  (typeof word === "number" && Number.isFinite(word)) ||
  word instanceof Uint8Array

/**
 * Why a command cannot be sent, if so: what its first bad word is.
 *
 * @since 0.1.0
 * @category destructors
 */
export const unsendable = (self: Command<unknown>): string | undefined => {
  const { words } = self
  let index = 0
  while (index < words.length && isSendable(words[index])) index++
  if (index === words.length) return undefined
  const word: unknown = words[index]
  if (word instanceof InvalidArgument) return word.reason
  return `argument ${index} is ${typeof word === "number" ? word : word === null ? "null" : typeof word}, which cannot be sent`
}

/**
 * Where the command's keys are among its words.
 *
 * @since 0.1.0
 * @category destructors
 */
export const keyPositions = (self: Command<unknown>): ReadonlyArray<number> => self.definition.keys(self.words)
