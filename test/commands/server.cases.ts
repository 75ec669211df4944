import { Command, Redis } from "@effect-resp/core"
import { Duration, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const never = { redis: "never", valkey: "never" }
const recent = (date: Date) => Math.abs(date.getTime() - Date.now()) < 60_000
const isText = (text: string) => text.length > 0
/** Long enough to be seen, on any machine. */
const slow = Redis.eval("for i = 1, 2000000 do end return 1")

export const server: ReadonlyArray<Case> = [
  { command: Redis.aclWhoami, gives: "default" },
  { command: Command.bytes(Redis.aclWhoami), gives: new TextEncoder().encode("default") },
  { command: Redis.dbsize, gives: 0 },
  { command: Redis.dbsize, given: [Redis.mset({ a: 1, b: 2 })], gives: 2 },
  { command: Command.bigint(Redis.dbsize), gives: 0n },
  { command: Redis.flushall(), given: [Redis.set("a", 1)], gives: "OK" },
  { command: Redis.flushall({ mode: "async" }), gives: "OK" },
  { command: Redis.flushall({ mode: "sync" }), gives: "OK" },
  { command: Redis.flushdb(), given: [Redis.set("a", 1)], gives: "OK" },
  { command: Redis.flushdb({ mode: "async" }), gives: "OK" },
  { command: Redis.flushdb({ mode: "sync" }), gives: "OK" },
  { command: Redis.dbsize, given: [Redis.set("a", 1), Redis.flushdb()], gives: 0 },
  { command: Redis.swapdb(0, 1), gives: "OK" },
  { command: Redis.dbsize, given: [Redis.set("a", 1), Redis.swapdb(0, 1)], gives: 0 },
  {
    command: Redis.time,
    gives: ({ date, epochMicros }: Redis.ServerTime) =>
      recent(date) && Math.floor(epochMicros / 1000) === date.getTime()
  },
  {
    command: Redis.info(),
    gives: (info: Redis.Info) =>
      info.server?.redis_version !== undefined &&
      info.memory?.used_memory !== undefined &&
      info.commandstats === undefined
  },
  { command: Redis.info("cpu").pipe(Command.map(Object.keys)), gives: ["cpu"] },
  {
    command: Redis.info(["cpu", "clients"]).pipe(Command.map((info) => Object.keys(info).sort())),
    gives: ["clients", "cpu"],
    since: { redis: "7.0.0", valkey: "7.2.0" }
  },
  { command: Redis.info("keyspace"), gives: { keyspace: {} } },
  {
    command: Redis.info("keyspace").pipe(Command.map((info) => info.keyspace?.db0?.startsWith("keys=1,"))),
    given: [Redis.set("a", 1)],
    gives: true
  },
  {
    command: Redis.info("everything"),
    gives: (info: Redis.Info) => info.commandstats?.cmdstat_flushall?.startsWith("calls=") === true
  },
  { command: Redis.info("nosuch"), gives: {} },
  { command: Redis.info("cpu", { raw: true }), gives: (text: string) => text.startsWith("# CPU\r\n") },
  {
    command: Command.bytes(Redis.info([], { raw: true })),
    gives: (bytes: Uint8Array) => new TextDecoder().decode(bytes.subarray(0, 8)) === "# Server"
  },
  { command: Redis.lolwut(), gives: isText },
  { command: Redis.lolwut({ version: 5, parameters: [10, 2, 2] }), gives: isText },
  { command: Redis.lolwut({ version: 6 }), gives: isText },
  { command: Command.bytes(Redis.lolwut()), gives: (bytes: Uint8Array) => bytes.length > 0 }
]

export const configuration: ReadonlyArray<Case> = [
  {
    command: Redis.configGet("maxmemory-samples"),
    given: [Redis.configSet({ "maxmemory-samples": 7 })],
    gives: { "maxmemory-samples": "7" }
  },
  { command: Redis.configGet("no*such"), gives: {} },
  {
    command: Redis.configGet("maxmemory*"),
    gives: (values: Record<string, string>) => values["maxmemory-policy"] === "noeviction" && values.maxmemory === "0"
  },
  {
    command: Redis.configGet(["hz", "databases", "no*such"]),
    given: [Redis.configSet([["hz", 11]])],
    gives: { databases: "16", hz: "11" },
    since: { redis: "7.0.0", valkey: "7.2.0" }
  },
  {
    command: Command.bytes(Redis.configGet("databases")),
    gives: [[new TextEncoder().encode("databases"), new TextEncoder().encode("16")]]
  },
  { command: Redis.configSet({ "maxmemory-samples": 5 }), gives: "OK" },
  {
    command: Redis.configSet({ "maxmemory-samples": 5, hz: 10 }),
    gives: "OK",
    since: { redis: "7.0.0", valkey: "7.2.0" }
  },
  { command: Redis.configResetstat, gives: "OK" },
  { command: Redis.configRewrite, gives: "OK" }
]

export const persistence: ReadonlyArray<Case> = [
  {
    command: Redis.lastsave,
    gives: (date: Date) => date.getTime() > Date.now() - 3_600_000 && date.getTime() < Date.now() + 60_000
  },
  { command: Redis.lastsave, given: [Redis.save], gives: recent },
  { command: Redis.save, gives: "OK" },
  // One of them at a time, so they have a test of their own: see administration.test.ts.
  { command: Redis.bgsave(), gives: "started", since: never },
  { command: Redis.bgrewriteaof, gives: "started", since: never },
  { command: Redis.shutdownAbort, gives: "OK", since: never }
]

export const replication: ReadonlyArray<Case> = [
  {
    command: Redis.role,
    gives: (role: Redis.Role) => role._tag === "Primary" && role.replicas.length === 0 && role.offset >= 0
  },
  { command: Redis.replicaof("none"), gives: "OK" },
  { command: Redis.slaveof("none"), gives: "OK" },
  // It takes a replica: see administration.test.ts.
  { command: Redis.failover(), gives: "OK", since: never }
]

const logAll = [Redis.configSet({ "slowlog-log-slower-than": 0 }), Redis.slowlogReset]
const isLogged = ({ at, clientAddress, clientName, id }: Redis.LoggedCommand) =>
  id >= 0 && recent(at) && /^127\.0\.0\.1:\d+$/.test(clientAddress) && clientName === ""

const commandLog = (log: string) => [
  Redis.configSet({ [`commandlog-${log}`]: 0 }),
  Redis.commandlogReset("slow"),
  Redis.commandlogReset("large-request"),
  Redis.commandlogReset("large-reply")
]

const watchLatency = [Redis.configSet({ "latency-monitor-threshold": 1 }), Redis.latencyReset(), slow]

export const diagnostics: ReadonlyArray<Case> = [
  { command: Redis.slowlogReset, gives: "OK" },
  {
    command: Redis.slowlogGet(),
    given: [...logAll, Redis.set("a", "b c")],
    gives: (commands: ReadonlyArray<Redis.SlowCommand>) => {
      const set = commands.find(({ command }) => command[0] === "SET")
      return (
        set !== undefined &&
        isLogged(set) &&
        set.command.join(",") === "SET,a,b c" &&
        Duration.toMillis(set.duration) < 1000
      )
    }
  },
  {
    command: Redis.slowlogGet(-1).pipe(Command.map((commands) => Number(Duration.toMillis(commands[0]!.duration) > 1))),
    given: [...logAll, slow],
    gives: 1
  },
  {
    command: Redis.slowlogGet(1).pipe(Command.map((commands) => commands.map(({ command }) => command[0]))),
    given: [...logAll, Redis.get("a")],
    gives: ["GET"]
  },
  { command: Redis.slowlogGet(0), given: logAll, gives: [] },
  {
    command: Command.bytes(Redis.slowlogGet(1)).pipe(Command.map((commands) => commands[0]!.command)),
    given: [...logAll, Redis.get(binary)],
    gives: [new TextEncoder().encode("GET"), binary]
  },
  { command: Redis.slowlogLen, given: [...logAll, Redis.get("a")], gives: (length: number) => length >= 1 },

  { command: Redis.commandlogReset("slow"), gives: "OK" },
  {
    command: Redis.commandlogGet(-1, "slow"),
    given: [...commandLog("execution-slower-than"), Redis.set("a", "b c")],
    gives: (commands: ReadonlyArray<Redis.SlowCommand>) =>
      commands.some(
        (logged) => isLogged(logged) && logged.command[2] === "b c" && Duration.toMillis(logged.duration) < 1000
      )
  },
  {
    command: Redis.commandlogGet(10, "large-request"),
    given: [...commandLog("request-larger-than"), Redis.set("a", "x".repeat(500))],
    gives: (commands: ReadonlyArray<Redis.LargeCommand>) =>
      commands.some((logged) => isLogged(logged) && logged.command[0] === "SET" && logged.size > 500)
  },
  {
    command: Command.bytes(Redis.commandlogGet(1, "large-reply")).pipe(
      Command.map((commands) => [commands[0]!.command, commands[0]!.size > 5])
    ),
    given: [...commandLog("reply-larger-than"), Redis.set(binary, "hello"), Redis.get(binary)],
    gives: [[new TextEncoder().encode("GET"), binary], true]
  },
  {
    command: Redis.commandlogLen("large-reply"),
    given: [...commandLog("reply-larger-than"), Redis.ping()],
    gives: (length: number) => length >= 1
  },

  { command: Redis.latencyReset(), gives: (count: number) => count >= 0 },
  { command: Redis.latencyReset(["command", "nosuch"]), given: watchLatency, gives: 1 },
  { command: Redis.latencyReset("nosuch"), gives: 0 },
  { command: Redis.latencyDoctor, gives: isText },
  { command: Redis.latencyGraph("command"), given: watchLatency, gives: isText },
  { command: Redis.latencyHistory("nosuch"), gives: [] },
  {
    command: Redis.latencyHistory("command"),
    given: watchLatency,
    gives: ([spike]: ReadonlyArray<Redis.LatencySpike>) =>
      spike !== undefined && recent(spike.at) && Duration.toMillis(spike.latency) >= 1
  },
  {
    command: Redis.latencyLatest,
    given: [Redis.configSet({ "latency-monitor-threshold": 0 }), Redis.latencyReset()],
    gives: []
  },
  {
    command: Redis.latencyLatest,
    given: watchLatency,
    gives: (events: ReadonlyArray<Redis.LatencyEvent>) => {
      const event = events.find(({ event }) => event === "command")
      return (
        event !== undefined &&
        recent(event.at) &&
        Duration.toMillis(event.latency) >= 1 &&
        Duration.greaterThanOrEqualTo(event.longest, event.latency) &&
        Option.isSome(event.sum) === Option.isSome(event.count)
      )
    }
  },
  {
    command: Redis.latencyLatest.pipe(
      Command.map((events) => events.every(({ count, sum }) => Option.isSome(count) && Option.isSome(sum)))
    ),
    given: watchLatency,
    gives: true,
    since: { redis: "never", valkey: "8.1.0" }
  },
  { command: Redis.latencyHistogram("nosuch"), gives: {} },
  {
    command: Redis.latencyHistogram(["get", "set", "config|get"]),
    given: [Redis.configResetstat, Redis.get("a"), Redis.get("a")],
    gives: (histograms: Record<string, Redis.LatencyHistogram>) =>
      Object.keys(histograms).join() === "get" && histograms.get?.calls === 2 && histograms.get.micros.at(-1)?.[1] === 2
  },
  {
    command: Redis.latencyHistogram(),
    given: [Redis.get("a")],
    gives: (histograms: Record<string, Redis.LatencyHistogram>) => "get" in histograms
  }
]

export const memory: ReadonlyArray<Case> = [
  { command: Redis.memoryDoctor, gives: isText },
  { command: Redis.memoryMallocStats, gives: isText },
  { command: Redis.memoryPurge, gives: "OK" },
  { command: Redis.memoryUsage("nosuch"), gives: Option.none() },
  {
    command: Redis.memoryUsage("a"),
    given: [Redis.set("a", "x".repeat(1000))],
    gives: (size: Option.Option<number>) => Option.exists(size, (size) => size > 1000)
  },
  {
    command: Redis.memoryUsage(binary, { samples: 0 }),
    given: [Redis.rpush(binary, ["a", "b"])],
    gives: (size: Option.Option<number>) => Option.exists(size, (size) => size > 2)
  },
  {
    command: Redis.memoryStats,
    given: [Redis.set("a", 1)],
    gives: (stats: Redis.MemoryStats) =>
      stats.keys === 1 &&
      stats.totalAllocated > 0 &&
      stats.peakAllocated >= stats.totalAllocated &&
      stats.overhead > stats.startupAllocated &&
      stats.dataset > 0 &&
      stats.fields["peak.percentage"]! > 0 &&
      Number(stats.databases[0]?.["overhead.hashtable.main"]) > 0
  }
]

export const introspection: ReadonlyArray<Case> = [
  {
    command: Redis.command,
    gives: (commands: ReadonlyArray<Redis.CommandDetails>) =>
      commands.length > 200 && commands.every(({ arity, name }) => name !== "" && arity !== 0)
  },
  { command: Redis.commandCount, gives: (count: number) => count > 200 },
  {
    command: Redis.commandInfo(["get", "nosuch"]).pipe(
      Command.map(([get, nosuch]) => [
        Option.map(get!, ({ arity, firstKey, keyStep, lastKey, name, tips }) => [
          name,
          arity,
          firstKey,
          lastKey,
          keyStep,
          tips
        ]),
        Option.exists(get!, ({ categories, flags }) => flags.has("readonly") && categories.has("@string")),
        nosuch
      ])
    ),
    gives: [Option.some(["get", 2, 1, 1, 1, []]), true, Option.none()]
  },
  {
    command: Redis.commandInfo("get").pipe(
      Command.map(([get]) => Option.map(get!, ({ keySpecifications }) => keySpecifications))
    ),
    gives: Option.some([
      {
        flags: new Set(["RO", "access"]),
        beginSearch: { type: "index", parameters: { index: 1 } },
        findKeys: { type: "range", parameters: { lastkey: 0, keystep: 1, limit: 0 } },
        notes: Option.none()
      }
    ]),
    since: { redis: "7.0.0", valkey: "7.2.0" }
  },
  {
    command: Redis.commandInfo(["config", "config|get"]),
    gives: ([config, get]: ReadonlyArray<Option.Option<Redis.CommandDetails>>) =>
      Option.exists(config!, ({ subcommands }) => subcommands.some(({ name }) => name === "config|get")) &&
      Option.exists(get!, ({ name }) => name === "config|get"),
    since: { redis: "7.0.0", valkey: "7.2.0" }
  },
  { command: Redis.commandDocs("nosuch"), gives: {} },
  {
    command: Redis.commandDocs(["set", "config", "slaveof"]),
    gives: (docs: Record<string, Redis.CommandDocs>) => {
      const { config, set, slaveof } = docs
      const condition = set?.arguments.find(({ name }) => name === "condition")
      return (
        Object.keys(docs).length === 3 &&
        Option.contains(set!.since, "1.0.0") &&
        Option.contains(set!.group, "string") &&
        Option.isSome(set!.summary) &&
        Option.contains(set!.complexity, "O(1)") &&
        set!.history.some(([version]) => version === "6.0.0") &&
        set!.arguments[0]?.name === "key" &&
        Option.contains(set!.arguments[0].keySpecification, 0) &&
        condition?.type === "oneof" &&
        condition.flags.has("optional") &&
        condition.arguments.some(({ token }) => Option.contains(token, "NX")) &&
        Option.isSome(config!.subcommands["config|get"]!.summary) &&
        slaveof!.flags.has("deprecated") &&
        Option.contains(slaveof!.deprecatedSince, "5.0.0") &&
        Option.isSome(slaveof!.replacedBy)
      )
    }
  },
  { command: Redis.commandDocs().pipe(Command.map((docs) => Object.keys(docs).length > 200)), gives: true },
  {
    command: Redis.commandList(),
    gives: (names: ReadonlyArray<string>) => names.includes("get") && names.length > 200
  },
  { command: Redis.commandList({ module: "nosuch" }), gives: [] },
  { command: Redis.commandList({ pattern: "hgeta*" }), gives: ["hgetall"] },
  {
    command: Redis.commandList({ category: "hash" }),
    gives: (names: ReadonlyArray<string>) => names.includes("hset") && !names.includes("set")
  },
  { command: Redis.commandGetkeys(["MSET", "a", 1, "b", 2n]), gives: ["a", "b"] },
  { command: Command.bytes(Redis.commandGetkeys(["GET", binary])), gives: [binary] },
  {
    command: Redis.commandGetkeysandflags(["LMOVE", "a", "b", "LEFT", "LEFT"]),
    gives: [
      { key: "a", flags: new Set(["RW", "access", "delete"]) },
      { key: "b", flags: new Set(["RW", "insert"]) }
    ]
  },
  {
    command: Command.bytes(Redis.commandGetkeysandflags(["GET", binary])),
    gives: [{ key: binary, flags: new Set(["RO", "access"]) }]
  }
]

export const modules: ReadonlyArray<Case> = [
  {
    command: Redis.moduleList,
    gives: (modules: ReadonlyArray<Redis.ModuleDetails>) =>
      modules.every(
        ({ arguments: args, name, path, version }) =>
          name !== "" && version > 0 && path !== undefined && args.length >= 0
      )
  },
  // They take a file to load.
  { command: Redis.moduleLoad("/nosuch.so", { arguments: ["a", 1] }), gives: "OK", since: never },
  {
    command: Redis.moduleLoadex("/nosuch.so", { configuration: { "a.b": 1 }, arguments: "c" }),
    gives: "OK",
    since: never
  },
  { command: Redis.moduleUnload("nosuch"), gives: "OK", since: never }
]
