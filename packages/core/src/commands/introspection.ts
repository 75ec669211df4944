/**
 * What the server knows about its commands: https://redis.io/docs/latest/commands/command/
 *
 * @since 0.1.0
 */
import type * as Option from "effect/Option"
import { type Argument, type Command, define, type IntegerCommand, noKeys, type TextCommand } from "../Command.js"
import { atMostOne, many, type OneOrMany, option } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }

const COMMAND = define("COMMAND", asking)
const COMMAND_COUNT = define("COMMAND COUNT", asking)
const COMMAND_DOCS = define("COMMAND DOCS", asking)
const COMMAND_GETKEYS = define("COMMAND GETKEYS", asking)
const COMMAND_GETKEYSANDFLAGS = define("COMMAND GETKEYSANDFLAGS", asking)
const COMMAND_INFO = define("COMMAND INFO", asking)
const COMMAND_LIST = define("COMMAND LIST", asking)

const texts = Reply.array(Reply.text)
const optionalText = Reply.option(Reply.text)
const optionalInteger = Reply.option(Reply.integer)

const textOf = (raw: Reply.Raw | undefined): string => Reply.text.decode(raw ?? "")
const textsOf = (raw: Reply.Raw | undefined): ReadonlyArray<string> => texts.decode(raw ?? null)
const namesOf = (raw: Reply.Raw | undefined): ReadonlySet<string> => Reply.members.decode(raw ?? [])
const integerOf = (raw: Reply.Raw | undefined): number => Reply.integer.decode(raw ?? 0)
const maybeText = (raw: Reply.Raw | undefined): Option.Option<string> => optionalText.decode(raw ?? null)

// -----------------------------------------------------------------------------
// details
// -----------------------------------------------------------------------------

/**
 * What the server knows about how to call a command.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandDetails {
  /** In lower case, a subcommand after a bar: `config|get`. */
  readonly name: string
  /** The number of words with the name; negative: at least so many. */
  readonly arity: number
  /** Such as `readonly`, `write` and `blocking`. */
  readonly flags: ReadonlySet<string>
  /** The position of the first key among the words; 0 without keys or where it is not always the same. */
  readonly firstKey: number
  /** The position of the last key; negative: from the end. */
  readonly lastKey: number
  readonly keyStep: number
  /** The ACL categories, each with an `@`. */
  readonly categories: ReadonlySet<string>
  /** Hints for clients, such as `request_policy:all_shards`. Since Redis 7.0. */
  readonly tips: ReadonlyArray<string>
  /** How to find the keys. Since Redis 7.0. */
  readonly keySpecifications: ReadonlyArray<KeySpecification>
  /** Since Redis 7.0. */
  readonly subcommands: ReadonlyArray<CommandDetails>
}

/**
 * How to find some keys of a command: where to begin, and from there which words are keys.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeySpecification {
  /** What becomes of the keys, such as `RO`, `RW`, `access` and `update`. */
  readonly flags: ReadonlySet<string>
  readonly beginSearch: KeySearch
  readonly findKeys: KeySearch
  readonly notes: Option.Option<string>
}

