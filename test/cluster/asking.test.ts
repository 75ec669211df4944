import { expect, it, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Pipeline, Redis, Reply, Transaction } from "@effect-resp/core"
import { NodeRedisCluster } from "@effect-resp/node"
import { Effect, Either, Fiber, Option } from "effect"
import { describe } from "vitest"
import * as ClusterServers from "../support/ClusterServers.js"
import { eachWay, queueing as multi } from "../support/incrementing.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"

const { bulk } = ScriptedCluster
const foo = Slot.ofKey("foo")

const encoded = (...words: ReadonlyArray<string>) => `*${words.length}\r\n${words.map(bulk).join("")}`

describe("TRYAGAIN", () => {
  it.live("scenario 82: is followed by a few more attempts, farther and farther apart, until the deadline", () =>
    eachWay((way, run) =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(1)
        const times: Array<number> = []
        cluster.answer = multi(() => {
          times.push(performance.now())
          return "-TRYAGAIN later\r\n"
        })
        const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "400 millis" })
        const { millis, value } = yield* timed(Effect.flip(run(redis)))
        expect(value, way).toMatchObject(
          way === "a transaction"
            ? { _tag: "ExecAbortError", errors: [{ code: "TRYAGAIN" }], outcome: "Rejected" }
            : { _tag: "ReplyError", code: "TRYAGAIN", outcome: "Rejected" }
        )
        expect(millis, way).toBeLessThan(1_000)
        expect(times.length, way).toBeGreaterThan(2)
        expect(times.length, way).toBeLessThan(20)
      })
    )
  )
})

