import { expect, it, layer } from "@effect/vitest"
import { RedisCluster } from "@effect-resp/cluster"
import { Command, ConnectionPool, Monitor, Redis, RedisPubSub, type Transport } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisSentinel, NodeRedisServer } from "@effect-resp/node"
import { makeConnector } from "@effect-resp/node/internal/socket"
import { Config, Effect, Either, Fiber, Layer, type Scope, Stream } from "effect"
import { describe } from "vitest"
import * as ClusterServers from "../support/ClusterServers.js"
import * as FaultProxy from "../support/FaultProxy.js"
import * as RestartableServer from "../support/RestartableServer.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { scriptedSentinel } from "../support/sentinel.js"
import { timed } from "../support/timed.js"
import { deadPort } from "../support/unhelpfulPeers.js"
import {
  checks,
  clusterEffects,
  expected,
  type Fault,
  failing,
  get,
  notSent,
  programs,
  unanswered
} from "./publicEffects.js"

const times = {
  commandTimeout: "200 millis",
  reserveTimeout: "200 millis",
  connectTimeout: "300 millis",
  closeTimeout: 0
} as const

/** Far below any default, and above what a busy machine adds. */
const limit = 1_200

/** What a client has of a real server that then has this fault. */
const beforeFault = <A, E>(fault: Fault, use: (client: ConnectionPool.Client) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const server = yield* RestartableServer.make({ config: ['save ""'] })
    const proxy = yield* FaultProxy.make(server)
    const client = yield* NodeRedis.make({ port: fault === "slow" ? proxy.port : server.port, ...times })
    const had = yield* use(client)
    if (fault === "slow") proxy.toClient.delay = 1_500
    else if (fault === "frozen") yield* Effect.acquireRelease(server.freeze, () => server.thaw)
    else {
      yield* server.kill
      const noticed = Effect.map(client.state.get, ({ _tag }) => (_tag === "Connecting" ? undefined : _tag))
      yield* RestartableServer.eventually("lost", noticed)
    }
    return had
  })

/** A connector that counts its connections, and looks at what is written. */
const counting = (
  real: Transport.Connector,
  made: { count: number },
  onWrite: (chunk: string | Uint8Array) => void = () => {}
): Transport.Connector => ({
  ...real,
  connect: (handler) => {
    made.count++
    return Effect.map(real.connect(handler), (transport) => ({
      ...transport,
      write: (chunk) => {
        onWrite(chunk)
        return transport.write(chunk)
      }
    }))
  }
})

/** That it fails as it should, in time. */
const expectFailure = (
  name: string,
  run: Effect.Effect<unknown, unknown, Scope.Scope>,
  failure: object,
  most = limit
) =>
  Effect.map(timed(Effect.either(Effect.scoped(run))), ({ millis, value }) => {
    expect(value, name).toMatchObject({ _tag: "Left", left: failure })
    expect(millis, name).toBeLessThan(most)
  })

describe("every effect of a client", () => {
  for (const fault of ["dead", "frozen", "slow"] as const) {
    it.scopedLive(
      `scenario 21, 32: fails within its deadline on a server that is ${fault}, and says what became of it`,
      () =>
        Effect.gen(function* () {
          const client = yield* beforeFault(fault, Effect.succeed)
          expect(checks.length).toBeGreaterThan(500)
          yield* Effect.forEach(
            checks,
            ([name, { run, way }]) =>
              expectFailure(name, Effect.provideService(run, Redis.Redis, client), expected[way][fault]),
            { concurrency: "unbounded" }
          )
        })
    )

    it.scopedLive(`scenario 21, 32: of what it had before fails within its deadline on a server that is ${fault}`, () =>
      Effect.gen(function* () {
        const { client, entries, held, pubSub, watching } = yield* beforeFault(fault, (client) =>
          Effect.gen(function* () {
            const held = yield* client.reserve([])
            const watching = yield* client.watch(["k"])
            const pubSub = yield* RedisPubSub.make()
            yield* pubSub.subscribe("known")
            return { client, held, watching, pubSub, entries: yield* Monitor.started }
          }).pipe(Effect.provideService(Redis.Redis, client))
        )
        const isDead = fault === "dead"
        const lost = { _tag: "ConnectionError", reason: "Lost", outcome: "NotSent" }
        const leased = isDead ? lost : unanswered
        const unconfirmed = isDead ? notSent : unanswered
        yield* Effect.all(
          [
            expectFailure("execute", held.execute(get), leased),
            expectFailure("block", held.execute(Redis.blpop("q", "50 millis")), leased),
            expectFailure("transaction", held.transaction([get]), leased),
            expectFailure("pipeline", failing(held.pipeline([get])), leased),
            expectFailure(
              "commit",
              watching.commit([get]),
              isDead ? { _tag: "WatchError", reason: "ConnectionReset", outcome: "NotSent" } : unanswered
            ),
            expectFailure("subscribe", pubSub.subscribe("new"), unconfirmed),
            // Where there is no server there is no subscription either.
            isDead
              ? pubSub.unsubscribe("known")
              : expectFailure("unsubscribe", pubSub.unsubscribe("known"), unconfirmed),
            Effect.map(timed(pubSub.poll({ timeout: "50 millis" })), ({ millis }) =>
              expect(millis).toBeLessThan(limit)
            ),
            isDead
              ? expectFailure("monitor", Stream.runDrain(entries), { _tag: "ConnectionError", reason: "Lost" })
              : Effect.void,
            Effect.map(timed(client.state.get), ({ millis }) => expect(millis).toBeLessThan(limit))
          ],
          { concurrency: "unbounded" }
        )
      })
    )
  }
})

