/**
 * The connections of one server as scoped resources: multiplexed, reserved and for subscriptions, behind one `Redis`.
 *
 * @since 0.1.0
 */
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Command } from "./Command.js"
import { makeClient } from "./internal/client.js"
import { invalidOption } from "./internal/options.js"
import { runTogether } from "./internal/runner.js"
import type { CommandError, ConnectionError, TimeoutError } from "./RedisError.js"
import { Redis, type RedisService, type Slot } from "./RedisService.js"
import type { Connector } from "./Transport.js"

/**
 * Who the client is. Without a user name it is the server's `default` user.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted<string>
}

/**
 * How a client behaves, whatever it connects over. Every bound and deadline has a finite default. A duration is at least
 * 1 millisecond (`closeTimeout` may be 0); `Duration.infinity` is without end, and an interval of it never comes round.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** RESP version; by default 3, and 2 where the server does not know it. */
  readonly protocol?: 2 | 3 | undefined
  /**
   * Who the client is, or an Effect that yields it: run for each new connection and every `credentialsInterval`; when
   * what it yields has changed, live connections authenticate again.
   */
  readonly credentials?: Credentials | Effect.Effect<Credentials, unknown> | undefined
  /** How often an Effect of credentials is asked again; 1 minute by default. */
  readonly credentialsInterval?: DurationInput | undefined
  /** The database of every connection; 0 by default. */
  readonly database?: number | undefined
  /** What CLIENT LIST shows; printable ASCII without spaces. */
  readonly clientName?: string | undefined
  /** For connecting and the handshake together; 5 seconds by default. */
  readonly connectTimeout?: DurationInput | undefined
  /** From a command's submission to its reply; blocking commands have their own timeout on top; 5 seconds by default. */
  readonly commandTimeout?: DurationInput | undefined
  /** For a reserved connection to become free; 5 seconds by default. */
  readonly reserveTimeout?: DurationInput | undefined
  /** How long the end of the scope waits for replies in flight and for leases to end; 1 second by default. */
  readonly closeTimeout?: DurationInput | undefined
  /** A connection on which nothing moves for so long while replies are due is given up; 10 seconds by default. */
  readonly watchdog?: DurationInput | undefined
  /** An idle shared connection is probed with PING so often; 15 seconds by default. */
  readonly keepAlive?: DurationInput | undefined
  /** The delays between attempts to reconnect; by default from 50 ms, doubling to 2 seconds, jittered, without end. */
  readonly reconnect?: Schedule.Schedule<unknown, ConnectionError | TimeoutError> | undefined
  /**
   * While the server cannot be reached, commands `wait` for it within their deadlines (the default), or `fail` at once,
   * with the outcome `NotSent`; subscribers then fail, too, when their connection is lost.
   */
  readonly whileDisconnected?: "wait" | "fail" | undefined
  /**
   * The server is a cluster's replica, and is to answer reads itself rather than redirect them (READONLY); `false` by
   * default.
   */
  readonly readOnly?: boolean | undefined
  /** Multiplexed connections, up to 1000; 1 by default. */
  readonly connections?: number | undefined
  /** Reserved connections at most; 64 by default. */
  readonly maxReserved?: number | undefined
  /** An idle reserved connection is closed after so long; 1 minute by default. */
  readonly reservedIdleTimeout?: DurationInput | undefined
  /** Commands per connection whose reply has not come; others wait to be written; 16,384 by default. */
  readonly maxInFlight?: number | undefined
  /** Bytes of those; 16 MiB by default. */
  readonly maxInFlightBytes?: number | undefined
  /** Commands per connection that wait to be written; more fail with `Overloaded`; 1,000,000 by default. */
  readonly maxWaiting?: number | undefined
  /** Bytes of those; 256 MiB by default. */
  readonly maxWaitingBytes?: number | undefined
}

/**
 * How one call of a client differs from its other calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  /**
   * In milliseconds, instead of `commandTimeout` and as a bound for `reserveTimeout`. The commands that later run on a
   * lease have the usual time again.
   */
  readonly timeout?: number
  /** Each command has ASKING before it in the same write: it is for a slot that its node is still importing. */
  readonly asking?: boolean
}

/**
 * The primitives that run commands.
 *
 * @since 0.1.0
 * @category models
 */
export type Runner = Pick<RedisService, "execute" | "pipeline" | "transaction" | "reserve" | "watch">

/**
 * The client of one server: the primitives, and what those need who build a topology of several.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client extends RedisService {
  /** As errors name it. */
  readonly address: string
  /** The same connections, for calls that differ. */
  readonly calling: (options: CallOptions) => Runner
  /** Whether the connection of its subscribers stands: without it nothing of what they ask for can have been sent. */
  readonly isListening: () => boolean
  /** Makes a pipeline ready for `together`; `undefined` where it is for `pipeline` alone: empty, very long, blocking, refused. */
  readonly prepare: (commands: ReadonlyArray<Command<unknown>>) => Prepared | undefined
}

/**
 * A pipeline of one client that is ready to be written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Prepared {
  /** The outcomes, in order, once all are there. */
  readonly slots: ReadonlyArray<Slot>
  /** Writes it, once. */
  readonly start: (caller: Prepared.Caller) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace Prepared {
  /**
   * Who waits for it.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Caller {
    /** Nobody waits any more: what is not written yet never will be. */
    readonly isGone: boolean
    /** Tells that all outcomes are there. */
    resume(): void
  }
}

/**
 * Runs pipelines of several clients at once, and completes when each has all its outcomes: what a pipeline on a topology
 * comes to. A fiber for each would take twice the CPU.
 *
 * @since 0.1.0
 * @category running
 */
export const together: (pipelines: ReadonlyArray<Prepared>) => Effect.Effect<void> = runTogether

/**
 * Fails with a `CommandError` that names an option which cannot be used: what `make` does before it connects. Those who
 * have durations of their own give them by their names.
 *
 * @since 0.1.0
 * @category options
 */
export const check = (
  options: Options,
  durations?: Readonly<Record<string, DurationInput | undefined>>
): Effect.Effect<void, CommandError> => Effect.suspend(() => invalidOption(options, durations) ?? Effect.void)

/**
 * Makes a client over a connector, for a scope. Fails with a `ConnectionError` or `TimeoutError` when the first
 * connection cannot be made, and with a `CommandError` when an option cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (
  connector: Connector,
  options?: Options
) => Effect.Effect<Client, ConnectionError | TimeoutError | CommandError, Scope.Scope> = makeClient

/**
 * The client as a layer of the `Redis` tag.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  connector: Connector,
  options?: Options
): Layer.Layer<Redis, ConnectionError | TimeoutError | CommandError> => Layer.scoped(Redis, make(connector, options))
