/** The process of one contender: it does what it is told, and tells what it took. */
import { contenders } from "./contenders.js"
import { importJob } from "./fresh.js"
import { type Job, Unsupported } from "./job.js"
import type { Answer, Request } from "./messages.js"
import { isFresh } from "./work.js"

const passMillis = 100
/** So many spans at most, of which the full run's are longer. */
const patience = 10

/**
 * Warms up until it gets no faster, twice in a row: code is compiled while it runs, and the more of it there is the longer
 * that takes. Gives how many iterations take about the span then.
 */
const warmUp = async (job: Job, spanMillis: number): Promise<number> => {
  const least = job.atLeast ?? 1
  const end = performance.now() + spanMillis * patience
  let iterations = least
  let best = 0
  let level = 0
  for (;;) {
    const millis = (await job.measure(iterations)).seconds * 1000
    const speed = iterations / millis
    const isLong = millis >= passMillis / 2
    level = isLong && speed < best * 1.05 ? level + 1 : 0
    best = Math.max(best, speed)
    if (level === 2 || (isLong && performance.now() > end)) return Math.max(least, Math.round(best * spanMillis))
    iterations = isLong ? Math.max(least, Math.round(best * passMillis)) : iterations * 2
  }
}

const [id] = process.argv.slice(2)
const contender = contenders.find((contender) => contender.id === id)
if (contender === undefined) throw new Error(`no contender ${id}`)

let job: Job | undefined
let iterations = 1

const answer = async (request: Request): Promise<Answer> => {
  switch (request.type) {
    case "prepare": {
      const { work } = request
      const opened =
        work.kind === "import"
          ? await importJob(contender.imports, work.after)
          : await (await contender.load())(work, request.target)
      if (opened instanceof Unsupported) return { type: "unsupported", reason: opened.reason }
      job = opened
      iterations = isFresh(work) ? 1 : await warmUp(opened, request.spanMillis)
      return { type: "prepared" }
    }
    case "measure": {
      if (job === undefined) throw new Error("nothing prepared")
      return { type: "sample", sample: await job.measure(iterations) }
    }
    case "finish": {
      await job?.close()
      job = undefined
      return { type: "finished" }
    }
  }
}

const send = (message: Answer) => process.send?.(message)

process.on("message", (request: Request) => {
  answer(request).then(send, (error: unknown) =>
    send({ type: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  )
})
process.on("disconnect", () => process.exit())
