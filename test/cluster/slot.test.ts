import { expect, layer, it as test } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Pipeline, Reply } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, FastCheck as fc, Layer } from "effect"

const clustered = Layer.unwrapEffect(
  Effect.map(NodeRedisServer.NodeRedisServer, ({ host, port }) => NodeRedis.layer({ host, port }))
).pipe(Layer.provide(NodeRedisServer.layer({ args: ["--cluster-enabled", "yes"] })))

const encoder = new TextEncoder()

/** Text that is mostly braces, also beside characters of two, three and four bytes and halves of a pair. */
const tagged = fc.stringOf(fc.constantFrom("{", "}", "a", "b", "ü", "€", "𝄞", "\ud834", "\u0000"), { maxLength: 12 })

const texts = [
  "",
  "foo",
  "{foo}bar",
  "foo{}",
  "foo{}{bar}",
  "{}foo",
  "a{b}c{d}",
  "{",
  "}{",
  "{{x}}",
  "ü{a}",
  "{ü}a",
  "}"
]

layer(clustered, { excludeTestServices: true })("the slot of a key", (it) => {
  it.effect("is what the server says, hash tags and any bytes included", () =>
    Effect.gen(function* () {
      const keys: ReadonlyArray<Command.Argument> = [
        ...texts,
        ...texts.map((key) => encoder.encode(key)),
        ...[0, -0, 1, -1, 1.5, 1e21, -1e21, 1e300, 1e-7, 123_456_789_012, 0n, -(2n ** 70n)],
        ...fc.sample(tagged, 500),
        ...fc.sample(fc.fullUnicodeString(), 200),
        ...fc.sample(fc.uint8Array({ maxLength: 40 }), 500)
      ]
      const slots = yield* Pipeline.forEach(keys, (key) =>
        Command.make(["CLUSTER", "KEYSLOT", key], { reply: Reply.integer })
      )
      expect(keys.map(Slot.ofKey)).toEqual(slots)
      expect(new Set(slots).size).toBeGreaterThan(500)
    })
  )
})

test("the slot of text is the slot of its UTF-8", () => {
  fc.assert(
    fc.property(fc.oneof(tagged, fc.string(), fc.fullUnicodeString()), (key) => {
      expect(Slot.ofKey(key)).toBe(Slot.ofKey(encoder.encode(key)))
    }),
    { numRuns: 2000 }
  )
})
