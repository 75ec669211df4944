import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as cluster from "./cluster.js"
import { run, tell } from "./run.js"

it.scopedLive(
  "scenario 33: random faults of a cluster and its network, and every promise is kept",
  () =>
    Effect.gen(function* () {
      const { wrong, ...rest } = yield* run(yield* cluster.make, 37, { run: 5_000, episode: 700 })
      expect(wrong, tell({ wrong, ...rest })).toEqual([])
    }),
  90_000
)
