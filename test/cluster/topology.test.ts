import { expect as expectEffect, layer } from "@effect/vitest"
import { Slot } from "@effect-resp/cluster"
import { Malformed, parseShards, parseSlots } from "@effect-resp/cluster/internal/topology"
import { type Address, addressOf, type Node, type Topology } from "@effect-resp/cluster/Topology"
import { Command, Reply } from "@effect-resp/core"
import { RespError, RespMap, RespSet } from "@effect-resp/core/internal/protocol/value"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"

const origin: Address = { host: "10.0.0.9", port: 7000 }

const node = (host: string, port: number, id?: string): Node => ({ id, host, port, address: addressOf({ host, port }) })

const raw = (...words: readonly [string, ...Array<string | number>]) =>
  Command.make(words, { reply: Reply.make((raw) => raw) })

/** Maps as RESP2 has them. */
const flat = (value: Reply.Raw): Reply.Raw => {
  if (value instanceof RespMap) return value.entries.map(flat)
  return Array.isArray(value) ? value.map(flat) : value
}

// As a cluster with two shards answers them, one with a failed replica.
const slotsReply: Reply.Raw = [
  [0, 5460, ["10.0.0.1", 7001, "a".repeat(40), []], ["10.0.0.2", 7002, "b".repeat(40), ["hostname", "two"]]],
  [5462, 16_383, ["10.0.0.3", 7003, "c".repeat(40), new RespMap(["ip", "10.0.0.3"])]],
  [5461, 5461, ["10.0.0.1", 7001, "a".repeat(40), []], ["10.0.0.2", 7002, "b".repeat(40), []]]
]

const shardNode = (role: string, host: Reply.Raw, port: number, id: string, more: ReadonlyArray<Reply.Raw> = []) =>
  new RespMap(
    ["id", id, "port", port, "ip", "127.0.0.1", "endpoint", host, "hostname", "", "role", role].concat(
      ["replication-offset", 72_156, "health", "online"] as never,
      more as never
    )
  )

const shardsReply: Reply.Raw = [
  new RespMap([
    "slots",
    [5462, 16_383],
    "nodes",
    [shardNode("master", "10.0.0.3", 7003, "c".repeat(40))],
    "id",
    "x".repeat(40)
  ]),
  new RespMap([
    "slots",
    [0, 5460, 5461, 5461],
    "nodes",
    [shardNode("replica", "10.0.0.2", 7002, "b".repeat(40)), shardNode("master", "10.0.0.1", 7001, "a".repeat(40))]
  ])
]

const topology: Topology = {
  shards: [
    {
      primary: node("10.0.0.1", 7001, "a".repeat(40)),
      replicas: [node("10.0.0.2", 7002, "b".repeat(40))],
      slots: [[0, 5461]]
    },
    { primary: node("10.0.0.3", 7003, "c".repeat(40)), replicas: [], slots: [[5462, 16_383]] }
  ]
}

const oneShard = (...nodes: ReadonlyArray<Reply.Raw>): Reply.Raw => [
  new RespMap(["slots", [0, 16_383], "nodes", nodes])
]

/** The addresses of the one shard that is read. */
const addresses = (read: Topology | Malformed) =>
  read instanceof Malformed
    ? read.reason
    : read.shards.map(({ primary, replicas }) => [primary, ...replicas].map(({ address }) => address))

