import { Command, Redis } from "@effect-resp/core"
import { Option } from "effect"
import type { Case } from "./case.js"

const binary = Uint8Array.of(0, 255, 13, 10, 128)
const palermo = { longitude: 13.361389, latitude: 38.115556 }
const catania = { longitude: 15.087269, latitude: 37.502669 }
const stored = {
  Palermo: { longitude: 13.361389338970184, latitude: 38.1155563954963 },
  Catania: { longitude: 15.087267458438873, latitude: 37.50266842333162 }
}
const hashes = { Palermo: 3479099956230698, Catania: 3479447370796909 }
const sicily = [Redis.geoadd("g", { Palermo: palermo, Catania: catania })]
const bytes = [Redis.geoadd("g", [[binary, palermo]])]
const here = { longitude: 15, latitude: 37 }
const near = { from: here, radius: 100, unit: "km" } as const
const wide = { from: here, radius: 200, unit: "km" } as const
const box = { from: here, width: 400, height: 400, unit: "km" } as const
const around = { from: { member: "Palermo" }, radius: 200_000 }
const valkeyOnly = { redis: "99.0.0", valkey: "9.0.0" }
const triangle = {
  polygon: [
    { longitude: 14, latitude: 36 },
    { longitude: 16, latitude: 36 },
    { longitude: 15, latitude: 39 }
  ]
}

