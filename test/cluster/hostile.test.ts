import { expect, it } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Redis } from "@effect-resp/core"
import { Effect, Either, Option } from "effect"
import { describe } from "vitest"
import { abort, eachWay, type Failure, queueing, ways } from "../support/incrementing.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"

const { bulk } = ScriptedCluster
const foo = Slot.ofKey("foo")

const codeOf = (error: Failure): string | undefined =>
  error._tag === "ReplyError" ? error.code : error._tag === "ExecAbortError" ? error.errors[0]?.code : undefined

describe("a refusal that passes by itself", () => {
  for (const refusal of [
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "READONLY You can't write against a read only replica.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
  ]) {
    const code = refusal.split(" ")[0]!
    it.live(`${code} has the command sent again with pauses, until it is served or its time is over`, () =>
      eachWay((way, run) =>
        Effect.gen(function* () {
          const cluster = yield* ScriptedCluster.make(1)
          let refusals = 3
          cluster.answer = queueing(() => (refusals-- > 0 ? `-${refusal}\r\n` : ":7\r\n"))
          const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "300 millis" })
          const sent = () => cluster.commands(0).filter((command) => command === "INCR foo").length
          expect(yield* run(redis), way).toBe(7)
          expect(sent(), way).toBe(4)

          refusals = Number.POSITIVE_INFINITY
          const { millis, value } = yield* timed(Effect.flip(run(redis)))
          expect([way, codeOf(value), value.outcome]).toEqual([way, code, "Rejected"])
          expect(millis, way).toBeGreaterThan(150)
          expect(millis, way).toBeLessThan(500)
          expect(sent() - 4, way).toBeGreaterThan(3)
          expect(sent() - 4, way).toBeLessThan(25)
        })
      )
    )
  }

  it.scopedLive("of a blocking command is waited out, too", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      let refusals = 3
      cluster.answer = () =>
        refusals-- > 0 ? "-UNBLOCKED force unblock from blocking operation\r\n" : `*2\r\n${bulk("foo")}${bulk("bar")}`
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.execute(Redis.blpop("foo", "1 second"))).toEqual(Option.some({ key: "foo", element: "bar" }))
      expect(cluster.commands(0)).toEqual(Array.from({ length: 4 }, () => "BLPOP foo 1"))
    })
  )

  it.scopedLive("that a script gives on as its own answer is the caller's", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => "-READONLY You can't write against a read only replica.\r\n"
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const error = yield* Effect.flip(redis.execute(Redis.eval("return 1", { keys: ["foo"] })))
      expect(error).toMatchObject({ _tag: "ReplyError", code: "READONLY", outcome: "Failed" })
      expect(cluster.commands(0).length).toBe(1)
    })
  )
})

describe("any other error", () => {
  for (const [text, outcome] of [
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "Failed"],
    ["ERR value is not an integer or out of range", "Failed"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "Rejected"],
    ["NOPERM this user has no permissions to run the 'incr' command", "Rejected"],
    ["NOAUTH Authentication required.", "Rejected"],
    ["MISCONF Redis is configured to save RDB snapshots", "Rejected"],
    ["NOREPLICAS Not enough good replicas to write.", "Rejected"],
    ["CROSSSLOT Keys in request don't hash to the same slot", "Rejected"],
    ["ERR unknown command 'INCR'", "Rejected"],
    ["MOVEDX 1 127.0.0.1:1", "Failed"],
    ["IOERR error or timeout reading to target instance", "Unknown"]
  ] as const) {
    it.scopedLive(`${text.split(" ", 3).join(" ")} is given at once, the command sent once`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(1)
        cluster.answer = queueing(() => `-${text}\r\n`)
        const { redis } = yield* ScriptedCluster.connect(cluster)
        for (const [index, [way, run]] of ways.entries()) {
          const { millis, value } = yield* timed(Effect.flip(run(redis)))
          expect(codeOf(value)).toBe(text.split(" ")[0])
          expect(value.outcome).toBe(way === "a transaction" ? "Rejected" : outcome)
          expect(millis).toBeLessThan(200)
          expect(cluster.commands(0).filter((command) => command === "INCR foo").length).toBe(index + 1)
        }
      })
    )
  }
})