describe("every way to a client", () => {
  const build = <A>(layer: Layer.Layer<A, unknown>) => Layer.build(layer)
  const plain: Readonly<Record<string, (port: number) => Effect.Effect<unknown, unknown, Scope.Scope>>> = {
    "ConnectionPool.make": (port) =>
      ConnectionPool.make(makeConnector({ host: "127.0.0.1", port, path: undefined, tls: undefined }), times),
    "ConnectionPool.layer": (port) =>
      build(ConnectionPool.layer(makeConnector({ host: "127.0.0.1", port, path: undefined, tls: undefined }), times)),
    "NodeRedis.make": (port) => NodeRedis.make({ host: "127.0.0.1", port, ...times }),
    "NodeRedis.make with TLS": (port) => NodeRedis.make({ host: "127.0.0.1", port, tls: true, ...times }),
    "NodeRedis.make with credentials that never come": (port) =>
      NodeRedis.make({ host: "127.0.0.1", port, ...times, credentials: Effect.never }),
    "NodeRedis.layer": (port) => build(NodeRedis.layer({ host: "127.0.0.1", port, ...times })),
    "NodeRedis.layerUrl": (port) => build(NodeRedis.layerUrl(`redis://127.0.0.1:${port}`, times)),
    "NodeRedis.layerConfig": (port) =>
      build(NodeRedis.layerConfig(Config.succeed({ host: "127.0.0.1", port, ...times })))
  }
  const several: typeof plain = {
    "NodeRedisCluster.make": (port) => NodeRedisCluster.make({ nodes: [`127.0.0.1:${port}`], ...times }),
    "NodeRedisCluster.layer": (port) => build(NodeRedisCluster.layer({ nodes: [`127.0.0.1:${port}`], ...times })),
    "NodeRedisCluster.layerConfig": (port) =>
      build(NodeRedisCluster.layerConfig(Config.succeed({ nodes: [`127.0.0.1:${port}`], ...times }))),
    "NodeRedisSentinel.make": (port) =>
      NodeRedisSentinel.make({ name: "any", sentinels: [`127.0.0.1:${port}`], ...times }),
    "NodeRedisSentinel.layer": (port) =>
      build(NodeRedisSentinel.layer({ name: "any", sentinels: [`127.0.0.1:${port}`], ...times })),
    "NodeRedisSentinel.layerConfig": (port) =>
      build(NodeRedisSentinel.layerConfig(Config.succeed({ name: "any", sentinels: [`127.0.0.1:${port}`], ...times })))
  }
  const discovery = { _tag: "ClusterError", reason: "Discovery", outcome: "NotSent" }
  const refused = { _tag: "ConnectionError", reason: "Connect", outcome: "NotSent" }

  const expectAll = (port: number, cause: object) =>
    Effect.all(
      [
        ...Object.entries(plain).map(([name, run]) => expectFailure(name, run(port), cause)),
        ...Object.entries(several).map(([name, run]) =>
          expectFailure(name, run(port), { ...discovery, attempts: [{ cause }] })
        )
      ],
      { concurrency: "unbounded" }
    )

  it.scopedLive("scenario 25: fails at once where nothing listens", () =>
    Effect.flatMap(deadPort, (port) => expectAll(port, refused))
  )

  it.scopedLive("scenario 21, 25: fails within its deadline on a server that takes connections and says nothing", () =>
    Effect.gen(function* () {
      const server = yield* RestartableServer.make({ config: ['save ""'] })
      yield* Effect.acquireRelease(server.freeze, () => server.thaw)
      yield* expectAll(server.port, notSent)
    })
  )

  it.scopedLive("scenario 21, 25: fails within its deadline on a server that answers slower than that", () =>
    Effect.gen(function* () {
      const server = yield* RestartableServer.make({ config: ['save ""'] })
      const proxy = yield* FaultProxy.make(server)
      proxy.toClient.delay = 1_500
      yield* expectAll(proxy.port, notSent)
    })
  )
})

