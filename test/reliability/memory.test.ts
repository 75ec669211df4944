import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, it } from "@effect/vitest"
import { Redis, type RedisError } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Fiber } from "effect"
import { describe } from "vitest"
import * as RestartableServer from "../support/RestartableServer.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"

const MiB = 2 ** 20
const below = (count: number) => Array.from({ length: count }, (_, i) => i)
const crowd = below(10_000)

const collectGarbage = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()

/** Memory that is in use, without garbage. */
const used = (): number => {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** What came of a command, without the error itself: as long as nobody reads its stack that holds all that was on it. */
const kindOf = (error: RedisError.RedisError): string => {
  const why = error._tag === "TimeoutError" ? error.phase : error._tag === "ConnectionError" ? error.reason : error._tag
  return `${why} ${error.outcome}`
}

/** Runs one for each of them; with what they take once all have begun, and what was taken before. */
const crowding = (run: (i: number) => Effect.Effect<unknown, RedisError.RedisError>, all = crowd) =>
  Effect.gen(function* () {
    const before = used()
    const one = (i: number) =>
      Effect.match(
        Effect.suspend(() => run(i)),
        { onFailure: kindOf, onSuccess: String }
      )
    const fiber = yield* Effect.fork(timed(Effect.forEach(all, one, { concurrency: "unbounded" })))
    yield* Effect.sleep("60 millis")
    const held = used() - before
    const { millis, value } = yield* Fiber.join(fiber)
    return { held, millis, outcomes: value, before }
  })

/** How often each came. */
const kinds = (outcomes: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const kind of outcomes) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** To within what is written while they come. */
const expectCounts = (outcomes: ReadonlyArray<string>, counts: Readonly<Record<string, number>>) => {
  const found = kinds(outcomes)
  expect(Object.keys(found).sort()).toEqual(Object.keys(counts).sort())
  for (const [kind, count] of Object.entries(counts)) {
    const slack = count > 100 ? 100 : 0
    expect(Math.abs((found[kind] ?? 0) - count), `${kind}: ${found[kind]}`).toBeLessThanOrEqual(slack)
  }
}

const frozenServer = Effect.gen(function* () {
  const server = yield* RestartableServer.make({ config: ['save ""'] })
  return { server, freeze: Effect.acquireRelease(server.freeze, () => server.thaw) }
})

const runsOf = (server: RestartableServer.RestartableServer, command: string) =>
  Effect.map(server.text("INFO", "commandstats"), (text) =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0)
  )

