import { Command, Redis } from "@effect-resp/core"
import type { Case } from "./case.js"

const text = (value: string) => new TextEncoder().encode(value)

export const pubsub: ReadonlyArray<Case> = [
  { command: Redis.publish("nobody", "hello"), gives: 0 },
  { command: Redis.publish(Uint8Array.of(0, 255), Uint8Array.of(128)), gives: 0 },
  { command: Redis.spublish("nobody", "hello"), gives: 0 },
  { command: Redis.pubsubChannels("nobody.*"), gives: [] },
  { command: Redis.pubsubChannels(), gives: (channels: unknown) => Array.isArray(channels) },
  { command: Command.bytes(Redis.pubsubChannels("nobody.*")), gives: [] },
  { command: Redis.pubsubNumpat, gives: 0 },
  { command: Redis.pubsubNumsub("nobody"), gives: [["nobody", 0]] },
  {
    command: Redis.pubsubNumsub(["z", "a", "__proto__", "a"]),
    gives: [
      ["z", 0],
      ["a", 0],
      ["__proto__", 0],
      ["a", 0]
    ]
  },
  { command: Command.bytes(Redis.pubsubNumsub("nobody")), gives: [[text("nobody"), 0]] },
  { command: Redis.pubsubShardchannels("nobody.*"), gives: [] },
  { command: Redis.pubsubShardchannels(), gives: (channels: unknown) => Array.isArray(channels) },
  {
    command: Redis.pubsubShardnumsub(["z", "a"]),
    gives: [
      ["z", 0],
      ["a", 0]
    ]
  },
  { command: Command.bytes(Redis.pubsubShardnumsub("nobody")), gives: [[text("nobody"), 0]] }
]
