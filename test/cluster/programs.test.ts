import { expect, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Pipeline, Redis, RedisError, RedisPubSub, Reply, Scan, Script, Transaction } from "@effect-resp/core"
import { Effect, Either, Fiber, Option, Schedule, Schema, Stream } from "effect"
import { ClusterServers, type Node } from "../support/ClusterServers.js"
import { callsAt, callsOf, clusterLayer, keyOf, resetCalls, slots, spread } from "../support/cluster.js"
import { eventually } from "../support/RestartableServer.js"
import { redisLayer } from "../support/redis.js"

const [a, b, c] = spread as [string, string, string]

const ownerOf = (slot: number) => Effect.flatMap(ClusterServers, (cluster) => cluster.ownerOf(slot))

const add = Script.make({
  keys: ["sum"],
  args: ["by"],
  lua: `return redis.call("INCRBY", KEYS[1], ARGV[1])`,
  reply: Reply.integer
})

/** Increments by reading and writing, for others to interfere. */
const increment = (key: string) =>
  Transaction.watch(
    [key],
    Effect.map(Redis.get(key), (value) =>
      Pipeline.all([Redis.set(key, Number(Option.getOrElse(value, () => "0")) + 1), Redis.get(key)])
    )
  )

const patiently = Transaction.retry(Schedule.spaced("2 millis").pipe(Schedule.jittered))

