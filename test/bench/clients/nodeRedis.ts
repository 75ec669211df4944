/** node-redis. */
import { createClient, createClientPool, createCluster, WatchError } from "redis"
import { channel, deliveryJob } from "../delivery.js"
import { freshJob } from "../fresh.js"
import { jobOf, loops, type Open } from "../job.js"
import { type Commands, operationOf } from "../operation.js"
import { untilCommitted, watchJob } from "../watch.js"
import { valueKey } from "../work.js"

const raise = (error: unknown): never => {
  throw error
}

const connect = (url: string) => createClient({ url }).on("error", raise).connect()

const connectCluster = (urls: ReadonlyArray<string>) =>
  createCluster({ rootNodes: urls.map((url) => ({ url })) })
    .on("error", raise)
    .connect()

type Client = Awaited<ReturnType<typeof connect>>
type Cluster = Awaited<ReturnType<typeof connectCluster>>

const batchOf = (client: Client | Cluster, keys: ReadonlyArray<string>) => {
  const batch = client.multi()
  for (const key of keys) batch.get(key)
  return batch
}

const commandsOf = (client: Client | Cluster): Commands<Promise<unknown>> => ({
  get: (key) => client.get(key),
  set: (key, value) => client.set(key, value),
  hgetall: (key) => client.hGetAll(key),
  lrange: (key) => client.lRange(key, 0, -1),
  pipeline: (keys) => batchOf(client, keys).execAsPipeline(),
  transaction: (keys) => batchOf(client, keys).exec(),
  textOf: (reply) => reply,
  replyOf: (slot) => slot
})

/** Its batches must stay within a slot; commands that are started together are pipelined by themselves. */
const clusterCommandsOf = (cluster: Cluster): Commands<Promise<unknown>> => ({
  ...commandsOf(cluster),
  pipeline: (keys) => Promise.all(keys.map((key) => cluster.get(key)))
})

const attempt = async (client: Client, key: string): Promise<boolean> => {
  await client.watch(key)
  const count = Number(await client.get(key))
  try {
    await client
      .multi()
      .set(key, count + 1)
      .exec()
    return true
  } catch (error) {
    if (error instanceof WatchError) return false
    throw error
  }
}

export const open: Open = async (work, target) => {
  const { clusterPorts, host, port } = target
  const url = `redis://${host}:${port}`
  switch (work.kind) {
    case "watch": {
      const { workers } = work
      const pool = createClientPool({ url }, { minimum: workers, maximum: workers }).on("error", raise)
      await pool.connect()
      return watchJob(work, {
        increment: (key) => untilCommitted(() => pool.execute((client) => attempt(client, key))),
        repeat: loops,
        get: (key) => pool.get(key),
        set: (key, value) => pool.set(key, value),
        close: () => pool.close()
      })
    }
    case "pubsub":
      return deliveryJob(work, target, async (deliver) => {
        const client = await connect(url)
        for (let i = 0; i < work.subscribers; i++) {
          await client.subscribe(channel, (message) => deliver(message.length === 64))
        }
        return () => client.destroy()
      })
    case "monitor":
      return deliveryJob(work, target, async (deliver) => {
        const client = await connect(url)
        const words = `"${valueKey(64)}"`
        // It gives the line as it is, and parses nothing.
        await client.monitor((line) => {
          if (line.includes(words)) deliver(line.endsWith(words))
        })
        return () => client.destroy()
      })
    case "first-reply":
    case "idle-connection":
    case "in-flight":
      return freshJob(work, target, async () => {
        const client = await connect(url)
        const get = () => client.get(valueKey(64))
        return {
          get,
          flood: (count) => Promise.all(Array.from({ length: count }, get)),
          close: () => client.close()
        }
      })
    case "cluster-get":
    case "cluster-set":
    case "cluster-pipeline": {
      const cluster = await connectCluster(clusterPorts.map((port) => `redis://${host}:${port}`))
      return jobOf(operationOf(clusterCommandsOf(cluster), work), loops, () => cluster.close())
    }
    default: {
      const client = await connect(url)
      return jobOf(operationOf(commandsOf(client), work), loops, () => client.close())
    }
  }
}
