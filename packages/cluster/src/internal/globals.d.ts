/** What every JavaScript runtime has and the ECMAScript library does not declare. */
declare const performance: { now(): number }
declare function setTimeout(run: () => void, millis: number): unknown
declare function clearTimeout(timer: ReturnType<typeof setTimeout> | undefined): void
