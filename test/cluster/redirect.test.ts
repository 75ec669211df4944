import { Slot } from "@effect-resp/cluster"
import { parseRedirect } from "@effect-resp/cluster/internal/redirect"
import { addressOf, parseAddress } from "@effect-resp/cluster/Topology"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"

const origin = { host: "10.0.0.1", port: 7000 }

const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain())
const port = fc.integer({ min: 1, max: 65_535 })

describe("an address", () => {
  it("reads back from its text", () => {
    fc.assert(
      fc.property(fc.record({ host, port }), (address) => {
        expect(parseAddress(addressOf(address))).toEqual(address)
        expect(parseAddress(`${address.host}:${address.port}`)).toEqual(address)
      })
    )
  })

  it.each([
    ["[::1]:7000", { host: "::1", port: 7000 }],
    ["::1:7000", { host: "::1", port: 7000 }],
    ["fe80::1%eth0:1", { host: "fe80::1%eth0", port: 1 }],
    ["::ffff:10.0.0.1:80", { host: "::ffff:10.0.0.1", port: 80 }],
    ["redis_1.local:65535", { host: "redis_1.local", port: 65_535 }]
  ])("may be %s", (text, address) => {
    expect(parseAddress(text)).toEqual(address)
  })

  it.each(
    [
      [
        "",
        "host",
        ":",
        ":1",
        "host:",
        "host:0",
        "host:65536",
        "host:007",
        "host:+1",
        "host:1.5",
        "host:1e3",
        "host: 1"
      ],
      ["__proto__:1", "?:1", "a b:1", "a\n:1", "a\u0000b:1", "ä:1", "[host]:1", "[::1:1", "::1]:1", "[]:1", "a/b:1"],
      [
        "::1",
        "fe80::1",
        "2001:db8:1",
        ":::2:1",
        "::::1",
        ":1:2",
        "a:b:1",
        "user@host:1",
        "host:1 ",
        " host:1",
        "host:1\n"
      ],
      [`${"a".repeat(256)}:1`]
    ].flat()
  )("is not %j", (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})

describe("a redirection", () => {
  it.each([
    ["MOVED 3999 127.0.0.1:6381", { _tag: "Moved", slot: 3999, address: { host: "127.0.0.1", port: 6381 } }],
    ["ASK 0 node-2.example:1", { _tag: "Ask", slot: 0, address: { host: "node-2.example", port: 1 } }],
    ["MOVED 16383 ::1:7000", { _tag: "Moved", slot: 16_383, address: { host: "::1", port: 7000 } }],
    ["MOVED 1 2001:db8::1:65535", { _tag: "Moved", slot: 1, address: { host: "2001:db8::1", port: 65_535 } }],
    ["MOVED 1 :7001", { _tag: "Moved", slot: 1, address: { host: origin.host, port: 7001 } }]
  ])("is read from %s", (text, redirect) => {
    expect(parseRedirect(text, origin)).toEqual(redirect)
  })

  it("is read from any slot and address", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("MOVED", "ASK"),
        fc.nat(Slot.count - 1),
        fc.oneof(host, fc.constant("")),
        port,
        (kind, slot, host, port) => {
          expect(parseRedirect(`${kind} ${slot} ${host}:${port}`, origin)).toEqual({
            _tag: kind === "MOVED" ? "Moved" : "Ask",
            slot,
            address: { host: host || origin.host, port }
          })
        }
      )
    )
  })

  it.each([
    "",
    "MOVED",
    "MOVED 1",
    "MOVED 1 ",
    "MOVED 1 host",
    "MOVED 1 host:",
    "MOVED 1 :",
    "MOVED 16384 host:1",
    "MOVED -1 host:1",
    "MOVED 01 host:1",
    "MOVED 99999999999999999999 host:1",
    "MOVED 1e3 host:1",
    "MOVED 1 host:0",
    "MOVED 1 host:65536",
    "MOVED 1 :65536",
    "MOVED 1 host:99999999999999999999",
    "MOVED 1 ?:7000",
    "MOVED __proto__ x",
    "MOVED 1 __proto__:1",
    "MOVED 1 host:1 more",
    "MOVED 1 host:1\n",
    "MOVED 1  host:1",
    "moved 1 host:1",
    "MOVEDX 1 host:1",
    " MOVED 1 host:1",
    "ERR MOVED 1 host:1",
    "TRYAGAIN Multiple keys request during rehashing of slot"
  ])("scenario 98: is not read from %j", (text) => {
    expect(parseRedirect(text, origin)).toBeUndefined()
  })

  it("scenario 98: from hostile text is one that can be followed, or none", () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom("MOVED", "ASK", " ", ":", "::", "[", "]", "%", "host", "__proto__", "\0", "\r\n", "?"),
      fc.integer().map(String),
      fc.nat(20_000).map(String)
    )
    const noise = fc.array(word, { maxLength: 10 })
    const hostile = fc.oneof(
      noise.map((words) => words.join("")),
      noise.map((words) => `MOVED 1 ${words.join("")}`),
      fc.tuple(noise, port).map(([words, port]) => `ASK 1 ${words.join("")}:${port}`)
    )
    let followed = 0
    fc.assert(
      fc.property(hostile, (text) => {
        const redirect = parseRedirect(text, origin)
        if (redirect === undefined) return
        followed++
        expect(redirect.slot).toBeLessThan(Slot.count)
        expect(redirect.address.port).toBeGreaterThan(0)
        expect(redirect.address.port).toBeLessThan(65_536)
        expect(redirect.address.host).toMatch(/^[a-z0-9:][a-z0-9._:%-]*$/i)
      }),
      { numRuns: 10_000 }
    )
    expect(followed).toBeGreaterThan(0)
  })

  it("takes no time for long text", () => {
    const started = performance.now()
    for (const text of [`MOVED 1 ${":".repeat(1e6)}`, `MOVED 1 ${"1:".repeat(5e5)}1`, `ASK ${"1".repeat(1e6)}`]) {
      parseRedirect(text, origin)
    }
    expect(performance.now() - started).toBeLessThan(1000)
  })
})
