/**
 * A bounded pool that lends each of its members to one user at a time.
 *
 * Effect's own Pool waits without interruption for a member that is being made, forgets waiters when that fails, and
 * its end waits for all who still hold one; here every wait can be interrupted and ends.
 */
import * as Clock from "effect/Clock"
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { atEnd, patiently } from "./scopeEnd.js"

/** What a pool is told. */
export interface LeasePoolOptions<A, E> {
  readonly open: Effect.Effect<A, E, Scope.Scope>
  /** Whether one that lay idle can still be lent. */
  readonly isUsable: (member: A) => boolean
  readonly size: number
  /** Milliseconds after which an idle one is closed. */
  readonly idleTimeout: number
  /** What those are told who wait or come when the pool has been closed. */
  readonly closed: () => E
}

/** What a member's user gets, and how he gives it back: `release` says whether others may have it. */
export interface Loan<B> {
  readonly service: B
  readonly release: Effect.Effect<boolean>
}

interface Member<A> {
  readonly value: A
  readonly scope: Scope.CloseableScope
  idleSince: number
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export class LeasePool<A, E> {
  /** The last one given back is the first to be lent again, so that those not needed grow old. */
  private readonly idle: Array<Member<A>> = []
  /** Of members that are lent or being made. */
  private readonly busy = new Set<Scope.CloseableScope>()
  /** Who waits for a place, first come first served. */
  private readonly waiting = new Set<(turn: Effect.Effect<void, E>) => void>()
  private places: number
  private isClosed = false

  private constructor(private readonly options: LeasePoolOptions<A, E>) {
    this.places = options.size
  }

  /** A pool whose idle members are closed in time for as long as the scope lasts; its end is `close`. */
  static make<A, E>(options: LeasePoolOptions<A, E>): Effect.Effect<LeasePool<A, E>, never, Scope.Scope> {
    return Effect.suspend(() => {
      const pool = new LeasePool(options)
      const reap = pool.reap.pipe(Effect.delay(Math.max(10, options.idleTimeout / 2)), Effect.forever)
      return Effect.as(Effect.forkScoped(reap), pool)
    })
  }

  /** Lends a member for the scope. */
  borrow<B>(lend: (value: A) => Loan<B>): Effect.Effect<B, E, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      this.takePlace(restore).pipe(
        Effect.zipRight(Effect.onError(this.takeMember(restore), () => this.leavePlace)),
        Effect.flatMap((member) => {
          const { release, service } = lend(member.value)
          return Effect.as(atEnd(Effect.flatMap(release, (clean) => this.giveBack(member, clean))), service)
        })
      )
    )
  }

  /** Lends no more. Those who have one may keep it for a while; then it is closed under them. */
  close(patience: DurationInput): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isClosed = true
      for (const resume of this.waiting) resume(Effect.fail(this.options.closed()))
      this.waiting.clear()
      const idle = this.idle.splice(0).map((member) => member.scope)
      return closeAll(idle).pipe(
        Effect.zipRight(patiently(() => this.busy.size === 0, patience)),
        Effect.zipRight(Effect.suspend(() => closeAll(this.busy)))
      )
    })
  }

  private takePlace(restore: Restore): Effect.Effect<void, E> {
    return Effect.suspend((): Effect.Effect<void, E> => {
      if (this.isClosed) return Effect.fail(this.options.closed())
      if (this.places > 0) {
        this.places--
        return Effect.void
      }
      let granted = false
      let wake: ((turn: Effect.Effect<void, E>) => void) | undefined
      return restore(
        Effect.async<void, E>((resume) => {
          wake = (turn) => {
            granted = true
            resume(turn)
          }
          this.waiting.add(wake)
        })
      ).pipe(
        Effect.onInterrupt(() => {
          if (wake !== undefined) this.waiting.delete(wake)
          // The turn came in the same moment: it is the next one's.
          return granted ? this.leavePlace : Effect.void
        })
      )
    })
  }

  private readonly leavePlace = Effect.sync(() => {
    const [next] = this.waiting
    if (next === undefined) this.places++
    else {
      this.waiting.delete(next)
      next(Effect.void)
    }
  })

  private takeMember(restore: Restore): Effect.Effect<Member<A>, E> {
    return Effect.suspend(() => {
      const member = this.idle.pop()
      if (member === undefined) return this.makeMember(restore)
      if (!this.options.isUsable(member.value)) {
        return Effect.zipRight(Scope.close(member.scope, Exit.void), this.takeMember(restore))
      }
      this.busy.add(member.scope)
      return Effect.succeed(member)
    })
  }

  private makeMember(restore: Restore): Effect.Effect<Member<A>, E> {
    return Effect.flatMap(Scope.make(), (scope) => {
      this.busy.add(scope)
      return restore(Scope.extend(this.options.open, scope)).pipe(
        Effect.filterOrFail(() => !this.isClosed, this.options.closed),
        Effect.map((value): Member<A> => ({ value, scope, idleSince: 0 })),
        Effect.onError(() => this.discard(scope))
      )
    })
  }

  private giveBack(member: Member<A>, clean: boolean): Effect.Effect<void> {
    const keep = Effect.map(Clock.currentTimeMillis, (now) => {
      this.busy.delete(member.scope)
      member.idleSince = now
      this.idle.push(member)
    })
    return Effect.suspend(() => (clean && !this.isClosed ? keep : this.discard(member.scope))).pipe(
      Effect.zipRight(this.leavePlace)
    )
  }

  private discard(scope: Scope.CloseableScope): Effect.Effect<void> {
    return Effect.ensuring(
      Scope.close(scope, Exit.void),
      Effect.sync(() => this.busy.delete(scope))
    )
  }

  private readonly reap = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const young = this.idle.findIndex((member) => now - member.idleSince < this.options.idleTimeout)
    const old = this.idle.splice(0, young < 0 ? this.idle.length : young)
    return closeAll(old.map((member) => member.scope))
  })
}

const closeAll = (scopes: Iterable<Scope.CloseableScope>): Effect.Effect<void> =>
  Effect.forEach([...scopes], (scope) => Scope.close(scope, Exit.void), { discard: true })
