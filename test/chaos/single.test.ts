import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { draw } from "./plan.js"
import { run, tell } from "./run.js"
import * as singleServer from "./singleServer.js"

it.scopedLive(
  "scenario 33: random faults of one server and its network, and every promise is kept",
  () =>
    Effect.gen(function* () {
      const habitat = yield* singleServer.make
      const lengths = { run: 3_500, episode: 500 }
      for (const seed of [39, 44]) {
        const summary = yield* run(habitat, seed, lengths)
        expect(summary.wrong, tell(summary)).toEqual([])
        // The same seed makes the same plan.
        expect(draw(seed, habitat.repertoire, lengths)).toEqual(summary.plan)
      }
    }),
  60_000
)