layer(clusterLayer(), { excludeTestServices: true })("programs on a cluster", (it) => {
  it.effect("a command goes to the node that has the slot of its key, whatever the key is made of", () =>
    Effect.gen(function* () {
      const big = 12_345_678_901_234_567_890n
      const keys = ["plain", "schlüssel", "", 42, -1.5, 1e21, big, Uint8Array.of(0xff, 0, 0x7b, 0x7d), ...spread]
      for (const key of keys) {
        expect(yield* Redis.set(key, "value")).toBe("OK")
        const owner = yield* ownerOf(Slot.ofKey(key))
        expect(yield* owner.client.execute(Redis.get(key))).toEqual(Option.some("value"))
        expect(yield* owner.client.execute(Redis.del(key))).toBe(1)
      }
      const tagged = ["{user:1}:name", "{user:1}:age", "x{user:1}"]
      expect(yield* Redis.sadd(tagged[0]!, ["1", "2"])).toBe(2)
      expect(yield* Redis.sunionstore(tagged[1]!, [tagged[0]!, tagged[2]!])).toBe(2)
      expect(yield* Redis.rename(tagged[1]!, tagged[2]!)).toBe("OK")
      expect(yield* Redis.scard(tagged[2]!)).toBe(2)
    })
  )

  it.effect("a program written for one server runs unchanged", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Redis.flushall()
        const set = yield* Redis.set(a, 1, { expire: "1 minute" })
        const missing = yield* Redis.get(b)
        const counted = yield* Effect.forEach([b, c, b], (key) => Redis.incr(key))
        const piped = yield* Pipeline.all({ values: Redis.mget([c, a, b]), more: [Redis.append(a, "x"), Redis.ping()] })
        const atomic = yield* Transaction.exec([Redis.rpush(`{${a}}list`, ["x", "y"]), Redis.llen(`{${a}}list`)])
        const next = yield* increment(b)
        const popped = yield* Redis.blpop(`{${a}}list`, "1 second")
        const summed = yield* add({ sum: c, by: 5 })
        const keys = yield* Stream.runCollect(Scan.keys())
        const hash = yield* Redis.hset("hash", { field: "value" })
        const scanned = yield* Stream.runCollect(Scan.hash("hash"))
        const wrong = yield* Effect.flip(Redis.incr("hash"))
        const left = yield* Redis.del([a, b, c, "hash", "none"])
        const size = yield* Redis.dbsize
        const heard = yield* Effect.scoped(
          Effect.gen(function* () {
            const messages = yield* RedisPubSub.subscribed({ channels: "news" })
            yield* Redis.publish("news", "hello")
            return yield* Stream.runHead(messages)
          })
        )
        return {
          ...{ set, missing, counted, piped, atomic, next, popped, summed, left, size, hash },
          keys: [...new Set(keys)].sort(),
          heard: Option.map(heard, ({ data }) => data),
          scanned: [...scanned],
          // A cluster says also which node it was.
          wrong: { tag: wrong._tag, ...RedisError.withContext(wrong, { node: undefined }) }
        }
      })
      const onOne = yield* Effect.provide(program, redisLayer())
      expect(yield* program).toEqual(onOne)
    })
  )

  it.effect("scenario 87: commands of many keys are split among their slots, and their replies joined in order", () =>
    Effect.gen(function* () {
      yield* Redis.flushall()
      yield* resetCalls
      // Two in one slot, two of another slot of the same node, and other nodes.
      const near = keyOf(101)
      const keys = [c, a, `{${a}}`, b, near]
      expect(yield* Redis.mset(keys.map((key, i) => [key, i] as const))).toBe("OK")
      expect(yield* callsOf("mset")).toBe(4)
      expect(yield* Redis.mget([...keys, "missing", c])).toEqual([
        ...keys.map((_, i) => Option.some(String(i))),
        Option.none(),
        Option.some("0")
      ])
      expect(yield* Redis.mget([a, c]).pipe(Command.bytes)).toEqual([
        Option.some(Uint8Array.of(0x31)),
        Option.some(Uint8Array.of(0x30))
      ])
      const Numbers = Schema.Array(Schema.OptionFromSelf(Schema.NumberFromString))
      expect(yield* Redis.mget([b, a, "missing"]).pipe(Command.withSchema(Numbers))).toEqual([
        Option.some(3),
        Option.some(1),
        Option.none()
      ])
      expect(yield* Redis.mget([c, b]).pipe(Command.map((values) => values.length))).toBe(2)
      expect(
        yield* Effect.flip(
          Redis.mget([c, b]).pipe(
            Command.map((values) => values[0]!),
            Command.withSchema(Schema.String.pipe(Schema.pattern(/x/)))
          )
        )
      ).toMatchObject({ _tag: "DecodeError", command: "MGET" })
      expect(yield* Redis.exists([a, b, c, b, "missing"])).toBe(4)
      expect(yield* Redis.exists([a, b, c]).pipe(Command.bigint)).toBe(3n)
      expect(yield* Redis.touch([a, b, c, "missing"])).toBe(3)
      expect(yield* Redis.unlink([a, c, "missing"])).toBe(2)
      expect(yield* Pipeline.all([Redis.get(b), Redis.del([a, b, near]), Redis.exists([b, c])])).toEqual([
        Option.some("3"),
        2,
        0
      ])
      // What is wrong in one part refuses the whole.
      const bad = Effect.flip(
        Redis.mset([
          [a, 1],
          [b, Number.NaN]
        ])
      )
      expect(yield* bad).toMatchObject({ _tag: "CommandError", command: "MSET" })
      expect(yield* Redis.exists([a, b])).toBe(0)
    })
  )

  it.effect("scenario 87: keys in several slots are refused before a byte is sent", () =>
    Effect.gen(function* () {
      yield* resetCalls
      const cross = { _tag: "CrossSlotError", slots: [slots[0], slots[1]], outcome: "NotSent" }
      const ok = Redis.set(a, "1")
      const commands: ReadonlyArray<Command.Command<unknown>> = [
        Redis.sinter([a, b]),
        Redis.rename(a, b),
        Redis.msetnx([
          [a, 1],
          [b, 1]
        ]),
        Redis.lmove(a, b, "left", "left"),
        Redis.blpop([a, b], "1 second")
      ]
      for (const command of commands) {
        const { name } = command.definition
        expect(yield* Effect.flip(command)).toMatchObject({ ...cross, command: name, position: undefined })
        expect(yield* Effect.flip(Pipeline.all([ok, command, ok]))).toMatchObject({
          ...cross,
          command: name,
          position: 1
        })
        expect(yield* Effect.flip(Transaction.exec([ok, command]))).toMatchObject({
          ...cross,
          command: name,
          position: 1
        })
      }
      expect(yield* Effect.flip(Transaction.exec([ok, Redis.get(a), Redis.get(b)]))).toMatchObject({
        ...cross,
        command: "GET",
        position: 2
      })
      // Which does not stay atomic when it is split.
      expect(yield* Effect.flip(Transaction.exec([Redis.del([a, b])]))).toMatchObject({ ...cross, command: "DEL" })
      expect(yield* Effect.flip(Transaction.exec([ok, Redis.del([a, b])]))).toMatchObject({ ...cross, position: 1 })
      expect(yield* Effect.flip(Redis.eval("return 1", { keys: [a, b] }))).toMatchObject(cross)
      expect(yield* Effect.flip(Transaction.watch([a, b], Effect.succeed(Pipeline.all([ok]))))).toMatchObject(cross)
      expect(yield* Effect.flip(Redis.withReserved([a, b])(ok))).toMatchObject(cross)
      expect(
        yield* callsOf("set", "get", "del", "sinter", "rename", "msetnx", "lmove", "blpop", "multi", "watch")
      ).toBe(0)
      // Under a watch nothing of another slot than its keys' goes out, be it served by the same node.
      const others: ReadonlyArray<Command.Command<unknown>> = [
        Redis.get(b),
        Redis.get(keyOf(101)),
        Redis.exists([a, b])
      ]
      for (const other of others) {
        const bodies: ReadonlyArray<Effect.Effect<Pipeline.Pipeline<unknown>, RedisError.RedisError, Redis.Redis>> = [
          Effect.as(other, Pipeline.all([ok])),
          Effect.as(Pipeline.all([other]), Pipeline.all([ok])),
          Effect.succeed(Pipeline.all([ok, other]))
        ]
        for (const body of bodies) {
          expect(yield* Effect.flip(Transaction.watch([a], body))).toMatchObject({
            _tag: "CrossSlotError",
            command: other.definition.name,
            outcome: "NotSent"
          })
        }
      }
      expect(yield* callsOf("set", "get", "exists", "multi")).toBe(0)
    })
  )

  it.effect("commands without keys go to one node, to all that concern them, or nowhere", () =>
    Effect.gen(function* () {
      const { nodes } = yield* ClusterServers
      expect(yield* Redis.flushall()).toBe("OK")
      expect(yield* Redis.dbsize).toBe(0)
      expect(yield* Redis.randomkey).toEqual(Option.none())
      yield* Redis.set(b, 1)
      for (let i = 0; i < 5; i++) expect(yield* Redis.randomkey).toEqual(Option.some(b))
      yield* Redis.mset({ [a]: 1, [c]: 1 })
      expect(yield* Redis.dbsize).toBe(3)
      expect([...(yield* Redis.keys("*"))].sort()).toEqual([...spread].sort())

      const sha = yield* Redis.scriptLoad("return 1")
      expect(yield* Redis.scriptExists([sha, "0".repeat(40)])).toEqual([true, false])
      for (const { client } of nodes) expect(yield* client.execute(Redis.scriptExists(sha))).toEqual([true])
      expect(yield* nodes[1]!.client.execute(Redis.scriptFlush())).toBe("OK")
      expect(yield* Redis.scriptExists(sha)).toEqual([false])

      expect(yield* Redis.configSet({ "slowlog-max-len": 77 })).toBe("OK")
      for (const { client } of nodes) {
        expect(Object.values(yield* client.execute(Redis.configGet("slowlog-max-len")))).toEqual(["77"])
      }
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Effect.provideService(
            RedisPubSub.subscribed({ channels: "at one node" }),
            Redis.Redis,
            nodes[5]!.client
          )
          expect(yield* Redis.pubsubChannels("at*")).toEqual(["at one node"])
          expect(yield* Redis.pubsubNumsub(["at one node", "none"])).toEqual([
            ["at one node", 1],
            ["none", 0]
          ])
        })
      )

      const refused = (command: Command.Command<unknown>, advice: string) =>
        Effect.map(Effect.flip(command), (error) => {
          expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
          expect(error.message).toContain(advice)
        })
      yield* refused(Redis.scan("0"), "Scan.keys")
      yield* refused(Redis.wait(1, "1 second"), "Redis.withReserved")
      yield* refused(Command.make(["SELECT", 1]), "another layer")
      yield* refused(Command.make(["CLUSTER", "RESET"]), "RedisCluster.onNode")
      yield* refused(Command.make(["MULTI"]), "Transaction.exec")
    })
  )

  it.effect("a pipeline of ten thousand commands over all nodes answers in order", () =>
    Effect.gen(function* () {
      const keys = Array.from({ length: 5_000 }, (_, i) => `many:${i}`)
      const results = yield* Pipeline.all([
        Pipeline.forEach(keys, (key, i) => Redis.set(key, i)),
        Pipeline.forEach(keys, (key) => Redis.get(key))
      ])
      expect(results[0]).toEqual(keys.map(() => "OK"))
      expect(results[1]).toEqual(keys.map((_, i) => Option.some(String(i))))
      for (const slot of slots) expect((yield* callsAt(yield* ownerOf(slot))).set).toBeGreaterThan(1_000)
    })
  )

  it.effect("a command that fails in a pipeline keeps its position, and the others theirs", () =>
    Effect.gen(function* () {
      yield* Redis.mset({ [a]: "text", [b]: 1, [c]: 2 })
      const commands = {
        first: Redis.incr(b),
        second: { text: Redis.incr(a), third: Redis.incr(c) },
        ping: Redis.ping()
      }
      const failure = { _tag: "ReplyError", command: "INCR", position: 1, outcome: "Failed" }
      expect(yield* Effect.flip(Pipeline.all(commands))).toMatchObject(failure)
      const { first, ping, second } = yield* Pipeline.attempt(commands)
      expect([first, second.third, ping]).toEqual([3, 4, "PONG"].map((value) => Either.right(value)))
      expect(Either.flip(second.text)).toMatchObject({ right: failure })

      yield* resetCalls
      const bad = Pipeline.all([Redis.incr(b), Redis.set(c, Number.POSITIVE_INFINITY)])
      expect(yield* Effect.flip(bad)).toMatchObject({ _tag: "CommandError", command: "SET", position: 1 })
      expect(yield* callsOf("incr", "set")).toBe(0)
    })
  )

  it.effect("blocking commands wait where their keys are, also in a pipeline", () =>
    Effect.gen(function* () {
      yield* Redis.del([a, b, c])
      const waiting = yield* Effect.forEach(spread, (key) => Effect.fork(Redis.blpop(key, "5 seconds")))
      const owners = yield* Effect.forEach(slots, ownerOf)
      const blocked = Effect.forEach(owners, ({ server }) => server.text("INFO", "clients"))
      yield* eventually(
        "three blocked clients",
        Effect.map(blocked, (told) => (told.every((text) => text.includes("blocked_clients:1")) ? undefined : "none"))
      )
      yield* Pipeline.forEach(spread, (key) => Redis.rpush(key, `for ${key}`))
      const popped = yield* Effect.forEach(waiting, Fiber.join)
      expect(popped).toEqual(spread.map((key) => Option.some({ key, element: `for ${key}` })))
      expect(
        yield* Pipeline.all([
          Redis.rpush(a, "1"),
          Redis.blpop(a, "2 seconds"),
          Redis.blpop(b, "20 millis"),
          Redis.incr(`{${b}}`)
        ])
      ).toEqual([1, Option.some({ key: a, element: "1" }), Option.none(), 1])
    })
  )

  it.effect("a transaction runs on the node of its keys, and says what the node refused", () =>
    Effect.gen(function* () {
      yield* Redis.del([a, b, `{${a}}`])
      yield* resetCalls
      const [, , values] = yield* Transaction.exec([Redis.set(a, 1), Redis.incr(`{${a}}`), Redis.mget([a, `{${a}}`])])
      expect(values).toEqual([Option.some("1"), Option.some("1")])
      expect((yield* callsAt(yield* ownerOf(slots[0]))).exec).toBe(1)
      expect(yield* callsOf("exec")).toBe(1)

      const wrong = Command.make(["GET", b, "too", "many"], { keys: [1] })
      const aborted = yield* Effect.flip(Transaction.exec([Redis.set(b, 1), wrong]))
      expect(aborted).toMatchObject({ _tag: "ExecAbortError", errors: [{ command: "GET", position: 1 }] })
      expect(yield* Redis.exists(b)).toBe(0)
      const { bad, good } = yield* Transaction.attempt({ bad: Redis.llen(a), good: Redis.incr(a) })
      expect(Either.flip(bad)).toMatchObject({ right: { code: "WRONGTYPE", position: 0 } })
      expect(good).toEqual(Either.right(2))
      expect(yield* Transaction.exec([Redis.ping()])).toEqual(["PONG"])
    })
  )

  it.effect("fifty fibers that watch count exactly", () =>
    Effect.gen(function* () {
      yield* Redis.del([a, b, c])
      const all = Array.from({ length: 50 }, (_, i) => patiently(increment(spread[i % 3]!)))
      yield* Effect.all(all, { concurrency: "unbounded" })
      expect(yield* Redis.mget(spread)).toEqual(["17", "17", "16"].map(Option.some))
    })
  )

  it.effect("a watch ends with SlotMoved when its slot moves, and the next one is where it went", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      const slot = 2_000
      const key = keyOf(slot)
      const from = yield* cluster.ownerOf(slot)
      const to = yield* cluster.ownerOf(slots[1])
      yield* Redis.set(key, 1)
      /** `meanwhile` happens in the first attempt, between what it reads and what it writes. */
      const disturbed = (meanwhile: Effect.Effect<void>) => {
        let attempts = 0
        const once = Effect.suspend(() => (attempts++ === 0 ? meanwhile : Effect.void))
        return Transaction.watch(
          [key],
          Effect.gen(function* () {
            const value = Number(Option.getOrThrow(yield* Redis.get(key)))
            yield* once
            return Pipeline.all([Redis.set(key, value + 1), Redis.get(key)])
          })
        )
      }
      const half = Effect.zipRight(cluster.beginMove(slot, to), cluster.moveKeys(slot))
      const moved = { _tag: "WatchError", reason: "SlotMoved" }
      // A server may as well say that the key has gone.
      expect(yield* Effect.flip(disturbed(half))).toMatchObject({
        reason: expect.stringMatching(/SlotMoved|KeysChanged/)
      })
      // The slot is on its way: what it was is asked of the new owner, with ASKING.
      expect(yield* increment(key)).toEqual(["OK", Option.some("2")])
      // Nothing changes for them when it has arrived.
      expect(yield* disturbed(cluster.endMove(slot))).toEqual(["OK", Option.some("3")])
      expect(yield* patiently(disturbed(cluster.moveSlot(slot, from)))).toEqual(["OK", Option.some("4")])
      expect(yield* patiently(disturbed(cluster.moveSlot(slot, to)))).toEqual(["OK", Option.some("5")])
      expect(yield* to.client.execute(Redis.get(key))).toEqual(Option.some("5"))
      yield* cluster.moveSlot(slot, from)
      // A command of the body may also be the one to find out.
      const reading = Transaction.watch(
        [key],
        Effect.zipRight(
          cluster.moveSlot(slot, to),
          Effect.map(Redis.get(key), () => Pipeline.all([Redis.get(key)]))
        )
      )
      expect(yield* Effect.flip(reading)).toMatchObject(moved)
      yield* cluster.moveSlot(slot, from)
    })
  )

  it.effect("a script runs on the node of its keys, which need not know it", () =>
    Effect.gen(function* () {
      yield* Redis.del([a, b, c])
      yield* Redis.scriptFlush()
      yield* resetCalls
      expect(yield* Effect.forEach(spread, (sum) => add({ sum, by: 2 }))).toEqual([2, 2, 2])
      expect(yield* callsOf("eval")).toBe(3)
      expect(yield* Pipeline.forEach([c, a, b, a], (sum) => add({ sum, by: 1 }))).toEqual([3, 3, 3, 4])
      expect(yield* Transaction.exec([add({ sum: a, by: 1 }), Redis.get(a)])).toEqual([5, Option.some("5")])
    })
  )

  it.effect("a reserved connection is to the node of its keys, and can wait for the replica", () =>
    Effect.gen(function* () {
      const cluster = yield* ClusterServers
      for (const [i, slot] of slots.entries()) {
        const key = spread[i]!
        const owner: Node = yield* cluster.ownerOf(slot)
        const [copies, info] = yield* Redis.set(key, "copied").pipe(
          Effect.zipRight(Effect.all([Redis.wait(1, "2 seconds"), Redis.info(["server"])])),
          Redis.withReserved([key, `{${key}}`])
        )
        expect(copies).toBe(1)
        expect(JSON.stringify(info)).toContain(String(owner.port))
      }
    })
  )
})
