import { expect, layer } from "@effect/vitest"
import { Command, Redis, type RedisError } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Duration, Effect, Option } from "effect"
import * as RestartableServer from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { SentinelServers, layer as sentinelServers } from "../support/SentinelServers.js"
import { addressOf, anotherClient, callsAt, clientOf, scriptedSentinel, toldOfOne } from "../support/sentinel.js"

/** Nobody listens there. */
const dead = "127.0.0.1:1"

/** A sentinel that watches nothing. */
const ignorant = RestartableServer.make({ config: [], isSentinel: true })

/** Takes connections, and says nothing. */
const silent = ScriptedPeer.make(() => {})

const connectedTo = (redis: Redis.RedisService) =>
  Effect.map(redis.state.get, (state) => (state._tag === "Connected" ? state.address : state._tag))

layer(sentinelServers({ replicas: 1 }), { excludeTestServices: true })("discovery under sentinels", (it) => {
  const firsts = {
    dead: Effect.succeed(dead),
    frozen: Effect.gen(function* () {
      const { sentinels } = yield* SentinelServers
      const [sentinel] = sentinels
      yield* Effect.acquireRelease(sentinel!.freeze, () => sentinel!.thaw)
      return addressOf(sentinel!)
    }),
    ignorant: Effect.map(ignorant, addressOf),
    "wrong about the primary, which is a replica": Effect.gen(function* () {
      const [replica] = yield* (yield* SentinelServers).replicas
      return addressOf(yield* scriptedSentinel(() => replica!))
    }),
    "wrong about the primary, which is nobody": Effect.map(
      scriptedSentinel(() => ({ port: 1 })),
      addressOf
    ),
    malformed: Effect.map(
      ScriptedPeer.make((words, connection) => {
        if (!ScriptedPeer.greet(words, connection)) connection.write("*2\r\n:1\r\n%1\r\n+a\r\n+b\r\n")
      }),
      addressOf
    )
  }
  it.scoped.each(Object.entries(firsts))("scenario 92: passes over a first sentinel that is %s", ([, first]) =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const sentinels = [yield* first, addressOf(group.sentinels[1]!)]
      const [took, redis] = yield* Effect.timed(anotherClient({ sentinels }))
      expect(Duration.toMillis(took)).toBeLessThan(1_500)
      expect(yield* connectedTo(redis)).toBe(addressOf(yield* group.primary))
      yield* redis.execute(Redis.set("k", "v"))
    })
  )

  it.scoped("scenario 92: tells what came of each sentinel when none can be used", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const [replica] = yield* group.replicas
      const sentinels = [
        dead,
        addressOf(yield* ignorant),
        addressOf(yield* silent),
        addressOf(yield* scriptedSentinel(() => replica!))
      ]
      const error = yield* Effect.flip(anotherClient({ sentinels, connectTimeout: "300 millis" }))
      expect(error).toMatchObject({ _tag: "ClusterError", reason: "Discovery", outcome: "NotSent" })
      const told = new Map((error as RedisError.ClusterError).attempts.map(({ address, detail }) => [address, detail]))
      expect([...told.keys()].sort()).toEqual([...sentinels].sort())
      expect(told.get(sentinels[0]!)).toMatch(/^Connect: .*ECONNREFUSED/)
      expect(told.get(sentinels[1]!)).toBe("it knows no primary named mymaster")
      expect(told.get(sentinels[2]!)).toMatch(/^Connect took longer than 300 ms/)
      expect(told.get(sentinels[3]!)).toBe(`${addressOf(replica!)}, which it takes for the primary, is none`)
      for (const [address, detail] of told) expect(error.message).toContain(`${address}: ${detail}`)
    })
  )

  it.scoped("scenario 97: connects to no address that the options forbid", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const sentinels = [addressOf(group.sentinels[0]!)]
      const error = yield* Effect.flip(anotherClient({ sentinels, mapAddress: () => undefined }))
      expect(error).toMatchObject({ attempts: [{ address: sentinels[0], detail: "it told no usable address" }] })
    })
  )

  it.scoped("scenario 93: never writes to a replica that a sentinel takes for the primary, and asks again", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const primary = yield* group.primary
      const [replica] = yield* group.replicas
      let told = primary
      const sentinels = [addressOf(yield* scriptedSentinel(() => told))]
      const redis = yield* anotherClient({ sentinels, refreshInterval: "50 millis" })
      told = replica!
      const looks = yield* callsAt(replica!, "role")
      yield* RestartableServer.eventually(
        "asking again",
        Effect.map(callsAt(replica!, "role"), (calls) => (calls > looks + 2 ? undefined : `${calls - looks} looks`))
      )
      expect(yield* connectedTo(redis)).toBe("Connecting")
      yield* redis.execute(Redis.set("written", "to the primary"))
      expect(yield* primary.client.execute(Redis.get("written"))).toEqual(Option.some("to the primary"))
      told = primary
      yield* RestartableServer.eventually(
        "connected",
        Effect.map(connectedTo(redis), (to) => (to === addressOf(primary) ? undefined : to))
      )
    })
  )

  it.scoped("scenario 94: looks again when the primary answers READONLY, and writes to the new one", () =>
    Effect.gen(function* () {
      const { one, other, redis, tell } = yield* toldOfOne("1 hour")
      yield* redis.execute(Redis.set("k", "v"))
      yield* one.text("REPLICAOF", "127.0.0.1", other.port)
      tell(other)
      const [took] = yield* Effect.timed(redis.execute(Redis.incr("n")))
      expect(Duration.toMillis(took)).toBeLessThan(1_000)
      expect(yield* other.client.execute(Redis.get("n"))).toEqual(Option.some("1"))
    })
  )

  it.scoped("scenario 93: does not go back to an old primary at the word of a sentinel that is behind", () =>
    Effect.gen(function* () {
      const old = yield* RestartableServer.make({ config: ['save ""'] })
      const primary = yield* RestartableServer.make({ config: ['save ""'] })
      const told: Array<{ port: number; epoch: number } | undefined> = Array(2).fill({ port: old.port, epoch: 7 })
      const sentinels = yield* Effect.forEach([0, 1], (i) => scriptedSentinel(() => told[i]))
      const redis = yield* NodeRedisSentinel.make({
        name: "any",
        sentinels: sentinels.map(addressOf),
        refreshInterval: "20 millis"
      })
      const becomes = (server: RestartableServer.RestartableServer) =>
        RestartableServer.eventually(
          "connected",
          Effect.map(connectedTo(redis), (to) => (to === addressOf(server) ? undefined : to)),
          2_000
        )
      told[0] = { port: primary.port, epoch: 8 }
      yield* becomes(primary)
      // Now only the other one can be asked, and the old server still says that it is a primary.
      told[0] = undefined
      const asked = sentinels[1]!.received.length
      yield* RestartableServer.eventually(
        "asking",
        Effect.sync(() => (sentinels[1]!.received.length > asked + 10 ? undefined : "not often enough"))
      )
      yield* redis.execute(Redis.set("k", "v"))
      expect(yield* primary.client.execute(Redis.get("k"))).toEqual(Option.some("v"))
      expect(yield* old.client.execute(Redis.get("k"))).toEqual(Option.none())
      // Sentinels that were set up anew count from the beginning.
      told[1] = { port: primary.port, epoch: 0 }
      yield* becomes(primary)
      told[1] = { port: old.port, epoch: 1 }
      yield* becomes(old)
    })
  )

  it.scoped("asks a sentinel that another has told of when all that were named are gone", () =>
    Effect.gen(function* () {
      const group = yield* SentinelServers
      const old = yield* group.primary
      const redis = yield* clientOf(group, {
        sentinels: [addressOf(group.sentinels[0]!)],
        refreshInterval: "100 millis",
        commandTimeout: "15 seconds"
      })
      yield* group.stopSentinel(0)
      yield* group.kill(old)
      yield* redis.execute(Command.idempotent(Redis.set("after", "all")))
      yield* group.agreed
      expect(yield* connectedTo(redis)).toBe(addressOf(yield* group.primary))
      expect(yield* connectedTo(redis)).not.toBe(addressOf(old))
    })
  )
})
