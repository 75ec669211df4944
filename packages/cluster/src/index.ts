/**
 * @since 0.1.0
 */
export * as ReadFrom from "./ReadFrom.js"
export * as RedisCluster from "./RedisCluster.js"
export * as RedisSentinel from "./RedisSentinel.js"
export * as Slot from "./Slot.js"
export * as Topology from "./Topology.js"
