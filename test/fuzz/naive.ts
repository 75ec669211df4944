/**
 * The plainest reading of RESP there is: recursive, over the whole input, with no thought for speed. It takes more than it
 * should, and stops where it understands nothing more.
 */
import { RespError, RespMap, RespSet, type RespValue } from "@effect-resp/core/internal/protocol/value"
import type { Event } from "../unit/protocol/support.js"

/** What was read, and behind which byte each reply or push of its own ended. */
export interface Reading {
  readonly events: ReadonlyArray<Event>
  readonly ends: ReadonlyArray<number>
}

class Unreadable extends Error {}

const stop = (why: string): never => {
  throw new Unreadable(why)
}

export const readNaively = (input: Uint8Array): Reading => {
  const buffer = Buffer.from(input)
  const text = (bytes: Buffer) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
  const events: Array<Event> = []
  const ends: Array<number> = []
  let at = 0
  const line = () => {
    const end = buffer.indexOf("\r\n", at)
    if (end <= at) stop("no line")
    const bytes = buffer.subarray(at, end)
    at = end + 2
    return bytes
  }
  const number = (rest: string) => (/^-?\d+$/.test(rest) ? Number(rest) : stop("no number"))
  const take = (length: number) => {
    if (length < 0 || at + length + 2 > buffer.length) stop("not there")
    const bytes = buffer.subarray(at, at + length)
    at += length + 2
    return bytes
  }
  const integer = (rest: string) => (/^[+-]?\d+$/.test(rest) ? BigInt(rest.replace("+", "")) : stop("no integer"))
  const error = (text: string) => new RespError(/^([A-Z][A-Z0-9_]*)( |$)/.exec(text)?.[1] ?? "ERR", text)
  const many = (rest: string, times: number): Array<RespValue> => {
    const values: Array<RespValue> = []
    if (rest === "?") {
      for (let value = next(); value !== "end"; value = next()) if (value !== "aside") values.push(value.value)
    } else {
      for (const count = number(rest) * times; values.length < count; ) {
        const value = next()
        if (value === "end") return stop("an end in a counted aggregate")
        if (value !== "aside") values.push(value.value)
      }
    }
    return values
  }
  const next = (): { value: RespValue } | "aside" | "end" => {
    const header = line()
    const rest = text(header.subarray(1))
    switch (String.fromCharCode(header[0]!)) {
      case "+":
        return { value: rest }
      case "-":
        return { value: error(rest) }
      case ":": {
        const exact = integer(rest)
        return {
          value:
            BigInt(Number.MIN_SAFE_INTEGER) <= exact && exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : exact
        }
      }
      case "_":
        return { value: null }
      case "#":
        return { value: rest === "t" }
      case ",":
        return { value: Number(rest.replace("inf", "Infinity").replace("nan", "NaN")) }
      case "(":
        return { value: integer(rest) }
      case "!":
        return { value: error(text(take(number(rest)))) }
      case "=":
        return { value: text(take(number(rest)).subarray(4)) }
      case "$": {
        if (rest !== "?") return { value: rest === "-1" ? null : text(take(number(rest))) }
        const pieces: Array<Buffer> = []
        for (let length = number(text(line().subarray(1))); length > 0; length = number(text(line().subarray(1)))) {
          pieces.push(take(length))
        }
        return { value: text(Buffer.concat(pieces)) }
      }
      case "*":
        return { value: rest === "-1" ? null : many(rest, 1) }
      case "~":
        return { value: new RespSet(many(rest, 1)) }
      case "%":
        return { value: new RespMap(many(rest, 2)) }
      case ">":
        events.push({ push: many(rest, 1) })
        return "aside"
      case "|":
        many(rest, 2)
        return "aside"
      case ".":
        return "end"
    }
    return stop("no type")
  }
  try {
    while (at < buffer.length) {
      const value = next()
      if (value !== "aside" && value !== "end") events.push({ reply: value.value })
      ends.push(at)
    }
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
  }
  return { events, ends }
}
