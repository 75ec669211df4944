import { expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FiberId, Layer, ManagedRuntime, Scheduler } from "effect"
import { describe } from "vitest"
import {
  type Caller,
  inBatch,
  type Suspend,
  suspend,
  suspendByAsync,
  suspendByStep
} from "../../packages/core/src/internal/suspension.js"

type Text = Caller<string, string>

/** A place where fibers wait until they are resumed by hand. */
const makeGate = (suspendBy: Suspend) => {
  const callers: Array<Text> = []
  const wait = suspendBy<string, string>((caller) => void callers.push(caller))
  const resumeAll = (outcome: (index: number) => Effect.Effect<string, string> = (index) => Exit.succeed(`${index}`)) =>
    callers.splice(0).forEach((caller, index) => caller.resume(outcome(index)))
  return { callers, wait, resumeAll }
}

const settled = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** What nobody catches, kept from the test runner. */
const noteUncaught = Effect.suspend(() => {
  const uncaught: Array<unknown> = []
  return Effect.acquireRelease(
    Effect.as(
      Effect.sync(() => process.setUncaughtExceptionCaptureCallback((cause) => void uncaught.push(cause))),
      uncaught
    ),
    () => Effect.sync(() => process.setUncaughtExceptionCaptureCallback(null))
  )
})

it("knows the fibers of the Effect that is installed", () => expect(suspend).toBe(suspendByStep))

describe.each([
  ["a step of the runtime", suspendByStep],
  ["Effect.async", suspendByAsync]
] as const)("a fiber suspended by %s", (_, suspendBy) => {
  it.live("goes on with what it is given, once, whatever that is", () =>
    Effect.gen(function* () {
      const { resumeAll, wait } = makeGate(suspendBy)
      const outcomes: ReadonlyArray<Effect.Effect<string, string>> = [
        Exit.succeed("value"),
        Exit.fail("error"),
        Exit.die("defect"),
        Effect.delay(Effect.succeed("later"), 1),
        Effect.interrupt
      ]
      const fibers = yield* Effect.forEach(outcomes, () => Effect.fork(Effect.exit(wait)))
      yield* settled
      resumeAll((index) => outcomes[index]!)
      const exits = yield* Fiber.join(Fiber.all(fibers))
      expect(exits.map((exit) => (Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause)))).toEqual([
        "value",
        "error",
        "defect",
        "later",
        expect.objectContaining({ _tag: "InterruptedException" })
      ])
    })
  )

  it("needs no other turn where it is resumed at once, and a start that throws is a defect", () => {
    expect(Effect.runSync(suspendBy<string, never>((caller) => caller.resume(Exit.succeed("now"))))).toBe("now")
    const thrown = suspendBy<string, never>(() => {
      throw "thrown"
    })
    expect(Effect.runSyncExit(thrown)).toEqual(Exit.die("thrown"))
  })

  it.live("is another caller each time that the same effect runs", () =>
    Effect.gen(function* () {
      const { callers, resumeAll, wait } = makeGate(suspendBy)
      const both = yield* Effect.fork(Effect.all([wait, wait], { concurrency: 2 }))
      yield* settled
      expect(new Set(callers.map(({ fiber }) => fiber)).size).toBe(2)
      resumeAll()
      expect(yield* Fiber.join(both)).toEqual(["0", "1"])
      const again = yield* Effect.fork(Effect.zip(wait, wait))
      for (let turn = 0; turn < 2; turn++) {
        yield* settled
        resumeAll(() => Exit.succeed(`${turn}`))
      }
      expect(yield* Fiber.join(again)).toEqual(["0", "1"])
    })
  )

  it.live("is gone when it is interrupted, and what is then given it is dropped", () =>
    Effect.gen(function* () {
      const { callers, wait } = makeGate(suspendBy)
      const log: Array<string> = []
      const fiber = yield* wait.pipe(
        Effect.ensuring(Effect.sync(() => log.push("finalizer"))),
        Effect.andThen(Effect.sync(() => log.push("went on"))),
        Effect.fork
      )
      yield* settled
      expect(callers[0]!.isGone).toBe(false)
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(callers[0]!.isGone).toBe(true)
      callers[0]!.resume(Exit.succeed("late"))
      inBatch(() => callers[0]!.resume(Exit.succeed("late")))
      yield* settled
      expect(log).toEqual(["finalizer"])
    })
  )

  it.live("is not gone where it cannot be interrupted, but is where it can be again", () =>
    Effect.gen(function* () {
      const { callers, wait } = makeGate(suspendBy)
      const fiber = yield* Effect.uninterruptibleMask((restore) =>
        Effect.zip(wait, Effect.exit(restore(Effect.zipRight(Effect.yieldNow(), wait))))
      ).pipe(Effect.fork)
      yield* settled
      // A second fiber is interrupted within the restored region, not before.
      const other = yield* Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Effect.exit(restore(wait)), (exit) => Effect.as(wait, exit))
      ).pipe(Effect.fork)
      yield* settled
      yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.fork(Fiber.interrupt(other))
      yield* settled
      const gone = callers.map(({ isGone }) => isGone)
      for (const caller of callers) caller.resume(Exit.succeed("given"))
      expect(gone).toEqual([false, true, false])
      expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      // The region could be interrupted, and what follows it could not.
      expect(Exit.isInterrupted(yield* Fiber.await(other))).toBe(true)
    })
  )

  it.live("is gone in time where it loses a race, is timed out or is disconnected", () =>
    Effect.gen(function* () {
      const { callers, wait } = makeGate(suspendBy)
      expect(yield* Effect.race(wait, Effect.delay(Effect.succeed("first"), 1))).toBe("first")
      expect(yield* Effect.either(Effect.timeout(wait, 1))).toMatchObject({ left: { _tag: "TimeoutException" } })
      const fiber = yield* Effect.fork(Effect.disconnect(wait))
      yield* settled
      yield* Fiber.interrupt(fiber)
      yield* settled
      expect(callers.map(({ isGone }) => isGone)).toEqual([true, true, true])
    })
  )

  it.live("waits for its own scheduler, also in a batch, and by its priority", () =>
    Effect.gen(function* () {
      const { resumeAll, wait } = makeGate(suspendBy)
      const scheduler = new Scheduler.ControlledScheduler()
      const log: Array<string> = []
      const low = Effect.andThen(wait, () => log.push("low")).pipe(Effect.withSchedulingPriority(2))
      const high = Effect.andThen(wait, () => log.push("high")).pipe(Effect.withSchedulingPriority(1))
      for (const effect of [low, high]) Effect.runFork(effect, { scheduler })
      scheduler.step()
      inBatch(() => resumeAll())
      yield* settled
      expect(log).toEqual([])
      scheduler.step()
      expect(log).toEqual(["high", "low"])
    })
  )

  it("goes on at once under a scheduler that puts nothing off", () => {
    const { resumeAll, wait } = makeGate(suspendBy)
    const log: Array<string> = []
    const scheduler = Scheduler.make((task) => task())
    Effect.runFork(
      Effect.andThen(wait, () => log.push("fiber")),
      { scheduler }
    )
    inBatch(() => {
      resumeAll()
      log.push("read")
    })
    expect(log).toEqual(["fiber", "read"])
  })
})

