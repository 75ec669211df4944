import { expect, it, layer } from "@effect/vitest"
import { RedisCluster, RedisSentinel, Slot, type Topology } from "@effect-resp/cluster"
import { Pipeline, Redis, RedisPubSub, Scan, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Effect, Either, Exit, Fiber, Option, Schedule, type Scope, Stream } from "effect"
import * as ClusterServers from "../support/ClusterServers.js"
import { anotherClient } from "../support/cluster.js"
import { eachWay, queueing } from "../support/incrementing.js"
import * as Moments from "../support/Moments.js"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { scriptedSentinel } from "../support/sentinel.js"

const counter = "{swept}counter"
const increment = Redis.incr(counter)

const options = {
  maxReserved: 1,
  reserveTimeout: "500 millis",
  commandTimeout: "500 millis",
  closeTimeout: "100 millis",
  refreshInterval: "1 hour",
  reconnect: Schedule.spaced("1 millis")
} as const

const connectorOver =
  (wire: Moments.Wire) =>
  ({ host, port }: Topology.Address) =>
    Effect.sync(() => wire.watch(makeConnector({ host, port, path: undefined, tls: undefined })))

interface Subject {
  readonly wire: Moments.Wire
  readonly redis: Redis.RedisService
  /** Another client, of which nothing is interrupted. */
  readonly observer: Redis.RedisService
  /** Makes another client over the same wire. */
  readonly another: Effect.Effect<Redis.RedisService, unknown, Scope.Scope>
  /** A key on each server. */
  readonly keys: ReadonlyArray<string>
}

let tokens = 0

const sweep = (
  { keys, observer, redis, wire }: Subject,
  program: Effect.Effect<unknown, unknown, Redis.Redis>,
  sideBySide = false
) =>
  Effect.gen(function* () {
    /** Each server gives its own replies. */
    const bystander = Effect.suspend(() => {
      const token = `${tokens++}`
      const own = keys.flatMap((key) => [Redis.set(`${key}:${token}`, token), Redis.getdel(`${key}:${token}`)])
      return Effect.map(redis.pipeline(own), (slots) =>
        expect(slots).toEqual(keys.flatMap(() => [Either.right("OK"), Either.right(Option.some(token))]))
      )
    })
    /** Each server's only place for a lease is free. */
    const leases = Effect.forEach(keys, (key) =>
      Effect.flatMap(redis.reserve([key]), (lease) =>
        Effect.map(lease.transaction([Redis.echo(key)]), (slots) => expect(slots).toEqual([Either.right(key)]))
      ).pipe(Effect.scoped)
    )
    const channels = observer.pipeline([Redis.pubsubChannels(), Redis.pubsubShardchannels()])
    const left = Effect.map(channels, (slots) => JSON.stringify({ slots, connections: wire.open }))
    yield* leases
    const nothing = yield* left
    const check = bystander.pipe(
      Effect.zipRight(leases),
      Effect.zipRight(
        eventually(
          "left over",
          Effect.map(left, (now) => (now === nothing ? undefined : now)),
          1_000
        )
      )
    )
    const total = Effect.map(observer.execute(Redis.get(counter)), (value) =>
      Number(Option.getOrElse(value, () => "0"))
    )
    return yield* wire.sweep({ program, bystander, check, total, sideBySide })
  }).pipe(Effect.provideService(Redis.Redis, redis))

const listening = Effect.gen(function* () {
  const messages = yield* RedisPubSub.subscribed({ channels: "channel" })
  yield* Redis.publish("channel", "message")
  yield* Stream.runHead(messages)
}).pipe(Effect.scoped)

/** A client that is made has more than a thousand moments, which take some ten seconds of this. */
const patience = 90_000

const survives = (moments: number) => expect(moments).toBeGreaterThanOrEqual(10)

