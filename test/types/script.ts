/** What must and what must not compile of scripts. Nothing here runs: `npm run check` reads it. */
import { Command, Pipeline, Redis, Reply, Script } from "@effect-resp/core"
import type { Effect, Option } from "effect"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}
type SuccessOf<T> = T extends Effect.Effect<infer A, infer _E, infer _R> ? A : never

const transfer = Script.make({ keys: ["source", "target"], args: ["amount"], lua: "return 1", reply: Reply.integer })
const done = transfer({ source: "a", target: new Uint8Array(), amount: 10n })
same<SuccessOf<typeof done>, number>(true)
const big: Command.Command<bigint> = done.pipe(Command.bigint)
void big

// @ts-expect-error a key is missing
transfer({ source: "a", amount: 1 })
// @ts-expect-error an argument is missing
transfer({ source: "a", target: "b" })
// @ts-expect-error no such name
transfer({ source: "a", target: "b", amount: 1, more: 2 })
// @ts-expect-error a value is text, a number or bytes
transfer({ source: "a", target: "b", amount: true })
// @ts-expect-error nothing is given
transfer()

const constant = Script.make({ lua: "return 1", reply: Reply.option(Reply.text) })
same<SuccessOf<ReturnType<typeof constant>>, Option.Option<string>>(true)
const bytes: Command.Command<Option.Option<Uint8Array>> = constant().pipe(Command.bytes)
void bytes
// @ts-expect-error it has no names
constant({ a: 1 })

const rests = Script.make({
  restKeys: "keys",
  args: ["first"],
  restArgs: "others",
  lua: "return 1",
  reply: Reply.boolean
})
const rest = rests({ keys: ["a"], first: 1, others: [1, "b"] })
same<SuccessOf<typeof rest>, boolean>(true)
// @ts-expect-error a rest is a list
rests({ keys: "a", first: 1, others: [] })
// @ts-expect-error a rest is missing
rests({ keys: ["a"], first: 1 })

// Names that are known only when it runs are not checked.
const names: ReadonlyArray<string> = ["a", "b"]
Script.make({ keys: names, lua: "return 1" })({ a: 1, b: "c" })

const plain = Script.make({ keys: ["a"], lua: "return 1" })
const value = plain({ a: 1 })
same<SuccessOf<typeof value>, Reply.Value>(true)

// A script's command is like any other.
const all = Pipeline.all([done, value, Redis.get("a")])
same<SuccessOf<typeof all>, readonly [number, Reply.Value, Option.Option<string>]>(true)

// What a script is called with decides the result of EVAL too.
const evaluated = Redis.eval("return 1", { reply: Reply.integer }).pipe(Command.bigint)
same<SuccessOf<typeof evaluated>, bigint>(true)
const called = Redis.fcall("f", { keys: ["a"] })
same<SuccessOf<typeof called>, Reply.Value>(true)
// @ts-expect-error ending a server is no command, so no pipeline takes it
Pipeline.all([Redis.shutdown()])
