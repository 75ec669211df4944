/** What happens to bytes that somebody tampers with. */
import * as fc from "effect/FastCheck"

/** Bytes that mean something. */
const meaningful = [..."+-:$*_,#!=(%~>|;.?0123456789\r\n"].map((char) => char.charCodeAt(0))

const mutation = fc.record({
  at: fc.nat(),
  what: fc.constantFrom("replace", "insert", "remove", "truncate", "repeat"),
  byte: fc.oneof(fc.constantFrom(...meaningful), fc.integer({ min: 0, max: 255 }))
})

/** One to four mutations. */
export const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 })

type Mutations = typeof mutations extends fc.Arbitrary<infer A> ? A : never

export const damage = (wire: Uint8Array, mutations: Mutations): Uint8Array => {
  const bytes = Array.from(wire)
  for (const { at, what, byte } of mutations) {
    const i = at % (bytes.length + 1)
    if (what === "replace") bytes[i] = byte
    else if (what === "insert") bytes.splice(i, 0, byte)
    else if (what === "remove") bytes.splice(i, 1)
    else if (what === "truncate") bytes.length = i
    else bytes.splice(i, 0, ...bytes.slice(i, i + 8))
  }
  return Uint8Array.from(bytes)
}

/** Nothing but meaningful bytes. */
export const noise = fc.array(fc.constantFrom(...meaningful), { maxLength: 60 }).map((bytes) => Uint8Array.from(bytes))
