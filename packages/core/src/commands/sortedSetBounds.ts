/**
 * Scores and bounds of sorted sets as words, and members with scores as replies.
 *
 * @since 0.1.0
 */
import { type Argument, InvalidArgument, type Word } from "../Command.js"
import { numberToText, option, whole } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

/**
 * Members with their scores, in the order sent.
 *
 * @since 0.1.0
 * @category models
 */
export type ScoredMembers<M = string> = ReadonlyArray<readonly [member: M, score: number]>

/**
 * An end of a range of scores: the score itself is within, unless it is `exclusive`. `-Infinity` and `Infinity` are
 * allowed.
 *
 * @since 0.1.0
 * @category options
 */
export type ScoreBound = number | { readonly exclusive: number }

/**
 * An end of a range of members, in the order of their bytes: `"-"` is before all of them and `"+"` after all.
 *
 * @since 0.1.0
 * @category options
 */
export type LexBound = "-" | "+" | { readonly inclusive: Argument } | { readonly exclusive: Argument }

/**
 * A part of a range: skip `offset` members, by default none, and give at most `count`, by default all.
 *
 * @since 0.1.0
 * @category options
 */
export interface RangeLimit {
  readonly offset?: number
  readonly count?: number
}

/** Members with their scores, from either protocol. */
export const scoredMembers = Reply.pairs(Reply.text, Reply.double)

/** A score or a weight, which may be infinite. */
export const scoreWord = (value: number, name: string): Word => {
  if (typeof value !== "number" || Number.isNaN(value)) return new InvalidArgument(`${name} is not a number`)
  return Number.isFinite(value) ? value : value > 0 ? "+inf" : "-inf"
}

/** An end of a range of scores. */
export const scoreBound = (bound: ScoreBound, name: string): Word => {
  if (typeof bound !== "object") return scoreWord(bound, name)
  const word = scoreWord(bound.exclusive, name)
  return word instanceof InvalidArgument ? word : `(${word}`
}

const prefixed = (prefix: "[" | "(", value: Argument, name: string): Word => {
  if (value instanceof Uint8Array) {
    const bytes = new Uint8Array(value.length + 1)
    bytes[0] = prefix.charCodeAt(0)
    bytes.set(value, 1)
    return bytes
  }
  if (typeof value === "number" && !Number.isFinite(value)) return new InvalidArgument(`${name} is not finite`)
  if (typeof value === "number") return `${prefix}${numberToText(value)}`
  return typeof value === "string" || typeof value === "bigint"
    ? `${prefix}${value}`
    : new InvalidArgument(`${name} must be text, a number or bytes`)
}

/** An end of a range of members. */
export const lexBound = (bound: LexBound, name: string): Word =>
  bound === "-" || bound === "+"
    ? bound
    : typeof bound !== "object"
      ? new InvalidArgument(`${name} must be "-", "+", { inclusive } or { exclusive }`)
      : "inclusive" in bound
        ? prefixed("[", bound.inclusive, name)
        : prefixed("(", bound.exclusive, name)

/** `LIMIT offset count`. */
export const limitWords = (limit: RangeLimit | undefined): ReadonlyArray<Word> =>
  option(limit, ({ offset = 0, count = -1 }) => [
    "LIMIT",
    whole(offset, "limit.offset", 0),
    whole(count, "limit.count")
  ])
