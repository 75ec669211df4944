/**
 * How options become words. Whatever cannot be sent becomes an `InvalidArgument`, so that the command fails when it is
 * run, before a byte is written.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { type Argument, InvalidArgument, type Word } from "../Command.js"

export { numberToText } from "./protocol/encoder.js"

/** A point in time. */
export type Instant = Date | DateTime.DateTime

/** Whole milliseconds of a duration. */
export const millis = (input: Duration.DurationInput, name: string): Word => {
  const value = Duration.decodeUnknown(Number.isNaN(input) ? undefined : input)
  if (value._tag === "None") return new InvalidArgument(`${name} is not a duration`)
  const result = Math.ceil(Duration.toMillis(value.value))
  return Number.isSafeInteger(result) ? result : new InvalidArgument(`${name} is not finite`)
}

/** Whole seconds of a duration, rounded up. */
export const wholeSeconds = (input: Duration.DurationInput, name: string): Word => {
  const value = millis(input, name)
  return typeof value === "number" ? Math.ceil(value / 1000) : value
}

/** How long a command may block: the word, in seconds, and the milliseconds that the engine is told. */
export interface BlockTimeout {
  readonly word: Word
  readonly blockMillis: number
}

/**
 * A blocking command's timeout. `Duration.infinity` is 0, which the server takes as without end; so that no other
 * duration is, what is shorter than a millisecond counts as one.
 */
export const blockTimeout = (input: Duration.DurationInput, name = "timeout"): BlockTimeout => {
  const value = Duration.decodeUnknown(Number.isNaN(input) ? undefined : input)
  if (value._tag === "None") return { word: new InvalidArgument(`${name} is not a duration`), blockMillis: 0 }
  if (!Duration.isFinite(value.value)) return { word: 0, blockMillis: 0 }
  const blockMillis = Math.max(1, Math.ceil(Duration.toMillis(value.value)))
  return { word: blockMillis / 1000, blockMillis }
}

/** The milliseconds of the epoch of an instant. */
export const epochMillis = (instant: Instant, name: string): Word => {
  const value = instant instanceof Date ? instant.getTime() : DateTime.toEpochMillis(instant)
  return Number.isSafeInteger(value) ? value : new InvalidArgument(`${name} is not a valid date`)
}

/** The seconds of the epoch of an instant, rounded up. */
export const epochSeconds = (instant: Instant, name: string): Word => {
  const value = epochMillis(instant, name)
  return typeof value === "number" ? Math.ceil(value / 1000) : value
}

/** A whole number within bounds. */
export const whole = (value: number, name: string, min = Number.MIN_SAFE_INTEGER): Word =>
  Number.isSafeInteger(value) && value >= min
    ? value
    : new InvalidArgument(
        `${name} must be a whole number${min === Number.MIN_SAFE_INTEGER ? "" : ` of at least ${min}`}`
      )

/** A whole number, as a bigint where it is beyond 2^53. */
export const wholeOrBigint = (value: number | bigint, name: string): Word =>
  typeof value === "bigint" ? value : whole(value, name)

/** A number, with or without a fraction, that is neither NaN nor infinite. */
export const finite = (value: number, name: string, min = Number.NEGATIVE_INFINITY): Word =>
  Number.isFinite(value) && value >= min
    ? value
    : new InvalidArgument(`${name} must be a number${min === Number.NEGATIVE_INFINITY ? "" : ` of at least ${min}`}`)

/** The word of a choice. What is none of them, as untyped code may give, must not pass for the last of them. */
export const choice = <A extends string>(value: A, words: Readonly<Record<A, string>>, name: string): Word =>
  Object.hasOwn(words, value)
    ? words[value]
    : new InvalidArgument(
        `${name} must be ${Object.keys(words)
          .map((word) => `"${word}"`)
          .join(" or ")}`
      )

/** The words of the conditions on what is there. */
export const presence = { absent: "NX", present: "XX" }

/** Refuses more than one of options that exclude each other. */
export const atMostOne = (options: object, names: ReadonlyArray<string>): ReadonlyArray<InvalidArgument> => {
  const given = names.filter((name) => {
    const value = (options as Record<string, unknown>)[name]
    return value !== undefined && value !== false
  })
  return given.length > 1 ? [new InvalidArgument(`options exclude each other: ${given.join(", ")}`)] : []
}

/** One value or a list of them. */
export type OneOrMany<A> = A | ReadonlyArray<A>

/** The words of a list that must not be empty. */
export const many = (values: OneOrMany<Argument>, name: string): ReadonlyArray<Word> => {
  if (!Array.isArray(values)) return [values as Argument]
  return values.length === 0 ? [new InvalidArgument(`${name} must not be empty`)] : values
}

/** Names with values: a record, or pairs where names are bytes or order matters. */
export type Entries<V = Argument> = Readonly<Record<string, V>> | ReadonlyArray<readonly [Argument, V]>

/** The words of names with values, which must not be empty. */
export const pairs = (entries: Entries, name: string): ReadonlyArray<Word> => {
  const list = Array.isArray(entries) ? entries : Object.entries(entries)
  return list.length === 0 ? [new InvalidArgument(`${name} must not be empty`)] : list.flat(1)
}

/** The words of an option, or none where it is not given. */
export const option = <A>(value: A | undefined, words: (value: A) => ReadonlyArray<Word>): ReadonlyArray<Word> =>
  value === undefined ? [] : words(value)

/** A word that is there or not. */
export const flag = (value: boolean | undefined, word: string): ReadonlyArray<Word> => (value === true ? [word] : [])