describe("a command of which it is not known whether it ran", () => {
  const seen = (cluster: ScriptedCluster.ScriptedCluster, command: string) =>
    cluster.peers.flatMap((_, node) => cluster.commands(node)).filter((one) => one === command).length

  for (const [what, fail] of [
    ["reset", (_words, _node, connection) => void connection.reset()],
    ["ended", (_words, _node, connection) => void connection.end()],
    [
      "ended in the middle of a reply",
      (_words, _node, connection) => {
        connection.write("$100\r\nhalf")
        connection.end()
      }
    ],
    ["broken by what is no reply", () => "?what\r\n"]
  ] as ReadonlyArray<readonly [string, ScriptedCluster.Answer]>) {
    it.scopedLive(`is not sent again when it writes, and its connection is ${what}`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(1)
        cluster.answer = (words, node, connection) =>
          words.join(" ") === "INCR foo" ? fail(words, node, connection) : ":7\r\n"
        const { redis } = yield* ScriptedCluster.connect(cluster)
        let runs = 0
        for (const [, run] of ways) {
          const error = yield* Effect.flip(run(redis))
          expect(error.outcome).toBe("Unknown")
          expect(["ConnectionError", "ProtocolError"]).toContain(error._tag)
          expect(seen(cluster, "INCR foo")).toBe(++runs)
        }
        yield* Effect.sleep("150 millis")
        expect(seen(cluster, "INCR foo")).toBe(runs)
        // The connection comes back.
        expect(yield* redis.execute(Redis.incr("other"))).toBe(7)
      })
    )

    it.scopedLive(`is sent again when it reads, or was marked, and its connection is ${what}`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        cluster.map = [[0, 16_383, 0, 1]]
        let failures = 1
        cluster.answer = (words, node, connection) =>
          node === 1 || failures-- > 0 ? fail(words, node, connection) : bulk(`${node}`)
        const { redis } = yield* ScriptedCluster.connect(cluster, { readFrom: "preferReplica" })
        // The replica fails, then the primary, and then the primary answers: the replica does not stand in its way.
        const { millis, value } = yield* timed(redis.execute(Redis.get("foo")))
        expect(value).toEqual(Option.some("0"))
        expect(millis).toBeLessThan(500)
        failures = 1
        cluster.answer = (words, node, connection) => (failures-- > 0 ? fail(words, node, connection) : ":7\r\n")
        expect(yield* redis.execute(Command.idempotent(Redis.incr("foo")))).toBe(7)
        expect(seen(cluster, "INCR foo")).toBe(2)
      })
    )
  }

  it.scopedLive("in a pipeline is told for each: reads are sent again, writes are not", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = (words, _node, connection) => {
        if (connection.id > 1) return words[0] === "GET" ? bulk("again") : ":7\r\n"
        if (words[1] === "last") connection.reset()
        return undefined
      }
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const slots = yield* redis.pipeline([Redis.incr("a"), Redis.get("b"), Redis.incr("c"), Redis.get("last")])
      expect(slots.map((slot) => (Either.isRight(slot) ? slot.right : slot.left.outcome))).toEqual([
        "Unknown",
        Option.some("again"),
        "Unknown",
        Option.some("again")
      ])
      expect(slots.map((slot) => (Either.isLeft(slot) ? slot.left.position : undefined))).toEqual([
        0,
        undefined,
        2,
        undefined
      ])
      expect(cluster.commands(0)).toEqual(["INCR a", "GET b", "INCR c", "GET last", "GET b", "GET last"])
    })
  )

  it.scopedLive("after ASK is not sent again either", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = queueing((_words, node, connection) =>
        node === 0 ? cluster.redirect("ASK", foo, 1) : void connection.reset()
      )
      const { redis } = yield* ScriptedCluster.connect(cluster)
      let runs = 0
      for (const [, run] of ways) {
        expect((yield* Effect.flip(run(redis))).outcome).toBe("Unknown")
        expect(cluster.commands(1).filter((command) => command === "INCR foo").length).toBe(++runs)
      }
    })
  )

  it.scopedLive("because no answer came in time is not sent again", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => undefined
      const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "150 millis" })
      let runs = 0
      for (const [, run] of ways) {
        const { millis, value } = yield* timed(Effect.flip(run(redis)))
        expect(value).toMatchObject({ _tag: "TimeoutError", phase: "Reply", outcome: "Unknown" })
        expect(millis).toBeLessThan(400)
        expect(seen(cluster, "INCR foo")).toBe(++runs)
      }
      yield* Effect.sleep("100 millis")
      expect(seen(cluster, "INCR foo")).toBe(runs)
    })
  )

  it.scopedLive("in one of its parts is of unknown outcome as a whole", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.map = [
        [0, 8_191, 1],
        [8_192, 16_383, 0]
      ]
      cluster.answer = (_, node, connection) => (node === 0 ? ":1\r\n" : void connection.reset())
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const error = yield* Effect.flip(redis.execute(Redis.del(["foo", "bar"])))
      expect(error).toMatchObject({ command: "DEL", outcome: "Unknown" })
      expect(seen(cluster, "DEL foo")).toBe(1)
      expect(seen(cluster, "DEL bar")).toBe(1)
    })
  )
})

