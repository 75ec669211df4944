import { expect, it } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Option } from "effect"
import * as ClusterServers from "../support/ClusterServers.js"

it.scopedLive("a script that answers a refusal of its own, having written, is run once", () =>
  Effect.gen(function* () {
    const servers = yield* ClusterServers.make({ replicas: 0 })
    const { redis } = yield* NodeRedisCluster.make({
      nodes: servers.seeds.map(({ host, port }) => `${host}:${port}`),
      commandTimeout: "300 millis"
    })
    const script = "redis.call('INCR', KEYS[1]) return redis.error_reply(ARGV[1])"
    for (const text of [
      "CLUSTERDOWN own",
      "LOADING own",
      "MASTERDOWN own",
      "UNBLOCKED own",
      "MOVED own",
      "TRYAGAIN own"
    ]) {
      const error = yield* Effect.flip(redis.execute(Redis.eval(script, { keys: [text], args: [text] })))
      expect.soft(error).toMatchObject({ _tag: "ReplyError", text, outcome: "Failed" })
      expect.soft([text, yield* redis.execute(Redis.get(text))]).toEqual([text, Option.some("1")])
    }
  })
)
