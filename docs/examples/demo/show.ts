/** How the demo prints: titles, a word of explanation, and code beside what it gave. */
import { inspect } from "node:util"
import type { Redis, RedisError } from "@effect-resp/core"
import type { NodeRedisServer } from "@effect-resp/node"
import { Console, Duration, Effect, Either, Option } from "effect"

const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR
const paint = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text)
const bold = paint(1)
const grey = paint(90)
const cyan = paint(36)
const red = paint(31)

/** One part of the demo. */
export interface Section {
  readonly title: string
  readonly about: string
  readonly body: Effect.Effect<void, unknown, Redis.Redis | NodeRedisServer.NodeRedisServer>
}

/** A value as a person would write it. */
export const format = (value: unknown): string => {
  if (Option.isOption(value)) return Option.isNone(value) ? "None" : `Some(${format(value.value)})`
  if (Either.isEither(value)) {
    return Either.isRight(value) ? `Right(${format(value.right)})` : `Left(${formatError(value.left)})`
  }
  if (Duration.isDuration(value)) return Duration.format(value)
  if (value instanceof Uint8Array)
    return `bytes ${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`
  if (value instanceof Error) return formatError(value)
  if (value instanceof Set) return `Set { ${[...value].map(format).join(", ")} }`
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "number") return Number.isSafeInteger(value) ? value.toLocaleString("en-US") : String(value)
  if (Array.isArray(value)) return `[${value.map(format).join(", ")}]`
  if (typeof value === "object" && value !== null && !(inspect.custom in value)) {
    return `{ ${Object.entries(value)
      .map(([name, part]) => `${name}: ${format(part)}`)
      .join(", ")} }`
  }
  return inspect(value)
}

const formatError = (error: unknown): string => {
  const { _tag, command, position } = error as Partial<RedisError.RedisError>
  return red(
    [_tag ?? "Error", command, position === undefined ? undefined : `at ${position}`].filter(Boolean).join(" ")
  )
}

const width = 62

const beside = (left: string, right: string): string => `   ${left.padEnd(width)}  ${right}`.trimEnd()

/** Code, or a word of what was done, and its result. */
export const show = (left: string, result: unknown): Effect.Effect<void> =>
  Console.log(beside(left, cyan(format(result))))

/** As `show`, with words where the result is no value. */
export const tell = (left: string, words: string): Effect.Effect<void> => Console.log(beside(left, cyan(words)))

/** Runs an Effect and shows its code beside its result. */
export const run = <A, E, R>(code: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tap(effect, (result) => show(code, result))

/** Runs an Effect that must fail, and shows its code beside the error, and what the error says. */
export const fails = <A, E extends Error, R>(code: string, effect: Effect.Effect<A, E, R>): Effect.Effect<E, A, R> =>
  Effect.tap(Effect.flip(effect), (error) =>
    Effect.zipRight(show(code, error), Console.log(`     ${grey(error.message)}`))
  )

/** The demo shows nothing that is not so: what does not hold ends it. */
export const must = (holds: boolean, what: string): Effect.Effect<void> =>
  holds ? Effect.void : Effect.dieMessage(`the demo expected that ${what}`)

/** Whole milliseconds of what took so long, or one place more where it was quick. */
export const millis = (duration: Duration.Duration): string => {
  const value = Duration.toMillis(duration)
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

export const heading = (number: number, { about, title }: Section): Effect.Effect<void> =>
  Console.log(`\n${bold(`${String(number).padStart(2)} ${title}`)}\n   ${grey(about)}\n`)

export const banner = (text: string, details: string): Effect.Effect<void> =>
  Console.log(`\n${bold(text)}  ${grey(details)}`)
