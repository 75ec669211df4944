import { expect, layer } from "@effect/vitest"
import {
  Command,
  ConnectionPool,
  Monitor,
  Pipeline,
  Redis,
  RedisPubSub,
  Scan,
  Script,
  Transaction
} from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Effect, Either, Fiber, Option, Schedule, type Scope, Stream } from "effect"
import * as Moments from "../support/Moments.js"
import { eventually } from "../support/RestartableServer.js"

const counter = "swept:counter"
const list = "swept:list"
const watched = "swept:watched"
const channel = "swept:channel"
const increment = Redis.incr(counter)
const incrementing = Script.make({ keys: ["key"], lua: "return redis.call('INCR', KEYS[1])" })

/** A client of which programs are interrupted, and one that watches what becomes of it. */
interface Subject {
  readonly wire: Moments.Wire
  readonly redis: ConnectionPool.Client
  readonly observer: ConnectionPool.Client
  /** Makes another client over the same wire. */
  readonly another: Effect.Effect<ConnectionPool.Client, unknown, Scope.Scope>
}

const makeSubject = (options: ConnectionPool.Options) =>
  Effect.gen(function* () {
    const { host, port } = yield* NodeRedisServer.NodeRedisServer
    const wire = new Moments.Wire(counter)
    const connector = wire.watch(makeConnector({ host, port, path: undefined, tls: undefined }))
    const another = ConnectionPool.make(connector, {
      maxReserved: 1,
      reserveTimeout: "500 millis",
      commandTimeout: "500 millis",
      closeTimeout: "100 millis",
      reconnect: Schedule.spaced("1 millis"),
      ...options
    })
    const redis = yield* another
    const observer = yield* NodeRedis.make({ host, port })
    yield* observer.execute(Redis.del(counter))
    return { wire, redis, observer, another }
  })

/** What holds after every interruption. */
const sweep = ({ observer, redis, wire }: Subject, { sideBySide, before, kept, program }: Swept) => {
  let tokens = 0
  /** Whoever uses the client meanwhile gets what it asked for. */
  const bystander = Effect.suspend(() => {
    const token = `token-${tokens++}`
    return Effect.map(redis.execute(Redis.echo(token)), (echo) => expect(echo).toBe(token))
  })
  const connections = kept === undefined ? 2 : 3
  const check = Effect.gen(function* () {
    yield* bystander
    // The only place in the pool is free, and the session there is a fresh one: it watches nothing.
    const lease = yield* redis.reserve([])
    yield* observer.execute(Redis.incr(watched))
    const token = `token-${tokens++}`
    expect(yield* lease.transaction([Redis.echo(token)])).toEqual([Either.right(token)])
    if (kept !== undefined) {
      yield* observer.execute(Redis.publish("kept", token))
      expect(yield* kept).toEqual(Option.some(expect.objectContaining({ channel: "kept", data: token })))
    }
    const leftOver = Effect.map(
      observer.pipeline([Redis.pubsubChannels("swept:*"), Redis.pubsubNumpat]),
      ([channels, patterns]) => JSON.stringify({ channels, patterns, connections: wire.open })
    )
    const nothing = JSON.stringify({ channels: Either.right([]), patterns: Either.right(0), connections })
    yield* eventually(
      "left over",
      Effect.map(leftOver, (now) => (now === nothing ? undefined : now)),
      1_000
    )
  }).pipe(Effect.scoped)
  const total = Effect.map(observer.execute(Redis.get(counter)), (value) => Number(Option.getOrElse(value, () => "0")))
  return Effect.provideService(wire.sweep({ before, program, bystander, check, total, sideBySide }), Redis.Redis, redis)
}

interface Swept {
  readonly program: Effect.Effect<unknown, unknown, Redis.Redis>
  /** Runs before each run of the program. */
  readonly before?: Effect.Effect<unknown, unknown, Redis.Redis> | undefined
  /** Takes the next message of a subscriber that stays. */
  readonly kept?: Effect.Effect<unknown, unknown> | undefined
  /** As of a sweep. */
  readonly sideBySide?: boolean | undefined
}

