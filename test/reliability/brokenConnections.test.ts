import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Either, Exit, Schedule, Scope } from "effect"
import { describe } from "vitest"
import { makeCertificates } from "../support/certificates.js"
import * as FaultProxy from "../support/FaultProxy.js"
import { isBuiltWithTls } from "../support/tls.js"

const reconnect = Schedule.spaced("1 millis")

describe("a connection that ends in the middle of a reply", () => {
  const commands: ReadonlyArray<Command.Command<unknown>> = [
    Redis.echo("alpha"),
    Redis.mget(["none", "none"]),
    Redis.echo("omega")
  ]
  const replies = ["$5\r\nalpha\r\n", "*2\r\n_\r\n_\r\n", "$5\r\nomega\r\n"]

  it.scopedLive.each(["end", "reset"] as const)(
    "scenario 23: by a FIN or RST (%s) after any byte fails that command and those behind it, and all is well again",
    (ending) =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.make()
        const proxy = yield* FaultProxy.make({ port })
        const client = yield* NodeRedis.make({ port: proxy.port, reconnect })
        for (let cut = 0; cut < replies.join("").length; cut++) {
          proxy.toClient.cutAfter(cut, ending)
          const outcomes = yield* Effect.forEach(commands, (command) => Effect.either(client.execute(command)), {
            concurrency: "unbounded"
          })
          const told = outcomes.map((outcome) =>
            Either.isRight(outcome) ? "reply" : `${outcome.left._tag} ${outcome.left.outcome}`
          )
          const whole = replies.filter((_, i) => replies.slice(0, i + 1).join("").length <= cut).length
          const came = told.filter((each) => each === "reply").length
          expect(told).toEqual(told.map((_, i) => (i < came ? "reply" : "ConnectionError Unknown")))
          // What came right before a reset may be lost with it.
          if (ending === "end") expect(came).toBe(whole)
          else expect(came).toBeLessThanOrEqual(whole)
          expect(yield* client.execute(Redis.echo(`after ${cut}`))).toBe(`after ${cut}`)
        }
      })
  )
})

/** Ends all connections to a server while this process can do nothing else, so that it cannot know of it. */
const killUnnoticed = (socketPath: string) => {
  const script = `const socket = require("net").connect(process.argv[1])
    socket.end("CLIENT KILL TYPE normal SKIPME yes\\r\\n").resume()`
  expect(spawnSync(process.execPath, ["-e", script, socketPath]).status).toBe(0)
}

const kinds = ["TCP", "Unix", ...(isBuiltWithTls ? ["TLS"] : [])]

it.scopedLive.each(kinds)("scenario 24: writing to a %s socket that the peer has closed is a lost connection", (kind) =>
  Effect.gen(function* () {
    const certificates = yield* makeCertificates
    const ca = readFileSync(certificates.ca, "utf8")
    const server = yield* NodeRedisServer.make(
      kind === "TLS" ? { tls: { ...certificates.server, ca: certificates.ca } } : {}
    )
    const client = yield* NodeRedis.make({
      reconnect,
      ...(kind === "TLS"
        ? { port: server.tls!.port, tls: { ca } }
        : kind === "Unix"
          ? { path: server.unixSocket }
          : { port: server.port })
    })
    for (let round = 0; round < 3; round++) {
      killUnnoticed(server.unixSocket)
      // More than one write: the first may still be taken, the next ones fail at once.
      const slots = yield* client.pipeline(Array.from({ length: 4 }, () => Redis.echo("x".repeat(70_000))))
      expect(slots.map((slot) => Either.getOrThrow(Either.flip(slot)))).toMatchObject(
        slots.map((_, position) => ({ _tag: "ConnectionError", reason: "Lost", outcome: "Unknown", position }))
      )
      expect(yield* client.execute(Redis.echo("again"))).toBe("again")
    }
  })
)

/** The sockets that are open in this process. */
const openSockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length

it.scopedLive("scenario 36: a client that is closed right when its server hangs up leaves no socket open", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const witness = yield* NodeRedis.make({ port })
    const before = openSockets()
    for (let round = 0; round < 10; round++) {
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(NodeRedis.make({ port }), scope)
      const id = yield* client.execute(Redis.clientId)
      const killed = yield* Effect.fork(witness.execute(Command.make(["CLIENT", "KILL", "ID", id])))
      // Until the end of the one and the answer to the other are both there, to be read in one turn.
      yield* Effect.promise(
        () =>
          new Promise<void>((resolve) =>
            setImmediate(() => {
              const until = performance.now() + 5
              while (performance.now() < until) {
                // Nothing else can run.
              }
              resolve()
            })
          )
      )
      yield* killed
      yield* Scope.close(scope, Exit.void)
    }
    const closed = Effect.repeat(Effect.sync(openSockets), {
      until: (open) => open <= before,
      schedule: Schedule.spaced("5 millis")
    })
    expect(yield* Effect.either(Effect.timeout(closed, "1 second"))).toMatchObject({ _tag: "Right" })
  })
)