describe("thousands of fibers on a frozen server", () => {
  it.scopedLive("scenario 34: have no more commands under way than they may, and all end by their deadline", () =>
    Effect.gen(function* () {
      const { freeze, server } = yield* frozenServer
      const client = yield* NodeRedis.make({
        port: server.port,
        commandTimeout: "250 millis",
        maxInFlight: 100,
        maxWaiting: 4_000,
        closeTimeout: 0
      })
      yield* freeze
      const { before, held, millis, outcomes } = yield* crowding((i) => client.execute(Redis.set(`k${i}`, i)))
      expectCounts(outcomes, { "Reply Unknown": 100, "Write NotSent": 4_000, "Overloaded NotSent": 5_900 })
      expect(millis).toBeLessThan(2_000)
      // Mostly of the fibers and the errors themselves.
      expect(held).toBeLessThan(48 * MiB)
      expect(used() - before).toBeLessThan(8 * MiB)
      yield* server.thaw
      // What was not known to have run has, and what was not sent has not.
      yield* RestartableServer.eventually(
        "runs",
        Effect.map(runsOf(server, "set"), (runs) => (runs === 100 ? undefined : `${runs} runs`))
      )
      expect(yield* client.execute(Redis.dbsize)).toBe(100)
    })
  )

  it.scopedLive("scenario 34: have no more bytes under way than they may, whatever they want to send", () =>
    Effect.gen(function* () {
      const { freeze, server } = yield* frozenServer
      const client = yield* NodeRedis.make({
        port: server.port,
        commandTimeout: "250 millis",
        maxInFlightBytes: MiB,
        maxWaitingBytes: 8 * MiB,
        closeTimeout: 0
      })
      yield* freeze
      // 200 MB altogether, each text its own.
      const { held, millis, outcomes } = yield* crowding((i) =>
        client.execute(Redis.set("k", Buffer.alloc(20_000, i % 256).toString("latin1")))
      )
      // 8 MiB wait, and 1 MiB is under way: some are written while they come.
      const counts = kinds(outcomes)
      expect(Object.keys(counts).sort()).toEqual(["Overloaded NotSent", "Reply Unknown", "Write NotSent"])
      expect(counts["Reply Unknown"]! * 20_000).toBeLessThan(1.1 * MiB)
      expect(counts["Write NotSent"]! * 20_000).toBeLessThan(8 * MiB)
      expect(counts["Write NotSent"]! * 20_000).toBeGreaterThan(3 * MiB)
      expect(millis).toBeLessThan(2_500)
      expect(held).toBeLessThan(64 * MiB)
    })
  )

  it.scopedLive("scenario 34: are held back until it goes on, and then each has its own reply", () =>
    Effect.gen(function* () {
      const { freeze, server } = yield* frozenServer
      const client = yield* NodeRedis.make({ port: server.port, maxInFlight: 100 })
      yield* freeze
      const fiber = yield* Effect.fork(crowding((i) => client.execute(Redis.echo(String(i)))))
      yield* Effect.sleep("200 millis")
      yield* server.thaw
      const { outcomes } = yield* Fiber.join(fiber)
      expect(outcomes).toEqual(crowd.map(String))
    })
  )

  it.scopedLive("scenario 34, 43: have no more connections than they may, when they block", () =>
    Effect.gen(function* () {
      const { freeze, server } = yield* frozenServer
      const client = yield* NodeRedis.make({
        port: server.port,
        reserveTimeout: "250 millis",
        maxReserved: 8,
        closeTimeout: 0
      })
      yield* freeze
      const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length
      const before = sockets()
      const fiber = yield* Effect.fork(crowding(() => client.execute(Redis.blpop("q", "1 second")), below(2_000)))
      yield* Effect.sleep("120 millis")
      expect(sockets() - before).toBe(8)
      const { held, millis, outcomes } = yield* Fiber.join(fiber)
      expect(kinds(outcomes)).toEqual({ "Reserve NotSent": 2_000 })
      expect(millis).toBeLessThan(2_500)
      expect(held).toBeLessThan(64 * MiB)
    })
  )
})

describe("10,000 fibers without a server", () => {
  it.scopedLive("scenario 34: wait by no more than may wait, and all end by their deadline, nothing sent", () =>
    Effect.gen(function* () {
      const { server } = yield* frozenServer
      const client = yield* NodeRedis.make({
        port: server.port,
        commandTimeout: "250 millis",
        maxWaiting: 4_000,
        closeTimeout: 0
      })
      yield* server.kill
      yield* RestartableServer.eventually(
        "lost",
        Effect.map(client.state.get, ({ _tag }) => (_tag === "Connecting" ? undefined : _tag))
      )
      const { held, millis, outcomes } = yield* crowding((i) => client.execute(Redis.set(`k${i}`, i)))
      expectCounts(outcomes, { "Connect NotSent": 4_000, "Overloaded NotSent": 6_000 })
      expect(millis).toBeLessThan(2_000)
      expect(held).toBeLessThan(48 * MiB)
    })
  )
})

describe("10,000 fibers on a frozen node of a cluster", () => {
  it.scopedLive("scenario 34: have no more commands under way than they may, and all end by their deadline", () =>
    Effect.gen(function* () {
      const cluster = yield* ScriptedCluster.make(1)
      cluster.answer = () => undefined
      const { redis } = yield* ScriptedCluster.connect(cluster, {
        commandTimeout: "250 millis",
        maxInFlight: 100,
        maxWaiting: 4_000
      })
      const { held, millis, outcomes } = yield* crowding((i) => redis.execute(Redis.set(`k${i}`, i)))
      expectCounts(outcomes, { "Reply Unknown": 100, "Write NotSent": 4_000, "Overloaded NotSent": 5_900 })
      expect(cluster.commands(0).length).toBe(100)
      expect(millis).toBeLessThan(2_000)
      expect(held).toBeLessThan(64 * MiB)
    })
  )
})
