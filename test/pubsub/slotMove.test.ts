import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Schedule } from "effect"
import { eventually } from "./eventually.js"

const clusterInfo = Command.make(["CLUSTER", "INFO"]).pipe(Effect.map(String))
const isOk = (info: string) => info.includes("cluster_state:ok")

// The server takes a shard channel away when its slot goes, and nobody had asked to unsubscribe.
describe.each([2, 3] as const)("a slot that goes, RESP%i", (protocol) => {
  layer(NodeRedisServer.layer({ args: ["--cluster-enabled", "yes"] }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 70: a shard channel taken away comes back, with a Gap; channels notice no more", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const redis = yield* NodeRedis.make({
          host: "127.0.0.1",
          port,
          protocol,
          reconnect: Schedule.spaced("20 millis")
        })
        yield* Effect.gen(function* () {
          yield* Command.make(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])
          yield* eventually(clusterInfo, isOk)
          const slot = String(yield* Command.make(["CLUSTER", "KEYSLOT", "orders"]))
          const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
          yield* pubSub.ssubscribe("orders")
          yield* pubSub.subscribe("plain")
          yield* Command.make(["CLUSTER", "DELSLOTS", slot])
          yield* eventually(Redis.pubsubShardchannels(), (names) => names.length === 0)
          yield* Command.make(["CLUSTER", "ADDSLOTS", slot])
          expect(yield* pubSub.take).toEqual({ type: "gap", reason: "Reconnected" })
          yield* eventually(clusterInfo, isOk)
          yield* eventually(Redis.pubsubShardchannels(), (names) => names.length === 1)
          yield* Redis.spublish("orders", "1")
          let event = yield* pubSub.take
          while (event.type === "gap") event = yield* pubSub.take
          expect(event).toMatchObject({ type: "smessage", channel: "orders", data: "1" })
          yield* Redis.publish("plain", "2")
          expect(yield* pubSub.take).toMatchObject({ type: "message", data: "2" })
        }).pipe(Effect.provideService(Redis.Redis, redis))
      })
    )
  })
})
