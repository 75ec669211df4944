import { Redis } from "@effect-resp/core"
import { Effect, Schedule } from "effect"

/** Asks again until the answer is as it should be. */
export const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  effect.pipe(
    Effect.repeat({ until: holds, schedule: Schedule.spaced("10 millis") }),
    Effect.timeout("5 seconds"),
    Effect.andThen(effect)
  )

/** The number, when it has stayed the same for a while. */
export const settled = <E, R>(effect: Effect.Effect<number, E, R>) =>
  Effect.suspend(() => {
    let last = Number.NaN
    let times = 0
    return eventually(effect, (value) => {
      times = value === last ? times + 1 : 0
      last = value
      return times === 5
    })
  })

/** The server has no subscriptions left. */
export const noSubscriptions = eventually(
  Effect.all([Redis.pubsubChannels(), Redis.pubsubNumpat, Redis.pubsubShardchannels()]),
  ([channels, patterns, shardChannels]) => channels.length + patterns + shardChannels.length === 0
)
