/**
 * Runs commands, pipelines and transactions on one queue: where the callbacks of the engine become Effects.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { type Command, define, noKeys } from "../Command.js"
import type { Prepared } from "../ConnectionPool.js"
import type { CommandError, RedisError } from "../RedisError.js"
import { ReplyError, withContext } from "../RedisError.js"
import type { Slot } from "../RedisService.js"
import * as Reply from "../Reply.js"
import { ExecAbortError, WatchError } from "../Transaction.js"
import {
  decodeSlot,
  EXEC,
  encode,
  isPayload,
  Joining,
  MULTI,
  PipelineEntry,
  type RunScript,
  SingleEntry,
  TransactionEntry,
  type TransactionError,
  type TransactionReplies
} from "./commandEntry.js"
import type { CommandQueue } from "./commandQueue.js"
import { commandError, decodeError, type Failure, failureError, queueError, replyError } from "./failure.js"
import { type Payload, payloadLength } from "./protocol/encoder.js"
import { RespError, type RespValue } from "./protocol/value.js"
import { upper } from "./restrictions.js"
import { type Caller, suspend } from "./suspension.js"

/** How long to wait for a reply: what the server may block for, and the ordinary time on top; `undefined` is for ever. */
const deadline = (command: Command<unknown>, timeout: number): number | undefined => {
  const { blockMillis } = command
  if (blockMillis === undefined) return command.definition.blocking ? undefined : timeout
  return blockMillis === 0 ? undefined : blockMillis + timeout
}

/** Whether one of them may hold up its connection. */
export const isBlocking = (commands: ReadonlyArray<Command<unknown>>): boolean => {
  for (const { definition } of commands) if (definition.blocking) return true
  return false
}

/** Runs one command, until `timeout` from now or the tick of the queue's clock where it `expires`. */
export const runCommand = <A>(
  queue: CommandQueue,
  command: Command<A>,
  timeout: number,
  asking: boolean,
  expires?: number
): Effect.Effect<A, RedisError> =>
  asking
    ? runAsking(queue, command, timeout)
    : suspend<A, RedisError>((caller) => {
        const payload = encode(command)
        if (!isPayload(payload)) return caller.resume(Effect.fail(payload))
        const runScript = command.onNoScript === undefined ? undefined : scriptRunner(queue, timeout)
        const entry = new SingleEntry(command, payload, deadline(command, timeout), caller, runScript)
        entry.expires = expires
        queue.submit(entry)
      })

const scriptRunner =
  (queue: CommandQueue, timeout: number): RunScript =>
  (script, expires) =>
    runCommand(queue, script, timeout, false, expires)

/** Runs one command with ASKING right before it, in the same write. */
const runAsking = <A>(queue: CommandQueue, command: Command<A>, timeout: number): Effect.Effect<A, RedisError> =>
  runPipeline(queue, [command], timeout, true).pipe(
    Effect.flatMap(([slot]) => slot as Either.Either<A, RedisError>),
    Effect.mapError((error) => withContext(error, { position: undefined }))
  )

/** By its words, for it may be of `Command.make`. */
const forgetsScripts = ({ definition, words }: Command<unknown>): boolean =>
  definition.name.startsWith("SCRIPT") && upper(words[1]) === "FLUSH"

/** In a run of commands the first use of a script carries its text, so that the others find it. */
const withScripts = (commands: ReadonlyArray<Command<unknown>>): ReadonlyArray<Command<unknown>> => {
  // A copy in any case: its owner may change the array while it is in flight.
  if (!commands.some((command) => command.onNoScript !== undefined)) return commands.slice()
  const known = new Set<unknown>()
  return commands.map((command) => {
    const sha = command.words[1]
    if (forgetsScripts(command)) known.clear()
    if (command.onNoScript === undefined || known.has(sha)) return command
    known.add(sha)
    return command.onNoScript
  })
}

/** Encodes commands with something before and after them, or says which cannot be sent. */
const encodeAll = (
  commands: ReadonlyArray<Command<unknown>>,
  before: Payload,
  after: Payload
): Payload | CommandError => {
  const joining = new Joining()
  joining.add(before)
  for (let position = 0; position < commands.length; position++) {
    const payload = encode(commands[position]!, position)
    if (!isPayload(payload)) return payload
    joining.add(payload)
  }
  joining.add(after)
  return joining.end()
}

