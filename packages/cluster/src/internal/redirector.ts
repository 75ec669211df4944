/**
 * Runs something on the node where it belongs, and again elsewhere as the nodes' answers say, within a deadline.
 */
import { type Command, type ConnectionPool, RedisError } from "@effect-resp/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { addressOf } from "../Topology.js"
import type { ClusterMap } from "./clusterMap.js"
import { makeTarget, type NodeClients, type OpenError, type Target } from "./nodeClients.js"
import type { Place, Placement } from "./placement.js"
import type { Redirect } from "./redirect.js"
import { startTimer } from "./timer.js"
import { type MapAddress, makeNode } from "./topology.js"
import { type Verdict, verdictOf } from "./verdict.js"

/** So often a command is sent on by MOVED and ASK before it is given up: nodes may point at one another. */
const maxRedirections = 16

/** So many of them are followed at once; later ones after a pause, for the nodes do not agree yet. */
const followedAtOnce = 4

/** So many nodes that fail are left for another at once. */
const triedAtOnce = 2

const firstPause = 10
const longestPause = 500

/** With less than this left of the deadline, in milliseconds, another attempt makes no sense. */
const leastTime = 5

/** How far the attempts of one call have come. */
export class Attempts {
  private redirections = 0
  private departures = 0
  private pauses = 0

  constructor(
    /** The whole time, in milliseconds. */
    readonly timeout: number,
    private readonly started = performance.now()
  ) {}

  get left(): number {
    return this.timeout - (performance.now() - this.started)
  }

  get isOver(): boolean {
    return this.left < leastTime
  }

  /** Counts a redirection; false when there were too many one after the other. */
  redirected(): boolean {
    return ++this.redirections <= maxRedirections
  }

  /** Whether there were so many that the nodes do not agree yet, and the next is better put off. */
  get isWandering(): boolean {
    return this.redirections > followedAtOnce
  }

  /** Counts a failed node that is to be left for another; says whether first to pause. */
  pausesAfter(leave: boolean): boolean {
    this.redirections = 0
    return !leave || ++this.departures > triedAtOnce
  }

  /** How long to pause, in milliseconds: longer each time, never the same for all who wait, and longer the more these are. */
  nextPause(waiting: number): number {
    const least = Math.min(waiting / 5, 4 * longestPause)
    const most = Math.max(Math.min(firstPause * 2 ** this.pauses++, longestPause), least)
    return Math.min(most * (0.5 + Math.random() / 2), this.longestPause)
  }

  /** The longest pause that leaves time for another attempt. */
  get longestPause(): number {
    return Math.max(this.left / 2, 0)
  }
}

/** Something to run on the node where it belongs. */
export interface Call<A, E, R> {
  /** Of its keys; `undefined` for any primary. */
  readonly slot: number | undefined
  readonly readOnly: boolean
  /** Runs it on a node, for later attempts with what is left of the deadline. */
  readonly use: (runner: ConnectionPool.Runner, place: Place) => Effect.Effect<A, E, R>
  readonly command?: Command.Command<unknown>
}

export interface RedirectorOptions {
  readonly map: ClusterMap
  readonly clients: NodeClients
  readonly placement: Placement
  readonly mapAddress: MapAddress | undefined
  readonly commandTimeout: number
  readonly isClosed: () => boolean
}

export class Redirector {
  private readonly waiting = new Set<() => void>()
  private readonly waitingForMap = new Set<() => void>()

  constructor(private readonly options: RedirectorOptions) {
    const wake = (waiting: ReadonlySet<() => void>) => {
      for (const wake of [...waiting]) wake()
    }
    options.map.onChange((differs) => {
      wake(this.waitingForMap)
      if (differs) wake(this.waiting)
    })
    options.clients.onConnected = () => wake(this.waiting)
  }

  /**
   * Waits for another attempt: until the map changes, a node is connected, or for a while. Not by `Effect.sleep` raced with the change: of ten
   * thousand who wait for a failover each would cost two fibers more, several times a second.
   *
   * A former primary is asked again only when a map has come, be it the same: what is in flight there when a new one comes is cut off.
   */
  pause(attempts: Attempts, isFormer = false): Effect.Effect<void> {
    return Effect.async((resume) => {
      const waiting = isFormer ? this.waitingForMap : this.waiting
      const wake = () => {
        clearTimeout(timer)
        waiting.delete(wake)
        resume(Effect.void)
      }
      const timer = startTimer(wake, isFormer ? attempts.longestPause : attempts.nextPause(waiting.size))
      waiting.add(wake)
      return Effect.sync(wake)
    })
  }

  /** Learns from an error that a node gave, or that came on the way to it, and says what it means. */
  report(error: unknown, target: Target): Verdict {
    const { clients, map } = this.options
    const verdict = verdictOf(error, target.node)
    if ("address" in verdict) return this.redirected(verdict, target)
    if (verdict.leave) clients.blame(target)
    if (verdict.suspect) map.requestRefresh()
    return verdict
  }