export const geo: ReadonlyArray<Case> = [
  // positions
  { command: Redis.geoadd("g", { Palermo: palermo, Catania: catania }), gives: 2 },
  { command: Redis.geoadd("g", [["Palermo", catania]]), given: sicily, gives: 0 },
  { command: Redis.geoadd("g", { Palermo: catania }, { countChanged: true }), given: sicily, gives: 1 },
  {
    command: Redis.geoadd("g", { Palermo: catania }, { onlyIf: "absent", countChanged: true }),
    given: sicily,
    gives: 0
  },
  { command: Redis.geoadd("g", { Enna: catania }, { onlyIf: "present" }), given: sicily, gives: 0 },
  { command: Redis.geodist("g", "Palermo", "Catania"), given: sicily, gives: Option.some(166274.1516) },
  { command: Redis.geodist("g", "Palermo", "Catania", { unit: "km" }), given: sicily, gives: Option.some(166.2742) },
  { command: Redis.geodist("g", "Palermo", "Catania", { unit: "mi" }), given: sicily, gives: Option.some(103.3182) },
  { command: Redis.geodist("g", "Palermo", "Catania", { unit: "ft" }), given: sicily, gives: Option.some(545518.87) },
  { command: Redis.geodist("g", "Palermo", "Enna"), given: sicily, gives: Option.none() },
  { command: Redis.geodist("g", "Palermo", "Enna"), gives: Option.none() },
  {
    command: Redis.geohash("g", ["Palermo", "Enna", "Catania"]),
    given: sicily,
    gives: [Option.some("sqc8b49rny0"), Option.none(), Option.some("sqdtr74hyu0")]
  },
  { command: Redis.geohash("g", "Palermo"), gives: [Option.none()] },
  {
    command: Command.bytes(Redis.geohash("g", [binary, "x"])),
    given: bytes,
    gives: [Option.some(new TextEncoder().encode("sqc8b49rny0")), Option.none()]
  },
  {
    command: Redis.geopos("g", ["Palermo", "Enna"]),
    given: sicily,
    gives: [Option.some(stored.Palermo), Option.none()]
  },
  { command: Redis.geopos("g", "Palermo"), gives: [Option.none()] },

  // searching
  { command: Redis.geosearch("g", wide), gives: [] },
  { command: Redis.geosearch("g", near), given: sicily, gives: ["Catania"] },
  { command: Redis.geosearch("g", wide, { order: "farthest" }), given: sicily, gives: ["Palermo", "Catania"] },
  { command: Redis.geosearch("g", box, { order: "nearest" }), given: sicily, gives: ["Catania", "Palermo"] },
  { command: Redis.geosearch("g", around, { order: "nearest" }), given: sicily, gives: ["Palermo", "Catania"] },
  { command: Redis.geosearch("g", wide, { count: 1 }), given: sicily, gives: ["Catania"] },
  {
    command: Redis.geosearch("g", wide, { count: 1, any: true }),
    given: sicily,
    gives: (members: ReadonlyArray<string>) => members.length === 1
  },
  {
    command: Redis.geosearch("g", wide, { order: "nearest", with: ["position", "distance", "hash"] }),
    given: sicily,
    gives: [
      { member: "Catania", distance: 56.4413, hash: hashes.Catania, position: stored.Catania },
      { member: "Palermo", distance: 190.4424, hash: hashes.Palermo, position: stored.Palermo }
    ]
  },
  {
    command: Redis.geosearch("g", near, { with: ["distance"] }),
    given: sicily,
    gives: [{ member: "Catania", distance: 56.4413 }]
  },
  {
    command: Redis.geosearch("g", near, { with: ["position"] }),
    given: sicily,
    gives: [{ member: "Catania", position: stored.Catania }]
  },
  { command: Redis.geosearch("g", near, { with: [] }), given: sicily, gives: [{ member: "Catania" }] },
  { command: Redis.geosearch("g", near, { with: ["hash"] }), gives: [] },
  { command: Command.bytes(Redis.geosearch("g", wide)), given: bytes, gives: [binary] },
  {
    command: Command.bytes(Redis.geosearch("g", wide, { with: ["hash"] })),
    given: bytes,
    gives: [{ member: binary, hash: hashes.Palermo }]
  },
  { command: Redis.geosearch("g", triangle), given: sicily, gives: ["Catania"], since: valkeyOnly },
  {
    command: Redis.geosearch("g", triangle, { with: ["position"] }),
    given: sicily,
    gives: [{ member: "Catania", position: stored.Catania }],
    since: valkeyOnly
  },
  { command: Redis.geosearchstore("d", "g", wide), given: sicily, gives: 2 },
  { command: Redis.geosearchstore("d", "g", box, { order: "nearest", count: 1 }), given: sicily, gives: 1 },
  { command: Redis.geosearchstore("d", "g", wide), gives: 0 },
  {
    command: Redis.zscore("d", "Catania"),
    given: [...sicily, Redis.geosearchstore("d", "g", near)],
    gives: Option.some(hashes.Catania)
  },
  {
    command: Redis.zscore("d", "Catania"),
    given: [...sicily, Redis.geosearchstore("d", "g", near, { storeDistances: true })],
    gives: (score: Option.Option<number>) => Option.exists(score, (km) => Math.abs(km - 56.4413) < 0.001)
  },
  { command: Redis.geosearchstore("d", "g", triangle), given: sicily, gives: 1, since: valkeyOnly },

  // what GEOSEARCH replaces
  { command: Redis.georadius("g", here, 100, { unit: "km" }), given: sicily, gives: ["Catania"] },
  { command: Redis.georadius("g", here, 200_000, { order: "nearest" }), given: sicily, gives: ["Catania", "Palermo"] },
  {
    command: Redis.georadius("g", here, 100, { unit: "km", with: ["distance", "position"] }),
    given: sicily,
    gives: [{ member: "Catania", distance: 56.4413, position: stored.Catania }]
  },
  { command: Redis.georadius("g", here, 200, { unit: "km", count: 1, store: "d" }), given: sicily, gives: 1 },
  { command: Redis.georadius("g", here, 200, { unit: "km", storeDistances: "d" }), given: sicily, gives: 2 },
  { command: Redis.georadius("g", here, 200), gives: [] },
  { command: Redis.georadius_ro("g", here, 100, { unit: "km" }), given: sicily, gives: ["Catania"] },
  {
    command: Redis.georadius_ro("g", here, 100, { unit: "km", with: ["hash"] }),
    given: sicily,
    gives: [{ member: "Catania", hash: hashes.Catania }]
  },
  { command: Redis.georadiusbymember("g", "Palermo", 100, { unit: "mi" }), given: sicily, gives: ["Palermo"] },
  {
    command: Redis.georadiusbymember("g", "Palermo", 100, { unit: "mi", with: ["distance"] }),
    given: sicily,
    gives: [{ member: "Palermo", distance: 0 }]
  },
  { command: Redis.georadiusbymember("g", "Palermo", 200, { unit: "km", store: "d" }), given: sicily, gives: 2 },
  {
    command: Redis.georadiusbymember("g", "STORE", 200, { unit: "km", storeDistances: "d" }),
    given: [Redis.geoadd("g", { STORE: palermo })],
    gives: 1
  },
  { command: Redis.georadiusbymember_ro("g", "Palermo", 1), given: sicily, gives: ["Palermo"] },
  { command: Command.bytes(Redis.georadiusbymember_ro("g", binary, 1)), given: bytes, gives: [binary] }
]