/** What becomes of a client's commands when all its servers fail, by its own word. */
const outcomes = {
  dead: ["ConnectionError NotSent", "TimeoutError NotSent", "ClusterError NotSent"],
  frozen: ["TimeoutError Unknown", "TimeoutError NotSent"],
  slow: ["TimeoutError Unknown", "TimeoutError NotSent"]
}

interface Failed {
  readonly _tag: string
  readonly outcome: string
}

/** That everything fails in time, and as it may. */
const expectFailures = (
  fault: Fault,
  effects: ReadonlyArray<readonly [name: string, run: Effect.Effect<unknown, unknown, Scope.Scope>]>
) =>
  Effect.forEach(
    effects,
    ([name, run]) =>
      Effect.map(timed(Effect.flip(Effect.scoped(run))), ({ millis, value }) => {
        const failed = value as Failed
        expect(outcomes[fault], name).toContain(`${failed._tag} ${failed.outcome}`)
        expect(millis, name).toBeLessThan(limit)
      }),
    { concurrency: "unbounded", discard: true }
  )

/** Waits until nothing more is sent to who is dead. */
const noticed = <E>(ask: Effect.Effect<ReadonlyArray<Failed>, E>) =>
  RestartableServer.eventually(
    "noticed",
    Effect.map(ask, (failures) => failures.map(({ outcome }) => outcome).find((outcome) => outcome !== "NotSent"))
  )

layer(ClusterServers.layer({ replicas: 0 }), { excludeTestServices: true })(
  "every effect of a cluster's client",
  (it) => {
    for (const fault of ["slow", "frozen", "dead"] as const) {
      it.scoped(
        `scenario 85, 91: fails within its deadline when all nodes are ${fault}, and says what became of it`,
        () =>
          Effect.gen(function* () {
            const { nodes } = yield* ClusterServers.ClusterServers
            const proxies = yield* Effect.forEach(nodes, FaultProxy.make)
            const behind = new Map(nodes.map(({ port }, i) => [port, proxies[i]!.port]))
            const services = yield* NodeRedisCluster.make({
              nodes: nodes.map(({ port }) => `127.0.0.1:${port}`),
              mapAddress: (address) =>
                fault === "slow" ? { ...address, port: behind.get(address.port) ?? address.port } : address,
              ...times
            })
            const context = RedisCluster.context(services)
            // All of them are connected.
            yield* Effect.provide(RedisCluster.onNodes(Redis.ping()), context)
            for (const { server } of nodes) {
              if (fault === "frozen") yield* Effect.acquireRelease(server.freeze, () => server.thaw)
              if (fault === "dead") yield* server.kill
            }
            if (fault === "dead") {
              const asked = Effect.provide(RedisCluster.onNodes(Effect.flip(Redis.incr("k"))), context)
              yield* noticed(Effect.map(asked, (failures) => failures.map(([, failure]) => failure)))
            }
            for (const { toClient } of proxies) toClient.delay = 1_500
            const all = [
              ...Object.entries(clusterEffects),
              ...programs.map(([name, { run }]) => [name, run] as const)
            ].map(([name, run]) => [name, Effect.provide(run, context)] as const)
            // The deadline of `refresh` is that of discovery.
            const refreshed = timed(Effect.either(services.cluster.refresh))
            const [{ millis }] = yield* Effect.all([refreshed, expectFailures(fault, all)], { concurrency: 2 })
            expect(millis).toBeLessThan(4_000)
          })
      )
    }
  }
)

