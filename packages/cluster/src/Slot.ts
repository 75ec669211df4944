/**
 * The slot of a key: where it lives in a cluster.
 *
 * @since 0.1.0
 */

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

const crc16 = (bytes: Uint8Array, start: number, end: number): number => {
  let crc = 0
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ bytes[i]!]!
  return crc
}

/**
 * The slot of a key, from 0 to 16383, given as its bytes: CRC16 of the key modulo 16384, or of the part in the first
 * pair of braces where that is not empty (the hash tag). See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 *
 * @example
 * ```ts
 * import { Slot } from "@effect-resp/cluster"
 *
 * const slot = Slot.ofKey(new Uint8Array([0x66, 0x6f, 0x6f])) // "foo": 12182
 * ```
 *
 * @since 0.1.0
 * @category slots
 */
export const ofKey = (key: Uint8Array): number => {
  const open = key.indexOf(0x7b)
  const close = open < 0 ? -1 : key.indexOf(0x7d, open + 1)
  return (close > open + 1 ? crc16(key, open + 1, close) : crc16(key, 0, key.length)) % count
}
