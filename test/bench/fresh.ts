/** What is measured once in a process of its own: starting, and what is kept in memory. */
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { type Job, Unsupported } from "./job.js"
import { encode } from "./resp.js"
import type { Fresh, Target } from "./work.js"

export interface Session {
  /** One GET. */
  readonly get: () => Promise<unknown>
  /** So many at a time. */
  readonly flood: (count: number) => Promise<unknown>
  readonly close: () => unknown
}

const jobOfFigure = (figure: () => Promise<number>): Job => ({
  measure: async () => {
    const start = performance.now()
    const value = await figure()
    const seconds = (performance.now() - start) / 1000
    return { value, operations: 1, seconds, cpuMicros: undefined, p50: undefined, p99: undefined }
  },
  close: () => {}
})

/** The time and CPU of something that is done for the first time. */
const jobOfStart = (start: () => Promise<unknown>): Job => ({
  measure: async () => {
    const cpuBefore = process.cpuUsage()
    const began = performance.now()
    await start()
    const millis = performance.now() - began
    const { system, user } = process.cpuUsage(cpuBefore)
    return {
      value: millis,
      operations: 1,
      seconds: millis / 1000,
      cpuMicros: user + system,
      p50: undefined,
      p99: undefined
    }
  },
  close: () => {}
})

const occupied = async (): Promise<number> => {
  // What hangs on to what has just ended is let go of first.
  await delay(100)
  global.gc?.()
  global.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const pauseMillis = 2000

/** The server reads and answers nothing for a while. */
const pause = async ({ host, port }: Target): Promise<void> => {
  const socket = connect({ host, port })
  socket.write(encode("CLIENT", "PAUSE", String(pauseMillis), "ALL"))
  await once(socket, "data")
  socket.destroy()
}

/** `open` connects, and completes when it is connected. */
export const freshJob = (work: Fresh, target: Target, open: () => Promise<Session>): Job => {
  switch (work.kind) {
    case "first-reply":
      return jobOfStart(async () => (await open()).get())
    case "idle-connection":
      return jobOfFigure(async () => {
        const sessions = [await open()]
        const before = await occupied()
        for (let i = 0; i < work.count; i++) sessions.push(await open())
        const after = await occupied()
        for (const session of sessions) await session.close()
        return (after - before) / work.count
      })
    case "in-flight":
      return jobOfFigure(async () => {
        const session = await open()
        await session.flood(100)
        const before = await occupied()
        await pause(target)
        const start = performance.now()
        const replies = session.flood(work.count)
        const after = await occupied()
        if (performance.now() - start > pauseMillis) throw new Error("the server's pause was too short")
        await replies
        await session.close()
        return (after - before) / work.count
      })
  }
}

/** `after` is imported before, and does not count. */
export const importJob = async (
  imports: ReadonlyArray<string>,
  after: ReadonlyArray<string>
): Promise<Job | Unsupported> => {
  if (imports.length === 0) return new Unsupported("nothing to import")
  for (const name of after) await import(name)
  return jobOfStart(() => Promise.all(imports.map((name) => import(name))))
}
