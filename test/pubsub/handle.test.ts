import { describe, expect, layer } from "@effect/vitest"
import { Command, Redis, type RedisError, RedisPubSub } from "@effect-resp/core"
import { Cause, Chunk, Context, Deferred, Effect, Exit, Fiber, Option, Stream } from "effect"
import { redisLayer } from "../support/redis.js"
import { eventually } from "./eventually.js"

class Boom {
  readonly _tag = "Boom"
}

class Sink extends Context.Tag("Sink")<Sink, Array<string>>() {}

const take = (pubSub: RedisPubSub.RedisPubSub, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => pubSub.take)

describe.each([2, 3] as const)("the handle, RESP%i", (protocol) => {
  layer(redisLayer({ protocol }), { excludeTestServices: true })((it) => {
    it.scoped("scenario 69: confirms with its own counts, channels and patterns together, shard channels apart", () =>
      Effect.gen(function* () {
        // Another subscriber of the same connection changes nothing.
        yield* RedisPubSub.subscribed({ channels: ["a", "z"], patterns: "p*", shardChannels: "s" })
        const pubSub = yield* RedisPubSub.make()
        yield* pubSub.subscribe(["a", "b"])
        yield* pubSub.psubscribe(["p*", "q*"])
        yield* pubSub.ssubscribe("s")
        yield* pubSub.subscribe("a")
        expect(yield* take(pubSub, 6)).toEqual([
          { type: "subscribe", channel: "a", count: 1 },
          { type: "subscribe", channel: "b", count: 2 },
          { type: "psubscribe", channel: "p*", count: 3 },
          { type: "psubscribe", channel: "q*", count: 4 },
          { type: "ssubscribe", channel: "s", count: 1 },
          { type: "subscribe", channel: "a", count: 4 }
        ])
        expect(yield* pubSub.subscriptions).toEqual({
          channels: ["a", "b"],
          patterns: ["p*", "q*"],
          shardChannels: ["s"]
        })
        yield* pubSub.unsubscribe("b")
        yield* pubSub.unsubscribe()
        yield* pubSub.unsubscribe("never")
        yield* pubSub.punsubscribe()
        yield* pubSub.sunsubscribe(["s"])
        expect(yield* take(pubSub, 6)).toEqual([
          { type: "unsubscribe", channel: "b", count: 3 },
          { type: "unsubscribe", channel: "a", count: 2 },
          { type: "unsubscribe", channel: "never", count: 2 },
          { type: "punsubscribe", channel: "p*", count: 1 },
          { type: "punsubscribe", channel: "q*", count: 0 },
          { type: "sunsubscribe", channel: "s", count: 0 }
        ])
        expect(yield* pubSub.subscriptions).toEqual({ channels: [], patterns: [], shardChannels: [] })
        expect([...(yield* Redis.pubsubChannels())].sort()).toEqual(["a", "z"])
        expect(yield* pubSub.poll()).toEqual(Option.none())
      })
    )

    it.scoped("can ignore confirmations, which drive its state all the same", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        const handled: Array<string> = []
        yield* pubSub.subscribe({ h: ({ data }) => Effect.sync(() => handled.push(data)) })
        yield* pubSub.subscribe("plain")
        yield* Redis.publish("h", "1")
        yield* Redis.publish("plain", "2")
        expect(yield* pubSub.take).toMatchObject({ type: "message", data: "2" })
        yield* pubSub.unsubscribe("h")
        expect(yield* pubSub.poll()).toEqual(Option.none())
        // Its handler is gone with its subscription.
        yield* pubSub.subscribe("h")
        yield* Redis.publish("h", "3")
        expect(yield* pubSub.take).toMatchObject({ type: "message", data: "3" })
        expect(handled).toEqual(["1"])
      })
    )

    it.scoped("polls at once, or for a time", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        expect(yield* pubSub.poll()).toEqual(Option.none())
        yield* pubSub.subscribe("p")
        const [waited, none] = yield* Effect.timed(pubSub.poll({ timeout: "100 millis" }))
        expect(none).toEqual(Option.none())
        expect(Number(waited.value._tag === "Millis" ? waited.value.millis : 100)).toBeGreaterThanOrEqual(95)
        yield* Effect.fork(Effect.delay(Redis.publish("p", "x"), "30 millis"))
        expect(yield* pubSub.poll({ timeout: "5 seconds" })).toMatchObject({ value: { data: "x" } })
        yield* pubSub.subscribe({ p: () => Effect.void })
        yield* Redis.publish("p", "handled")
        expect(yield* pubSub.poll({ timeout: "5 seconds" })).toEqual(Option.none())
      })
    )

    it.scoped("handles messages of channels and patterns by Effects, and gives them to nobody else", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        const note = (by: string) => (message: RedisPubSub.Message) =>
          Effect.map(Sink, (sink) => sink.push(`${by}:${message.channel}:${message.data}`))
        const sink: Array<string> = []
        yield* pubSub
          .subscribe(["bare", ["ch", note("channel")], [Uint8Array.of(0xff), note("bytes")]])
          .pipe(Effect.provideService(Sink, sink))
        yield* pubSub.psubscribe({ "c*": note("pattern") }).pipe(Effect.provideService(Sink, sink))
        yield* Redis.publish("ch", "1")
        yield* Redis.publish(Uint8Array.of(0xff), "2")
        yield* Redis.publish("cx", "3")
        yield* Redis.publish("bare", "4")
        expect(yield* pubSub.stream.pipe(Stream.take(1), Stream.runCollect)).toEqual(
          Chunk.of({ type: "message", channel: "bare", pattern: Option.none(), data: "4" })
        )
        expect(sink).toEqual(["channel:ch:1", "pattern:ch:1", "bytes:\ufffd:2", "pattern:cx:3"])
      })
    )

    it.scoped("gives a handler's failure to who reads", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make<Boom>({ ignoreConfirmations: true })
        yield* pubSub.subscribe({ b: () => Effect.fail(new Boom()) })
        yield* Redis.publish("b", "1")
        expect(yield* Effect.flip(pubSub.take)).toEqual(new Boom())
        yield* Redis.publish("b", "2")
        expect(yield* Effect.flip(pubSub.poll({ timeout: "1 second" }))).toEqual(new Boom())
      })
    )

    it.scoped("streams, also bytes, and changes subscriptions meanwhile", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ bytes: true })
        const fiber = yield* pubSub.stream.pipe(Stream.take(4), Stream.runCollect, Effect.fork)
        yield* pubSub.subscribe("one")
        yield* Redis.publish("one", Uint8Array.of(255))
        yield* pubSub.subscribe(Uint8Array.of(254))
        yield* pubSub.unsubscribe("one")
        const text = (value: string) => new TextEncoder().encode(value)
        expect(Chunk.toReadonlyArray(yield* Fiber.join(fiber))).toEqual([
          { type: "subscribe", channel: text("one"), count: 1 },
          { type: "message", channel: text("one"), pattern: Option.none(), data: Uint8Array.of(255) },
          { type: "subscribe", channel: Uint8Array.of(254), count: 2 },
          { type: "unsubscribe", channel: text("one"), count: 1 }
        ])
      })
    )

    it.scoped("runs until it is interrupted, with handlers that come and go, through a reconnect", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make()
        const got: Array<string> = []
        const gaps: Array<string> = []
        const note = ({ data }: RedisPubSub.Message) => Effect.sync(() => got.push(data))
        yield* pubSub.subscribe({ a: note })
        const fiber = yield* Effect.fork(pubSub.run({ onGap: ({ reason }) => Effect.sync(() => gaps.push(reason)) }))
        yield* Redis.publish("a", "1")
        yield* pubSub.psubscribe({ "b*": note })
        yield* Redis.publish("b", "2")
        yield* eventually(
          Effect.sync(() => got),
          (all) => all.length === 2
        )
        // While it runs, nothing may be without a handler.
        expect(yield* Effect.flip(pubSub.subscribe("bare"))).toMatchObject({ _tag: "CommandError" })
        yield* Command.make(["CLIENT", "KILL", "TYPE", "pubsub"])
        yield* eventually(
          Effect.sync(() => gaps),
          (all) => all.length === 1
        )
        yield* Redis.publish("a", "3")
        yield* eventually(
          Effect.sync(() => got),
          (all) => all.length === 3
        )
        expect(got).toEqual(["1", "2", "3"])
        expect(gaps).toEqual(["Reconnected"])
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        yield* pubSub.subscribe("bare")
      })
    )

    it.scoped("refuses to run when a subscription has no handler", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make()
        yield* pubSub.subscribe(["bare", ["ok", () => Effect.void]])
        const error = yield* Effect.flip(pubSub.run())
        expect(error).toMatchObject({ _tag: "CommandError", reason: "no handler for bare" })
        yield* pubSub.unsubscribe("bare")
        const fiber = yield* Effect.fork(pubSub.run())
        yield* Effect.sleep("20 millis")
        expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
        yield* Fiber.interrupt(fiber)
      })
    )

    it.scoped("run fails with its handler, or asks whether to go on", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make<Boom>()
        const got: Array<string> = []
        yield* pubSub.subscribe({
          c: ({ data }) =>
            data === "die"
              ? Effect.die(data)
              : data.startsWith("bad")
                ? Effect.fail(new Boom())
                : Effect.sync(() => got.push(data))
        })
        const plain = yield* Effect.fork(pubSub.run())
        yield* Redis.publish("c", "bad")
        expect(yield* Effect.flip(Fiber.join(plain))).toEqual(new Boom())

        const failures: Array<string> = []
        const careful = yield* Effect.fork(
          pubSub.run({
            onError: (cause, { data }) =>
              Effect.sync(() => {
                failures.push(`${data}:${Cause.isDie(cause) ? "die" : "fail"}`)
                return data === "bad stop" ? "stop" : "continue"
              })
          })
        )
        for (const data of ["1", "bad", "die", "2", "bad stop", "3"]) yield* Redis.publish("c", data)
        yield* Fiber.join(careful)
        expect(failures).toEqual(["bad:fail", "die:die", "bad stop:fail"])
        expect(got).toEqual(["1", "2"])
        // What was not read is still there.
        expect(yield* pubSub.poll({ timeout: "1 second" })).toEqual(Option.none())
        expect(got).toEqual(["1", "2", "3"])
      })
    )

    it.scoped("a failed or interrupted subscribe leaves what was before", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        yield* pubSub.subscribe("kept")
        for (let i = 0; i < 20; i++) {
          const fiber = yield* Effect.fork(pubSub.subscribe(["kept", `new${i}`]))
          for (let j = 0; j < i; j++) yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
          if ((yield* Fiber.await(fiber))._tag === "Success") yield* pubSub.unsubscribe(`new${i}`)
        }
        expect((yield* pubSub.subscriptions).channels).toEqual(["kept"])
        yield* eventually(Redis.pubsubChannels(), (names) => names.join() === "kept")
        yield* Redis.publish("kept", "x")
        expect(yield* pubSub.take).toMatchObject({ data: "x" })
      })
    )

    it.scoped("of two that subscribe to a name at once, the failed one takes nothing from the other", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        const handled: Array<string> = []
        const handler = (by: string) => () => Effect.sync(() => handled.push(by))
        const first = yield* Effect.fork(pubSub.subscribe({ both: handler("first") }))
        const second = yield* Effect.fork(pubSub.subscribe({ both: handler("second") }))
        const third = yield* Effect.fork(pubSub.subscribe({ both: handler("third") }))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(first)
        yield* Fiber.interrupt(third)
        yield* Fiber.join(second)
        yield* Redis.publish("both", "x")
        expect(yield* pubSub.poll({ timeout: "1 second" })).toEqual(Option.none())
        expect(handled).toEqual(["second"])
      })
    )

    it.scoped("a handler stays until the last end of its subscription was read", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        const handled: Array<string> = []
        const handler = ({ data }: RedisPubSub.Message) => Effect.sync(() => handled.push(data))
        yield* pubSub.subscribe({ again: handler })
        yield* pubSub.unsubscribe("again")
        yield* pubSub.subscribe({ again: handler })
        yield* Redis.publish("again", "x")
        yield* Effect.sleep("50 millis")
        yield* pubSub.unsubscribe()
        while (Option.isSome(yield* pubSub.poll())) {}
        expect(yield* pubSub.poll()).toEqual(Option.none())
        expect(handled).toEqual(["x"])
        // Its last end was read: now it is gone.
        yield* pubSub.subscribe("again")
        yield* Redis.publish("again", "y")
        expect(yield* pubSub.take).toMatchObject({ data: "y" })
      })
    )

    it.scoped("a handler that throws is one that fails", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        yield* pubSub.subscribe({ json: ({ data }) => Effect.succeed(JSON.parse(data)) })
        yield* Redis.publish("json", "{")
        const causes: Array<Cause.Cause<never>> = []
        yield* pubSub.run({
          onError: (cause) =>
            Effect.as(
              Effect.sync(() => causes.push(cause)),
              "stop" as const
            )
        })
        expect(causes.map((cause) => Cause.squash(cause))).toEqual([expect.any(SyntaxError)])
      })
    )

    it.scoped("a handler that is interrupted is one that fails, and who interrupts `run` asks nobody", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        const begun = yield* Deferred.make<void>()
        yield* pubSub.subscribe({
          itself: () => Effect.interrupt,
          outside: () => Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
        })
        const asked: Array<boolean> = []
        const running = yield* Effect.fork(
          pubSub.run({
            onError: (cause) =>
              Effect.as(
                Effect.sync(() => asked.push(Cause.isInterrupted(cause))),
                "continue" as const
              )
          })
        )
        yield* Redis.publish("itself", "x")
        yield* Redis.publish("outside", "x")
        yield* Deferred.await(begun)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(running))).toBe(true)
        expect(asked).toEqual([true])
      })
    )

    it.scoped("who polls waits on when another has taken what came", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make({ ignoreConfirmations: true })
        yield* pubSub.subscribe("few")
        const polls = yield* Effect.fork(
          Effect.all([pubSub.poll({ timeout: "5 seconds" }), pubSub.poll({ timeout: "5 seconds" })], {
            concurrency: "unbounded"
          })
        )
        yield* Redis.publish("few", "1")
        yield* Effect.sleep("50 millis")
        yield* Redis.publish("few", "2")
        expect((yield* Fiber.join(polls)).map(Option.isSome)).toEqual([true, true])
      })
    )

    it.scoped("what is no name or no handler is refused", () =>
      Effect.gen(function* () {
        const pubSub = yield* RedisPubSub.make()
        const invalid = (value: unknown): never => value as never
        const refusals = [
          ...[[1], [null], [undefined], [{}], ["ok", 1]].map((names) => pubSub.subscribe(invalid(names))),
          pubSub.subscribe(invalid(null)),
          pubSub.subscribe({ name: invalid(1) }),
          pubSub.psubscribe([["name", invalid("handler")]]),
          pubSub.unsubscribe(invalid([1])),
          pubSub.unsubscribe(invalid(null)),
          Effect.scoped(RedisPubSub.subscribed({ channels: invalid([1]) })),
          RedisPubSub.make({ strategy: invalid("slide") })
        ]
        for (const refusal of refusals) {
          expect(
            yield* Effect.flip(refusal as Effect.Effect<unknown, RedisError.RedisError, Redis.Redis>)
          ).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
        }
        expect(yield* pubSub.subscriptions).toEqual({ channels: [], patterns: [], shardChannels: [] })
      })
    )
  })
})
