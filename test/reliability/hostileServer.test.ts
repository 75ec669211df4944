import { expect, it } from "@effect/vitest"
import { Monitor, Redis, RedisPubSub } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisSentinel } from "@effect-resp/node"
import { Effect, Either, Schedule, type Scope, Stream } from "effect"
import { describe } from "vitest"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"

const MiB = 2 ** 20

/** Runs an effect, and tells the memory that was taken at most meanwhile, and the longest time for which nothing else ran. */
const watched = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const used = () => {
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      return arrayBuffers + heapUsed
    }
    const before = used()
    let last = performance.now()
    let bytes = 0
    let stall = 0
    const look = () => {
      bytes = Math.max(bytes, used() - before)
      stall = Math.max(stall, performance.now() - last)
      last = performance.now()
    }
    const timer = setInterval(look, 2)
    const { millis, value } = yield* Effect.ensuring(
      timed(effect),
      Effect.sync(() => clearInterval(timer))
    )
    look()
    return { value, millis, bytes, stall }
  })

/** Writes as much as the peer at the other end takes, for as long as it lives. */
const flood = (connection: ScriptedPeer.Connection, text: string): void => {
  const block = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)))
  let sent = 0
  const timer = setInterval(() => {
    for (let i = 0; i < 8 && sent < 16 * MiB; i++, sent += block.length) connection.write(block)
    if (sent >= 16 * MiB) clearInterval(timer)
  }, 1)
  timer.unref()
}

type Lie = (connection: ScriptedPeer.Connection) => void

const says =
  (text: string): Lie =>
  (connection) =>
    connection.write(text)

const endless =
  (begin: string, repeated: string): Lie =>
  (connection) => {
    connection.write(begin)
    flood(connection, repeated)
  }

/** What is seen to be impossible as soon as it is read. */
const impossible: Readonly<Record<string, Lie>> = {
  "a string of 10 GB": says("$9999999999\r\n"),
  "a string of one byte too many": says("$536870913\r\n"),
  "an error of 10 GB": says("!9999999999\r\n"),
  "a verbatim string of 10 GB": says("=9999999999\r\n"),
  "an array of 2 billion": says("*2147483647\r\n"),
  "a map of 33 million": says("%33554433\r\n"),
  "a set of 4 billion": says("~4294967296\r\n"),
  "a push of 67 million": says(">67108865\r\n"),
  "attributes of 4 billion": says("|4294967296\r\n"),
  "lengths that are no numbers": says("$1e9\r\n"),
  "two arrays of 67 million, one in the other": says("*67108864\r\n".repeat(2)),
  "200,000 arrays in one another": says("*1\r\n".repeat(200_000)),
  "200,000 maps in one another": says("%1\r\n".repeat(200_000)),
  "a line without end": endless("+", "x"),
  "a number without end": endless(":", "1"),
  "a length without end": endless("$", "1")
}

/** What might still come. */
const unfulfilled: Readonly<Record<string, Lie>> = {
  "the longest string, of which three bytes come": says("$536870912\r\nabc"),
  // A lie may be told three times over, as the elements of the first.
  "a long array, of which one element comes": says("*20000000\r\n:1\r\n"),
  "a large map": says("%10000000\r\n"),
  "long arrays in one another": says("*1000000\r\n".repeat(20)),
  "streamed arrays in one another": says("*?\r\n".repeat(20)),
  "pushes without end, and nothing else": endless("", ">2\r\n+a\r\n+b\r\n"),
  "attributes without end, and nothing else": endless("", "|1\r\n+a\r\n+b\r\n")
}

const deadline = "200 millis"

/** A peer that greets as one should and then tells one lie, again on each connection. */
const liar = (lie: Lie) =>
  ScriptedPeer.make((words, connection) => {
    if (!ScriptedPeer.greet(words, connection)) lie(connection)
  })

const clientOf = (peer: ScriptedPeer.ScriptedPeer, options: NodeRedis.Options = {}) =>
  NodeRedis.make({ port: peer.port, commandTimeout: deadline, closeTimeout: 0, ...options })

type Failing = Effect.Effect<unknown, unknown>