describe("a transaction", () => {
  const transaction = (redis: Redis.RedisService) =>
    Effect.map(redis.transaction([Redis.incr("foo"), Redis.incr("{foo}2")]), (slots) => slots.map(Either.getOrThrow))
  const whole = ["MULTI", "INCR foo", "INCR {foo}2", "EXEC"]

  for (const [what, exec, asking] of [
    ["EXEC answers MOVED", (to: string) => `MOVED ${foo} ${to}`, false],
    ["EXEC answers ASK", (to: string) => `ASK ${foo} ${to}`, true],
    [
      "MOVED is why it was discarded",
      (to: string) => `EXECABORT Transaction discarded because of: MOVED ${foo} ${to}`,
      false
    ],
    [
      "ASK is why it was discarded",
      (to: string) => `EXECABORT Transaction discarded because of: ASK ${foo} ${to}`,
      true
    ]
  ] as const) {
    it.scopedLive(`scenario 83: is run once more elsewhere, as a whole, when ${what}`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(2)
        cluster.answer = ([name], node) => {
          if (name === "MULTI") return "+OK\r\n"
          if (name !== "EXEC") return "+QUEUED\r\n"
          return node === 0 ? `-${exec(cluster.address(1))}\r\n` : "*2\r\n:1\r\n:2\r\n"
        }
        const { redis } = yield* ScriptedCluster.connect(cluster)
        expect(yield* transaction(redis)).toEqual([1, 2])
        expect(cluster.commands(0)).toEqual(whole)
        expect(cluster.commands(1)).toEqual(asking ? ["ASKING", ...whole] : whole)
      })
    )
  }

  it.scopedLive("scenario 83: of which only one command was redirected goes elsewhere as a whole, too", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(2)
      cluster.answer = queueing(([, key], node) =>
        node === 0 && key === "{foo}2" ? cluster.redirect("MOVED", foo, 1) : ":7\r\n"
      )
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* transaction(redis)).toEqual([7, 7])
      expect(cluster.commands(0)).toEqual(whole)
      expect(cluster.commands(1)).toEqual(whole)
    })
  )

  for (const [what, first] of [
    ["LOADING is why it was discarded", "EXECABORT Transaction discarded because of: LOADING Redis is loading"],
    ["EXEC answers CLUSTERDOWN", "CLUSTERDOWN The cluster is down"]
  ] as const) {
    it.scopedLive(`is run again when ${what}`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(1)
        let refusals = 2
        cluster.answer = ([name]) => {
          if (name === "MULTI") return "+OK\r\n"
          if (name !== "EXEC") return "+QUEUED\r\n"
          return refusals-- > 0 ? `-${first}\r\n` : "*2\r\n:1\r\n:2\r\n"
        }
        const { redis } = yield* ScriptedCluster.connect(cluster)
        expect(yield* transaction(redis)).toEqual([1, 2])
        expect(cluster.commands(0)).toEqual([...whole, ...whole, ...whole])
      })
    )
  }

  it.scopedLive("is run again when MULTI itself was refused and with it all that followed", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      let refusals = 4
      cluster.answer = queueing(() => ":7\r\n")
      const served = cluster.answer
      cluster.answer = (words, node, connection) =>
        refusals-- > 0 ? "-LOADING Redis is loading\r\n" : served(words, node, connection)
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* transaction(redis)).toEqual([7, 7])
      expect(cluster.commands(0)).toEqual([...whole, ...whole])
    })
  )

  for (const [what, answers, expected] of [
    [
      "memory is why it was discarded",
      { EXEC: "-EXECABORT Transaction discarded because of: OOM command not allowed\r\n" },
      { _tag: "ExecAbortError", outcome: "Rejected" }
    ],
    [
      "a command is wrong",
      { INCR: "-ERR wrong number of arguments for 'incr' command\r\n", EXEC: abort },
      { _tag: "ExecAbortError", outcome: "Rejected" }
    ],
    ["EXEC finds a watch broken", { EXEC: "_\r\n" }, { _tag: "WatchError", reason: "KeysChanged" }],
    ["EXEC answers too few", { EXEC: "*1\r\n:1\r\n" }, { _tag: "DecodeError", outcome: "Failed" }],
    [
      "MULTI was refused, and yet commands ran",
      { MULTI: "-LOADING Redis is loading\r\n", INCR: ":1\r\n", EXEC: "-ERR EXEC without MULTI\r\n" },
      { _tag: "ReplyError", code: "LOADING", outcome: "Unknown" }
    ]
  ] as ReadonlyArray<readonly [string, Readonly<Record<string, string>>, object]>) {
    it.scopedLive(`scenario 63: is not run again when ${what}`, () =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(1)
        cluster.answer = ([name]) => answers[name!] ?? (name === "MULTI" ? "+OK\r\n" : "+QUEUED\r\n")
        const { redis } = yield* ScriptedCluster.connect(cluster)
        expect(yield* Effect.flip(transaction(redis))).toMatchObject(expected)
        expect(cluster.commands(0)).toEqual(whole)
      })
    )
  }
})
