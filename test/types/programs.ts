/** What must and what must not compile. Nothing here runs: `npm run check` reads it. */
import { Command, Pipeline, Redis, RedisError, type RedisPubSub, Reply, Transaction } from "@effect-resp/core"
import { NodeRedis } from "@effect-resp/node"
import { Config, Effect, type Either, type Layer, Option, Schedule, Schema, type Stream } from "effect"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}
type SuccessOf<T> = T extends Effect.Effect<infer A, infer _E, infer _R> ? A : never

// A command is an Effect of its result.
const get = Redis.get("k")
same<SuccessOf<typeof get>, Option.Option<string>>(true)
const asEffect: Effect.Effect<Option.Option<string>, RedisError.RedisError, Redis.Redis> = get
void asEffect

// The options of SET decide its result.
same<SuccessOf<ReturnType<typeof plainSet>>, "OK">(true)
const plainSet = () => Redis.set("k", "v", { expire: "1 second" })
same<SuccessOf<ReturnType<typeof conditionalSet>>, boolean>(true)
const conditionalSet = () => Redis.set("k", "v", { onlyIf: "absent" })
same<SuccessOf<ReturnType<typeof gettingSet>>, Option.Option<string>>(true)
const gettingSet = () => Redis.set("k", "v", { get: true })

// Combinators keep it a command.
const bytes: Command.Command<Option.Option<Uint8Array>> = get.pipe(Command.bytes)
const mapped: Command.Command<number> = get.pipe(Command.map(Option.match({ onNone: () => 0, onSome: Number })))
const person: Command.Command<Option.Option<{ readonly name: string }>> = get.pipe(
  Command.withSchema(Schema.parseJson(Schema.Struct({ name: Schema.String })))
)
const big: Command.Command<bigint> = Redis.incr("n").pipe(Command.bigint)
void [bytes, mapped, person, big]
// @ts-expect-error no text, so no bytes
Redis.incr("n").pipe(Command.bytes)
// @ts-expect-error no integer, so no bigint
get.pipe(Command.bigint)
// @ts-expect-error the schema reads numbers, the command gives text
get.pipe(Command.withSchema(Schema.Number))
// @ts-expect-error a key is text, a number or bytes
Redis.get({})
// @ts-expect-error no such option
Redis.set("k", "v", { ttl: 1 })
// @ts-expect-error no such command on a shared client
Redis.select(1)

// Pipelines keep the shape.
const struct = Pipeline.all({ foo: Redis.get("foo"), list: [Redis.incr("a"), Redis.set("b", 1)] })
same<SuccessOf<typeof struct>, { readonly foo: Option.Option<string>; readonly list: readonly [number, "OK"] }>(true)
const chained = Pipeline.empty.pipe(Pipeline.add(Redis.set("a", 1)), Pipeline.add(Redis.incr("a")))
same<SuccessOf<typeof chained>, readonly ["OK", number]>(true)
const attempted = Pipeline.attempt({ foo: Redis.get("foo") })
same<SuccessOf<typeof attempted>, { readonly foo: Either.Either<Option.Option<string>, RedisError.RedisError> }>(true)
const many = Pipeline.forEach([1, 2], (n) => Redis.set("k", n))
same<SuccessOf<typeof many>, ReadonlyArray<"OK">>(true)
// @ts-expect-error an ordinary Effect is not a command
Pipeline.all([Effect.map(get, () => 1)])
// @ts-expect-error nor in a struct
Pipeline.all({ a: Effect.succeed(1) })
// @ts-expect-error nor chained
Pipeline.empty.pipe(Pipeline.add(Effect.succeed(1)))

// Transactions.
const committed = Transaction.exec([Redis.set("a", 1), Redis.incr("a")])
same<SuccessOf<typeof committed>, readonly ["OK", number]>(true)
const watched = Transaction.watch(["k"], Effect.succeed(struct))
const errors: Effect.Effect<
  unknown,
  RedisError.RedisError | Transaction.ExecAbortError | Transaction.WatchError,
  Redis.Redis
> = watched
void errors
watched.pipe(Transaction.retry(Schedule.recurs(3)))
watched.pipe(Effect.retry(RedisError.retryPolicy))
watched.pipe(Effect.retry({ while: RedisError.isSafeToRetry, schedule: Schedule.recurs(3) }))
watched.pipe(Effect.retry({ while: (error) => error._tag === "WatchError", schedule: Schedule.recurs(3) }))
// @ts-expect-error the body returns what to commit
Transaction.watch(["k"], Effect.succeed(1))
// @ts-expect-error an Effect cannot be queued
Transaction.exec([Effect.succeed(1)])

// Clients by tag.
class Sessions extends Redis.Tag("Sessions")<Sessions>() {}
const onSessions = get.pipe(Redis.use(Sessions))
const needs: Effect.Effect<Option.Option<string>, RedisError.RedisError, Sessions> = onSessions
void needs
const sessionsLayer: Layer.Layer<Sessions, unknown> = Redis.layerFor(Sessions, NodeRedis.layer({ database: 1 }))
void sessionsLayer

// Layers.
NodeRedis.layerConfig({ url: Config.redacted("URL"), tls: Config.all({ ca: Config.string("CA") }) })
// @ts-expect-error a password is Redacted
NodeRedis.layer({ credentials: { password: "secret" } })
// @ts-expect-error there are two protocols
NodeRedis.layer({ protocol: 4 })

// Errors are a closed union.
const outcome = (error: RedisError.RedisError): RedisError.Outcome => error.outcome
const exhaustive = (error: RedisError.RedisError): string => {
  switch (error._tag) {
    case "ClusterError":
    case "CommandError":
    case "ConnectionError":
    case "CrossSlotError":
    case "DecodeError":
    case "ProtocolError":
    case "ReplyError":
    case "TimeoutError":
      return error._tag
  }
}
void [outcome, exhaustive]

// Replies.
const custom: Command.TextCommand<string, Uint8Array> = Command.make(["ECHO", "x"], { reply: Reply.text })
void custom
type Messages = Stream.Stream<RedisPubSub.Message, RedisError.RedisError, Redis.Redis>

export type { Messages }
