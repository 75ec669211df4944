/**
 * The slot of a key: where it lives in a cluster.
 *
 * @since 0.1.0
 */
import type { Command } from "@effect-resp/core"

/**
 * How many slots a cluster has.
 *
 * @since 0.1.0
 * @category constants
 */
export const count = 16_384

// CRC-16/XMODEM: polynomial 0x1021, as the cluster specification has it.
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

const step = (crc: number, byte: number): number => ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ byte]!

const ofBytes = (key: Uint8Array): number => {
  const open = key.indexOf(0x7b)
  const close = open < 0 ? -1 : key.indexOf(0x7d, open + 1)
  const tagged = close > open + 1
  const end = tagged ? close : key.length
  let crc = 0
  for (let i = tagged ? open + 1 : 0; i < end; i++) crc = step(crc, key[i]!)
  return crc % count
}

declare const TextEncoder: new () => { encode(text: string): Uint8Array }
const encoder = new TextEncoder()

const ofText = (key: string): number => {
  const open = key.indexOf("{")
  const close = open < 0 ? -1 : key.indexOf("}", open + 1)
  const tagged = close > open + 1
  const end = tagged ? close : key.length
  let crc = 0
  for (let i = tagged ? open + 1 : 0; i < end; i++) {
    const unit = key.charCodeAt(i)
    // ASCII, as most keys are, is its own UTF-8: nothing is allocated for it.
    if (unit > 0x7f) return ofBytes(encoder.encode(key))
    crc = step(crc, unit)
  }
  return crc % count
}

/**
 * The slot of a key, from 0 to 16383: CRC16 of its bytes as sent (text as UTF-8, numbers as decimal text) modulo 16384,
 * or of the part in the first pair of braces where that is not empty (the hash tag).
 * See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 *
 * @example
 * ```ts
 * import { Slot } from "@effect-resp/cluster"
 *
 * const slot = Slot.ofKey("foo") // 12182
 * const together = Slot.ofKey("{user:1}:name") === Slot.ofKey("{user:1}:age") // true
 * ```
 *
 * @since 0.1.0
 * @category slots
 */
export const ofKey = (key: Command.Argument): number => {
  if (typeof key === "string") return ofText(key)
  if (key instanceof Uint8Array) return ofBytes(key)
  // As a command is encoded: a whole number never goes out in exponent form.
  return ofText(String(Number.isInteger(key) ? BigInt(key) : key))
}
