/** All that the packages export which does something with a server, by export, and how it fails when it cannot. */
import { RedisCluster } from "@effect-resp/cluster"
import { Monitor, Pipeline, Redis, RedisPubSub, Scan, Script, Transaction } from "@effect-resp/core"
import { Effect, type Either, type Scope, Stream } from "effect"
import { families } from "../commands/families.js"

/** What goes wrong with the server, once the client is connected. */
export type Fault = "dead" | "frozen" | "slow"

const timeout = (phase: string, outcome: string) => ({ _tag: "TimeoutError", phase, outcome })
export const notSent = timeout("Connect", "NotSent")
export const unanswered = timeout("Reply", "Unknown")

/** What comes of it where no connection of its own is needed, and where one is. */
export const expected = {
  shared: { dead: notSent, frozen: unanswered, slow: unanswered },
  lease: {
    dead: timeout("Reserve", "NotSent"),
    frozen: timeout("Reserve", "NotSent"),
    slow: timeout("Reserve", "NotSent")
  },
  subscription: { dead: notSent, frozen: notSent, slow: notSent },
  monitor: { dead: { _tag: "ConnectionError", reason: "Connect", outcome: "NotSent" }, frozen: notSent, slow: notSent },
  refused: {
    dead: { _tag: "CommandError" },
    frozen: { _tag: "CommandError" },
    slow: { _tag: "CommandError" }
  }
} as const

type Way = keyof typeof expected

/** An effect that should fail, and how. */
interface Check {
  readonly way: Way
  readonly run: Effect.Effect<unknown, unknown, Redis.Redis | Scope.Scope>
}

const check =
  (way: Way) =>
  (run: Check["run"]): Check => ({ way, run })
const shared = check("shared")
const lease = check("lease")
const subscription = check("subscription")
const monitor = check("monitor")

/** Of each export what it does with a server, if it does anything. */
type Checks<M> = { readonly [K in keyof M]: Check | "nothing" }

export const get = Redis.get("k")

/** Fails with the first slot that did. */
export const failing = <R>(attempt: Effect.Effect<ReadonlyArray<Either.Either<unknown, unknown>>, unknown, R>) =>
  Effect.flatMap(attempt, (slots) => Effect.all(slots))
