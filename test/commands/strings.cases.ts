import { Command, Redis } from "@effect-resp/core"
import { DateTime, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const bytes = (...values: ReadonlyArray<number>) => Uint8Array.of(...values)
const future = new Date("2100-01-01T00:00:00.123Z")
const futureExpiry = { _tag: "ExpiresAt", date: future }
const noExpiry = { _tag: "NoExpiry" }
const big = 9007199254740993n
const conditions = { redis: "8.4", valkey: "never" }

const expiresWithin = (millis: number) => (ttl: { _tag: string; duration: { value: { millis: number } } }) =>
  ttl._tag === "ExpiresIn" && ttl.duration.value.millis > millis - 5000 && ttl.duration.value.millis <= millis

export const strings: ReadonlyArray<Case> = [
  // GET, SET
  { command: Redis.get("k"), gives: Option.none() },
  { command: Redis.get("k"), given: [Redis.set("k", "café")], gives: Option.some("café") },
  { command: Redis.get("k"), given: [Redis.set("k", "")], gives: Option.some("") },
  { command: Redis.get("k"), given: [Redis.set("k", big)], gives: Option.some("9007199254740993") },
  { command: Redis.get("__proto__"), given: [Redis.set("__proto__", "x")], gives: Option.some("x") },
  { command: Command.bytes(Redis.get("k")), gives: Option.none() },
  { command: Command.bytes(Redis.get(binary)), given: [Redis.set(binary, binary)], gives: Option.some(binary) },
  { command: Redis.set("k", "v"), gives: "OK" },
  { command: Redis.get("k"), given: [Redis.set("k", "v"), Redis.set("k", 1.5)], gives: Option.some("1.5") },
  { command: Redis.set("k", "v", { expire: "10 minutes" }), gives: "OK" },
  { command: Redis.pttl("k"), given: [Redis.set("k", "v", { expire: "1 minute" })], gives: expiresWithin(60_000) },
  { command: Redis.pexpiretime("k"), given: [Redis.set("k", "v", { expireAt: future })], gives: futureExpiry },
  {
    command: Redis.pexpiretime("k"),
    given: [Redis.set("k", "v", { expireAt: DateTime.unsafeMake(future) })],
    gives: futureExpiry
  },
  {
    command: Redis.pexpiretime("k"),
    given: [Redis.set("k", "v", { expireAt: future }), Redis.set("k", "w", { keepTtl: true })],
    gives: futureExpiry
  },
  {
    command: Redis.pttl("k"),
    given: [Redis.set("k", "v", { expireAt: future }), Redis.set("k", "w")],
    gives: noExpiry
  },
  { command: Redis.set("k", "v", { onlyIf: "absent" }), gives: true },
  { command: Redis.set("k", "v", { onlyIf: "absent" }), given: [Redis.set("k", "x")], gives: false },
  { command: Redis.set("k", "v", { onlyIf: "present" }), gives: false },
  {
    command: Redis.set("k", "v", { onlyIf: "present", expire: "1 second" }),
    given: [Redis.set("k", "x")],
    gives: true
  },
  { command: Redis.set("k", "v", { get: true }), gives: Option.none() },
  { command: Redis.set("k", "v", { get: true }), given: [Redis.set("k", "x")], gives: Option.some("x") },
  {
    command: Redis.set("k", "v", { get: true, onlyIf: "absent", keepTtl: true }),
    given: [Redis.set("k", "x")],
    gives: Option.some("x"),
    since: { redis: "7.0" }
  },
  {
    command: Command.bytes(Redis.set("k", "v", { get: true })),
    given: [Redis.set("k", binary)],
    gives: Option.some(binary)
  },
  {
    command: Redis.set("k", "v", { onlyIf: { equals: "x" } }),
    given: [Redis.set("k", "x")],
    gives: true,
    since: { redis: "8.4", valkey: "8.1" }
  },
  {
    command: Redis.set("k", "v", { onlyIf: { equals: binary }, expire: "1 second" }),
    given: [Redis.set("k", "x")],
    gives: false,
    since: { redis: "8.4", valkey: "8.1" }
  },
  {
    command: Redis.set("k", "v", { onlyIf: { equals: "x" }, get: true }),
    given: [Redis.set("k", "y")],
    gives: Option.some("y"),
    since: { redis: "8.4", valkey: "8.1" }
  },
  { command: Redis.set("k", "v", { onlyIf: { differs: "x" } }), gives: true, since: conditions },
  {
    command: Redis.set("k", "v", { onlyIf: { differs: "x" } }),
    given: [Redis.set("k", "x")],
    gives: false,
    since: conditions
  },
  {
    command: Redis.set("k", "v", { onlyIf: { digestEquals: "b6acb9d84a38ff74" } }),
    given: [Redis.set("k", "Hello world")],
    gives: true,
    since: conditions
  },
  {
    command: Redis.set("k", "v", { onlyIf: { digestDiffers: "b6acb9d84a38ff74" } }),
    given: [Redis.set("k", "Hello world")],
    gives: false,
    since: conditions
  },

  // conditional deletes
  { command: Redis.delex("k"), gives: false },
  { command: Redis.delex("k"), given: [Redis.set("k", "x")], gives: true },
  { command: Redis.delex("k", { onlyIf: { equals: "x" } }), given: [Redis.set("k", "x")], gives: true },
  { command: Redis.delex("k", { onlyIf: { equals: "x" } }), given: [Redis.set("k", "y")], gives: false },
  { command: Redis.delex("k", { onlyIf: { differs: binary } }), given: [Redis.set("k", binary)], gives: false },
  {
    command: Redis.delex("k", { onlyIf: { digestEquals: "b6acb9d84a38ff74" } }),
    given: [Redis.set("k", "Hello world")],
    gives: true
  },
  {
    command: Redis.delex("k", { onlyIf: { digestDiffers: "b6acb9d84a38ff74" } }),
    given: [Redis.set("k", "Hello world")],
    gives: false
  },
  { command: Redis.delifeq("k", "x"), gives: false },
  { command: Redis.delifeq("k", binary), given: [Redis.set("k", binary)], gives: true },
  { command: Redis.delifeq("k", "x"), given: [Redis.set("k", "y")], gives: false },
  { command: Redis.digest("k"), gives: Option.none() },
  { command: Redis.digest("k"), given: [Redis.set("k", "Hello world")], gives: Option.some("b6acb9d84a38ff74") },

  // values that are given and changed
  { command: Redis.getdel("k"), gives: Option.none() },
  { command: Redis.getdel("k"), given: [Redis.set("k", "x")], gives: Option.some("x") },
  { command: Command.bytes(Redis.getdel("k")), given: [Redis.set("k", binary)], gives: Option.some(binary) },
  { command: Redis.exists("k"), given: [Redis.set("k", "x"), Redis.getdel("k")], gives: 0 },
  { command: Redis.getex("k"), gives: Option.none() },
  { command: Redis.getex("k", { expire: "1 minute" }), given: [Redis.set("k", "x")], gives: Option.some("x") },
  { command: Command.bytes(Redis.getex("k")), given: [Redis.set("k", binary)], gives: Option.some(binary) },
  {
    command: Redis.pttl("k"),
    given: [Redis.set("k", "x"), Redis.getex("k", { expire: 30_000 })],
    gives: expiresWithin(30_000)
  },
  {
    command: Redis.pexpiretime("k"),
    given: [Redis.set("k", "x"), Redis.getex("k", { expireAt: future })],
    gives: futureExpiry
  },
  {
    command: Redis.pttl("k"),
    given: [Redis.set("k", "x", { expire: 30_000 }), Redis.getex("k", { persist: true })],
    gives: noExpiry
  },
  { command: Redis.getset("k", "v"), gives: Option.none() },
  { command: Redis.getset("k", "v"), given: [Redis.set("k", "x")], gives: Option.some("x") },
  { command: Command.bytes(Redis.getset("k", "v")), given: [Redis.set("k", binary)], gives: Option.some(binary) },

  // ranges
  { command: Redis.append("k", "abc"), gives: 3 },
  { command: Redis.append("k", "é"), given: [Redis.set("k", "abc")], gives: 5 },
  { command: Redis.getrange("k", 0, -1), gives: "" },
  { command: Redis.getrange("k", 1, -2), given: [Redis.set("k", "hello")], gives: "ell" },
  { command: Command.bytes(Redis.getrange("k", 0, 1)), given: [Redis.set("k", binary)], gives: bytes(0, 255) },
  { command: Redis.substr("k", 1, 2), given: [Redis.set("k", "hello")], gives: "el" },
  { command: Command.bytes(Redis.substr("k", 0, 0)), given: [Redis.set("k", binary)], gives: bytes(0) },
  { command: Redis.setrange("k", 2, "x"), gives: 3 },
  {
    command: Command.bytes(Redis.get("k")),
    given: [Redis.setrange("k", 2, "x")],
    gives: Option.some(bytes(0, 0, 120))
  },
  { command: Redis.strlen("k"), gives: 0 },
  { command: Redis.strlen("k"), given: [Redis.set("k", "é")], gives: 2 },

  // numbers
  { command: Redis.incr("n"), gives: 1 },
  { command: Redis.incr("n"), given: [Redis.set("n", -5)], gives: -4 },
  { command: Command.bigint(Redis.incr("n")), given: [Redis.set("n", big)], gives: big + 1n },
  { command: Redis.decr("n"), gives: -1 },
  { command: Redis.incrby("n", 10), gives: 10 },
  { command: Redis.incrby("n", -10), gives: -10 },
  { command: Command.bigint(Redis.incrby("n", big)), gives: big },
  { command: Command.bigint(Redis.incrby("n", 1)), gives: 1n },
  { command: Redis.decrby("n", 3), gives: -3 },
  { command: Command.bigint(Redis.decrby("n", big)), gives: -big },
  { command: Redis.incrbyfloat("n", 0.5), gives: 0.5 },
  { command: Redis.incrbyfloat("n", -1e-7), given: [Redis.set("n", "3.0e3")], gives: 2999.9999999 },
  { command: Redis.incrbyfloat("n", 2), given: [Redis.set("n", "1")], gives: 3 },
  { command: Redis.increx("n"), gives: { value: 1, added: 1 } },
  { command: Redis.increx("n", { by: -10 }), given: [Redis.set("n", 95)], gives: { value: 85, added: -10 } },
  { command: Redis.increx("n", { byFloat: 0.25 }), given: [Redis.set("n", 1.5)], gives: { value: 1.75, added: 0.25 } },
  {
    command: Redis.increx("n", { by: 5, upperBound: 100 }),
    given: [Redis.set("n", 99)],
    gives: { value: 99, added: 0 }
  },
  {
    command: Redis.increx("n", { by: 5, upperBound: 100n, saturate: true }),
    given: [Redis.set("n", 99)],
    gives: { value: 100, added: 1 }
  },
  {
    command: Redis.increx("n", { byFloat: -5, lowerBound: 0.5, saturate: true, expire: "1 minute" }),
    given: [Redis.set("n", 1)],
    gives: { value: 0.5, added: -0.5 }
  },
  {
    command: Redis.pexpiretime("n"),
    given: [
      Redis.set("n", 1, { expireAt: future }),
      Redis.increx("n", { expire: "1 minute", onlyIfNoExpiry: true }),
      Redis.increx("n")
    ],
    gives: futureExpiry
  },
  { command: Redis.pexpiretime("n"), given: [Redis.increx("n", { expireAt: future })], gives: futureExpiry },
  {
    command: Redis.pttl("n"),
    given: [Redis.set("n", 1, { expireAt: future }), Redis.increx("n", { persist: true })],
    gives: noExpiry
  },

  // subsequences
  { command: Redis.lcs("a", "b"), gives: "" },
  { command: Redis.lcs("a", "b"), given: [Redis.mset({ a: "ohmytext", b: "mynewtext" })], gives: "mytext" },
  {
    command: Command.bytes(Redis.lcs("a", "b")),
    given: [
      Redis.mset([
        ["a", binary],
        ["b", bytes(255, 128)]
      ])
    ],
    gives: bytes(255, 128)
  },
  {
    command: Redis.lcs("a", "b", { length: true }),
    given: [Redis.mset({ a: "ohmytext", b: "mynewtext" })],
    gives: 6
  },
  {
    command: Redis.lcs("a", "b", { matches: true }),
    given: [Redis.mset({ a: "ohmytext", b: "mynewtext" })],
    gives: {
      matches: [
        { first: [4, 7], second: [5, 8], length: 4 },
        { first: [2, 3], second: [0, 1], length: 2 }
      ],
      length: 6
    }
  },
  {
    command: Redis.lcs("a", "b", { matches: true, minLength: 4 }),
    given: [Redis.mset({ a: "ohmytext", b: "mynewtext" })],
    gives: { matches: [{ first: [4, 7], second: [5, 8], length: 4 }], length: 6 }
  },
  { command: Redis.lcs("a", "b", { matches: true }), gives: { matches: [], length: 0 } },

  // many keys
  { command: Redis.mget("k"), gives: [Option.none()] },
  {
    command: Redis.mget(["a", "x", "b"]),
    given: [Redis.mset({ a: 1, b: "two" })],
    gives: [Option.some("1"), Option.none(), Option.some("two")]
  },
  {
    command: Command.bytes(Redis.mget(["a", "x"])),
    given: [Redis.set("a", binary)],
    gives: [Option.some(binary), Option.none()]
  },
  { command: Redis.mset({ a: 1, b: "two" }), gives: "OK" },
  { command: Redis.mset([[binary, binary]]), gives: "OK" },
  { command: Redis.msetnx({ a: 1, b: 2 }), gives: true },
  { command: Redis.msetnx({ a: 1, b: 2 }), given: [Redis.set("b", 1)], gives: false },
  { command: Redis.msetex({ a: 1, b: 2 }), gives: true },
  { command: Redis.msetex({ a: 1, b: 2 }, { onlyIf: "absent" }), given: [Redis.set("b", 1)], gives: false },
  {
    command: Redis.msetex([[binary, 1]], { onlyIf: "present", expire: "1 minute" }),
    given: [Redis.set(binary, 0)],
    gives: true
  },
  {
    command: Redis.pexpiretime("b"),
    given: [Redis.msetex({ a: 1, b: 2 }, { expireAt: future }), Redis.msetex({ a: 1, b: 2 }, { keepTtl: true })],
    gives: futureExpiry
  },

  // older forms of SET
  { command: Redis.psetex("k", "1500 millis", "v"), gives: "OK" },
  { command: Redis.pttl("k"), given: [Redis.psetex("k", "9500 millis", "v")], gives: expiresWithin(9500) },
  { command: Redis.setex("k", "10 minutes", "v"), gives: "OK" },
  { command: Redis.ttl("k"), given: [Redis.setex("k", "9500 millis", "v")], gives: expiresWithin(10_000) },
  { command: Redis.setnx("k", "v"), gives: true },
  { command: Redis.setnx("k", "v"), given: [Redis.set("k", "x")], gives: false }
]
