import { RedisCluster, Slot } from "@effect-resp/cluster"
import { Command, Pipeline, Redis, Reply, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisServer } from "@effect-resp/node"
import { Effect, Option, Schedule } from "effect"
import { fails, must, run, type Section, show, tell } from "./show.js"

/** A server of the cluster, and what tells it what to do. */
const startNode = Effect.gen(function* () {
  const server = yield* NodeRedisServer.make({ args: ["--cluster-enabled", "yes"] })
  const admin = yield* NodeRedis.make({ url: server.url })
  const tell = (...words: readonly [string, ...Array<Command.Argument>]) =>
    admin.execute(Command.make(words, { reply: Reply.text }))
  return { ...server, admin, tell, address: `${server.host}:${server.port}`, id: yield* tell("CLUSTER", "MYID") }
})
type Node = Effect.Effect.Success<typeof startNode>

const startCluster = Effect.gen(function* () {
  const nodes = yield* Effect.replicateEffect(startNode, 3, { concurrency: "unbounded" })
  const share = Math.ceil(Slot.count / nodes.length)
  for (const [i, node] of nodes.entries()) {
    yield* node.tell("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
    yield* node.tell("CLUSTER", "ADDSLOTSRANGE", i * share, Math.min((i + 1) * share, Slot.count) - 1)
    if (i > 0) yield* nodes[0]!.tell("CLUSTER", "MEET", node.host, node.port)
  }
  // Said by a node that knows an owner of every slot.
  const isReady = (info: string) => info.includes("cluster_state:ok")
  yield* Effect.forEach(nodes, (node) =>
    node
      .tell("CLUSTER", "INFO")
      .pipe(Effect.repeat({ until: isReady, schedule: Schedule.spaced("50 millis") }), Effect.timeout("15 seconds"))
  )
  return nodes
})

/** As an operator moves a slot, with all its keys. */
const moveSlot = Effect.fnUntraced(function* (slot: number, from: Node, to: Node, nodes: ReadonlyArray<Node>) {
  yield* to.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
  yield* from.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
  const inSlot = Command.make(["CLUSTER", "GETKEYSINSLOT", slot, 100], { reply: Reply.array(Reply.text) })
  const keys = yield* from.admin.execute(inSlot)
  yield* from.tell("MIGRATE", to.host, to.port, "", 0, 5000, "KEYS", ...keys)
  for (const node of [to, ...nodes.filter((node) => node !== to)]) {
    yield* node.tell("CLUSTER", "SETSLOT", slot, "NODE", to.id)
  }
})

const body = (nodes: ReadonlyArray<Node>) =>
  Effect.gen(function* () {
    yield* run(`Redis.mset({ "user:1": "Ada", "user:3": "Alan" })`, Redis.mset({ "user:1": "Ada", "user:3": "Alan" }))
    yield* run(
      `  RedisCluster.nodeOf("user:1")`,
      Effect.map(RedisCluster.nodeOf("user:1"), ({ address }) => address)
    )
    yield* run(
      `  RedisCluster.nodeOf("user:3")`,
      Effect.map(RedisCluster.nodeOf("user:3"), ({ address }) => address)
    )
    yield* run(
      "Pipeline.all, each command to its node",
      Pipeline.all([Redis.get("user:3"), Redis.get("user:1"), Redis.incr("visits")])
    )
    yield* fails(`Redis.rename("user:1", "user:3")`, Redis.rename("user:1", "user:3"))
    yield* run(
      "Transaction.exec, the same part in braces",
      Transaction.exec([Redis.rpush("{user:1}:cart", "tea"), Redis.incrby("{user:1}:total", 4)])
    )

    const before = (yield* RedisCluster.nodeOf("visits")).address
    const from = nodes.find(({ address }) => address === before)!
    const to = nodes.find((node) => node !== from)!
    const count = Redis.incr("visits").pipe(Effect.delay("1 millis"))
    const [counted] = yield* Effect.all(
      [
        Effect.replicateEffect(count, 1_000, { concurrency: 10 }),
        Effect.delay(moveSlot(Slot.ofKey("visits"), from, to, nodes), "20 millis")
      ],
      { concurrency: "unbounded" }
    )
    yield* show(`1,000 × Redis.incr("visits") while its slot moves: replies`, counted.length)
    const visits = yield* run(`  Redis.get("visits"), with the one before`, Redis.get("visits"))
    const after = (yield* RedisCluster.nodeOf("visits")).address
    yield* tell("  its node", `${before}, then ${after}`)
    yield* must(Option.contains(visits, "1001"), "each was counted once")
    yield* must(after === to.address, "the client has followed the slot")
    yield* run(
      "Redis.dbsize.pipe(RedisCluster.onPrimaries)",
      Effect.map(Redis.dbsize.pipe(RedisCluster.onPrimaries), (sizes) => sizes.map(([_node, size]) => size))
    )
  })

export const cluster: Section = {
  title: "A cluster of three, behind the same Redis tag",
  about: "Each command finds its node by its keys, also while slots move from one node to another.",
  body: Effect.gen(function* () {
    const nodes = yield* startCluster
    yield* Effect.provide(body(nodes), NodeRedisCluster.layer({ nodes: nodes.map(({ address }) => address) }))
  }).pipe(Effect.scoped)
}
