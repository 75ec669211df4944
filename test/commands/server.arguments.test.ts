import { Command, Redis, Reply, Script } from "@effect-resp/core"
import { Duration, Option } from "effect"
import { describe, expect, it } from "vitest"

const refusals = (command: Command.Command<unknown>): ReadonlyArray<string> =>
  command.words.flatMap((word) => (word instanceof Command.InvalidArgument ? [word.reason] : []))
const words = (command: Command.Command<unknown>): string => command.words.join(" ")

describe("arguments of scripting, connection and server commands", () => {
  it("what cannot be sent is refused by name", () => {
    expect(refusals(Redis.clientKill({}))).toEqual(["filters must not be empty"])
    expect(refusals(Redis.clientKill({ not: {} }))).toEqual(["filters must not be empty"])
    expect(refusals(Redis.clientKill({ id: [] }))).toEqual(["id must not be empty"])
    expect(refusals(Redis.clientList({ maxAge: Duration.infinity }))).toEqual(["maxAge is not finite"])
    expect(refusals(Redis.clientPause(Number.NaN))).toEqual(["timeout is not a duration"])
    expect(refusals(Redis.clientUnblock(0.5))).toEqual(["id must be a whole number"])
    expect(refusals(Redis.scriptExists([]))).toEqual(["shas must not be empty"])
    expect(refusals(Redis.configGet([]))).toEqual(["parameters must not be empty"])
    expect(refusals(Redis.configSet({}))).toEqual(["parameters must not be empty"])
    expect(refusals(Redis.commandList({ module: "a", pattern: "b" }))).toEqual([
      "options exclude each other: module, pattern"
    ])
    expect(refusals(Redis.failover({ force: true }))).toEqual(["force takes to and timeout"])
    expect(refusals(Redis.failover({ force: true, to: { host: "a", port: 1 } }))).toEqual([
      "force takes to and timeout"
    ])
    expect(refusals(Redis.replicaof({ host: "a", port: -1 }))).toEqual(["port must be a whole number of at least 0"])
    expect(refusals(Redis.swapdb(0, -1))).toEqual(["second must be a whole number of at least 0"])
    expect(refusals(Redis.slowlogGet(-2))).toEqual(["count must be a whole number of at least -1"])
    expect(refusals(Redis.memoryUsage("a", { samples: -1 }))).toEqual(["samples must be a whole number of at least 0"])
    expect(refusals(Redis.lolwut({ parameters: [] }))).toEqual(["parameters must not be empty"])
  })

  it("options become the server's words", () => {
    expect(
      words(Redis.clientKill({ type: "primary", maxAge: 1001, not: { id: [1, 2], user: "a" }, skipMe: false }))
    ).toBe("CLIENT KILL TYPE MASTER MAXAGE 2 NOT-ID 1 2 NOT-USER a SKIPME NO")
    expect(words(Redis.failover({ to: { host: "a", port: 1 }, force: true, timeout: "1 second" }))).toBe(
      "FAILOVER TO a 1 FORCE TIMEOUT 1000"
    )
    expect(words(Redis.moduleLoadex("a.so", { configuration: { x: 1, y: 2 }, arguments: ["b", "c"] }))).toBe(
      "MODULE LOADEX a.so CONFIG x 1 CONFIG y 2 ARGS b c"
    )
    expect(words(Redis.moduleLoad("a.so", { arguments: "b" }))).toBe("MODULE LOAD a.so b")
    expect(words(Redis.eval("return 1", { args: ["a"] }))).toBe("EVAL return 1 0 a")
    expect(words(Redis.info())).toBe("INFO")
  })

  it("a script's values go to their places", () => {
    const script = Script.make({ keys: ["a"], restKeys: "b", args: ["c"], restArgs: "d", lua: "return 1" })
    const command = script({ a: 1, b: [2, 3], c: 4, d: [5] })
    expect(words(command)).toBe(`EVALSHA ${script.sha} 3 1 2 3 4 5`)
    expect(words(command.onNoScript!)).toBe("EVAL return 1 3 1 2 3 4 5")
    expect(Command.keyPositions(command)).toEqual([3, 4, 5])
    const untyped = script as unknown as (values?: object) => Command.Command<unknown>
    expect(refusals(untyped())).toEqual(["a is missing", "b must be a list", "c is missing", "d must be a list"])
    const inherited = Script.make({ args: ["toString", "__proto__"], lua: "return 1" }) as unknown as typeof untyped
    expect(refusals(inherited({}))).toEqual(["toString is missing", "__proto__ is missing"])
    // The SHA1 of "return 1" as servers give it.
    expect(Script.make({ lua: "return 1" }).sha).toBe("e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    const readOnly = Script.make({ lua: "return 1", readOnly: true, reply: Reply.integer })()
    expect([readOnly.definition.name, readOnly.definition.idempotent]).toEqual(["EVALSHA_RO", true])
    expect(readOnly.onNoScript?.definition.name).toBe("EVAL_RO")
  })

  it("CLIENT LIST is read whatever a server adds, leaves out or puts into a value", () => {
    const { decode } = Redis.clientList().reply
    expect(decode("")).toEqual([])
    expect(decode("\n\n")).toEqual([])
    const [one, two] = decode(
      "id=7 addr=/tmp/my redis.sock:0 name=a=b age=3 idle=1 flags=xb db=2 multi=3 cmd=NULL future-field=x\r\nid=8 addr=[::1]:1 flags=N multi=-1 cmd=config|get lib-name=\n"
    )
    expect(one).toMatchObject({
      id: 7,
      address: "/tmp/my redis.sock:0",
      name: Option.some("a=b"),
      localAddress: Option.none(),
      age: Duration.seconds(3),
      flags: new Set(["x", "b"]),
      database: 2,
      channels: 0,
      queued: Option.some(3),
      command: Option.none(),
      protocol: Option.none()
    })
    expect(one!.fields["future-field"]).toBe("x")
    expect(two).toMatchObject({
      address: "[::1]:1",
      flags: new Set(),
      queued: Option.none(),
      command: Option.some("config|get"),
      libraryName: Option.none()
    })
    const hostile = Redis.clientInfo.reply.decode("id=1 __proto__=x constructor=y toString=z")
    expect(Object.getPrototypeOf(hostile.fields)).toBe(null)
    expect(hostile.fields.constructor).toBe("y")
  })

  it("INFO is read whatever a server adds", () => {
    const { decode } = Redis.info().reply
    const info = decode(
      "orphan:1\r\n# Server\r\nversion:7.0\r\npath:/a:b\r\nno field\r\n:nameless\r\n\r\n# Modules\nmodule:name=a\nmodule:name=b\n# __proto__\nconstructor:x\n# Empty\n"
    )
    expect(Object.keys(info)).toEqual(["", "server", "modules", "__proto__", "empty"])
    expect({ ...info[""] }).toEqual({ orphan: "1" })
    expect({ ...info.server }).toEqual({ version: "7.0", path: "/a:b" })
    expect(info.modules?.module).toBe("name=a\nname=b")
    expect(Object.getOwnPropertyDescriptor(info, "__proto__")?.value.constructor).toBe("x")
    expect({ ...info.empty }).toEqual({})
    expect(decode("")).toEqual(Object.create(null))
  })

  it("ROLE is read by old and new names", () => {
    const { decode } = Redis.role.reply
    expect(decode(["sentinel", ["a", "b"]])).toEqual({ _tag: "Sentinel", primaries: ["a", "b"] })
    expect(decode(["primary", 5, [["h", "6379", "4"]]])).toEqual({
      _tag: "Primary",
      offset: 5,
      replicas: [{ host: "h", port: 6379, offset: 4 }]
    })
    expect(decode(["slave", "h", 6379, "connect", -1])).toEqual({
      _tag: "Replica",
      primary: { host: "h", port: 6379 },
      state: "connect",
      offset: -1
    })
    expect(() => decode(["king"])).toThrow()
  })

  it("what a server adds to a reply, or leaves out of it, does no harm", () => {
    expect(Redis.slowlogGet().reply.decode([[1, 2, 3, ["GET"], "1.1.1.1:1", "me", 7]])).toMatchObject([
      { id: 1, at: new Date(2000), duration: Duration.micros(3n), command: ["GET"], clientName: "me" }
    ])
    expect(Redis.slowlogGet().reply.decode([[1, 2, 3, ["GET"]]])).toMatchObject([{ clientAddress: "", clientName: "" }])
    expect(
      Redis.memoryStats.reply.decode(["peak.allocated", 1, "a.text", "words", "a.map", ["x", 1], "ratio", "0.5"])
    ).toMatchObject({
      peakAllocated: 1,
      dataset: 0,
      fields: { "peak.allocated": 1, ratio: 0.5 }
    })
    expect(Redis.commandInfo("get").reply.decode([["get", 2, ["readonly"], 1, 1, 1], null])).toMatchObject([
      Option.some({ name: "get", tips: [], subcommands: [] }),
      Option.none()
    ])
    expect(Redis.functionStats.reply.decode(["running_script", null, "engines", ["LUA", []]])).toEqual({
      running: Option.none(),
      engines: Object.assign(Object.create(null), { LUA: { libraries: 0, functions: 0 } })
    })
    expect(Redis.clientGetredir.reply.decode(0)).toEqual({ _tag: "NotRedirected" })
    expect(Redis.clientGetredir.reply.decode(12)).toEqual({ _tag: "RedirectedTo", id: 12 })
  })
})
