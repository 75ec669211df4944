import { expect, it } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Command, Redis, RedisError } from "@effect-resp/core"
import { Effect, Either } from "effect"
import { describe } from "vitest"
import * as ScriptedCluster from "../support/ScriptedCluster.js"

const { bulk } = ScriptedCluster
const foo = Slot.ofKey("foo")

const incr = Command.idempotent(Redis.incr("foo"))

/** What may run twice, in each of the ways in which it can be sent. */
const ways: ReadonlyArray<readonly [string, (redis: Redis.RedisService) => Effect.Effect<unknown, unknown>]> = [
  ["a command", (redis) => redis.execute(incr)],
  ["a read", (redis) => redis.execute(Redis.get("foo"))],
  ["a pipeline", (redis) => Effect.flatMap(redis.pipeline([incr]), ([slot]) => slot!)],
  ["parts", (redis) => redis.execute(Command.idempotent(Redis.del(["foo", "bar"])))]
]

/** How all attempts but the first end. */
const fates: Readonly<
  Record<
    string,
    readonly [error: object, safe: boolean | undefined, begin: (cluster: ScriptedCluster.ScriptedCluster) => void]
  >
> = {
  "is refused": [
    { _tag: "ReplyError", code: "CLUSTERDOWN" },
    true,
    (cluster) => {
      cluster.answer = () => "-CLUSTERDOWN The cluster is down\r\n"
    }
  ],
  // Given up for its number of redirections or for the time.
  "is sent elsewhere without end": [
    {},
    undefined,
    (cluster) => {
      cluster.answer = (_words, node) => cluster.redirect("MOVED", foo, 1 - node)
    }
  ],
  "is refused for good": [
    { _tag: "ReplyError", code: "NOPERM" },
    false,
    (cluster) => {
      cluster.answer = () => "-NOPERM this user has no permissions to run the command\r\n"
    }
  ],
  "belongs to no node": [
    { _tag: "ClusterError", reason: "NoNode" },
    true,
    (cluster) => {
      cluster.map = [[0, 0, 0]]
    }
  ],
  "finds no connection": [
    { _tag: "ConnectionError" },
    true,
    (cluster) => {
      cluster.respond = (_node, _words, connection) => connection.reset()
    }
  ],
  "finds nobody who answers": [
    {},
    true,
    (cluster) => {
      cluster.respond = () => {}
    }
  ],
  "finds the credentials refused": [
    { _tag: "ConnectionError", reason: "Auth" },
    false,
    (cluster) => {
      cluster.respond = (_node, _words, connection) => connection.write("-WRONGPASS invalid password\r\n")
    }
  ]
}

describe("what may run twice and has perhaps run", () => {
  for (const [fate, [error, safe, begin]] of Object.entries(fates)) {
    it.live(`is still of unknown outcome when it ${fate} later`, () =>
      Effect.forEach(
        ways,
        ([way, run]) =>
          Effect.gen(function* () {
            const cluster = yield* ScriptedCluster.make(2)
            cluster.answer = ([, key], _node, connection) => {
              if (key !== "foo") return ":1\r\n"
              begin(cluster)
              return void connection.reset()
            }
            const { redis } = yield* ScriptedCluster.connect(cluster, { commandTimeout: "1 second" })
            const failure = yield* Effect.flip(run(redis))
            expect(failure, way).toMatchObject({ ...error, outcome: "Unknown", idempotent: true })
            if (safe !== undefined) expect(RedisError.isSafeToRetry(failure), way).toBe(safe)
          }).pipe(Effect.scoped),
        { concurrency: "unbounded", discard: true }
      )
    )
  }
})

describe("in a pipeline whose connection is lost", () => {
  const set = (value: number) => Redis.set("foo", value)

  /** What each command gives, and what is sent again: the first connection is lost at the last of them. */
  const sentAgain = (commands: ReadonlyArray<Command.Command<unknown>>) =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      let count = 0
      cluster.answer = ([name], _node, connection) => {
        if (++count < commands.length) return undefined
        if (count === commands.length) return void connection.reset()
        return name === "GET" ? bulk("read") : "+OK\r\n"
      }
      const { redis } = yield* ScriptedCluster.connect(cluster)
      const slots = yield* redis.pipeline(commands)
      return [
        slots.map((slot) => (Either.isRight(slot) ? "done" : slot.left.outcome)),
        cluster.commands(0).slice(commands.length)
      ]
    })

  it.scopedLive("writes that may run twice are sent again, in their order", () =>
    Effect.gen(function* () {
      expect(yield* sentAgain([1, 2, 3].map((value) => Command.idempotent(set(value))))).toEqual([
        ["done", "done", "done"],
        ["SET foo 1", "SET foo 2", "SET foo 3"]
      ])
    })
  )

  it.scopedLive("none of them is sent again that another would then stand before", () =>
    Effect.gen(function* () {
      const [one, three] = [Command.idempotent(set(1)), Command.idempotent(set(3))]
      expect(yield* sentAgain([one, Command.idempotent(Redis.set("other", 1)), set(2), three])).toEqual([
        ["Unknown", "done", "Unknown", "done"],
        ["SET other 1", "SET foo 3"]
      ])
    })
  )

  it.scopedLive("a read is not sent again behind one of them", () =>
    Effect.gen(function* () {
      expect(yield* sentAgain([Redis.get("foo"), Command.idempotent(set(1)), Redis.get("foo")])).toEqual([
        ["Unknown", "done", "done"],
        ["SET foo 1", "GET foo"]
      ])
    })
  )

  it.scopedLive("so are the parts of a command that was split", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      let count = 0
      cluster.answer = ([name], _node, connection) => {
        if (++count === 1) return undefined
        if (count === 2) return void connection.reset()
        return name === "MSET" ? "+OK\r\n" : ":1\r\n"
      }
      const { redis } = yield* ScriptedCluster.connect(cluster)
      expect(yield* redis.execute(Command.idempotent(Redis.mset({ foo: 1, bar: 2 })))).toBe("OK")
      count = 0
      expect(yield* redis.execute(Command.idempotent(Redis.del(["foo", "bar"])))).toBe(2)
    })
  )
})
