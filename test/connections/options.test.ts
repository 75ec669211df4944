/** Options are judged before anything is connected, by every kind of client alike. */
import { describe, expect, it, layer } from "@effect/vitest"
import { type ConnectionPool, Redis, type RedisError } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisSentinel, NodeRedisServer } from "@effect-resp/node"
import { Duration, Effect, Redacted, type Scope } from "effect"
import * as ClusterServers from "../support/ClusterServers.js"
import { withClient } from "../support/cluster.js"

/** What a configuration may hold in spite of the types. */
const option = (name: string, value: unknown): NodeRedis.Options => ({ [name]: value })

type Making = Effect.Effect<unknown, RedisError.RedisError, Scope.Scope>

/** Nobody listens there: what is not refused would be a `ConnectionError` or a `ClusterError`. */
const nowhere = "127.0.0.1:1"

const kinds: Readonly<Record<string, (options: NodeRedis.Options) => Making>> = {
  "a single server": (options) => NodeRedis.make({ url: `redis://${nowhere}`, ...options }),
  "a cluster": (options) => NodeRedisCluster.make({ nodes: [nowhere], ...options }),
  sentinels: (options) => NodeRedisSentinel.make({ name: "mymaster", sentinels: [nowhere], ...options })
}

const refusal = (making: Making) =>
  Effect.map(Effect.flip(making), (error) => {
    expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
    expect(String(error)).not.toContain("s3cret")
    return error.message
  })

const durations: ReadonlyArray<keyof ConnectionPool.Options> = [
  "connectTimeout",
  "commandTimeout",
  "reserveTimeout",
  "watchdog",
  "keepAlive",
  "credentialsInterval",
  "reservedIdleTimeout"
]

const noDurations: ReadonlyArray<unknown> = [
  Number.NaN,
  -5,
  Number.NEGATIVE_INFINITY,
  -1n,
  "-5 seconds",
  [Number.NaN, 0],
  [-1, 0],
  "soon",
  "5",
  "",
  null,
  {},
  true
]

describe.each(Object.entries(kinds))("the options of a client of %s", (_, make) => {
  it.scopedLive.each(durations)("refuse a %s that is no duration or too short", (name) =>
    Effect.gen(function* () {
      for (const value of [...noDurations, 0, "0 seconds", Duration.zero, 5n, 0.5]) {
        expect(yield* refusal(make(option(name, value)))).toBe(`${name} must be a duration of at least 1 millisecond`)
      }
    })
  )

  it.scopedLive("refuse a closeTimeout that is no duration", () =>
    Effect.gen(function* () {
      for (const value of noDurations) {
        expect(yield* refusal(make(option("closeTimeout", value)))).toBe(
          "closeTimeout must be a duration of at least 0"
        )
      }
    })
  )

  it.scopedLive("refuse numbers of connections that cannot be", () =>
    Effect.gen(function* () {
      for (const value of [Number.NaN, -1, 0, 1.5, 1001, Number.POSITIVE_INFINITY, "5", 5n, true, null]) {
        const message = yield* refusal(make(option("connections", value)))
        expect(message).toBe("connections must be a whole number from 1 to 1000")
      }
    })
  )

  it.scopedLive.each(["maxReserved", "maxInFlight", "maxInFlightBytes", "maxWaiting", "maxWaitingBytes"])(
    "refuse a %s that is no limit",
    (name) =>
      Effect.gen(function* () {
        for (const value of [Number.NaN, 0, "5", 5n, true]) {
          expect(yield* refusal(make(option(name, value)))).toBe(`${name} must be at least 1`)
        }
      })
  )

  it.scopedLive.each<readonly [name: string, value: unknown, message: string]>([
    ["credentials", { password: "s3cret" }, "credentials must have a password that is a Redacted string"],
    ["credentials", { password: Redacted.make(5) }, "credentials must have a password that is a Redacted string"],
    ["credentials", { username: "s3cret" }, "credentials must have a password that is a Redacted string"],
    ["credentials", "s3cret", "credentials must have a password that is a Redacted string"],
    [
      "credentials",
      { username: 5, password: Redacted.make("s3cret") },
      "credentials must have a username that is a string"
    ],
    ["clientName", 5, "clientName must be printable ASCII without spaces"],
    ["protocol", "3", "protocol must be 2 or 3"],
    ["reconnect", "1 second", "reconnect must be a Schedule"],
    ["tls", "yes", "tls must be true, false or an object"],
    ["tls", { servername: 5 }, "tls has a servername that is not a string"]
  ])("refuse %s: %o", ([name, value, message]) =>
    Effect.gen(function* () {
      expect(yield* refusal(make(option(name, value)))).toBe(message)
    })
  )
})

