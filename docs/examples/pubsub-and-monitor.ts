/** A cache that drops what others change, and everything when it may have missed a change. */
import { Redis, RedisPubSub } from "@effect-resp/core"
import { Effect, Stream } from "effect"

export const program = Effect.gen(function* () {
  const cache = new Map([
    ["user:1", "Ada"],
    ["user:2", "Grace"]
  ])

  const handle = (event: RedisPubSub.Event) =>
    Effect.sync(() => {
      if (event.type === "gap") cache.clear()
      else if (event.type === "message") cache.delete(event.data)
    })

  const changes = yield* RedisPubSub.make()
  yield* changes.subscribe("changed")
  yield* Redis.publish("changed", "user:2")
  // `stream` has no end: this example ends after the message.
  yield* changes.stream.pipe(
    Stream.tap(handle),
    Stream.takeUntil((event) => event.type === "message"),
    Stream.runDrain
  )
  return [...cache.keys()]
}).pipe(Effect.scoped)