layer(ClusterServers.layer({ primaries: 2, replicas: 0 }), { excludeTestServices: true })(
  "on a cluster, of which one slot is on its way,",
  (it) => {
    const makeSubject = Effect.gen(function* () {
      const servers = yield* ClusterServers.ClusterServers
      const slot = Slot.ofKey(counter)
      const owner = yield* servers.ownerOf(slot)
      yield* servers.beginMove(slot, servers.nodes.find((node) => node !== owner)!)
      const wire = new Moments.Wire(counter)
      const another = Effect.map(
        RedisCluster.make({ seeds: servers.seeds, connector: connectorOver(wire) }, options),
        ({ redis }) => redis
      )
      const { redis: observer } = yield* anotherClient()
      yield* observer.execute(Redis.del(counter))
      // By their slots, of which the first half is the one node's.
      const keys = [...Array(100).keys()].map((i) => `{${i}}`)
      const low = keys.find((key) => Slot.ofKey(key) < 8_000)!
      const high = keys.find((key) => Slot.ofKey(key) > 8_400)!
      return { wire, redis: yield* another, observer, another, keys: [low, high] }
    })
    const swept = (
      title: string,
      of: (subject: Subject) => Effect.Effect<unknown, unknown, Redis.Redis>,
      sideBySide?: boolean
    ) =>
      it.effect(
        title,
        () =>
          Effect.gen(function* () {
            const subject = yield* makeSubject
            survives(yield* sweep(subject, of(subject), sideBySide))
          }).pipe(Effect.scoped),
        patience
      )

    swept(
      "scenario 51: a command that is asked elsewhere, interrupted at any moment, is not sent any more",
      ({ wire }) => wire.acknowledge(1, increment)
    )

    swept("scenario 51: a transaction that is asked elsewhere is not sent any more", ({ wire }) =>
      wire.acknowledge(2, Transaction.exec([increment, increment]))
    )

    swept("scenario 49: a watch that is asked elsewhere leaves none behind", ({ wire }) =>
      wire.acknowledge(
        1,
        Transaction.watch(["{swept}watched"], Effect.as(Redis.get("{swept}watched"), Pipeline.all([increment])))
      )
    )

    swept("scenario 42, 49: a lease goes back to its node's pool", ({ keys }) =>
      Redis.withReserved([keys[1]!])(Effect.zipRight(Redis.ping(), Redis.ping()))
    )

    swept("scenario 46, 51: a pipeline to several nodes leaves the others on each their replies", ({ keys, wire }) =>
      wire.acknowledge(2, Pipeline.all([increment, ...keys.map((key) => Redis.get(key)), increment]))
    )

    swept("scenario 46: a scan of all nodes leaves the others their replies", () => Stream.runDrain(Scan.keys()), true)

    swept("scenario 49: subscriptions are gone from all nodes", () => listening, true)

    swept(
      "scenario 49: a client that is made, used and closed leaves no connection",
      ({ another, wire }) =>
        Effect.scoped(Effect.flatMap(another, (redis) => wire.acknowledge(1, redis.execute(increment)))),
      true
    )
  }
)

it.scopedLive("scenario 51: a command that has moved, interrupted at any moment, is not sent any more", () =>
  Effect.gen(function* () {
    const cluster = yield* ScriptedCluster.make(2)
    const values = new Map<string, string>()
    let count = 0
    cluster.answer = ([name, key = "", value = ""], node) => {
      if (name === "INCR") return node === 0 ? cluster.redirect("MOVED", Slot.ofKey(counter), 1) : `:${++count}\r\n`
      if (name === "SET") values.set(key, value)
      return name === "SET" ? "+OK\r\n" : ScriptedCluster.bulk(values.get(key) ?? "")
    }
    const wire = new Moments.Wire(counter)
    const { cluster: map, redis } = yield* RedisCluster.make(
      { seeds: [{ host: "127.0.0.1", port: cluster.port(0) }], connector: connectorOver(wire) },
      options
    )
    const bystander = Effect.suspend(() => {
      const token = `${tokens++}`
      return Effect.map(redis.pipeline([Redis.set(token, token), Redis.get(token)]), (slots) =>
        expect(slots).toEqual([Either.right("OK"), Either.right(Option.some(token))])
      )
    })
    const moments = yield* wire.sweep({
      // The map still tells of the old place.
      before: map.refresh,
      program: wire.acknowledge(1, redis.execute(increment)),
      bystander,
      check: bystander,
      total: Effect.sync(() => count)
    })
    survives(moments)
  })
)

