import { Command, Redis } from "@effect-resp/core"
import { Duration, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const text = (value: string) => new TextEncoder().encode(value)
const abc = [Redis.rpush("l", ["a", "b", "c"])]

export const lists: ReadonlyArray<Case> = [
  // reading
  { command: Redis.lindex("l", 0), gives: Option.none() },
  { command: Redis.lindex("l", -1), given: abc, gives: Option.some("c") },
  { command: Redis.lindex("l", 3), given: abc, gives: Option.none() },
  { command: Command.bytes(Redis.lindex("l", 0)), given: [Redis.rpush("l", binary)], gives: Option.some(binary) },
  { command: Redis.llen("l"), gives: 0 },
  { command: Redis.llen("l"), given: abc, gives: 3 },
  { command: Redis.lrange("l", 0, -1), gives: [] },
  { command: Redis.lrange("l", 1, 9), given: abc, gives: ["b", "c"] },
  { command: Command.bytes(Redis.lrange("l", 0, -1)), given: [Redis.rpush("l", binary)], gives: [binary] },
  { command: Redis.lpos("l", "b"), given: abc, gives: Option.some(1) },
  { command: Redis.lpos("l", "a"), given: abc, gives: Option.some(0) },
  { command: Redis.lpos("l", "x"), given: abc, gives: Option.none() },
  { command: Redis.lpos("l", "x"), gives: Option.none() },
  {
    command: Redis.lpos("l", "a", { rank: -1 }),
    given: [Redis.rpush("l", ["a", "b", "a"])],
    gives: Option.some(2)
  },
  { command: Redis.lpos("l", "c", { maxLength: 2 }), given: abc, gives: Option.none() },
  { command: Redis.lpos("l", "a", { count: 0 }), given: [Redis.rpush("l", ["a", "b", "a"])], gives: [0, 2] },
  {
    command: Redis.lpos("l", "a", { count: 2, rank: -1, maxLength: 10 }),
    given: [Redis.rpush("l", ["a", "a", "a"])],
    gives: [2, 1]
  },
  { command: Redis.lpos("l", "a", { count: 1 }), gives: [] },

  // writing
  { command: Redis.lpush("l", ["a", "b"]), gives: 2 },
  { command: Redis.lpush("l", 1), given: abc, gives: 4 },
  { command: Redis.lrange("l", 0, -1), given: [Redis.lpush("l", ["a", "b"])], gives: ["b", "a"] },
  { command: Redis.lpushx("l", "a"), gives: 0 },
  { command: Redis.lpushx("l", ["x", "y"]), given: abc, gives: 5 },
  { command: Redis.rpush("l", [1n, 2, "3", binary]), gives: 4 },
  { command: Redis.rpushx("l", "a"), gives: 0 },
  { command: Redis.rpushx("l", ["x", "y"]), given: abc, gives: 5 },
  { command: Redis.linsert("l", "before", "b", "x"), given: abc, gives: Option.some(4) },
  { command: Redis.linsert("l", "after", "c", "x"), given: abc, gives: Option.some(4) },
  { command: Redis.linsert("l", "after", "x", "y"), given: abc, gives: Option.none() },
  { command: Redis.linsert("l", "after", "x", "y"), gives: Option.none() },
  { command: Redis.lrem("l", -1, "a"), given: [Redis.rpush("l", ["a", "b", "a"])], gives: 1 },
  { command: Redis.lrem("l", 0, "a"), given: [Redis.rpush("l", ["a", "b", "a"])], gives: 2 },
  { command: Redis.lrem("l", 0, "a"), gives: 0 },
  { command: Redis.lset("l", -1, "x"), given: abc, gives: "OK" },
  { command: Redis.ltrim("l", 0, 1), given: abc, gives: "OK" },
  { command: Redis.ltrim("l", 0, 1), gives: "OK" },

  // popping and moving
  { command: Redis.lpop("l"), gives: Option.none() },
  { command: Redis.lpop("l"), given: abc, gives: Option.some("a") },
  { command: Redis.lpop("l", { count: 2 }), given: abc, gives: ["a", "b"] },
  { command: Redis.lpop("l", { count: 9 }), given: abc, gives: ["a", "b", "c"] },
  { command: Redis.lpop("l", { count: 0 }), given: abc, gives: [] },
  { command: Redis.lpop("l", { count: 2 }), gives: [] },
  { command: Command.bytes(Redis.lpop("l")), given: [Redis.rpush("l", binary)], gives: Option.some(binary) },
  { command: Command.bytes(Redis.lpop("l", { count: 1 })), given: [Redis.rpush("l", binary)], gives: [binary] },
  { command: Redis.rpop("l"), gives: Option.none() },
  { command: Redis.rpop("l"), given: abc, gives: Option.some("c") },
  { command: Redis.rpop("l", { count: 2 }), given: abc, gives: ["c", "b"] },
  { command: Redis.rpop("l", { count: 2 }), gives: [] },
  { command: Redis.lmpop("l", "left"), gives: Option.none() },
  {
    command: Redis.lmpop(["k", "l"], "left"),
    given: abc,
    gives: Option.some({ key: "l", elements: ["a"] })
  },
  {
    command: Redis.lmpop(["k", "l"], "right", { count: 2 }),
    given: abc,
    gives: Option.some({ key: "l", elements: ["c", "b"] })
  },
  {
    command: Command.bytes(Redis.lmpop("l", "left")),
    given: [Redis.rpush("l", binary)],
    gives: Option.some({ key: text("l"), elements: [binary] })
  },
  { command: Redis.lmove("l", "m", "left", "right"), gives: Option.none() },
  { command: Redis.lmove("l", "m", "left", "right"), given: abc, gives: Option.some("a") },
  { command: Redis.lmove("l", "l", "right", "left"), given: abc, gives: Option.some("c") },
  {
    command: Command.bytes(Redis.lmove("l", "m", "left", "left")),
    given: [Redis.rpush("l", binary)],
    gives: Option.some(binary)
  },
  { command: Redis.rpoplpush("l", "m"), given: abc, gives: Option.some("c") },
  { command: Redis.rpoplpush("l", "m"), gives: Option.none() },
  { command: Redis.lmovem("l", "m", "left", "left"), given: abc, gives: ["a"] },
  { command: Redis.lmovem("l", "m", "left", "left"), gives: [] },
  { command: Redis.lmovem("l", "m", "left", "left", { count: 2 }), given: abc, gives: ["a", "b"] },
  {
    command: Redis.lmovem("l", "m", "left", "left", { count: 2, order: "oneByOne" }),
    given: abc,
    gives: ["b", "a"]
  },
  { command: Redis.lmovem("l", "m", "left", "right", { exactly: 4 }), given: abc, gives: [] },
  { command: Redis.lmovem("l", "m", "left", "right", { exactly: 2 }), given: abc, gives: ["a", "b"] },
  {
    command: Command.bytes(Redis.lmovem("l", "m", "left", "right")),
    given: [Redis.rpush("l", binary)],
    gives: [binary]
  },

  // waiting
  { command: Redis.blpop(["k", "l"], "20 millis"), gives: Option.none() },
  { command: Redis.blpop("l", 0), gives: Option.none() },
  {
    command: Redis.blpop(["k", "l"], Duration.infinity),
    given: abc,
    gives: Option.some({ key: "l", element: "a" })
  },
  {
    command: Command.bytes(Redis.blpop("l", "1 second")),
    given: [Redis.rpush("l", binary)],
    gives: Option.some({ key: text("l"), element: binary })
  },
  { command: Redis.brpop("l", "20 millis"), gives: Option.none() },
  { command: Redis.brpop("l", "1 second"), given: abc, gives: Option.some({ key: "l", element: "c" }) },
  { command: Redis.blmpop("l", "left", "20 millis"), gives: Option.none() },
  {
    command: Redis.blmpop(["k", "l"], "right", "1 second", { count: 2 }),
    given: abc,
    gives: Option.some({ key: "l", elements: ["c", "b"] })
  },
  { command: Redis.blmove("l", "m", "left", "right", "20 millis"), gives: Option.none() },
  { command: Redis.blmove("l", "m", "right", "left", "1 second"), given: abc, gives: Option.some("c") },
  { command: Redis.brpoplpush("l", "m", "20 millis"), gives: Option.none() },
  { command: Redis.brpoplpush("l", "m", "1 second"), given: abc, gives: Option.some("c") },
  { command: Redis.blmovem("l", "m", "left", "right", "20 millis"), gives: [] },
  { command: Redis.blmovem("l", "m", "left", "right", "1 second"), given: abc, gives: ["a"] },
  {
    command: Redis.blmovem("l", "m", "left", "right", "1 second", { count: 9 }),
    given: abc,
    gives: ["a", "b", "c"]
  },
  {
    command: Redis.blmovem("l", "m", "left", "right", "20 millis", { exactly: 4, order: "oneByOne" }),
    given: abc,
    gives: []
  }
]
