/**
 * A bounded pool that lends each of its members to one user at a time.
 *
 * Effect's own Pool waits without interruption for a member that is being made, forgets waiters when that fails, and
 * its end waits for all who still hold one; here every wait can be interrupted and ends.
 */
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Restore } from "./acquisition.js"
import type { Deadline } from "./deadline.js"
import { patiently } from "./scopeEnd.js"

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

/** What is lent. */
export interface Member<A> {
  readonly value: A
  readonly scope: Scope.CloseableScope
  /** How many times the pool had been reaped then. */
  idleSince: number
}

export class LeasePool<A, E> {
  /** The last one given back is the first to be lent again, so that those not needed grow old. */
  private readonly idle: Array<Member<A>> = []
  /** Of members that are lent or being made. */
  private readonly busy = new Set<Scope.CloseableScope>()
  /** Who waits for a place, first come first served. */
  private readonly waiting = new Set<(turn: Effect.Effect<void, E>) => void>()
  private places: number
  private reaped = 0
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

  /** Lends one that lies idle, if nobody has to wait for it: the way of almost every lease, and without an Effect. */
  takeIdle(): Member<A> | undefined {
    const member = this.places > 0 ? this.idle.at(-1) : undefined
    if (member === undefined || !this.options.isUsable(member.value)) return undefined
    this.idle.pop()
    this.places--
    this.busy.add(member.scope)
    return member
  }

  /** Lends one as soon as there is one. Like all that is lent it is to be given back: not to be interrupted after. */
  take(restore: Restore, deadline: Deadline<E>): Effect.Effect<Member<A>, E> {
    return Effect.zipRight(
      this.takePlace(restore, deadline),
      Effect.onError(this.takeMember(restore, deadline), () => this.leavePlace)
    )
  }

  /** Takes one back: for others if it is clean. */
  giveBack(member: Member<A>, clean: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!clean || this.isClosed) return Effect.zipRight(this.discard(member.scope), this.leavePlace)
      this.busy.delete(member.scope)
      member.idleSince = this.reaped
      this.idle.push(member)
      return this.leavePlace
    })
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

  private takePlace(restore: Restore, deadline: Deadline<E>): Effect.Effect<void, E> {
    return Effect.suspend((): Effect.Effect<void, E> => {
      if (this.isClosed) return Effect.fail(this.options.closed())
      if (this.places > 0) {
        this.places--
        return Effect.void
      }
      let granted = false
      const turn = deadline.wait<void, E>((resume) => {
        const wake = (turn: Effect.Effect<void, E>) => {
          granted = true
          resume(turn)
        }
        this.waiting.add(wake)
        return () => this.waiting.delete(wake)
      })
      // The turn came in the same moment: it is the next one's.
      return Effect.onInterrupt(restore(turn), () => (granted ? this.leavePlace : Effect.void))
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

  private takeMember(restore: Restore, deadline: Deadline<E>): Effect.Effect<Member<A>, E> {
    return Effect.suspend(() => {
      const member = this.idle.pop()
      if (member === undefined) return this.makeMember((effect) => restore(deadline.limit(effect)))
      if (!this.options.isUsable(member.value)) {
        return Effect.zipRight(Scope.close(member.scope, Exit.void), this.takeMember(restore, deadline))
      }
      this.busy.add(member.scope)
      return Effect.succeed(member)
    })
  }

  private makeMember(limit: (open: Effect.Effect<A, E>) => Effect.Effect<A, E>): Effect.Effect<Member<A>, E> {
    return Effect.flatMap(Scope.make(), (scope) => {
      this.busy.add(scope)
      return limit(Scope.extend(this.options.open, scope)).pipe(
        Effect.filterOrFail(() => !this.isClosed, this.options.closed),
        Effect.map((value): Member<A> => ({ value, scope, idleSince: 0 })),
        Effect.onError(() => this.discard(scope))
      )
    })
  }

  private discard(scope: Scope.CloseableScope): Effect.Effect<void> {
    return Effect.ensuring(
      Scope.close(scope, Exit.void),
      Effect.sync(() => this.busy.delete(scope))
    )
  }

  // Every half of the timeout; the third time, one has lain for the whole of it.
  private readonly reap = Effect.suspend(() => {
    this.reaped++
    const young = this.idle.findIndex((member) => this.reaped - member.idleSince < 3)
    const old = this.idle.splice(0, young < 0 ? this.idle.length : young)
    return closeAll(old.map((member) => member.scope))
  })
}

const closeAll = (scopes: Iterable<Scope.CloseableScope>): Effect.Effect<void> =>
  Effect.forEach([...scopes], (scope) => Scope.close(scope, Exit.void), { discard: true })
