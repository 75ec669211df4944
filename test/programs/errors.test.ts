import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Command, Redis, RedisError, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Exit, Fiber, Option, Ref, Schedule, TestClock } from "effect"
import { redisLayer } from "../support/redis.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const lost = (fields: Partial<ConstructorParameters<typeof RedisError.ConnectionError>[0]> = {}) =>
  new RedisError.ConnectionError({
    reason: "Lost",
    address: "localhost:1",
    detail: "gone",
    outcome: "Unknown",
    command: "INCR",
    idempotent: false,
    ...fields
  })
const reply = (code: string, outcome: RedisError.ReplyError["outcome"]) =>
  new RedisError.ReplyError({ code, text: code, outcome, command: "GET", idempotent: true })

describe("isSafeToRetry", () => {
  it("allows what did not happen, or may happen twice", () => {
    expect(RedisError.isSafeToRetry(lost({ outcome: "NotSent" }))).toBe(true)
    expect(RedisError.isSafeToRetry(lost())).toBe(false)
    expect(RedisError.isSafeToRetry(lost({ idempotent: true }))).toBe(true)
    expect(RedisError.isSafeToRetry(lost({ reason: "Closed", outcome: "NotSent" }))).toBe(false)
    expect(RedisError.isSafeToRetry(lost({ reason: "Auth", outcome: "NotSent" }))).toBe(false)
    for (const code of ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY"]) {
      expect(RedisError.isSafeToRetry(reply(code, "Rejected")), code).toBe(true)
    }
    for (const code of ["WRONGTYPE", "ERR", "OOM", "NOPERM"]) {
      expect(RedisError.isSafeToRetry(reply(code, "Failed")), code).toBe(false)
    }
    expect(RedisError.isSafeToRetry(new RedisError.CommandError({ reason: "bad", outcome: "NotSent" }))).toBe(false)
    expect(RedisError.isSafeToRetry(new Transaction.WatchError({ reason: "KeysChanged", outcome: "Rejected" }))).toBe(
      true
    )
    expect(RedisError.isSafeToRetry(new Error("a program's own"))).toBe(false)
  })

  it.effect("drives a schedule, on the test's clock", () =>
    Effect.gen(function* () {
      const tries = yield* Ref.make(0)
      const flaky = Ref.updateAndGet(tries, (n) => n + 1).pipe(
        Effect.flatMap((n) => (n < 3 ? Effect.fail(reply("LOADING", "Rejected")) : Effect.succeed("done")))
      )
      const fiber = yield* Effect.fork(
        Effect.retry(flaky, { while: RedisError.isSafeToRetry, schedule: Schedule.spaced("1 minute") })
      )
      yield* TestClock.adjust("59 seconds")
      expect(yield* Ref.get(tries)).toBe(1)
      yield* TestClock.adjust("1 second")
      expect(yield* Ref.get(tries)).toBe(2)
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(fiber)).toBe("done")
    })
  )

  it.effect("the ready policy gives up on what is not safe at once, and on the rest after five more tries", () =>
    Effect.gen(function* () {
      const tries = yield* Ref.make(0)
      const failing = (error: RedisError.RedisError) =>
        Effect.zipRight(
          Ref.update(tries, (n) => n + 1),
          Effect.fail(error)
        ).pipe(Effect.retry(RedisError.retryPolicy), Effect.exit)
      const unsafe = yield* failing(lost())
      expect(Exit.isFailure(unsafe)).toBe(true)
      expect(yield* Ref.getAndSet(tries, 0)).toBe(1)
      const fiber = yield* Effect.fork(failing(lost({ outcome: "NotSent" })))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(yield* Ref.get(tries)).toBe(6)
    })
  )
})

