import { describe, expect, it, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, RedisError, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Deferred, Effect, Either, Exit, Fiber, Option, Schedule } from "effect"
import { eventually } from "../pubsub/eventually.js"
import { recordCommands } from "../support/monitor.js"
import { anotherClient, behindProxy, redisLayer } from "../support/redis.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const on = <A, E, R>(client: Redis.RedisService, effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Redis.Redis, client)

const quickBehindProxy = (options: NodeRedis.Options = {}) =>
  behindProxy({ reconnect: Schedule.spaced("1 millis"), ...options })

const count = Effect.map(Redis.get("n"), (value) => Number(Option.getOrElse(value, () => "0")))

const config = (name: string, value: string | number) => Command.make(["CONFIG", "SET", name, value])

/** Each changes its connection, or what replies mean on it. */
const unfit: ReadonlyArray<readonly [string, ...Array<Command.Argument>]> = [
  ["MULTI"],
  ["EXEC"],
  ["DISCARD"],
  ["WATCH", "k"],
  ["UNWATCH"],
  ["HELLO", 2],
  ["hello", 3],
  ["RESET"],
  ["QUIT"],
  ["SUBSCRIBE", "c"],
  ["PSUBSCRIBE", "c"],
  ["SSUBSCRIBE", "c"],
  ["UNSUBSCRIBE"],
  ["MONITOR"],
  ["CLIENT", "REPLY", "OFF"],
  ["client", new TextEncoder().encode("reply"), "skip"],
  ["CLIENT", "TRACKING", "ON"],
  ["SELECT", 1],
  ["AUTH", "x"],
  ["ASKING"]
]

/** Old servers and proxies say no to EXEC in the very words of the reason. */
const refusals: ReadonlyArray<readonly [text: string, safe: boolean]> = [
  ["READONLY You can't write against a read only replica.", true],
  ["LOADING Redis is loading the dataset in memory", true],
  ["MISCONF Redis is configured to save RDB snapshots, but it's unable to persist", false],
  ["OOM command not allowed when used memory > 'maxmemory'.", false],
  ["NOPERM this user has no permissions to run the 'exec' command", false]
]

it.scopedLive.each(refusals)("scenario 64: a transaction of which EXEC says %s was not applied", ([text, safe]) =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make(([name], connection) => {
      if (ScriptedPeer.greet([name ?? ""], connection)) return
      connection.write(name === "EXEC" ? `-${text}\r\n` : name === "INCR" ? "+QUEUED\r\n" : "+OK\r\n")
    })
    const client = yield* NodeRedis.make({ port: peer.port, protocol: 2 })
    for (const run of [
      Transaction.exec([Redis.incr("n")]),
      Transaction.watch(["k"], Effect.succeed(Pipeline.all([Redis.incr("n")])))
    ]) {
      const error = yield* Effect.flip(on(client, run))
      expect(error).toMatchObject({ _tag: "ReplyError", command: "EXEC", text, outcome: "Rejected" })
      expect(RedisError.isSafeToRetry(error)).toBe(safe)
    }
  })
)

it.scopedLive("scenario 64: a transaction refused for several reasons is safe to retry if all of them pass", () =>
  Effect.gen(function* () {
    const loading = "LOADING Redis is loading the dataset in memory"
    const readonly = "READONLY You can't write against a read only replica."
    const oom = "OOM command not allowed when used memory > 'maxmemory'."
    const peer = yield* ScriptedPeer.make(([name = "", text], connection) => {
      if (ScriptedPeer.greet([name], connection)) return
      if (name === "MULTI") connection.write("+OK\r\n")
      else if (name === "ECHO") connection.write(`-${text}\r\n`)
      else connection.write("-EXECABORT Transaction discarded because of previous errors.\r\n")
    })
    const client = yield* NodeRedis.make({ port: peer.port, protocol: 2 })
    for (const [texts, safe] of [
      [[loading, readonly], true],
      [[loading, oom], false],
      [[oom, loading], false]
    ] as const) {
      const error = yield* Effect.flip(client.transaction(texts.map((text) => Redis.echo(text))))
      expect(error).toMatchObject({ _tag: "ExecAbortError", errors: texts.map((text) => ({ text })) })
      expect(RedisError.isSafeToRetry(error), `${texts}`).toBe(safe)
    }
  })
)