describe("the options of one kind of client", () => {
  it.scopedLive.each<readonly [name: string, value: unknown, message: string]>([
    ["host", 5, "host must be a string that is not empty"],
    ["host", "", "host must be a string that is not empty"],
    ["path", {}, "path must be a string that is not empty"],
    ["path", "", "path must be a string that is not empty"],
    ["whileDisconnected", "fall", "whileDisconnected must be one of wait, fail"]
  ])("refuse, for a single server, %s: %o", ([name, value, message]) =>
    Effect.gen(function* () {
      expect(yield* refusal(NodeRedis.make(option(name, value)))).toBe(message)
    })
  )

  it.scopedLive("refuse, where there are several servers, a refreshInterval that is none", () =>
    Effect.gen(function* () {
      for (const make of [kinds["a cluster"]!, kinds.sentinels!]) {
        for (const value of [Number.NaN, 0, "soon"]) {
          const message = yield* refusal(make(option("refreshInterval", value)))
          expect(message).toBe("refreshInterval must be a duration of at least 1 millisecond")
        }
      }
    })
  )

  it.scopedLive("refuse, for sentinels, credentials of theirs that are none", () =>
    Effect.gen(function* () {
      const message = yield* refusal(kinds.sentinels!(option("sentinelCredentials", { password: "s3cret" })))
      expect(message).toBe("sentinelCredentials must have a password that is a Redacted string")
    })
  )
})

it.scopedLive("the options may be without end, where they are times and limits", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const ends: Array<readonly [string, unknown]> = [["closeTimeout", 0]]
    for (const name of [...durations, "closeTimeout"]) ends.push([name, Duration.infinity], [name, 2 ** 31])
    for (const name of ["maxReserved", "maxInFlight", "maxInFlightBytes", "maxWaiting", "maxWaitingBytes"]) {
      ends.push([name, Number.POSITIVE_INFINITY])
    }
    const answers = Effect.forEach(
      ends,
      ([name, value]) =>
        Effect.flatMap(NodeRedis.make({ port, ...option(name, value) }), (client) =>
          Effect.zipRight(client.execute(Redis.blpop("nothing", "1 millis")), client.execute(Redis.echo(name)))
        ).pipe(Effect.scoped),
      { concurrency: "unbounded" }
    )
    expect(yield* answers).toEqual(ends.map(([name]) => name))
  })
)

layer(ClusterServers.layer({ primaries: 3, replicas: 0 }), { excludeTestServices: true })("on a cluster", (it) => {
  it.effect("a commandTimeout without end, or longer than timers take, is not over at once", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const onWarning = ({ name }: Error) => warnings.push(name)
      process.on("warning", onWarning)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", onWarning)))
      for (const commandTimeout of [Duration.infinity, Duration.days(60)]) {
        const values = Effect.forEach(["a", "b", "c"], (key) => Effect.zipRight(Redis.set(key, 1), Redis.get(key)))
        expect(yield* withClient({ commandTimeout })(values)).toHaveLength(3)
      }
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      expect(warnings).toEqual([])
    }).pipe(Effect.scoped)
  )
})
