/**
 * Commands that cannot ride a connection which others share, by their first words.
 */
import { decodeText } from "./protocol/text.js"

/** A word as the server understands it, which may be given as bytes, too. */
/** A word as the server reads a name: in any case, text or bytes. */
export const upper = (word: unknown): string =>
  (word instanceof Uint8Array ? decodeText(word, 0, word.length) : String(word)).toUpperCase()

/** They hold up their connection while they wait; the server lets them block. */
export const blockingCommands: ReadonlySet<string> = new Set([
  "BLMOVE",
  "BLMOVEM",
  "BLMPOP",
  "BLPOP",
  "BRPOP",
  "BRPOPLPUSH",
  "BZMPOP",
  "BZPOPMAX",
  "BZPOPMIN",
  "WAIT",
  "WAITAOF"
])

/** Whether a command, by its words, can hold up its connection. */
export const isBlocking = (words: ReadonlyArray<unknown>): boolean => {
  const name = upper(words[0])
  if (name !== "XREAD" && name !== "XREADGROUP") return blockingCommands.has(name)
  const options = words.slice(1).map(upper)
  const at = options.indexOf("BLOCK")
  return at >= 0 && at < options.indexOf("STREAMS")
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
