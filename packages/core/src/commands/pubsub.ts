/**
 * Publishing, and asking who subscribes: https://redis.io/docs/latest/commands/?group=pubsub
 *
 * To subscribe there is `RedisPubSub`.
 *
 * @since 0.1.0
 */
import { type Argument, define, type IntegerCommand, noKeys, type TextCommand } from "../Command.js"
import { many, type OneOrMany, option } from "../internal/arguments.js"
import * as Reply from "../Reply.js"

const asking = { keys: noKeys, idempotent: true }

const PUBLISH = define("PUBLISH", { keys: noKeys })
const PUBSUB_CHANNELS = define("PUBSUB CHANNELS", asking)
const PUBSUB_NUMPAT = define("PUBSUB NUMPAT", asking)
const PUBSUB_NUMSUB = define("PUBSUB NUMSUB", asking)
const PUBSUB_SHARDCHANNELS = define("PUBSUB SHARDCHANNELS", asking)
const PUBSUB_SHARDNUMSUB = define("PUBSUB SHARDNUMSUB", asking)
// The channel is no key, but it has a slot like one, and that is where the command must go.
const SPUBLISH = define("SPUBLISH")

const texts = Reply.array(Reply.text)
const counts = Reply.pairs(Reply.text, Reply.integer)

/**
 * Channels with how many subscribe to them, in the order asked.
 *
 * @since 0.1.0
 * @category models
 */
export type SubscriberCounts<M = string> = ReadonlyArray<readonly [channel: M, subscribers: number]>

/**
 * Publishes a message to a channel, and gives how many received it: https://redis.io/docs/latest/commands/publish/
 *
 * A client counts once for its subscription to the channel and once for each pattern that matches. In a cluster the
 * message reaches all nodes, but only the clients of the node that was asked are counted.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const receivers = Redis.publish("news", "hello") // number
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const publish = (channel: Argument, message: Argument): IntegerCommand =>
  PUBLISH([channel, message], Reply.integer)

/**
 * Publishes a message to a shard channel, and gives how many received it:
 * https://redis.io/docs/latest/commands/spublish/
 *
 * In a cluster it goes to the node that has the channel's slot. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const receivers = Redis.spublish("orders", "shipped") // number
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const spublish = (channel: Argument, message: Argument): IntegerCommand =>
  SPUBLISH([channel, message], Reply.integer)

/**
 * Gives the channels that have subscribers, all or those that match a glob-style pattern:
 * https://redis.io/docs/latest/commands/pubsub-channels/
 *
 * Subscriptions to patterns do not count.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const channels = Redis.pubsubChannels("news.*") // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const pubsubChannels = (pattern?: Argument): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  PUBSUB_CHANNELS(
    option(pattern, (pattern) => [pattern]),
    texts
  )

/**
 * Gives how many patterns are subscribed to: https://redis.io/docs/latest/commands/pubsub-numpat/
 *
 * A pattern counts once, however many subscribe to it.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const patterns = Redis.pubsubNumpat // number
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const pubsubNumpat: IntegerCommand = PUBSUB_NUMPAT([], Reply.integer)

/**
 * Gives how many subscribe to channels, 0 for none, in the order asked:
 * https://redis.io/docs/latest/commands/pubsub-numsub/
 *
 * Subscriptions to patterns do not count.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const counts = Redis.pubsubNumsub(["news", "sport"]) // ReadonlyArray<[string, number]>
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const pubsubNumsub = (
  channels: OneOrMany<Argument>
): TextCommand<SubscriberCounts, SubscriberCounts<Uint8Array>> => PUBSUB_NUMSUB(many(channels, "channels"), counts)

/**
 * Gives the shard channels that have subscribers, all or those that match a glob-style pattern:
 * https://redis.io/docs/latest/commands/pubsub-shardchannels/
 *
 * In a cluster, those of the node that was asked. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const channels = Redis.pubsubShardchannels("orders.*") // ReadonlyArray<string>
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const pubsubShardchannels = (
  pattern?: Argument
): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>> =>
  PUBSUB_SHARDCHANNELS(
    option(pattern, (pattern) => [pattern]),
    texts
  )

/**
 * Gives how many subscribe to shard channels, 0 for none, in the order asked:
 * https://redis.io/docs/latest/commands/pubsub-shardnumsub/
 *
 * In a cluster, those of the node that was asked. Since Redis 7.0.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const counts = Redis.pubsubShardnumsub(["orders"]) // ReadonlyArray<[string, number]>
 * ```
 *
 * @since 0.1.0
 * @category pubsub
 */
export const pubsubShardnumsub = (
  channels: OneOrMany<Argument>
): TextCommand<SubscriberCounts, SubscriberCounts<Uint8Array>> => PUBSUB_SHARDNUMSUB(many(channels, "channels"), counts)