/** A longer pipeline goes in slices of so many commands, or of about so many bytes. */
const sliceCommands = 10_000
const sliceBytes = 4 * 1024 * 1024

/** Commands of a pipeline that go out together, from the `first` on. */
interface Slice {
  readonly first: number
  readonly commands: ReadonlyArray<Command<unknown>>
  readonly payload: Payload
}

/** Encodes the commands of a pipeline, each with ASKING before it where that is wanted, or says which cannot be sent. */
const slicesOf = (commands: ReadonlyArray<Command<unknown>>, asking: boolean): ReadonlyArray<Slice> | CommandError => {
  const slices: Array<Slice> = []
  let joining = new Joining()
  let first = 0
  let bytes = 0
  for (let position = 0; position < commands.length; position++) {
    const payload = encode(commands[position]!, position)
    if (!isPayload(payload)) return payload
    if (asking) joining.add(askingPayload)
    joining.add(payload)
    bytes += typeof payload === "string" ? payload.length : payloadLength(payload)
    const next = position + 1
    if (next < commands.length && next - first < sliceCommands && bytes < sliceBytes) continue
    const own = first === 0 && next === commands.length ? commands : commands.slice(first, next)
    slices.push({ first, commands: own, payload: joining.end() })
    joining = new Joining()
    first = next
    bytes = 0
  }
  return slices
}

/**
 * Runs commands in one write, giving every slot. A command that cannot be encoded refuses the whole. With `asking`, each
 * has ASKING before it, whose own answer counts for nothing.
 *
 * Of a very long one two slices are under way at a time: others get their turn in between, and the socket is not given all
 * of it at once.
 */
export const runPipeline = (
  queue: CommandQueue,
  given: ReadonlyArray<Command<unknown>>,
  timeout: number,
  asking: boolean
): Effect.Effect<ReadonlyArray<Slot>, RedisError> => {
  if (given.length === 0) return Effect.succeed([])
  const commands = withScripts(given)
  const slices = slicesOf(commands, asking)
  if ("_tag" in slices) return Effect.fail(slices)
  const limit = longestDeadline(commands, timeout)
  return Effect.suspend(() => {
    const slots = new Array<Slot>(commands.length)
    const entries: Array<PipelineEntry> = []
    const run = ({ commands, first, payload }: Slice) =>
      suspend<void, Failure>((caller) => {
        const entry = new PipelineEntry(commands, payload, limit, asking, first, slots, caller, entries.at(-1))
        entries.push(entry)
        queue.submit(entry)
      })
    if (slices.length === 1) return Effect.as(Effect.ignore(run(slices[0]!)), slots)
    // Behind a slice that is lost nothing more is written, for it may build upon it: the one that waits is interrupted.
    return Effect.match(
      Effect.forEach(slices, (slice) => Effect.interruptible(run(slice)), { concurrency: 2, discard: true }),
      {
        onSuccess: () => slots,
        onFailure: (failure) =>
          // A new array: a late reply may still come to the other slice under way.
          slices.flatMap(({ commands, first }, i) =>
            commands.map(
              (command, at) =>
                slots[first + at] ??
                Either.left(failureError(failure, entries[i]?.written === true, command, first + at))
            )
          )
      }
    )
  })
}

/**
 * Makes ready a pipeline that is to be written together with those of other servers; none where it takes more than one
 * write, or cannot be encoded.
 */
export const preparePipeline = (
  queue: CommandQueue,
  given: ReadonlyArray<Command<unknown>>,
  timeout: number
): Prepared | undefined => {
  if (given.length === 0 || given.length > sliceCommands) return undefined
  const commands = withScripts(given)
  const slices = slicesOf(commands, false)
  if ("_tag" in slices || slices.length > 1) return undefined
  const { payload } = slices[0]!
  const limit = longestDeadline(commands, timeout)
  const slots = new Array<Slot>(commands.length)
  return {
    slots,
    start: (caller) => queue.submit(new PipelineEntry(commands, payload, limit, false, 0, slots, caller))
  }
}

