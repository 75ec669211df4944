/** What a client is measured by, in its own process. */
import type { Sample } from "./measurement.js"
import type { Operation } from "./operation.js"
import { quantile } from "./statistics.js"
import type { Import, Target, Work } from "./work.js"

export interface Job {
  /** Does it so many times. */
  readonly measure: (iterations: number) => Promise<Sample>
  /** Fewer iterations at a time would not be what is to be measured. */
  readonly atLeast?: number
  readonly close: () => unknown
}

/** A client cannot do it, or has no way of its own to. */
export class Unsupported {
  constructor(readonly reason: string) {}
}

/** Connects and makes ready. What is imported needs no client to do it. */
export type Open = (work: Exclude<Work, Import>, target: Target) => Promise<Job | Unsupported>

export class WrongReply extends Error {
  constructor(reply: unknown) {
    super(`wrong reply: ${String(JSON.stringify(reply)).slice(0, 200)}`)
  }
}

/** The latencies of some operations: to look at the clock for all of them would cost the fast clients more. */
export class Latencies {
  private readonly micros: Array<number> = []
  constructor(private readonly every: 1 | 16) {}
  /** When the operation starts, or 0 if it is not looked at. */
  start(index: number): number {
    return (index & (this.every - 1)) === 0 ? performance.now() : 0
  }
  end(start: number): void {
    if (start > 0) this.micros.push((performance.now() - start) * 1000)
  }
  quantile(fraction: number): number | undefined {
    return this.micros.length === 0 ? undefined : quantile(this.micros, fraction)
  }
}

/** Does it so many times. What happens before `start` is called, if it is, does not count. */
export type Run = (iterations: number, latencies: Latencies, start: () => void) => Promise<unknown>

/** Measures a run, each iteration of which counts for so many operations. */
export const timed =
  (run: Run, { every = 16, operations = 1 }: { every?: 1 | 16; operations?: number } = {}): Job["measure"] =>
  async (iterations) => {
    const latencies = new Latencies(every)
    let cpuBefore = process.cpuUsage()
    let started = performance.now()
    await run(iterations, latencies, () => {
      cpuBefore = process.cpuUsage()
      started = performance.now()
    })
    const seconds = (performance.now() - started) / 1000
    const { system, user } = process.cpuUsage(cpuBefore)
    const count = iterations * operations
    return {
      value: count / seconds,
      operations: count,
      seconds,
      cpuMicros: (user + system) / count,
      p50: latencies.quantile(0.5),
      p99: latencies.quantile(0.99)
    }
  }

/** The job of an operation, and of how a client does many of them. */
export const jobOf = <T>(
  operation: Operation<T>,
  repeat: (operation: Operation<T>) => Run,
  close: () => unknown
): Job => ({
  measure: timed(repeat(operation), { every: operation.workers === 1 ? 1 : 16, operations: operation.commands }),
  atLeast: operation.workers * 10,
  close
})

/** Where workers wait until all of them are there: to start ten thousand is not what is measured. */
export class StartingLine {
  private open = () => {}
  private readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
  constructor(
    private missing: number,
    private readonly start: () => void
  ) {}
  arrive(): Promise<void> {
    if (--this.missing === 0) {
      this.start()
      this.open()
    }
    return this.opened
  }
}

/** Loops, each awaiting its operation before the next. */
export const loops =
  ({ isRight, start, workers }: Operation<Promise<unknown>>): Run =>
  async (iterations, latencies, onStart) => {
    let left = iterations
    const line = new StartingLine(workers, onStart)
    const loop = async (worker: number) => {
      if (!isRight(await start(0, worker))) throw new WrongReply("at the start")
      await line.arrive()
      while (left > 0) {
        const index = --left
        const began = latencies.start(index)
        const reply = await start(index, worker)
        latencies.end(began)
        if (!isRight(reply)) throw new WrongReply(reply)
      }
    }
    await Promise.all(Array.from({ length: workers }, (_, worker) => loop(worker)))
  }
