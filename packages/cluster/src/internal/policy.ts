/** Where a command without keys goes, and how the replies become one: what the servers' own command tips say, and more. */
import type { Command } from "@effect-resp/core"
import * as merge from "./merge.js"

export type Policy =
  | {
      /** One primary, no matter which; every primary; every primary and replica. */
      readonly to: "any" | "primaries" | "nodes"
      readonly merge: merge.Merge
      /** Whether all must succeed, or one suffices: then `merge` gets the replies of those that did. */
      readonly need: "all" | "one"
    }
  | { readonly to: "refused"; readonly advice: string }

const send = (to: "any" | "primaries" | "nodes", merge: merge.Merge, need: "all" | "one" = "all"): Policy => ({
  to,
  merge,
  need
})

const refuse = (advice: string): Policy => ({ to: "refused", advice })

/** One primary, no matter which. */
export const anyPrimary: Policy = send("any", merge.first)

const onOneNode = refuse("it is about one server: run it on one node with RedisCluster.onNode")

const groups: ReadonlyArray<readonly [Policy, ReadonlyArray<string>]> = [
  [
    send("primaries", merge.first),
    [
      "FLUSHALL",
      "FLUSHDB",
      "FUNCTION DELETE",
      "FUNCTION FLUSH",
      "FUNCTION LOAD",
      "FUNCTION RESTORE",
      "MEMORY PURGE",
      "PING"
    ]
  ],
  [send("primaries", merge.first, "one"), ["FUNCTION KILL", "SCRIPT KILL"]],
  [send("primaries", merge.sum), ["DBSIZE"]],
  [send("primaries", merge.min), ["SCRIPT EXISTS", "WAIT", "WAITAOF"]],
  [send("primaries", merge.concat), ["CLUSTER SLOT-STATS", "KEYS"]],
  [send("primaries", merge.anyNonNull), ["RANDOMKEY"]],
  [
    send("nodes", merge.first),
    [
      "ACL DELROLE",
      "ACL DELUSER",
      "ACL LOAD",
      "ACL SAVE",
      "ACL SETROLE",
      "ACL SETUSER",
      "COMMANDLOG RESET",
      "CONFIG RESETSTAT",
      "CONFIG REWRITE",
      "CONFIG SET",
      "SCRIPT FLUSH",
      "SCRIPT LOAD",
      "SLOWLOG RESET"
    ]
  ],
  [send("nodes", merge.sum), ["COMMANDLOG LEN", "LATENCY RESET", "PUBSUB NUMPAT", "SLOWLOG LEN"]],
  [send("nodes", merge.concat), ["COMMANDLOG GET", "SLOWLOG GET"]],
  // A subscriber is known to its own node only, and a message goes to all of them.
  [send("nodes", merge.union), ["PUBSUB CHANNELS", "PUBSUB SHARDCHANNELS"]],
  [send("nodes", merge.sumByName), ["PUBSUB NUMSUB", "PUBSUB SHARDNUMSUB"]],
  [refuse("a cursor belongs to one node: use Scan.keys, or run it on one node with RedisCluster.onNode"), ["SCAN"]],
  [
    onOneNode,
    [
      "BACKUP",
      "BGREWRITEAOF",
      "BGSAVE",
      "CLIENT KILL",
      "CLIENT PAUSE",
      "CLIENT UNBLOCK",
      "CLIENT UNPAUSE",
      // The rest of CLUSTER: what changes a node or is counted by it.
      "CLUSTER",
      "DEBUG",
      "FAILOVER",
      "HOTKEYS",
      "MIGRATE",
      "MODULE LOAD",
      "MODULE LOADEX",
      "MODULE UNLOAD",
      "MOVE",
      "REPLICAOF",
      "SAVE",
      "SELECT",
      "SFLUSH",
      "SHUTDOWN",
      "SLAVEOF",
      "SWAPDB",
      "TRIMSLOTS"
    ]
  ],
  [
    anyPrimary,
    [
      "CLUSTER HELP",
      "CLUSTER INFO",
      "CLUSTER KEYSLOT",
      "CLUSTER NODES",
      "CLUSTER REPLICAS",
      "CLUSTER SHARDS",
      "CLUSTER SLAVES",
      "CLUSTER SLOTS"
    ]
  ]
  // Any primary serves all others too: PUBLISH, which the cluster spreads; scripts without keys; and what tells of one
  // server where no merge is right for all (INFO, MEMORY STATS, MEMORY DOCTOR, LATENCY HISTORY, FUNCTION STATS, CONFIG
  // GET, CLIENT LIST, ROLE …).
]

const policies = new Map(groups.flatMap(([policy, names]) => names.map((name) => [name, policy] as const)))

/** The first words of all these names. */
const known = new Set([...policies.keys()].map((name) => name.split(" ", 1)[0]!))

/** The policy of a command without keys. */
export const policyOf = ({ definition: { name }, words }: Command.Command<unknown>): Policy => {
  const space = name.indexOf(" ")
  const first = space < 0 ? name : name.slice(0, space)
  if (!known.has(first)) return anyPrimary
  // `Command.define` has a subcommand in the name, `Command.make` among the words.
  const second = words[1]
  const full = space < 0 && typeof second === "string" ? `${name} ${second.toUpperCase()}` : name
  return policies.get(full) ?? policies.get(first) ?? anyPrimary
}
