/**
 * The clients of a topology's nodes: each made when first needed, and closed when its node is gone.
 */
import { type ConnectionPool, RedisError, type Transport } from "@effect-resp/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Node } from "../Topology.js"
import { startTimer } from "./timer.js"

/** What a node is used as. A replica's connections are told to answer reads, so a primary's are not used for it. */
export type Role = "primary" | "replica"

/** A node as something to connect to. */
export interface Target {
  readonly node: Node
  readonly role: Role
  readonly key: string
}

export const makeTarget = (node: Node, role: Role): Target => ({ node, role, key: `${role} ${node.address}` })

/** Why a node's client could not be made. */
export type OpenError = RedisError.ConnectionError | RedisError.TimeoutError | RedisError.CommandError

/** A node is not connected to again for so long, in milliseconds, however many ask for it. */
const pause = 50

/** A node that another has pointed to is kept for so long, in milliseconds, where the map does not tell of it yet. */
const patience = 30_000

/** A node that has failed is passed over for so long, in milliseconds, where another can do the same. */
const penance = 1_000

const former = "the server is not the primary any more"

interface Entry {
  readonly since: number
  /** Its connections were cut, and there are to be no others. */
  isCut: boolean
  client: ConnectionPool.Client | undefined
  /** How making it has ended. */
  outcome: Exit.Exit<ConnectionPool.Client, OpenError> | undefined
  readonly opened: Deferred.Deferred<ConnectionPool.Client, OpenError>
  readonly waiting: Set<(outcome: Exit.Exit<ConnectionPool.Client, OpenError>) => void>
  readonly transports: Map<Transport.Transport, Transport.TransportHandler>
  close: Effect.Effect<void>
}

export class NodeClients {
  private readonly entries = new Map<string, Entry>()
  private readonly failed = new Map<string, number>()
  private readonly pointed = new Map<string, number>()
  /** Told when a node is connected, also after it was lost. */
  onConnected: () => void = () => {}

  private constructor(
    private readonly open: (
      target: Target,
      watched: (connector: Transport.Connector) => Transport.Connector
    ) => Effect.Effect<ConnectionPool.Client, OpenError, Scope.Scope>,
    private readonly scope: Scope.Scope
  ) {}

  /** Their scope's end closes all of them at once. */
  static make(open: NodeClients["open"]): Effect.Effect<NodeClients, never, Scope.Scope> {
    return Effect.acquireRelease(Scope.make(ExecutionStrategy.parallel), Scope.close).pipe(
      Effect.map((scope) => new NodeClients(open, scope))
    )
  }

  /** The client, if it is made. */
  peek(target: Target): ConnectionPool.Client | undefined {
    return this.entries.get(target.key)?.client
  }

  /** The client; those who ask while it is being made wait for the same one. */
  get(target: Target): Effect.Effect<ConnectionPool.Client, OpenError> {
    return Effect.flatMap(this.begun(target), ({ opened }) => Deferred.await(opened))
  }

  /**
   * The client, if it is made in so many milliseconds. Not by `Effect.timeout`, which costs two fibers: after a failover
   * all who waited for it come at once.
   */
  getWithin<E>(
    target: Target,
    millis: number,
    onTimeout: () => E
  ): Effect.Effect<ConnectionPool.Client, OpenError | E> {
    return Effect.flatMap(this.begun(target), (entry) =>
      entry.outcome !== undefined
        ? entry.outcome
        : Effect.async((resume) => {
            const leave = () => {
              clearTimeout(timer)
              entry.waiting.delete(told)
            }
            const told = (outcome: Exit.Exit<ConnectionPool.Client, OpenError | E>) => {
              leave()
              resume(outcome)
            }
            const timer = startTimer(() => told(Exit.fail(onTimeout())), millis)
            entry.waiting.add(told)
            return Effect.sync(leave)
          })
    )
  }

  /** What is known of a client, which is being made if it was not. */
  private begun(target: Target): Effect.Effect<Entry> {
    // Uninterruptible, and the fiber that makes it, too: those who wait are told in any case.
    return Effect.suspend(() => {
      const { key } = target
      const known = this.entries.get(key)
      if (known !== undefined) return Effect.succeed(known)
      const entry: Entry = {
        since: performance.now(),
        isCut: false,
        client: undefined,
        outcome: undefined,
        opened: Deferred.unsafeMake(FiberId.none),
        waiting: new Set(),
        transports: new Map(),
        close: Effect.void
      }
      this.entries.set(key, entry)
      return Effect.gen(this, function* () {
        const scope = yield* Scope.fork(this.scope, ExecutionStrategy.sequential)
        const making = yield* Effect.forkIn(this.make(key, entry, target, scope), this.scope)
        entry.close = Effect.zipRight(Fiber.interrupt(making), Scope.close(scope, Exit.void))
        return entry
      })
    }).pipe(Effect.uninterruptible)
  }

