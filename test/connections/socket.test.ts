import { NodeSocket } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { ConnectionPool, Pipeline, Redis } from "@effect-resp/core"
import { NodeRedisServer, SocketConnector } from "@effect-resp/node"
import { Effect, Option } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"

const connect = (port: number) =>
  ConnectionPool.make(SocketConnector.make(`127.0.0.1:${port}`, NodeSocket.makeNet({ host: "127.0.0.1", port })), {
    clientName: "platform-socket",
    closeTimeout: "100 millis"
  })

layer(NodeRedisServer.layer(), { excludeTestServices: true })("over a platform Socket", (it) => {
  it.effect("commands, pipelines, large values and blocking commands work", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const client = yield* connect(port)
      const big = "ü".repeat(200_000)
      const results = yield* Effect.gen(function* () {
        yield* Redis.set("big", big)
        const many = yield* Pipeline.forEach(Array.from({ length: 20_000 }), (_, i) => Redis.echo(String(i)))
        const none = yield* Redis.blpop("nothing", "10 millis")
        return { same: Option.contains(yield* Redis.get("big"), big), many, none }
      }).pipe(Effect.provideService(Redis.Redis, client))
      expect(results.same).toBe(true)
      expect(results.many).toEqual(Array.from({ length: 20_000 }, (_, i) => String(i)))
      expect(results.none).toEqual(Option.none())
    }).pipe(Effect.scoped)
  )

  it.effect("a lost connection comes back, and a scope that ends leaves none", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const proxy = yield* FaultProxy.make({ port })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* connect(proxy.port)
          proxy.afterRequest("INCR", () => proxy.reset())
          const error = yield* Effect.flip(client.execute(Redis.incr("n")))
          expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown" })
          expect(yield* client.execute(Redis.ping())).toBe("PONG")
          expect(proxy.connections).toBe(2)
        })
      )
      yield* Effect.sleep("50 millis")
      expect(proxy.live).toHaveLength(0)
    }).pipe(Effect.scoped)
  )

  it.effect("a server that is not there fails with its address", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(connect(1)))
      expect(error).toMatchObject({
        _tag: "ConnectionError",
        reason: "Connect",
        address: "127.0.0.1:1",
        outcome: "NotSent"
      })
    })
  )
})
