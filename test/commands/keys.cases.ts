import { Command, Redis, type Reply } from "@effect-resp/core"
import { Duration, Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const future = new Date("2100-01-01T00:00:00.123Z")
const futureSecond = new Date("2100-01-01T00:00:01Z")
const past = new Date("2001-01-01T00:00:00Z")
const noKey = { _tag: "NoKey" }
const noExpiry = { _tag: "NoExpiry" }
const k = Redis.set("k", "v")
const kExpires = Redis.set("k", "v", { expireAt: future })
const expiresAt = (date: Date) => ({ _tag: "ExpiresAt", date })

const expiresWithin = (millis: number) => (ttl: Redis.Ttl) =>
  ttl._tag === "ExpiresIn" &&
  Duration.toMillis(ttl.duration) > millis - 5000 &&
  Duration.toMillis(ttl.duration) <= millis

const sorted = (...expected: ReadonlyArray<string>) => {
  return (found: ReadonlyArray<string>) => [...found].sort().join() === expected.join()
}

/** What DUMP gives for the string `v` in RDB version 6, which every server reads. */
const serialized = Uint8Array.of(0, 1, 118, 6, 0, 7, 229, 166, 50, 236, 109, 182, 93)

export const keys: ReadonlyArray<Case> = [
  { command: Redis.copy("k", "l"), gives: false },
  { command: Redis.copy("k", "l"), given: [k], gives: true },
  { command: Redis.copy("k", "l"), given: [k, Redis.set("l", "x")], gives: false },
  { command: Redis.copy("k", "l", { replace: true }), given: [k, Redis.set("l", "x")], gives: true },
  { command: Redis.copy("k", "k", { database: 1 }), given: [k], gives: true },
  {
    command: Redis.copy("k", "k", { database: 1, replace: true }),
    given: [k, Redis.copy("k", "k", { database: 1 })],
    gives: true
  },
  { command: Redis.del("k"), gives: 0 },
  { command: Redis.del(["k", binary, "x"]), given: [k, Redis.set(binary, 1)], gives: 2 },
  { command: Redis.dump("k"), gives: Option.none() },
  {
    command: Redis.dump("k"),
    given: [k],
    gives: (dump: Option.Option<Uint8Array>) =>
      Option.isSome(dump) && dump.value instanceof Uint8Array && [...dump.value.subarray(0, 3)].join() === "0,1,118"
  },
  { command: Redis.exists("k"), gives: 0 },
  { command: Redis.exists(["k", "k", "x"]), given: [k], gives: 2 },
  { command: Redis.keys("*"), gives: [] },
  {
    command: Redis.keys("user:?"),
    given: [Redis.mset({ "user:1": 1, "user:2": 1, "user:10": 1 })],
    gives: sorted("user:1", "user:2")
  },
  { command: Command.bytes(Redis.keys("*")), given: [Redis.set(binary, 1)], gives: [binary] },
  { command: Redis.move("k", 1), gives: false },
  { command: Redis.move("k", 1), given: [k], gives: true },
  { command: Redis.move("k", 1), given: [k, Redis.copy("k", "k", { database: 1 })], gives: false },
  { command: Redis.randomkey, gives: Option.none() },
  { command: Redis.randomkey, given: [k], gives: Option.some("k") },
  { command: Command.bytes(Redis.randomkey), given: [Redis.set(binary, 1)], gives: Option.some(binary) },
  { command: Redis.rename("k", "l"), given: [k, Redis.set("l", "x")], gives: "OK" },
  { command: Redis.renamenx("k", "l"), given: [k, Redis.set("l", "x")], gives: false },
  { command: Redis.renamenx("k", "l"), given: [k], gives: true },
  { command: Redis.touch("k"), gives: 0 },
  { command: Redis.touch(["k", "x"]), given: [k], gives: 1 },
  { command: Redis.type("k"), gives: "none" },
  { command: Redis.type("k"), given: [k], gives: "string" },
  { command: Redis.type("k"), given: [Redis.zadd("k", { a: 1 })], gives: "zset" },
  { command: Redis.unlink("k"), gives: 0 },
  { command: Redis.unlink(["k", "x"]), given: [k], gives: 1 },

  // MIGRATE: no server listens on port 1, which does not matter where there is no key
  { command: Redis.migrate("k", { host: "127.0.0.1", port: 1 }), gives: false },
  {
    command: Redis.migrate(["k", "KEYS"], {
      host: "127.0.0.1",
      port: 1,
      database: 1,
      timeout: "50 millis",
      copy: true,
      replace: true,
      username: "KEYS",
      password: "KEYS"
    }),
    gives: false
  },
  { command: Redis.migrate("k", { host: "127.0.0.1", port: 1, password: "KEYS" }), gives: false },

  // RESTORE
  { command: Redis.restore("k", serialized), gives: "OK" },
  { command: Redis.get("k"), given: [Redis.restore("k", serialized)], gives: Option.some("v") },
  { command: Redis.pttl("k"), given: [Redis.restore("k", serialized)], gives: noExpiry },
  { command: Redis.restore("k", serialized, { replace: true }), given: [Redis.set("k", "x")], gives: "OK" },
  {
    command: Redis.pttl("k"),
    given: [Redis.restore("k", serialized, { expire: "1 minute" })],
    gives: expiresWithin(60_000)
  },
  {
    command: Redis.pexpiretime("k"),
    given: [Redis.restore("k", serialized, { expireAt: future })],
    gives: expiresAt(future)
  },
  { command: Redis.restore("k", serialized, { frequency: 7 }), gives: "OK" },
  {
    command: Redis.objectIdletime("k"),
    given: [Redis.restore("k", serialized, { idleTime: "1 hour" })],
    gives: (idle: Option.Option<Duration.Duration>) =>
      Option.isSome(idle) && Duration.toSeconds(idle.value) >= 3590 && Duration.toSeconds(idle.value) <= 3700
  },

  // OBJECT
  { command: Redis.objectEncoding("k"), gives: Option.none() },
  { command: Redis.objectEncoding("k"), given: [k], gives: Option.some("embstr") },
  { command: Redis.objectEncoding("k"), given: [Redis.set("k", 7)], gives: Option.some("int") },
  { command: Redis.objectIdletime("k"), gives: Option.none() },
  {
    command: Redis.objectIdletime("k"),
    given: [k],
    gives: (idle: Option.Option<Duration.Duration>) => Option.isSome(idle) && Duration.toSeconds(idle.value) <= 60
  },
  { command: Redis.objectRefcount("k"), gives: Option.none() },
  { command: Redis.objectRefcount("k"), given: [k], gives: Option.some(1) },
  {
    command: Redis.objectHelp,
    gives: (lines: ReadonlyArray<string>) => lines.length > 3 && lines.every((line) => typeof line === "string")
  },
  { command: Redis.objectFreq("k"), gives: Option.none() },
  {
    command: Redis.objectFreq("k"),
    given: [
      Command.make(["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"]),
      Redis.restore("k", serialized, { frequency: 7 })
    ],
    gives: Option.some(7)
  },

  // SCAN
  { command: Redis.scan("0"), gives: { cursor: "0", items: [] } },
  { command: Redis.scan("0"), given: [k], gives: { cursor: "0", items: ["k"] } },
  {
    command: Redis.scan("0", { match: "user:*", count: 100, type: "hash" }),
    given: [Redis.set("user:1", 1), Redis.hset("user:2", { a: 1 }), Redis.hset("x", { a: 1 })],
    gives: { cursor: "0", items: ["user:2"] }
  },
  {
    command: Redis.scan("0", { count: 1 }),
    given: [Redis.mset(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, i])))],
    gives: ({ cursor, items }: Reply.Page<ReadonlyArray<string>>) => /^[1-9]\d*$/.test(cursor) && items.length < 50
  },
  {
    command: Command.bytes(Redis.scan("0", { match: binary })),
    given: [Redis.set(binary, 1)],
    gives: { cursor: "0", items: [binary] }
  },

  // expiry
  { command: Redis.expire("k", "10 seconds"), gives: false },
  { command: Redis.expire("k", "10 seconds"), given: [k], gives: true },
  { command: Redis.expire("k", 0), given: [k], gives: true },
  { command: Redis.exists("k"), given: [k, Redis.expire("k", 0)], gives: 0 },
  {
    command: Redis.ttl("k"),
    given: [k, Redis.expire("k", "9001 millis")],
    gives: expiresWithin(10_000)
  },
  {
    command: Redis.expire("k", "10 seconds", { onlyIf: "noExpiry" }),
    given: [k],
    gives: true,
    since: { redis: "7.0" }
  },
  {
    command: Redis.expire("k", "10 seconds", { onlyIf: "hasExpiry" }),
    given: [k],
    gives: false,
    since: { redis: "7.0" }
  },
  {
    command: Redis.expire("k", "10 seconds", { onlyIf: "later" }),
    given: [kExpires],
    gives: false,
    since: { redis: "7.0" }
  },
  { command: Redis.expire("k", "10 seconds", { onlyIf: "sooner" }), given: [k], gives: true, since: { redis: "7.0" } },
  {
    command: Redis.expire("k", "10 seconds", { onlyIf: "hasExpiryAndSooner" }),
    given: [k],
    gives: false,
    since: { redis: "7.0" }
  },
  {
    command: Redis.expire("k", "10 seconds", { onlyIf: "hasExpiryAndSooner" }),
    given: [kExpires],
    gives: true,
    since: { redis: "7.0" }
  },
  { command: Redis.pexpire("k", "1500 millis"), given: [k], gives: true },
  { command: Redis.pttl("k"), given: [k, Redis.pexpire("k", 9500.1)], gives: expiresWithin(9501) },
  { command: Redis.pexpire("k", 1, { onlyIf: "noExpiry" }), given: [kExpires], gives: false, since: { redis: "7.0" } },
  { command: Redis.expireat("k", future), gives: false },
  { command: Redis.expireat("k", future), given: [k], gives: true },
  { command: Redis.expireat("k", past), given: [k], gives: true },
  { command: Redis.exists("k"), given: [k, Redis.expireat("k", past)], gives: 0 },
  { command: Redis.expireat("k", future, { onlyIf: "later" }), given: [k], gives: false, since: { redis: "7.0" } },
  { command: Redis.pexpiretime("k"), given: [k, Redis.expireat("k", future)], gives: expiresAt(futureSecond) },
  { command: Redis.pexpireat("k", future), given: [k], gives: true },
  { command: Redis.pexpireat("k", future, { onlyIf: "hasExpiry" }), given: [k], gives: false, since: { redis: "7.0" } },
  { command: Redis.pexpiretime("k"), given: [k, Redis.pexpireat("k", future)], gives: expiresAt(future) },
  { command: Redis.expiretime("k"), gives: noKey },
  { command: Redis.expiretime("k"), given: [k], gives: noExpiry },
  { command: Redis.expiretime("k"), given: [k, Redis.expireat("k", futureSecond)], gives: expiresAt(futureSecond) },
  { command: Redis.pexpiretime("k"), gives: noKey },
  { command: Redis.pexpiretime("k"), given: [k], gives: noExpiry },
  { command: Redis.ttl("k"), gives: noKey },
  { command: Redis.ttl("k"), given: [k], gives: noExpiry },
  { command: Redis.ttl("k"), given: [k, Redis.expire("k", "1 minute")], gives: expiresWithin(60_000) },
  { command: Redis.pttl("k"), gives: noKey },
  { command: Redis.pttl("k"), given: [k], gives: noExpiry },
  { command: Redis.pttl("k"), given: [k, Redis.expire("k", "1 minute")], gives: expiresWithin(60_000) },
  { command: Redis.persist("k"), gives: false },
  { command: Redis.persist("k"), given: [k], gives: false },
  { command: Redis.persist("k"), given: [kExpires], gives: true },

  // SORT
  { command: Redis.sort("l"), gives: [] },
  { command: Redis.sort("l"), given: [Redis.rpush("l", [10, 9, 1])], gives: ["1", "9", "10"] },
  {
    command: Redis.sort("l", { order: "descending", limit: { offset: 1, count: 2 } }),
    given: [Redis.rpush("l", [10, 9, 1])],
    gives: ["9", "1"]
  },
  {
    command: Redis.sort("s", { alphabetic: true, order: "ascending" }),
    given: [Redis.sadd("s", ["b", "10", "9"])],
    gives: ["10", "9", "b"]
  },
  {
    command: Command.bytes(Redis.sort("l", { by: "nosort", limit: { count: 1 } })),
    given: [Redis.rpush("l", [binary, "x"])],
    gives: [binary]
  },
  {
    command: Redis.sort("l", { by: "w:*", get: "n:*" }),
    given: [Redis.rpush("l", [1, 2]), Redis.mset({ "w:1": 9, "w:2": 3, "n:2": "two" })],
    gives: [Option.some("two"), Option.none()]
  },
  {
    command: Redis.sort("l", { by: "u:*->age", get: ["#", "u:*->name"] }),
    given: [Redis.rpush("l", [1, 2]), Redis.hset("u:1", { age: 30, name: "ann" }), Redis.hset("u:2", { age: 20 })],
    gives: [
      [Option.some("2"), Option.none()],
      [Option.some("1"), Option.some("ann")]
    ]
  },
  {
    command: Command.bytes(Redis.sort("l", { get: ["n:*", "#"] })),
    given: [Redis.rpush("l", 1), Redis.set("n:1", binary)],
    gives: [[Option.some(binary), Option.some(Uint8Array.of(49))]]
  },
  { command: Redis.sort("l", { by: "STORE", get: "STORE", store: "d" }), given: [Redis.rpush("l", [3, 1])], gives: 2 },
  {
    command: Redis.lrange("d", 0, -1),
    given: [Redis.rpush("l", [3, 1]), Redis.sort("l", { store: "d" })],
    gives: ["1", "3"]
  },
  { command: Redis.sort_ro("l"), gives: [] },
  {
    command: Redis.sort_ro("l", { order: "descending", alphabetic: true, limit: { count: 2 } }),
    given: [Redis.rpush("l", ["b", "a", "c"])],
    gives: ["c", "b"]
  },
  {
    command: Redis.sort_ro("l", { by: "w:*", get: "#" }),
    given: [Redis.rpush("l", [1, 2]), Redis.mset({ "w:1": 9, "w:2": 3 })],
    gives: [Option.some("2"), Option.some("1")]
  },
  {
    command: Redis.sort_ro("l", { get: ["#", "x*"] }),
    given: [Redis.rpush("l", 1)],
    gives: [[Option.some("1"), Option.none()]]
  },

  // replicas
  { command: Redis.wait(0, Duration.infinity), gives: 0 },
  { command: Redis.wait(1, "1 millis"), given: [k], gives: 0 },
  { command: Command.bigint(Redis.wait(0, 1)), gives: 0n },
  { command: Redis.waitaof(0, 0, "1 second"), gives: { local: 0, replicas: 0 } }
]
