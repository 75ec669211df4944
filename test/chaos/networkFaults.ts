/** What befalls connections on their way, for a scope. */
import { Effect } from "effect"
import type { FaultProxy } from "../support/FaultProxy.js"
import type { Dice } from "./plan.js"
import type { Fault } from "./World.js"

/** Over and over, at random times. */
export const repeatedly = (dice: Dice, [least, most]: readonly [number, number], act: Effect.Effect<unknown>) =>
  Effect.suspend(() => Effect.delay(act, dice.between(least, most))).pipe(
    Effect.forever,
    Effect.forkScoped,
    Effect.asVoid
  )

/** Sets something wrong, and right again at the end of the scope. */
export const during = (begin: Effect.Effect<unknown>, end: Effect.Effect<unknown>) =>
  Effect.asVoid(Effect.acquireRelease(begin, () => end))

/** On all of the proxies or on one. */
export const networkFaults = (proxies: ReadonlyArray<FaultProxy>): Readonly<Record<string, Fault>> => {
  const some = (dice: Dice) => (dice.chance(0.5) ? proxies : [dice.pick(proxies)])
  const act = (on: ReadonlyArray<FaultProxy>, action: (proxy: FaultProxy) => void) =>
    Effect.sync(() => on.forEach(action))
  const within =
    (begin: (proxy: FaultProxy, dice: Dice) => void, end: (proxy: FaultProxy) => void): Fault =>
    (dice) => {
      const on = some(dice)
      return during(
        act(on, (proxy) => begin(proxy, dice)),
        act(on, end)
      )
    }
  const often =
    (action: (proxy: FaultProxy, dice: Dice) => void): Fault =>
    (dice) => {
      const on = some(dice)
      return repeatedly(
        dice,
        [20, 300],
        act(on, (proxy) => action(proxy, dice))
      )
    }
  return {
    resets: often((proxy) => proxy.reset()),
    ends: often((proxy) => proxy.end()),
    cutReplies: often((proxy, dice) => proxy.toClient.cutAfter(dice.between(1, 3_000), dice.pick(["end", "reset"]))),
    cutRequests: often((proxy, dice) => proxy.toServer.cutAfter(dice.between(1, 3_000), dice.pick(["end", "reset"]))),
    // Those that nobody has sent yet come after all.
    heldReplies: within(
      (proxy) => proxy.toClient.pause(),
      (proxy) => proxy.toClient.resume()
    ),
    heldRequests: within(
      (proxy) => proxy.toServer.pause(),
      (proxy) => proxy.toServer.resume()
    ),
    halfOpen: within(
      (proxy) => {
        proxy.toServer.pause()
        proxy.toClient.pause()
      },
      (proxy) => {
        proxy.reset()
        proxy.toServer.resume()
        proxy.toClient.resume()
      }
    ),
    lostReplies: within(
      (proxy) => {
        proxy.toClient.drop = true
      },
      (proxy) => {
        proxy.reset()
        proxy.toClient.drop = false
      }
    ),
    slow: within(
      (proxy, dice) => {
        proxy.toClient.delay = dice.between(1, 60)
        proxy.toServer.delay = dice.between(1, 60)
      },
      (proxy) => {
        proxy.toClient.delay = 0
        proxy.toServer.delay = 0
      }
    ),
    pieces: within(
      (proxy, dice) => {
        proxy.toClient.rechunk = dice.chance(0.2) ? "byte" : { seed: dice.seed() }
        proxy.toServer.rechunk = dice.chance(0.2) ? "byte" : { seed: dice.seed() }
      },
      (proxy) => {
        proxy.toClient.rechunk = undefined
        proxy.toServer.rechunk = undefined
      }
    ),
    refused: within(
      (proxy) => {
        proxy.refuse(true)
        proxy.reset()
      },
      (proxy) => proxy.refuse(false)
    ),
    unread: within(
      (proxy) => proxy.toServer.stopReading(),
      (proxy) => proxy.toServer.startReading()
    )
  }
}