describe("every effect of a client under sentinels", () => {
  for (const fault of ["dead", "frozen"] as const) {
    it.scopedLive(
      `scenario 94: fails within its deadline when the primary is ${fault}, and says what became of it`,
      () =>
        Effect.gen(function* () {
          const server = yield* RestartableServer.make({ config: ['save ""'] })
          const sentinel = yield* scriptedSentinel(() => server)
          const redis = yield* NodeRedisSentinel.make({
            name: "any",
            sentinels: [`127.0.0.1:${sentinel.port}`],
            ...times
          })
          yield* redis.execute(Redis.ping())
          if (fault === "frozen") yield* Effect.acquireRelease(server.freeze, () => server.thaw)
          else {
            yield* server.kill
            yield* noticed(Effect.map(Effect.flip(redis.execute(Redis.incr("k"))), (failure) => [failure]))
          }
          const all = programs.map(([name, { run }]) => [name, Effect.provideService(run, Redis.Redis, redis)] as const)
          yield* expectFailures(fault, all)
        })
    )
  }
})

/** Lets nothing else run. */
const stall = (millis: number) => {
  const until = performance.now() + millis
  while (performance.now() < until) {
    // Nothing else can run.
  }
}

describe("a process that was busy for a while", () => {
  it.scopedLive("scenario 35: takes the replies that have come, though every deadline has passed", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.make()
      const admin = yield* NodeRedis.make({ port })
      const made = { count: 0 }
      const client = yield* ConnectionPool.make(counting(yield* NodeRedis.connector({ port }), made), {
        commandTimeout: "200 millis",
        watchdog: "200 millis"
      })
      const lease = yield* client.reserve([])
      // The replies come when the clock of the deadlines runs, and this process does nothing else.
      yield* admin.execute(Command.make(["CLIENT", "PAUSE", 80]))
      const echo = Redis.echo("came")
      const due = yield* Effect.fork(
        Effect.all([client.execute(echo), client.pipeline([echo]), client.transaction([echo]), lease.execute(echo)], {
          concurrency: "unbounded"
        })
      )
      yield* Effect.sleep("40 millis")
      // After this phase of the event loop come the timers, and only then what has arrived.
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(() => resolve(stall(600)))))
      const slots = [Either.right("came")]
      expect(yield* Fiber.join(due)).toEqual(["came", slots, slots, "came"])
      expect(made.count).toBe(2)
    })
  )

  it.scopedLive(
    "scenario 35: takes the answers to its heartbeats, and what a subscription and a monitor are told",
    () =>
      Effect.gen(function* () {
        const { pid, port } = yield* NodeRedisServer.make()
        const made = { count: 0 }
        const stalls = new Map<string, number>()
        const connector = counting(yield* NodeRedis.connector({ port }), made, (chunk) => {
          // Of a subscription it has a number.
          const name = /MONITOR|PING\r\n\$?/.exec(String(chunk))?.[0]
          if (name === undefined) return
          stalls.set(name, (stalls.get(name) ?? 0) + 1)
          // It answers when the timers are set, and this process does nothing else.
          process.kill(pid, "SIGSTOP")
          setImmediate(() => {
            process.kill(pid, "SIGCONT")
            stall(150)
          })
        })
        const client = yield* ConnectionPool.make(connector, {
          keepAlive: "40 millis",
          watchdog: "80 millis",
          commandTimeout: "80 millis"
        })
        const withClient = Effect.provideService(Redis.Redis, client)
        yield* withClient(RedisPubSub.subscribed({ channels: "news" }))
        yield* withClient(Monitor.started)
        yield* RestartableServer.eventually(
          "heartbeats",
          Effect.sync(() =>
            (stalls.get("PING\r\n") ?? 0) > 1 && (stalls.get("PING\r\n$") ?? 0) > 4 ? undefined : "few"
          )
        )
        expect(stalls.get("MONITOR")).toBe(1)
        expect(made.count).toBe(3)
      })
  )
})

describe("a process that is busy all the time", () => {
  it.scopedLive("scenario 35: keeps the deadlines of its commands all the same", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => void ScriptedPeer.greet(words, connection))
      const client = yield* NodeRedis.make({ port: peer.port, ...times })
      let isBusy = true
      const work = () => {
        stall(80)
        if (isBusy) setImmediate(work)
      }
      work()
      const stop = Effect.sync(() => {
        isBusy = false
      })
      yield* Effect.ensuring(expectFailure("execute", client.execute(get), unanswered, 600), stop)
    })
  )
})
