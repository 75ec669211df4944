import { Command, Redis } from "@effect-resp/core"
import { Duration, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
/** No connection has it. */
const nobody = 4_000_000_000
const named = Redis.clientSetname("me")
const nine = { redis: "never", valkey: "9.0.0" }
const names = Command.map((clients: ReadonlyArray<Redis.ClientInfo>) =>
  clients.flatMap(({ name }) => Option.toArray(name))
)

export const connection: ReadonlyArray<Case> = [
  { command: Redis.echo("hällo"), gives: "hällo" },
  { command: Command.bytes(Redis.echo(binary)), gives: binary },
  { command: Redis.ping(), gives: "PONG" },
  { command: Redis.ping("hällo"), gives: "hällo" },
  { command: Redis.ping("PONG"), gives: "PONG" },
  { command: Redis.ping(""), gives: "" },
  { command: Command.bytes(Redis.ping(binary)), gives: binary },

  // of a reserved connection
  { command: named, gives: "OK" },
  { command: Redis.clientSetname(""), given: [named], gives: "OK" },
  { command: Redis.clientSetinfo("lib-name", "importer"), gives: "OK" },
  { command: Redis.clientSetinfo("lib-ver", "1.2.3"), gives: "OK" },
  { command: Redis.clientNoEvict(true), gives: "OK" },
  { command: Redis.clientNoEvict(false), gives: "OK" },
  { command: Redis.clientNoTouch(true), gives: "OK" },
  { command: Redis.clientNoTouch(false), gives: "OK" },

  // asking
  { command: Redis.clientGetname, gives: Option.none() },
  { command: Redis.clientGetname, given: [named], gives: Option.some("me") },
  { command: Redis.clientId, gives: (id: number) => id > 0 },
  { command: Redis.clientGetredir, gives: { _tag: "NotTracking" } },
  {
    command: Redis.clientTrackinginfo,
    gives: { flags: new Set(["off"]), redirection: { _tag: "NotTracking" }, prefixes: [] }
  },
  {
    command: Redis.clientInfo,
    given: [named],
    gives: (info: Redis.ClientInfo) =>
      info.id > 0 &&
      /^127\.0\.0\.1:\d+$/.test(info.address) &&
      Option.isSome(info.localAddress) &&
      Option.getOrNull(info.name) === "me" &&
      Option.getOrNull(info.user) === "default" &&
      Duration.toMillis(info.age) < 60_000 &&
      Duration.toMillis(info.idle) < 60_000 &&
      info.flags.size === 0 &&
      info.database === 0 &&
      info.channels + info.patterns + info.shardChannels === 0 &&
      Option.isNone(info.queued) &&
      Option.getOrNull(info.command)?.startsWith("client") === true &&
      Option.isSome(info.memory) &&
      info.fields.name === "me"
  },
  {
    command: Redis.clientInfo.pipe(
      Command.map(({ libraryName, libraryVersion, protocol }) => [
        Option.getOrNull(libraryName),
        Option.getOrNull(libraryVersion),
        Option.isSome(protocol)
      ])
    ),
    given: [Redis.clientSetinfo("lib-name", "importer"), Redis.clientSetinfo("lib-ver", "1.2.3")],
    gives: ["importer", "1.2.3", true]
  },

  // clients
  { command: names(Redis.clientList()), given: [named], gives: ["me"] },
  {
    command: Redis.clientList({ type: "normal" }),
    gives: (clients: ReadonlyArray<Redis.ClientInfo>) => clients.length >= 1
  },
  { command: Redis.clientList({ type: "pubsub" }), gives: [] },
  { command: Redis.clientList({ type: "primary" }), gives: [] },
  { command: Redis.clientList({ type: "replica" }), gives: [] },
  { command: Redis.clientList({ id: nobody }), gives: [] },
  { command: Redis.clientList({ id: [nobody, nobody + 1] }), gives: [] },
  {
    command: Redis.clientList({ user: "default", maxAge: "1 hour" }),
    gives: [],
    since: { redis: "never", valkey: "8.1.0" }
  },
  {
    command: Redis.clientList({ address: "127.0.0.1:1", localAddress: "127.0.0.1:1", skipMe: true }),
    gives: [],
    since: { redis: "never", valkey: "8.1.0" }
  },
  {
    command: names(Redis.clientList({ name: "me", not: { name: "you", id: [nobody], database: 1 } })),
    given: [named],
    gives: ["me"],
    since: nine
  },
  { command: names(Redis.clientList({ not: { name: "me" } })), given: [named], gives: [], since: nine },
  {
    command: Redis.clientList({
      idle: "1 hour",
      flags: "N",
      libraryName: "x",
      libraryVersion: "1",
      capabilities: "r",
      ip: "127.0.0.1"
    }),
    gives: [],
    since: nine
  },
  { command: Redis.clientKill({ id: nobody }), gives: 0 },
  { command: Redis.clientKill({ type: "pubsub", skipMe: true }), gives: 0 },
  { command: Redis.clientKill({ type: "primary" }), gives: 0 },
  { command: Redis.clientKill({ address: "127.0.0.1:1" }), gives: 0 },
  { command: Redis.clientKill({ localAddress: "127.0.0.1:1", user: "default", skipMe: false }), gives: 0 },
  { command: Redis.clientKill({ maxAge: "1 hour" }), gives: 0, since: { redis: "7.4.0", valkey: "8.0.0" } },
  { command: Redis.clientKill({ id: [nobody, nobody + 1] }), gives: 0, since: { redis: "never", valkey: "8.1.0" } },
  {
    command: Redis.clientKill({ name: "nobody", idle: "1 hour", not: { type: "normal", ip: "127.0.0.1" } }),
    gives: 0,
    since: nine
  },
  { command: Redis.clientPause("1 millis"), gives: "OK" },
  { command: Redis.clientPause("1 millis", { mode: "all" }), gives: "OK" },
  { command: Redis.clientPause("1 millis", { mode: "write" }), gives: "OK" },
  { command: Redis.clientUnpause, given: [Redis.clientPause("1 second", { mode: "write" })], gives: "OK" },
  { command: Redis.clientUnblock(nobody), gives: false },
  { command: Redis.clientUnblock(nobody, { as: "error" }), gives: false },
  { command: Redis.clientUnblock(nobody, { as: "timeout" }), gives: false }
]
