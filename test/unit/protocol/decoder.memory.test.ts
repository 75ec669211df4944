import { Decoder } from "@effect-resp/core/internal/protocol/decoder"
import type { RespValue } from "@effect-resp/core/internal/protocol/value"
import { describe, expect, it, vi } from "vitest"
import { bytesOf, cutBy } from "./support.js"

const MiB = 2 ** 20

const collector = (bytes: boolean) => {
  const values: Array<RespValue> = []
  const decoder = new Decoder({
    onReply: (value) => values.push(value),
    onPush: () => {},
    bytesWanted: () => bytes
  })
  return { values, decoder }
}

describe("big replies", () => {
  const bulk = (length: number, bytes: boolean) => {
    const { values, decoder } = collector(bytes)
    const piece = new Uint8Array(1_460).fill(97)
    const start = process.cpuUsage()
    decoder.write(bytesOf(`$${length}\r\n`))
    for (let left = length; left > 0; left -= piece.length)
      decoder.write(piece.subarray(0, Math.min(left, piece.length)))
    decoder.write(bytesOf("\r\n"))
    const { user, system } = process.cpuUsage(start)
    expect(values).toHaveLength(1)
    expect((values[0] as string | Uint8Array).length).toBe(length)
    return user + system
  }

  for (const bytes of [false, true]) {
    it(`scenario 3: take time in proportion to their size, as ${bytes ? "bytes" : "text"}`, () => {
      bulk(4 * MiB, bytes)
      // Both above 32 MiB, below which the C library gives out memory that is warm already: that is no part of the ratio.
      const least = (length: number) => Math.min(...Array.from({ length: 3 }, () => bulk(length, bytes)))
      expect(least(256 * MiB) / least(64 * MiB)).toBeLessThan(8)
    })
  }

  it("scenario 3: are copied at most twice more than they are long, however many pieces they come in", () => {
    const copy = vi.spyOn(Uint8Array.prototype, "set")
    bulk(16 * MiB, true)
    const copied = copy.mock.calls.reduce((sum, [source]) => sum + source.length, 0)
    copy.mockRestore()
    expect(copied).toBeGreaterThanOrEqual(16 * MiB)
    expect(copied).toBeLessThan(3 * 16 * MiB)
  })

  it("scenario 3: hold little more than what has come", () => {
    const { decoder } = collector(true)
    const before = process.memoryUsage().arrayBuffers
    decoder.write(bytesOf(`$${256 * MiB}\r\n`))
    const piece = new Uint8Array(64 * 1024)
    for (let i = 0; i < 64; i++) decoder.write(piece)
    // 4 MiB came; a buffer that doubles may have left its halves for the collector.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * MiB)
  })

  it("scenario 3: may be nested arrays of 10 MiB in small chunks", () => {
    const inner = `*10\r\n${`$1000\r\n${"x".repeat(1_000)}\r\n`.repeat(10)}`
    const wire = bytesOf(`*1000\r\n${inner.repeat(1_000)}`)
    const { values, decoder } = collector(false)
    const start = process.cpuUsage()
    for (const chunk of cutBy(wire, [1_460])) decoder.write(chunk)
    const { user, system } = process.cpuUsage(start)
    expect(values).toEqual([Array.from({ length: 1_000 }, () => Array.from({ length: 10 }, () => "x".repeat(1_000)))])
    expect(user + system).toBeLessThan(2_000_000)
  })

  it.each([
    ["at once", Number.POSITIVE_INFINITY],
    ["in small chunks", 1_460]
  ] as const)("scenario 3: take time in proportion to their number of elements, %s", (_, size) => {
    const count = 30_000
    const { values, decoder } = collector(false)
    const wire = bytesOf(`*${count}\r\n${":1\r\n".repeat(count)}`)
    const start = process.cpuUsage()
    for (let at = 0; at < wire.length; at += size) decoder.write(wire.subarray(at, at + size))
    const { user, system } = process.cpuUsage(start)
    expect((values[0] as ReadonlyArray<unknown>).length).toBe(count)
    // It takes a hundredth of that; as much again for each element would be several seconds.
    expect(user + system).toBeLessThan(500_000)
  })

  it("may be long lines and long streamed strings, byte by byte", () => {
    const { values, decoder } = collector(false)
    const text = "y".repeat(60_000)
    for (const chunk of cutBy(bytesOf(`+${text}\r\n`), [1])) decoder.write(chunk)
    decoder.write(bytesOf(`$?\r\n${";1\r\nz\r\n".repeat(60_000)};0\r\n`))
    expect(values).toEqual([text, "z".repeat(60_000)])
  })
})

describe("small values", () => {
  it("scenario 15: hold none of the chunk that they came in", () => {
    const { values, decoder } = collector(true)
    const unit = "$10\r\n0123456789\r\n"
    const wire = Buffer.from(unit.repeat(10_000))
    for (const chunk of cutBy(wire, [65_536])) decoder.write(chunk)
    decoder.write(bytesOf("$?\r\n;4\r\nabcd\r\n;0\r\n=8\r\ntxt:abcd\r\n"))
    for (const byte of bytesOf("=8\r\ntxt:abcd\r\n$4\r\nabcd\r\n")) decoder.write(Uint8Array.of(byte))
    expect(values).toHaveLength(10_004)
    for (const value of values as Array<Uint8Array>) expect(value.buffer.byteLength).toBe(value.length)
    wire.fill(0)
    expect(Buffer.from(values[0] as Uint8Array).toString()).toBe("0123456789")
  })

  it("are their own, though the chunk is used again", () => {
    const { values, decoder } = collector(true)
    const chunk = Buffer.alloc(8)
    for (const text of ["$6\r\nabc", "def\r\n$3\r", "\nxyz\r\n+O", "K\r\n:12\r\n"]) {
      chunk.fill(0).write(text, 0, "latin1")
      decoder.write(chunk.subarray(0, text.length))
    }
    expect(values).toEqual([bytesOf("abcdef"), bytesOf("xyz"), "OK", 12])
  })
})
