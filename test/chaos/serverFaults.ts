/** What befalls one server, for a scope. */
import { type Command, Redis, Reply } from "@effect-resp/core"
import { Effect } from "effect"
import type { RestartableServer } from "../support/RestartableServer.js"
import { during, repeatedly } from "./networkFaults.js"
import type { Fault } from "./World.js"

type Words = readonly [string, ...Array<Command.Argument>]

/** The name of the user that clients are, of whom the server's configuration tells. */
export const user = "chaos"

/** What the server refuses, as when it is busy, stays as it was. */
const telling =
  (server: RestartableServer) =>
  (...orders: ReadonlyArray<Words>): Effect.Effect<void> =>
    Effect.forEach(orders, (words) => Effect.ignore(server.text(...words)), { discard: true })

/** What a server that runs can be told, and what ends it. */
export const stateFaults = (server: RestartableServer): Readonly<Record<string, Fault>> => {
  const tell = telling(server)
  const within =
    (begin: ReadonlyArray<Words>, end: ReadonlyArray<Words>): Fault =>
    () =>
      during(tell(...begin), tell(...end))
  const config = (name: string, value: string | number): Words => ["CONFIG", "SET", name, value]
  return {
    outOfMemory: within([config("maxmemory", 1)], [config("maxmemory", 0)]),
    paused: (dice) =>
      during(tell(["CLIENT", "PAUSE", 10_000, dice.pick(["WRITE", "ALL"])]), tell(["CLIENT", "UNPAUSE"])),
    flushedScripts: (dice) => repeatedly(dice, [5, 100], tell(["SCRIPT", "FLUSH"], ["FUNCTION", "FLUSH"])),
    killedClients: (dice) =>
      repeatedly(
        dice,
        [20, 300],
        Effect.suspend(() => tell(["CLIENT", "KILL", "TYPE", dice.pick(["normal", "pubsub"])]))
      ),
    unblocked: (dice) =>
      repeatedly(
        dice,
        [5, 50],
        Effect.ignore(
          Effect.flatMap(server.client.execute(Redis.clientList()), (clients) =>
            Effect.forEach(
              clients.filter(({ flags }) => flags.has("b")),
              ({ id }) => tell(["CLIENT", "UNBLOCK", id, dice.pick(["ERROR", "TIMEOUT"])])
            )
          )
        )
      ),
    smallBuffers: within(
      [config("client-output-buffer-limit", "normal 4096 0 0 pubsub 4096 0 0")],
      [config("client-output-buffer-limit", "normal 0 0 0 pubsub 33554432 8388608 60")]
    ),
    busy: () =>
      Effect.gen(function* () {
        yield* tell(config("busy-reply-threshold", 20))
        // Its own error is that of a script that was killed.
        const looping = Redis.eval("while true do end", { reply: Reply.text })
        yield* Effect.forkScoped(
          Effect.ignore(Effect.scoped(Effect.flatMap(server.client.reserve([]), (lease) => lease.execute(looping))))
        )
        yield* Effect.addFinalizer(() => tell(["SCRIPT", "KILL"]))
      }),
    frozen: () => during(server.freeze, server.thaw)
  }
}

/** What a server alone can also be told. */
export const aloneFaults = (server: RestartableServer): Readonly<Record<string, Fault>> => {
  const tell = telling(server)
  const acl = (...rules: ReadonlyArray<string>): Words => ["ACL", "SETUSER", user, ...rules]
  return {
    killed: () => during(server.kill, server.restart()),
    // A replica of nobody who could be reached.
    readOnly: (dice) =>
      during(
        tell(["CONFIG", "SET", "replica-serve-stale-data", dice.pick(["yes", "no"])], ["REPLICAOF", "127.0.0.1", 1]),
        tell(["REPLICAOF", "NO", "ONE"])
      ),
    loading: (dice) =>
      Effect.zipRight(
        during(tell(["CONFIG", "SET", "key-load-delay", 3_000]), tell(["CONFIG", "SET", "key-load-delay", 0])),
        repeatedly(dice, [50, 200], tell(["DEBUG", "RELOAD"]))
      ),
    forbidden: (dice) =>
      during(tell(acl(dice.pick(["-@write", "-get", "-@transaction", "-@blocking"]))), tell(acl("+@all"))),
    noChannels: () => during(tell(acl("resetchannels")), tell(acl("allchannels"))),
    lockedOut: () => during(tell(acl("off"), ["CLIENT", "KILL", "USER", user]), tell(acl("on"))),
    tooMany: () =>
      during(
        tell(["CONFIG", "SET", "maxclients", 1], ["CLIENT", "KILL", "TYPE", "normal"]),
        tell(["CONFIG", "SET", "maxclients", 10_000])
      )
  }
}