/** Who is lied to, and how that fails where the lie is found out, and where it is waited for. */
interface Role {
  readonly run: (peer: ScriptedPeer.ScriptedPeer) => Effect.Effect<unknown, unknown, Scope.Scope>
  readonly impossible: object
  readonly unfulfilled: object
}

const onClient =
  (run: (client: Redis.RedisService) => Failing, options?: NodeRedis.Options): Role["run"] =>
  (peer) =>
    Effect.flatMap(Effect.orDie(clientOf(peer, options)), run)

const broken = { _tag: "ProtocolError", outcome: "Unknown" }
const late = { _tag: "TimeoutError", phase: "Reply", outcome: "Unknown" }
const undiscovered = (cause: object) => ({
  _tag: "ClusterError",
  reason: "Discovery",
  outcome: "NotSent",
  attempts: [{ cause }]
})

const roles: Readonly<Record<string, Role>> = {
  "a command": { run: onClient((client) => client.execute(Redis.get("k"))), impossible: broken, unfulfilled: late },
  "a pipeline": {
    run: onClient((client) =>
      Effect.flatMap(client.pipeline([Redis.get("k"), Redis.get("k")]), ([slot]) =>
        Either.isLeft(slot!) ? Effect.fail(slot.left) : Effect.succeed(slot)
      )
    ),
    impossible: { ...broken, position: 0 },
    unfulfilled: { ...late, position: 0 }
  },
  "a transaction": {
    run: onClient((client) => client.transaction([Redis.get("k")])),
    impossible: broken,
    unfulfilled: late
  },
  "a blocking command": {
    run: onClient((client) => client.execute(Redis.blpop("k", "100 millis"))),
    impossible: broken,
    unfulfilled: late
  },
  "a watch": {
    run: onClient((client) => Effect.scoped(client.watch(["k"]))),
    impossible: { _tag: "WatchError", reason: "ConnectionReset", outcome: "NotSent" },
    unfulfilled: late
  },
  "a scan": {
    run: onClient((client) => Stream.runDrain(client.scan((cursor) => Redis.scan(cursor)))),
    impossible: broken,
    unfulfilled: late
  },
  "a subscriber": {
    run: onClient(
      (client) => Stream.runDrain(RedisPubSub.subscribe("c")).pipe(Effect.provideService(Redis.Redis, client)),
      { reconnect: Schedule.stop }
    ),
    impossible: { _tag: "ConnectionError", reason: "Lost" },
    unfulfilled: late
  },
  "a cluster's client": {
    run: (peer) => NodeRedisCluster.make({ nodes: [`127.0.0.1:${peer.port}`], closeTimeout: 0 }),
    impossible: undiscovered(broken),
    unfulfilled: undiscovered(late)
  },
  "a client under sentinels": {
    run: (peer) => NodeRedisSentinel.make({ name: "any", sentinels: [`127.0.0.1:${peer.port}`] }),
    impossible: undiscovered(broken),
    unfulfilled: undiscovered(late)
  }
}

/** Each lie to one role, all at once. */
const tell = (role: Role, lies: Readonly<Record<string, Lie>>) =>
  watched(
    Effect.forEach(
      Object.entries(lies),
      ([what, lie]) =>
        Effect.map(Effect.scoped(Effect.flatMap(liar(lie), (peer) => Effect.flip(role.run(peer)))), (error) => ({
          what,
          error
        })),
      { concurrency: "unbounded" }
    )
  )

describe("what cannot be", () => {
  for (const [who, role] of Object.entries(roles)) {
    it.live(`scenario 4, 5: is refused as soon as it is read, and costs nothing: said to ${who}`, () =>
      Effect.gen(function* () {
        const { bytes, millis, stall, value } = yield* tell(role, impossible)
        for (const { error, what } of value) expect(error, what).toMatchObject(role.impossible)
        expect(bytes).toBeLessThan(64 * MiB)
        expect(millis).toBeLessThan(1_000)
        expect(stall).toBeLessThan(300)
      })
    )
  }
})

