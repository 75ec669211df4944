/** Jobs of ioredis and of its fork iovalkey, whose interface is the same. */
import { once } from "node:events"
import { channel, deliveryJob } from "../delivery.js"
import { freshJob } from "../fresh.js"
import { jobOf, loops, type Open, Unsupported } from "../job.js"
import { type Commands, operationOf } from "../operation.js"
import { untilCommitted, watchJob } from "../watch.js"
import { valueKey } from "../work.js"

interface Batch {
  get(key: string): unknown
  set(key: string, value: string): unknown
  exec(): Promise<unknown>
}

/** What both have, on one server and on a cluster. */
interface Client {
  get(key: string): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
  hgetall(key: string): Promise<unknown>
  lrange(key: string, start: number, stop: number): Promise<unknown>
  pipeline(): Batch
  multi(): Batch
  disconnect(): void
}

interface Server extends Client, NodeJS.EventEmitter {
  watch(key: string): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  monitor(): Promise<NodeJS.EventEmitter & { disconnect(): void }>
}

interface Library {
  readonly connect: (port: number, host: string) => Server
  readonly connectCluster: (nodes: Array<{ readonly host: string; readonly port: number }>) => Client
  /** Then commands that are started together take the place of a pipeline across nodes. */
  readonly autoPipelining: boolean
}

const execute = (batch: Batch, keys: ReadonlyArray<string>): Promise<unknown> => {
  for (const key of keys) batch.get(key)
  return batch.exec()
}

const commandsOf = (client: Client): Commands<Promise<unknown>> => ({
  get: (key) => client.get(key),
  set: (key, value) => client.set(key, value),
  hgetall: (key) => client.hgetall(key),
  lrange: (key) => client.lrange(key, 0, -1),
  pipeline: (keys) => execute(client.pipeline(), keys),
  transaction: (keys) => execute(client.multi(), keys),
  textOf: (reply) => reply,
  // An error and a reply.
  replyOf: (slot) => (Array.isArray(slot) && slot[0] === null ? slot[1] : undefined)
})

const clusterCommandsOf = (cluster: Client): Commands<Promise<unknown>> => ({
  ...commandsOf(cluster),
  pipeline: (keys) => Promise.all(keys.map((key) => cluster.get(key))),
  replyOf: (slot) => slot
})

const attempt = async (client: Server, key: string): Promise<boolean> => {
  await client.watch(key)
  const count = Number(await client.get(key))
  const batch = client.multi()
  batch.set(key, String(count + 1))
  return (await batch.exec()) !== null
}

export const opener =
  ({ autoPipelining, connect, connectCluster }: Library): Open =>
  async (work, target) => {
    const { clusterPorts, host, port } = target
    const ready = async () => {
      const client = connect(port, host)
      await once(client, "ready")
      return client
    }
    switch (work.kind) {
      case "watch": {
        const clients = await Promise.all(Array.from({ length: work.workers }, ready))
        const [first] = clients
        if (first === undefined) return new Unsupported("no workers")
        return watchJob(work, {
          increment: (key, worker) => untilCommitted(() => attempt(clients[worker] ?? first, key)),
          repeat: loops,
          get: (key) => first.get(key),
          set: (key, value) => first.set(key, value),
          close: () => {
            for (const client of clients) client.disconnect()
          }
        })
      }
      case "pubsub":
        return deliveryJob(work, target, async (deliver) => {
          const client = connect(port, host)
          client.setMaxListeners(0)
          for (let i = 0; i < work.subscribers; i++) {
            client.on("message", (_channel: string, message: string) => deliver(message.length === 64))
          }
          await client.subscribe(channel)
          return () => client.disconnect()
        })
      case "monitor":
        return deliveryJob(work, target, async (deliver) => {
          const client = connect(port, host)
          const monitor = await client.monitor()
          const key = valueKey(64)
          monitor.on("monitor", (_time: string, args: ReadonlyArray<string>) => {
            if (args[1] === key) deliver(args.length === 2)
          })
          return () => {
            monitor.disconnect()
            client.disconnect()
          }
        })
      case "first-reply":
      case "idle-connection":
      case "in-flight":
        return freshJob(work, target, async () => {
          const client = await ready()
          const get = () => client.get(valueKey(64))
          return {
            get,
            flood: (count) => Promise.all(Array.from({ length: count }, get)),
            close: () => client.disconnect()
          }
        })
      case "cluster-get":
      case "cluster-set":
      case "cluster-pipeline": {
        const cluster = connectCluster(clusterPorts.map((port) => ({ host, port })))
        if (work.kind === "cluster-pipeline" && !autoPipelining) {
          cluster.disconnect()
          return new Unsupported("the keys of its pipelines must all be at one node")
        }
        const operation = operationOf(clusterCommandsOf(cluster), work)
        return jobOf(operation, loops, () => cluster.disconnect())
      }
      default: {
        const client = await ready()
        const operation = operationOf(commandsOf(client), work)
        return jobOf(operation, loops, () => client.disconnect())
      }
    }
  }
