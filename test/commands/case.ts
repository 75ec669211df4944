import type { Command } from "@effect-resp/core"

/**
 * One live check of a command: run after `given` on an empty database, on RESP2 and on RESP3, it must give `gives`.
 * The positions of its keys are compared with COMMAND GETKEYS.
 */
export interface Case {
  readonly command: Command.Command<unknown>
  readonly given?: ReadonlyArray<Command.Command<unknown>>
  /** The exact result, or a predicate where it cannot be known (a random member, a time). */
  readonly gives: unknown | ((result: never) => boolean)
  /** The first versions of the servers that know this form of the command; left out: as old as the command itself. */
  readonly since?: { readonly redis?: string; readonly valkey?: string }
}
