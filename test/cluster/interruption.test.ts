import { expect, it } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Redis, type RedisError } from "@effect-resp/core"
import { Effect, type Either, Exit, Fiber, Option, Scope, Supervisor } from "effect"
import { describe } from "vitest"
import * as FaultProxy from "../support/FaultProxy.js"
import { eachWay, type Failure, queueing } from "../support/incrementing.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import { timed } from "../support/timed.js"

const { bulk } = ScriptedCluster
const foo = Slot.ofKey("foo")

/** A cluster whose nodes are reached through proxies, which tell of their open connections. */
const proxied = (nodes: number) =>
  Effect.gen(function* () {
    const cluster = yield* ScriptedCluster.make(nodes)
    const proxies = yield* Effect.forEach(cluster.peers, ({ port }) => FaultProxy.make({ port }))
    const throughProxies = {
      nodes: [`127.0.0.1:${proxies[0]!.port}`],
      mapAddress: ({ host, port }: { readonly host: string; readonly port: number }) => {
        const index = cluster.peers.findIndex((peer) => peer.port === port)
        return { host, port: index < 0 ? port : proxies[index]!.port }
      }
    }
    const open = () => proxies.map(({ live }) => live.length)
    return { cluster, open, throughProxies }
  })

/** How long its interruption takes, in milliseconds. */
const interrupted = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.map(timed(Fiber.interrupt(fiber)), ({ millis, value }) => {
    expect(Exit.isInterrupted(value)).toBe(true)
    return millis
  })

describe("interruption", () => {
  it.scopedLive("ends the search for a cluster at once, and closes what it had opened", () =>
    Effect.gen(function* () {
      const { cluster, open, throughProxies } = yield* proxied(1)
      cluster.tellMap = () => undefined
      const supervisor = yield* Supervisor.track
      const search = yield* Effect.fork(
        Effect.supervised(Effect.scoped(ScriptedCluster.connect(cluster, throughProxies)), supervisor)
      )
      while (cluster.refreshes === 0) yield* Effect.sleep("5 millis")
      expect(open()).toEqual([1])
      expect(yield* interrupted(search)).toBeLessThan(200)
      yield* Effect.sleep("50 millis")
      expect(open()).toEqual([0])
      expect((yield* supervisor.value).length).toBe(0)
    })
  )

  it.scopedLive("ends the wait for a connection at once; closing the client ends the connecting itself", () =>
    Effect.gen(function* () {
      const { cluster, open, throughProxies } = yield* proxied(2)
      const silent = cluster.respond.bind(cluster)
      cluster.respond = (node, words, connection) => {
        if (node === 0) silent(node, words, connection)
      }
      cluster.answer = () => cluster.redirect("MOVED", foo, 1)
      const supervisor = yield* Supervisor.track
      const scope = yield* Scope.make()
      const { redis } = yield* ScriptedCluster.connect(cluster, throughProxies).pipe(
        Effect.supervised(supervisor),
        Scope.extend(scope)
      )
      const command = yield* Effect.fork(redis.execute(Redis.get("foo")))
      while (open()[1] === 0) yield* Effect.sleep("5 millis")
      expect(yield* interrupted(command)).toBeLessThan(100)
      const { millis } = yield* timed(Scope.close(scope, Exit.void))
      expect(millis).toBeLessThan(300)
      yield* Effect.sleep("50 millis")
      expect(open()).toEqual([0, 0])
      expect((yield* supervisor.value).length).toBe(0)
    })
  )

  it.live("ends a pause between two attempts, and no further attempt comes", () =>
    eachWay((way, run) =>
      Effect.gen(function* () {
        const cluster = yield* ScriptedCluster.make(1)
        cluster.answer = queueing(() => "-CLUSTERDOWN The cluster is down\r\n")
        const { redis } = yield* ScriptedCluster.connect(cluster)
        const fiber = yield* Effect.fork(run(redis))
        yield* Effect.sleep("150 millis")
        const sent = cluster.commands(0).length
        expect(sent, way).toBeGreaterThan(2)
        expect(yield* interrupted(fiber), way).toBeLessThan(100)
        yield* Effect.sleep("400 millis")
        expect(cluster.commands(0).length, way).toBe(sent)
      })
    )
  )

  it.scopedLive("scenario 46: of a pipeline on several nodes ends all its parts; their late replies reach nobody", () =>
    Effect.gen(function* () {
      const { cluster, open, throughProxies } = yield* proxied(2)
      cluster.map = [
        [0, 8_191, 1],
        [8_192, 16_383, 0]
      ]
      const late: Array<() => void> = []
      cluster.answer = (words, _node, connection) => {
        late.push(() => connection.write(words[0] === "GET" ? bulk(words[1]!) : ":7\r\n"))
        return undefined
      }
      const { redis } = yield* ScriptedCluster.connect(cluster, throughProxies)
      const fiber = yield* Effect.fork(redis.pipeline(["foo", "bar", "foo2", "bar2"].map((key) => Redis.incr(key))))
      while (late.length < 4) yield* Effect.sleep("5 millis")
      expect(yield* interrupted(fiber)).toBeLessThan(100)
      const next = yield* Effect.fork(
        Effect.forEach(["foo", "bar"], (key) => redis.execute(Redis.get(key)), { concurrency: "unbounded" })
      )
      while (late.length < 6) yield* Effect.sleep("5 millis")
      for (const reply of late) reply()
      expect(yield* Fiber.join(next)).toEqual(["foo", "bar"].map(Option.some))
      expect(open()).toEqual([1, 1])
    })
  )
})

describe("a client that was closed", () => {
  it.scopedLive("fails all that is asked of it at once, nothing sent", () =>
    Effect.gen(function* () {
      const { cluster, open, throughProxies } = yield* proxied(3)
      // The second node has not been connected to; the third is only a replica.
      cluster.map = [
        [0, 8_191, 1, 2],
        [8_192, 16_383, 0]
      ]
      const scope = yield* Scope.make()
      const { cluster: service, redis } = yield* Scope.extend(ScriptedCluster.connect(cluster, throughProxies), scope)
      const [, second] = (yield* service.topology).shards.map(({ primary }) => primary.address)
      const replica = (yield* service.topology).shards.flatMap(({ replicas }) => replicas)[0]!.address
      yield* redis.execute(Redis.set("foo", "1"))
      yield* Scope.close(scope, Exit.void)
      const uses: ReadonlyArray<Effect.Effect<unknown, Failure>> = [
        redis.execute(Redis.get("foo")),
        redis.execute(Redis.get("bar")),
        redis.execute(Redis.blpop("bar", 0)),
        redis.execute(Redis.dbsize),
        Effect.flatMap(
          redis.pipeline([Redis.get("bar")]),
          ([slot]) => slot as Either.Either<unknown, RedisError.RedisError>
        ),
        redis.transaction([Redis.get("bar")]),
        Effect.flatMap(service.node(second!), (node) => node.execute(Redis.dbsize)),
        Effect.flatMap(service.node(replica), (node) => node.execute(Redis.dbsize)),
        service.refresh
      ]
      for (const [index, use] of uses.entries()) {
        const { millis, value } = yield* timed(Effect.timeoutOption(Effect.flip(use), "2 seconds"))
        expect([index, Option.map(value, ({ outcome }) => outcome)]).toEqual([index, Option.some("NotSent")])
        expect([index, millis < 500]).toEqual([index, true])
      }
      yield* Effect.sleep("50 millis")
      expect(open()).toEqual([0, 0, 0])
      expect(cluster.commands(1)).toEqual([])
    })
  )
})
