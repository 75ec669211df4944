import { Slot } from "@effect-resp/cluster"
import { type Plan, planOf, slotOfKeys } from "@effect-resp/cluster/internal/plan"
import { Command, Redis, Reply } from "@effect-resp/core"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"

const slot = (key: Command.Argument): Plan => ({ _tag: "Slot", slot: Slot.ofKey(key) })

const foo = Slot.ofKey("foo")
const bar = Slot.ofKey("bar")

describe("a plan", () => {
  it("sends a command to the slot of its keys", () => {
    expect(planOf(Redis.get("foo"))).toEqual(slot("foo"))
    expect(planOf(Redis.set("ü", "x"))).toEqual(slot("ü"))
    expect(planOf(Redis.get(12))).toEqual(slot("12"))
    expect(planOf(Redis.get(new Uint8Array([0xff])))).toEqual(slot(new Uint8Array([0xff])))
    expect(planOf(Redis.rename("{a}x", "{a}y"))).toEqual(slot("a"))
    expect(planOf(Redis.mget(["{a}x", "{a}y", "{a}x"]))).toEqual(slot("a"))
    expect(planOf(Redis.zunionstore("{a}x", ["{a}y"]))).toEqual(slot("a"))
    expect(planOf(Command.make(["OBJECT", "FREQ", "foo"], { keys: [2] }))).toEqual(slot("foo"))
  })

  it("has a policy for a command without keys", () => {
    expect(planOf(Redis.dbsize)).toMatchObject({ _tag: "Keyless", policy: { to: "primaries" } })
    expect(planOf(Redis.eval("return 1"))).toMatchObject({ _tag: "Keyless", policy: { to: "any" } })
    expect(planOf(Redis.scan("0"))).toMatchObject({ _tag: "Keyless", policy: { to: "refused" } })
  })

  it("leaves a bad or missing key to who refuses it", () => {
    const any = { _tag: "Keyless", policy: { to: "any" } }
    const bad = new Command.InvalidArgument("bad")
    const get = Command.define("GET")
    const del = Command.define("DEL", { keys: Command.keyRange(1, -1) })
    expect(planOf(get([bad], Reply.value))).toMatchObject(any)
    expect(planOf(get([], Reply.value))).toMatchObject(any)
    expect(planOf(get([Object.create(null)], Reply.value))).toMatchObject(any)
    expect(planOf(del(["foo", bad, "bar"], Reply.value))).toMatchObject(any)
    for (const keys of [[9], [-1], [0.5], [Number.NaN]]) {
      expect(planOf(Command.make(["GET", "foo"], { keys }))).toMatchObject(any)
    }
  })

  it("sends no part when another part cannot be sent", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, undefined as never, null as never]) {
      const plan = planOf(
        Redis.mset([
          ["foo", 1],
          ["bar", value]
        ])
      )
      expect(plan).toMatchObject({ _tag: "Keyless", policy: { to: "any" } })
    }
  })

  it.each([
    Redis.msetnx({ foo: 1, bar: 2 }),
    Redis.rename("foo", "bar"),
    Redis.sinterstore("foo", ["bar"]),
    Redis.pfcount(["foo", "bar"])
  ])("does not split %s", (command) => {
    expect(planOf(command)).toEqual({ _tag: "Cross", slots: [foo, bar] })
  })

  it("does not split a command whose keys are named in part or in another order", () => {
    const cross = { _tag: "Cross" }
    expect(planOf(Command.make(["MGET", "foo", "x", "bar"], { keys: [1, 3] }))).toMatchObject(cross)
    expect(planOf(Command.make(["MGET", "foo", "bar"], { keys: [2, 1] }))).toMatchObject(cross)
    expect(planOf(Command.make(["MSET", "foo", "1", "bar"], { keys: [1, 3] }))).toMatchObject(cross)
    expect(planOf(Command.make(["DEL", "foo", "bar", "x"], { keys: [1, 2] }))).toMatchObject(cross)
  })

  it("splits by slot, in the order of the keys, duplicates kept", () => {
    const plan = planOf(Redis.exists(["foo", "bar", "{foo}1", "foo"]))
    expect(plan).toMatchObject({
      _tag: "Split",
      parts: [
        { slot: foo, words: ["EXISTS", "foo", "{foo}1", "foo"] },
        { slot: bar, words: ["EXISTS", "bar"] }
      ]
    })
    const mset = planOf(
      Redis.mset([
        ["foo", 1],
        ["bar", 2],
        ["foo", 3]
      ])
    )
    expect(mset).toMatchObject({
      parts: [
        { slot: foo, words: ["MSET", "foo", 1, "foo", 3] },
        { slot: bar, words: ["MSET", "bar", 2] }
      ]
    })
  })

  it("splits words of Command.make in any case", () => {
    const plan = planOf(Command.make(["unlink", "foo", "bar"], { keys: [1, 2] }))
    expect(plan).toMatchObject({ _tag: "Split", parts: [{ words: ["unlink", "foo"] }, { words: ["unlink", "bar"] }] })
  })

  it("gives what no list decodes from when a part has not as many values as keys", () => {
    const plan = planOf(Redis.mget(["foo", "bar"]))
    if (plan._tag !== "Split") throw new Error(plan._tag)
    expect(plan.merge([["1"], ["2"]])).toEqual(["1", "2"])
    for (const replies of [[["1"]], [["1"], []], [["1"], ["2", "3"]], [["1"], null], ["1", "2"], []]) {
      expect(plan.merge(replies)).toBe(false)
    }
  })
})

