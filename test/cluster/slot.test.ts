import { expect, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Pipeline, Reply } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, FastCheck as fc, Layer } from "effect"

const clustered = Layer.unwrapEffect(
  Effect.map(NodeRedisServer.NodeRedisServer, ({ host, port }) => NodeRedis.layer({ host, port }))
).pipe(Layer.provide(NodeRedisServer.layer({ args: ["--cluster-enabled", "yes"] })))

layer(clustered, { excludeTestServices: true })("the slot of a key", (it) => {
  it.effect("is what the server says, hash tags and any bytes included", () =>
    Effect.gen(function* () {
      const encoder = new TextEncoder()
      const tagged = fc.stringOf(fc.constantFrom("{", "}", "a", "ü", "")).map((text) => encoder.encode(text))
      const keys = [
        ...["", "foo", "{foo}bar", "foo{}", "foo{}{bar}", "{}foo", "a{b}c{d}", "{", "}{", "{{x}}"].map((key) =>
          encoder.encode(key)
        ),
        ...fc.sample(tagged, 500),
        ...fc.sample(fc.uint8Array({ maxLength: 40 }), 500)
      ]
      const slots = yield* Pipeline.forEach(keys, (key) =>
        Command.make(["CLUSTER", "KEYSLOT", key], { reply: Reply.integer })
      )
      expect(keys.map(Slot.ofKey)).toEqual(slots)
    })
  )
})