describe("an error that a script answers", () => {
  const own = [
    "CLUSTERDOWN own",
    "LOADING own",
    "MASTERDOWN own",
    "MOVED own",
    "TRYAGAIN own",
    "BUSY own",
    "NOSCRIPT own",
    "UNBLOCKED force unblock from blocking operation",
    "READONLY You can't write against a read only replica.",
    "ERR syntax error",
    "ERR Unknown command called from script"
  ]
  it.scopedLive("may come after a write, so it is not run again", () =>
    Effect.gen(function* () {
      const script = "redis.call('INCR', KEYS[1]) return redis.error_reply(ARGV[1])"
      for (const text of own) {
        for (const command of [
          Redis.eval(script, { keys: ["n"], args: [text] }),
          Command.make(["eval", script, 1, "n", text])
        ]) {
          yield* Redis.del("n")
          const error = yield* Effect.flip(Effect.retry(command, RedisError.retryPolicy))
          expect.soft(error).toMatchObject({ _tag: "ReplyError", text, outcome: "Failed" })
          expect.soft([text, yield* Redis.get("n")]).toEqual([text, Option.some("1")])
        }
      }
    }).pipe(Effect.provide(redisLayer()))
  )

  const refusals = [
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 :6381",
    "CLUSTERDOWN Hash slot not served",
    "CLUSTERDOWN The cluster is down",
    "CLUSTERDOWN The cluster is down and only accepts read commands",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "LOADING Redis is loading the dataset in memory",
    "LOADING Valkey is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on the script.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "BUSY Valkey is busy running a module command.",
    "NOSCRIPT No matching script. Please use EVAL.",
    "NOSCRIPT No matching script.",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'eval' command or its subcommand",
    "NOPERM User alice has no permissions to run the 'eval' command",
    "NOPERM No permissions to access a key",
    "ERR unknown command 'FCALL', with args beginning with: "
  ]
  it.scopedLive("in the server's own words is a refusal", () =>
    Effect.gen(function* () {
      let answer = ""
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (!ScriptedPeer.greet(words, connection)) connection.write(`-${answer}\r\n`)
      })
      const client = yield* NodeRedis.make({ port: peer.port })
      for (answer of refusals) {
        for (const run of [Redis.eval, Redis.evalsha, Redis.fcall]) {
          const error = yield* Effect.flip(client.execute(run("it")))
          expect([answer, error.outcome]).toEqual([answer, "Rejected"])
        }
      }
    })
  )
})

describe("errors from a live server", () => {
  it.scopedLive("say code, command and outcome, and quote no argument", () =>
    Effect.gen(function* () {
      const secret = "hunter2-in-an-argument"
      yield* Redis.set("text", secret)
      const errors = yield* Effect.forEach(
        [
          Redis.incr("text"),
          Redis.lpush("text", secret),
          Command.make(["NOSUCHCOMMAND", secret]),
          Command.make(["SET", secret]),
          Redis.set("k", secret, { expire: "0 millis" }),
          Redis.get("text").pipe(
            Command.map((value) => {
              throw new Error(String(value))
            })
          )
        ] as ReadonlyArray<Command.Command<unknown>>,
        (command) => Effect.flip(command)
      )
      expect(errors.map((error) => [error._tag, error.command, error.outcome])).toEqual([
        ["ReplyError", "INCR", "Failed"],
        ["ReplyError", "LPUSH", "Failed"],
        ["ReplyError", "NOSUCHCOMMAND", "Rejected"],
        ["ReplyError", "SET", "Rejected"],
        ["ReplyError", "SET", "Failed"],
        ["DecodeError", "GET", "Failed"]
      ])
      const printed = errors.flatMap((error) => [inspect(error, { depth: 10 }), JSON.stringify(error), String(error)])
      expect(printed.filter((text) => text.includes(secret))).toEqual([])
      expect(inspect(Redis.set("k", secret))).not.toContain(secret)
    }).pipe(Effect.provide(redisLayer()))
  )

  it.scopedLive("a layer whose server is not there fails with address and reason", () =>
    Effect.gen(function* () {
      const port = yield* NodeRedisServer.NodeRedisServer.pipe(
        Effect.map((server) => server.port),
        Effect.provide(NodeRedisServer.layer())
      )
      const error = yield* Effect.flip(NodeRedis.make({ host: "127.0.0.1", port }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Connect", outcome: "NotSent" })
      expect(error.message).toContain(`127.0.0.1:${port}`)
      expect(error.message).toContain("ECONNREFUSED")
    })
  )
})
