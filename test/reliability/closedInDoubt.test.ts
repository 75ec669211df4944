import { expect, it } from "@effect/vitest"
import { Command, Pipeline, Redis, Reply, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Option } from "effect"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

it.scopedLive(
  "scenario 63: a connection on which EXEC is not to be had is closed, and swallows nobody's commands",
  () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make({ args: ["--rename-command", "EXEC", ""] })
      const redis = yield* NodeRedis.make({ port })
      const transaction = Transaction.exec([Redis.incr("n")])
      const error = yield* Effect.flip(Effect.provideService(transaction, Redis.Redis, redis))
      expect(error).toMatchObject({ _tag: "ReplyError", command: "EXEC", outcome: "Rejected" })
      expect(yield* redis.execute(Redis.set("balance", "100"))).toBe("OK")
      expect(yield* redis.execute(Redis.get("balance"))).toEqual(Option.some("100"))
      expect(yield* redis.execute(Redis.exists("n"))).toBe(0)
    })
)

it.scopedLive("scenario 48: a blocking command that is given up within a lease takes nothing later", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const redis = yield* NodeRedis.make({ port, maxReserved: 1 })
    const blpop = Redis.blpop("jobs", "10 seconds")
    for (const block of [Effect.asVoid(blpop), Effect.asVoid(Pipeline.all([blpop]))]) {
      const error = yield* Effect.flip(
        Redis.withReserved()(
          Effect.zipRight(
            Effect.timeoutOption(block, "50 millis"),
            Effect.zipRight(Redis.lpush("jobs", "job"), Redis.ping())
          )
        ).pipe(Effect.provideService(Redis.Redis, redis))
      )
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "NotSent" })
      expect(error.message).toContain("a blocking command on this lease was given up")
      yield* redis.execute(Redis.rpush("jobs", "job"))
      expect(yield* redis.execute(Redis.blpop("jobs", "1 second"))).toEqual(
        Option.some({ key: "jobs", element: "job" })
      )
    }
  })
)

it.scopedLive("scenario 21: a reply that does not end and that nobody waits for any more ends its connection", () =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      if (words[0] === "PING") return connection.write("+PONG\r\n")
      connection.write("*60000000\r\n")
      const timer = setInterval(() => connection.write("$8\r\nabcdefgh\r\n".repeat(100)), 5)
      ends.push(() => clearInterval(timer))
    })
    const ends: Array<() => void> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => ends.forEach((end) => end())))
    const redis = yield* NodeRedis.make({ port: peer.port, commandTimeout: "200 millis", watchdog: "300 millis" })
    const error = yield* Effect.flip(redis.execute(Redis.lrange("list", 0, -1)))
    expect(error).toMatchObject({ _tag: "TimeoutError", outcome: "Unknown" })
    const lost = yield* Effect.flip(redis.execute(Redis.ping()))
    expect(lost).toMatchObject({ outcome: "Unknown" })
    yield* eventually(
      "it answers again",
      Effect.match(redis.execute(Redis.ping()), { onFailure: String, onSuccess: () => undefined })
    )
    expect(peer.connections).toHaveLength(2)
  })
)

it.scopedLive("scenario 54: a pipeline in slices has its deadline anew as long as results come", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const redis = yield* NodeRedis.make({ port, commandTimeout: "250 millis" })
    // A slice takes longer than a deadline.
    const lua = "local x = 0 for i = 1, 5000 do x = x + i end return x"
    const slow = Command.make(["EVAL", lua, "0"], { reply: Reply.integer })
    const slots = yield* redis.pipeline(Array.from({ length: 20_500 }, () => slow))
    expect(slots.filter(({ _tag }) => _tag === "Left")).toEqual([])
  })
)