describe("the parts of a split command together", () => {
  const key = fc.stringOf(fc.constantFrom("a", "b", "{a}", "ü"), { minLength: 1, maxLength: 3 })
  const keys = fc.array(key, { minLength: 1, maxLength: 12 })

  /** A server that knows what it is asked here. */
  const server =
    (map: Map<string, string>) =>
    (words: ReadonlyArray<Command.Word>): Reply.Raw => {
      const [name, ...args] = words.map(String)
      if (name === "MGET") return args.map((key) => map.get(key) ?? null)
      if (name === "DEL" || name === "UNLINK") return args.filter((key) => map.delete(key)).length
      if (name === "EXISTS" || name === "TOUCH") return args.filter((key) => map.has(key)).length
      for (let i = 0; i < args.length; i += 2) map.set(args[i]!, args[i + 1]!)
      return "OK"
    }

  const run = (command: Command.Command<unknown>, answer: (words: ReadonlyArray<Command.Word>) => Reply.Raw) => {
    const plan = planOf(command)
    if (plan._tag === "Slot") return answer(command.words)
    if (plan._tag !== "Split") throw new Error(plan._tag)
    for (const { slot, words } of plan.parts) {
      const step = command.definition.name === "MSET" ? 2 : 1
      const own = words.slice(1).filter((_, i) => i % step === 0)
      expect(own.map((key) => Slot.ofKey(key as string))).toEqual(own.map(() => slot))
    }
    expect(new Set(plan.parts.map(({ slot }) => slot)).size).toBe(plan.parts.length)
    return plan.merge(plan.parts.map(({ words }) => answer(words)))
  }

  it("answer what one server would, and leave the same behind", () => {
    let split = 0
    fc.assert(
      fc.property(keys, fc.array(fc.tuple(key, fc.string()), { minLength: 1, maxLength: 12 }), (keys, entries) => {
        const [whole, parts] = [new Map<string, string>(), new Map<string, string>()]
        const commands = [
          Redis.mset(entries),
          Redis.mget(keys),
          Redis.exists(keys),
          Redis.touch(keys),
          Redis.del(keys.slice(0, 2)),
          Redis.mget(keys),
          Redis.unlink(keys)
        ]
        for (const command of commands) {
          if (planOf(command)._tag === "Split") split++
          expect(run(command, server(parts))).toEqual(server(whole)(command.words))
          expect(parts).toEqual(whole)
        }
      }),
      { numRuns: 300 }
    )
    expect(split).toBeGreaterThan(300)
  })
})

describe("the slot of several keys", () => {
  it("is the one they share", () => {
    expect(slotOfKeys([])).toBeUndefined()
    expect(slotOfKeys(["foo"])).toBe(foo)
    expect(slotOfKeys(["foo", "{foo}x", new TextEncoder().encode("foo")])).toBe(foo)
  })

  it("is none when they share none", () => {
    expect(slotOfKeys(["foo", "{foo}", "bar", "baz"])).toEqual({ _tag: "Cross", slots: [foo, bar] })
  })
})
