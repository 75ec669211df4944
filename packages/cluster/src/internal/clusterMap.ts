/**
 * The newest known map of who serves what, kept new.
 */
import { type Redis, RedisError } from "@effect-resp/core"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Subscribable from "effect/Subscribable"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Shard, Topology } from "../Topology.js"
import { SlotTable } from "./slotTable.js"

/** A map, and the address of who gave it. */
export interface Discovered {
  readonly topology: Topology
  readonly source: string
}

export interface ClusterMapOptions {
  /** Asks the nodes known so far, and where they do not answer, those named at the beginning. */
  readonly discover: (known: ReadonlyArray<Shard>) => Effect.Effect<Discovered, RedisError.ClusterError>
  readonly refreshInterval: Duration.DurationInput
  /** Told of each new map, before anyone else. */
  readonly onTopology: (topology: Topology) => void
}

/** Between two refreshes there is at least so long, however many ask for one. */
const leastPause = "100 millis"

/** After a refresh that failed the next comes soon, even when nobody asks. */
const soon = Duration.seconds(1)

/** The map as routing sees it. */
export interface ClusterMap {
  /** The newest; after MOVED it is changed in place, before the next refresh. */
  readonly table: () => SlotTable
  /** Asks for a refresh, soon and in the background; many that ask get the same one. */
  readonly requestRefresh: () => void
  /** Takes a map that somebody told. */
  readonly adopt: (discovered: Discovered) => Effect.Effect<void>
  /** Refreshes now; those who ask meanwhile wait for the same. */
  readonly refresh: Effect.Effect<void, RedisError.ClusterError>
  /** Listens to each map that comes, and whether it differs from the one before; gives what ends that. */
  readonly onChange: (listener: (differs: boolean) => void) => () => void
  /** Tells those who listen that the table was changed in place. */
  readonly changed: () => void
  readonly state: Subscribable.Subscribable<Redis.ConnectionState>
}

const ended = () =>
  new RedisError.ClusterError({
    reason: "Discovery",
    detail: "the client has ended",
    attempts: [],
    outcome: "NotSent"
  })

/** Finds the map, and renews it for as long as the scope lasts: every so often, and when asked. The last good one stays. */
export const makeClusterMap = (
  options: ClusterMapOptions
): Effect.Effect<ClusterMap, RedisError.ClusterError, Scope.Scope> =>
  Effect.gen(function* () {
    const listeners = new Set<(differs: boolean) => void>()
    const changed = (differs = true) => {
      for (const listener of listeners) listener(differs)
    }
    const state = yield* SubscriptionRef.make<Redis.ConnectionState>({ _tag: "Connecting", attempt: 1 })
    const setState = (next: Redis.ConnectionState) =>
      SubscriptionRef.update(state, (now) => (now._tag === "Closed" ? now : next))
    yield* Effect.addFinalizer(() => setState({ _tag: "Closed" }))

    let table = new SlotTable({ shards: [] })
    let attempt = 1
    const scope = yield* Effect.scope
    const adopt = ({ source, topology }: Discovered) =>
      Effect.suspend(() => {
        attempt = 1
        options.onTopology(topology)
        const next = new SlotTable(topology)
        // Mostly it is the same: while a node is away the map is asked for again and again.
        const differs = !table.isAsTold || next.source !== table.source
        if (differs) table = next
        changed(differs)
        return setState({ _tag: "Connected", address: source })
      })
    const discovered = Effect.suspend(() => options.discover(table.shards)).pipe(
      Effect.flatMap(adopt),
      Effect.tapError(() => setState({ _tag: "Connecting", attempt: ++attempt }))
    )
    let underWay: Deferred.Deferred<void, RedisError.ClusterError> | undefined
    // Uninterruptible but for the waiting: it is others', too.
    const refresh = Effect.uninterruptibleMask((restore) => {
      if (underWay !== undefined) return restore(Deferred.await(underWay))
      const done = Deferred.unsafeMake<void, RedisError.ClusterError>(FiberId.none)
      underWay = done
      return Effect.interruptible(discovered).pipe(
        Effect.onExit((exit) => {
          underWay = undefined
          return Deferred.done(done, Exit.isInterrupted(exit) ? Exit.fail(ended()) : exit)
        }),
        Effect.forkIn(scope),
        Effect.zipRight(restore(Deferred.await(done)))
      )
    })

    yield* refresh
    const wanted = yield* Queue.sliding<void>(1)
    const requestRefresh = () => void wanted.unsafeOffer(undefined)
    const interval = Duration.decode(options.refreshInterval)
    yield* Effect.suspend(() =>
      Effect.timeoutOption(Queue.take(wanted), attempt > 1 ? Duration.min(interval, soon) : interval)
    ).pipe(
      Effect.zipRight(refresh),
      Effect.catchAllCause((cause) => Effect.logDebug("the map could not be renewed", cause)),
      Effect.zipRight(Effect.sleep(leastPause)),
      Effect.forever,
      Effect.forkScoped
    )
    return {
      table: () => table,
      requestRefresh,
      adopt,
      // What follows when it fails is not left to the next interval, which began before.
      refresh: Effect.tapError(refresh, () => Effect.sync(requestRefresh)),
      onChange: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      changed,
      state
    }
  })
