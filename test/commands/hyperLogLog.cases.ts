import { Redis } from "@effect-resp/core"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)

export const hyperLogLog: ReadonlyArray<Case> = [
  { command: Redis.pfadd("h"), gives: true },
  { command: Redis.pfadd("h"), given: [Redis.pfadd("h")], gives: false },
  { command: Redis.pfadd("h", "a"), gives: true },
  { command: Redis.pfadd("h", ["a", 1, 2n, binary]), given: [Redis.pfadd("h", "a")], gives: true },
  { command: Redis.pfadd("h", ["a", binary]), given: [Redis.pfadd("h", ["a", binary])], gives: false },
  { command: Redis.pfcount("h"), gives: 0 },
  { command: Redis.pfcount("h"), given: [Redis.pfadd("h", ["a", "b", "a"])], gives: 2 },
  {
    command: Redis.pfcount(["h", "i", "j"]),
    given: [Redis.pfadd("h", ["a", "b"]), Redis.pfadd("i", ["b", "c"])],
    gives: 3
  },
  { command: Redis.pfmerge("h", "i"), gives: "OK" },
  {
    command: Redis.pfcount("h"),
    given: [Redis.pfadd("h", "a"), Redis.pfadd("i", "b"), Redis.pfadd("j", "c"), Redis.pfmerge("h", ["i", "j"])],
    gives: 3
  }
]
