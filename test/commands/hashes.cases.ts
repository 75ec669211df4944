import { Command, Redis } from "@effect-resp/core"
import { Duration, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const text = (value: string) => new TextEncoder().encode(value)
const valueExpiry = { redis: "8.0.0", valkey: "9.0.0" }
const far = new Date("2100-01-01T00:00:00.000Z")
const past = new Date("2001-01-01T00:00:00.000Z")

interface ExpiresIn {
  readonly _tag: string
  readonly duration: Duration.Duration
}

const expiresWithin = (ttl: ExpiresIn | undefined, millis: number): boolean =>
  ttl?._tag === "ExpiresIn" &&
  Duration.toMillis(ttl.duration) > millis - 5000 &&
  Duration.toMillis(ttl.duration) <= millis

export const hashes: ReadonlyArray<Case> = [
  // fields and values
  { command: Redis.hset("h", { a: 1, b: "two", c: 3n }), gives: 3 },
  { command: Redis.hset("h", { a: 2, b: "x" }), given: [Redis.hset("h", { a: 1 })], gives: 1 },
  { command: Redis.hset("h", [[binary, binary]]), gives: 1 },
  { command: Redis.hsetnx("h", "a", "x"), gives: true },
  { command: Redis.hsetnx("h", "a", "x"), given: [Redis.hset("h", { a: 1 })], gives: false },
  { command: Redis.hmset("h", { a: 1, b: 2 }), gives: "OK" },
  { command: Redis.hget("h", "a"), gives: Option.none() },
  { command: Redis.hget("h", "a"), given: [Redis.hset("h", { a: "café" })], gives: Option.some("café") },
  { command: Redis.hget("h", "a"), given: [Redis.hset("h", { a: "" })], gives: Option.some("") },
  {
    command: Command.bytes(Redis.hget("h", binary)),
    given: [Redis.hset("h", [[binary, binary]])],
    gives: Option.some(binary)
  },
  { command: Redis.hmget("h", ["a", "b"]), gives: [Option.none(), Option.none()] },
  {
    command: Redis.hmget("h", ["b", "x", "a"]),
    given: [Redis.hset("h", { a: 1, b: 2 })],
    gives: [Option.some("2"), Option.none(), Option.some("1")]
  },
  { command: Redis.hmget("h", "a"), given: [Redis.hset("h", { a: 1 })], gives: [Option.some("1")] },
  {
    command: Command.bytes(Redis.hmget("h", ["a", "x"])),
    given: [Redis.hset("h", { a: binary })],
    gives: [Option.some(binary), Option.none()]
  },
  { command: Redis.hgetall("h"), gives: (result: Record<string, string>) => Object.keys(result).length === 0 },
  {
    command: Redis.hgetall("h"),
    given: [Redis.hset("h", { a: 1, b: "two" })],
    gives: (result: Record<string, string>) =>
      Object.keys(result).length === 2 && result.a === "1" && result.b === "two"
  },
  {
    command: Redis.hgetall("h"),
    given: [
      Redis.hset("h", [
        ["__proto__", "x"],
        ["constructor", "y"]
      ])
    ],
    gives: (result: Record<string, string>) =>
      Object.getPrototypeOf(result) === null && Object.entries(result).join(" ") === "__proto__,x constructor,y"
  },
  {
    command: Command.bytes(Redis.hgetall("h")),
    given: [Redis.hset("h", [[binary, "v"]])],
    gives: [[binary, text("v")]]
  },
  { command: Command.bytes(Redis.hgetall("h")), gives: [] },
  { command: Redis.hdel("h", ["a", "x"]), given: [Redis.hset("h", { a: 1 })], gives: 1 },
  { command: Redis.hdel("h", "a"), gives: 0 },
  { command: Redis.hexists("h", "a"), given: [Redis.hset("h", { a: 1 })], gives: true },
  { command: Redis.hexists("h", "a"), gives: false },
  { command: Redis.hlen("h"), given: [Redis.hset("h", { a: 1, b: 2 })], gives: 2 },
  { command: Redis.hlen("h"), gives: 0 },
  { command: Redis.hstrlen("h", "a"), given: [Redis.hset("h", { a: "é" })], gives: 2 },
  { command: Redis.hstrlen("h", "a"), gives: 0 },
  { command: Redis.hkeys("h"), given: [Redis.hset("h", { a: 1, b: 2 })], gives: ["a", "b"] },
  { command: Redis.hkeys("h"), gives: [] },
  { command: Command.bytes(Redis.hkeys("h")), given: [Redis.hset("h", [[binary, 1]])], gives: [binary] },
  { command: Redis.hvals("h"), given: [Redis.hset("h", { a: 1, b: 2 })], gives: ["1", "2"] },
  { command: Redis.hvals("h"), gives: [] },
  { command: Command.bytes(Redis.hvals("h")), given: [Redis.hset("h", { a: binary })], gives: [binary] },
  { command: Redis.hincrby("h", "a", 5), given: [Redis.hset("h", { a: 37 })], gives: 42 },
  { command: Redis.hincrby("h", "a", -1), gives: -1 },
  {
    command: Command.bigint(Redis.hincrby("h", "a", 9007199254740993n)),
    given: [Redis.hset("h", { a: 1 })],
    gives: 9007199254740994n
  },
  { command: Redis.hincrbyfloat("h", "a", 0.25), given: [Redis.hset("h", { a: "1.5" })], gives: 1.75 },
  { command: Redis.hincrbyfloat("h", "a", -2), gives: -2 },
  { command: Redis.hincrbyfloat("h", "a", 1e-9), gives: 1e-9 },

  // random fields and pages
  { command: Redis.hrandfield("h"), gives: Option.none() },
  { command: Redis.hrandfield("h"), given: [Redis.hset("h", { a: 1 })], gives: Option.some("a") },
  {
    command: Command.bytes(Redis.hrandfield("h")),
    given: [Redis.hset("h", [[binary, 1]])],
    gives: Option.some(binary)
  },
  { command: Redis.hrandfield("h", { count: 2 }), gives: [] },
  {
    command: Redis.hrandfield("h", { count: 5 }),
    given: [Redis.hset("h", { a: 1, b: 2 })],
    gives: (result: ReadonlyArray<string>) => [...result].sort().join() === "a,b"
  },
  { command: Redis.hrandfield("h", { count: -3 }), given: [Redis.hset("h", { a: 1 })], gives: ["a", "a", "a"] },
  { command: Redis.hrandfield("h", { count: 2, withValues: true }), gives: [] },
  {
    command: Redis.hrandfield("h", { count: 2, withValues: true }),
    given: [Redis.hset("h", { a: 1 })],
    gives: [["a", "1"]]
  },
  {
    command: Redis.hrandfield("h", { count: -2, withValues: true }),
    given: [Redis.hset("h", { a: 1 })],
    gives: [
      ["a", "1"],
      ["a", "1"]
    ]
  },
  {
    command: Command.bytes(Redis.hrandfield("h", { count: 1, withValues: true })),
    given: [Redis.hset("h", [[binary, 1]])],
    gives: [[binary, text("1")]]
  },
  { command: Redis.hscan("h", "0"), gives: { cursor: "0", items: [] } },
  { command: Redis.hscan("h", "0"), given: [Redis.hset("h", { a: 1 })], gives: { cursor: "0", items: [["a", "1"]] } },
  {
    command: Redis.hscan("h", "0", { match: "b*", count: 100 }),
    given: [Redis.hset("h", { a: 1, bb: 2 })],
    gives: { cursor: "0", items: [["bb", "2"]] }
  },
  {
    command: Command.bytes(Redis.hscan("h", "0")),
    given: [Redis.hset("h", [[binary, 1]])],
    gives: { cursor: "0", items: [[binary, text("1")]] }
  },
  {
    command: Redis.hscan("h", "0", { noValues: true }),
    given: [Redis.hset("h", { a: 1, b: 2 })],
    gives: { cursor: "0", items: ["a", "b"] },
    since: { redis: "7.4.0", valkey: "8.0.0" }
  },

  // expiry of fields
  {
    command: Redis.hexpire("h", "100 seconds", ["a", "x"]),
    given: [Redis.hset("h", { a: 1 })],
    gives: ["Set", "NoField"]
  },
  { command: Redis.hexpire("h", "1 second", ["a", "b"]), gives: ["NoField", "NoField"] },
  { command: Redis.hexpire("h", 0, "a"), given: [Redis.hset("h", { a: 1 })], gives: ["Deleted"] },
  {
    command: Redis.hexpire("h", "100 seconds", ["a", "b"], { onlyIf: "noExpiry" }),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpire("h", "50 seconds", "a")],
    gives: ["ConditionNotMet", "Set"]
  },
  {
    command: Redis.hexpire("h", "100 seconds", ["a", "b"], { onlyIf: "hasExpiry" }),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpire("h", "50 seconds", "a")],
    gives: ["Set", "ConditionNotMet"]
  },
  {
    command: Redis.hpexpire("h", "100 seconds", ["a", "b"], { onlyIf: "later" }),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpire("h", "50 seconds", "a")],
    gives: ["Set", "ConditionNotMet"]
  },
  {
    command: Redis.hpexpire("h", "100 seconds", ["a", "b"], { onlyIf: "sooner" }),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpire("h", "50 seconds", "a")],
    gives: ["ConditionNotMet", "Set"]
  },
  { command: Redis.hpexpire("h", "1 hour", "a"), given: [Redis.hset("h", { a: 1 })], gives: ["Set"] },
  { command: Redis.hexpireat("h", far, "a"), given: [Redis.hset("h", { a: 1 })], gives: ["Set"] },
  { command: Redis.hexpireat("h", past, "a"), given: [Redis.hset("h", { a: 1 })], gives: ["Deleted"] },
  {
    command: Redis.hpexpireat("h", far, ["a", "x"], { onlyIf: "noExpiry" }),
    given: [Redis.hset("h", { a: 1 })],
    gives: ["Set", "NoField"]
  },
  {
    command: Redis.hpersist("h", ["a", "b", "x"]),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpire("h", "50 seconds", "a")],
    gives: ["Persisted", "NoExpiry", "NoField"]
  },
  { command: Redis.hpersist("h", "a"), gives: ["NoField"] },
  {
    command: Redis.httl("h", ["a", "b", "x"]),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpire("h", "50 seconds", "a")],
    gives: ([a, b, x]: ReadonlyArray<ExpiresIn>) =>
      expiresWithin(a, 50_000) && b?._tag === "NoExpiry" && x?._tag === "NoField"
  },
  { command: Redis.httl("h", "a"), gives: [{ _tag: "NoField" }] },
  {
    command: Redis.hpttl("h", ["a", "b", "x"]),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hpexpire("h", "50 seconds", "a")],
    gives: ([a, b, x]: ReadonlyArray<ExpiresIn>) =>
      expiresWithin(a, 50_000) && b?._tag === "NoExpiry" && x?._tag === "NoField"
  },
  {
    command: Redis.hexpiretime("h", ["a", "b", "x"]),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hexpireat("h", far, "a")],
    gives: [{ _tag: "ExpiresAt", date: far }, { _tag: "NoExpiry" }, { _tag: "NoField" }]
  },
  {
    command: Redis.hpexpiretime("h", ["a", "b", "x"]),
    given: [Redis.hset("h", { a: 1, b: 2 }), Redis.hpexpireat("h", new Date(far.getTime() + 123), "a")],
    gives: [{ _tag: "ExpiresAt", date: new Date(far.getTime() + 123) }, { _tag: "NoExpiry" }, { _tag: "NoField" }]
  },
  { command: Redis.hpexpiretime("h", "a"), gives: [{ _tag: "NoField" }] },

  // values and expiry at once
  {
    command: Redis.hgetdel("h", ["a", "x"]),
    given: [Redis.hset("h", { a: 1, b: 2 })],
    gives: [Option.some("1"), Option.none()]
  },
  {
    command: Command.bytes(Redis.hgetdel("h", binary)),
    given: [Redis.hset("h", [[binary, binary]])],
    gives: [Option.some(binary)]
  },
  { command: Redis.hgetdel("h", "a"), gives: [Option.none()] },
  {
    command: Redis.hgetex("h", ["a", "x"]),
    given: [Redis.hset("h", { a: 1 })],
    gives: [Option.some("1"), Option.none()]
  },
  {
    command: Command.bytes(Redis.hgetex("h", "a", { expire: "1 hour" })),
    given: [Redis.hset("h", { a: binary })],
    gives: [Option.some(binary)]
  },
  {
    command: Redis.hgetex("h", "a", { expireAt: far }),
    given: [Redis.hset("h", { a: 1 })],
    gives: [Option.some("1")]
  },
  {
    command: Redis.hgetex("h", "a", { persist: true }),
    given: [Redis.hsetex("h", { a: 1 }, { expire: "1 hour" })],
    gives: [Option.some("1")]
  },
  { command: Redis.hgetex("h", ["a", "b"]), gives: [Option.none(), Option.none()] },
  {
    command: Redis.hpexpiretime("h", "a"),
    given: [Redis.hset("h", { a: 1 }), Redis.hgetex("h", "a", { expireAt: far })],
    gives: [{ _tag: "ExpiresAt", date: far }],
    since: valueExpiry
  },
  { command: Redis.hsetex("h", { a: 1, b: binary }), gives: true },
  { command: Redis.hsetex("h", { a: 1 }, { expire: "1 hour" }), gives: true },
  {
    command: Redis.hpexpiretime("h", ["a", "b"]),
    given: [Redis.hsetex("h", { a: 1, b: 2 }, { expireAt: far })],
    gives: [
      { _tag: "ExpiresAt", date: far },
      { _tag: "ExpiresAt", date: far }
    ],
    since: valueExpiry
  },
  {
    command: Redis.hpexpiretime("h", "a"),
    given: [Redis.hsetex("h", { a: 1 }, { expireAt: far }), Redis.hsetex("h", { a: 2 }, { keepTtl: true })],
    gives: [{ _tag: "ExpiresAt", date: far }],
    since: valueExpiry
  },
  {
    command: Redis.hsetex("h", { a: 1, b: 2 }, { onlyIf: "absent", expire: "1 hour" }),
    given: [Redis.hset("h", { a: 1 })],
    gives: false
  },
  { command: Redis.hsetex("h", { a: 1 }, { onlyIf: "absent" }), gives: true },
  { command: Redis.hsetex("h", { a: 1 }, { onlyIf: "present" }), gives: false },
  {
    command: Redis.hsetex("h", { a: 2 }, { onlyIf: "present", keepTtl: true }),
    given: [Redis.hset("h", { a: 1 })],
    gives: true
  },

  // a condition on the key is Valkey's alone
  {
    command: Redis.hsetex("h", { a: 1 }, { onlyIfKey: "absent" }),
    given: [Redis.hset("h", { b: 1 })],
    gives: false,
    since: { redis: "99.0.0", valkey: "9.1.0" }
  },
  {
    command: Redis.hsetex("h", { a: 1 }, { onlyIfKey: "present", onlyIf: "absent", expire: "1 hour" }),
    given: [Redis.hset("h", { b: 1 })],
    gives: true,
    since: { redis: "99.0.0", valkey: "9.1.0" }
  }
]
