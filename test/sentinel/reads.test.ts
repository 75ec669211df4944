import { expect, layer } from "@effect/vitest"
import { Command, Redis, Reply } from "@effect-resp/core"
import { Effect, Option } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually, type RestartableServer } from "../support/RestartableServer.js"
import { type Group, SentinelServers, layer as sentinelServers } from "../support/SentinelServers.js"
import { anotherClient, callsAt, clientOf } from "../support/sentinel.js"

const times = 20

/** How many of so many reads each server answered. */
const served = (redis: Redis.RedisService, servers: ReadonlyArray<RestartableServer>) =>
  Effect.gen(function* () {
    const calls = Effect.forEach(servers, (server) =>
      server.state === "Up" ? callsAt(server, "get") : Effect.succeed(0)
    )
    const before = yield* calls
    for (let i = 0; i < times; i++) expect(yield* redis.execute(Redis.get("k"))).toEqual(Option.some("v"))
    return (yield* calls).map((count, i) => count - before[i]!)
  })

const replicas = (name: string) =>
  Command.make(["SENTINEL", "REPLICAS", name], { reply: Reply.array(Reply.record(Reply.text)) })

/** Sentinels ask the servers only every ten seconds, and till then may say that a replica is not in sync. */
const toldInSync = (group: Group) =>
  eventually(
    "both replicas in sync, as each sentinel tells",
    Effect.map(
      Effect.forEach(group.sentinels, ({ client }) => client.execute(replicas(group.name))),
      (told) => {
        const counts = told.map((all) => all.filter((one) => one["master-link-status"] === "ok").length)
        return counts.every((count) => count === 2) ? undefined : counts.join()
      }
    )
  )

layer(sentinelServers(), { excludeTestServices: true })("reads under sentinels", (it) => {
  it.scoped("are answered by those that the options say", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const primary = yield* group.primary
      const servers = [primary, ...(yield* group.replicas)]
      yield* primary.client.pipeline([Redis.set("k", "v"), Redis.wait(2, "2 seconds")])
      yield* toldInSync(group)
      for (const [readFrom, expected] of [
        ["primary", [times, 0, 0]],
        ["replica", [0, times / 2, times / 2]],
        ["preferReplica", [0, times / 2, times / 2]]
      ] as const) {
        expect(yield* served(yield* anotherClient({ readFrom }), servers)).toEqual(expected)
      }
      const redis = yield* anotherClient({ readFrom: "replica" })
      yield* redis.execute(Redis.set("written", "by the primary"))
      expect(yield* primary.client.execute(Redis.get("written"))).toEqual(Option.some("by the primary"))
    })
  )

  it.scoped("go to the nearest", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const primary = yield* group.primary
      const [near, far] = yield* group.replicas
      const servers = [primary, near!, far!]
      const proxies = yield* Effect.forEach(servers, FaultProxy.make)
      for (const i of [0, 2]) proxies[i]!.toServer.delay = 150
      const redis = yield* anotherClient({
        readFrom: "nearest",
        mapAddress: (address) => {
          const i = servers.findIndex(({ port }) => port === address.port)
          return i < 0 ? address : { host: "127.0.0.1", port: proxies[i]!.port }
        }
      })
      yield* Effect.sleep("1 second")
      expect(yield* served(redis, servers)).toEqual([0, times, 0])
    })
  )

  it.scoped("leave out a replica that is down, and take it back", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const primary = yield* group.primary
      const [up, down] = yield* group.replicas
      const servers = [primary, up!, down!]
      const redis = yield* anotherClient({ readFrom: "replica", refreshInterval: "200 millis" })
      yield* served(redis, servers)
      yield* group.kill(down!)
      expect(yield* served(redis, servers)).toEqual([0, times, 0])
      yield* group.restart(down!)
      yield* group.agreed
      yield* eventually(
        "reads at the replica",
        Effect.map(served(redis, servers), ([, , count]) => (count! > 0 ? undefined : "none"))
      )
    })
  )

  it.scoped("without a replica go to the primary, or fail, as the options say", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const primary = yield* group.primary
      const replicas = yield* group.replicas
      yield* Effect.forEach(replicas, (replica) => group.kill(replica))
      const preferring = yield* clientOf(group, { readFrom: "preferReplica" })
      expect(yield* served(preferring, [primary])).toEqual([times])
      const strict = yield* clientOf(group, { readFrom: "replica", commandTimeout: "300 millis" })
      const error = yield* Effect.flip(strict.execute(Redis.get("k")))
      expect(error.outcome).toBe("NotSent")
      expect(["ClusterError", "ConnectionError", "TimeoutError"]).toContain(error._tag)
      // Known to be gone.
      const gone = eventually(
        "no replica",
        Effect.map(Effect.flip(strict.execute(Redis.get("k"))), (error) =>
          error._tag === "ClusterError" && error.reason === "NoNode" ? undefined : error.message
        ),
        5_000
      )
      yield* gone
      for (const replica of replicas) yield* group.restart(replica)
      yield* group.agreed
      yield* eventually("reads", Effect.as(strict.execute(Redis.get("k")), undefined), 5_000)
    })
  )
})