  private make(key: string, entry: Entry, target: Target, scope: Scope.CloseableScope): Effect.Effect<void> {
    const forget = Effect.sync(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key)
    })
    const gone = new RedisError.ConnectionError({
      reason: "Closed",
      address: target.node.address,
      detail: "the node is not in use any more",
      outcome: "NotSent"
    })
    return Effect.interruptible(Scope.extend(this.open(target, watching(entry)), scope)).pipe(
      Effect.filterOrFail(
        () => this.entries.get(key) === entry,
        () => gone
      ),
      Effect.tap((client) =>
        Effect.sync(() => {
          entry.client = client
          this.failed.delete(key)
        })
      ),
      Effect.tapErrorCause(() => Scope.close(scope, Exit.void)),
      Effect.exit,
      Effect.tap((exit) => {
        const outcome = Exit.isInterrupted(exit) ? Exit.fail(gone) : exit
        entry.outcome = outcome
        for (const told of [...entry.waiting]) told(outcome)
        return Deferred.done(entry.opened, outcome)
      }),
      // One that has given up to reconnect is of no use any more: the next is made anew.
      Effect.flatMap((exit) => (Exit.isSuccess(exit) ? Effect.interruptible(this.follow(exit.value)) : Effect.void)),
      Effect.zipRight(Effect.interruptible(Effect.sleep(pause))),
      Effect.zipRight(forget),
      Effect.zipRight(Scope.close(scope, Exit.void))
    )
  }

  /** Tells when it is connected; completes when it has ended. */
  private follow({ state }: ConnectionPool.Client): Effect.Effect<void> {
    return state.changes.pipe(
      Stream.takeUntil(({ _tag }) => _tag === "Closed"),
      Stream.runForEach(({ _tag }) => Effect.sync(() => (_tag === "Connected" ? this.onConnected() : undefined)))
    )
  }

  /** Notes that a node was pointed to by another. */
  pointTo(target: Target): void {
    this.pointed.set(target.key, performance.now() + patience)
  }

  /** Notes that a node failed. */
  blame(target: Target): void {
    this.failed.set(target.key, Date.now() + penance)
  }

  /** Until when a node is passed over, for it has failed lately; 0 when it has not. */
  blamedUntil(target: Target): number {
    const until = this.failed.size === 0 ? undefined : this.failed.get(target.key)
    return until !== undefined && until > Date.now() ? until : 0
  }

  /** Whether a node has failed lately. */
  isBlamed(target: Target): boolean {
    return this.blamedUntil(target) > 0
  }

  /** Closes a client, so that the next one is made anew; not one so new that the reason is an older one's. */
  drop(target: Target): void {
    const { key } = target
    const entry = this.entries.get(key)
    if (entry === undefined || performance.now() - entry.since < pause) return
    this.entries.delete(key)
    Effect.runFork(Effect.suspend(() => entry.close))
  }

  /** Closes all but these; `cut` does not let them finish what is in flight, for what they answer would be false. */
  retain(targets: ReadonlyArray<Target>, cut: boolean): void {
    const keys = new Set(targets.map(({ key }) => key))
    for (const key of this.failed.keys()) if (!keys.has(key)) this.failed.delete(key)
    for (const [key, until] of this.pointed) if (until < performance.now()) this.pointed.delete(key)
    for (const [key, entry] of this.entries) {
      const isKept = this.pointed.has(key) && entry.client !== undefined && !cut
      if (keys.has(key) || isKept) continue
      this.entries.delete(key)
      if (cut) {
        entry.isCut = true
        for (const [transport, handler] of entry.transports) {
          handler.onClose(former)
          transport.destroy()
        }
      }
      Effect.runFork(Effect.suspend(() => entry.close))
    }
  }
}

/** Keeps account of an entry's open transports. */
const watching =
  (entry: Entry) =>
  (connector: Transport.Connector): Transport.Connector => ({
    address: connector.address,
    connect: (handler) =>
      Effect.suspend(() => {
        const { transports } = entry
        let opened: Transport.Transport | undefined
        const told: Transport.TransportHandler = {
          onData: (chunk) => handler.onData(chunk),
          onDrain: () => handler.onDrain(),
          onClose: (detail) => {
            if (opened !== undefined) transports.delete(opened)
            handler.onClose(detail)
          }
        }
        return Effect.flatMap(connector.connect(told), (transport) => {
          if (entry.isCut) {
            transport.destroy()
            return new RedisError.ConnectionError({
              reason: "Closed",
              address: connector.address,
              detail: former,
              outcome: "NotSent"
            })
          }
          const counted: Transport.Transport = {
            write: (chunk) => transport.write(chunk),
            cork: () => transport.cork(),
            uncork: () => transport.uncork(),
            pause: () => transport.pause(),
            resume: () => transport.resume(),
            destroy: () => {
              transports.delete(counted)
              transport.destroy()
            },
            pending: () => transport.pending?.() ?? 0
          }
          opened = counted
          transports.set(counted, told)
          return Effect.succeed(counted)
        })
      })
  })