layer(NodeRedisServer.layer({ args: ["--cluster-enabled", "yes"] }), { excludeTestServices: true })(
  "what a server says of its cluster",
  (it) => {
    it.effect("reads as the same topology from SLOTS and SHARDS, on RESP2 and RESP3", () =>
      Effect.gen(function* () {
        const { host, port } = yield* NodeRedisServer.NodeRedisServer
        const two = yield* NodeRedis.make({ host, port, protocol: 2 })
        const three = yield* NodeRedis.make({ host, port, protocol: 3 })
        expectEffect(parseSlots(yield* two.execute(raw("CLUSTER", "SLOTS")), { host, port })).toBeInstanceOf(Malformed)
        yield* two.execute(raw("CLUSTER", "ADDSLOTSRANGE", 0, 99, 200, 16_383))
        const id = yield* two.execute(Command.make(["CLUSTER", "MYID"], { reply: Reply.text }))
        const expected: Topology = {
          shards: [
            {
              primary: node(host, port, id),
              replicas: [],
              slots: [
                [0, 99],
                [200, 16_383]
              ]
            }
          ]
        }
        for (const client of [two, three]) {
          const slots = yield* client.execute(raw("CLUSTER", "SLOTS"))
          const shards = yield* client.execute(raw("CLUSTER", "SHARDS"))
          expectEffect(parseSlots(slots, { host, port })).toEqual(expected)
          expectEffect(parseShards(shards, { host, port }, false)).toEqual(expected)
          expectEffect(parseShards(shards, { host, port }, true)).toEqual(new Malformed("no primary"))
        }
      }).pipe(Effect.scoped)
    )
  }
)

describe("CLUSTER SLOTS", () => {
  it("is read, ranges of one primary together and in order", () => {
    expect(parseSlots(slotsReply, origin)).toEqual(topology)
    expect(parseSlots(flat(slotsReply), origin)).toEqual(topology)
  })

  it("is read from Redis 3, which had no ids", () => {
    expect(parseSlots([[0, 16_383, ["10.0.0.1", 7001], ["::1", 7002]]], origin)).toEqual({
      shards: [{ primary: node("10.0.0.1", 7001), replicas: [node("::1", 7002)], slots: [[0, 16_383]] }]
    })
  })

  it("takes its own host where there is none, and leaves out who is not known", () => {
    const read = parseSlots([[0, 1, ["", 1], [null, 2], ["?", 3], ["h", 0], ["h", 65_536], ["h"], "h", 4]], origin)
    expect(addresses(read)).toEqual([["10.0.0.9:1", "10.0.0.9:2"]])
    expect(
      addresses(
        parseSlots(
          [
            [0, 1, ["?", 1], ["h", 2]],
            [2, 3, ["i", 3]]
          ],
          origin
        )
      )
    ).toEqual([["i:3"]])
  })

  it("leaves out entries that make no sense, and keeps the rest", () => {
    const good: Reply.Raw = [7, 7, ["h", 1, "id"]]
    const bad: ReadonlyArray<Reply.Raw> = [
      null,
      1,
      "x",
      [],
      [1],
      [1, 2],
      [0, 16_384, ["i", 1]],
      [-1, 3, ["i", 1]],
      [0.5, 3, ["i", 1]],
      ["0", "3", ["i", 1]],
      [0n, 3n, ["i", 1]],
      [Number.NaN, Number.POSITIVE_INFINITY, ["i", 1]],
      [0, 3, ["a b", 1]],
      [0, 3, ["__proto__", 1]],
      [0, 3, [["i"], 1]],
      [0, 3, ["i", "1"]],
      [0, 3, null],
      new RespMap([0, 3, ["i", 1]]),
      new RespError("ERR", "ERR")
    ]
    expect(parseSlots([...bad, good, ...bad], origin)).toEqual({
      shards: [{ primary: node("h", 1, "id"), replicas: [], slots: [[7, 7]] }]
    })
  })

  it("gives a slot that is claimed twice to the first", () => {
    const read = parseSlots(
      [
        [0, 10, ["a", 1]],
        [5, 20, ["b", 1]]
      ],
      origin
    )
    expect(read).toMatchObject({
      shards: [
        { primary: { host: "a" }, slots: [[0, 10]] },
        { primary: { host: "b" }, slots: [[11, 20]] }
      ]
    })
  })

  it("scenario 88: without a primary, or that is no list, is malformed, and does not show itself", () => {
    for (const reply of [[], null, [[0, 1, ["?", 1]]], new RespSet([])]) {
      expect(parseSlots(reply, origin)).toEqual(new Malformed("no primary"))
      expect(parseShards(reply, origin, false)).toEqual(new Malformed("no primary"))
    }
    for (const reply of ["secret", 1, true, new Uint8Array(2), new RespError("ERR", "secret"), new RespMap([])]) {
      expect(parseSlots(reply, origin)).toEqual(new Malformed("not an array"))
      expect(parseShards(reply, origin, false)).toEqual(new Malformed("not an array"))
    }
  })
})

