/** Optimistic locking: workers that read a counter, and set it to one more unless somebody else has meanwhile. */
import { type Job, jobOf, type Run } from "./job.js"
import type { Operation } from "./operation.js"
import type { Watch } from "./work.js"

export interface Watcher<T> {
  /** WATCH, GET, MULTI, SET, EXEC, again until it is committed; `true` in the end. */
  readonly increment: (key: string, worker: number) => T
  readonly repeat: (operation: Operation<T>) => Run
  readonly set: (key: string, value: string) => Promise<unknown>
  readonly get: (key: string) => Promise<unknown>
  readonly close: () => unknown
}

/** Counts commits, and sees in the end that the counters are as high. */
export const watchJob = async <T>(
  { contended, workers }: Watch,
  { close, get, increment, repeat, set }: Watcher<T>
): Promise<Job> => {
  // Not those of the other contenders, whose turns come in between.
  const keys = Array.from({ length: contended ? 1 : workers }, (_, worker) => `counter:${process.pid}:${worker}`)
  let commits = 0
  const operation: Operation<T> = {
    start: (_, worker) => increment(keys[worker % keys.length] ?? "", worker),
    isRight: (reply) => {
      commits++
      return reply === true
    },
    workers,
    commands: 1
  }
  for (const key of keys) await set(key, "0")
  return jobOf(operation, repeat, async () => {
    let sum = 0
    for (const key of keys) sum += Number(await get(key))
    await close()
    if (sum !== commits) throw new Error(`${commits} commits, but the counters say ${sum}`)
  })
}

/** For clients whose commands are promises: one attempt, which tells whether it was committed. */
export const untilCommitted = async (attempt: () => Promise<boolean>): Promise<true> => {
  while (!(await attempt())) {
    // Somebody else was faster.
  }
  return true
}
