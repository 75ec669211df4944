import { Redis, type RedisError } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Layer } from "effect"
import * as FaultProxy from "./FaultProxy.js"

/** A private server, and a client of it. */
export const redisLayer = (
  options: NodeRedis.Options = {}
): Layer.Layer<
  Redis.Redis | NodeRedisServer.NodeRedisServer,
  NodeRedisServer.ServerError | RedisError.ConnectionError | RedisError.TimeoutError | RedisError.CommandError
> =>
  Layer.unwrapEffect(
    Effect.map(NodeRedisServer.NodeRedisServer, (server) =>
      NodeRedis.layer({ port: server.port, host: server.host, ...options })
    )
  ).pipe(Layer.provideMerge(NodeRedisServer.layer()))

/** Another client of the same server. */
export const anotherClient = (options: NodeRedis.Options = {}) =>
  Effect.flatMap(NodeRedisServer.NodeRedisServer, (server) =>
    NodeRedis.make({ port: server.port, host: server.host, ...options })
  )

/** One whose way to the server goes through a proxy, and the one without. */
export const behindProxy = (options: NodeRedis.Options = {}) =>
  Effect.gen(function* () {
    const proxy = yield* FaultProxy.make(yield* NodeRedisServer.NodeRedisServer)
    const client = yield* anotherClient({ port: proxy.port, ...options })
    return { proxy, client, direct: yield* Redis.Redis }
  })
