/** A primary with two replicas under three sentinels, every server and sentinel behind a proxy of its own. */
import { Redis } from "@effect-resp/core"
import { NodeRedisSentinel } from "@effect-resp/node"
import { Effect, Option, Schedule, type Scope } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import type { RestartableServer } from "../support/RestartableServer.js"
import * as SentinelServers from "../support/SentinelServers.js"
import { during, networkFaults } from "./networkFaults.js"
import type { Dice } from "./plan.js"
import { stateFaults } from "./serverFaults.js"
import type { Fault, Habitat } from "./World.js"
import { usual } from "./works.js"

const clientName = "chaos"

const groupFaults = (group: SentinelServers.Group): Readonly<Record<string, Fault>> => {
  const onPrimary =
    (fault: (server: RestartableServer, dice: Dice) => ReturnType<Fault>): Fault =>
    (dice) =>
      Effect.flatMap(group.primary, (server) => fault(server, dice))
  return {
    failover: () => group.failover,
    killedPrimary: onPrimary((server) => during(server.kill, server.restart())),
    frozenPrimary: onPrimary((server) => during(server.freeze, server.thaw)),
    killedReplica: (dice) =>
      Effect.flatMap(group.replicas, (replicas) => {
        const server = dice.pick(replicas)
        return during(server.kill, server.restart())
      }),
    stoppedSentinel: (dice) => {
      const i = dice.below(group.sentinels.length)
      return during(group.stopSentinel(i), group.startSentinel(i))
    },
    ...Object.fromEntries(
      ["outOfMemory", "flushedScripts", "killedClients", "unblocked", "smallBuffers"].map((name) => [
        name,
        onPrimary((server, dice) => stateFaults(server)[name]!(dice))
      ])
    )
  }
}

export const make: Effect.Effect<Habitat, never, Scope.Scope> = Effect.gen(function* () {
  const group = yield* SentinelServers.make()
  const servers = [...group.servers, ...group.sentinels]
  const proxies = yield* Effect.forEach(servers, (server) => FaultProxy.make(server))
  const proxyOf = new Map(servers.map(({ port }, i) => [port, proxies[i]!]))
  const network = networkFaults(proxies)
  const states = groupFaults(group)
  const direct = yield* Effect.orDie(
    NodeRedisSentinel.make({ name: group.name, sentinels: group.sentinels, commandTimeout: "10 seconds" })
  )
  const connectionsAt = ({ client }: RestartableServer) =>
    Effect.map(
      client.execute(Redis.clientList()),
      (all) => all.filter(({ name }) => Option.contains(name, clientName)).length
    )
  return {
    repertoire: {
      works: usual,
      serverFaults: Object.keys(states),
      networkFaults: Object.keys(network)
    },
    faults: { ...states, ...network },
    // What the old primary took just before, and did not pass on, is lost by a failover that was ordered, too.
    lossy: new Set(["failover", "killedPrimary", "frozenPrimary"]),
    tags: ["a", "b"],
    channels: ["news", "weather", "{a}orders", "{b}orders"],
    connect: ({ whileDisconnected: _, ...rest }) =>
      NodeRedisSentinel.make({
        ...rest,
        clientName,
        reconnect: Schedule.jittered(Schedule.spaced(30)),
        name: group.name,
        sentinels: group.sentinels.map(({ port }) => ({ host: "127.0.0.1", port: proxyOf.get(port)!.port })),
        refreshInterval: "2 seconds",
        mapAddress: ({ host, port }) => ({ host, port: proxyOf.get(port)?.port ?? port })
      }),
    direct,
    publish: (channel, message) =>
      direct.execute(channel.startsWith("{") ? Redis.spublish(channel, message) : Redis.publish(channel, message)),
    recovered: group.agreed,
    empty: Effect.asVoid(Effect.orDie(direct.execute(Redis.flushall()))),
    connections: Effect.map(Effect.forEach(group.servers, connectionsAt), (counts) =>
      counts.reduce((a, b) => a + b, 0)
    ),
    healing: 5_000,
    // The publisher may learn of a failover later than who subscribes.
    missesAreSeen: () => false
  } satisfies Habitat
})
