/**
 * @since 0.1.0
 */
export * as Command from "./Command.js"
export * as ConnectionPool from "./ConnectionPool.js"
export * as Monitor from "./Monitor.js"
export * as Pipeline from "./Pipeline.js"
export * as Redis from "./Redis.js"
export * as RedisError from "./RedisError.js"
export * as RedisPubSub from "./RedisPubSub.js"
export * as Reply from "./Reply.js"
export * as Scan from "./Scan.js"
export * as Script from "./Script.js"
export * as Transaction from "./Transaction.js"
export * as Transport from "./Transport.js"
