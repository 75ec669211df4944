/** What servers and peers send and are sent, end to end. */
import { describe, expect, it, layer } from "@effect/vitest"
import { Command, Redis, Reply } from "@effect-resp/core"
import { Decoder } from "@effect-resp/core/internal/protocol/decoder"
import type { RespValue } from "@effect-resp/core/internal/protocol/value"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Fiber, Layer, Option } from "effect"
import { recordCommands } from "../support/monitor.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"

/** A server that shows its types, and a client that speaks the protocol. */
const speaking = (protocol: 2 | 3) =>
  Layer.unwrapEffect(
    Effect.map(NodeRedisServer.NodeRedisServer, ({ port }) => NodeRedis.layer({ port, protocol }))
  ).pipe(Layer.provideMerge(NodeRedisServer.layer({ args: ["--enable-debug-command", "yes"] })))

const prototypeNames = ["__proto__", "constructor", "toString", "hasOwnProperty"]

const anyText = [
  "",
  "a\u0000b",
  "\r\nFLUSHALL\r\n",
  "*1\r\n$8\r\nFLUSHALL\r\n",
  "é€😀",
  "\ufeffbom",
  "€".repeat(100_000)
]

/** What the server makes of a number in Lua; the older protocol has no doubles. */
const double = (lua: string) =>
  Command.make(["EVAL", `redis.setresp(3) return {double=${lua}}`, 0], { reply: Reply.double })

