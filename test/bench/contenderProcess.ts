/** A contender's process, as the benchmark sees it. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Contender } from "./contenders.js"
import type { Answer, Request } from "./messages.js"

const patienceMillis = 120_000

export class ContenderProcess {
  private readonly child: ChildProcess
  constructor(private readonly contender: Contender) {
    this.child = fork(new URL("contender.js", import.meta.url), [contender.id], { execArgv: ["--expose-gc"] })
  }
  /** Fails when the process says that something failed, ends, or is silent for long. */
  async ask(request: Request): Promise<Answer> {
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(patienceMillis)])
    const told = once(this.child, "message", { signal }).then(([answer]: Array<Answer>) => answer)
    const ended = once(this.child, "exit", { signal }).then(() => undefined)
    this.child.send(request)
    try {
      const answer = await Promise.race([told, ended])
      if (answer === undefined) throw new Error("its process ended")
      if (answer.type === "failed") throw new Error(answer.message)
      return answer
    } catch (error) {
      throw new Error(`${this.contender.title}: ${error instanceof Error ? error.message : error}`)
    } finally {
      // Whichever has not come is not waited for any more.
      told.catch(() => {})
      ended.catch(() => {})
      over.abort()
    }
  }
  end(): void {
    this.child.kill("SIGKILL")
  }
}