  private redirected(verdict: Redirect, target: Target): Verdict {
    const { clients, map, mapAddress } = this.options
    const again: Verdict = { _tag: "Again", suspect: true, leave: false }
    const address = mapAddress === undefined ? verdict.address : mapAddress(verdict.address)
    if (verdict._tag === "Moved" || address === undefined) map.requestRefresh()
    if (address === undefined) return again
    if (addressOf(address) === target.node.address && target.role === "primary") {
      // By that name there is another server now, or behind it: only a new connection reaches it.
      clients.drop(target)
      map.requestRefresh()
      return again
    }
    clients.pointTo(makeTarget(makeNode(address, undefined), "primary"))
    const table = map.table()
    if (verdict._tag === "Moved" && table.shardOf(verdict.slot)?.primary.address !== addressOf(address)) {
      table.moved(verdict.slot, address)
      map.changed()
    }
    return { ...verdict, address }
  }

  /** Asks for a new map, soon. */
  refresh(): void {
    this.options.map.requestRefresh()
  }

  /** Whether another attempt makes no sense. */
  isOver(attempts: Attempts): boolean {
    return attempts.isOver || this.options.isClosed()
  }

  /** Where MOVED or ASK sends a command. */
  follow(redirect: Redirect): Place | undefined {
    const { map, placement } = this.options
    if (redirect._tag === "Ask") {
      return { target: makeTarget(makeNode(redirect.address, undefined), "primary"), asking: true }
    }
    // Also after a replica's MOVED it is the primary that is asked, which knows best.
    const shard = map.table().shardOf(redirect.slot)
    return shard && placement.of(shard.primary, "primary")
  }

  /** The client of a node, where there is one already. */
  known({ target }: Place): ConnectionPool.Client | undefined {
    return this.options.clients.peek(target)
  }

  /** The client of a node, made if need be within the time left. */
  client(
    { target }: Place,
    attempts: Attempts,
    command?: Command.Command<unknown>
  ): Effect.Effect<ConnectionPool.Client, OpenError> {
    const { clients } = this.options
    const client = clients.peek(target)
    if (client !== undefined) return Effect.succeed(client)
    const { timeout } = attempts
    const onTimeout = () => new RedisError.TimeoutError({ phase: "Connect", millis: timeout, outcome: "NotSent" })
    const named = (error: OpenError): OpenError =>
      command === undefined
        ? error
        : RedisError.withContext(error, {
            command: command.definition.name,
            idempotent: command.definition.idempotent
          })
    // Not all the time is for one node: it is connected to all the while, and another may do it meanwhile.
    const duration = Math.max(attempts.left / 2, leastTime)
    return Effect.mapError(clients.getWithin(target, duration, onTimeout), named)
  }

  /** Runs something that belongs to a slot, or to any primary, where the map and the nodes say. */
  run<A, E, R>(call: Call<A, E, R>): Effect.Effect<A, E | RedisError.RedisError, R> {
    return Effect.suspend(() => {
      const { clients, placement } = this.options
      const place = placement.at(call.slot, call.readOnly)
      const client = place && clients.peek(place.target)
      const started = performance.now()
      if (client === undefined) return this.attempt(call, place, this.attempts(call, started))
      // As nearly always: nothing but the command and a look at how it ends. By catchAll success would be a step more.
      return Effect.catchAllCause(call.use(client, place!), (cause) =>
        Either.match(Cause.failureOrCause(cause), {
          onLeft: (error) => this.afterFailure(call, error, place!, this.attempts(call, started)),
          onRight: Effect.failCause
        })
      )
    })
  }

  /** The attempts of a call of which one has begun. One that did block has used up nothing of their time. */
  private attempts<A, E, R>({ command }: Call<A, E, R>, started: number, before?: Attempts): Attempts {
    const { commandTimeout } = this.options
    return command?.definition.blocking === true && performance.now() - started > commandTimeout / 2
      ? new Attempts(commandTimeout)
      : (before ?? new Attempts(commandTimeout, started))
  }

  private attempt<A, E, R>(
    call: Call<A, E, R>,
    given: Place | undefined,
    attempts: Attempts
  ): Effect.Effect<A, E | RedisError.RedisError, R> {
    const place = given ?? this.options.placement.at(call.slot, call.readOnly)
    if (place === undefined) {
      this.refresh()
      const error = noNode(call.slot, call.readOnly, call.command)
      return this.isOver(attempts) ? Effect.fail(error) : this.later(call, error, undefined, attempts)
    }
    return this.client(place, attempts, call.command).pipe(
      Effect.flatMap((client) => {
        const started = performance.now()
        return Effect.mapError(
          call.use(client.calling({ timeout: attempts.left, asking: place.asking }), place),
          (error) => ({ error, attempts: this.attempts(call, started, attempts) })
        )
      }),
      Effect.catchAll((failed) =>
        "attempts" in failed
          ? this.afterFailure(call, failed.error, place, failed.attempts)
          : this.afterFailure(call, failed, place, attempts)
      )
    )
  }

