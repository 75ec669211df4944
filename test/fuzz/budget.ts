/**
 * How much fuzzing there is: a fixed number of runs from a fixed seed; or, with EFFECT_RESP_FUZZ_SECONDS, from a fresh seed
 * (or EFFECT_RESP_FUZZ_SEED) for so many seconds, of which each property of a file has its share.
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import * as fc from "effect/FastCheck"
import { vi } from "vitest"

const seconds = Number(process.env.EFFECT_RESP_FUZZ_SECONDS || 0)
const firstSeed = Number(process.env.EFFECT_RESP_FUZZ_SEED || (seconds > 0 ? Date.now() % 2 ** 31 : 20_251_121))

let properties = 0

if (seconds > 0) {
  vi.setConfig({ testTimeout: (seconds + 60) * 1_000 })
  console.log(`EFFECT_RESP_FUZZ_SEED=${firstSeed}`)
}

/** The test of a property. What fails is shown with the seed and the path to it. */
export const fuzz = <Ts>(numRuns: number, property: fc.IRawProperty<Ts>): (() => Promise<void>) => {
  properties++
  return async () => {
    const end = performance.now() + (seconds * 1_000) / properties
    let seed = firstSeed
    do {
      await fc.assert(property as fc.IAsyncProperty<Ts>, { seed: seed++, numRuns })
      // The runner wants to hear of its worker in between.
      await nextTurn()
    } while (performance.now() < end)
  }
}

/** Sizes to cut by. */
export const sizes = (max: number) => fc.array(fc.integer({ min: 1, max }), { minLength: 1, maxLength: 6 })
