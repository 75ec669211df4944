/**
 * Whether a client is connected: for those who follow it, and for those who wait for it.
 */
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { ConnectionError, type RedisError } from "../RedisError.js"
import type { ConnectionState } from "../RedisService.js"
import type { Deadline } from "./deadline.js"

export class Connectivity {
  private readonly waiting = new Set<() => void>()

  private constructor(
    readonly address: string,
    /** Nobody waits: who comes while there is no connection is told so. */
    private readonly failFast: boolean,
    private now: ConnectionState,
    readonly state: SubscriptionRef.SubscriptionRef<ConnectionState>
  ) {}

  static make(address: string, failFast: boolean): Effect.Effect<Connectivity> {
    const begin: ConnectionState = { _tag: "Connecting", attempt: 1 }
    return Effect.map(
      SubscriptionRef.make<ConnectionState>(begin),
      (state) => new Connectivity(address, failFast, begin, state)
    )
  }

  get isConnected(): boolean {
    return this.now._tag === "Connected"
  }

  get isClosed(): boolean {
    return this.now._tag === "Closed"
  }

  /** Closed is the last: a connection may still come back while the client closes. */
  set(next: ConnectionState): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isClosed) return Effect.void
      this.now = next
      for (const look of [...this.waiting]) look()
      return SubscriptionRef.set(this.state, next)
    })
  }

  /** Completes when the server can be reached, as far as is known. */
  connected(deadline: Deadline<RedisError>): Effect.Effect<void, RedisError> {
    return Effect.suspend(
      () =>
        this.verdict ??
        deadline.wait<void, RedisError>((resume) => {
          const look = () => {
            const { verdict } = this
            if (verdict !== undefined) resume(verdict)
          }
          this.waiting.add(look)
          return () => this.waiting.delete(look)
        })
    )
  }

  private get verdict(): Effect.Effect<void, ConnectionError> | undefined {
    if (this.isConnected) return Effect.void
    if (this.isClosed) return Effect.fail(clientClosed(this.address))
    return this.failFast ? Effect.fail(notConnected(this.address)) : undefined
  }
}

/** What is told to those who come when the client has been closed, or has given up to reconnect. */
export const clientClosed = (address: string): ConnectionError =>
  new ConnectionError({ reason: "Closed", address, detail: "the client has ended", outcome: "NotSent" })

const notConnected = (address: string): ConnectionError =>
  new ConnectionError({ reason: "Lost", address, detail: "there is no connection now", outcome: "NotSent" })
