/** What a run of chaos does, drawn from a seed: the same seed gives the same plan, whatever then interleaves. */
import type { ConnectionPool } from "@effect-resp/core"
import { PCGRandom } from "effect/Utils"

export class Dice {
  private readonly random: PCGRandom
  constructor(seed: number) {
    this.random = new PCGRandom(seed)
  }
  /** A whole number from 0 to below. */
  below(max: number): number {
    return this.random.integer(max)
  }
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }
  chance(probability: number): boolean {
    return this.random.number() < probability
  }
  pick<A>(from: ReadonlyArray<A>): A {
    return from[this.below(from.length)]!
  }
  seed(): number {
    return this.below(0x7fff_ffff)
  }
}

/** What one worker does over and over. */
export interface Job {
  readonly work: string
  readonly seed: number
  /** The longest pause in milliseconds between two steps. */
  readonly pause: number
  /** How likely a caller interrupts what it waits for. */
  readonly impatience: number
}

/** Faults that hold at the same time, and the quiet after them. */
export interface Episode {
  readonly faults: ReadonlyArray<{ readonly name: string; readonly seed: number }>
  readonly millis: number
  readonly quiet: number
}

export interface Plan {
  readonly seed: number
  readonly options: ConnectionPool.Options & { readonly commandTimeout: number; readonly reserveTimeout: number }
  readonly jobs: ReadonlyArray<Job>
  readonly episodes: ReadonlyArray<Episode>
}

/** What there is to draw from. */
export interface Repertoire {
  /** Each with how many do it. */
  readonly works: Readonly<Record<string, number>>
  /** Of these at most one at a time, for one server is in one state. */
  readonly serverFaults: ReadonlyArray<string>
  readonly networkFaults: ReadonlyArray<string>
}

const episode = (dice: Dice, { networkFaults, serverFaults }: Repertoire, longest: number): Episode => {
  const names = dice.chance(0.6) ? [dice.pick(serverFaults)] : [dice.pick(networkFaults)]
  if (dice.chance(0.5)) names.push(dice.pick(networkFaults))
  return {
    faults: [...new Set(names)].map((name) => ({ name, seed: dice.seed() })),
    millis: dice.between(150, longest),
    quiet: dice.between(100, 400)
  }
}

/** How long a run is to take, and one episode of it at most, in milliseconds. */
export interface Lengths {
  readonly run: number
  readonly episode: number
}

/** What servers take to be well again, on average. */
const recovery = 200

/** As many episodes as go into the time. */
export const draw = (seed: number, repertoire: Repertoire, lengths: Lengths): Plan => {
  const dice = new Dice(seed)
  const options: Plan["options"] = {
    protocol: dice.pick([2, 3]),
    connections: dice.pick([1, 1, 2, 3]),
    commandTimeout: dice.pick([600, 1_000, 2_000]),
    connectTimeout: dice.pick([600, 1_000]),
    reserveTimeout: dice.pick([600, 1_500]),
    closeTimeout: 500,
    watchdog: dice.pick([500, 1_000, 1_500]),
    keepAlive: dice.pick([100, 500]),
    maxReserved: dice.pick([16, 64]),
    reservedIdleTimeout: dice.pick([100, 60_000]),
    maxInFlight: dice.pick([2, 32, 16_384]),
    whileDisconnected: dice.pick(["wait", "wait", "fail"])
  }
  const jobs = Object.entries(repertoire.works).flatMap(([work, count]) =>
    Array.from({ length: count }, () => ({
      work,
      seed: dice.seed(),
      pause: dice.pick([1, 5, 20]),
      impatience: dice.pick([0, 0.05, 0.3])
    }))
  )
  const episodes: Array<Episode> = []
  for (let left = lengths.run; left > 0; ) {
    const next = episode(dice, repertoire, lengths.episode)
    episodes.push(next)
    left -= next.millis + next.quiet + recovery
  }
  return { seed, options, jobs, episodes }
}

/** For people. */
export const describe = ({ episodes, options, seed }: Plan): string =>
  [
    `seed ${seed} ${JSON.stringify(options)}`,
    ...episodes.map(
      ({ faults, millis, quiet }) => `  ${faults.map(({ name }) => name).join("+")} ${millis}/${quiet} ms`
    )
  ].join("\n")
