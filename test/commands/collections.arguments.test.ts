import { Command, Redis } from "@effect-resp/core"
import { Duration } from "effect"
import { describe, expect, it } from "vitest"

const refusals = (command: Command.Command<unknown>): ReadonlyArray<string> =>
  command.words.flatMap((word) => (word instanceof Command.InvalidArgument ? [word.reason] : []))

describe("arguments of hashes, lists and sets", () => {
  it("what cannot be sent is refused by name", () => {
    expect(refusals(Redis.hset("h", {}))).toEqual(["entries must not be empty"])
    expect(refusals(Redis.hdel("h", []))).toEqual(["fields must not be empty"])
    expect(refusals(Redis.hincrby("h", "a", 0.5))).toEqual(["increment must be a whole number"])
    expect(refusals(Redis.hincrby("h", "a", 2 ** 53))).toEqual(["increment must be a whole number"])
    expect(refusals(Redis.hscan("h", "0", { count: 0 }))).toEqual(["count must be a whole number of at least 1"])
    expect(refusals(Redis.hexpire("h", Duration.infinity, "a"))).toEqual(["expire is not finite"])
    expect(refusals(Redis.hpexpire("h", Number.NaN, "a"))).toEqual(["expire is not a duration"])
    expect(refusals(Redis.hpexpireat("h", new Date(Number.NaN), "a"))).toEqual(["expireAt is not a valid date"])
    expect(refusals(Redis.httl("h", []))).toEqual(["fields must not be empty"])
    expect(refusals(Redis.hgetex("h", "a", { expire: "1 second", persist: true }))).toEqual([
      "options exclude each other: expire, persist"
    ])
    expect(refusals(Redis.hsetex("h", {}, { expireAt: new Date(), keepTtl: true }))).toEqual([
      "options exclude each other: expireAt, keepTtl",
      "entries must not be empty"
    ])
    expect(refusals(Redis.lpos("l", "a", { rank: 0 }))).toEqual(["rank must not be 0"])
    expect(refusals(Redis.lpop("l", { count: -1 }))).toEqual(["count must be a whole number of at least 0"])
    expect(refusals(Redis.lmpop([], "left", { count: 0 }))).toEqual([
      "keys must not be empty",
      "count must be a whole number of at least 1"
    ])
    expect(refusals(Redis.lmovem("l", "m", "left", "right", { count: 1, exactly: 1 }))).toEqual([
      "options exclude each other: count, exactly"
    ])
    expect(refusals(Redis.lrange("l", 0.5, Number.NaN))).toEqual([
      "start must be a whole number",
      "stop must be a whole number"
    ])
    expect(refusals(Redis.blpop("l", Number.NaN))).toEqual(["timeout is not a duration"])
    expect(refusals(Redis.sadd("s", []))).toEqual(["members must not be empty"])
  })

  it("what is none of the choices does not pass for one of them", () => {
    const none = (word: string): never => word as never
    expect(refusals(Redis.set("k", "v", { onlyIf: none("NX") }))).toEqual(['onlyIf must be "absent" or "present"'])
    expect(refusals(Redis.msetex({ k: "v" }, { onlyIf: none("nx") }))).toEqual(['onlyIf must be "absent" or "present"'])
    expect(refusals(Redis.lmove("a", "b", none("LEFT"), none("toString")))).toEqual([
      'the end must be "left" or "right"',
      'the end must be "left" or "right"'
    ])
    expect(refusals(Redis.linsert("l", none("BEFORE"), "p", "e"))).toEqual(['where must be "before" or "after"'])
    expect(refusals(Redis.lmovem("a", "b", "left", "left", { count: 1, order: none("OBO") }))).toEqual([
      'order must be "bulk" or "oneByOne"'
    ])
    expect(refusals(Redis.zadd("z", { a: 1 }, { onlyIf: none("NX") }))).toEqual([
      'onlyIf must be "absent" or "present"'
    ])
    expect(refusals(Redis.zadd("z", { a: 1 }, { onlyIfScore: none("GT") }))).toEqual([
      'onlyIfScore must be "greater" or "less"'
    ])
    expect(refusals(Redis.zmpop("z", none("MIN")))).toEqual(['the end must be "min" or "max"'])
    expect(refusals(Redis.zlexcount("z", { inclusive: undefined as never }, "+"))).toEqual([
      "min must be text, a number or bytes"
    ])
    expect(Redis.zlexcount("z", { inclusive: 1e21 }, "+").words).toContain("[1000000000000000000000")
    expect(refusals(Redis.hsetex("h", { f: "v" }, { onlyIf: none("FNX"), onlyIfKey: none("NX") }))).toEqual([
      'onlyIfKey must be "absent" or "present"',
      'onlyIf must be "absent" or "present"'
    ])
    expect(refusals(Redis.geoadd("g", { a: { longitude: 0, latitude: 0 } }, { onlyIf: none("NX") }))).toEqual([
      'onlyIf must be "absent" or "present"'
    ])
    expect(refusals(Redis.sort("l", { order: none("DESC") }))).toEqual(['order must be "ascending" or "descending"'])
    expect(refusals(Redis.bitcount("b", { start: 0, stop: 1, unit: none("BIT") }))).toEqual(['unit must be "bit"'])
    expect(refusals(Redis.flushall({ mode: none("ASYNC") }))).toEqual(['mode must be "async" or "sync"'])
    expect(refusals(Redis.scriptFlush({ mode: none("ASYNC") }))).toEqual(['mode must be "async" or "sync"'])
  })

  it("what cannot be sent is refused by name, of sets", () => {
    expect(refusals(Redis.sintercard(["s"], { limit: -1 }))).toEqual(["limit must be a whole number of at least 0"])
  })

  it("only an infinite timeout is without end", () => {
    const timeout = (input: Duration.DurationInput) => {
      const command = Redis.blpop("l", input)
      return [command.words.at(-1), command.blockMillis]
    }
    expect(timeout(Duration.infinity)).toEqual([0, 0])
    expect(timeout("90 seconds")).toEqual([90, 90_000])
    expect(timeout("1500 millis")).toEqual([1.5, 1500])
    expect(timeout(0)).toEqual([0.001, 1])
    expect(timeout("10 micros")).toEqual([0.001, 1])
  })

  it("seconds are rounded up", () => {
    expect(Redis.hexpire("h", 1, "a").words[2]).toBe(1)
    expect(Redis.hexpireat("h", new Date(1001), "a").words[2]).toBe(2)
    expect(Redis.hpexpireat("h", new Date(1001), "a").words[2]).toBe(1001)
  })
})
