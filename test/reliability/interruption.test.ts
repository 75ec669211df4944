import { expect, it } from "@effect/vitest"
import { Redis } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Fiber } from "effect"
import { eventually } from "../support/RestartableServer.js"
import * as ScriptedCluster from "../support/ScriptedCluster.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"

/** A peer that answers ECHO when it is told to. */
const holding = Effect.gen(function* () {
  const held: Array<() => void> = []
  const peer = yield* ScriptedPeer.make((words, connection) => {
    if (ScriptedPeer.greet(words, connection)) return
    held.push(() => connection.write(ScriptedCluster.bulk(words[1]!)))
  })
  const answer = Effect.sync(() => {
    for (const reply of held.splice(0)) reply()
  })
  /** Completes when the peer has so many commands, and no more come. */
  const holds = (count: number) =>
    Effect.zipRight(
      eventually(
        "held",
        Effect.sync(() => (held.length >= count ? undefined : `${held.length}`)),
        2_000
      ),
      Effect.map(Effect.sleep("10 millis"), () => expect(held.length).toBe(count))
    )
  return { peer, answer, holds }
})

const tokens = (round: number, count: number) => Array.from({ length: count }, (_, i) => `${round}:${i}`)

it.scopedLive(
  "scenario 50: what was interrupted or timed out leaves at once, and its place in flight with its reply, once",
  () =>
    Effect.gen(function* () {
      const { answer, holds, peer } = yield* holding
      const client = yield* NodeRedis.make({ port: peer.port, maxInFlight: 4, commandTimeout: "100 millis" })
      const patient = client.calling({ timeout: 5_000 })
      for (let round = 0; round < 3; round++) {
        const echo = (token: string) => Effect.fork(Effect.either(client.execute(Redis.echo(token))))
        const [first, second, ...others] = yield* Effect.forEach(tokens(round, 4), echo)
        yield* holds(4)
        const { millis } = yield* timed(Fiber.interruptAll([first!, second!]))
        expect(millis).toBeLessThan(50)
        for (const one of yield* Effect.forEach(others, Fiber.join)) {
          expect(one).toMatchObject({ left: { _tag: "TimeoutError", phase: "Reply", outcome: "Unknown" } })
        }
        // Their places are taken as long as their replies are due.
        const fifth = yield* Fiber.join(yield* echo("fifth"))
        expect(fifth).toMatchObject({ left: { _tag: "TimeoutError", outcome: "NotSent" } })
        const next = tokens(round, 9)
        const fibers = yield* Effect.forEach(next, (token) => Effect.fork(patient.execute(Redis.echo(token))))
        yield* holds(4)
        yield* answer
        yield* holds(4)
        yield* answer
        yield* holds(4)
        yield* answer
        yield* holds(1)
        yield* answer
        expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual(next)
      }
      expect(peer.connections).toHaveLength(1)
    })
)

it.scopedLive("scenario 50: what was interrupted while it waited takes no room from those who come", () =>
  Effect.gen(function* () {
    const { answer, holds, peer } = yield* holding
    const text = "x".repeat(1_000)
    for (const bound of [{ maxWaiting: 2 }, { maxWaitingBytes: 2_500 }]) {
      const client = yield* NodeRedis.make({ port: peer.port, maxInFlight: 1, ...bound })
      const echo = (name: string) => Effect.fork(Effect.either(client.execute(Redis.echo(`${name}${text}`))))
      const first = yield* echo("first")
      yield* holds(1)
      for (let round = 0; round < 3; round++) {
        const waiting = yield* Effect.forEach(tokens(round, 2), echo)
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* Fiber.interruptAll(waiting)
      }
      const next = yield* Effect.forEach(["second", "third"], echo)
      const fourth = yield* Fiber.join(yield* echo("fourth"))
      expect(fourth).toMatchObject({ left: { _tag: "ConnectionError", reason: "Overloaded", outcome: "NotSent" } })
      for (const fiber of [first, ...next]) {
        yield* holds(1)
        yield* answer
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "Right" })
      }
      yield* holds(0)
    }
  })
)
