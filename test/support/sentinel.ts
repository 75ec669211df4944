/** A client of a running group under sentinels, and what tests ask of its servers and sentinels directly. */
import { Redis, type RedisError } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Effect, Option } from "effect"
import * as RestartableServer from "./RestartableServer.js"
import * as ScriptedPeer from "./ScriptedPeer.js"
import { type Group, SentinelServers } from "./SentinelServers.js"

export type Options = Partial<NodeRedisSentinel.Options>

/** As options name it and as errors do. */
export const addressOf = ({ host = "127.0.0.1", port }: { readonly host?: string; readonly port: number }): string =>
  `${host}:${port}`

/** A client of the group. */
export const clientOf = (group: Group, options: Options = {}) =>
  NodeRedisSentinel.make({ name: group.name, sentinels: group.sentinels.map(addressOf), ...options })

/** A client of the group that runs as a service. */
export const anotherClient = (options: Options = {}) =>
  Effect.flatMap(SentinelServers, (group) => clientOf(group, options))

/** How many connections of a client's name a server or sentinel has. */
export const connectionsAt = (
  server: RestartableServer.RestartableServer,
  name: string
): Effect.Effect<number, RedisError.RedisError> =>
  Effect.map(
    server.client.execute(Redis.clientList()),
    (all) => all.filter((one) => Option.contains(one.name, name)).length
  )

/** How often the server ran a command since its start, or since its counts were reset. */
export const callsAt = (server: RestartableServer.RestartableServer, command: string): Effect.Effect<number, Error> =>
  Effect.map(server.text("INFO", "commandstats"), (text) =>
    Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, "m").exec(text)?.[1] ?? 0)
  )

/** How many connections of a client's name follow what a sentinel tells of failovers. */
export const followersAt = (
  sentinel: RestartableServer.RestartableServer,
  name: string
): Effect.Effect<number, RedisError.RedisError> =>
  Effect.map(
    sentinel.client.execute(Redis.clientList({ type: "pubsub" })),
    (all) => all.filter((one) => Option.contains(one.name, name) && one.channels === 1).length
  )

const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

/** A sentinel alone that says what the test wants: where the primary is. Without `listeners` nobody can subscribe. */
export const scriptedSentinel = (
  primary: () => { readonly port: number; readonly epoch?: number | undefined } | undefined,
  listeners?: Set<ScriptedPeer.Connection>
) =>
  ScriptedPeer.make((words, connection) => {
    if (ScriptedPeer.greet(words, connection)) return
    const [command, what] = words.map((word) => word.toUpperCase())
    if (command === "SUBSCRIBE" && listeners !== undefined) {
      listeners.add(connection)
      return connection.write(`>3\r\n${bulk("subscribe")}${bulk(words[1]!)}:1\r\n`)
    }
    if (command !== "SENTINEL") return connection.write("-ERR unknown command\r\n")
    const told = primary()
    if (what === "MASTER" && told?.epoch !== undefined) {
      connection.write(`*2\r\n${bulk("config-epoch")}${bulk(String(told.epoch))}`)
    } else if (what === "GET-MASTER-ADDR-BY-NAME") {
      connection.write(told === undefined ? "*-1\r\n" : `*2\r\n${bulk("127.0.0.1")}${bulk(String(told.port))}`)
    } else connection.write("*0\r\n")
  })

/** What a listener gets when a sentinel has failed over. */
export const switchMaster = (name: string, from: { readonly port: number }, to: { readonly port: number }): string =>
  `>3\r\n${bulk("message")}${bulk("+switch-master")}${bulk(`${name} 127.0.0.1 ${from.port} 127.0.0.1 ${to.port}`)}`

/** Two servers that know nothing of each other, and a client of the one of which a sentinel tells. */
export const toldOfOne = (refreshInterval: NodeRedisSentinel.Options["refreshInterval"]) =>
  Effect.gen(function* () {
    const one = yield* RestartableServer.make({ config: ['save ""'] })
    const other = yield* RestartableServer.make({ config: ['save ""'] })
    let told = one
    const sentinel = yield* scriptedSentinel(() => told)
    const redis = yield* NodeRedisSentinel.make({ name: "any", sentinels: [addressOf(sentinel)], refreshInterval })
    const tell = (server: RestartableServer.RestartableServer) => {
      told = server
    }
    return { one, other, redis, tell }
  })
