import { expect, it } from "@effect/vitest"
import { Monitor, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Deferred, Effect, Redacted, Schedule, Stream } from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

const reconnect = Schedule.spaced("1 millis")

const credentials = { username: "app", password: Redacted.make("s3cret") }

/** All that a set-up can be made of. */
const full = { reconnect, credentials, clientName: "worker", database: 3, readOnly: true } as const

/** The set-up in each protocol, as the peer sees it. */
const setups = {
  2: ["AUTH", "CLIENT SETNAME", "SELECT", "READONLY", "CLIENT SETINFO", "CLIENT SETINFO"],
  3: ["HELLO", "CLIENT SETNAME", "SELECT", "READONLY", "CLIENT SETINFO", "CLIENT SETINFO"]
} as const

const nameOf = (words: ReadonlyArray<string>) => (words[0] === "CLIENT" ? `CLIENT ${words[1]}` : words[0]!)

interface Step {
  /** Of the connection, counted from 1. */
  readonly connection: number
  /** Of the set-up, counted from 0. */
  readonly step: number
}

/** A peer to which a fault happens at some steps, and what each connection was told. */
const faultyPeer = (fault: (step: Step, connection: ScriptedPeer.Connection) => boolean, setUp: number) =>
  Effect.gen(function* () {
    const told = new Map<number, Array<string>>()
    const peer = yield* ScriptedPeer.make((words, connection) => {
      const names = told.get(connection.id) ?? []
      told.set(connection.id, names)
      const step = names.push(nameOf(words)) - 1
      if (step < setUp) {
        if (fault({ connection: connection.id, step }, connection)) return
        if (words[0] === "READONLY") connection.write("+OK\r\n")
        else ScriptedPeer.greet(words, connection)
      } else if (words[0] === "SUBSCRIBE") connection.write(">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
      else if (words[0] === "PING" && words[1] !== undefined) connection.write(`+${words[1]}\r\n`)
      else if (words[0] === "MONITOR") connection.write("+OK\r\n")
      else connection.write(":1\r\n")
    })
    return { peer, told }
  })

interface Role {
  /** What it says once it is set up. */
  readonly says: string
  /** Uses it until it works. */
  readonly use: (client: Redis.RedisService) => Effect.Effect<unknown, unknown>
}

const withService = (client: Redis.RedisService) => Effect.provideService(Redis.Redis, client)

const roles: Readonly<Record<string, Role>> = {
  shared: {
    says: "INCR",
    use: (client) => Effect.all([client.execute(Redis.incr("n")), client.execute(Redis.incr("n"))], { concurrency: 2 })
  },
  reserved: {
    says: "INCR",
    use: (client) => Effect.scoped(Effect.flatMap(client.reserve([]), (lease) => lease.execute(Redis.incr("n"))))
  },
  subscription: {
    says: "SUBSCRIBE",
    use: (client) => Effect.scoped(RedisPubSub.subscribed({ channels: "news" })).pipe(withService(client))
  },
  monitor: { says: "MONITOR", use: (client) => Effect.scoped(Monitor.started).pipe(withService(client)) }
}

/** The role in each protocol, at each step. */
const cases = Object.entries(roles).flatMap(([name, role]) =>
  ([2, 3] as const)
    // The peer speaks no RESP2 to subscribers.
    .filter((protocol) => protocol === 3 || name !== "subscription")
    .flatMap((protocol) =>
      setups[protocol].map((_, step) => ({ name, role, protocol, step, setUp: setups[protocol].length }))
    )
)

type Case = (typeof cases)[number]

/** Connects, and has the role make connections until one is good, of which `bad` are not. */
const survive = (
  { name, protocol, role, setUp, step }: Case,
  bad: number,
  fault: (connection: ScriptedPeer.Connection) => void,
  options: NodeRedis.Options = {}
) =>
  Effect.gen(function* () {
    const { peer, told } = yield* faultyPeer((at, connection) => {
      if (at.connection < 2 || at.connection > 1 + bad || at.step !== step) return false
      fault(connection)
      return true
    }, setUp)
    const client = yield* NodeRedis.make({ port: peer.port, ...full, protocol, ...options })
    const states: Array<string> = []
    yield* client.state.changes.pipe(
      Stream.runForEach((state) => Effect.sync(() => states.push(state._tag))),
      Effect.forkScoped
    )
    yield* Effect.yieldNow()
    if (name === "shared") peer.connections[0]!.reset()
    yield* role.use(client).pipe(Effect.retry({ times: bad, schedule: reconnect }))
    const good = 2 + bad
    for (let id = 2; id < good; id++) {
      const names = told.get(id)!
      // As far as it came, and nothing of the program.
      expect(names).toEqual(setups[protocol].slice(0, names.length))
      expect(names.length).toBeGreaterThan(step)
    }
    expect(told.get(good)!.slice(0, setUp + 1)).toEqual([...setups[protocol], role.says])
    expect(peer.connections).toHaveLength(good)
    // For the others nothing has changed, and a shared one was never taken for ready.
    expect(states.filter((state) => state === "Connected").length).toBeLessThanOrEqual(2)
    return { peer, told }
  })

const all = <E, R>(check: (one: Case) => Effect.Effect<unknown, E, R>) =>
  Effect.forEach(cases, (one) => Effect.scoped(check(one) as Effect.Effect<unknown, E>), {
    concurrency: 8,
    discard: true
  })

describe("the set-up of a connection", () => {
  it.live.each(["end", "reset"] as const)(
    "scenario 25: that dies in any step, in any role (%s), is tried again and never taken for ready",
    (ending) => all((one) => survive(one, 2, (connection) => connection[ending]()))
  )

  it.live("scenario 25: that dies in any step is the layer's error, at once", () =>
    Effect.forEach(
      [2, 3] as const,
      (protocol) =>
        Effect.forEach(setups[protocol], (_, step) =>
          Effect.gen(function* () {
            const { peer } = yield* faultyPeer((at, connection) => {
              if (at.step === step) connection.end()
              return at.step === step
            }, setups[protocol].length)
            const error = yield* Effect.flip(NodeRedis.make({ port: peer.port, ...full, protocol }))
            expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Handshake", outcome: "NotSent" })
            expect(peer.connections).toHaveLength(1)
          }).pipe(Effect.scoped)
        ),
      { discard: true }
    )
  )

  it.live(
    "scenario 26, 28: that is answered too late in any step, in any role, is thrown away, and no command overtakes it",
    () =>
      all((one) =>
        Effect.gen(function* () {
          let late: ScriptedPeer.Connection | undefined
          const { peer, told } = yield* survive(
            one,
            1,
            (connection) => {
              late = connection
            },
            // Of all steps at once, in a process that may be busy: those that are answered must get there.
            { connectTimeout: "300 millis" }
          )
          const before = told.get(late!.id)!.length
          late!.write("+OK\r\n")
          yield* eventually(
            "closed",
            Effect.sync(() => (late!.isOpen ? "open" : undefined)),
            1_000
          )
          // Its late answer brings nothing forth.
          expect(told.get(late!.id)).toHaveLength(before)
          expect(peer.connections).toHaveLength(3)
        })
      )
  )

  it.scopedLive("scenario 28: is acknowledged in full before those who wait for it send anything", () =>
    Effect.gen(function* () {
      const due: Array<() => void> = []
      let early: string | undefined
      const { peer, told } = yield* faultyPeer((at, connection) => {
        if (at.connection === 1) return false
        // Answered one by one, each a while after it came.
        due.push(() => connection.write(at.step === 0 ? "%0\r\n" : "+OK\r\n"))
        setTimeout(() => {
          const names = told.get(connection.id)!
          if (names.length > 6) early = names.at(-1)
          due.shift()!()
        }, 10)
        return true
      }, 6)
      const client = yield* NodeRedis.make({ port: peer.port, ...full, protocol: 3 })
      peer.connections[0]!.reset()
      yield* client.state.changes.pipe(
        Stream.takeUntil(({ _tag }) => _tag === "Connecting"),
        Stream.runDrain
      )
      yield* Effect.all(
        Array.from({ length: 50 }, () => client.execute(Redis.incr("n"))),
        { concurrency: "unbounded" }
      )
      expect(early).toBeUndefined()
      expect(told.get(2)).toEqual([...setups[3], ...Array.from({ length: 50 }, () => "INCR")])
    })
  )
})

describe("credentials that take their time", () => {
  it.scopedLive("scenario 25: and outlast their connection do not make it ready, and the next one is", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make({ password: credentials.password })
      const proxy = yield* FaultProxy.make({ port })
      const asked = yield* Deferred.make<void>()
      const given = yield* Deferred.make<void>()
      let runs = 0
      const slow = Effect.suspend(() =>
        ++runs === 2 ? Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(given)) : Effect.void
      ).pipe(Effect.as({ password: credentials.password }))
      const client = yield* NodeRedis.make({ port: proxy.port, reconnect, credentials: slow })
      proxy.reset()
      yield* Deferred.await(asked)
      proxy.reset()
      const waiting = yield* Effect.fork(client.execute(Redis.echo("waited")))
      yield* Effect.sleep("20 millis")
      expect(yield* client.state.get).toMatchObject({ _tag: "Connecting" })
      yield* Deferred.succeed(given, undefined)
      expect(yield* waiting).toBe("waited")
      expect(proxy.connections).toBe(3)
    })
  )

  it.scopedLive("scenario 25: and never come are given up at the deadline, and so is their connection", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const proxy = yield* FaultProxy.make({ port })
      const error = yield* Effect.flip(
        NodeRedis.make({ port: proxy.port, credentials: Effect.never, connectTimeout: "50 millis" })
      )
      expect(error).toMatchObject({ _tag: "TimeoutError", phase: "Connect", millis: 50, outcome: "NotSent" })
      yield* Effect.repeat(
        Effect.sync(() => proxy.live.length),
        { until: (live) => live === 0, schedule: Schedule.spaced("5 millis") }
      ).pipe(Effect.timeout("1 second"))
    })
  )
})
