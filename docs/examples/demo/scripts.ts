import { Pipeline, Redis, Reply, Script } from "@effect-resp/core"
import { Effect } from "effect"
import { must, run, type Section } from "./show.js"

const transfer = Script.make({
  keys: ["source", "target"],
  args: ["amount"],
  lua: `
    if tonumber(redis.call("GET", KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
    redis.call("DECRBY", KEYS[1], ARGV[1])
    redis.call("INCRBY", KEYS[2], ARGV[1])
    return 1`,
  reply: Reply.boolean
})

export const scripts: Section = {
  title: "Scripts: Lua with names and types",
  about: "Sent as EVALSHA; the text goes only to a server that does not know it. A key left out does not compile.",
  body: Effect.gen(function* () {
    yield* Redis.mset({ ada: 100, grace: 0 })
    yield* run(
      `transfer({ source: "ada", target: "grace", amount: 60 })`,
      transfer({ source: "ada", target: "grace", amount: 60 })
    )
    yield* run("… once more: there is not enough left", transfer({ source: "ada", target: "grace", amount: 60 }))
    yield* run("Redis.scriptFlush(), after which the server knows no script", Redis.scriptFlush())
    const [, , balances] = yield* run(
      `Pipeline.all([transfer(…), transfer(…), Redis.mget([…])])`,
      Pipeline.all([
        transfer({ source: "ada", target: "grace", amount: 30 }),
        transfer({ source: "grace", target: "ada", amount: 15 }),
        Redis.mget(["ada", "grace"])
      ])
    )
    yield* must(balances.length === 2, "both balances are there")
  })
}
