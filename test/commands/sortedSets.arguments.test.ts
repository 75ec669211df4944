import { Command, Redis } from "@effect-resp/core"
import { Duration, type Option } from "effect"
import { describe, expect, expectTypeOf, it } from "vitest"

const refusals = (command: Command.Command<unknown>): ReadonlyArray<string> =>
  command.words.flatMap((word) => (word instanceof Command.InvalidArgument ? [word.reason] : []))

const keys = (command: Command.Command<unknown>) =>
  Command.keyPositions(command).map((position) => command.words[position])

const here = { longitude: 15, latitude: 37 }

describe("arguments of sorted sets, geo and pubsub", () => {
  it("what cannot be sent is refused by name", () => {
    expect(refusals(Redis.zadd("z", {}))).toEqual(["entries must not be empty"])
    expect(refusals(Redis.zadd("z", { a: Number.NaN }))).toEqual(["score is not a number"])
    expect(refusals(Redis.zadd("z", { a: 1, b: 2 }, { increment: true }))).toEqual(["increment takes one entry only"])
    expect(refusals(Redis.zadd("z", { a: 1 }, { onlyIf: "absent", onlyIfScore: "less" }))).toEqual([
      'options exclude each other: onlyIf "absent", onlyIfScore'
    ])
    expect(refusals(Redis.zcount("z", Number.NaN, { exclusive: Number.NaN }))).toEqual([
      "min is not a number",
      "max is not a number"
    ])
    expect(refusals(Redis.zlexcount("z", { inclusive: Number.NaN }, { exclusive: Infinity }))).toEqual([
      "min is not finite",
      "max is not finite"
    ])
    expect(refusals(Redis.zrange("z", 0.5, Number.NaN))).toEqual([
      "start must be a whole number",
      "stop must be a whole number"
    ])
    expect(refusals(Redis.zrange("z", 0, 1, { by: "score", limit: { offset: -1, count: 0.5 } }))).toEqual([
      "limit.offset must be a whole number of at least 0",
      "limit.count must be a whole number"
    ])
    expect(refusals(Redis.zunion(["x", "y"], { weights: [1] }))).toEqual(["weights must be as many as keys"])
    expect(refusals(Redis.zinterstore("d", ["x"], { weights: [Number.NaN] }))).toEqual(["weights is not a number"])
    expect(refusals(Redis.zdiff([]))).toEqual(["keys must not be empty"])
    expect(refusals(Redis.bzmpop("z", "min", Number.NaN, { count: 0 }))).toEqual([
      "timeout is not a duration",
      "count must be a whole number of at least 1"
    ])
    expect(refusals(Redis.geoadd("g", []))).toEqual(["entries must not be empty"])
    expect(refusals(Redis.geoadd("g", { a: { longitude: Number.NaN, latitude: Infinity } }))).toEqual([
      "longitude must be a number",
      "latitude must be a number"
    ])
    expect(refusals(Redis.geosearch("g", { polygon: [here, here] }))).toEqual(["polygon must have at least 3 corners"])
    expect(refusals(Redis.geosearch("g", { from: here, radius: -1 }, { any: true }))).toEqual([
      "radius must be a number of at least 0",
      "any needs count"
    ])
    expect(refusals(Redis.georadius("g", here, 1, { store: "d", storeDistances: "d" }))).toEqual([
      "options exclude each other: store, storeDistances"
    ])
    expect(refusals(Redis.pubsubNumsub([]))).toEqual(["channels must not be empty"])
  })

  it("only an infinite timeout is without end", () => {
    const timeout = (input: Duration.DurationInput) => {
      const command = Redis.bzpopmin("z", input)
      return [command.words.at(-1), command.blockMillis]
    }
    expect(timeout(Duration.infinity)).toEqual([0, 0])
    expect(timeout("1500 millis")).toEqual([1.5, 1500])
    expect(timeout(0)).toEqual([0.001, 1])
    expect(Redis.bzmpop("z", "max", "2 seconds").blockMillis).toBe(2000)
  })

  it("infinite scores and bounds are the server's words", () => {
    expect(Redis.zadd("z", { a: Number.NEGATIVE_INFINITY }).words.slice(2)).toEqual(["-inf", "a"])
    expect(Redis.zcount("z", { exclusive: -Infinity }, Infinity).words.slice(2)).toEqual(["(-inf", "+inf"])
    expect(Redis.zlexcount("z", { exclusive: Uint8Array.of(0, 255) }, "+").words.slice(2)).toEqual([
      Uint8Array.of(40, 0, 255),
      "+"
    ])
  })

  it("a shard channel is routed like a key, a key to store at is one", () => {
    expect(keys(Redis.spublish("orders", "shipped"))).toEqual(["orders"])
    expect(keys(Redis.publish("orders", "shipped"))).toEqual([])
    expect(keys(Redis.georadiusbymember("g", "STORE", 1, { store: "d" }))).toEqual(["g", "d"])
    expect(keys(Redis.georadiusbymember("g", "STORE", 1))).toEqual(["g"])
    expect(keys(Redis.georadius("g", here, 1, { storeDistances: "STORE" }))).toEqual(["g", "STORE"])
  })

  it("results have the type that the options ask for", () => {
    const area = { from: here, radius: 1 }
    type Found<D> = D extends Command.TextCommand<infer A, infer B> ? [A, B] : never
    const near = Redis.geosearch("g", area, { with: ["distance"] })
    expectTypeOf<Found<typeof near>[0][number]>().toExtend<{ readonly member: string; readonly distance: number }>()
    expectTypeOf<Found<typeof near>[1][number]>().toExtend<{ readonly member: Uint8Array; readonly distance: number }>()
    expectTypeOf<Found<typeof near>[0][number]>().not.toHaveProperty("hash")
    expectTypeOf(Redis.georadius("g", here, 1, { store: "d" })).toExtend<Command.IntegerCommand>()
    expectTypeOf(Redis.zadd("z", { a: 1 }, { increment: true })).toExtend<Command.Command<Option.Option<number>>>()
    expectTypeOf(Redis.zadd("z", { a: 1 })).toExtend<Command.IntegerCommand>()
    const scored = Redis.zrange("z", { exclusive: 1 }, 2, { by: "score", withScores: true })
    expectTypeOf<Found<typeof scored>[0]>().toExtend<ReadonlyArray<readonly [string, number]>>()
    // @ts-expect-error a limit needs `by`
    Redis.zrange("z", 0, 1, { limit: { count: 1 } })
    // @ts-expect-error there are no scores by lex
    Redis.zrange("z", "-", "+", { by: "lex", withScores: true })
    // @ts-expect-error indexes have no exclusive bounds
    Redis.zrange("z", { exclusive: 1 }, 2)
  })
})
