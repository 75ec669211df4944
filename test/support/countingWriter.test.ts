import { expect, it } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Schedule } from "effect"
import * as CountingWriter from "./CountingWriter.js"
import * as FaultProxy from "./FaultProxy.js"

const writing = (options: CountingWriter.Options = {}) =>
  Effect.gen(function* () {
    const { host, port } = yield* NodeRedisServer.make()
    const proxy = yield* FaultProxy.make({ host, port })
    const direct = yield* NodeRedis.make({ host, port })
    const client = yield* NodeRedis.make({ port: proxy.port, reconnect: Schedule.spaced("10 millis") })
    const writer = yield* CountingWriter.make(options).pipe(Effect.provideService(Redis.Redis, client))
    return { proxy, direct, writer }
  })

it.scopedLive("counts what became of every write across lost connections, and finds no fault", () =>
  Effect.gen(function* () {
    const { direct, proxy, writer } = yield* writing()
    for (let i = 0; i < 5; i++) {
      yield* Effect.sleep("50 millis")
      // Replies are held back, so that some writes surely have an unknown outcome.
      proxy.toClient.pause()
      yield* Effect.sleep("30 millis")
      proxy.reset()
      proxy.toClient.resume()
    }
    yield* Effect.sleep("50 millis")
    const verdict = yield* writer.verify(direct)
    expect(verdict).toMatchObject({ lost: [], repeated: [] })
    expect(verdict.acknowledged).toBeGreaterThan(100)
    expect(verdict.unknown).toBeGreaterThan(5)
    expect(verdict.errors["ConnectionError Lost Unknown"]).toBe(verdict.unknown)
    expect(verdict.longestGap).toBeGreaterThan(25)
    // Nothing is written any more.
    expect(writer.report.acknowledged).toBe(verdict.acknowledged)
  })
)

it.scopedLive("finds writes that were lost, and ones that took effect twice", () =>
  Effect.gen(function* () {
    const { direct, writer } = yield* writing({ fibers: 2, keys: 1 })
    yield* Effect.sleep("50 millis")
    yield* writer.stop
    const [first] = yield* direct.execute(Redis.lrange("list:1:0", 0, 0))
    yield* direct.execute(Redis.decr("counter:0:0"))
    yield* direct.execute(Redis.incr("counter:1:0"))
    yield* direct.execute(Redis.lpop("list:0:0"))
    yield* direct.execute(Redis.rpush("list:1:0", first!))
    const { lost, repeated } = yield* writer.verify(direct)
    expect(lost).toEqual([expect.stringContaining("counter:0:0 is"), "0:0 is not in list:0:0"])
    expect(repeated).toEqual([expect.stringContaining("counter:1:0 is"), "1 ids are twice in list:1:0"])
  })
)