describe("CLUSTER SHARDS", () => {
  it("is read from maps and from flat arrays", () => {
    expect(parseShards(shardsReply, origin, false)).toEqual(topology)
    expect(parseShards(flat(shardsReply), origin, false)).toEqual(topology)
  })

  it("scenario 97: takes TLS ports where they are wanted, and leaves out nodes without one", () => {
    const reply = oneShard(
      new RespMap(["tls-port", 1, "endpoint", "a", "role", "master", "health", "online"]),
      new RespMap(["tls-port", 2, "port", 3, "endpoint", "b", "role", "replica", "health", "online"]),
      new RespMap(["port", 4, "endpoint", "c", "role", "replica", "health", "online"])
    )
    expect(addresses(parseShards(reply, origin, true))).toEqual([["a:1", "b:2"]])
    expect(parseShards(reply, origin, false)).toEqual(new Malformed("no primary"))
  })

  it("scenario 88: counts only nodes that are online", () => {
    const failed = (role: string, host: string, health: string) =>
      new RespMap(["port", 1, "endpoint", host, "role", role, "health", health])
    const online = shardNode("master", "b", 1, "")
    const reply = oneShard(failed("master", "a", "fail"), online, failed("replica", "c", "loading"))
    expect(addresses(parseShards(reply, origin, false))).toEqual([["b:1"]])
    const dead = oneShard(failed("master", "a", "fail"), shardNode("replica", "c", 1, ""))
    expect(parseShards(dead, origin, false)).toEqual(new Malformed("no primary"))
  })

  it("takes its own host where there is none, and leaves out who is not known", () => {
    const reply = oneShard(
      shardNode("master", "?", 1, ""),
      shardNode("master", null, 2, ""),
      shardNode("replica", "", 3, ""),
      shardNode("replica", "?", 4, ""),
      shardNode("replica", "c", 0, ""),
      shardNode("replica", "c", 65_536, ""),
      shardNode("observer", "d", 5, "")
    )
    expect(addresses(parseShards(reply, origin, false))).toEqual([["10.0.0.9:2", "10.0.0.9:3"]])
  })

  it("brings entries of the same primary together, and keeps those that have no slots", () => {
    const shard = (slots: ReadonlyArray<Reply.Raw>, ...nodes: ReadonlyArray<Reply.Raw>) =>
      new RespMap(["slots", slots, "nodes", nodes])
    const a = shardNode("master", "a", 1, "")
    const reply = [
      shard([], shardNode("master", "idle2", 1, "")),
      shard([], shardNode("master", "idle1", 1, "")),
      shard([5, 9], a, shardNode("replica", "r", 2, "")),
      shard([0, 4, 7, "x", 16_384, 20_000, 10], a, shardNode("replica", "q", 3, ""), shardNode("replica", "a", 1, ""))
    ]
    expect(parseShards(reply, origin, false)).toEqual({
      shards: [
        { primary: node("a", 1), replicas: [node("q", 3), node("r", 2)], slots: [[0, 9]] },
        { primary: node("idle1", 1), replicas: [], slots: [] },
        { primary: node("idle2", 1), replicas: [], slots: [] }
      ]
    })
  })
})