/**
 * A step in finding keys: its type, such as `index` or `range`, and what belongs to that.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeySearch {
  readonly type: string
  readonly parameters: Readonly<Record<string, Reply.Value>>
}

const parameters = Reply.record(Reply.value)

const keySearch = (raw: Reply.Raw | undefined): KeySearch => {
  const fields = Reply.fields(raw ?? [])
  return { type: textOf(fields.get("type")), parameters: parameters.decode(fields.get("spec") ?? []) }
}

const keySpecification = (raw: Reply.Raw): KeySpecification => {
  const fields = Reply.fields(raw)
  return {
    flags: namesOf(fields.get("flags")),
    beginSearch: keySearch(fields.get("begin_search")),
    findKeys: keySearch(fields.get("find_keys")),
    notes: maybeText(fields.get("notes"))
  }
}

const details = (raw: Reply.Raw): CommandDetails => {
  const [name, arity, flags, firstKey, lastKey, keyStep, categories, tips, specifications, subcommands] =
    Reply.items(raw)
  return {
    name: textOf(name),
    arity: integerOf(arity),
    flags: namesOf(flags),
    firstKey: integerOf(firstKey),
    lastKey: integerOf(lastKey),
    keyStep: integerOf(keyStep),
    categories: namesOf(categories),
    tips: textsOf(tips),
    keySpecifications: Reply.items(specifications ?? []).map(keySpecification),
    subcommands: Reply.items(subcommands ?? []).map(details)
  }
}

const detailsReply = Reply.make(details)
const allDetails = Reply.array(detailsReply)
const someDetails = Reply.array(Reply.option(detailsReply))

/**
 * Tells how to call each command of the server: https://redis.io/docs/latest/commands/command/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const commands = Redis.command // ReadonlyArray<CommandDetails>
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const command: Command<ReadonlyArray<CommandDetails>> = COMMAND([], allDetails)

/**
 * Gives the number of the server's commands: https://redis.io/docs/latest/commands/command-count/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const count = Redis.commandCount // number
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const commandCount: IntegerCommand = COMMAND_COUNT([], Reply.integer)

/**
 * Tells how to call some commands, in the order asked: https://redis.io/docs/latest/commands/command-info/
 *
 * `None` for one that the server does not know. A subcommand is named after a bar (`config|get`), since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const details = Redis.commandInfo(["get", "config|get"]) // ReadonlyArray<Option<CommandDetails>>
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const commandInfo = (names: OneOrMany<string>): Command<ReadonlyArray<Option.Option<CommandDetails>>> =>
  COMMAND_INFO(many(names, "names"), someDetails)

/**
 * Which commands are meant; at most one of these.
 *
 * @since 0.1.0
 * @category options
 */
export interface CommandListOptions {
  /** Those of a module. */
  readonly module?: string
  /** Those of an ACL category, without its `@`. */
  readonly category?: string
  /** Those whose names match a glob-style pattern. */
  readonly pattern?: string
}

/**
 * Gives the names of the server's commands, in lower case and in no order:
 * https://redis.io/docs/latest/commands/command-list/
 *
 * Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const names = Redis.commandList({ category: "write" }) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const commandList = (options: CommandListOptions = {}): Command<ReadonlyArray<string>> =>
  COMMAND_LIST(
    [
      ...atMostOne(options, ["module", "category", "pattern"]),
      ...option(options.module, (module) => ["FILTERBY", "MODULE", module]),
      ...option(options.category, (category) => ["FILTERBY", "ACLCAT", category]),
      ...option(options.pattern, (pattern) => ["FILTERBY", "PATTERN", pattern])
    ],
    texts
  )

/**
 * Finds the keys among the words of a command: https://redis.io/docs/latest/commands/command-getkeys/
 *
 * Fails with a `ReplyError` when there are none, or the words are no valid command.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const keys = Redis.commandGetkeys(["MSET", "a", 1, "b", 2]) // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const commandGetkeys = (
  words: ReadonlyArray<Argument>
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> => COMMAND_GETKEYS(many(words, "words"), texts)

/**
 * A key of a command, and what becomes of it; `A` is the type of its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlaggedKey<out A = string> {
  readonly key: A
  /** Such as `RO`, `RW`, `access` and `update`. */
  readonly flags: ReadonlySet<string>
}

const flaggedKeys = <A>(key: Reply.Reply<A>) =>
  Reply.array(
    Reply.make((raw): FlaggedKey<A> => {
      const [name, flags] = Reply.items(raw)
      return { key: key.decode(name ?? null), flags: namesOf(flags) }
    })
  )

const flaggedKeysReply = Reply.makeText(flaggedKeys(Reply.text).decode, flaggedKeys(Reply.text.asBytes).decode)

