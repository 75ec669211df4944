/**
 * Connections over any `@effect/platform` Socket: another runtime's TCP, a WebSocket to a proxy, a test's own.
 *
 * On Node prefer `NodeRedis`: a platform Socket cannot stop reading, so that a slow subscriber is not felt by the server,
 * nor reset, so that what is still buffered when a connection is given up may yet be executed.
 *
 * @since 0.1.0
 */

import type * as Socket from "@effect/platform/Socket"
import { RedisError, type Transport } from "@effect-resp/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"

/** A writer that has more than this to write asks to wait. */
const highWaterMark = 65_536

/**
 * A connector over sockets that an Effect makes, one for each connection; for `ConnectionPool.layer`.
 *
 * `address` is what errors name.
 *
 * @example
 * ```ts
 * import { NodeSocket } from "@effect/platform-node"
 * import { ConnectionPool } from "@effect-resp/core"
 * import { SocketConnector } from "@effect-resp/node"
 *
 * const live = ConnectionPool.layer(
 *   SocketConnector.make("localhost:6379", NodeSocket.makeNet({ host: "localhost", port: 6379 }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(address: string, open: Effect.Effect<Socket.Socket, E>): Transport.Connector => ({
  address,
  connect: (handler) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        restore(start(address, open, handler, scope)).pipe(Effect.onError(() => Scope.close(scope, Exit.void)))
      )
    )
})

const start = <E>(
  address: string,
  open: Effect.Effect<Socket.Socket, E>,
  handler: Transport.TransportHandler,
  scope: Scope.CloseableScope
): Effect.Effect<Transport.Transport, RedisError.ConnectionError> =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<void, RedisError.ConnectionError>()
    const outgoing = yield* Queue.unbounded<string | Uint8Array>()
    const encoder = new TextEncoder()
    let buffered = 0
    let live = false

    const socket = yield* Effect.mapError(open, (error) => failed(address, String(error)))
    const write = yield* Scope.extend(socket.writer, scope)

    const close = Effect.suspend(() => Scope.close(scope, Exit.void))
    const end = (detail: string): Effect.Effect<void> =>
      Effect.zipRight(
        Effect.suspend(() => {
          const wasLive = live
          live = false
          if (wasLive) handler.onClose(detail)
          return Deferred.fail(opened, failed(address, detail))
        }),
        close
      )
    const reading = socket.runRaw(
      (chunk) => {
        if (live) handler.onData(typeof chunk === "string" ? encoder.encode(chunk) : chunk)
      },
      {
        onOpen: Effect.suspend(() => {
          live = true
          return Deferred.succeed(opened, undefined)
        })
      }
    )
    const writing = Queue.take(outgoing).pipe(
      Effect.flatMap((chunk) =>
        Effect.map(write(chunk), () => {
          const full = buffered >= highWaterMark
          buffered -= chunk.length
          if (live && full && buffered < highWaterMark) handler.onDrain()
        })
      ),
      Effect.forever
    )
    yield* Effect.raceFirst(reading, writing).pipe(
      Effect.matchEffect({
        onFailure: (error) => end(error.message),
        onSuccess: () => end("the server closed the connection")
      }),
      // Not a child of the fiber that happens to connect: it lives for as long as the connection.
      Effect.forkDaemon,
      Effect.tap((fiber) => Scope.addFinalizer(scope, fiber.interruptAsFork(fiber.id())))
    )
    yield* Deferred.await(opened)

    return {
      write: (chunk) => {
        buffered += chunk.length
        Queue.unsafeOffer(outgoing, chunk)
        return buffered < highWaterMark
      },
      cork: () => {},
      uncork: () => {},
      pause: () => {},
      resume: () => {},
      destroy: () => {
        live = false
        Effect.runFork(close)
      }
    }
  })

const failed = (address: string, detail: string) =>
  new RedisError.ConnectionError({ reason: "Connect", address, detail, outcome: "NotSent" })
