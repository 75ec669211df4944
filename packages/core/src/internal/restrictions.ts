/**
 * Commands that cannot ride a connection which others share, by their first words.
 */
import { decodeText } from "./protocol/text.js"

/** A word as the server reads a name: in any case, text or bytes. */
export const upper = (word: unknown): string =>
  (word instanceof Uint8Array
    ? decodeText(word, 0, word.length)
    : typeof word === "object"
      ? ""
      : String(word)
  ).toUpperCase()

/** Commands that hold up their connection: where among their words their timeout is, and its unit in milliseconds. */
const timeouts: ReadonlyMap<string, readonly [at: number, unit: number]> = new Map([
  ["BLMOVE", [5, 1000]],
  ["BLMOVEM", [5, 1000]],
  ["BLMPOP", [1, 1000]],
  ["BLPOP", [-1, 1000]],
  ["BRPOP", [-1, 1000]],
  ["BRPOPLPUSH", [3, 1000]],
  ["BZMPOP", [1, 1000]],
  ["BZPOPMAX", [-1, 1000]],
  ["BZPOPMIN", [-1, 1000]],
  ["WAIT", [2, 1]],
  ["WAITAOF", [3, 1]]
])

/** They hold it up only with BLOCK. */
const streamReads: ReadonlySet<string> = new Set(["XREAD", "XREADGROUP"])

/** How many words come behind an option of theirs; other options are alone. */
const optionWords: ReadonlyMap<string, number> = new Map([
  ["BLOCK", 1],
  ["CLAIM", 1],
  ["COUNT", 1],
  ["GROUP", 2]
])

const streamTimeout = (words: ReadonlyArray<unknown>): unknown => {
  let timeout: unknown
  for (let at = 1; at < words.length; at++) {
    // A group or a consumer may be called like an option, and a stream, too.
    const option = upper(words[at])
    if (option === "STREAMS") return timeout
    if (option === "BLOCK") timeout = words[at + 1]
    at += optionWords.get(option) ?? 0
  }
  // Such a command is refused.
  return undefined
}

const millisOf = (timeout: unknown, unit: number): number => {
  const text = upper(timeout)
  const millis = text === "" ? Number.NaN : Number(text) * unit
  // What is no time is refused at once.
  return millis >= 0 && millis < Number.POSITIVE_INFINITY ? Math.ceil(millis) : 1
}

/** Whether commands of that name are known to block, some of them with certain words alone. */
export const canBlock = (name: unknown): boolean => timeouts.has(upper(name)) || streamReads.has(upper(name))

/** For how long a command blocks, by its words, in milliseconds: 0 is without end. `undefined` where it is not known to. */
export const blockMillisOf = (words: ReadonlyArray<unknown>): number | undefined => {
  const name = upper(words[0])
  if (streamReads.has(name)) {
    const timeout = streamTimeout(words)
    return timeout === undefined ? undefined : millisOf(timeout, 1)
  }
  const place = timeouts.get(name)
  return place === undefined ? undefined : millisOf(words.at(place[0]), place[1])
}

/** They change the state of their session; a lease that ran one is not used again by others. */
const sessionCommands: ReadonlyMap<string, string> = new Map([
  ["SELECT", "a database is part of a layer's options: make another layer for another database"],
  ["AUTH", "credentials are part of the layer's options"],
  ["READONLY", "reads from replicas are part of the layer's options"],
  ["READWRITE", "reads from replicas are part of the layer's options"],
  ["ASKING", "redirections are the cluster client's own"],
  ["CLIENT SETNAME", "the name is part of the layer's options"],
  ["CLIENT TRACKING", "it changes the shared session"],
  ["CLIENT CAPA", "it changes the shared session"],
  ["CLIENT IMPORT-SOURCE", "it changes the shared session"],
  ["CLIENT CACHING", "it changes the shared session"],
  ["CLIENT NO-EVICT", "it changes the shared session"],
  ["CLIENT NO-TOUCH", "it changes the shared session"],
  ["CLIENT SETINFO", "it changes the shared session"]
])

/** They count the writes of their own connection: on one made for them alone there are none to count. */
const writeCommands: ReadonlyMap<string, string> = new Map([
  ["WAIT", "it counts the writes of its own connection: run both in Redis.withReserved, or in a Pipeline"],
  ["WAITAOF", "it counts the writes of its own connection: run both in Redis.withReserved, or in a Pipeline"]
])

/** They break the pairing of commands and replies, so no connection of ours sends them for a user. */
const forbiddenCommands: ReadonlyMap<string, string> = new Map([
  ["WATCH", "use Transaction.watch"],
  ["UNWATCH", "use Transaction.watch"],
  ["MULTI", "use Transaction.exec"],
  ["EXEC", "use Transaction.exec"],
  ["DISCARD", "use Transaction.exec"],
  ["SUBSCRIBE", "use RedisPubSub"],
  ["PSUBSCRIBE", "use RedisPubSub"],
  ["SSUBSCRIBE", "use RedisPubSub"],
  ["UNSUBSCRIBE", "use RedisPubSub"],
  ["PUNSUBSCRIBE", "use RedisPubSub"],
  ["SUNSUBSCRIBE", "use RedisPubSub"],
  ["MONITOR", "use Monitor.stream"],
  ["HELLO", "the protocol is part of the layer's options"],
  ["RESET", "it would undo the connection's set-up"],
  ["QUIT", "the scope closes the connection"],
  ["SYNC", "it turns the connection into a replication link"],
  ["PSYNC", "it turns the connection into a replication link"],
  ["REPLCONF", "it is not always answered"],
  ["SCRIPT DEBUG", "it turns the connection into a debugger's"],
  ["CLIENT REPLY", "it would break the pairing of replies with commands"]
])

/**
 * Why a command cannot go everywhere: `session` ones run on a lease only, `writes` ones there or in one run with the
 * writes, `forbidden` ones nowhere.
 */
export interface Restriction {
  readonly kind: "session" | "writes" | "forbidden"
  readonly advice: string
}

/** The restriction of a command, by its words. */
export const restrictionOf = (words: ReadonlyArray<unknown>): Restriction | undefined => {
  const first = upper(words[0])
  const isContainer = first === "CLIENT" || first === "SCRIPT"
  if (isContainer && words.length === 1) return { kind: "forbidden", advice: "the name is without its subcommand" }
  const name = isContainer ? `${first} ${upper(words[1])}` : first
  const forbidden = forbiddenCommands.get(name)
  if (forbidden !== undefined) return { kind: "forbidden", advice: forbidden }
  const writes = writeCommands.get(name)
  if (writes !== undefined) return { kind: "writes", advice: writes }
  const session = sessionCommands.get(name)
  return session === undefined ? undefined : { kind: "session", advice: session }
}