describe.each([2, 3] as const)("a server, RESP%i", (protocol) => {
  layer(speaking(protocol), { excludeTestServices: true })((it) => {
    it.effect("scenario 7: an integer is exact over 64 bits, and refused where a number cannot hold it", () =>
      Effect.gen(function* () {
        const last = 2n ** 53n - 1n
        for (const from of [-(2n ** 63n), -last - 5n, last - 5n, 2n ** 63n - 10n]) {
          for (let n = from; n < from + 10n; n++) {
            yield* Redis.set("n", n)
            expect(yield* Redis.incrby("n", 0).pipe(Command.bigint)).toBe(n)
            // Also where it comes as text.
            const text = Command.make(["GET", "n"], { reply: Reply.integer })
            expect(yield* Command.make(["GET", "n"], { reply: Reply.integer.asBigint })).toBe(n)
            for (const command of [Redis.incrby("n", 0), text]) {
              const asNumber = yield* Effect.either(command)
              if (n >= -last && n <= last) expect(asNumber).toMatchObject({ _tag: "Right", right: Number(n) })
              else expect(asNumber).toMatchObject({ _tag: "Left", left: { _tag: "DecodeError", outcome: "Failed" } })
            }
          }
        }
        // Added up here as they were there.
        expect(yield* Redis.get("n")).toEqual(Option.some(String(2n ** 63n - 1n)))
      })
    )

    it.effect("scenario 8: doubles are what the server has, infinities, NaN of either sign and minus zero too", () =>
      Effect.gen(function* () {
        for (const [lua, value] of [
          ["1/0", Number.POSITIVE_INFINITY],
          ["-1/0", Number.NEGATIVE_INFINITY],
          ["0/0", Number.NaN],
          ["-(0/0)", Number.NaN],
          ["-0.0", -0],
          ["1e-300", 1e-300],
          ["0.1", 0.1]
        ] as const)
          expect(yield* double(lua)).toBe(value)
        yield* Redis.zadd("scores", { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, tenth: 0.1 })
        expect(yield* Redis.zmscore("scores", ["low", "high", "tenth"])).toEqual(
          [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0.1].map(Option.some)
        )
      })
    )

    it.effect("scenario 8, 11: every type that the server can show is read, and nothing behind it is shifted", () =>
      Effect.gen(function* () {
        const shown: Record<string, unknown> = {}
        for (const type of ["string", "integer", "double", "null", "array", "set", "map", "attrib", "push", "verbatim"])
          shown[type] = yield* Effect.merge(Command.make(["DEBUG", "PROTOCOL", type]))
        for (const type of ["true", "false", "bignum"]) shown[type] = yield* Command.make(["DEBUG", "PROTOCOL", type])
        const old = {
          double: "3.141",
          set: [0, 1, 2],
          map: [0, 0, 1, 1, 2, 0],
          push: expect.objectContaining({ _tag: "ReplyError" }),
          true: 1,
          false: 0,
          bignum: "1234567999999999999999999999999999999"
        }
        expect(shown).toEqual({
          string: "Hello World",
          integer: 12345,
          double: 3141 / 1000,
          null: null,
          array: [0, 1, 2],
          set: new Set([0, 1, 2]),
          map: new Map([
            [0, false],
            [1, true],
            [2, false]
          ]),
          attrib: "Some real reply following the attribute",
          push: "Some real reply following the push reply",
          verbatim: "This is a verbatim\nstring",
          true: true,
          false: false,
          bignum: 1234567999999999999999999999999999999n,
          ...(protocol === 2 ? old : {})
        })
        expect(yield* Redis.echo("mine")).toBe("mine")
      })
    )

    it.effect("scenario 9: fields with the names of a prototype's are data", () =>
      Effect.gen(function* () {
        const pairs = prototypeNames.map((name) => [name, `of ${name}`] as const)
        yield* Redis.hset("hash", pairs)
        const hash = yield* Redis.hgetall("hash")
        expect(Object.entries(hash).sort()).toEqual([...pairs].sort())
        expect(Object.getPrototypeOf(hash)).toBeNull()
        yield* Redis.mset(pairs)
        expect(yield* Redis.mget(prototypeNames)).toEqual(pairs.map(([, value]) => Option.some(value)))
        yield* Command.make(["XADD", "stream", "1-1", ...pairs.flat()])
        expect(yield* Command.make(["XRANGE", "stream", "-", "+"])).toEqual([["1-1", pairs.flat()]])
        expect(Object.keys(Object.prototype)).toEqual([])
      })
    )

    it.effect("scenario 16: any text comes back as it is, and counts in bytes", () =>
      Effect.gen(function* () {
        yield* Redis.set("kept", 1)
        for (const text of anyText) {
          yield* Redis.set(text, text)
          expect(yield* Redis.get(text)).toEqual(Option.some(text))
          expect(yield* Redis.strlen(text)).toBe(Buffer.byteLength(text))
        }
        // A lone surrogate is no text: it goes out as U+FFFD.
        yield* Redis.set("lone", "a\ud800b")
        expect(yield* Redis.get("lone")).toEqual(Option.some("a\ufffdb"))
        const bytes = Uint8Array.from({ length: 1_000 }, (_, i) => i)
        const view = bytes.subarray(3, 999)
        yield* Redis.set(view, view)
        expect(yield* Redis.get(view).pipe(Command.bytes)).toEqual(Option.some(view.slice()))
        expect(yield* Redis.exists("kept")).toBe(1)
      })
    )

    it.effect("scenario 17: an option of zero is sent as zero", () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        yield* Redis.zadd("z", { a: 0 })
        yield* Redis.rpush("l", ["1"])
        const dump = Option.getOrThrow(yield* Redis.dump("l"))
        const recorder = yield* recordCommands(port)
        expect(yield* Redis.zrange("z", 0, 1, { by: "score", limit: { offset: 0, count: 0 } })).toEqual([])
        expect(yield* Redis.sort("l", { limit: { offset: 0, count: 0 } })).toEqual([])
        yield* Redis.copy("l", "l2", { database: 0 })
        yield* Redis.restore("l3", dump, { idleTime: 0 })
        yield* Redis.bitcount("kept", { start: 0, stop: 0 })
        yield* recorder.settle
        const words = recorder.words().map((line) => line.replaceAll('"', "").toUpperCase())
        expect(words.map((line) => line.replace(/(RESTORE L3 0 ).*( IDLETIME)/, "$1…$2"))).toEqual([
          "ZRANGE Z 0 1 BYSCORE LIMIT 0 0",
          "SORT L LIMIT 0 0",
          "COPY L L2 DB 0",
          "RESTORE L3 0 … IDLETIME 0",
          "BITCOUNT KEPT 0 0"
        ])
      }).pipe(Effect.scoped)
    )
  })
})