describe("ASK", () => {
  it.scopedLive("scenario 81: sends ASKING and the command in one write, amid others, and changes no map", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [
        [0, 8_191, 1],
        [8_192, 16_383, 0]
      ]
      cluster.answer = (words, node) => {
        if (words[1] !== "foo") return bulk(words[1]!)
        return node === 0 ? cluster.redirect("ASK", foo, 1) : bulk("asked")
      }
      const { redis, writes } = yield* ScriptedCluster.connectRecorded(cluster)
      const { refreshes } = cluster
      const busy = Array.from({ length: 500 }, (_, i) => `key-${i}`)
      yield* Effect.all(
        [
          ...busy.map((key) => redis.execute(Redis.get(key))),
          redis.execute(Redis.get("foo")),
          // Of other turns, so that they are written while the redirection is under way.
          ...busy.map((key, i) => Effect.delay(redis.execute(Redis.get(key)), i / 50))
        ],
        { concurrency: "unbounded" }
      )
      yield* redis.execute(Redis.get("foo"))
      const asking = cluster.frames.flatMap(({ words }, i) => (words[0] === "ASKING" ? [i] : []))
      expect(asking.length).toBe(2)
      for (const i of asking) {
        const next = cluster.frames.slice(i + 1).find(({ node }) => node === 1)
        expect(next?.words).toEqual(["GET", "foo"])
      }
      const together = encoded("ASKING") + encoded("GET", "foo")
      expect(writes.filter((text) => text.includes(together)).length).toBe(2)
      // Each time the owner was asked first.
      expect(cluster.commands(0).filter((command) => command === "GET foo").length).toBe(2)
      expect(cluster.refreshes).toBe(refreshes)
    })
  )

  it.scopedLive("scenario 81: in a pipeline is for the commands that got it", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (words, node) =>
        node === 0 && words[1]!.startsWith("{foo}gone")
          ? cluster.redirect("ASK", foo, 1)
          : bulk(`${node} ${words.join(" ")}`)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const slots = yield* redis.pipeline([
        Redis.get("{foo}here"),
        Redis.get("{foo}gone"),
        Redis.get("bar"),
        Redis.getdel("{foo}gone2")
      ])
      expect(slots.map(Either.getOrThrow)).toEqual(
        ["0 GET {foo}here", "1 GET {foo}gone", "0 GET bar", "1 GETDEL {foo}gone2"].map(Option.some)
      )
      expect(cluster.commands(1)).toEqual(["ASKING", "GET {foo}gone", "ASKING", "GETDEL {foo}gone2"])
    })
  )

  it.scopedLive.each([
    ["foo", "bar"],
    ["bar", "foo"]
  ])("scenario 81: in a pipeline is for no other that goes to the same node: %s, %s", (keys) =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = ([, key = ""], node) =>
        node === 1 ? bulk(key) : cluster.redirect(key === "foo" ? "ASK" : "MOVED", Slot.ofKey(key), 1)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const slots = yield* redis.pipeline(keys.map((key) => Redis.getdel(key)))
      expect(slots.map(Either.getOrThrow)).toEqual(keys.map(Option.some))
      const commands = cluster.commands(1)
      expect([...commands].sort()).toEqual(["ASKING", "GETDEL bar", "GETDEL foo"])
      expect(commands[commands.indexOf("ASKING") + 1]).toBe("GETDEL foo")
    })
  )

  it.live("scenario 81: is followed once, and the next attempt begins at the owner again", () =>
    eachWay((way, run) =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        let asked = 0
        cluster.answer = multi((_, node) =>
          node === 1 ? "-TRYAGAIN later\r\n" : asked++ === 0 ? cluster.redirect("ASK", foo, 1) : ":7\r\n"
        )
        const { redis } = yield* ScriptedCluster.connect(cluster)
        expect(yield* run(redis), way).toBe(7)
        expect(asked, way).toBe(2)
        expect(
          cluster.commands(1).filter((command) => command === "INCR foo"),
          way
        ).toHaveLength(1)
      })
    )
  )

  const queueing =
    (cluster: ScriptedCluster.ScriptedCluster): ScriptedCluster.Answer =>
    ([name], node) => {
      if (name === "MULTI" || name === "WATCH" || name === "UNWATCH") {
        return name === "WATCH" && node === 0 ? cluster.redirect("ASK", foo, 1) : "+OK\r\n"
      }
      if (name === "EXEC") {
        return node === 0 ? "-EXECABORT Transaction discarded because of previous errors.\r\n" : "*1\r\n:5\r\n"
      }
      if (name === "GET") return bulk("4")
      return node === 0 ? cluster.redirect("ASK", foo, 1) : "+QUEUED\r\n"
    }

  it.scopedLive("scenario 81, 83: for a transaction is one ASKING, before MULTI", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = queueing(cluster)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.transaction([Redis.incr("foo")])).toEqual([Either.right(5)])
      expect(cluster.commands(0)).toEqual(["MULTI", "INCR foo", "EXEC"])
      expect(cluster.commands(1)).toEqual(["ASKING", "MULTI", "INCR foo", "EXEC"])
    })
  )

  it.scopedLive("scenario 81: for a watch is ASKING before each step, on one connection", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = queueing(cluster)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const next = yield* Transaction.watch(
        ["foo"],
        Effect.map(Redis.get("foo"), (value) => {
          expect(value).toEqual(Option.some("4"))
          return Pipeline.all([Redis.incr("foo")])
        })
      ).pipe(Effect.provideService(Redis.Redis, redis))
      expect(next).toEqual([5])
      expect(cluster.commands(1)).toEqual([
        ...["ASKING", "WATCH foo", "ASKING", "GET foo"],
        ...["ASKING", "MULTI", "INCR foo", "EXEC"]
      ])
      expect(new Set(cluster.frames.filter(({ node }) => node === 1).map(({ connection }) => connection)).size).toBe(1)
    })
  )

  it.scopedLive("for a blocking command is on its own connection", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = (_, node) =>
        node === 0 ? cluster.redirect("ASK", foo, 1) : `*2\r\n${bulk("foo")}${bulk("bar")}`
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.execute(Redis.blpop("foo", "1 second"))).toEqual(Option.some({ key: "foo", element: "bar" }))
      expect(cluster.commands(1)).toEqual(["ASKING", "BLPOP foo 1"])
    })
  )
})

const slot = Slot.ofKey("{t}")

