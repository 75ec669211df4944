import { expect, it } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Option } from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually } from "../support/RestartableServer.js"

/** A client whose connection waits to be made anew. */
const waiting = Effect.gen(function* () {
  const { port } = yield* NodeRedisServer.make()
  const proxy = yield* FaultProxy.make({ port })
  const redis = yield* NodeRedis.make({ port: proxy.port })
  proxy.refuse(true)
  proxy.reset()
  yield* eventually(
    "the loss is noticed",
    Effect.map(redis.state.get, ({ _tag }) => (_tag === "Connecting" ? undefined : _tag))
  )
  return { proxy, redis }
})

const size = 100_000
const spoilt: ReadonlyArray<readonly [string, () => Uint8Array, (bytes: Uint8Array) => void]> = [
  ["changed", () => new Uint8Array(size).fill(0x61), (bytes) => void bytes.fill(0x62)],
  [
    "given away",
    () => new Uint8Array(size).fill(0x61),
    (bytes) => void structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })
  ],
  ["a Buffer, and changed", () => Buffer.alloc(size, "a"), (bytes) => void bytes.fill(0x62)]
]

describe("bytes that are", () => {
  it.scopedLive.each(spoilt)("scenario 16: %s when they were handed over arrive as they were then", ([, make, spoil]) =>
    Effect.gen(function* () {
      const { proxy, redis } = yield* waiting
      const bytes = make()
      const writing = yield* Effect.fork(redis.execute(Redis.set("k", bytes)))
      const others = yield* Effect.fork(redis.pipeline([Redis.echo("mine"), Redis.set("l", bytes)]))
      yield* Effect.yieldNow()
      spoil(bytes)
      proxy.refuse(false)
      expect(yield* Fiber.join(writing)).toBe("OK")
      expect((yield* Fiber.join(others)).map(String)).toHaveLength(2)
      for (const key of ["k", "l"]) {
        const value = Option.getOrThrow(yield* redis.execute(Redis.get(key)))
        expect([value.length, value === "a".repeat(size)]).toEqual([size, true])
      }
    })
  )
})
