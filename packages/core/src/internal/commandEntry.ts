/**
 * The entries that commands, pipelines and transactions become.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { type Command, define, noKeys, unsendable } from "../Command.js"
import type { CommandError, RedisError } from "../RedisError.js"
import type { Slot } from "../RedisService.js"
import * as Reply from "../Reply.js"
import type { ExecAbortError, WatchError } from "../Transaction.js"
import { Entry } from "./entry.js"
import { commandError, decodeError, type Failure, failureError, replyError } from "./failure.js"
import { type Argument, encodeCommand, type Payload, payloadLength } from "./protocol/encoder.js"
import { decodeText } from "./protocol/text.js"
import { RespError, RespMap, RespProtocolError, RespSet, type RespValue } from "./protocol/value.js"
import type { Caller } from "./suspension.js"

/** Encodes a command, or says which word cannot be sent. */
export const encode = (command: Command<unknown>, position?: number): Payload | CommandError => {
  try {
    return encodeCommand(command.words as ReadonlyArray<Argument>)
  } catch (cause) {
    return commandError(unsendable(command) ?? String(cause), command, position)
  }
}

export const isPayload = (encoded: Payload | CommandError): encoded is Payload =>
  typeof encoded === "string" || Array.isArray(encoded)

/** Decodes one reply into its slot; `text` where it was read as bytes and the command wants text. */
export const decodeSlot = (command: Command<unknown>, value: RespValue, position?: number, text = false): Slot => {
  if (value instanceof RespError) return Either.left(replyError(value, command, position))
  try {
    return Either.right(command.reply.decode(text ? asText(value) : value))
  } catch (cause) {
    return Either.left(decodeError(cause, command, position))
  }
}

/** Runs a command's `onNoScript`, until its own deadline. */
export type RunScript = <A>(script: Command<A>, expires: number | undefined) => Effect.Effect<A, RedisError>

/** One command. */
export class SingleEntry<A> extends Entry {
  constructor(
    readonly command: Command<A>,
    payload: Payload,
    timeout: number | undefined,
    private readonly caller: Caller<A, RedisError>,
    private readonly runScript: RunScript | undefined
  ) {
    super(payload, payloadLength(payload), 1, timeout)
  }
  override get isAbandoned(): boolean {
    return this.caller.isGone
  }
  wantsBytes(): boolean {
    return this.command.reply.wantsBytes
  }
  receive(value: RespValue): void {
    this.settled = true
    this.caller.resume(this.outcome(value))
  }
  private outcome(value: RespValue): Effect.Effect<A, RedisError> {
    const { command } = this
    if (value instanceof RespError) {
      return command.onNoScript !== undefined && this.runScript !== undefined && isUnknownScript(value)
        ? this.runScript(command.onNoScript, this.expires)
        : Effect.fail(replyError(value, command))
    }
    try {
      return Exit.succeed(command.reply.decode(value))
    } catch (cause) {
      return Effect.fail(decodeError(cause, command))
    }
  }
  fail(failure: Failure): void {
    this.caller.resume(Effect.fail(failureError(failure, this.written, this.command)))
  }
}

// By the server's own words: a script may answer a NOSCRIPT of its own, when it has run.
const isUnknownScript = (error: RespError): boolean => error.message.startsWith("NOSCRIPT No matching script")

/** Commands of a pipeline that go out together, from its `first` on; each has its own outcome. */
export class PipelineEntry extends Entry {
  private done = 0
  constructor(
    readonly commands: ReadonlyArray<Command<unknown>>,
    payload: Payload,
    timeout: number | undefined,
    /** Each command has ASKING before it, whose reply is passed over. */
    private readonly asking: boolean,
    private readonly first: number,
    /** Of the whole pipeline. */
    private readonly slots: Array<Slot>,
    private readonly caller: Pick<Caller<void, Failure>, "isGone" | "resume">,
    /** What of the same pipeline is answered before it. */
    private readonly before?: PipelineEntry
  ) {
    super(payload, payloadLength(payload), commands.length * (asking ? 2 : 1), timeout)
  }
  override get isAbandoned(): boolean {
    return this.caller.isGone
  }
  override get progress(): number {
    return this.before === undefined ? this.done : this.before.done + this.done
  }
  wantsBytes(): boolean {
    // Of one that timed out every slot is filled, and its late replies are dropped.
    return this.commands[this.done]?.reply.wantsBytes === true
  }
  receive(value: RespValue): void {
    if (this.asking && this.remaining % 2 === 1) return
    const position = this.first + this.done
    this.slots[position] = decodeSlot(this.commands[this.done++]!, value, position)
    if (this.remaining > 0) return
    this.settled = true
    this.caller.resume(Exit.void)
  }
  fail(failure: Failure): void {
    for (; this.done < this.commands.length; this.done++) {
      const position = this.first + this.done
      this.slots[position] = Either.left(failureError(failure, this.written, this.commands[this.done]!, position))
    }
    this.caller.resume(Effect.fail(failure))
  }
}

