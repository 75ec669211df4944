import { Command, Redis } from "@effect-resp/core"
import { Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const two = [Redis.sadd("s", ["a", "b", "c"]), Redis.sadd("t", ["b", "c", "d"])]

export const sets: ReadonlyArray<Case> = [
  // members
  { command: Redis.sadd("s", ["a", "b", "a"]), gives: 2 },
  { command: Redis.sadd("s", "a"), given: two, gives: 0 },
  { command: Redis.sadd("s", [1, 2n, binary]), gives: 3 },
  { command: Redis.scard("s"), given: two, gives: 3 },
  { command: Redis.scard("s"), gives: 0 },
  { command: Redis.sismember("s", "a"), given: two, gives: true },
  { command: Redis.sismember("s", "a"), gives: false },
  { command: Redis.smismember("s", ["a", "x"]), given: two, gives: [true, false] },
  { command: Redis.smismember("s", ["a", "x"]), gives: [false, false] },
  { command: Redis.smembers("s"), given: two, gives: new Set(["a", "b", "c"]) },
  { command: Redis.smembers("s"), given: [Redis.sadd("s", [1, 2])], gives: new Set(["1", "2"]) },
  { command: Redis.smembers("s"), gives: new Set() },
  { command: Command.bytes(Redis.smembers("s")), given: [Redis.sadd("s", binary)], gives: [binary] },
  { command: Redis.smove("s", "t", "a"), given: two, gives: true },
  { command: Redis.smove("s", "t", "x"), given: two, gives: false },
  { command: Redis.srem("s", ["a", "x"]), given: two, gives: 1 },
  { command: Redis.srem("s", "a"), gives: 0 },
  { command: Redis.spop("s"), given: [Redis.sadd("s", "a")], gives: Option.some("a") },
  { command: Redis.spop("s"), gives: Option.none() },
  { command: Command.bytes(Redis.spop("s")), given: [Redis.sadd("s", binary)], gives: Option.some(binary) },
  { command: Redis.spop("s", { count: 2 }), given: two, gives: (result: ReadonlySet<string>) => result.size === 2 },
  { command: Redis.spop("s", { count: 9 }), given: two, gives: new Set(["a", "b", "c"]) },
  { command: Redis.spop("s", { count: 2 }), gives: new Set() },
  { command: Command.bytes(Redis.spop("s", { count: 1 })), given: [Redis.sadd("s", binary)], gives: [binary] },
  { command: Redis.srandmember("s"), given: [Redis.sadd("s", "a")], gives: Option.some("a") },
  { command: Redis.srandmember("s"), gives: Option.none() },
  { command: Command.bytes(Redis.srandmember("s")), given: [Redis.sadd("s", binary)], gives: Option.some(binary) },
  {
    command: Redis.srandmember("s", { count: 9 }),
    given: two,
    gives: (result: ReadonlyArray<string>) => [...result].sort().join() === "a,b,c"
  },
  { command: Redis.srandmember("s", { count: -2 }), given: [Redis.sadd("s", "a")], gives: ["a", "a"] },
  { command: Redis.srandmember("s", { count: 2 }), gives: [] },
  { command: Redis.sscan("s", "0"), gives: { cursor: "0", items: [] } },
  { command: Redis.sscan("s", "0"), given: [Redis.sadd("s", "a")], gives: { cursor: "0", items: ["a"] } },
  {
    command: Redis.sscan("s", "0", { match: "a*", count: 100 }),
    given: [Redis.sadd("s", ["aa", "b"])],
    gives: { cursor: "0", items: ["aa"] }
  },
  {
    command: Command.bytes(Redis.sscan("s", "0")),
    given: [Redis.sadd("s", binary)],
    gives: { cursor: "0", items: [binary] }
  },

  // many sets
  { command: Redis.sdiff(["s", "t"]), given: two, gives: new Set(["a"]) },
  { command: Redis.sdiff("s"), given: two, gives: new Set(["a", "b", "c"]) },
  { command: Redis.sdiff(["s", "t"]), gives: new Set() },
  { command: Redis.sinter(["s", "t"]), given: two, gives: new Set(["b", "c"]) },
  { command: Redis.sinter(["s", "x"]), given: two, gives: new Set() },
  { command: Redis.sunion(["s", "t"]), given: two, gives: new Set(["a", "b", "c", "d"]) },
  { command: Redis.sunion("x"), gives: new Set() },
  { command: Command.bytes(Redis.sunion(["s", "t"])), given: [Redis.sadd("s", binary)], gives: [binary] },
  { command: Redis.sdiffstore("r", ["s", "t"]), given: two, gives: 1 },
  { command: Redis.sinterstore("r", ["s", "t"]), given: two, gives: 2 },
  { command: Redis.sunionstore("r", ["s", "t"]), given: two, gives: 4 },
  { command: Redis.sunionstore("r", "x"), gives: 0 },
  { command: Redis.sintercard(["s", "t"]), given: two, gives: 2 },
  {
    command: Redis.sintercard(["s", "t"], { limit: 1 }),
    given: two,
    gives: 1
  },
  { command: Redis.sdiffcard(["s", "t"]), given: two, gives: 1 },
  { command: Redis.sdiffcard("s", { limit: 2 }), given: two, gives: 2 },
  { command: Redis.sunioncard(["s", "t"]), given: two, gives: 4 },
  { command: Redis.sunioncard(["s", "t"], { limit: 3 }), given: two, gives: 3 },
  {
    command: Redis.sunioncard(["s", "t"], { approximate: true, limit: 3 }),
    given: two,
    gives: (result: number) => result > 0 && result <= 3
  }
]