/** Who waits for several pipelines. A class, for an object made with a getter has a shape of its own, which lives for long. */
class Joint implements Prepared.Caller {
  constructor(
    private missing: number,
    private readonly caller: Caller<void, never>
  ) {}
  get isGone(): boolean {
    return this.caller.isGone
  }
  resume(): void {
    if (--this.missing === 0) this.caller.resume(Exit.void)
  }
}

/** Starts pipelines of several servers, and completes when all of them are answered. */
export const runTogether = (pipelines: ReadonlyArray<Prepared>): Effect.Effect<void> =>
  suspend((caller) => {
    if (pipelines.length === 0) return caller.resume(Exit.void)
    const joint = new Joint(pipelines.length, caller)
    for (const { start } of pipelines) start(joint)
  })

const longestDeadline = (commands: ReadonlyArray<Command<unknown>>, timeout: number): number | undefined => {
  let longest = 0
  for (const command of commands) {
    const one = deadline(command, timeout)
    if (one === undefined) return undefined
    if (one > longest) longest = one
  }
  return longest
}

const askingPayload = encode(define("ASKING", { keys: noKeys })([], Reply.ok)) as string
const multiPayload = encode(MULTI) as string
const askingMultiPayload = `${askingPayload}${multiPayload}`
const execPayload = encode(EXEC) as Payload

/** Commands that cannot be queued, refused here: inside MULTI some of them answer an error and yet let EXEC commit. */
const refused = (commands: ReadonlyArray<Command<unknown>>): CommandError | undefined => {
  for (const [position, command] of commands.entries()) {
    const { restriction } = command.definition
    if (restriction !== undefined) return commandError(`not in a transaction: ${restriction.advice}`, command, position)
  }
}

/** Runs commands between MULTI and EXEC, giving every slot. With `asking`, ASKING goes before MULTI and is for all. */
export const runTransaction = (
  queue: CommandQueue,
  given: ReadonlyArray<Command<unknown>>,
  timeout: number,
  asking: boolean
): Effect.Effect<ReadonlyArray<Slot>, TransactionError> => {
  const commands = withScripts(given)
  const payload = encodeAll(commands, asking ? askingMultiPayload : multiPayload, execPayload)
  if (!isPayload(payload)) return Effect.fail(payload)
  const error = refused(commands)
  if (error !== undefined) return Effect.fail(error)
  const settle = (replies: TransactionReplies) => settleTransaction(commands, replies)
  return suspend((caller) => queue.submit(new TransactionEntry(commands, payload, timeout, asking, caller, settle)))
}

const settleTransaction = (
  commands: ReadonlyArray<Command<unknown>>,
  { exec, multi, queued }: TransactionReplies
): Effect.Effect<ReadonlyArray<Slot>, TransactionError> => {
  if (multi instanceof RespError) {
    // Refused MULTI, the server ran the commands one by one if it let them at all.
    const ran = queued.some((reply) => !(reply instanceof RespError))
    const error = replyError(multi, MULTI)
    return Effect.fail(ran ? new ReplyError({ ...error, command: "MULTI", outcome: "Unknown" }) : error)
  }
  if (exec instanceof RespError) {
    if (exec.code !== "EXECABORT") return Effect.fail(replyError(exec, EXEC))
    const errors = queued.flatMap((reply, position) =>
      reply instanceof RespError ? [queueError(reply, commands[position]!, position)] : []
    )
    return Effect.fail(new ExecAbortError({ errors, text: exec.message, outcome: "Rejected" }))
  }
  if (exec === null) return Effect.fail(new WatchError({ reason: "KeysChanged", outcome: "Rejected" }))
  if (!Array.isArray(exec)) return Effect.fail(decodeError(new Reply.Mismatch("expected an array"), EXEC))
  const replies: ReadonlyArray<RespValue> = exec
  const due = queued.filter((reply) => !(reply instanceof RespError)).length
  if (replies.length !== due) {
    return Effect.fail(decodeError(new Reply.Mismatch(`expected ${due} replies, got ${replies.length}`), EXEC))
  }
  const bytes = commands.some((command) => command.reply.wantsBytes)
  let next = 0
  return Effect.succeed(
    commands.map((command, position) => {
      const reply = queued[position]
      if (reply instanceof RespError) return Either.left(queueError(reply, command, position))
      return decodeSlot(command, replies[next++]!, position, bytes && !command.reply.wantsBytes)
    })
  )
}
