/**
 * @since 0.1.0
 */
export * as NodeRedis from "./NodeRedis.js"
export * as NodeRedisCluster from "./NodeRedisCluster.js"
export * as NodeRedisSentinel from "./NodeRedisSentinel.js"
export * as NodeRedisServer from "./NodeRedisServer.js"
export * as SocketConnector from "./SocketConnector.js"
