/** A contest: rounds, in each of which every contender has its turn, one at a time. */

import { ContenderProcess } from "./contenderProcess.js"
import type { Contender } from "./contenders.js"
import type { Outcome, Result, Sample, WorkloadInfo } from "./measurement.js"
import type { Answer, Request } from "./messages.js"
import { isFresh, type Target } from "./work.js"
import type { Workload } from "./workloads.js"

export interface Settings {
  readonly rounds: number
  readonly spanMillis: number
}

type Prepare = Request & { readonly type: "prepare" }

const unexpected = (answer: Answer): Error => new Error(`unexpected ${answer.type}`)

class Outcomes {
  private readonly samples = new Map<Contender, Array<Sample>>()
  private readonly reasons = new Map<Contender, string>()

  add(contender: Contender, answer: Answer): void {
    if (answer.type === "sample") {
      const samples = this.samples.get(contender) ?? []
      samples.push(answer.sample)
      this.samples.set(contender, samples)
    } else if (answer.type === "unsupported") {
      // Bounds are no clients: there is nothing that they should be able to do.
      if (!contender.bound) this.reasons.set(contender, answer.reason)
    } else throw unexpected(answer)
  }
  toRecord(): Record<string, Outcome> {
    return Object.fromEntries([
      ...[...this.samples].map(([{ id }, samples]) => [id, { _tag: "Measured", samples }] as const),
      ...[...this.reasons].map(([{ id }, reason]) => [id, { _tag: "Unsupported", reason }] as const)
    ])
  }
}

/** The processes of a run, alive from a contender's first workload to its end. */
export class Contest {
  private readonly processes = new Map<Contender, ContenderProcess>()

  constructor(
    private readonly contenders: ReadonlyArray<Contender>,
    private readonly settings: Settings
  ) {}

  private processOf(contender: Contender): ContenderProcess {
    const process = this.processes.get(contender) ?? new ContenderProcess(contender)
    this.processes.set(contender, process)
    return process
  }

  async measure({ info, work }: Workload, target: Target): Promise<Result> {
    const request = { type: "prepare", work, target, spanMillis: this.settings.spanMillis } as const
    return isFresh(work) ? this.inNewProcesses(info, request) : this.inOldProcesses(info, request)
  }

  private async inOldProcesses(workload: WorkloadInfo, request: Prepare): Promise<Result> {
    const outcomes = new Outcomes()
    const able: Array<Contender> = []
    for (const contender of this.contenders) {
      const answer = await this.processOf(contender).ask(request)
      if (answer.type === "prepared") able.push(contender)
      else outcomes.add(contender, answer)
    }
    await this.eachRound(able, async (contender) =>
      outcomes.add(contender, await this.processOf(contender).ask({ type: "measure" }))
    )
    for (const contender of able) await this.processOf(contender).ask({ type: "finish" })
    return { workload, outcomes: outcomes.toRecord() }
  }

  private async inNewProcesses(workload: WorkloadInfo, request: Prepare): Promise<Result> {
    const outcomes = new Outcomes()
    await this.eachRound(this.contenders, async (contender) => {
      const process = new ContenderProcess(contender)
      try {
        const answer = await process.ask(request)
        outcomes.add(contender, answer.type === "prepared" ? await process.ask({ type: "measure" }) : answer)
      } finally {
        process.end()
      }
    })
    return { workload, outcomes: outcomes.toRecord() }
  }

  /** Each round begins with another. */
  private async eachRound(contenders: ReadonlyArray<Contender>, turn: (contender: Contender) => Promise<void>) {
    for (let round = 0; round < this.settings.rounds; round++) {
      const first = round % contenders.length
      for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) await turn(contender)
    }
  }

  end(): void {
    for (const process of this.processes.values()) process.end()
  }
}
