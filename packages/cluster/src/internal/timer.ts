/** The longest time that a timer takes, in milliseconds; more is for ever. */
const longest = 2 ** 31 - 1

/** A timer that runs something after so many milliseconds; none where that is for ever. */
export const startTimer = (run: () => void, millis: number): ReturnType<typeof setTimeout> | undefined =>
  millis > longest ? undefined : setTimeout(run, millis)