/** The simplest program, a command, has so many moments. */
const least = 10

const leased = Redis.withReserved()

/** Not `Effect.all`: interrupted while it starts its fibers, it waits for ever. */
const together = <E, R>(effects: ReadonlyArray<Effect.Effect<unknown, E, R>>) =>
  Effect.flatMap(Effect.forEach(effects, Effect.fork), (fibers) => Effect.forEach(fibers, Fiber.join))

/** Each time that it runs, tells the first try from the others. */
const twice = <A, E, R>(effect: (isFirst: () => boolean) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let tries = 0
    return effect(() => tries++ === 0)
  })

const oneMessage = Effect.gen(function* () {
  const messages = yield* RedisPubSub.subscribed({ channels: channel })
  yield* Redis.publish(channel, "message")
  yield* Stream.runHead(messages)
}).pipe(Effect.scoped)

layer(NodeRedisServer.layer(), { excludeTestServices: true })("interrupted at any moment", (it) => {
  /** Each program is interrupted at each moment there is, one after the other. */
  const survive = (
    title: string,
    programs: ReadonlyArray<(subject: Subject) => Swept>,
    options: ConnectionPool.Options = {}
  ) =>
    it.effect(title, () =>
      Effect.forEach(programs, (of) =>
        Effect.gen(function* () {
          const subject = yield* makeSubject(options)
          expect(yield* sweep(subject, of(subject))).toBeGreaterThanOrEqual(least)
        }).pipe(Effect.scoped)
      )
    )
  const survives = (title: string, of: (subject: Subject) => Swept) => survive(title, [of])

  const ways: ReadonlyArray<readonly [count: number, program: Effect.Effect<unknown, unknown, Redis.Redis>]> = [
    [1, increment],
    [2, Pipeline.all([increment, Redis.ping(), increment])],
    [2, Transaction.exec([increment, Redis.ping(), increment])],
    [1, incrementing({ key: counter })]
  ]
  const inEachWay = (meanwhile: (subject: Subject) => void = () => {}) =>
    ways.map(
      ([count, program]) =>
        (subject: Subject): Swept => ({
          // The server is not to know the script, so that it takes two commands.
          before: Effect.map(subject.observer.execute(Redis.scriptFlush()), () => meanwhile(subject)),
          program: subject.wire.acknowledge(count, program)
        })
    )

  survive(
    "scenario 46: commands, pipelines, transactions and scripts, interrupted at any moment, leave others their replies",
    inEachWay()
  )
  survive("scenario 45: interrupted while they wait for their turn they are not written later", inEachWay(), {
    maxInFlight: 1
  })
  survive(
    "scenario 45: interrupted while they wait for a connection they are not written later",
    inEachWay(({ wire }) => wire.cut())
  )

  survives("scenario 45, 46: a command that is retried is not tried again", ({ wire }) => ({
    program: twice((isFirst) =>
      wire
        .acknowledge(1, increment)
        .pipe(
          Effect.zipRight(Effect.suspend(() => (isFirst() ? Effect.fail("again") : Effect.void))),
          Effect.retry(Schedule.spaced("1 millis"))
        )
    )
  }))

  survives("scenario 46: a scan leaves the others their replies", ({ observer }) => ({
    before: observer.execute(Redis.mset({ "swept:a": 1, "swept:b": 1, "swept:c": 1 })),
    program: Stream.runCollect(Scan.keys({ count: 1 }))
  }))

  survives("scenario 42, 49: a lease goes back to the pool", ({ wire }) => ({
    program: leased(
      Effect.zipRight(wire.acknowledge(1, increment), wire.acknowledge(2, Pipeline.all([increment, increment])))
    )
  }))

  survives("scenario 37, 49: a lease whose session was changed makes room for another", ({ wire }) => ({
    program: leased(Effect.zipRight(Command.make(["CLIENT", "NO-EVICT", "on"]), wire.acknowledge(1, increment)))
  }))

  survives("scenario 42: a lease whose connection is being made leaves its place to others", ({ wire }) => ({
    before: Effect.exit(leased(Command.make(["CLIENT", "NO-EVICT", "on"]))),
    program: leased(wire.acknowledge(1, increment))
  }))

  survives("scenario 42: leases that wait for each other leave their places to others", ({ wire }) => ({
    program: together(Array.from({ length: 3 }, () => leased(wire.acknowledge(1, increment))))
  }))

  survives("scenario 48: a blocking command leaves the pool whole", ({ observer }) => ({
    before: observer.execute(Redis.del(list)),
    program: together([Redis.blpop(list, "1 minute"), Redis.rpush(list, "element")])
  }))

  survives("scenario 48: a blocking command that another deadline ends leaves the pool whole", () => ({
    program: Effect.ignore(Effect.timeout(Redis.blpop("swept:nothing", "1 minute"), "3 millis"))
  }))

  survives("scenario 49, 66: a watch that is retried leaves no watch behind", ({ observer, wire }) => ({
    program: twice((isFirst) =>
      Transaction.watch(
        [watched],
        Effect.gen(function* () {
          yield* Redis.get(watched)
          if (isFirst()) yield* observer.execute(Redis.incr(watched))
          return Pipeline.all([increment])
        })
      ).pipe(Transaction.retry(Schedule.spaced("1 millis")), (all) => wire.acknowledge(1, all))
    )
  }))

  survives(
    "scenario 49: a watch whose body fails leaves none behind, also interrupted in its clean-up",
    ({ wire }) => ({
      program: Effect.ignore(
        Transaction.watch([watched], Effect.zipRight(wire.acknowledge(1, increment), Effect.fail("failed")))
      )
    })
  )

  survives("scenario 49: a watch interrupted for the second time, in its clean-up, leaves none behind", () => ({
    program: Effect.exit(Transaction.watch([watched], Effect.zipRight(Redis.ping(), Effect.interrupt)))
  }))

  survives("scenario 49: a subscription is gone from the server, and with the last one its connection", () => ({
    program: oneMessage
  }))

  it.effect("scenario 49: a subscription beside another is gone from the server, and the other stays", () =>
    Effect.gen(function* () {
      const subject = yield* makeSubject({})
      const handle = yield* RedisPubSub.make({ ignoreConfirmations: true }).pipe(
        Effect.provideService(Redis.Redis, subject.redis)
      )
      yield* handle.subscribe("kept")
      const kept = handle.poll({ timeout: "1 second" })
      expect(yield* sweep(subject, { program: oneMessage, kept })).toBeGreaterThanOrEqual(least)
    }).pipe(Effect.scoped)
  )

  survives("scenario 49: a handle's subscriptions are gone from the server", () => ({
    program: Effect.gen(function* () {
      const handle = yield* RedisPubSub.make({ ignoreConfirmations: true })
      yield* handle.subscribe(channel)
      yield* handle.psubscribe("swept:*")
      yield* Redis.publish(channel, "message")
      yield* handle.take
      yield* handle.unsubscribe(channel)
      yield* handle.poll({ timeout: "1 second" })
      yield* handle.punsubscribe()
    }).pipe(Effect.scoped)
  }))

  survives("scenario 49: a monitor's connection is closed", () => ({
    sideBySide: true,
    program: Effect.gen(function* () {
      const commands = yield* Monitor.started
      yield* Redis.ping()
      yield* Stream.runHead(commands)
    }).pipe(Effect.scoped)
  }))

  survives("scenario 49: a client that is made, used and closed leaves no connection", ({ another, wire }) => ({
    program: Effect.flatMap(another, (redis) => wire.acknowledge(1, redis.execute(increment))).pipe(Effect.scoped)
  }))
})
