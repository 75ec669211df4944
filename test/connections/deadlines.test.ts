import { expect, it } from "@effect/vitest"
import { Redis, Reply, Script } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Effect, Either } from "effect"
import { describe } from "vitest"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"

/** A client of a peer that answers each command so. */
const peerThat = (answer: (name: string, connection: ScriptedPeer.Connection) => string | undefined) =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (ScriptedPeer.greet(words, connection)) return
      const reply = answer(words[0]!, connection)
      if (reply !== undefined) connection.write(reply)
    })
    return yield* NodeRedis.make({ port: peer.port, commandTimeout: "300 millis", closeTimeout: 0 })
  })

/** That it takes the deadline and not much more. */
const expectAtDeadline = ({ millis, value }: { readonly millis: number; readonly value: unknown }) => {
  expect(value).toMatchObject({ _tag: "TimeoutError", phase: "Reply", millis: 300, outcome: "Unknown" })
  expect(millis).toBeGreaterThan(280)
  expect(millis).toBeLessThan(520)
}

describe("the deadline of", () => {
  it.scopedLive("a transaction is not put off by MULTI and queued commands", () =>
    Effect.gen(function* () {
      const client = yield* peerThat((name) =>
        name === "MULTI" ? "+OK\r\n" : name === "EXEC" ? undefined : "+QUEUED\r\n"
      )
      expectAtDeadline(yield* timed(Effect.flip(client.transaction([Redis.incr("a"), Redis.incr("b")]))))
    })
  )

  it.scopedLive("a command is not put off by the ASKING before it", () =>
    Effect.gen(function* () {
      const client = yield* peerThat((name) => (name === "ASKING" ? "+OK\r\n" : undefined))
      const { execute, transaction } = client.calling({ asking: true })
      expectAtDeadline(yield* timed(Effect.flip(execute(Redis.incr("a")))))
      expectAtDeadline(yield* timed(Effect.flip(transaction([Redis.incr("a")]))))
    })
  )

  it.scopedLive("a script is not put off when the server does not know it", () =>
    Effect.gen(function* () {
      const client = yield* peerThat((name, connection) => {
        if (name === "EVALSHA") setTimeout(() => connection.write("-NOSCRIPT No matching script.\r\n"), 250)
        return undefined
      })
      const script = Script.make({ lua: "return 1", reply: Reply.integer })
      expectAtDeadline(yield* timed(Effect.flip(client.execute(script()))))
    })
  )

  it.scopedLive("a pipeline is put off by results, also where ASKING is before each", () =>
    Effect.gen(function* () {
      for (const asking of [false, true]) {
        const reply = asking ? "+OK\r\n:1\r\n" : ":1\r\n"
        const client = yield* peerThat((name, connection) => {
          if (name !== "ASKING") setTimeout(() => connection.write(reply), name === "INCR" ? 200 : 400)
          return undefined
        })
        const slots = yield* client.calling({ asking }).pipeline([Redis.incr("a"), Redis.decr("a")])
        expect(slots).toEqual([Either.right(1), Either.right(1)])
      }
    })
  )

  it.scopedLive("a pipeline passes when no more results come", () =>
    Effect.gen(function* () {
      const client = yield* peerThat((name) => (name === "INCR" ? ":1\r\n" : undefined))
      const { millis, value } = yield* timed(client.pipeline([Redis.incr("a"), Redis.decr("a")]))
      expect(value.map(Either.isRight)).toEqual([true, false])
      expect(millis).toBeLessThan(750)
    })
  )
})