describe.each([2, 3] as const)("a transaction, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 58, 65: with a command that is unfit for one is refused whole, and nothing is sent", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        yield* Redis.flushall()
        // So that a connection for a watch is there before.
        yield* Transaction.watch(["k"], Effect.succeed(Pipeline.empty))
        const recorder = yield* recordCommands(port)
        for (const words of unfit) {
          const parts = Pipeline.all([Redis.incr("n"), Command.make(words), Redis.incr("n")])
          for (const run of [Transaction.exec(parts), Transaction.watch(["k"], Effect.succeed(parts))]) {
            const error = yield* Effect.flip(run)
            expect(error, String(words)).toMatchObject({ _tag: "CommandError", position: 1, outcome: "NotSent" })
          }
        }
        yield* recorder.settle
        const sent = new Set(recorder.words().map((line) => line.toUpperCase()))
        expect([...sent].sort()).toEqual(['"UNWATCH"', '"WATCH" "K"'])
        expect(yield* Transaction.exec([Redis.incr("n"), Redis.echo("fine")])).toEqual([1, "fine"])
      })
    )

    it.scoped("scenario 60: with a wrong command is an ExecAbortError also when its watch is broken", () =>
      Effect.gen(function* () {
        yield* Redis.flushall()
        const other = yield* Redis.Redis
        const client = yield* anotherClient({ protocol, maxReserved: 1 })
        const body = Effect.as(
          on(other, Redis.set("k", "theirs")),
          Pipeline.all([Redis.incr("n"), Command.make(["GET"])])
        )
        const error = yield* Effect.flip(on(client, Transaction.watch(["rival"], body)))
        expect(error).toMatchObject({
          _tag: "ExecAbortError",
          outcome: "Rejected",
          errors: [{ command: "GET", position: 1 }]
        })
        expect(yield* Redis.exists("n")).toBe(0)
        // The connection goes on, and watches no more.
        yield* on(other, Redis.set("k", "again"))
        expect(yield* on(client, Transaction.watch(["n"], Effect.succeed(Pipeline.all([Redis.incr("n")]))))).toEqual([
          1
        ])
        expect(yield* on(client, Transaction.watch(["k"], Effect.succeed(Pipeline.empty)))).toEqual([])
      })
    )

    it.scoped(
      "scenario 61: that loses its connection in any step before EXEC is a WatchError, and applies nothing",
      () =>
        Effect.gen(function* () {
          const { client, proxy } = yield* quickBehindProxy({ protocol })
          yield* Redis.del("n")
          const bodies: Readonly<Record<string, Effect.Effect<unknown, RedisError.RedisError, Redis.Redis>>> = {
            WATCH: Effect.void,
            "GET k": Redis.get("k"),
            "GET l": Pipeline.all([Redis.get("k"), Redis.get("l")]),
            "GET m": Redis.get("m").pipe(Effect.ignore, Effect.zipRight(Redis.incr("n")))
          }
          for (const [request, body] of Object.entries(bodies)) {
            proxy.afterRequest(request, () => proxy.reset())
            const watch = Transaction.watch(["k"], Effect.as(body, Pipeline.all([Redis.incr("n")])))
            const error = yield* Effect.flip(on(client, watch))
            expect(error, request).toMatchObject({ _tag: "WatchError", reason: "ConnectionReset", outcome: "NotSent" })
          }
          expect(yield* Redis.exists("n")).toBe(0)
        })
    )

    it.scoped("scenario 62, 66: whose EXEC got no answer is Unknown; only a broken watch runs the body again", () =>
      Effect.gen(function* () {
        const { client, direct, proxy } = yield* quickBehindProxy({ protocol })
        yield* Redis.del(["n", "k"])
        let runs = 0
        const patient = (change: Effect.Effect<unknown, RedisError.RedisError>) =>
          Transaction.watch(
            ["k"],
            Effect.suspend(() => (++runs === 1 ? change : Effect.void)).pipe(Effect.as(Pipeline.all([Redis.incr("n")])))
          ).pipe(Transaction.retry(Schedule.recurs(5)), (watch) => on(client, watch))
        proxy.afterRequest("EXEC", () => proxy.reset())
        const error = yield* Effect.flip(patient(Effect.void))
        expect(error).toMatchObject({ _tag: "ConnectionError", outcome: "Unknown", command: "EXEC" })
        expect(RedisError.isSafeToRetry(error)).toBe(false)
        expect(runs).toBe(1)
        yield* eventually(count, (value) => value === 1)
        runs = 0
        expect(yield* patient(direct.execute(Redis.set("k", "changed")))).toEqual([2])
        expect(runs).toBe(2)
      })
    )

    it.scoped("scenario 63: cut off after any of its bytes is applied whole or not at all", () =>
      Effect.gen(function* () {
        const { client, proxy } = yield* quickBehindProxy({ protocol })
        const parts = [Redis.incr("n"), Redis.incr("n"), Redis.incr("n")]
        const before = proxy.toServer.bytes
        yield* client.transaction(parts)
        const size = proxy.toServer.bytes - before
        for (let cut = 0; cut <= size; cut += cut < size - 8 ? 5 : 1) {
          yield* Redis.del("n")
          proxy.toServer.cutAfter(cut)
          const exit = yield* Effect.exit(client.transaction(parts))
          if (cut < size)
            expect(exit).toMatchObject(Exit.fail({ _tag: "ConnectionError", outcome: "Unknown", command: "EXEC" }))
          expect(yield* client.execute(Redis.echo("again"))).toBe("again")
          const applied = cut < size ? count : eventually(count, (value) => value === 3)
          expect(yield* applied, `cut after ${cut} of ${size} bytes`).toBe(cut < size ? 0 : 3)
        }
      })
    )

    it.scoped("scenario 64: refused as late as at EXEC is not applied, and safe to retry if that passes", () =>
      Effect.gen(function* () {
        const { client, direct, proxy } = yield* quickBehindProxy({ protocol })
        const busy = Effect.gen(function* () {
          yield* config("busy-reply-threshold", 1)
          const other = yield* anotherClient()
          yield* Effect.forkScoped(other.execute(Redis.eval("while true do end")))
          yield* eventually(Effect.flip(direct.execute(Redis.echo("?"))), ({ _tag }) => _tag === "ReplyError")
        })
        const calm = Command.make(["SCRIPT", "KILL"])
        for (const [code, happen, undo, safe] of [
          ["NOREPLICAS", config("min-replicas-to-write", 1), config("min-replicas-to-write", 0), false],
          ["BUSY", busy, calm, true]
        ] as const) {
          yield* Redis.del("n")
          const held = yield* Deferred.make<void>()
          proxy.afterRequest("INCR n", () => {
            proxy.toServer.pause()
            Deferred.unsafeDone(held, Exit.void)
          })
          const running = yield* Effect.fork(Effect.flip(on(client, Transaction.exec([Redis.incr("n")]))))
          yield* Deferred.await(held)
          yield* happen
          proxy.toServer.resume()
          const error = yield* Fiber.join(running)
          expect(error).toMatchObject({ _tag: "ExecAbortError", errors: [], outcome: "Rejected" })
          expect(error.message).toContain(`because of: ${code}`)
          // Now the server refuses as early as when a command is queued.
          const early = yield* Effect.flip(on(client, Transaction.exec([Redis.incr("n")])))
          expect(early).toMatchObject({
            _tag: "ExecAbortError",
            errors: [{ code, position: 0, outcome: "Rejected" }]
          })
          expect([code, ...[error, early].map(RedisError.isSafeToRetry)]).toEqual([code, safe, safe])
          yield* undo
          yield* eventually(Effect.either(Redis.echo("?")), Either.isRight)
          expect(yield* count).toBe(0)
          expect(yield* on(client, Transaction.exec([Redis.incr("n")]))).toEqual([1])
        }
      })
    )

    it.scoped(
      "scenario 57: a script that is refused when it is queued has not run, in whatever words it is refused",
      () =>
        Effect.gen(function* () {
          const { client } = yield* quickBehindProxy({ protocol })
          yield* Redis.del("n")
          // Of a script alone these words may be its own.
          const incomplete = Command.make(["EVAL", "return redis.call('incr', 'n')"])
          expect(yield* Effect.flip(client.execute(incomplete))).toMatchObject({ outcome: "Failed" })
          const error = yield* Effect.flip(on(client, Transaction.exec([incomplete])))
          expect(error).toMatchObject({ errors: [{ code: "ERR", command: "EVAL", outcome: "Rejected" }] })
          expect(yield* Redis.exists("n")).toBe(0)
        })
    )

    it.scoped("scenario 66: is tried again as often as the schedule says and no more", () =>
      Effect.gen(function* () {
        yield* Redis.del("n")
        const other = yield* Redis.Redis
        let runs = 0
        const contended = Effect.suspend(() => {
          runs++
          return on(other, Redis.incr("rival"))
        })
        const error = yield* Transaction.watch(["rival"], Effect.as(contended, Pipeline.all([Redis.incr("n")]))).pipe(
          Transaction.retry(
            Schedule.spaced("1 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(3)))
          ),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "WatchError", reason: "KeysChanged", outcome: "Rejected" })
        expect(runs).toBe(4)
        expect(yield* Redis.exists("n")).toBe(0)
      })
    )

    it.scoped("scenario 66: watches no more after it, whatever its end", () =>
      Effect.gen(function* () {
        const other = yield* Redis.Redis
        const client = yield* anotherClient({ protocol, maxReserved: 1 })
        const change = on(other, Redis.incr("rival"))
        const one = Pipeline.all([Redis.echo("x")])
        const bodies: Readonly<Record<string, Effect.Effect<Pipeline.Pipeline<unknown>, unknown, Redis.Redis>>> = {
          committed: Effect.succeed(one),
          "in conflict": Effect.as(change, one),
          failed: Effect.fail("no"),
          died: Effect.dieMessage("no"),
          interrupted: Effect.interrupt,
          "timed out": Effect.timeout(Effect.never, "5 millis"),
          refused: Effect.succeed(Pipeline.all([Redis.set("a", Number.NaN)])),
          aborted: Effect.succeed(Pipeline.all([Command.make(["GET"])]))
        }
        const id = yield* on(client, Redis.clientId.pipe(Redis.withReserved()))
        for (const [end, body] of Object.entries(bodies)) {
          yield* Effect.exit(on(client, Transaction.watch(["rival"], body)))
          yield* change
          const next = Effect.all([Redis.clientId, Transaction.exec([Redis.echo("fine")])])
          expect(yield* on(client, next.pipe(Redis.withReserved())), end).toEqual([id, ["fine"]])
        }
      })
    )
  })
})
