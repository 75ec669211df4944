/**
 * Every moment at which a program can be interrupted, one after the other: at each step of each of its fibers at which
 * it can be, right after each of them was suspended, after each write, and before and after each chunk that comes:
 * `import * as Moments`.
 */
import type { Transport } from "@effect-resp/core"
import { Cause, Effect, Exit, Fiber, FiberId, Option, RuntimeFlags, RuntimeFlagsPatch, Supervisor } from "effect"

/** What can be seen and set of a fiber from inside. */
interface Insides {
  readonly currentRuntimeFlags: RuntimeFlags.RuntimeFlags
  currentOpCount: number
}

/** The moments of one run. */
class Run extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  private count = 0
  interrupt = (): void => {}
  /** Of each fiber, those that it has started and that have not taken a step yet. */
  private readonly waiting = new Map<unknown, Set<unknown>>()

  constructor(
    private readonly at: number,
    private readonly sideBySide: boolean
  ) {
    super()
  }

  override onStart<A, E, R>(
    _context: unknown,
    _effect: Effect.Effect<A, E, R>,
    parent: Option.Option<Fiber.RuntimeFiber<unknown, unknown>>,
    fiber: Fiber.RuntimeFiber<A, E>
  ): void {
    if (Option.isNone(parent) || !this.sideBySide) return
    const waiting = this.waiting.get(parent.value) ?? new Set()
    this.waiting.set(parent.value, waiting.add(fiber))
  }

  override onEffect<A, E>(
    fiber: Fiber.RuntimeFiber<A, E> & Partial<Insides>,
    effect: Effect.Effect<unknown, unknown, unknown>
  ): void {
    const inside = fiber as typeof fiber & Insides
    for (const waiting of this.waiting.values()) waiting.delete(fiber)
    const mayYield = (this.waiting.get(fiber)?.size ?? 0) === 0
    if (mayYield && RuntimeFlags.interruptible(inside.currentRuntimeFlags) && this.isNow()) {
      // It lets others go first, as any fiber does now and then.
      inside.currentOpCount = Number.MAX_SAFE_INTEGER
      queueMicrotask(this.interrupt)
    }
    // Here it waits, and what it asked for waits to be written.
    if ("_op" in effect && effect._op === "Async") queueMicrotask(this.pass)
  }

  /** Another moment has come. */
  readonly pass = (): void => {
    if (this.isNow()) this.interrupt()
  }

  private isNow(): boolean {
    return ++this.count === this.at
  }
}

/** The connections of a client, and what goes over them. */
export class Wire {
  /** How many commands were written that have the key among their words. */
  written = 0
  /** How many of those the program knows to have been done. */
  acknowledged = 0
  private limit = Number.POSITIVE_INFINITY
  private run: Run | undefined
  private readonly cuts = new Set<() => void>()

  constructor(readonly key: string) {}

  /** How many connections are open. */
  get open(): number {
    return this.cuts.size
  }

  /** Loses all connections, at once. */
  cut(): void {
    for (const cut of this.cuts) cut()
  }

  /** The same connector, observed. */
  watch({ address, connect }: Transport.Connector): Transport.Connector {
    return {
      address,
      connect: (handler) => {
        let cut = () => {}
        const end = () => void this.cuts.delete(cut)
        const told: Transport.TransportHandler = {
          onData: (chunk) => {
            this.run?.pass()
            handler.onData(chunk)
            this.run?.pass()
          },
          onDrain: () => handler.onDrain(),
          onClose: (detail) => {
            end()
            handler.onClose(detail)
          }
        }
        return Effect.map(connect(told), (transport) => {
          cut = () => {
            transport.destroy()
            told.onClose("cut")
          }
          this.cuts.add(cut)
          return {
            ...transport,
            write: (chunk) => {
              const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1")
              this.written += text.split(`\r\n${this.key}\r\n`).length - 1
              const goesOn = transport.write(chunk)
              this.run?.pass()
              return goesOn
            },
            destroy: () => {
              end()
              transport.destroy()
            }
          }
        })
      }
    }
  }

  /** Counts what an effect has done when it succeeds. */
  acknowledge<A, E, R>(count: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.tap(effect, () => {
      this.acknowledged += count
    })
  }

  /** Runs a program and interrupts it at a moment. False when it was over before. */
  private interruptAt<R>(run: Run, program: Effect.Effect<unknown, unknown, R>): Effect.Effect<boolean, Error, R> {
    return Effect.gen(this, function* () {
      const fiber = yield* program.pipe(
        Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision)),
        Effect.supervised(run),
        // Nobody waits for one that never ends.
        Effect.forkDaemon
      )
      let reached = false
      this.limit = Number.POSITIVE_INFINITY
      run.interrupt = () => {
        reached = true
        fiber.unsafeInterruptAsFork(FiberId.none)
        // Its fibers hear of it within this turn, in which what they asked for before may still go out.
        setImmediate(() => {
          this.limit = this.written
        })
      }
      this.run = run
      const exit = yield* Effect.timeoutFail(Fiber.await(fiber), {
        // Generous, for it is no failure where the process stands still for a second.
        duration: "4 seconds",
        onTimeout: () => new Error("it goes on after its interruption")
      })
      this.run = undefined
      if (Exit.isFailure(exit) && !(reached && Cause.isInterruptedOnly(exit.cause))) {
        return yield* Effect.fail(new Error(`it failed: ${Cause.pretty(exit.cause)}`))
      }
      return reached
    })
  }

  /**
   * Runs a program again and again, interrupted a moment later each time, until it gets to its end. Each run has
   * bystanders, and is followed by the check; `total` is what the commands with the key have done in all. Gives the
   * number of moments.
   */
  sweep<R>(options: {
    readonly before?: Effect.Effect<unknown, unknown, R> | undefined
    readonly program: Effect.Effect<unknown, unknown, R>
    readonly bystander: Effect.Effect<unknown, unknown, R>
    readonly check: Effect.Effect<unknown, unknown, R>
    readonly total: Effect.Effect<number, unknown, R>
    /**
     * The program uses `Effect.forEach` or a race with fibers side by side, which never end when the fiber that starts
     * them lets others go before they have begun, and is interrupted there: those few steps are left out.
     */
    readonly sideBySide?: boolean | undefined
  }): Effect.Effect<number, Error, R> {
    const { sideBySide = false, before = Effect.void, bystander, check, program, total } = options
    let done = 0
    const round = (at: number) =>
      Effect.gen(this, function* () {
        yield* before
        const known = { acknowledged: this.acknowledged, done }
        const first = yield* Effect.fork(bystander)
        const later = yield* Effect.fork(Effect.zipRight(Effect.yieldNow(), bystander))
        const reached = yield* this.interruptAt(new Run(at, sideBySide), program)
        yield* Fiber.join(Fiber.zip(first, later))
        yield* check
        if (this.written > this.limit) return yield* Effect.fail(new Error("it wrote after its interruption"))
        done = yield* total
        if (done < this.acknowledged || done > this.written) {
          return yield* Effect.fail(
            new Error(`${this.acknowledged} of ${this.written} were acknowledged, ${done} done`)
          )
        }
        if (!reached && done - known.done !== this.acknowledged - known.acknowledged) {
          return yield* Effect.fail(new Error("not interrupted at all, it did other than it knows"))
        }
        return reached
      }).pipe(Effect.mapErrorCause((cause) => Cause.fail(new Error(`moment ${at}: ${Cause.pretty(cause)}`))))
    return Effect.gen(function* () {
      let at = 1
      while (yield* round(at)) at++
      return at - 1
    })
  }
}
