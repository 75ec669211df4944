/**
 * Why an entry got no reply, and the typed error each command of it fails with.
 */
import type { Command } from "../Command.js"
import {
  CommandError,
  ConnectionError,
  DecodeError,
  ProtocolError,
  type RedisError,
  ReplyError,
  TimeoutError,
  withContext
} from "../RedisError.js"
import { reasonOf } from "../Reply.js"
import type { RespError } from "./protocol/value.js"

/** Why there is no reply. */
export type Failure =
  | {
      readonly _tag: "Connection"
      readonly reason: ConnectionError["reason"]
      readonly address: string
      readonly detail: string
    }
  | { readonly _tag: "Protocol"; readonly address: string; readonly reason: string }
  | { readonly _tag: "Timeout"; readonly millis: number; readonly connected: boolean }

/** What a failure says of its cause. */
export const detailOf = (failure: Failure): string => {
  switch (failure._tag) {
    case "Connection":
      return failure.detail
    case "Protocol":
      return failure.reason
    case "Timeout":
      return `nothing came for ${failure.millis} ms`
  }
}

const context = (command: Command<unknown>, position: number | undefined) => ({
  command: command.definition.name,
  position,
  idempotent: command.definition.idempotent
})

/** The error of one command whose entry failed; `written` says whether bytes of it reached the socket. */
export const failureError = (
  failure: Failure,
  written: boolean,
  command: Command<unknown>,
  position?: number
): RedisError => {
  const outcome = written ? "Unknown" : "NotSent"
  switch (failure._tag) {
    case "Connection":
      return new ConnectionError({ ...context(command, position), ...failure, outcome })
    case "Protocol":
      return new ProtocolError({ ...context(command, position), ...failure, outcome })
    case "Timeout":
      return new TimeoutError({
        ...context(command, position),
        phase: written ? "Reply" : failure.connected ? "Write" : "Connect",
        millis: failure.millis,
        outcome
      })
  }
}

/** The error of a command that never reached a connection, with the command's name. */
export const named = (error: RedisError, command: Command<unknown>): RedisError =>
  error.command === undefined ? withContext(error, context(command, undefined)) : error

/** Errors that the server gives before it runs a command. */
const rejections = new Set([
  "ASK",
  "BUSY",
  "CLUSTERDOWN",
  "CROSSSLOT",
  "DENIED",
  "EXECABORT",
  "LOADING",
  "MASTERDOWN",
  "MISCONF",
  "MOVED",
  "NOAUTH",
  "NOPERM",
  "NOPROTO",
  "NOREPLICAS",
  "NOSCRIPT",
  "OOM",
  "READONLY",
  "TRYAGAIN",
  "UNBLOCKED",
  "WRONGPASS"
])

const refusedBeforeRunning = /^ERR (unknown (sub)?command|wrong number of arguments|syntax error|Protocol error)/i

/** Those that can write. */
const runsScript = /^(EVAL|EVALSHA|FCALL)$/

/**
 * The words in which servers refuse to run a script. Any other error may be its own answer, given when it has written:
 * MISCONF, NOREPLICAS, OOM and READONLY come in the same words for one of its commands, and UNBLOCKED never for itself.
 */
const scriptRefusals: ReadonlyArray<RegExp> = [
  /^(MOVED|ASK) \d+ \S*:\d+$/,
  /^CLUSTERDOWN (Hash slot not served|The cluster is down( and only accepts read commands)?)$/,
  /^TRYAGAIN Multiple keys request during rehashing of slot$/,
  /^CROSSSLOT Keys in request don't hash to the same slot$/,
  /^LOADING \w+ is loading the dataset in memory$/,
  /^MASTERDOWN Link with MASTER is down(,| and) replica-serve-stale-data is set to 'no'/,
  /^BUSY \w+ is busy running a (script|module command)\./,
  /^NOSCRIPT No matching script\./,
  /^NOAUTH Authentication required\.$/,
  /^NOPERM (this user has no|User \S+ has no|No) permissions to /,
  /^ERR unknown command ['`]/
]

const outcomeOf = (error: RespError, command: Command<unknown>): ReplyError["outcome"] => {
  if (error.code === "IOERR") return "Unknown"
  // A script can have written before one of its commands was refused; the server's text then names the script.
  if (/script:|user_script/.test(error.message)) return "Failed"
  if (runsScript.test(command.definition.name)) {
    return scriptRefusals.some((words) => words.test(error.message)) ? "Rejected" : "Failed"
  }
  return rejections.has(error.code) || refusedBeforeRunning.test(error.message) ? "Rejected" : "Failed"
}

/** The text of an error without what it quotes of the arguments, which may be secrets. */
export const withoutArguments = (text: string): string =>
  text
    .replace(/,? with args beginning with:.*$/s, "")
    .replace(/ (unknown subcommand|ACL SETUSER modifier) '.*'/s, " $1")
    .replace(/ (Unsupported option|invalid longitude,latitude pair|acl selector starting at) .*/s, " $1")

/** The error of a command that the server answered with an error. */
export const replyError = (error: RespError, command: Command<unknown>, position?: number): ReplyError =>
  new ReplyError({
    ...context(command, position),
    code: error.code,
    text: withoutArguments(error.message),
    outcome: outcomeOf(error, command)
  })

/** The error of a command that the server would not take into a transaction: whatever it says, nothing has run. */
export const queueError = (error: RespError, command: Command<unknown>, position: number): ReplyError =>
  new ReplyError({ ...replyError(error, command, position), outcome: "Rejected" })

/** The error of a command whose reply could not be decoded. */
export const decodeError = (cause: unknown, command: Command<unknown>, position?: number): DecodeError =>
  new DecodeError({
    ...context(command, position),
    reason: reasonOf(cause),
    outcome: "Failed"
  })

/** The error of a command refused here. */
export const commandError = (reason: string, command: Command<unknown>, position?: number): CommandError =>
  new CommandError({ ...context(command, position), reason, outcome: "NotSent" })