const script = Script.make({ lua: "return 1" })
const drained = Stream.runDrain
const committing = Effect.succeed(Pipeline.all([get]))
const using = (run: (redis: Redis.RedisService) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.flatMap(Redis.Redis, run)

const pipelines: Checks<typeof Pipeline> = {
  TypeId: "nothing",
  isPipeline: "nothing",
  firstError: "nothing",
  empty: "nothing",
  add: shared(Pipeline.add(Pipeline.empty, get)),
  all: shared(Pipeline.all([get, get])),
  attempt: shared(failing(Pipeline.attempt([get, get]))),
  forEach: shared(Pipeline.forEach(["a", "b"], (key) => Redis.get(key)))
}

const transactions: Checks<typeof Transaction> = {
  ExecAbortError: "nothing",
  WatchError: "nothing",
  retry: "nothing",
  exec: shared(Transaction.exec([get, get])),
  attempt: shared(Transaction.attempt([get, get])),
  watch: lease(Transaction.watch(["k"], committing)),
  watchAttempt: lease(Transaction.watchAttempt(["k"], committing))
}

const scripts: Checks<typeof Script> = { make: shared(script()) }

const scans: Checks<typeof Scan> = {
  pages: shared(drained(Scan.pages((cursor) => Redis.sscan("s", cursor)))),
  keys: shared(drained(Scan.keys())),
  hash: shared(drained(Scan.hash("h"))),
  set: shared(drained(Scan.set("s"))),
  sortedSet: shared(drained(Scan.sortedSet("z")))
}

const monitors: Checks<typeof Monitor> = {
  started: monitor(Monitor.started),
  stream: monitor(drained(Monitor.stream))
}

const handle = (run: (handle: RedisPubSub.RedisPubSub) => Effect.Effect<unknown, unknown>) =>
  subscription(Effect.flatMap(RedisPubSub.make(), run))

const subscriptions: Checks<typeof RedisPubSub> = {
  subscribe: subscription(drained(RedisPubSub.subscribe("c"))),
  psubscribe: subscription(drained(RedisPubSub.psubscribe("p*"))),
  ssubscribe: subscription(drained(RedisPubSub.ssubscribe("s"))),
  events: subscription(drained(RedisPubSub.events({ channels: "c", patterns: "p*", shardChannels: "s" }))),
  subscribed: subscription(RedisPubSub.subscribed({ channels: "c" })),
  make: "nothing"
}

/** Those that wait for messages have no deadline but `poll`'s own; and what is not subscribed to is left at once. */
const handles: Omit<Checks<RedisPubSub.RedisPubSub>, "take" | "poll" | "stream" | "run"> = {
  subscribe: handle((pubSub) => pubSub.subscribe("c")),
  psubscribe: handle((pubSub) => pubSub.psubscribe("p*")),
  ssubscribe: handle((pubSub) => pubSub.ssubscribe("s")),
  unsubscribe: "nothing",
  punsubscribe: "nothing",
  sunsubscribe: "nothing",
  subscriptions: "nothing"
}

const services: Checks<Redis.RedisService> = {
  state: "nothing",
  execute: shared(using((redis) => redis.execute(get))),
  pipeline: shared(failing(Effect.flatMap(Redis.Redis, (redis) => redis.pipeline([get])))),
  transaction: shared(using((redis) => redis.transaction([get]))),
  reserve: lease(using((redis) => redis.reserve([]))),
  watch: lease(using((redis) => redis.watch(["k"]))),
  scan: shared(using((redis) => Stream.runDrain(redis.scan((cursor) => Redis.scan(cursor))))),
  subscriber: subscription(
    using((redis) => Effect.flatMap(redis.subscriber({}), (subscriber) => subscriber.subscribe("channel", ["c"])))
  ),
  monitor: monitor(using((redis) => Stream.runDrain(redis.monitor)))
}

const combinators: Pick<Checks<typeof Redis>, "reserve" | "withReserved" | "use" | "useStream" | "state"> = {
  reserve: lease(Redis.reserve()),
  withReserved: lease(Redis.withReserved()(get)),
  use: shared(Redis.use(Redis.Redis)(get)),
  useStream: shared(drained(Redis.useStream(Redis.Redis)(Scan.keys()))),
  state: "nothing"
}

/** Every command there is, but for what takes long by itself. */
const commands = families.flatMap(({ cases }) =>
  cases
    .filter(({ command }) => (command.blockMillis ?? 0) < 500)
    .map(({ command }): Check => {
      const { blocking, restriction } = command.definition
      return { way: restriction !== undefined ? "refused" : blocking ? "lease" : "shared", run: command }
    })
)

const tables = { pipelines, transactions, scripts, scans, monitors, subscriptions, handles, services, combinators }

type Named = readonly [name: string, check: Check]

export const programs: ReadonlyArray<Named> = Object.entries(tables).flatMap(([table, entries]) =>
  Object.entries(entries).flatMap(([name, check]: readonly [string, Check | "nothing"]) =>
    check === "nothing" ? [] : [[`${table}.${name}`, check] as const]
  )
)

export const checks: ReadonlyArray<Named> = [
  ...programs,
  ...commands.map((check) => [String(check.run), check] as const)
]

/** Of each export what it asks of the cluster's nodes. */
export const clusterEffects: Pick<
  {
    readonly [K in keyof typeof RedisCluster]: Effect.Effect<
      unknown,
      unknown,
      RedisCluster.RedisCluster | Redis.Redis | Scope.Scope
    >
  },
  "onNode" | "streamOnNode" | "onPrimaries" | "onNodes"
> = {
  onNode: Effect.flatMap(RedisCluster.nodes, ([node]) => RedisCluster.onNode(node!)(get)),
  streamOnNode: Effect.flatMap(RedisCluster.nodes, ([node]) =>
    drained(RedisCluster.streamOnNode(node!)(Monitor.stream))
  ),
  onPrimaries: RedisCluster.onPrimaries(Redis.dbsize),
  onNodes: RedisCluster.onNodes(Redis.dbsize)
}
