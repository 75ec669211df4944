/**
 * The small interface between the client and a stream of bytes: TCP, TLS, a Unix socket, anything.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { ConnectionError } from "./RedisError.js"

/**
 * What a transport tells of its bytes. Nothing is called before `connect` has succeeded, and nothing after `onClose`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransportHandler {
  /** Takes bytes; when it returns, the memory that they are in may be used again. */
  readonly onData: (chunk: Uint8Array) => void
  /** The buffer of a `write` that returned `false` is empty again. */
  readonly onDrain: () => void
  /** The stream ended; called once, but not necessarily after `destroy`. `detail` says why, where known. */
  readonly onClose: (detail: string) => void
}

/**
 * An open stream of bytes. No method throws; after the end they do nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transport {
  /** Writes text as UTF-8, or bytes; `false` asks to wait for `onDrain`. */
  readonly write: (chunk: string | Uint8Array) => boolean
  /**
   * Bytes written that have not left yet, where that is known: while they go on leaving, a long silence of the server is
   * only that of a slow upload.
   */
  readonly pending?: () => number
  /** Gathers the writes until `uncork` into one. */
  readonly cork: () => void
  readonly uncork: () => void
  /** Stops and restarts reading, so that the peer is slowed down by TCP itself. */
  readonly pause: () => void
  readonly resume: () => void
  /** Ends it at once, with a reset where there is one, so that nothing still buffered is executed later. */
  readonly destroy: () => void
}

/**
 * Makes transports to one address.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connector {
  /** `host:port` or a path, as errors name it. */
  readonly address: string
  /** Whether it speaks TLS, where that is known: for what errors say. */
  readonly tls?: boolean | undefined
  /** Opens a stream; interruption abandons the attempt. Deadlines are the caller's. */
  readonly connect: (handler: TransportHandler) => Effect.Effect<Transport, ConnectionError>
}