const moves = ["MOVED", "ASK"] as const

it.live.each(moves)("scenario 51: a command that waits where %s led, interrupted, is not sent there either", (kind) =>
  eachWay((way, run) =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      let release = () => {}
      cluster.answer = queueing(([name], node, connection) => {
        if (name === "PING") return "+PONG\r\n"
        if (node === 0) return cluster.redirect(kind, Slot.ofKey("foo"), 1)
        if (name === "INCR") return ":1\r\n"
        release = () => connection.write("$-1\r\n")
        return undefined
      })
      const { cluster: map, redis } = yield* ScriptedCluster.connect(cluster, { maxInFlight: 1 })
      const [first, second] = [yield* map.node(cluster.address(0)), yield* map.node(cluster.address(1))]
      for (const isInterrupted of [true, false]) {
        yield* map.refresh
        const before = cluster.commands(1).length
        // Its reply is due, and nothing more is written there until it has come.
        const held = yield* Effect.fork(second.execute(Redis.get("foo")))
        while (cluster.commands(1).length === before) yield* Effect.sleep("1 millis")
        const fiber = yield* Effect.fork(run(redis))
        yield* Effect.yieldNow()
        // Behind it on the first node: with its reply the redirection has come, too, and is followed by then.
        yield* first.execute(Redis.ping())
        if (isInterrupted) expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber)), way).toBe(true)
        expect(cluster.commands(1), way).toHaveLength(before + 1)
        release()
        yield* Fiber.join(held)
        if (!isInterrupted) yield* Fiber.join(fiber)
        yield* second.execute(Redis.ping())
        const written = cluster.commands(1).slice(before + 1, -1)
        expect(written.includes("INCR foo"), `${way}: ${written}`).toBe(!isInterrupted)
        if (isInterrupted) expect(written, way).toEqual([])
      }
    })
  )
)

it.scopedLive(
  "scenario 45, 46, 49: under sentinels, a client and its commands, interrupted at any moment, leave nothing behind",
  () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const sentinel = yield* scriptedSentinel(() => ({ port }))
      const wire = new Moments.Wire(counter)
      const another = RedisSentinel.make(
        {
          name: "any",
          sentinels: [{ host: "127.0.0.1", port: sentinel.port }],
          connector: connectorOver(wire),
          // Where nothing is counted: this sentinel takes no subscription, which is tried again and again.
          sentinelConnector: connectorOver(new Moments.Wire(counter))
        },
        options
      )
      const subject = {
        wire,
        redis: yield* another,
        observer: yield* NodeRedis.make({ port }),
        another,
        keys: ["key"]
      }
      survives(yield* sweep(subject, wire.acknowledge(1, increment)))
      survives(yield* sweep(subject, wire.acknowledge(2, Pipeline.all([increment, increment]))))
      survives(yield* sweep(subject, wire.acknowledge(2, Transaction.exec([increment, increment]))))
      const watching = Transaction.watch(["watched"], Effect.as(Redis.get("watched"), Pipeline.all([increment])))
      survives(yield* sweep(subject, wire.acknowledge(1, watching)))
      survives(yield* sweep(subject, Redis.withReserved(["key"])(Effect.zipRight(Redis.ping(), Redis.ping()))))
      survives(yield* sweep(subject, Stream.runDrain(Scan.keys())))
      survives(yield* sweep(subject, listening, true))
      survives(
        yield* sweep(
          subject,
          Effect.scoped(Effect.flatMap(another, (redis) => wire.acknowledge(1, redis.execute(increment)))),
          true
        )
      )
    }),
  patience
)