describe("addresses", () => {
  it("are mapped, and nodes without one left out", () => {
    const mapAddress = ({ host, port }: Address) =>
      host === "10.0.0.2" ? undefined : { host: "nat", port: port + 1000 }
    for (const read of [
      parseSlots(slotsReply, origin, mapAddress),
      parseShards(shardsReply, origin, false, mapAddress)
    ]) {
      expect(addresses(read)).toEqual([["nat:8001"], ["nat:8003"]])
    }
    expect(parseSlots(slotsReply, origin, () => undefined)).toEqual(new Malformed("no primary"))
  })
})

describe("damaged replies", () => {
  const scalar: fc.Arbitrary<Reply.Raw> = fc.oneof(
    fc.constantFrom<Reply.Raw>(null, true, "", "?", "__proto__", "endpoint", "nodes", "slots", "port", "master", 1e308),
    fc.constant<Reply.Raw>(new RespError("ERR", "ERR")),
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.nat(20_000),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 4 })
  )
  const any: fc.Arbitrary<Reply.Raw> = fc.letrec<{ raw: Reply.Raw }>((tie) => ({
    raw: fc.oneof(
      { depthSize: "small" },
      scalar,
      fc.array(tie("raw"), { maxLength: 6 }),
      fc.array(tie("raw"), { maxLength: 6 }).map((items) => new RespSet(items)),
      fc.array(tie("raw"), { maxLength: 6 }).map((items) => new RespMap(items))
    )
  })).raw

  /** The reply with each of its parts left as it is, replaced, removed or doubled by chance. */
  const damaged = (value: Reply.Raw, depth = 0): fc.Arbitrary<Reply.Raw> => {
    const rebuild = (items: ReadonlyArray<Reply.Raw>): fc.Arbitrary<ReadonlyArray<Reply.Raw>> =>
      fc
        .tuple(
          ...items.map((item) =>
            fc.oneof(
              { weight: 30, arbitrary: damaged(item, depth + 1).map((item) => [item]) },
              { weight: 1, arbitrary: any.map((item) => [item]) },
              { weight: 1, arbitrary: fc.constantFrom([], [item, item]) }
            )
          )
        )
        .map((parts) => parts.flat(1))
    if (value instanceof RespMap) return rebuild(value.entries).map((entries) => new RespMap(entries))
    if (Array.isArray(value)) return rebuild(value)
    return fc.oneof({ weight: 30, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: scalar })
  }

  const check = (read: Topology | Malformed) => {
    if (read instanceof Malformed) return expect(["not an array", "no primary"]).toContain(read.reason)
    expect(read.shards.length).toBeGreaterThan(0)
    const seen = new Set<number>()
    for (const { primary, replicas, slots } of read.shards) {
      for (const { address, host, port } of [primary, ...replicas]) {
        expect(host).toMatch(/^[a-z0-9][a-z0-9.:_-]*$/i)
        expect(port > 0 && port < 65_536).toBe(true)
        expect(address).toBe(addressOf({ host, port }))
      }
      for (const [first, last] of slots) {
        expect(first >= 0 && first <= last && last < Slot.count).toBe(true)
        for (let slot = first; slot <= last; slot++) {
          if (seen.has(slot)) throw new Error(`slot ${slot} is in two ranges`)
          seen.add(slot)
        }
      }
    }
  }

  it.each([
    ["SLOTS", slotsReply, (reply: Reply.Raw) => parseSlots(reply, origin)],
    ["SHARDS", shardsReply, (reply: Reply.Raw) => parseShards(reply, origin, false)],
    ["flat SHARDS", flat(shardsReply), (reply: Reply.Raw) => parseShards(reply, origin, false)]
  ])("of %s give what makes sense, or nothing", (_, reply, parse) => {
    let partly = 0
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: damaged(reply) }, { weight: 1, arbitrary: any }), (reply) => {
        const read = parse(reply)
        check(read)
        if (!(read instanceof Malformed)) partly++
      }),
      { numRuns: 500 }
    )
    expect(partly).toBeGreaterThan(50)
  })
})
