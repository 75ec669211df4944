/** Runs a plan, and judges what came of it. */
import { Redis } from "@effect-resp/core"
import { Duration, Effect, Exit, Fiber, Scope } from "effect"
import { type Counts, Journal } from "./Journal.js"
import { Dice, describe, draw, type Job, type Lengths, type Plan } from "./plan.js"
import type { Habitat, World } from "./World.js"
import { publishing, type Worker, works } from "./works.js"

export interface Summary {
  readonly plan: Plan
  /** How often each kind of work succeeded, each error came by kind of work, and each fault was done. */
  readonly done: Counts
  readonly errors: Counts
  readonly faults: Counts
  /** What the client must not do. */
  readonly wrong: ReadonlyArray<string>
}

const working = (world: World, job: Job, index: number): Effect.Effect<void> => {
  const dice = new Dice(job.seed)
  let tokens = 0
  const worker: Worker = {
    world,
    dice,
    job,
    name: `${job.work}:${index}`,
    token: () => `${job.work}:${index}:${tokens++}`,
    kind: (limit) => ({
      kind: job.work,
      limit,
      ...(dice.chance(job.impatience) && { patience: dice.pick([0, 0, 1, 5, 100]) })
    })
  }
  const step = Effect.suspend(() => works[job.work]!(worker))
  const pause = Effect.suspend(() => Effect.sleep(dice.between(0, job.pause)))
  return step.pipe(Effect.zipRight(pause), Effect.repeat({ until: () => world.journal.isOver }), Effect.asVoid)
}

/** What does not work yet, by the word of the client itself. */
const unhealthy = (world: World): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    const { feeds } = world.journal
    for (const tag of world.tags) {
      yield* Redis.get(`{${tag}}counter`)
      yield* Redis.withReserved([`{${tag}}counter`])(Redis.incr(`{${tag}}health`))
    }
    const published = [...feeds.values()].map((feed) => [feed, feed.last] as const)
    const due = [...feeds.values()].flatMap(({ readers }) => [...readers])
    for (let tries = 0; tries < 50; tries++) {
      const behind = published.flatMap(([{ channel, readers }, n]) =>
        [...readers]
          .filter((reader) => due.includes(reader) && reader.got < n)
          .map(({ due, got, name }) => `${channel} to ${name} (${due}, ${got}, ${n})`)
      )
      if (behind.length === 0) return undefined
      if (tries === 49) return `nothing comes on ${behind}`
      yield* Effect.sleep(10)
    }
  }).pipe(
    Effect.provideService(Redis.Redis, world.redis),
    Effect.catchAll((error) => Effect.succeed(String(error)))
  )

const healing = (world: World): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { healing, journal } = world
    const began = performance.now()
    for (;;) {
      const missing = yield* unhealthy(world)
      if (missing === undefined) return
      if (performance.now() - began > healing) return journal.accuse(`not well after ${healing} ms: ${missing}`)
      yield* Effect.sleep(10)
    }
  })

const episodes = (world: World, plan: Plan): Effect.Effect<void> =>
  Effect.forEach(
    plan.episodes,
    ({ faults, millis, quiet }, i) =>
      Effect.gen(function* () {
        const { journal } = world
        journal.episode = `episode ${i}: ${faults.map(({ name }) => name).join("+")}`
        journal.quietSince = undefined
        for (const { name } of faults) {
          journal.began(name)
          journal.mayLose ||= world.lossy.has(name)
        }
        yield* Effect.scoped(
          Effect.zipRight(
            Effect.forEach(faults, ({ name, seed }) => world.faults[name]!(new Dice(seed))),
            Effect.sleep(millis)
          )
        )
        yield* world.recovered
        yield* healing(world)
        // What was under way until now may still end as it began.
        journal.quietSince = performance.now()
        yield* Effect.sleep(quiet)
      }),
    { discard: true }
  )

/** Completes when all that the workers do has an end. */
const settled = (journal: Journal, fibers: ReadonlyArray<Fiber.RuntimeFiber<void>>): Effect.Effect<void> =>
  Fiber.joinAll(fibers).pipe(
    Effect.timeoutTo({
      duration: "15 seconds",
      onSuccess: () => undefined,
      onTimeout: () => journal.accuse(`never settled: ${journal.unsettled}`)
    })
  )

/** A promise that nobody hears of. */
const unhandled = (journal: Journal) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const listener = (reason: unknown) => journal.accuse(`nobody handled ${reason}`)
      process.on("unhandledRejection", listener).on("uncaughtException", listener)
      return listener
    }),
    (listener) => Effect.sync(() => process.off("unhandledRejection", listener).off("uncaughtException", listener))
  )

/** Closes the client, and finds what is left of it. */
const closing = (world: World, scope: Scope.CloseableScope): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { connections, journal } = world
    const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
    if (Duration.toMillis(took) > 1_000) journal.accuse(`closed in ${Duration.format(took)}`)
    for (let tries = 0; ; tries++) {
      const left = yield* Effect.orElseSucceed(connections, () => Number.NaN)
      if (left === 0) return
      if (tries === 50) return journal.accuse(`${left} connections are left of a closed client`)
      yield* Effect.sleep(20)
    }
  })

export const run = (habitat: Habitat, seed: number, lengths: Lengths): Effect.Effect<Summary> =>
  Effect.gen(function* () {
    const plan = draw(seed, habitat.repertoire, lengths)
    const journal = new Journal()
    yield* unhandled(journal)
    yield* Effect.forkScoped(journal.watchClock)
    const scope = yield* Scope.make()
    // On a busy machine the time that the plan gives for it may be too short.
    const connecting = Effect.retry(habitat.connect(plan.options), { times: 10 })
    const redis = yield* Effect.orDie(Scope.extend(connecting, scope))
    const world: World = { ...habitat, redis, journal, options: plan.options }
    const publisher = yield* Effect.forkScoped(publishing(world, habitat.channels))
    const fibers = yield* Effect.forEach(plan.jobs, (job, i) => Effect.forkScoped(working(world, job, i)))
    yield* episodes(world, plan)
    yield* journal.end
    yield* settled(journal, fibers)
    journal.quietSince = undefined
    yield* Fiber.interrupt(publisher)
    const { lost, repeated } = yield* Effect.orDie(journal.oracle.verify(habitat.direct))
    for (const what of [...repeated, ...(journal.mayLose ? [] : lost)]) journal.accuse(what)
    yield* closing(world, scope)
    // The next run counts anew.
    yield* habitat.empty
    const { done, errors, faults, wrong } = journal
    return { plan, done, errors, faults, wrong }
  }).pipe(Effect.scoped)

const kinds = ["done", "errors", "faults"] as const

const counted = (summaries: ReadonlyArray<Summary>): ReadonlyArray<string> =>
  kinds.flatMap((kind) => {
    const total: Record<string, number> = {}
    for (const summary of summaries) {
      for (const [name, count] of Object.entries(summary[kind])) total[name] = (total[name] ?? 0) + count
    }
    const most = Object.entries(total).sort(([, a], [, b]) => b - a)
    return [`  ${kind}`, ...most.map(([name, count]) => `    ${String(count).padStart(8)} ${name}`)]
  })

/** For people. */
export const tell = (summary: Summary): string => {
  const wrong = summary.wrong.map((what) => `    ${what}`)
  return [describe(summary.plan), ...counted([summary]), ...(wrong.length === 0 ? [] : ["  WRONG", ...wrong])].join(
    "\n"
  )
}

/** All of them together, for people. */
export const tellAll = (summaries: ReadonlyArray<Summary>): string => counted(summaries).join("\n")