/**
 * Finds the keys among the words of a command, and what becomes of each:
 * https://redis.io/docs/latest/commands/command-getkeysandflags/
 *
 * Fails with a `ReplyError` when there are none, or the words are no valid command. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const keys = Redis.commandGetkeysandflags(["RENAME", "a", "b"]) // ReadonlyArray<FlaggedKey>
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const commandGetkeysandflags = (
  words: ReadonlyArray<Argument>
): TextCommand<ReadonlyArray<FlaggedKey>, ReadonlyArray<FlaggedKey<Uint8Array>>> =>
  COMMAND_GETKEYSANDFLAGS(many(words, "words"), flaggedKeysReply)

// -----------------------------------------------------------------------------
// documentation
// -----------------------------------------------------------------------------

/**
 * What the server tells about a command for humans.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandDocs {
  readonly summary: Option.Option<string>
  readonly since: Option.Option<string>
  readonly group: Option.Option<string>
  readonly complexity: Option.Option<string>
  /** The module that it comes from. */
  readonly module: Option.Option<string>
  /** Such as `deprecated` and `syscmd`. */
  readonly flags: ReadonlySet<string>
  readonly deprecatedSince: Option.Option<string>
  readonly replacedBy: Option.Option<string>
  /** What changed in which version. */
  readonly history: ReadonlyArray<readonly [version: string, change: string]>
  readonly arguments: ReadonlyArray<CommandArgument>
  /** By name, after the container's and a bar: `config|get`. */
  readonly subcommands: Readonly<Record<string, CommandDocs>>
}

/**
 * An argument of a command.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandArgument {
  readonly name: string
  /** Such as `key`, `string`, `integer`, `pure-token`, `oneof` and `block`. */
  readonly type: string
  readonly displayText: Option.Option<string>
  /** Which of the command's key specifications finds it. */
  readonly keySpecification: Option.Option<number>
  /** The word in front of it. */
  readonly token: Option.Option<string>
  readonly summary: Option.Option<string>
  readonly since: Option.Option<string>
  readonly deprecatedSince: Option.Option<string>
  /** Such as `optional` and `multiple`. */
  readonly flags: ReadonlySet<string>
  /** What a `oneof` or a `block` is made of. */
  readonly arguments: ReadonlyArray<CommandArgument>
}

const argument = (raw: Reply.Raw): CommandArgument => {
  const fields = Reply.fields(raw)
  return {
    name: textOf(fields.get("name")),
    type: textOf(fields.get("type")),
    displayText: maybeText(fields.get("display_text")),
    keySpecification: optionalInteger.decode(fields.get("key_spec_index") ?? null),
    token: maybeText(fields.get("token")),
    summary: maybeText(fields.get("summary")),
    since: maybeText(fields.get("since")),
    deprecatedSince: maybeText(fields.get("deprecated_since")),
    flags: namesOf(fields.get("flags")),
    arguments: Reply.items(fields.get("arguments") ?? []).map(argument)
  }
}

const change = (raw: Reply.Raw): readonly [string, string] => {
  const [version, text] = Reply.items(raw)
  return [textOf(version), textOf(text)]
}

const docs = (raw: Reply.Raw): CommandDocs => {
  const fields = Reply.fields(raw)
  return {
    summary: maybeText(fields.get("summary")),
    since: maybeText(fields.get("since")),
    group: maybeText(fields.get("group")),
    complexity: maybeText(fields.get("complexity")),
    module: maybeText(fields.get("module")),
    flags: namesOf(fields.get("doc_flags")),
    deprecatedSince: maybeText(fields.get("deprecated_since")),
    replacedBy: maybeText(fields.get("replaced_by")),
    history: Reply.items(fields.get("history") ?? []).map(change),
    arguments: Reply.items(fields.get("arguments") ?? []).map(argument),
    subcommands: docsReply.decode(fields.get("subcommands") ?? [])
  }
}

const docsReply: Reply.Reply<Readonly<Record<string, CommandDocs>>> = Reply.record(Reply.make(docs))

/**
 * Gives the documentation of commands, by their names in lower case:
 * https://redis.io/docs/latest/commands/command-docs/
 *
 * Without names of all commands; one that the server does not know is left out. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const docs = Redis.commandDocs(["get", "config|get"]) // Readonly<Record<string, CommandDocs>>
 * ```
 *
 * @since 0.1.0
 * @category introspection
 */
export const commandDocs = (names?: OneOrMany<string>): Command<Readonly<Record<string, CommandDocs>>> =>
  COMMAND_DOCS(
    option(names, (names) => many(names, "names")),
    docsReply
  )
