import { Clock, Effect } from "effect"

/** A clock whose wall time was set back when it was first looked at. */
export const setBack = (): Clock.Clock => {
  const live = Clock.make()
  let hours = 0
  const unsafeCurrentTimeMillis = () => live.unsafeCurrentTimeMillis() - hours++ * 3_600_000
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis,
    unsafeCurrentTimeNanos: () => live.unsafeCurrentTimeNanos(),
    currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis),
    currentTimeNanos: live.currentTimeNanos,
    sleep: (duration) => live.sleep(duration)
  }
}
