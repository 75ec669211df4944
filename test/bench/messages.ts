/** What the benchmark and a contender's process tell each other. */
import type { Sample } from "./measurement.js"
import type { Target, Work } from "./work.js"

export type Request =
  | { readonly type: "prepare"; readonly work: Work; readonly target: Target; readonly spanMillis: number }
  | { readonly type: "measure" }
  | { readonly type: "finish" }

export type Answer =
  | { readonly type: "prepared" }
  | { readonly type: "unsupported"; readonly reason: string }
  | { readonly type: "sample"; readonly sample: Sample }
  | { readonly type: "finished" }
  | { readonly type: "failed"; readonly message: string }
