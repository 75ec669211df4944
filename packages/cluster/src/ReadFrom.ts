/**
 * Which nodes answer read-only commands.
 *
 * @since 0.1.0
 */

/**
 * Which nodes answer read-only commands; all others go to primaries.
 *
 * - `primary`: the primary alone: what has been written is read.
 * - `replica`: replicas alone, in turn; where there is none that can be reached, the command fails.
 * - `preferReplica`: replicas in turn, and the primary where no replica can be reached.
 * - `nearest`: the node that answers fastest, primary or replica, by measured latency; else the next one.
 *
 * Replicas follow their primary after a moment, so what they answer can be out of date.
 *
 * @since 0.1.0
 * @category models
 */
export type ReadFrom = "primary" | "replica" | "preferReplica" | "nearest"
