import { ConnectionPool, Monitor, Redis, RedisPubSub, type Transport } from "@effect-resp/core"
import { Effect, Stream } from "effect"
import * as fc from "effect/FastCheck"
import { expect, it } from "vitest"
import { RequestReader } from "../support/requests.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { bytesOf, cutBy } from "../unit/protocol/support.js"
import { fuzz, sizes } from "./budget.js"
import { damage, mutations, noise } from "./damage.js"
import { encode, traffic2, traffic3 } from "./traffic.js"

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** A server that greets as it should and answers anything else with these chunks; what the client throws is kept. */
const server = (chunks: ReadonlyArray<Uint8Array>, thrown: Array<unknown>): Transport.Connector => ({
  address: "fuzz",
  connect: ({ onData }) =>
    Effect.sync(() => {
      const reader = new RequestReader()
      const say = (chunk: Uint8Array) => {
        try {
          onData(chunk)
        } catch (cause) {
          thrown.push(cause)
        }
      }
      const write = (data: string | Uint8Array) => setImmediate(say, Buffer.from(data))
      const connection = { id: 1, isOpen: true, write, end() {}, reset() {}, pause() {}, resume() {} }
      return {
        write: (chunk) => {
          for (const { words } of reader.read(Buffer.from(chunk))) {
            if (!ScriptedPeer.greet(words, connection)) setImmediate(() => chunks.forEach(say))
          }
          return true
        },
        cork() {},
        uncork() {},
        pause() {},
        resume() {},
        destroy() {}
      }
    })
})

const all = Stream.runDrain

/** What listens to a server. */
const roles: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
  Redis.hgetall("k"),
  Effect.flatMap(Redis.Redis, (redis) => redis.pipeline([Redis.get("k"), Redis.info(), Redis.clientList()])),
  Effect.flatMap(Redis.Redis, (redis) => redis.transaction([Redis.get("k"), Redis.zrange("z", 0, -1)])),
  Redis.blpop("k", 1),
  all(RedisPubSub.events({ channels: "c", patterns: "p*", shardChannels: "s" })),
  all(Monitor.stream)
]

/** Runs it against a server that says so, for some turns of the event loop. Nothing is thrown at whoever feeds the client. */
const expectCalm = (role: number, wire: Uint8Array, sizes: ReadonlyArray<number>): Promise<void> => {
  const thrown: Array<unknown> = []
  return Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const connector = server(cutBy(wire, sizes), thrown)
        const client = yield* ConnectionPool.make(connector, { closeTimeout: 0, commandTimeout: "1 second" })
        yield* Effect.forkScoped(Effect.exit(Effect.provideService(roles[role]!, Redis.Redis, client)))
        for (let turns = 0; turns < 8; turns++) yield* turn
      })
    )
  ).then(() => {
    expect(thrown).toEqual([])
  })
}

const push = (type: string, ...words: ReadonlyArray<string>) =>
  `${type}${words.length}\r\n${words.map((word) => (word.startsWith(":") ? word : `$${word.length}\r\n${word}`)).join("\r\n")}\r\n`

/** What comes to subscribers and monitors. */
const said = fc.oneof(
  fc
    .record({
      type: fc.constantFrom(">", "*"),
      word: fc.constantFrom("subscribe", "unsubscribe", "psubscribe", "ssubscribe", "sunsubscribe", "message"),
      name: fc.constantFrom("c", "p*", "s", "other"),
      last: fc.constantFrom(":1", ":0", "text", ":-1")
    })
    .map(({ last, name, type, word }) => push(type, word, name, last)),
  fc.constant(push(">", "pmessage", "p*", "p1", "text")),
  fc.constantFrom("+1", "+2", "$1\r\n1", "-ERR no", "-NOPERM no", "+OK", "\n", "+", "\r").map((line) => `${line}\r\n`),
  fc.string({ unit: "binary", maxLength: 12 }).map((word) => `+1700000000.000001 [0 127.0.0.1:1] "get" "${word}"\r\n`)
)

const wire = fc.oneof(
  fc.array(said, { maxLength: 8 }).map((texts) => bytesOf(texts.join(""))),
  fc.tuple(fc.array(said, { maxLength: 8 }), mutations).map(([texts, how]) => damage(bytesOf(texts.join("")), how)),
  fc.tuple(fc.oneof(traffic2, traffic3), mutations).map(([items, how]) => damage(encode(items), how)),
  noise
)

it(
  "scenario 33: whatever a server says, a client throws nothing at its socket",
  fuzz(200, fc.asyncProperty(fc.nat(roles.length - 1), wire, sizes(40), expectCalm))
)
