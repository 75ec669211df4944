/** What Effect itself takes, with no client, server or socket: the floor of clients whose users write Effects. */
import { setTimeout as delay } from "node:timers/promises"
import { Chunk, Effect, Exit, Fiber, Stream } from "effect"
import { freshJob } from "../fresh.js"
import { type Open, timed, Unsupported } from "../job.js"
import { valueOf } from "../work.js"

/** About as many as a read of a socket brings. */
const batch = 500

const messages = Chunk.fromIterable(Array.from({ length: batch }, () => ({ data: valueOf(64) })))

/** Messages that are there already, through as many streams as there are subscribers. */
const deliver = async (subscribers: number, iterations: number): Promise<void> => {
  let left = iterations * subscribers
  const all = Stream.forever(Stream.fromChunk(messages)).pipe(Stream.take(iterations))
  const listen = Stream.runForEach(all, ({ data }) =>
    Effect.sync(() => {
      if (data.length === 64) left--
    })
  )
  await Effect.runPromise(
    Effect.forEach(Array.from({ length: subscribers }), () => listen, { concurrency: "unbounded", discard: true })
  )
  if (left !== 0) throw new Error("not everything was delivered")
}

/** Fibers that wait for nothing but the time to end. */
const flood = async (count: number): Promise<void> => {
  const waiting: Array<() => void> = []
  const wait = Effect.async<void>((resume) => {
    waiting.push(() => resume(Exit.void))
  })
  const fiber = Effect.runFork(
    Effect.forEach(Array.from({ length: count }), () => wait, { concurrency: "unbounded", discard: true })
  )
  await delay(1000)
  for (const resume of waiting) resume()
  await Effect.runPromise(Fiber.join(fiber))
}

export const open: Open = async (work, target) => {
  if (work.kind === "pubsub") {
    const { subscribers } = work
    const measure = timed((iterations) => deliver(subscribers, iterations), { operations: subscribers })
    return { measure, atLeast: batch, close: () => {} }
  }
  if (work.kind === "in-flight") {
    return freshJob(work, target, async () => ({ get: () => Promise.resolve(), flood, close: () => {} }))
  }
  return new Unsupported("nothing to do without a server")
}
