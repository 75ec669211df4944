import { describe, expect, layer } from "@effect/vitest"
import { RedisCluster, Slot } from "@effect-resp/cluster"
import { Pipeline, Redis, RedisPubSub, Transaction } from "@effect-resp/core"
import { Data, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { eventually } from "../pubsub/eventually.js"
import * as ClusterServers from "../support/ClusterServers.js"
import { anotherClient, clusterLayer, spread } from "../support/cluster.js"

class Bad extends Data.TaggedError("Bad")<{ readonly data: string }> {}

const brief = (event: RedisPubSub.Event) =>
  event.type === "gap" ? event.reason : "data" in event ? event.data : `${event.type} ${event.channel}`

/** Moves a slot to the primary after its own, and gives it. */
const moveOn = (slot: number) =>
  Effect.gen(function* () {
    const cluster = yield* ClusterServers.ClusterServers
    const from = yield* cluster.ownerOf(slot)
    const primaries = yield* cluster.primaries
    const to = primaries[(primaries.indexOf(from) + 1) % primaries.length]!
    yield* cluster.moveSlot(slot, to)
    return to
  })

const listeners = (name: string) => Effect.map(Redis.pubsubShardnumsub([name]), ([entry]) => entry![1])

/** How many subscriptions of any kind all nodes have. */
const subscriptions = Effect.map(
  Effect.all([Redis.pubsubShardchannels(), Redis.pubsubChannels(), Redis.pubsubNumpat]),
  ([shards, channels, patterns]) => shards.length + channels.length + patterns
)

const nothingLeft = eventually(subscriptions, (count) => count === 0)

describe("subscribers of a cluster, in all that they can do", () => {
  layer(clusterLayer(), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped("handlers go on where the slot has gone, and so does what decides about their failures", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make<Bad>()
        const handled: Array<string> = []
        const failed: Array<string> = []
        const gaps: Array<string> = []
        const handler = ({ data }: RedisPubSub.Message) =>
          data.startsWith("bad") ? Effect.fail(new Bad({ data })) : Effect.sync(() => handled.push(data))
        yield* pubSub.ssubscribe({ jobs: handler, "{jobs}:too": handler })
        yield* pubSub.psubscribe({ "job*": handler })
        const running = yield* pubSub
          .run({
            onError: (_, { data }) =>
              Effect.sync(() => {
                failed.push(data)
                return data === "bad end" ? "stop" : "continue"
              }),
            onGap: ({ reason }) => Effect.sync(() => gaps.push(reason))
          })
          .pipe(Effect.fork)
        const slot = Slot.ofKey("jobs")
        for (let i = 0; i < 3; i++) {
          yield* Redis.spublish("jobs", `${i}`)
          yield* Redis.spublish("{jobs}:too", `bad ${i}`)
          yield* moveOn(slot)
          yield* eventually(
            Effect.sync(() => gaps.length),
            (count) => count === i + 1
          )
        }
        expect(yield* pubSub.subscriptions).toMatchObject({ shardChannels: ["jobs", "{jobs}:too"], patterns: ["job*"] })
        yield* Redis.publish("jobs", "plain")
        yield* Redis.spublish("jobs", "bad end")
        expect(Exit.isSuccess(yield* Fiber.await(running))).toBe(true)
        expect(handled.filter((data) => data !== "plain")).toEqual(["0", "1", "2"])
        expect(failed).toEqual(["bad 0", "bad 1", "bad 2", "bad end"])
        expect(gaps).toEqual(["Reconnected", "Reconnected", "Reconnected"])
      })
    )

    it.scoped("who listens, over all nodes", () =>
      Effect.gen(function* () {
        yield* nothingLeft
        const one = yield* anotherClient()
        const other = yield* anotherClient({ subscribeTo: "replica" })
        const names = spread.map((key) => `{${key}}:shard`)
        for (const { redis } of [one, other]) {
          yield* RedisPubSub.subscribed({ shardChannels: names, channels: ["c1", "c2"], patterns: "p*" }).pipe(
            Effect.provideService(Redis.Redis, redis)
          )
        }
        expect([...(yield* Redis.pubsubShardchannels())].sort()).toEqual([...names].sort())
        expect([...(yield* Redis.pubsubChannels())].sort()).toEqual(["c1", "c2"])
        expect(yield* Redis.pubsubChannels("c1*")).toEqual(["c1"])
        expect(yield* Redis.pubsubNumsub(["c1", "none", "c2"])).toEqual([
          ["c1", 2],
          ["none", 0],
          ["c2", 2]
        ])
        expect(yield* Redis.pubsubShardnumsub([...names, "none"])).toEqual([
          ...names.map((name) => [name, 2]),
          ["none", 0]
        ])
        expect(yield* Redis.pubsubNumpat).toBe(2)
      })
    )

    it.scoped("what pipelines and transactions publish reaches the shard, also while it moves", () =>
      Effect.gen(function* () {
        const names = spread.map((key) => `{${key}}:piped`)
        const messages = yield* RedisPubSub.subscribed({ shardChannels: names })
        expect(yield* Pipeline.all(names.map((name) => Redis.spublish(name, name)))).toEqual([1, 1, 1])
        const [name = "", second = ""] = names
        expect(yield* Transaction.exec([Redis.spublish(name, "t1"), Redis.spublish(name, "t2")])).toEqual([1, 1])
        const got = yield* messages.pipe(Stream.take(5), Stream.runCollect)
        expect([...got].map(({ data }) => data).sort()).toEqual([...names, "t1", "t2"].sort())
        expect(
          yield* Effect.flip(Transaction.exec([Redis.spublish(name, "x"), Redis.spublish(second, "x")]))
        ).toMatchObject({ _tag: "CrossSlotError" })
        const to = yield* moveOn(Slot.ofKey(name))
        yield* eventually(to.client.execute(Redis.pubsubShardnumsub([name])), ([entry]) => entry![1] === 1)
        expect(yield* Transaction.exec([Redis.spublish(name, "t3")])).toEqual([1])
      })
    )

    it.scoped("names and data that are no text", () =>
      Effect.gen(function* () {
        const name = new Uint8Array([0xff, 0x00, 0x7b, 0xfe, 0x7d, 0x0a])
        const data = new Uint8Array([0, 13, 10, 255])
        const pubSub = yield* RedisPubSub.make({ bytes: true })
        yield* pubSub.ssubscribe(name)
        const slot = Slot.ofKey(name)
        yield* Redis.spublish(name, data)
        const to = yield* moveOn(slot)
        yield* eventually(to.client.execute(Redis.pubsubShardnumsub([name])), ([entry]) => entry![1] === 1)
        yield* Redis.spublish(name, data)
        const seen = yield* Effect.replicateEffect(pubSub.take, 4).pipe(Effect.timeout("5 seconds"))
        expect(seen).toMatchObject([
          { type: "ssubscribe", channel: name },
          { type: "smessage", channel: name, data },
          { type: "gap", reason: "Reconnected" },
          { type: "smessage", channel: name, data }
        ])
        yield* pubSub.sunsubscribe(name)
        expect(yield* pubSub.take).toMatchObject({ type: "sunsubscribe", channel: name, count: 0 })
      })
    )

    it.scoped("of one node, by its address: what that node has and no more", () =>
      Effect.gen(function* () {
        const cluster = yield* ClusterServers.ClusterServers
        const slot = Slot.ofKey("single")
        const { address } = yield* RedisCluster.nodeOf("single")
        const owner = yield* cluster.ownerOf(slot)
        const elsewhere = (yield* RedisCluster.nodes).find(
          (node) => node.role === "primary" && node.address !== address
        )!
        const messages = yield* RedisPubSub.subscribed({ shardChannels: "single" }).pipe(RedisCluster.onNode(address))
        const refused = RedisPubSub.ssubscribe("single").pipe(
          RedisCluster.streamOnNode(elsewhere.address),
          Stream.runDrain
        )
        expect(yield* Effect.flip(refused)).toMatchObject({ _tag: "ReplyError", code: "MOVED" })
        yield* Redis.spublish("single", "x")
        expect(Option.map(yield* Stream.runHead(messages), ({ data }) => data)).toEqual(Option.some("x"))
        const local = yield* RedisPubSub.subscribed({ channels: "local" }).pipe(RedisCluster.onNode(elsewhere.address))
        // Published at another node, it comes over the bus.
        yield* owner.client.execute(Redis.publish("local", "y"))
        expect(Option.map(yield* Stream.runHead(local), ({ data }) => data)).toEqual(Option.some("y"))
        const ended = yield* Effect.fork(Effect.flip(Stream.runDrain(messages)))
        yield* moveOn(slot)
        expect(yield* Fiber.join(ended).pipe(Effect.timeout("5 seconds"))).toMatchObject({ code: "MOVED" })
      })
    )

    it.scoped("leave nothing when interrupted, or when their scope ends, at any time of a move", () =>
      Effect.gen(function* () {
        yield* nothingLeft
        const slot = Slot.ofKey("moving")
        const names = ["{moving}:a", "{moving}:b", "{moving}:c"]
        const scope = yield* Scope.make()
        const kept = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(Scope.extend(scope))
        yield* kept.ssubscribe("{moving}:kept")
        const moving = yield* Effect.fork(Effect.forever(Effect.zipRight(moveOn(slot), Effect.sleep("5 millis"))))
        for (let round = 0; round < 120; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const pubSub = yield* RedisPubSub.make()
              const first = yield* Effect.fork(pubSub.ssubscribe(names))
              yield* Effect.sleep(`${(round % 12) * 400} micros`)
              const others = yield* Effect.forEach(
                [pubSub.sunsubscribe(names[0]), pubSub.ssubscribe(names[2]!), pubSub.take, pubSub.poll({ timeout: 5 })],
                (effect) => Effect.fork(Effect.asVoid(effect))
              )
              yield* Effect.sleep(`${(round % 7) * 500} micros`)
              if (round % 3 === 0) yield* Fiber.interruptAll([first, ...others])
              if (round % 3 === 1) yield* pubSub.sunsubscribe()
            })
          )
        }
        yield* Fiber.interrupt(moving)
        const cluster = yield* ClusterServers.ClusterServers
        yield* cluster.endMove(slot)
        yield* eventually(Redis.pubsubShardchannels(), (left) => left.join() === "{moving}:kept")
        expect(yield* listeners("{moving}:kept")).toBe(1)
        yield* Redis.spublish("{moving}:kept", "end")
        const seen: Array<string> = []
        while (seen.at(-1) !== "end") seen.push(brief(yield* kept.take.pipe(Effect.timeout("5 seconds"))))
        expect(new Set(seen)).toEqual(new Set(["Reconnected", "end"]))
        yield* Scope.close(scope, Exit.void)
        yield* nothingLeft
      })
    )
  })
})