export const MULTI = define("MULTI", { keys: noKeys })([], Reply.ok)
export const EXEC = define("EXEC", { keys: noKeys })([], Reply.value)

/** How a transaction fails as a whole. */
export type TransactionError = RedisError | ExecAbortError | WatchError

/** What came of MULTI … EXEC: the replies at queue time, and EXEC's own. */
export interface TransactionReplies {
  readonly multi: RespValue
  readonly queued: ReadonlyArray<RespValue>
  readonly exec: RespValue
}

/** The errors of an EXEC after which no transaction is open. */
const endsTransaction = new Set(["EXECABORT", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "CLUSTERDOWN"])

/** MULTI, commands, EXEC: contiguous on one connection, so no other command comes between. */
export class TransactionEntry extends Entry {
  private readonly replies: Array<RespValue> = []
  private readonly bytes: boolean
  constructor(
    readonly commands: ReadonlyArray<Command<unknown>>,
    payload: Payload,
    timeout: number | undefined,
    /** ASKING goes before MULTI. */
    private readonly asking: boolean,
    private readonly caller: Caller<ReadonlyArray<Slot>, TransactionError>,
    private readonly settle: (replies: TransactionReplies) => Effect.Effect<ReadonlyArray<Slot>, TransactionError>
  ) {
    super(payload, payloadLength(payload), commands.length + (asking ? 3 : 2), timeout)
    this.bytes = commands.some((command) => command.reply.wantsBytes)
  }
  override get isAbandoned(): boolean {
    return this.caller.isGone
  }
  wantsBytes(): boolean {
    return this.bytes
  }
  receive(value: RespValue): void {
    this.replies.push(value)
    if (this.remaining > 0) return
    this.settled = true
    if (this.asking) this.replies.shift()
    const [multi, ...queued] = this.replies
    const exec = queued.pop()
    this.caller.resume(this.settle({ multi: multi!, queued, exec: exec! }))
    if (exec instanceof RespError && !(multi instanceof RespError) && !endsTransaction.has(exec.code)) {
      // It may still be open, and would swallow the commands of others.
      throw new RespProtocolError(`EXEC was answered by ${exec.code}, and may not have ended its transaction`)
    }
  }
  fail(failure: Failure): void {
    this.caller.resume(Effect.fail(failureError(failure, this.written, EXEC)))
  }
}

/** The text form of a reply read as bytes: EXEC answers commands that want text and commands that want bytes at once. */
const asText = (value: RespValue): RespValue => {
  if (value instanceof Uint8Array) return decodeText(value, 0, value.length)
  if (value instanceof RespMap) return new RespMap(value.entries.map(asText))
  if (value instanceof RespSet) return new RespSet(value.items.map(asText))
  return Array.isArray(value) ? value.map(asText) : value
}

/** So many commands are joined to one text: to hold the texts of ten thousand each by itself takes twice the time. */
const joined = 512

/** And no more than about so many characters, for a string can be only so long. */
const joinedLength = 2 ** 20

/** The payload of commands one after the other. */
export class Joining {
  private readonly parts: Array<string | Uint8Array> = []
  private texts: Array<string> = []
  private length = 0
  private isAscii = true

  add(payload: Payload): void {
    if (typeof payload === "string") {
      if (this.length + payload.length > joinedLength) this.join()
      this.texts.push(payload)
      this.length += payload.length
      if (this.texts.length === joined) this.join()
    } else {
      this.join()
      this.isAscii = false
      for (const part of payload) this.parts.push(part)
    }
  }

  private join(): void {
    if (this.texts.length > 0) this.parts.push(this.texts.join(""))
    this.texts = []
    this.length = 0
  }

  end(): Payload {
    this.join()
    const [first] = this.parts
    return this.isAscii && this.parts.length === 1 && typeof first === "string" ? first : this.parts
  }
}
