/** What comes unasked: messages and lines of MONITOR, while another process makes them. */
import { type ChildProcess, fork } from "node:child_process"
import { type Job, timed } from "./job.js"
import type { Confirm, Load } from "./load.js"
import type { Sample } from "./measurement.js"
import type { Target, Unasked } from "./work.js"

export const channel = "news"

/** To be called with each delivery: whether it is what was sent. */
export type Deliver = (isRight: boolean) => void

/** Subscribes; completes when the server has confirmed. Gives what ends it. */
export type Listen = (deliver: Deliver) => Promise<() => unknown>

const confirmEvery = 500

const startLoad = ({ host, port }: Target, kind: "pubsub" | "monitor"): ChildProcess =>
  fork(new URL("load.js", import.meta.url), [host, String(port), kind])

/**
 * Each of so many subscribers gets what is sent. It listens only while it is measured, for the other contenders would
 * get everything, too.
 */
export const deliveryJob = async (work: Unasked, target: Target, listen: Listen): Promise<Job> => {
  const subscribers = work.kind === "pubsub" ? work.subscribers : 1
  const load = startLoad(target, work.kind)
  const measure = async (iterations: number): Promise<Sample> => {
    let left = iterations * subscribers
    let finish = { resolve: () => {}, reject: (_: Error) => {} }
    const close = await listen((isRight) => {
      if (!isRight) finish.reject(new Error("wrong delivery"))
      left--
      if (left % (confirmEvery * subscribers) === 0) load.send({ confirmed: confirmEvery } satisfies Confirm)
      if (left === 0) finish.resolve()
    })
    const all = () =>
      new Promise<void>((resolve, reject) => {
        finish = { resolve, reject }
        load.send({ messages: iterations } satisfies Load)
      })
    const sample = await timed(all, { operations: subscribers })(iterations)
    await close()
    return sample
  }
  return { measure, atLeast: 100, close: () => load.disconnect() }
}
