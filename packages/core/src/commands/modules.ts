/**
 * The server's modules: https://redis.io/docs/latest/commands/module-list/
 *
 * @since 0.1.0
 */
import { type Argument, type Command, define, noKeys } from "../Command.js"
import { type Entries, many, type OneOrMany, option } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const MODULE_LIST = define("MODULE LIST", { keys: noKeys, idempotent: true })
const MODULE_LOAD = define("MODULE LOAD", { keys: noKeys })
const MODULE_LOADEX = define("MODULE LOADEX", { keys: noKeys })
const MODULE_UNLOAD = define("MODULE UNLOAD", { keys: noKeys })

/**
 * A module of the server.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModuleDetails {
  readonly name: string
  readonly version: number
  /** The file that it was loaded from; empty where it is built in. Since Redis 7.0. */
  readonly path: string
  /** Since Redis 7.0. */
  readonly arguments: ReadonlyArray<string>
}

const texts = Reply.array(Reply.text)

const modules = Reply.array(
  Reply.make((raw): ModuleDetails => {
    const fields = Reply.fields(raw)
    return {
      name: Reply.text.decode(fields.get("name") ?? ""),
      version: Reply.integer.decode(fields.get("ver") ?? 0),
      path: Reply.text.decode(fields.get("path") ?? ""),
      arguments: texts.decode(fields.get("args") ?? null)
    }
  })
)

/**
 * Gives the modules that the server has loaded: https://redis.io/docs/latest/commands/module-list/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const modules = Redis.moduleList // ReadonlyArray<ModuleDetails>
 * ```
 *
 * @since 0.1.0
 * @category modules
 */
export const moduleList: Command<ReadonlyArray<ModuleDetails>> = MODULE_LIST([], modules)

/**
 * @since 0.1.0
 * @category options
 */
export interface ModuleLoadOptions {
  /** What the module is told. */
  readonly arguments?: OneOrMany<Argument>
}

/**
 * Loads a module from a file of the server: https://redis.io/docs/latest/commands/module-load/
 *
 * Fails with a `ReplyError` when it cannot be loaded, or the configuration does not allow it
 * (`enable-module-command`).
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const loaded = Redis.moduleLoad("/opt/modules/sample.so", { arguments: ["size", 100] }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category modules
 */
export const moduleLoad = (path: Argument, options: ModuleLoadOptions = {}): Command<"OK"> =>
  MODULE_LOAD([path, ...option(options.arguments, (args) => many(args, "arguments"))], Reply.ok)

/**
 * @since 0.1.0
 * @category options
 */
export interface ModuleLoadexOptions extends ModuleLoadOptions {
  /** The module's parameters, by their names. */
  readonly configuration?: Entries
}

/**
 * Loads a module from a file of the server and configures it: https://redis.io/docs/latest/commands/module-loadex/
 *
 * Fails with a `ReplyError` when it cannot be loaded, or the configuration does not allow it
 * (`enable-module-command`). Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const loaded = Redis.moduleLoadex("/opt/modules/sample.so", { configuration: { "sample.size": 100 } }) // "OK"
 * ```
 *
 * @since 0.1.0
 * @category modules
 */
export const moduleLoadex = (path: Argument, options: ModuleLoadexOptions = {}): Command<"OK"> =>
  MODULE_LOADEX(
    [
      path,
      ...option(options.configuration, (entries) =>
        (Array.isArray(entries) ? entries : Object.entries(entries)).flatMap(([name, value]) => ["CONFIG", name, value])
      ),
      ...option(options.arguments, (args) => ["ARGS", ...many(args, "arguments")])
    ],
    Reply.ok
  )

/**
 * Unloads a module: https://redis.io/docs/latest/commands/module-unload/
 *
 * Fails with a `ReplyError` when there is no such module, or it has data types of its own.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const unloaded = Redis.moduleUnload("sample") // "OK"
 * ```
 *
 * @since 0.1.0
 * @category modules
 */
export const moduleUnload = (name: Argument): Command<"OK"> => MODULE_UNLOAD([name], Reply.ok)
