/** The plainest reading of RESP there is: recursive, over the whole input, with no thought for speed or hostility. */
import { RespError, RespMap, RespSet, type RespValue } from "@effect-resp/core/internal/protocol/value"
import type { Event } from "./support.js"

export const readNaively = (input: Uint8Array): Array<Event> => {
  const buffer = Buffer.from(input)
  const text = (bytes: Buffer) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
  const events: Array<Event> = []
  let at = 0
  const line = () => {
    const end = buffer.indexOf("\r\n", at)
    const bytes = buffer.subarray(at, end)
    at = end + 2
    return bytes
  }
  const take = (length: number) => {
    const bytes = buffer.subarray(at, at + length)
    at += length + 2
    return bytes
  }
  const error = (text: string) => new RespError(/^([A-Z][A-Z0-9_]*)( |$)/.exec(text)?.[1] ?? "ERR", text)
  const many = (rest: string, times: number): Array<RespValue> => {
    const values: Array<RespValue> = []
    if (rest === "?") {
      for (let value = next(); value !== "end"; value = next()) if (value !== "aside") values.push(value.value)
    } else {
      while (values.length < Number(rest) * times) {
        const value = next()
        if (value === "end") throw new Error("an end in a counted aggregate")
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
        const exact = BigInt(rest)
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
        return { value: BigInt(rest) }
      case "!":
        return { value: error(text(take(Number(rest)))) }
      case "=":
        return { value: text(take(Number(rest)).subarray(4)) }
      case "$": {
        if (rest !== "?") return { value: rest === "-1" ? null : text(take(Number(rest))) }
        const pieces: Array<Buffer> = []
        for (let length = Number(text(line()).slice(1)); length > 0; length = Number(text(line()).slice(1)))
          pieces.push(take(length))
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
    throw new Error(`unknown type in ${header}`)
  }
  while (at < buffer.length) {
    const value = next()
    if (value !== "aside" && value !== "end") events.push({ reply: value.value })
  }
  return events
}
