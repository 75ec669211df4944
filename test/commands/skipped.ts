/**
 * What servers know and the library does not define, and why. `*` stands for any rest of a name.
 */
const groups: Readonly<Record<string, ReadonlyArray<string>>> = {
  "streams are a family to come": [
    "XACK",
    "XACKDEL",
    "XADD",
    "XAUTOCLAIM",
    "XCFGSET",
    "XCLAIM",
    "XDEL",
    "XDELEX",
    "XGROUP *",
    "XIDMPRECORD",
    "XINFO *",
    "XLEN",
    "XNACK",
    "XPENDING",
    "XRANGE",
    "XREAD",
    "XREADGROUP",
    "XREVRANGE",
    "XSETID",
    "XTRIM"
  ],
  "access control is a family to come": [
    "ACL CAT",
    "ACL DELROLE",
    "ACL DELUSER",
    "ACL DIGEST",
    "ACL DRYRUN",
    "ACL GENPASS",
    "ACL GETROLE",
    "ACL GETUSER",
    "ACL HELP",
    "ACL LIST",
    "ACL LOAD",
    "ACL LOG",
    "ACL ROLES",
    "ACL SAVE",
    "ACL SETROLE",
    "ACL SETUSER",
    "ACL USERS"
  ],
  "vector sets are a family to come": [
    "VADD",
    "VCARD",
    "VDIM",
    "VEMB",
    "VGETATTR",
    "VINFO",
    "VISMEMBER",
    "VLINKS",
    "VRANDMEMBER",
    "VRANGE",
    "VREM",
    "VSETATTR",
    "VSIM"
  ],
  "arrays are a family to come": [
    "ARCOUNT",
    "ARDEL",
    "ARDELRANGE",
    "ARGET",
    "ARGETRANGE",
    "ARGREP",
    "ARINFO",
    "ARINSERT",
    "ARLASTITEMS",
    "ARLEN",
    "ARMGET",
    "ARMSET",
    "ARNEXT",
    "AROP",
    "ARRING",
    "ARSCAN",
    "ARSEEK",
    "ARSET"
  ],
  "too new": [
    "BACKUP *",
    "BITRANGEINTARRAY",
    "HIMPORT *",
    "HOTKEYS *",
    "PH*",
    "SEXPIRE",
    "SEXPIREAT",
    "SEXPIRETIME",
    "SPEXPIRE",
    "SPEXPIREAT",
    "SPEXPIRETIME",
    "SPTTL",
    "STTL"
  ],
  "modules have families of their own to come": [
    "BF.*",
    "CF.*",
    "CMS.*",
    "FT.*",
    "_FT.*",
    "JSON.*",
    "SEARCH.*",
    "TDIGEST.*",
    "TIMESERIES.*",
    "TOPK.*",
    "TS.*"
  ],
  "clusters are the cluster client's own": ["ASKING", "CLUSTER *", "CLUSTERSCAN", "READONLY", "READWRITE"],
  "sentinels are the sentinel client's own": ["SENTINEL *"],
  "transactions are Transaction's": ["DISCARD", "EXEC", "MULTI", "UNWATCH", "WATCH"],
  "subscriptions are RedisPubSub's": [
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "UNSUBSCRIBE"
  ],
  "monitoring is Monitor's": ["MONITOR"],
  "the session is part of the layer's options": [
    "AUTH",
    "CLIENT CAPA",
    "CLIENT IMPORT-SOURCE",
    "CLIENT REPLY",
    "HELLO",
    "QUIT",
    "RESET",
    "SELECT"
  ],
  "client-side caching is to come": ["CLIENT CACHING", "CLIENT TRACKING"],
  "between servers": ["PSYNC", "REPLCONF", "RESTORE-ASKING", "SYNC"],
  "internals of the server": ["DEBUG", "PFDEBUG", "PFSELFTEST", "SFLUSH", "TRIMSLOTS"],
  "help for people at a prompt": [
    "CLIENT HELP",
    "COMMAND HELP",
    "COMMANDLOG HELP",
    "CONFIG HELP",
    "FUNCTION HELP",
    "LATENCY HELP",
    "MEMORY HELP",
    "MODULE HELP",
    "PUBSUB HELP",
    "SCRIPT HELP",
    "SLOWLOG HELP"
  ],
  "a debugger needs a session of its own": ["SCRIPT DEBUG"]
}

const patterns = Object.entries(groups).flatMap(([reason, names]) => names.map((name) => [name, reason] as const))

/** Why a command is skipped, if it is. */
export const reasonToSkip = (command: string): string | undefined =>
  patterns.find(([name]) => (name.endsWith("*") ? command.startsWith(name.slice(0, -1)) : command === name))?.[1]
