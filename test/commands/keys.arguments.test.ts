import { Command, Redis } from "@effect-resp/core"
import { DateTime, Duration } from "effect"
import { describe, expect, it } from "vitest"

const refusals = (command: Command.Command<unknown>): ReadonlyArray<string> =>
  command.words.flatMap((word) => (word instanceof Command.InvalidArgument ? [word.reason] : []))

const invalid = <A>(value: unknown): A => value as A
const serialized = Uint8Array.of(0)

describe("arguments of strings, keys, bitmaps and HyperLogLogs", () => {
  it("what cannot be sent is refused by name", () => {
    expect(refusals(Redis.set("k", "v", { expire: "1 second", keepTtl: true }))).toEqual([
      "options exclude each other: expire, keepTtl"
    ])
    expect(refusals(Redis.set("k", "v", { expire: Duration.infinity }))).toEqual(["expire is not finite"])
    expect(refusals(Redis.set("k", "v", { expire: Number.NaN }))).toEqual(["expire is not a duration"])
    expect(refusals(Redis.set("k", "v", { expireAt: new Date(Number.NaN) }))).toEqual(["expireAt is not a valid date"])
    expect(refusals(Redis.set("k", "v", { onlyIf: invalid({}) }))).toEqual(["onlyIf must be one condition"])
    expect(refusals(Redis.set("k", "v", { onlyIf: invalid({ equals: 1, differs: 2 }) }))).toEqual([
      "onlyIf must be one condition"
    ])
    expect(refusals(Redis.getex("k", { expire: 1, persist: true }))).toEqual([
      "options exclude each other: expire, persist"
    ])
    expect(refusals(Redis.incrby("k", 0.5))).toEqual(["increment must be a whole number"])
    expect(refusals(Redis.decrby("k", 2 ** 53))).toEqual(["decrement must be a whole number"])
    expect(refusals(Redis.increx("k", { by: 1, byFloat: 1 }))).toEqual(["options exclude each other: by, byFloat"])
    expect(refusals(Redis.increx("k", { upperBound: 0.5 }))).toEqual(["upperBound must be a whole number"])
    expect(refusals(Redis.increx("k", { byFloat: 0.5, upperBound: 0.5 }))).toEqual([])
    expect(refusals(Redis.getrange("k", 0.5, Number.NaN))).toEqual([
      "start must be a whole number",
      "stop must be a whole number"
    ])
    expect(refusals(Redis.setrange("k", -1, "v"))).toEqual(["offset must be a whole number of at least 0"])
    expect(refusals(Redis.mget([]))).toEqual(["keys must not be empty"])
    expect(refusals(Redis.mset({}))).toEqual(["entries must not be empty"])
    expect(refusals(Redis.msetex([]))).toEqual(["entries must not be empty"])
    expect(refusals(Redis.lcs("a", "b", invalid({ length: true, matches: true })))).toEqual([
      "options exclude each other: length, matches"
    ])

    expect(refusals(Redis.del([]))).toEqual(["keys must not be empty"])
    expect(refusals(Redis.copy("a", "b", { database: -1 }))).toEqual(["database must be a whole number of at least 0"])
    expect(refusals(Redis.expire("k", Number.NaN))).toEqual(["expire is not a duration"])
    expect(refusals(Redis.expire("k", Duration.infinity))).toEqual(["expire is not finite"])
    expect(refusals(Redis.pexpire("k", Number.NaN))).toEqual(["expire is not a duration"])
    expect(refusals(Redis.expireat("k", new Date(Number.NaN)))).toEqual(["expireAt is not a valid date"])
    expect(refusals(Redis.migrate([], { host: "h", port: 0, timeout: Duration.infinity, username: "u" }))).toEqual([
      "port must be a whole number of at least 1",
      "timeout is not finite",
      "username needs a password",
      "keys must not be empty"
    ])
    expect(refusals(Redis.restore("k", serialized, { expire: 0 }))).toEqual(["the expiry must be after zero"])
    expect(refusals(Redis.restore("k", serialized, { expireAt: new Date(0) }))).toEqual([
      "the expiry must be after zero"
    ])
    expect(refusals(Redis.restore("k", serialized, { expire: 1, expireAt: new Date() }))).toEqual([
      "options exclude each other: expire, expireAt"
    ])
    expect(refusals(Redis.restore("k", serialized, { idleTime: 1, frequency: 1 }))).toEqual([
      "options exclude each other: idleTime, frequency"
    ])
    expect(refusals(Redis.scan("0", { count: 0 }))).toEqual(["count must be a whole number of at least 1"])
    expect(refusals(Redis.sort("k", { get: [], limit: { offset: -1, count: 0.5 } }))).toEqual([
      "offset must be a whole number of at least 0",
      "count must be a whole number",
      "get must not be empty"
    ])
    expect(refusals(Redis.wait(-1, Number.NaN))).toEqual([
      "replicas must be a whole number of at least 0",
      "timeout is not a duration"
    ])

    expect(refusals(Redis.setbit("k", -1, invalid(2)))).toEqual([
      "offset must be a whole number of at least 0",
      "bit must be 0 or 1"
    ])
    expect(refusals(Redis.bitcount("k", { start: 0.5 }))).toEqual(["start must be a whole number"])
    expect(refusals(Redis.bitpos("k", 1, { start: 3, unit: "bit" }))).toEqual(["unit needs a stop"])
    expect(refusals(Redis.bitop("not", "d", ["a", "b"]))).toEqual(["sources of not must be a single one"])
    expect(refusals(Redis.bitop("and", "d", []))).toEqual(["sources must not be empty"])
    expect(refusals(Redis.bitfield("k", []))).toEqual(["operations must not be empty"])
    const type = "the type of a bit field is i1 to i64 or u1 to u63"
    for (const bad of ["u64", "i65", "i0", "u", "i1.5", "u-1"] as const) {
      expect(refusals(Redis.bitfield_ro("k", [{ get: invalid(bad), offset: 0 }]))).toEqual([type])
    }
    expect(refusals(Redis.bitfield_ro("k", [{ get: "i64", offset: invalid("#x") }]))).toEqual([
      "offset must be a bit, or # and a whole number"
    ])
    expect(refusals(Redis.pfadd("h", []))).toEqual(["elements must not be empty"])
    expect(refusals(Redis.pfmerge("h", []))).toEqual(["sources must not be empty"])
  })

  it("an infinite wait is without end, and no other is", () => {
    const timeout = (input: Duration.DurationInput) => {
      const command = Redis.wait(1, input)
      return [command.words.at(-1), command.blockMillis]
    }
    expect(timeout(Duration.infinity)).toEqual([0, 0])
    expect(timeout("90 seconds")).toEqual([90_000, 90_000])
    expect(timeout(0)).toEqual([1, 1])
  })

  it("durations and instants are rounded up", () => {
    expect(Redis.expire("k", 1).words[2]).toBe(1)
    expect(Redis.setex("k", "1001 millis", "v").words[2]).toBe(2)
    expect(Redis.pexpire("k", 1.5).words[2]).toBe(2)
    expect(Redis.expireat("k", new Date(1001)).words[2]).toBe(2)
    expect(Redis.pexpireat("k", DateTime.unsafeMake(1001)).words[2]).toBe(1001)
  })

  it("the time that a transfer may take is no deadline of the client", () => {
    expect(Redis.migrate("k", { host: "h", port: 1, timeout: "30 seconds" }).blockMillis).toBe(30_000)
    expect(Redis.migrate("k", { host: "h", port: 1, timeout: 0 }).words[5]).toBe(1)
  })
})
