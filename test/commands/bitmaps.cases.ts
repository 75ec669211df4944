import { Redis } from "@effect-resp/core"
import { Option } from "effect"
import type { Case } from "./case.js"

const bits = (...bytes: ReadonlyArray<number>) => Redis.set("b", Uint8Array.of(...bytes))
const set = (key: string, ...bytes: ReadonlyArray<number>) => Redis.set(key, Uint8Array.of(...bytes))
const inBits = { redis: "7.0", valkey: "7.0" }
const newOperations = { redis: "8.2", valkey: "never" }
const sources = [set("x", 0b1100), set("y", 0b1010), set("z", 0b1001)]

export const bitmaps: ReadonlyArray<Case> = [
  { command: Redis.setbit("b", 7, 1), gives: 0 },
  { command: Redis.setbit("b", 7, 0), given: [Redis.setbit("b", 7, 1)], gives: 1 },
  { command: Redis.getbit("b", 7), gives: 0 },
  { command: Redis.getbit("b", 15), given: [bits(0, 1)], gives: 1 },

  { command: Redis.bitcount("b"), gives: 0 },
  { command: Redis.bitcount("b"), given: [bits(255, 15, 1)], gives: 13 },
  { command: Redis.bitcount("b", { start: 1 }), given: [bits(255, 15, 1)], gives: 5 },
  { command: Redis.bitcount("b", { stop: -2 }), given: [bits(255, 15, 1)], gives: 12 },
  { command: Redis.bitcount("b", { start: -2, stop: -2, unit: "byte" }), given: [bits(255, 15, 1)], gives: 4 },
  {
    command: Redis.bitcount("b", { start: 1, stop: 12, unit: "bit" }),
    given: [bits(255, 15)],
    gives: 8,
    since: inBits
  },
  { command: Redis.bitcount("b", { unit: "bit" }), given: [bits(255, 15)], gives: 12 },

  { command: Redis.bitpos("b", 1), gives: -1 },
  { command: Redis.bitpos("b", 0), gives: 0 },
  { command: Redis.bitpos("b", 0), given: [bits(255, 240, 0)], gives: 12 },
  { command: Redis.bitpos("b", 0), given: [bits(255)], gives: 8 },
  { command: Redis.bitpos("b", 1, { start: 2 }), given: [bits(0, 255, 240)], gives: 16 },
  { command: Redis.bitpos("b", 0, { start: 0 }), given: [bits(255)], gives: 8 },
  { command: Redis.bitpos("b", 0, { start: 0, stop: -1 }), given: [bits(255)], gives: -1 },
  { command: Redis.bitpos("b", 1, { stop: 0 }), given: [bits(0, 255)], gives: -1 },
  {
    command: Redis.bitpos("b", 1, { start: 7, stop: 15, unit: "bit" }),
    given: [bits(0, 255, 240)],
    gives: 8,
    since: inBits
  },

  { command: Redis.bitop("and", "d", ["x", "y"]), gives: 0 },
  { command: Redis.bitop("and", "d", ["x", "y", "z"]), given: sources, gives: 1 },
  {
    command: Redis.bitfield_ro("d", [{ get: "u8", offset: 0 }]),
    given: [...sources, Redis.bitop("and", "d", ["x", "y"])],
    gives: [0b1000]
  },
  {
    command: Redis.bitfield_ro("d", [{ get: "u8", offset: 0 }]),
    given: [...sources, Redis.bitop("or", "d", ["x", "y"])],
    gives: [0b1110]
  },
  {
    command: Redis.bitfield_ro("d", [{ get: "u8", offset: 0 }]),
    given: [...sources, Redis.bitop("xor", "d", ["x", "y"])],
    gives: [0b0110]
  },
  {
    command: Redis.bitfield_ro("d", [{ get: "u8", offset: 0 }]),
    given: [...sources, Redis.bitop("not", "d", ["x"])],
    gives: [0b11110011]
  },
  { command: Redis.bitop("not", "d", "x"), given: sources, gives: 1 },
  { command: Redis.bitop("diff", "d", ["x", "y", "z"]), given: sources, gives: 1, since: newOperations },
  { command: Redis.bitop("diff1", "d", ["x", "y", "z"]), given: sources, gives: 1, since: newOperations },
  { command: Redis.bitop("andor", "d", ["x", "y", "z"]), given: sources, gives: 1, since: newOperations },
  {
    command: Redis.bitfield_ro("d", [{ get: "u8", offset: 0 }]),
    given: [...sources, Redis.bitop("one", "d", ["x", "y", "z"])],
    gives: [0b0111],
    since: newOperations
  },

  { command: Redis.bitfield("b", [{ get: "i64", offset: "#3" }]), gives: [Option.some(0)] },
  {
    command: Redis.bitfield("b", [
      { set: "i8", offset: "#0", value: -1 },
      { get: "u4", offset: 0 },
      { get: "i8", offset: "#0" },
      { increment: "u2", offset: 100, by: 1 },
      { increment: "i8", offset: 0, by: -3 }
    ]),
    gives: [Option.some(0), Option.some(15), Option.some(-1), Option.some(1), Option.some(-4)]
  },
  {
    command: Redis.bitfield("b", [
      { increment: "u2", offset: 0, by: 2, overflow: "saturate" },
      { increment: "u2", offset: 0, by: 2, overflow: "saturate" },
      { increment: "u2", offset: 0, by: 2, overflow: "fail" },
      { get: "u2", offset: 0 },
      { increment: "u2", offset: 0, by: 2 },
      { set: "u2", offset: 0, value: 9, overflow: "fail" }
    ]),
    gives: [Option.some(2), Option.some(3), Option.none(), Option.some(3), Option.some(1), Option.none()]
  },
  {
    command: Redis.bitfield(
      "b",
      [
        { set: "i64", offset: 0, value: 9007199254740993n },
        { get: "i64", offset: 0 }
      ],
      {
        bigint: true
      }
    ),
    gives: [Option.some(0n), Option.some(9007199254740993n)]
  },
  { command: Redis.bitfield_ro("b", [{ get: "u8", offset: 0 }]), gives: [0] },
  {
    command: Redis.bitfield_ro("b", [
      { get: "u8", offset: "#1" },
      { get: "i4", offset: 12 }
    ]),
    given: [bits(255, 15)],
    gives: [15, -1]
  },
  {
    command: Redis.bitfield_ro("b", [{ get: "u63", offset: 0 }], { bigint: true }),
    given: [bits(255, 255, 255, 255, 255, 255, 255, 255)],
    gives: [9223372036854775807n]
  }
]
