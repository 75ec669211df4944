import { Command, Redis, type RedisError, Reply, Scan } from "@effect-resp/core"
import { Chunk, Effect, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startServer, type TestServer } from "./server.js"

let test: TestServer
beforeAll(async () => {
  test = await startServer()
  const names = Array.from({ length: 1000 }, (_, i) => `name:${i}`)
  await test.run(
    3,
    Effect.all([
      Redis.mset(names.map((name, i) => [name, i] as const)),
      Redis.hset(
        "hash",
        names.map((name, i) => [name, i] as const)
      ),
      Redis.sadd("set", names),
      Redis.zadd(
        "sorted",
        names.map((name, i) => [name, i / 2] as const)
      )
    ])
  )
})
afterAll(() => test?.stop())

describe.each([2, 3] as const)("Scan, RESP%i", (protocol) => {
  const collect = <A>(stream: Stream.Stream<A, RedisError.RedisError, Redis.Redis>) =>
    test.run(protocol, Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray))

  it("gives every key, page by page", async () => {
    const keys = await collect(Scan.keys({ match: "name:*", count: 50 }))
    expect(new Set(keys).size).toBe(1000)
    expect(keys.every((key) => key.startsWith("name:"))).toBe(true)
  })

  it("keeps to a type", async () => {
    expect(await collect(Scan.keys({ type: "zset" }))).toEqual(["sorted"])
  })

  it("gives fields with values, or without", async () => {
    const fields = new Map(await collect(Scan.hash("hash", { count: 50 })))
    expect(fields.size).toBe(1000)
    expect(fields.get("name:7")).toBe("7")
    expect(await collect(Scan.hash("hash", { match: "name:77" }))).toEqual([["name:77", "77"]])
    expect(await collect(Scan.hash("absent"))).toEqual([])
  })

  it("gives members, with scores where there are some", async () => {
    expect(new Set(await collect(Scan.set("set", { count: 50 }))).size).toBe(1000)
    expect(await collect(Scan.set("set", { match: "name:77" }))).toEqual(["name:77"])
    const scores = new Map(await collect(Scan.sortedSet("sorted")))
    expect(scores.size).toBe(1000)
    expect(scores.get("name:7")).toBe(3.5)
  })

  it("follows any cursor", async () => {
    const members = await collect(Scan.pages((cursor) => Redis.sscan("set", cursor).pipe(Command.bytes)))
    expect(members.length).toBeGreaterThanOrEqual(1000)
    expect(members.every((member) => member instanceof Uint8Array)).toBe(true)
  })

  it("asks for a page when it is needed, and for no more", async () => {
    let asked = 0
    const pages = Scan.pages((cursor) => {
      asked++
      return Redis.scan(cursor, { count: 10 })
    })
    expect(asked).toBe(0)
    expect(await collect(Stream.take(pages, 1))).toHaveLength(1)
    expect(asked).toBe(1)
  })

  it("fails as its command does", async () => {
    const error = await test.run(protocol, Effect.flip(Stream.runDrain(Scan.hash("set"))))
    expect(error).toMatchObject({ _tag: "ReplyError", code: "WRONGTYPE", command: "HSCAN" })
  })

  it("goes on after an empty page", async () => {
    const replies = [
      { cursor: "5", items: [] },
      { cursor: "6", items: ["a"] },
      { cursor: "0", items: [] }
    ]
    const cursors: Array<string> = []
    const found = await collect(
      Scan.pages((cursor) => {
        cursors.push(cursor)
        return Command.make(["PING"], { reply: Reply.map(Reply.value, () => replies[cursors.length - 1]!) })
      })
    )
    expect(found).toEqual(["a"])
    expect(cursors).toEqual(["0", "5", "6"])
  })
})
