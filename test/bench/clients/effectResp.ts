/** Ours, as its documentation shows it: with all of its defaults, deadlines among them. */
import { Monitor, Pipeline, Redis, type RedisError, RedisPubSub, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster } from "@effect-resp/node"
import { Effect, Exit, ManagedRuntime, Option, Scope, Stream } from "effect"
import { channel, type Deliver, deliveryJob } from "../delivery.js"
import { freshJob } from "../fresh.js"
import { jobOf, type Open, type Run, StartingLine, WrongReply } from "../job.js"
import { type Commands, type Operation, operationOf } from "../operation.js"
import { watchJob } from "../watch.js"
import { valueKey } from "../work.js"

type Command<A = unknown> = Effect.Effect<
  A,
  RedisError.RedisError | Transaction.ExecAbortError | Transaction.WatchError,
  Redis.Redis
>

const commands: Commands<Command> = {
  get: Redis.get,
  set: (key, value) => Redis.set(key, value),
  hgetall: Redis.hgetall,
  lrange: (key) => Redis.lrange(key, 0, -1),
  pipeline: (keys) => Pipeline.forEach(keys, (key) => Redis.get(key)),
  transaction: (keys) => Transaction.exec(Pipeline.forEach(keys, (key) => Redis.get(key))),
  textOf: (reply) => (Option.isOption(reply) ? Option.getOrUndefined(reply) : undefined),
  replyOf: (slot) => slot
}

type Runtime = ManagedRuntime.ManagedRuntime<Redis.Redis, unknown>

/** Fibers, each of which loops. */
const fibers =
  (runtime: Runtime) =>
  ({ isRight, start, workers }: Operation<Command>): Run =>
  (iterations, latencies, onStart) => {
    let left = iterations
    const line = new StartingLine(workers, onStart)
    const loop = (worker: number) =>
      Effect.gen(function* () {
        if (!isRight(yield* start(0, worker))) throw new WrongReply("at the start")
        yield* Effect.promise(() => line.arrive())
        while (left > 0) {
          const index = --left
          const began = latencies.start(index)
          const reply = yield* start(index, worker)
          latencies.end(began)
          if (!isRight(reply)) throw new WrongReply(reply)
        }
      })
    return runtime.runPromise(
      Effect.forEach(Array.from({ length: workers }), (_, worker) => loop(worker), {
        concurrency: "unbounded",
        discard: true
      })
    )
  }

const increment = (key: string): Command<true> =>
  Transaction.watch(
    [key],
    Effect.gen(function* () {
      const count = Number(Option.getOrElse(yield* Redis.get(key), () => "0"))
      return Pipeline.all([Redis.set(key, count + 1)])
    })
  ).pipe(
    // At once, as the others do.
    Effect.retry({ while: (error) => error._tag === "WatchError" }),
    Effect.as(true)
  )

const subscribers = (count: number, deliver: Deliver) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.flatMap(RedisPubSub.subscribed({ channels: channel }), (messages) =>
      messages.pipe(
        Stream.runForEach(({ data }) => Effect.sync(() => deliver(data.length === 64))),
        Effect.forkScoped
      )
    )
  )

const monitored = (deliver: Deliver) =>
  Effect.flatMap(Monitor.started, (entries) =>
    entries.pipe(
      Stream.runForEach(({ command }) =>
        Effect.sync(() => {
          if (command[1] === valueKey(64)) deliver(command[0] === "GET")
        })
      ),
      Effect.forkScoped
    )
  )

export const open: Open = async (work, target) => {
  const { clusterPorts, host, port } = target
  const connect = async () => {
    const runtime: Runtime = ManagedRuntime.make(NodeRedis.layer({ url: `redis://${host}:${port}` }))
    await runtime.runtime()
    return runtime
  }
  switch (work.kind) {
    case "watch": {
      const runtime = await connect()
      return watchJob<Command>(work, {
        increment,
        repeat: fibers(runtime),
        get: (key) => runtime.runPromise(Effect.map(Redis.get(key), Option.getOrUndefined)),
        set: (key, value) => runtime.runPromise(Redis.set(key, value)),
        close: () => runtime.dispose()
      })
    }
    case "pubsub":
    case "monitor":
      return deliveryJob(work, target, async (deliver) => {
        const runtime = await connect()
        const scope = await runtime.runPromise(Scope.make())
        const listening: Effect.Effect<unknown, RedisError.RedisError, Redis.Redis | Scope.Scope> =
          work.kind === "pubsub" ? subscribers(work.subscribers, deliver) : monitored(deliver)
        await runtime.runPromise(Scope.extend(listening, scope))
        return async () => {
          await runtime.runPromise(Scope.close(scope, Exit.void))
          await runtime.dispose()
        }
      })
    case "first-reply":
    case "idle-connection":
    case "in-flight":
      return freshJob(work, target, async () => {
        const runtime = await connect()
        return {
          get: () => runtime.runPromise(Redis.get(valueKey(64))),
          flood: (count) =>
            runtime.runPromise(
              Effect.forEach(Array.from({ length: count }), () => Redis.get(valueKey(64)), { concurrency: "unbounded" })
            ),
          close: () => runtime.dispose()
        }
      })
    case "cluster-get":
    case "cluster-set":
    case "cluster-pipeline": {
      const nodes = clusterPorts.map((port) => ({ host, port }))
      const runtime: Runtime = ManagedRuntime.make(NodeRedisCluster.layer({ nodes }))
      await runtime.runtime()
      return jobOf(operationOf(commands, work), fibers(runtime), () => runtime.dispose())
    }
    default: {
      const runtime = await connect()
      return jobOf(operationOf(commands, work), fibers(runtime), () => runtime.dispose())
    }
  }
}