layer(ClusterServers.layer({ primaries: 2, replicas: 0 }), { excludeTestServices: true })("a slot on its way", (it) => {
  const started = (commandTimeout: "300 millis" | "5 seconds") =>
    Effect.gen(function* () {
      const servers = yield* ClusterServers.ClusterServers
      const { redis } = yield* NodeRedisCluster.make({
        nodes: servers.nodes.map(({ host, port }) => `${host}:${port}`),
        commandTimeout
      })
      const keys = ["{t}stays", "{t}goes"]
      yield* redis.execute(Redis.mset({ "{t}stays": "1", "{t}goes": "1" }))
      const [from, to] = yield* Effect.map(
        servers.ownerOf(slot),
        (owner) => [owner, servers.nodes.find((node) => node !== owner)!] as const
      )
      yield* servers.beginMove(slot, to)
      yield* servers.moveKeys(slot, ["{t}goes"])
      return { servers, redis, keys, from, to }
    })

  it.effect("scenario 81, 83: serves each key where it is", () =>
    Effect.gen(function* () {
      const { redis, servers, to } = yield* started("5 seconds")
      expect(yield* redis.execute(Redis.get("{t}stays"))).toEqual(Option.some("1"))
      expect(yield* redis.execute(Redis.get("{t}goes"))).toEqual(Option.some("1"))
      expect(yield* redis.execute(Redis.incr("{t}new"))).toBe(1)
      expect(yield* redis.transaction([Redis.incr("{t}goes"), Redis.incr("{t}goes")])).toEqual([2, 3].map(Either.right))
      expect(yield* redis.transaction([Redis.incr("{t}stays")])).toEqual([Either.right(2)])
      const slots = yield* redis.pipeline(["{t}stays", "{t}goes", "{t}new"].map((key) => Redis.incr(key)))
      expect(slots.map(Either.getOrThrow)).toEqual([3, 4, 2])
      const next = yield* Transaction.watch(
        ["{t}goes"],
        Effect.map(Redis.get("{t}goes"), (value) =>
          Pipeline.all([Redis.set("{t}goes", Number(Option.getOrThrow(value)) + 1), Redis.get("{t}goes")])
        )
      ).pipe(Effect.provideService(Redis.Redis, redis))
      expect(next[1]).toEqual(Option.some("5"))
      expect(yield* redis.execute(Redis.blpop("{t}list", 0.02))).toEqual(Option.none())
      // Nothing of it has told the client that the slot has moved.
      const get = Command.make(["CLUSTER", "COUNTKEYSINSLOT", slot], { reply: Reply.integer })
      expect(yield* to.client.execute(get)).toBeGreaterThan(0)
      yield* servers.endMove(slot)
      expect(yield* redis.execute(Redis.del(["{t}stays", "{t}goes", "{t}new"]))).toBe(3)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 82: has commands of several keys wait until it has moved", () =>
    Effect.gen(function* () {
      const { keys, redis, servers } = yield* started("5 seconds")
      const whole = yield* Effect.fork(redis.execute(Redis.mget(keys)))
      const inPipeline = yield* Effect.fork(redis.pipeline([Redis.mget(keys), Redis.get("{t}stays")]))
      const inTransaction = yield* Effect.fork(redis.transaction([Redis.mget(keys)]))
      yield* Effect.sleep("150 millis")
      expect(whole.unsafePoll()).toBeNull()
      expect(inPipeline.unsafePoll()).toBeNull()
      yield* servers.endMove(slot)
      const both = [Option.some("1"), Option.some("1")]
      expect(yield* Fiber.join(whole)).toEqual(both)
      expect((yield* Fiber.join(inPipeline)).map(Either.getOrThrow)).toEqual([both, Option.some("1")])
      expect((yield* Fiber.join(inTransaction)).map(Either.getOrThrow)).toEqual([both])
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 82: and never arrives: they fail at the deadline, nothing run", () =>
    Effect.gen(function* () {
      const { keys, redis, servers } = yield* started("300 millis")
      const { millis, value } = yield* timed(Effect.flip(redis.execute(Redis.mget(keys))))
      expect(value).toMatchObject({ _tag: "ReplyError", code: "TRYAGAIN", outcome: "Rejected" })
      expect(millis).toBeGreaterThan(150)
      expect(millis).toBeLessThan(600)
      yield* servers.endMove(slot)
    }).pipe(Effect.scoped)
  )
})
