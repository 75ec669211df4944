/** One server behind a proxy, with its data on disk, so that it comes back as it was. */
import { readFileSync } from "node:fs"
import { Redis } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Option, Redacted, Schedule, type Scope } from "effect"
import { makeCertificates } from "../support/certificates.js"
import * as FaultProxy from "../support/FaultProxy.js"
import * as RestartableServer from "../support/RestartableServer.js"
import { during, networkFaults } from "./networkFaults.js"
import { aloneFaults, stateFaults, user } from "./serverFaults.js"
import type { Fault, Habitat } from "./World.js"
import { usual } from "./works.js"

const clientName = "chaos"
const passwordOf = (n: number): string => `chaos${n}`

const making = (tls: RestartableServer.Tls | undefined) =>
  Effect.gen(function* () {
    const server = yield* RestartableServer.make({
      config: [
        'save ""',
        "appendonly yes",
        "appendfsync no",
        "enable-debug-command yes",
        "loading-process-events-interval-bytes 1024",
        `user ${user} on >${passwordOf(0)} ~* &* +@all`
      ],
      tls
    })
    let current = 0
    // Two passwords hold for a while. The server is to know them when it starts again, too.
    const newPassword: Fault = () => {
      const acl = (rule: string) =>
        Effect.ignore(Effect.zipRight(server.text("ACL", "SETUSER", user, rule), server.text("CONFIG", "REWRITE")))
      return during(
        Effect.suspend(() => acl(`>${passwordOf(++current)}`)),
        Effect.suspend(() => acl(`<${passwordOf(current - 1)}`))
      )
    }
    const proxy = yield* FaultProxy.make(server)
    const network = networkFaults([proxy])
    const states = { ...stateFaults(server), ...aloneFaults(server), newPassword }
    return {
      repertoire: {
        works: { ...usual, function: 1, monitor: 1 },
        serverFaults: Object.keys(states),
        networkFaults: Object.keys(network)
      },
      faults: { ...states, ...network },
      lossy: new Set(),
      tags: ["a", "b"],
      channels: ["news", "weather", "{a}orders", "{b}orders"],
      connect: (options) =>
        NodeRedis.make({
          ...options,
          host: "127.0.0.1",
          port: proxy.port,
          tls: tls && { ca: readFileSync(tls.ca) },
          clientName,
          credentials: Effect.sync(() => ({ username: user, password: Redacted.make(passwordOf(current)) })),
          credentialsInterval: 40,
          reconnect: Schedule.jittered(Schedule.spaced(30))
        }),
      direct: server.client,
      publish: (channel, message) =>
        server.client.execute(
          channel.startsWith("{") ? Redis.spublish(channel, message) : Redis.publish(channel, message)
        ),
      recovered: RestartableServer.eventually(
        "well",
        Effect.as(server.client.execute(Redis.set("well", 1)), undefined)
      ),
      empty: Effect.asVoid(Effect.orDie(server.client.execute(Redis.flushall()))),
      connections: Effect.map(
        server.client.execute(Redis.clientList()),
        (all) => all.filter(({ name }) => Option.contains(name, clientName)).length
      ),
      healing: 3_000,
      missesAreSeen: () => true
    } satisfies Habitat
  })

export const make: Effect.Effect<Habitat, never, Scope.Scope> = making(undefined)

export const makeTls: Effect.Effect<Habitat, never, Scope.Scope> = Effect.flatMap(makeCertificates, ({ ca, server }) =>
  making({ ...server, ca })
)
