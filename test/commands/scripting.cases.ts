import { Command, Redis, Reply, Script } from "@effect-resp/core"
import { Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const bytes = (text: string) => new TextEncoder().encode(text)

const sum = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
const sumSha = "8cd00688c05c46bde4a2e60658ef20a2e5c0b248"
const unknownSha = "0123456789012345678901234567890123456789"

const library = `#!lua name=lib
redis.register_function{
  function_name = "one", callback = function() return 1 end, flags = {"no-writes"}, description = "gives öne"
}
redis.register_function("join", function(keys, args) return keys[1] .. ":" .. table.concat(args, ",") end)`

const load = Redis.functionLoad(library)

/** FUNCTION DUMP of Redis 7.0 with a library "lib" that has a function "one". */
const dump = Uint8Array.from(
  Buffer.from(
    "f5404623216c7561206e616d653d6c69620a72656469732e72656769737465725f66756e6374696f6e28226f6e65222c2066756e6374696f6e28292072657475726e203120656e64290a0014097df96f584e40",
    "hex"
  )
)

const transfer = Script.make({
  keys: ["source", "target"],
  args: ["amount"],
  lua: "redis.call('DECRBY', KEYS[1], ARGV[1]) return redis.call('INCRBY', KEYS[2], ARGV[1])",
  reply: Reply.integer
})
const echoAll = Script.make({
  keys: ["first"],
  restKeys: "keys",
  args: ["one"],
  restArgs: "args",
  lua: "return {KEYS, ARGV}",
  reply: Reply.array(Reply.array(Reply.text))
})
const constant = Script.make({ lua: "return 'ä'", reply: Reply.text })
const reader = Script.make({
  keys: ["key"],
  lua: "return redis.call('GET', KEYS[1])",
  reply: Reply.option(Reply.text),
  readOnly: true
})
const seven = { redis: "7.0.0", valkey: "7.2.0" }

export const scripting: ReadonlyArray<Case> = [
  // calling
  { command: Redis.eval("return 1"), gives: 1 },
  { command: Redis.eval("return {1, 'two', {3}}"), gives: [1, "two", [3]] },
  { command: Redis.eval("return nil"), gives: null },
  { command: Redis.eval("return 1 == 2"), gives: null },
  { command: Redis.eval("return redis.status_reply('FINE')"), gives: "FINE" },
  { command: Redis.eval("return KEYS[1] .. ARGV[1]", { keys: ["k"], args: ["ä"], reply: Reply.text }), gives: "kä" },
  { command: Redis.eval("return ARGV", { args: [1, 2n, "3"] }), gives: ["1", "2", "3"] },
  { command: Redis.eval("return KEYS", { keys: ["a", "b"], reply: Reply.members }), gives: new Set(["a", "b"]) },
  { command: Redis.eval(sum, { keys: ["n"], args: [10], reply: Reply.integer }), gives: 10 },
  {
    command: Command.bigint(Redis.eval(sum, { keys: ["n"], args: [9007199254740992n], reply: Reply.integer })),
    gives: 9007199254740992n
  },
  {
    command: Command.bytes(Redis.eval("return ARGV[1]", { args: [binary], reply: Reply.option(Reply.text) })),
    gives: Option.some(binary)
  },
  { command: Command.bytes(Redis.eval("return ARGV[1]", { args: [binary] })), gives: binary },
  { command: Redis.eval("return false", { reply: Reply.option(Reply.text) }), gives: Option.none() },
  {
    command: Redis.evalsha(sumSha, { keys: ["n"], args: [2], reply: Reply.integer }),
    given: [Redis.scriptLoad(sum)],
    gives: 2
  },
  { command: Redis.eval_ro("return redis.call('GET', KEYS[1])", { keys: ["k"] }), gives: null },
  {
    command: Redis.evalsha_ro("4e6d8fc8bb01276962cce5371fa795a7763657ae", { keys: ["k"], reply: Reply.text }),
    given: [Redis.set("k", "v"), Redis.scriptLoad("return redis.call('get', KEYS[1])")],
    gives: "v"
  },
  { command: Redis.fcall("one"), given: [load], gives: 1 },
  {
    command: Redis.fcall("join", { keys: ["k"], args: [1, "two"], reply: Reply.text }),
    given: [load],
    gives: "k:1,two"
  },
  { command: Redis.fcall_ro("one", { reply: Reply.integer }), given: [load], gives: 1 },

  // scripts as values
  { command: transfer({ source: "a", target: "b", amount: 5 }), gives: 5 },
  {
    command: transfer({ source: "a", target: "b", amount: 5 }),
    given: [transfer.load, Redis.set("b", 1)],
    gives: 6
  },
  { command: Command.bigint(transfer({ source: "a", target: "b", amount: 5 })), gives: 5n },
  { command: Command.map(transfer({ source: "a", target: "b", amount: 5 }), (n) => n * 2), gives: 10 },
  {
    command: echoAll({ first: "a", keys: ["b", "c"], one: 1, args: ["two", 3n] }),
    gives: [
      ["a", "b", "c"],
      ["1", "two", "3"]
    ]
  },
  { command: echoAll({ first: "a", keys: [], one: 1, args: [] }), gives: [["a"], ["1"]] },
  { command: constant(), gives: "ä" },
  { command: Command.bytes(constant()), gives: bytes("ä") },
  { command: reader({ key: "k" }), gives: Option.none(), since: seven },
  {
    command: Command.bytes(reader({ key: "k" })),
    given: [Redis.set("k", binary)],
    gives: Option.some(binary),
    since: seven
  },
  { command: transfer.load, gives: transfer.sha },
  { command: constant.load, gives: constant.sha },

  // scripts
  { command: Redis.scriptLoad(sum), gives: sumSha },
  { command: Redis.scriptExists(sumSha), gives: [false] },
  { command: Redis.scriptExists([unknownSha, sumSha]), given: [Redis.scriptLoad(sum)], gives: [false, true] },
  { command: Redis.scriptFlush(), gives: "OK" },
  { command: Redis.scriptFlush({ mode: "sync" }), gives: "OK" },
  { command: Redis.scriptFlush({ mode: "async" }), gives: "OK" },
  { command: Redis.scriptShow(sumSha), given: [Redis.scriptLoad(sum)], gives: sum },
  { command: Command.bytes(Redis.scriptShow(constant.sha)), given: [constant.load], gives: bytes(constant.lua) },
  // They need something that runs meanwhile: see scripting.test.ts.
  { command: Redis.scriptKill, gives: "OK", since: { redis: "never", valkey: "never" } },
  { command: Redis.functionKill, gives: "OK", since: { redis: "never", valkey: "never" } },

  // functions
  { command: load, gives: "lib" },
  { command: Redis.functionLoad(library, { replace: true }), given: [load], gives: "lib" },
  { command: Redis.functionDelete("lib"), given: [load], gives: "OK" },
  {
    command: Redis.functionDump,
    given: [load],
    gives: (result: Uint8Array) => result instanceof Uint8Array && result.length > 50
  },
  { command: Redis.functionFlush(), given: [load], gives: "OK" },
  { command: Redis.functionFlush({ mode: "async" }), gives: "OK" },
  { command: Redis.functionFlush({ mode: "sync" }), gives: "OK" },
  { command: Redis.functionRestore(dump), gives: "OK" },
  { command: Redis.functionRestore(dump, { policy: "replace" }), given: [load], gives: "OK" },
  { command: Redis.functionRestore(dump, { policy: "flush" }), given: [load], gives: "OK" },
  { command: Redis.functionRestore(dump, { policy: "append" }), gives: "OK" },
  { command: Redis.functionList(), gives: [] },
  { command: Redis.functionList({ library: "nosuch*" }), given: [load], gives: [] },
  {
    command: Redis.functionList({ library: "li*" }).pipe(
      Command.map((libraries) => [
        libraries.map(({ code, engine, name }) => ({ code, engine, name })),
        libraries[0]?.functions.find(({ name }) => name === "one"),
        libraries[0]?.functions.find(({ name }) => name === "join")
      ])
    ),
    given: [load],
    gives: [
      [{ code: Option.none(), engine: "LUA", name: "lib" }],
      { name: "one", description: Option.some("gives öne"), flags: new Set(["no-writes"]) },
      { name: "join", description: Option.none(), flags: new Set() }
    ]
  },
  {
    command: Command.bytes(Redis.functionList({ withCode: true })).pipe(
      Command.map((libraries) => [
        libraries[0]?.name,
        libraries[0]?.code,
        libraries[0]?.functions.find(({ name }) => name === "one")?.description
      ])
    ),
    given: [load],
    gives: ["lib", Option.some(bytes(library)), Option.some(bytes("gives öne"))]
  },
  {
    command: Redis.functionStats,
    given: [load],
    gives: ({ engines, running }: Redis.FunctionStats) =>
      Option.isNone(running) && engines.LUA?.libraries === 1 && engines.LUA.functions === 2
  }
]
