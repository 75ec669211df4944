/// <reference types="vite/types/importMeta.d.ts" />

import { expect as expectEffect, layer } from "@effect/vitest"
import * as merge from "@effect-resp/cluster/internal/merge"
import { type Policy, policyOf } from "@effect-resp/cluster/internal/policy"
import { Command, Redis, Reply } from "@effect-resp/core"
import { RespMap, RespSet } from "@effect-resp/core/internal/protocol/value"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { redisLayer } from "../support/redis.js"

const sources = import.meta.glob<string>("../../packages/core/src/commands/*.ts", {
  query: "?raw",
  import: "default",
  eager: true
})

/** The commands that the library's sources define. */
const defined = new Set(
  Object.values(sources).flatMap((source) => [...source.matchAll(/\bdefine\("([^"]+)"/g)].map((m) => m[1]!))
)

const policyOfName = (name: string): Policy => policyOf(Command.define(name, { keys: Command.noKeys })([], Reply.value))

/** Where the library knowingly differs from the servers' tips. */
const oneServer = "it tells of one server, and no merge of texts or maps is right for all: one answers"
const layerOption = "core refuses it on a shared connection, for it is an option of the layer"
const deviations: Readonly<Record<string, string>> = {
  "CLIENT SETINFO": layerOption,
  "CLIENT SETNAME": layerOption,
  "FUNCTION STATS": oneServer,
  INFO: oneServer,
  "LATENCY DOCTOR": oneServer,
  "LATENCY GRAPH": oneServer,
  "LATENCY HISTOGRAM": oneServer,
  "LATENCY HISTORY": oneServer,
  "LATENCY LATEST": oneServer,
  "LATENCY RESET": "its reply is a count; servers before Redis 8 ask for any of them, newer ones for the sum",
  "MEMORY DOCTOR": oneServer,
  "MEMORY MALLOC-STATS": oneServer,
  "MEMORY STATS": oneServer,
  RANDOMKEY: "some servers name no policy for its reply: it is one key, not all",
  SCAN: "a cursor belongs to one node"
}

const targets: Readonly<Record<string, string>> = { all_shards: "primaries", all_nodes: "nodes" }

const merges: Readonly<Record<string, merge.Merge>> = {
  none: merge.concat,
  all_succeeded: merge.first,
  one_succeeded: merge.first,
  agg_sum: merge.sum,
  agg_min: merge.min,
  // Of zeros and ones, which is what the servers answer.
  agg_logical_and: merge.min
}

interface Tips {
  readonly name: string
  readonly request: string
  readonly response: string
}

const list = (value: Reply.Value | undefined): ReadonlyArray<Reply.Value> =>
  value instanceof Set ? [...value] : Array.isArray(value) ? value : []

/** The tips of a keyless command and of its subcommands, as COMMAND tells them. */
const tipsOf = (info: Reply.Value): ReadonlyArray<Tips> => {
  const [name, , , , , , , tips, keySpecs, subcommands] = list(info)
  const tip = (kind: string) =>
    list(tips)
      .map(String)
      .find((tip) => tip.startsWith(`${kind}_policy:`))
      ?.split(":")[1]
  const request = list(keySpecs).length === 0 ? tip("request") : undefined
  const own = { name: String(name).toUpperCase().replace("|", " "), response: tip("response") ?? "none" }
  return [...(request === undefined ? [] : [{ ...own, request }]), ...list(subcommands).flatMap(tipsOf)]
}

layer(redisLayer(), { excludeTestServices: true })("the policy of a command without keys", (it) => {
  it.effect("is what the server's tips say, or differs for a reason", () =>
    Effect.gen(function* () {
      const tips = list(yield* Command.make(["COMMAND"]))
        .flatMap(tipsOf)
        .filter(({ name }) => defined.has(name))
      expectEffect(tips.length).toBeGreaterThan(25)
      const different = tips.filter(({ name, request, response }) => {
        const policy = policyOfName(name)
        return (
          policy.to === "refused" ||
          policy.to !== targets[request] ||
          policy.merge !== merges[response] ||
          policy.need !== (response === "one_succeeded" ? "one" : "all")
        )
      })
      expectEffect(different.map(({ name }) => name).filter((name) => !Object.hasOwn(deviations, name))).toEqual([])
    })
  )

  it.effect("merges what a server really answers", () =>
    Effect.gen(function* () {
      const raw = Reply.make((raw) => raw)
      const ask = (...words: readonly [string, ...Array<Command.Argument>]) => Command.make(words, { reply: raw })
      const merged = (name: string, ...replies: ReadonlyArray<Reply.Raw>) => {
        const policy = policyOfName(name)
        return policy.to === "refused" ? policy.advice : policy.merge(replies)
      }
      yield* Redis.mset({ a: 1, b: 2 })
      const sha = yield* Redis.scriptLoad("return 1")
      const size = yield* ask("DBSIZE")
      expectEffect(merged("DBSIZE", size, size)).toBe(4)
      const keys = Reply.members.decode(merged("KEYS", yield* ask("KEYS", "a"), yield* ask("KEYS", "b")))
      expectEffect(keys).toEqual(new Set(["a", "b"]))
      const scripts = yield* ask("SCRIPT", "EXISTS", sha, sha)
      const other = yield* ask("SCRIPT", "EXISTS", sha, "0".repeat(40))
      expectEffect(merged("SCRIPT EXISTS", scripts, other)).toEqual([1, 0])
      const subscribers = yield* ask("PUBSUB", "NUMSUB", "news", "sport")
      expectEffect(merged("PUBSUB NUMSUB", subscribers, subscribers)).toEqual(["news", 0, "sport", 0])
    })
  )
})

describe("the policy", () => {
  it("is the same for the words of Command.make, in any case", () => {
    for (const name of defined) {
      const [first, ...others] = name.toLowerCase().split(" ")
      expect([name, policyOf(Command.make([first!, ...others, "x"]))]).toEqual([name, policyOfName(name)])
    }
  })

  it.each([
    "BGSAVE",
    "CLIENT KILL",
    "CLIENT PAUSE",
    "CLUSTER ADDSLOTS",
    "CLUSTER FAILOVER",
    "CLUSTER COUNTKEYSINSLOT",
    "CLUSTER",
    "DEBUG",
    "DEBUG SLEEP",
    "FAILOVER",
    "MODULE LOAD",
    "REPLICAOF",
    "SCAN",
    "SHUTDOWN",
    "SWAPDB"
  ])("refuses %s, for it belongs to one node", (name) => {
    const refused = { to: "refused", advice: expect.stringContaining("RedisCluster.onNode") }
    expect(policyOfName(name)).toEqual(refused)
    expect(policyOf(Command.make(name.split(" ") as [string]))).toEqual(refused)
  })

  it("refuses a subcommand that is given as bytes or in an odd way", () => {
    const word = new TextEncoder().encode("FAILOVER")
    expect(policyOf(Command.make(["CLUSTER", word])).to).toBe("refused")
    expect(policyOf(Command.make(["cluster", 1])).to).toBe("refused")
    expect(policyOf(Command.make(["cluster", Object.create(null)])).to).toBe("refused")
  })

  it.each(["CLUSTER NODES", "CONFIG GET", "CLIENT LIST", "INFO", "PUBLISH", "TIME", "FT.SEARCH", "__proto__", ""])(
    "sends %s to any primary",
    (name) => {
      expect(policyOf(Command.make(name.split(" ") as [string]))).toMatchObject({ to: "any", merge: merge.first })
    }
  )
})

describe("merging", () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  it("takes the first of what is all the same", () => {
    expect(merge.first(["OK", "OK"])).toBe("OK")
    expect(merge.first([])).toBeNull()
  })

  it("adds exactly, beyond 2^53 too", () => {
    expect(merge.sum([1, 2, 3n])).toBe(6)
    expect(merge.sum([Number.MAX_SAFE_INTEGER, 1])).toBe(2n ** 53n)
    expect(merge.sum([2n ** 63n, -(2n ** 63n)])).toBe(0)
    expect(
      merge.sum([
        [1, 2],
        [3, 4]
      ])
    ).toEqual([4, 6])
    expect(merge.sum([])).toBeNull()
  })

  it("takes the least, element by element", () => {
    expect(merge.min([3, 1n, 2])).toBe(1n)
    expect(
      merge.min([
        [1, 5],
        [0, 7],
        [1, 6]
      ])
    ).toEqual([0, 5])
  })

  it("gives back what it cannot add, for the decoder to refuse", () => {
    expect(merge.sum([1, "x", 2])).toBe("x")
    expect(merge.sum([true, 1])).toBe(true)
    expect(merge.min([1, null])).toBeNull()
    expect(merge.min([[1], 1])).toBe(false)
    expect(merge.min([[1], [1, 2]])).toBe(false)
    expect(merge.concat([["a"], 1])).toBe(1)
    expect(merge.union([["a"], "b"])).toBe("b")
    expect(merge.sumByName([["a", 1], ["b"]])).toEqual(["b"])
  })

  it("joins arrays, sets and null", () => {
    expect(merge.concat([["a", ["b"]], new RespSet(["c"]), null, []])).toEqual(["a", ["b"], "c"])
  })

  it("joins what is long", () => {
    const long = Array.from({ length: 300_000 }, (_, i) => i)
    expect(merge.concat([long, long])).toHaveLength(600_000)
  })

  it("unites text and bytes", () => {
    expect(merge.union([["a", "b"], new RespSet(["b", "c"])])).toEqual(["a", "b", "c"])
    expect(merge.union([[bytes("a"), bytes("b")], [bytes("b")]])).toEqual([bytes("a"), bytes("b")])
  })

  it("adds up by name, in flat arrays and maps, and no name is special", () => {
    const replies = [["a", 1, "__proto__", 2], new RespMap(["__proto__", 3, "b", 4])]
    expect(merge.sumByName(replies)).toEqual(["a", 1, "__proto__", 5, "b", 4])
    expect(
      merge.sumByName([
        [bytes("a"), 1],
        [bytes("a"), 2]
      ])
    ).toEqual([bytes("a"), 3])
  })

  it("takes any that is not null", () => {
    expect(merge.anyNonNull([null, null])).toBeNull()
    expect(merge.anyNonNull([])).toBeNull()
    const seen = new Set(Array.from({ length: 200 }, () => merge.anyNonNull([null, "a", null, "b"])))
    expect(seen).toEqual(new Set(["a", "b"]))
  })
})
