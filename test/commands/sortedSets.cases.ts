import { Command, Redis } from "@effect-resp/core"
import { Duration, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const text = (value: string) => new TextEncoder().encode(value)
const abc = [Redis.zadd("z", { a: 1, b: 2, c: 3.5 })]
const lex = [Redis.zadd("z", { a: 0, b: 0, c: 0, d: 0 })]
const bytes = [Redis.zadd("z", [[binary, 1]])]
const two = [Redis.zadd("x", { a: 1, b: 2 }), Redis.zadd("y", { b: 10, c: 20 })]

export const sortedSets: ReadonlyArray<Case> = [
  // members and scores
  { command: Redis.zadd("z", { a: 1, b: 2 }), gives: 2 },
  { command: Redis.zadd("z", { a: 5, d: 4 }), given: abc, gives: 1 },
  { command: Redis.zadd("z", { a: 5, b: 2, d: 4 }, { countChanged: true }), given: abc, gives: 2 },
  { command: Redis.zadd("z", { a: 5, d: 4 }, { onlyIf: "absent", countChanged: true }), given: abc, gives: 1 },
  { command: Redis.zadd("z", { a: 5, d: 4 }, { onlyIf: "present", countChanged: true }), given: abc, gives: 1 },
  {
    command: Redis.zadd("z", { a: 5, b: 1, d: 4 }, { onlyIfScore: "greater", countChanged: true }),
    given: abc,
    gives: 2
  },
  {
    command: Redis.zadd("z", { a: 5, b: 1, d: 4 }, { onlyIf: "present", onlyIfScore: "less", countChanged: true }),
    given: abc,
    gives: 1
  },
  { command: Redis.zadd("z", { a: 0.25 }, { increment: true }), given: abc, gives: Option.some(1.25) },
  { command: Redis.zadd("z", { a: 1 }, { increment: true, onlyIf: "absent" }), given: abc, gives: Option.none() },
  { command: Redis.zadd("z", { a: 1 }, { increment: true, onlyIf: "present" }), gives: Option.none() },
  { command: Redis.zadd("z", [["a", Number.NEGATIVE_INFINITY]], { increment: true }), gives: Option.some(-Infinity) },
  { command: Redis.zscore("z", "__proto__"), given: [Redis.zadd("z", [["__proto__", 7]])], gives: Option.some(7) },
  { command: Redis.zadd("z", JSON.parse('{"__proto__":1,"a":2}') as Record<string, number>), gives: 2 },
  { command: Redis.zadd("z", [["NX", 1]]), gives: 1 },
  { command: Redis.zcard("z"), gives: 0 },
  { command: Redis.zcard("z"), given: abc, gives: 3 },
  { command: Redis.zincrby("z", 2.5, "a"), gives: 2.5 },
  { command: Redis.zincrby("z", Number.POSITIVE_INFINITY, "a"), given: abc, gives: Number.POSITIVE_INFINITY },
  { command: Redis.zincrby("z", 1e21, "big"), gives: 1e21 },
  { command: Redis.zincrby("z", 5e-324, "small"), gives: 5e-324 },
  {
    command: Redis.zmscore("z", ["a", "x", "c"]),
    given: abc,
    gives: [Option.some(1), Option.none(), Option.some(3.5)]
  },
  { command: Redis.zmscore("z", "a"), gives: [Option.none()] },
  { command: Redis.zscore("z", "c"), given: abc, gives: Option.some(3.5) },
  { command: Redis.zscore("z", "x"), given: abc, gives: Option.none() },
  { command: Redis.zscore("z", "x"), gives: Option.none() },
  { command: Redis.zscore("z", binary), given: bytes, gives: Option.some(1) },
  { command: Redis.zscore("z", "a"), given: [Redis.zadd("z", { a: 2 ** 53 })], gives: Option.some(2 ** 53) },
  { command: Redis.zscore("z", "a"), given: [Redis.zadd("z", { a: 0.1 + 0.2 })], gives: Option.some(0.1 + 0.2) },
  {
    command: Redis.zscore("z", "a"),
    given: [Redis.zadd("z", { a: Number.POSITIVE_INFINITY })],
    gives: Option.some(Number.POSITIVE_INFINITY)
  },
  { command: Redis.zrandmember("z"), gives: Option.none() },
  { command: Redis.zrandmember("z"), given: [Redis.zadd("z", { a: 1 })], gives: Option.some("a") },
  { command: Command.bytes(Redis.zrandmember("z")), given: bytes, gives: Option.some(binary) },
  { command: Redis.zrandmember("z", { count: 5 }), gives: [] },
  {
    command: Redis.zrandmember("z", { count: 5 }),
    given: abc,
    gives: (members: ReadonlyArray<string>) => [...members].sort().join() === "a,b,c"
  },
  {
    command: Redis.zrandmember("z", { count: -4 }),
    given: abc,
    gives: (members: ReadonlyArray<string>) => members.length === 4 && members.every((member) => "abc".includes(member))
  },
  { command: Redis.zrandmember("z", { count: 5, withScores: true }), gives: [] },
  {
    command: Redis.zrandmember("z", { count: -2, withScores: true }),
    given: [Redis.zadd("z", { a: 1.5 })],
    gives: [
      ["a", 1.5],
      ["a", 1.5]
    ]
  },
  {
    command: Command.bytes(Redis.zrandmember("z", { count: 1, withScores: true })),
    given: bytes,
    gives: [[binary, 1]]
  },
  { command: Redis.zrank("z", "b"), given: abc, gives: Option.some(1) },
  { command: Redis.zrank("z", "x"), given: abc, gives: Option.none() },
  { command: Redis.zrank("z", "x"), gives: Option.none() },
  {
    command: Redis.zrank("z", "c", { withScore: true }),
    given: abc,
    gives: Option.some({ rank: 2, score: 3.5 }),
    since: { redis: "7.2.0", valkey: "7.2.0" }
  },
  {
    command: Redis.zrank("z", "x", { withScore: true }),
    given: abc,
    gives: Option.none(),
    since: { redis: "7.2.0", valkey: "7.2.0" }
  },
  { command: Redis.zrevrank("z", "c"), given: abc, gives: Option.some(0) },
  { command: Redis.zrevrank("z", "x"), gives: Option.none() },
  {
    command: Redis.zrevrank("z", "a", { withScore: true }),
    given: abc,
    gives: Option.some({ rank: 2, score: 1 }),
    since: { redis: "7.2.0", valkey: "7.2.0" }
  },
  {
    command: Redis.zrevrank("z", "x", { withScore: true }),
    gives: Option.none(),
    since: { redis: "7.2.0", valkey: "7.2.0" }
  },
  { command: Redis.zrem("z", ["a", "x", "c"]), given: abc, gives: 2 },
  { command: Redis.zrem("z", binary), given: bytes, gives: 1 },
  { command: Redis.zrem("z", "a"), gives: 0 },
  { command: Redis.zscan("z", "0"), gives: { cursor: "0", items: [] } },
  {
    command: Redis.zscan("z", "0"),
    given: abc,
    gives: {
      cursor: "0",
      items: [
        ["a", 1],
        ["b", 2],
        ["c", 3.5]
      ]
    }
  },
  {
    command: Redis.zscan("z", "0", { match: "[ac]", count: 100 }),
    given: abc,
    gives: {
      cursor: "0",
      items: [
        ["a", 1],
        ["c", 3.5]
      ]
    }
  },
  { command: Command.bytes(Redis.zscan("z", "0")), given: bytes, gives: { cursor: "0", items: [[binary, 1]] } },
  {
    command: Redis.zscan("z", "0", { noScores: true }),
    given: abc,
    gives: { cursor: "0", items: ["a", "b", "c"] },
    since: { redis: "99.0.0", valkey: "8.0.0" }
  },

  // popping
  { command: Redis.zpopmax("z"), gives: Option.none() },
  { command: Redis.zpopmax("z"), given: abc, gives: Option.some(["c", 3.5]) },
  { command: Command.bytes(Redis.zpopmax("z")), given: bytes, gives: Option.some([binary, 1]) },
  { command: Redis.zpopmax("z", { count: 2 }), gives: [] },
  {
    command: Redis.zpopmax("z", { count: 2 }),
    given: abc,
    gives: [
      ["c", 3.5],
      ["b", 2]
    ]
  },
  { command: Redis.zpopmin("z"), gives: Option.none() },
  { command: Redis.zpopmin("z"), given: abc, gives: Option.some(["a", 1]) },
  { command: Redis.zpopmin("z", { count: 0 }), given: abc, gives: [] },
  { command: Redis.zpopmin("z", { count: 1 }), given: abc, gives: [["a", 1]] },
  { command: Command.bytes(Redis.zpopmin("z", { count: 9 })), given: bytes, gives: [[binary, 1]] },
  { command: Redis.zmpop(["none", "z"], "min"), given: abc, gives: Option.some({ key: "z", members: [["a", 1]] }) },
  {
    command: Redis.zmpop("z", "max", { count: 2 }),
    given: abc,
    gives: Option.some({
      key: "z",
      members: [
        ["c", 3.5],
        ["b", 2]
      ]
    })
  },
  { command: Redis.zmpop("z", "min"), gives: Option.none() },
  {
    command: Command.bytes(Redis.zmpop("z", "min")),
    given: bytes,
    gives: Option.some({ key: text("z"), members: [[binary, 1]] })
  },
  {
    command: Redis.bzmpop(["none", "z"], "max", "1 second", { count: 1 }),
    given: abc,
    gives: Option.some({ key: "z", members: [["c", 3.5]] })
  },
  { command: Redis.bzmpop("z", "min", "20 millis"), gives: Option.none() },
  {
    command: Command.bytes(Redis.bzmpop("z", "min", Duration.infinity)),
    given: bytes,
    gives: Option.some({ key: text("z"), members: [[binary, 1]] })
  },
  {
    command: Redis.bzpopmax(["none", "z"], "1 second"),
    given: abc,
    gives: Option.some({ key: "z", member: "c", score: 3.5 })
  },
  { command: Redis.bzpopmax("z", "20 millis"), gives: Option.none() },
  {
    command: Redis.bzpopmin("z", Duration.infinity),
    given: abc,
    gives: Option.some({ key: "z", member: "a", score: 1 })
  },
  { command: Redis.bzpopmin(["y", "z"], "20 millis"), gives: Option.none() },
  {
    command: Command.bytes(Redis.bzpopmin("z", "1 second")),
    given: bytes,
    gives: Option.some({ key: text("z"), member: binary, score: 1 })
  },

  // ranges by index
  { command: Redis.zrange("z", 0, -1), gives: [] },
  { command: Redis.zrange("z", 0, -1), given: abc, gives: ["a", "b", "c"] },
  { command: Redis.zrange("z", 0, 0, { by: "index", reverse: true }), given: abc, gives: ["c"] },
  {
    command: Redis.zrange("z", -2, -1, { withScores: true }),
    given: abc,
    gives: [
      ["b", 2],
      ["c", 3.5]
    ]
  },
  { command: Redis.zrange("z", 0, -1, { withScores: true }), gives: [] },
  { command: Command.bytes(Redis.zrange("z", 0, -1)), given: bytes, gives: [binary] },
  { command: Command.bytes(Redis.zrange("z", 0, -1, { withScores: true })), given: bytes, gives: [[binary, 1]] },

  // ranges by score
  { command: Redis.zrange("z", -Infinity, Infinity, { by: "score" }), given: abc, gives: ["a", "b", "c"] },
  { command: Redis.zrange("z", { exclusive: 1 }, 3.5, { by: "score" }), given: abc, gives: ["b", "c"] },
  {
    command: Redis.zrange("z", { exclusive: -Infinity }, { exclusive: 3.5 }, { by: "score", withScores: true }),
    given: abc,
    gives: [
      ["a", 1],
      ["b", 2]
    ]
  },
  { command: Redis.zrange("z", Infinity, 2, { by: "score", reverse: true }), given: abc, gives: ["c", "b"] },
  {
    command: Redis.zrange("z", -Infinity, Infinity, { by: "score", limit: { offset: 1, count: 1 }, withScores: true }),
    given: abc,
    gives: [["b", 2]]
  },
  { command: Redis.zrange("z", 0, 9, { by: "score", limit: { offset: 1 } }), given: abc, gives: ["b", "c"] },
  { command: Redis.zrange("z", 0, 9, { by: "score", limit: { count: 1 } }), given: abc, gives: ["a"] },

  // ranges by lex
  { command: Redis.zrange("z", "-", "+", { by: "lex" }), given: lex, gives: ["a", "b", "c", "d"] },
  {
    command: Redis.zrange("z", { inclusive: "b" }, { exclusive: "d" }, { by: "lex" }),
    given: lex,
    gives: ["b", "c"]
  },
  {
    command: Redis.zrange("z", "+", { exclusive: "a" }, { by: "lex", reverse: true, limit: { offset: 1, count: 2 } }),
    given: lex,
    gives: ["c", "b"]
  },
  {
    command: Command.bytes(Redis.zrange("z", { inclusive: binary }, "+", { by: "lex" })),
    given: bytes,
    gives: [binary]
  },
  { command: Redis.zrange("z", { exclusive: binary }, "+", { by: "lex" }), given: bytes, gives: [] },
  {
    command: Redis.zrange("z", { inclusive: 10 }, { exclusive: 20n }, { by: "lex" }),
    given: [Redis.zadd("z", { 10: 0, 15: 0, 20: 0 })],
    gives: ["10", "15"]
  },
  { command: Redis.zrange("z", { inclusive: "" }, { inclusive: "-" }, { by: "lex" }), given: lex, gives: [] },

  // storing ranges
  { command: Redis.zrangestore("d", "z", 0, 1, { reverse: true }), given: abc, gives: 2 },
  { command: Redis.zrangestore("d", "z", 0, -1), gives: 0 },
  {
    command: Redis.zrangestore(
      "d",
      "z",
      Infinity,
      { exclusive: 1 },
      { by: "score", reverse: true, limit: { count: 1 } }
    ),
    given: abc,
    gives: 1
  },
  { command: Redis.zrangestore("d", "z", "-", { inclusive: "b" }, { by: "lex" }), given: lex, gives: 2 },
  {
    command: Redis.zrange("d", 0, -1, { withScores: true }),
    given: [...abc, Redis.zrangestore("d", "z", 2, 2)],
    gives: [["c", 3.5]]
  },

  // counting and removing ranges
  { command: Redis.zcount("z", { exclusive: 1 }, Infinity), given: abc, gives: 2 },
  { command: Redis.zcount("z", 0, 9), gives: 0 },
  { command: Redis.zlexcount("z", "-", { exclusive: "c" }), given: lex, gives: 2 },
  { command: Redis.zlexcount("z", "-", "+"), gives: 0 },
  { command: Redis.zremrangebylex("z", { exclusive: "a" }, { inclusive: "c" }), given: lex, gives: 2 },
  { command: Redis.zremrangebyrank("z", -2, -1), given: abc, gives: 2 },
  { command: Redis.zremrangebyrank("z", 0, -1), gives: 0 },
  { command: Redis.zremrangebyscore("z", -Infinity, { exclusive: 3.5 }), given: abc, gives: 2 },

  // what ZRANGE replaces
  {
    command: Redis.zrangebylex("z", "-", { exclusive: "d" }, { limit: { offset: 1 } }),
    given: lex,
    gives: ["b", "c"]
  },
  { command: Command.bytes(Redis.zrangebylex("z", "-", "+")), given: bytes, gives: [binary] },
  { command: Redis.zrevrangebylex("z", { inclusive: "c" }, "-"), given: lex, gives: ["c", "b", "a"] },
  { command: Redis.zrangebyscore("z", { exclusive: 1 }, Infinity), given: abc, gives: ["b", "c"] },
  {
    command: Redis.zrangebyscore("z", 0, 9, { withScores: true, limit: { offset: 0, count: 1 } }),
    given: abc,
    gives: [["a", 1]]
  },
  { command: Redis.zrevrangebyscore("z", Infinity, 2), given: abc, gives: ["c", "b"] },
  {
    command: Redis.zrevrangebyscore("z", 9, 0, { withScores: true, limit: { offset: 1, count: 5 } }),
    given: abc,
    gives: [
      ["b", 2],
      ["a", 1]
    ]
  },
  { command: Redis.zrevrange("z", 0, 1), given: abc, gives: ["c", "b"] },
  { command: Redis.zrevrange("z", 0, 0, { withScores: true }), given: abc, gives: [["c", 3.5]] },
  { command: Command.bytes(Redis.zrevrange("z", 0, 0, { withScores: true })), given: bytes, gives: [[binary, 1]] },

  // algebra
  { command: Redis.zdiff(["x", "y"]), given: two, gives: ["a"] },
  { command: Redis.zdiff(["x", "y"], { withScores: true }), given: two, gives: [["a", 1]] },
  { command: Redis.zdiff("x"), gives: [] },
  { command: Redis.zdiff("x", { withScores: true }), gives: [] },
  { command: Command.bytes(Redis.zdiff("z")), given: bytes, gives: [binary] },
  { command: Redis.zdiffstore("d", ["x", "y"]), given: two, gives: 1 },
  { command: Redis.zdiffstore("d", ["x", "y"]), gives: 0 },
  { command: Redis.zinter(["x", "y"]), given: two, gives: ["b"] },
  { command: Redis.zinter(["x", "y"], { withScores: true }), given: two, gives: [["b", 12]] },
  {
    command: Redis.zinter(["x", "y"], { weights: [-1, 0.5], aggregate: "min", withScores: true }),
    given: two,
    gives: [["b", -2]]
  },
  { command: Redis.zinter(["x", "none"]), given: two, gives: [] },
  { command: Command.bytes(Redis.zinter("z", { withScores: true })), given: bytes, gives: [[binary, 1]] },
  { command: Redis.zintercard(["x", "y"]), given: two, gives: 1 },
  { command: Redis.zintercard(["x", "x"], { limit: 1 }), given: two, gives: 1 },
  { command: Redis.zinterstore("d", ["x", "y"], { aggregate: "max" }), given: two, gives: 1 },
  {
    command: Redis.zrange("d", 0, -1, { withScores: true }),
    given: [...two, Redis.zinterstore("d", ["x", "y"], { weights: [10, 1], aggregate: "max" })],
    gives: [["b", 20]]
  },
  { command: Redis.zunion(["x", "y"]), given: two, gives: ["a", "b", "c"] },
  {
    command: Redis.zunion(["x", "y"], { weights: [1, 2], withScores: true }),
    given: two,
    gives: [
      ["a", 1],
      ["b", 22],
      ["c", 40]
    ]
  },
  {
    command: Redis.zunion(["x", "y"], { weights: [Number.POSITIVE_INFINITY, 1], aggregate: "max", withScores: true }),
    given: two,
    gives: [
      ["c", 20],
      ["a", Number.POSITIVE_INFINITY],
      ["b", Number.POSITIVE_INFINITY]
    ]
  },
  {
    command: Redis.zunion(["x", "y"], { aggregate: "count", withScores: true }),
    given: two,
    gives: [
      ["a", 1],
      ["c", 1],
      ["b", 2]
    ],
    since: { redis: "8.8.0", valkey: "99.0.0" }
  },
  { command: Redis.zunion("x"), gives: [] },
  { command: Command.bytes(Redis.zunion("z")), given: bytes, gives: [binary] },
  { command: Redis.zunionstore("d", ["x", "y"]), given: two, gives: 3 },
  { command: Redis.zunionstore("d", ["x", "y"], { weights: [1, 0], aggregate: "sum" }), given: two, gives: 3 }
]
