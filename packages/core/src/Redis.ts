/**
 * The client: its tag, its primitives, and every command as a function of the server's name.
 *
 * @since 0.1.0
 */

export * from "./commands/bitmaps.js"
export * from "./commands/configuration.js"
export * from "./commands/connection.js"
export * from "./commands/diagnostics.js"
export * from "./commands/expiry.js"
export * from "./commands/geo.js"
export * from "./commands/hashExpiry.js"
export * from "./commands/hashes.js"
export * from "./commands/hyperLogLog.js"
export * from "./commands/introspection.js"
export * from "./commands/keys.js"
export * from "./commands/lists.js"
export * from "./commands/memory.js"
export * from "./commands/modules.js"
export * from "./commands/persistence.js"
export * from "./commands/pubsub.js"
export * from "./commands/replication.js"
export * from "./commands/scripting.js"
export * from "./commands/server.js"
export * from "./commands/sets.js"
export * from "./commands/sort.js"
export * from "./commands/sortedSetAlgebra.js"
export * from "./commands/sortedSetRanges.js"
export * from "./commands/sortedSets.js"
export * from "./commands/strings.js"
export * from "./RedisService.js"
