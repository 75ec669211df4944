/** UTF-8 in and out, over what the runtime has. */
import { shortLength, shortText } from "./shortText.js"

interface NodeBuffer {
  readonly prototype: { utf8Slice?(this: Uint8Array, start: number, end: number): string }
  byteLength(text: string): number
}
declare const globalThis: { readonly Buffer?: NodeBuffer }
declare const TextDecoder: new (label: string, options: { ignoreBOM: boolean }) => { decode(bytes: Uint8Array): string }
declare const TextEncoder: new () => { encode(text: string): Uint8Array }

// ignoreBOM keeps a leading U+FEFF: it is data here.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const encoder = new TextEncoder()
const buffer = globalThis.Buffer

// On Node a 64-byte text takes 53 ns this way, 113 ns through TextDecoder, and 126 ns through an ASCII check and latin1Slice.
const utf8Slice = buffer?.prototype.utf8Slice

const decodeSlice = (bytes: Uint8Array, start: number, end: number): string =>
  utf8Slice === undefined ? decoder.decode(bytes.subarray(start, end)) : utf8Slice.call(bytes, start, end)

/** The text of `bytes` from `start` to `end`; what is no UTF-8 becomes U+FFFD. */
export const decodeText = (bytes: Uint8Array, start: number, end: number): string =>
  (end - start <= shortLength ? shortText(bytes, start, end - start) : undefined) ?? decodeSlice(bytes, start, end)

export const encodeText = (text: string): Uint8Array => encoder.encode(text)

/** The bytes `text` takes in UTF-8; a lone surrogate takes three, for it is written as U+FFFD. */
export const textLength = (text: string): number => {
  // Native code wins from about ten characters on: 35 ns against 70 at 32.
  if (buffer !== undefined && text.length > 10) return buffer.byteLength(text)
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    length += unit < 0x800 ? 1 : 2
    // A pair is four bytes: two more than its two units, which the first of them has just added.
    if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) i++
  }
  return length
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000