describe("what does not come", () => {
  for (const [who, role] of Object.entries(roles)) {
    it.live(`scenario 5, 34: is waited for until the deadline, in no more memory than has come: said to ${who}`, () =>
      Effect.gen(function* () {
        const { bytes, millis, stall, value } = yield* tell(role, unfulfilled)
        for (const { error, what } of value) expect(error, what).toMatchObject(role.unfulfilled)
        expect(bytes).toBeLessThan(64 * MiB)
        expect(millis).toBeLessThan(3_000)
        expect(stall).toBeLessThan(300)
      })
    )
  }
})

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
const array = (items: ReadonlyArray<string>) => `*${items.length}\r\n${items.join("")}`
const flat = (fields: Readonly<Record<string, string | number>>) =>
  array(Object.entries(fields).flatMap(([name, value]) => [bulk(name), bulk(String(value))]))

/** A peer that answers so; with the words it is asked in upper case. */
const answering = (answer: (words: ReadonlyArray<string>) => string | undefined) =>
  ScriptedPeer.make((words, connection) => {
    if (ScriptedPeer.greet(words, connection)) return
    const reply = answer(words.map((word) => word.toUpperCase()))
    if (reply !== undefined) connection.write(reply)
  })

describe("a map of a cluster", () => {
  const entry = (first: number, last: number, nodes: ReadonlyArray<string>) =>
    array([`:${first}\r\n`, `:${last}\r\n`, ...nodes])
  const node = (port: number) => array([bulk("127.0.0.1"), `:${port}\r\n`])
  const shard = (ranges: string, nodes: ReadonlyArray<string>) =>
    array([bulk("slots"), ranges, bulk("nodes"), array(nodes)])
  const shardNode = (port: number, role: string) =>
    flat({ id: `${role}${port}`, endpoint: "127.0.0.1", role, port }).replace(bulk(String(port)), `:${port}\r\n`)
  const many = (count: number, text: string) => `*${count}\r\n${text.repeat(count)}`

  for (const [what, asked, reply] of [
    [
      "with 300,000 replicas of one primary",
      "SLOTS",
      (port: number) =>
        array([entry(0, 16_383, [node(port), ...Array.from({ length: 300_000 }, (_, i) => node(1 + (i % 60_000)))])])
    ],
    [
      "with 500,000 ranges of slots in one shard",
      "SHARDS",
      (port: number) => array([shard(many(1_000_000, ":1\r\n:16383\r\n".slice(0, 4)), [shardNode(port, "master")])])
    ],
    [
      "with 500,000 times all slots but one",
      "SHARDS",
      (port: number) => array([shard(`*1000000\r\n${":1\r\n:16383\r\n".repeat(500_000)}`, [shardNode(port, "master")])])
    ]
  ] as const) {
    it.scopedLive(`scenario 88: keeps nobody busy: ${what}`, () =>
      Effect.gen(function* () {
        const peer: ScriptedPeer.ScriptedPeer = yield* answering((words): string | undefined => {
          if (words[0] !== "CLUSTER") return "+OK\r\n"
          return words[1] === asked ? reply(peer.port) : "-ERR unknown subcommand\r\n"
        })
        const outcome = NodeRedisCluster.make({ nodes: [`127.0.0.1:${peer.port}`], closeTimeout: 0 })
        const { bytes, stall } = yield* watched(Effect.either(outcome))
        expect(stall).toBeLessThan(1_500)
        expect(bytes).toBeLessThan(256 * MiB)
      })
    )
  }
})

describe("a Sentinel", () => {
  it.scopedLive(
    "scenario 95: that tells of 50,000 others and as many replicas keeps nobody busy, and is not believed all of them",
    () =>
      Effect.gen(function* () {
        const one = (port: number) => flat({ ip: "127.0.0.1", port, flags: "slave", "master-link-status": "ok" })
        const crowd = array(Array.from({ length: 50_000 }, (_, i) => one(10_000 + i)))
        const peer: ScriptedPeer.ScriptedPeer = yield* answering((words): string | undefined => {
          if (words[0] === "ROLE") return array([bulk("master"), ":0\r\n", "*0\r\n"])
          if (words[1] === "GET-MASTER-ADDR-BY-NAME") return array([bulk("127.0.0.1"), bulk(String(peer.port))])
          if (words[1] === "REPLICAS" || words[1] === "SENTINELS") return crowd
          return words[0] === "SENTINEL" ? "-ERR no such thing\r\n" : undefined
        })
        const handles = () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")).length
        const before = handles()
        const { stall, value } = yield* watched(
          Effect.gen(function* () {
            const redis = yield* NodeRedisSentinel.make({
              name: "any",
              sentinels: [`127.0.0.1:${peer.port}`],
              commandTimeout: "1 second",
              closeTimeout: 0
            })
            yield* Effect.sleep("200 millis")
            return redis
          })
        )
        expect(value.state).toBeDefined()
        expect(stall).toBeLessThan(500)
        expect(handles() - before).toBeLessThan(300)
      })
  )
})