it("scenario 14: what is longer than a string can be is refused as text, and comes whole as bytes", () => {
  const longest = 512 * 2 ** 20
  const header = `$${longest}\r\n`
  const wire = new Uint8Array(header.length + longest + 2)
  wire.set(Buffer.from(header))
  wire.set(Buffer.from("\r\n"), header.length + longest)
  const text = Redis.get("huge")
  const bytes = Command.bytes(text)
  for (const { reply } of [text, bytes]) {
    const values: Array<RespValue> = []
    const decoder = new Decoder({
      onReply: (value) => values.push(value),
      onPush: () => {},
      bytesWanted: () => reply.wantsBytes
    })
    decoder.write(wire)
    decoder.write(Buffer.from("+mine\r\n"))
    expect(values).toHaveLength(2)
    expect(values[1]).toBe("mine")
    const { length } = Option.getOrThrow(bytes.reply.decode(values[0]!))
    expect(length).toBe(longest)
    if (reply === text.reply) {
      expect(() => reply.decode(values[0]!)).toThrow(
        expect.objectContaining({ reason: "the text is longer than a string can be: take it with Command.bytes" })
      )
    }
  }
})

describe("a peer", () => {
  /** A client of a peer that answers with what its script says to each command. */
  const answering = (script: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection)) return
        const [name, text = ""] = words
        connection.write(name === "ECHO" ? `$${text.length}\r\n${text}\r\n` : script[name!]!)
      })
      return { peer, client: yield* NodeRedis.make({ port: peer.port, commandTimeout: "1 second" }) }
    })

  const attribute = "|1\r\n+ttl\r\n*2\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n"

  it.scopedLive("scenario 11: attributes, unknown fields and odd keys shift nothing", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* answering({
        GET: `${attribute}$1\r\nv\r\n`,
        LRANGE: `${attribute}*2\r\n${attribute}+a\r\n${attribute}+b\r\n`,
        TIME: "*2\r\n+1\r\n+2\r\n",
        ANY: "%3\r\n*1\r\n:1\r\n+list\r\n%1\r\n+k\r\n+v\r\n+map\r\n_\r\n+nothing\r\n",
        ROLE: `*5\r\n+master\r\n:5\r\n*0\r\n+more\r\n%1\r\n+than\r\n+known\r\n`
      })
      const [value, list, any, role, mine] = yield* Effect.all(
        [
          client.execute(Redis.get("k")),
          client.execute(Redis.lrange("k", 0, -1)),
          client.execute(Command.make(["ANY"])),
          client.execute(Redis.role),
          client.execute(Redis.echo("mine"))
        ],
        { concurrency: "unbounded" }
      )
      expect(value).toEqual(Option.some("v"))
      expect(list).toEqual(["a", "b"])
      expect([...(any as ReadonlyMap<unknown, unknown>).values()]).toEqual(["list", "map", "nothing"])
      expect(role).toEqual({ _tag: "Primary", offset: 5, replicas: [] })
      expect(mine).toBe("mine")
      expect(peer.connections).toHaveLength(1)
    })
  )

  it.scopedLive("scenario 11: a map with a key and no value fails its own command alone", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* answering({ HGETALL: "*3\r\n+a\r\n+1\r\n+b\r\n" })
      const commands = [Effect.flip(client.execute(Redis.hgetall("h"))), client.execute(Redis.echo("mine"))] as const
      const [error, mine] = yield* Effect.all(commands, { concurrency: "unbounded" })
      expect(error).toMatchObject({ _tag: "DecodeError", command: "HGETALL", outcome: "Failed" })
      expect(mine).toBe("mine")
      expect(peer.connections).toHaveLength(1)
    })
  )

  it.scopedLive.each([
    ["a reply", "+stray\r\n"],
    ["null", "_\r\n"],
    ["an error", "-ERR stray\r\n"],
    ["a reply behind a push", ">2\r\n+invalidate\r\n*0\r\n+stray\r\n"]
  ] as const)("scenario 12: %s that comes unasked ends the connection, and answers no command", ([, stray]) =>
    Effect.gen(function* () {
      const { client, peer } = yield* answering({})
      peer.connections[0]!.write(stray)
      while (peer.connections.length < 2) yield* Effect.sleep("1 millis")
      const tokens = ["one", "two", "three"]
      const replies = yield* Effect.fork(
        Effect.forEach(tokens, (token) => client.execute(Redis.echo(token)), { concurrency: "unbounded" })
      )
      expect(yield* Fiber.join(replies)).toEqual(tokens)
      expect(peer.connections).toHaveLength(2)
    })
  )
})
