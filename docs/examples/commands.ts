/** A small store of users as JSON: decoded by a Schema, each command still a command. */
import { Command, Pipeline, Redis } from "@effect-resp/core"
import { Effect, Schema } from "effect"

const User = Schema.parseJson(Schema.Struct({ name: Schema.String, born: Schema.Number }))
type User = typeof User.Type

const key = (id: number) => `user:${id}`

/** An Effect: encoding can fail, so it is no command. */
const put = (id: number, user: User) =>
  Effect.flatMap(Schema.encode(User)(user), (json) => Redis.set(key(id), json, { expire: "1 hour" }))

/** Command<Option<User>>: it can go into a pipeline. */
const find = (id: number) => Redis.get(key(id)).pipe(Command.withSchema(User))

/** A command that this library does not type yet. */
const randomId = Command.make(["SRANDMEMBER", "ids"], { readOnly: true, keys: [1] })

export const program = Effect.gen(function* () {
  yield* put(1, { name: "Ada", born: 1815 })
  yield* put(2, { name: "Grace", born: 1906 })
  yield* Redis.sadd("ids", 1)
  const users = yield* Pipeline.forEach([1, 2, 3], find)
  return { users, id: yield* randomId }
})