describe("a subscription", () => {
  it.scopedLive("scenario 70: that is taken away each time it is made fills no memory", () =>
    Effect.gen(function* () {
      let times = 0
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection)) return
        if (words[0] === "PING") return connection.write(`+${words[1] ?? "PONG"}\r\n`)
        times++
        connection.write(`>3\r\n${bulk("subscribe")}${bulk("c")}:1\r\n>3\r\n${bulk("unsubscribe")}${bulk("c")}:0\r\n`)
      })
      const client = yield* clientOf(peer)
      const subscriber = yield* client.subscriber({})
      yield* subscriber.subscribe("channel", ["c"])
      yield* Effect.sleep("300 millis")
      expect(times).toBeGreaterThan(10)
      expect((yield* subscriber.takeAll).length).toBeLessThan(10)
    })
  )

  it.scopedLive("scenario 73: that is not confirmed, with messages of others without end, costs nothing", () =>
    Effect.gen(function* () {
      const peer = yield* liar(endless("", `>3\r\n${bulk("message")}${bulk("other")}${bulk("x".repeat(1_000))}`))
      const client = yield* clientOf(peer)
      const { bytes, value } = yield* watched(
        Effect.flip(
          Effect.scoped(Effect.provideService(RedisPubSub.subscribed({ channels: "c" }), Redis.Redis, client))
        )
      )
      expect(value).toMatchObject({ _tag: "TimeoutError", phase: "Reply" })
      expect(bytes).toBeLessThan(64 * MiB)
    })
  )
})

describe("MONITOR", () => {
  const lines = (text: string) => (words: ReadonlyArray<string>, connection: ScriptedPeer.Connection) => {
    if (ScriptedPeer.greet(words, connection)) return
    connection.write("+OK\r\n")
    flood(connection, text)
  }

  it.scopedLive("scenario 79: that shows what is no line fails, and costs nothing", () =>
    Effect.gen(function* () {
      for (const text of ["x", "\r\n", "\n", '+1.0 [0 a:1] "get\r\n', "+\r\n", ":1\r\n", "$1\r\nx\r\n"]) {
        const peer = yield* ScriptedPeer.make(lines(`${text}${text === "x" ? "" : "+more\r\n"}`))
        const client = yield* clientOf(peer)
        const all = Effect.provideService(Stream.runDrain(Monitor.stream), Redis.Redis, client)
        // Without an end there is no line, and after its OK nobody knows when the next one comes.
        const { bytes, value } = yield* watched(
          Effect.either(Effect.timeoutFail(all, { duration: "300 millis", onTimeout: () => "none" }))
        )
        expect(Either.flip(value), JSON.stringify(text)).toMatchObject(
          text === "x" ? { right: "none" } : { right: { _tag: "DecodeError", command: "MONITOR" } }
        )
        expect(bytes).toBeLessThan(256 * MiB)
      }
    })
  )

  it.scopedLive("scenario 79: without end, that nobody takes, stops the socket", () =>
    Effect.gen(function* () {
      const line = `+1.0 [0 127.0.0.1:1] "set" "k" "${"x".repeat(1_000)}"\r\n`
      const peer = yield* ScriptedPeer.make(lines(line))
      const client = yield* clientOf(peer)
      const { bytes } = yield* watched(
        Effect.zipRight(Effect.provideService(Monitor.started, Redis.Redis, client), Effect.sleep("300 millis"))
      )
      expect(bytes).toBeLessThan(160 * MiB)
    })
  )
})
