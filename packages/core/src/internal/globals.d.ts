/** What every JavaScript runtime has and the ECMAScript library does not declare. */
interface Timer {
  unref?(): void
}
declare function setTimeout(run: () => void, millis: number): Timer
declare function clearTimeout(timer: Timer | undefined): void
declare function setInterval(run: () => void, millis: number): Timer
declare function clearInterval(timer: Timer | undefined): void
declare function queueMicrotask(run: () => void): void
declare const performance: { now(): number }
