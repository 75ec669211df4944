import { describe, expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Effect } from "effect"
import * as RestartableServer from "../support/RestartableServer.js"
import * as SentinelServers from "../support/SentinelServers.js"
import { addressOf, clientOf, connectionsAt, followersAt, toldOfOne } from "../support/sentinel.js"

const { eventually } = RestartableServer

const small = { replicas: 1 }

const followed = (name: string, sentinels: ReadonlyArray<RestartableServer.RestartableServer>) =>
  eventually(
    "a follower at each",
    Effect.map(
      Effect.forEach(sentinels, (sentinel) => followersAt(sentinel, name)),
      (counts) => (counts.every((count) => count === 1) ? undefined : `${counts}`)
    ),
    5_000
  )

describe.concurrent("sentinels that come and go", () => {
  it.scopedLive("scenario 95: follows a failover by asking when nobody tells of it", () =>
    Effect.gen(function* () {
      const { other, redis, tell } = yield* toldOfOne("100 millis")
      tell(other)
      yield* eventually(
        "writes to the new primary",
        Effect.map(redis.execute(Redis.configGet("port")), ({ port }) =>
          port === String(other.port) ? undefined : `to ${port}`
        ),
        1_000
      )
    })
  )

  it.scopedLive("scenario 95: subscribes again to sentinels that ended the subscription or were restarted", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.make(small)
      const clientName = "following"
      const redis = yield* clientOf(group, { clientName })
      yield* followed(clientName, group.sentinels)
      const kill = ({ client }: RestartableServer.RestartableServer) =>
        client.execute(Command.make(["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"]))
      yield* Effect.forEach(group.sentinels, kill)
      yield* followed(clientName, group.sentinels)
      yield* group.stopSentinel(0)
      yield* group.startSentinel(0)
      yield* followed(clientName, group.sentinels)
      // Told, and not found out by asking: the next look is far away.
      const old = yield* group.primary
      yield* group.failover
      yield* redis.execute(Redis.set("k", "v"))
      expect(yield* connectionsAt(old, clientName)).toBe(0)
      for (const sentinel of group.sentinels) expect(yield* connectionsAt(sentinel, clientName)).toBe(2)
    })
  )

  it.scopedLive("scenario 95: takes up new sentinels, and forgets those that are gone", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.make(small)
      const clientName = "taking"
      const named = group.sentinels.slice(0, 1).map(addressOf)
      yield* clientOf(group, { clientName, sentinels: named, refreshInterval: "100 millis" })
      yield* followed(clientName, group.sentinels)
      const primary = yield* group.primary
      const added = yield* RestartableServer.make({
        config: [`sentinel monitor ${group.name} 127.0.0.1 ${primary.port} 2`],
        isSentinel: true
      })
      yield* followed(clientName, [...group.sentinels, added])
      // It still runs, but for the others it is none of theirs any more.
      yield* added.text("SENTINEL", "REMOVE", group.name)
      yield* Effect.forEach(group.sentinels, (sentinel) => sentinel.text("SENTINEL", "RESET", group.name))
      yield* eventually(
        "forgotten",
        Effect.map(connectionsAt(added, clientName), (count) => (count === 0 ? undefined : `${count} connections`)),
        10_000
      )
      yield* followed(clientName, group.sentinels)
    })
  )

  it.scopedLive("keeps to its connections while its sentinels know nothing, and recovers", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers.make({ replicas: 0, sentinels: 1 })
      const primary = yield* group.primary
      const [sentinel] = group.sentinels
      const clientName = "waiting"
      const redis = yield* clientOf(group, { clientName, refreshInterval: "10 millis" })
      yield* redis.execute(Redis.set("k", "v"))
      yield* sentinel!.text("SENTINEL", "REMOVE", group.name)
      // Every 100 ms.
      yield* Effect.sleep("2500 millis")
      expect((yield* redis.state.get)._tag).toBe("Connecting")
      expect(yield* connectionsAt(sentinel!, clientName)).toBe(2)
      expect(yield* connectionsAt(primary, clientName)).toBe(1)
      // The map that was good stays.
      yield* redis.execute(Redis.set("k", "w"))
      yield* sentinel!.text("SENTINEL", "MONITOR", group.name, "127.0.0.1", primary.port, 1)
      yield* eventually(
        "connected",
        Effect.map(redis.state.get, ({ _tag }) => (_tag === "Connected" ? undefined : _tag)),
        2_000
      )
    })
  )
})

/** What keeps this process alive that a connection needs. */
const handles = () => process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS|Timeout)/.test(name)).length

it.scopedLive("scenario 95: leaves nothing behind after failed discoveries", () =>
  Effect.gen(function* () {
    const ignorant = yield* RestartableServer.make({ config: [], isSentinel: true })
    const stuck = yield* RestartableServer.make({ config: [], isSentinel: true })
    yield* stuck.freeze
    const clientName = "failing"
    const fail = Effect.scoped(
      NodeRedisSentinel.make({
        name: "unknown",
        sentinels: [ignorant, stuck].map(addressOf).concat("127.0.0.1:1"),
        clientName,
        connectTimeout: "50 millis"
      })
    ).pipe(Effect.flip)
    yield* fail
    yield* Effect.sleep(200)
    const before = handles()
    for (let i = 0; i < 20; i++) expect(yield* fail).toMatchObject({ reason: "Discovery" })
    yield* stuck.thaw
    for (const sentinel of [ignorant, stuck]) {
      yield* eventually(
        "all gone",
        Effect.map(connectionsAt(sentinel, clientName), (count) => (count === 0 ? undefined : `${count} left`)),
        2_000
      )
    }
    expect(handles()).toBeLessThanOrEqual(before)
  })
)