describe.each([
  ["a step of the runtime", suspendByStep],
  ["Effect.async", suspendByAsync]
] as const)("fibers resumed in a batch, suspended by %s", (_, suspendBy) => {
  it("go on when the read is done, in order, whatever runs them", async () => {
    const { resumeAll, wait } = makeGate(suspendBy)
    const log: Array<string> = []
    const named = (name: string) => Effect.andThen(wait, () => log.push(name))
    const runtime = ManagedRuntime.make(Layer.empty)
    await runtime.runPromise(Effect.void)
    const done = Promise.all([Effect.runPromise(named("a")), runtime.runPromise(named("b"))])
    const sync = runtime.runSyncExit(named("c"))
    expect(Exit.isFailure(sync)).toBe(true)
    Effect.runCallback(named("d"))
    await new Promise((resolve) => setImmediate(resolve))
    inBatch(() => {
      resumeAll()
      // One within the other is one.
      inBatch(() => log.push("read"))
    })
    expect(log.join(" ")).toBe("read a b c d")
    await done
    await runtime.dispose()
  })

  it("go on though the read throws", () => {
    const { resumeAll, wait } = makeGate(suspendBy)
    const fiber = Effect.runFork(wait)
    const read = () => {
      resumeAll()
      throw new Error("read")
    }
    expect(() => inBatch(read)).toThrow("read")
    expect(fiber.unsafePoll()).toEqual(Exit.succeed("0"))
  })

  it.live("may interrupt each other, wait again and run others within themselves", () =>
    Effect.gen(function* () {
      const { callers, resumeAll, wait } = makeGate(suspendBy)
      const log: Array<string> = []
      const victim = yield* Deferred.make<Fiber.RuntimeFiber<unknown, string>>()
      const first = Effect.gen(function* () {
        yield* wait
        ;(yield* Deferred.await(victim)).unsafeInterruptAsFork(FiberId.none)
        log.push(Effect.runSync(Effect.succeed("nested")))
        Effect.runFork(Effect.andThen(wait, (value) => log.push(`forked ${value}`)))
        // The caller of another batch, within this one.
        inBatch(() => callers[0]?.resume(Exit.succeed("within")))
        log.push(`again ${yield* wait}`)
      })
      const second = Effect.andThen(wait, () => log.push("must not go on"))
      const third = Effect.andThen(wait, () => Effect.die("third"))
      const fibers = [first, second, third].map((effect) => Effect.runFork(effect))
      Deferred.unsafeDone(victim, Exit.succeed(fibers[1]!))
      inBatch(() => resumeAll())
      yield* settled
      expect(Exit.isInterrupted(yield* Fiber.await(fibers[1]!))).toBe(true)
      expect(yield* Fiber.await(fibers[2]!)).toEqual(Exit.die("third"))
      inBatch(() => resumeAll())
      yield* settled
      expect(log).toEqual(["nested", "forked within", "again 1"])
    })
  )

  it("yield when they have run for long, like all others", async () => {
    const { resumeAll, wait } = makeGate(suspendBy)
    let turns = 0
    const fiber = Effect.runFork(Effect.zipRight(wait, Effect.forever(Effect.sync(() => turns++))))
    inBatch(() => resumeAll())
    expect(turns).toBeLessThan(10_000)
    await Effect.runPromise(Fiber.interrupt(fiber))
  })

  it.scopedLive("leave none of the others behind where one throws into what observes it", () =>
    Effect.gen(function* () {
      const uncaught = yield* noteUncaught
      const { resumeAll, wait } = makeGate(suspendBy)
      const onExit = () => {
        throw "observer"
      }
      Effect.runCallback(wait, { onExit })
      const other = Effect.runFork(wait)
      setImmediate(() => inBatch(() => resumeAll()))
      yield* Effect.repeatN(settled, 2)
      expect(other.unsafePoll()).toEqual(Exit.succeed("1"))
      expect(uncaught).toEqual(["observer"])
    })
  )
})