  /** Another attempt after a pause. Where that took too long, the error stands: what is sent now could only time out. */
  private later<A, E, R>(
    call: Call<A, E, R>,
    error: E | RedisError.RedisError,
    place: Place | undefined,
    attempts: Attempts,
    isFormer = false
  ): Effect.Effect<A, E | RedisError.RedisError, R> {
    return Effect.zipRight(
      this.pause(attempts, isFormer),
      Effect.suspend(() => (this.isOver(attempts) ? Effect.fail(error) : this.attempt(call, place, attempts)))
    )
  }

  private afterFailure<A, E, R>(
    call: Call<A, E, R>,
    error: E | RedisError.RedisError,
    place: Place,
    attempts: Attempts
  ): Effect.Effect<A, E | RedisError.RedisError, R> {
    const verdict = this.report(error, place.target)
    if (verdict._tag === "GiveUp" || this.isOver(attempts)) return Effect.fail(located(error, place, attempts))
    const next = this.next(call, error, attempts, verdict)
    // Only a single command is sent again when it may have run, and fails with nothing else than these.
    return mayHaveRun(error)
      ? Effect.mapError(next, (last) => stillUnknown(error, last as RedisError.RedisError))
      : next
  }

  private next<A, E, R>(
    call: Call<A, E, R>,
    error: E | RedisError.RedisError,
    attempts: Attempts,
    verdict: Exclude<Verdict, { _tag: "GiveUp" }>
  ): Effect.Effect<A, E | RedisError.RedisError, R> {
    if (verdict._tag === "Again") {
      return attempts.pausesAfter(verdict.leave && hasOthers(call.slot, call.readOnly))
        ? this.later(call, error, undefined, attempts, verdict.isFormer)
        : this.attempt(call, undefined, attempts)
    }
    if (!attempts.redirected()) return Effect.fail(tooManyRedirections(call.command))
    const next = this.follow(verdict)
    return attempts.isWandering ? this.later(call, error, next, attempts) : this.attempt(call, next, attempts)
  }
}

/** The error with the node that it came from, and with the whole time that was waited. */
export const located = <E>(error: E, { target }: Place, { timeout }: Attempts): E => {
  const node = target.node.address
  if (error instanceof RedisError.TimeoutError && error.phase !== "Reserve") {
    return RedisError.withContext(new RedisError.TimeoutError({ ...error, millis: Math.max(error.millis, timeout) }), {
      node
    }) as E
  }
  return error instanceof RedisError.TimeoutError ||
    error instanceof RedisError.ReplyError ||
    error instanceof RedisError.DecodeError
    ? RedisError.withContext(error, { node })
    : error
}

/** Whether an attempt that can be followed by another has perhaps run the command. */
const mayHaveRun = (error: unknown): error is RedisError.ConnectionError | RedisError.ProtocolError =>
  (error instanceof RedisError.ConnectionError || error instanceof RedisError.ProtocolError) &&
  error.outcome === "Unknown"

/** What is told of a command's last failure, where an earlier one left open whether it ran: it still is. */
export const stillUnknown = (earlier: RedisError.RedisError, last: RedisError.RedisError): RedisError.RedisError => {
  const told = RedisError.inPart(last)
  return told.outcome === "NotSent" ? earlier : told
}

/** Whether another node may do the same: for a write to a slot there is none. */
export const hasOthers = (slot: number | undefined, readOnly: boolean): boolean => readOnly || slot === undefined

/** Nothing is known that serves the slot. */
export const noNode = (
  slot: number | undefined,
  readOnly: boolean,
  command?: Command.Command<unknown>
): RedisError.ClusterError =>
  new RedisError.ClusterError({
    command: command?.definition.name,
    idempotent: command?.definition.idempotent,
    reason: "NoNode",
    detail:
      slot === undefined
        ? "no primary is known"
        : `no ${readOnly ? "node to read" : "primary of"} slot ${slot} is known`,
    attempts: [],
    outcome: "NotSent"
  })

/** The nodes point at one another. */
export const tooManyRedirections = (command?: Command.Command<unknown>): RedisError.ClusterError =>
  new RedisError.ClusterError({
    command: command?.definition.name,
    idempotent: command?.definition.idempotent,
    reason: "Redirections",
    detail: `redirected more than ${maxRedirections} times: the nodes point at one another`,
    attempts: [],
    outcome: "Rejected"
  })
