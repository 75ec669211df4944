/** Valkey GLIDE, whose core is native. */
import {
  Batch,
  ClusterBatch,
  GlideClient,
  GlideClientConfiguration,
  GlideClusterClient,
  GlideMonitorClient,
  Logger
} from "@valkey/valkey-glide"
import { channel, deliveryJob } from "../delivery.js"
import { freshJob } from "../fresh.js"
import { jobOf, loops, type Open, Unsupported } from "../job.js"
import { type Commands, operationOf } from "../operation.js"
import { untilCommitted, watchJob } from "../watch.js"
import { valueKey } from "../work.js"

// It says on the terminal what takes long, and what it cannot do while it is being closed.
Logger.setLoggerConfig("off")

/** Its defaults are 250 ms and 1,000: batches of 100,000 and 10,000 loops would fail. */
const limits = { requestTimeout: 60_000, inflightRequestsLimit: 20_000 }

const fill = <B extends Batch | ClusterBatch>(batch: B, keys: ReadonlyArray<string>): B => {
  for (const key of keys) batch.get(key)
  return batch
}

const commandsOf = (
  client: GlideClient | GlideClusterClient,
  execute: (keys: ReadonlyArray<string>, isAtomic: boolean) => Promise<unknown>
): Commands<Promise<unknown>> => ({
  get: (key) => client.get(key),
  set: (key, value) => client.set(key, value),
  hgetall: (key) => client.hgetall(key),
  lrange: (key) => client.lrange(key, 0, -1),
  pipeline: (keys) => execute(keys, false),
  transaction: (keys) => execute(keys, true),
  textOf: (reply) => reply,
  replyOf: (slot) => slot
})

const attempt = async (client: GlideClient, key: string): Promise<boolean> => {
  await client.watch([key])
  const count = Number(await client.get(key))
  return (await client.exec(new Batch(true).set(key, String(count + 1)), true)) !== null
}

export const open: Open = async (work, target) => {
  const { clusterPorts, host, port } = target
  const addresses = [{ host, port }]
  const connect = () => GlideClient.createClient({ addresses, ...limits })
  switch (work.kind) {
    case "watch": {
      const clients = await Promise.all(Array.from({ length: work.workers }, connect))
      const [first] = clients
      if (first === undefined) return new Unsupported("no workers")
      return watchJob(work, {
        increment: (key, worker) => untilCommitted(() => attempt(clients[worker] ?? first, key)),
        repeat: loops,
        get: (key) => first.get(key),
        set: (key, value) => first.set(key, value),
        close: () => {
          for (const client of clients) client.close()
        }
      })
    }
    case "pubsub":
      return deliveryJob(work, target, async (deliver) => {
        // A client has one callback, which tells all who listen.
        const listeners = Array.from(
          { length: work.subscribers },
          () => (message: string) => deliver(message.length === 64)
        )
        const client = await GlideClient.createClient({
          addresses,
          ...limits,
          pubsubSubscriptions: {
            channelsAndPatterns: { [GlideClientConfiguration.PubSubChannelModes.Exact]: new Set([channel]) },
            callback: ({ message }) => {
              for (const listener of listeners) listener(String(message))
            }
          }
        })
        return () => client.close()
      })
    case "monitor":
      return deliveryJob(work, target, async (deliver) => {
        const key = valueKey(64)
        const client = await GlideMonitorClient.create({ addresses, ...limits }, ({ args, command }) => {
          if (args[0] === key) deliver(command.toUpperCase() === "GET")
        })
        return () => client.close()
      })
    case "first-reply":
    case "idle-connection":
    case "in-flight":
      return freshJob(work, target, async () => {
        const client = await connect()
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
      const cluster = await GlideClusterClient.createClient({
        addresses: clusterPorts.map((port) => ({ host, port })),
        ...limits
      })
      const commands = commandsOf(cluster, (keys, isAtomic) =>
        cluster.exec(fill(new ClusterBatch(isAtomic), keys), true)
      )
      return jobOf(operationOf(commands, work), loops, () => cluster.close())
    }
    default: {
      const client = await connect()
      const commands = commandsOf(client, (keys, isAtomic) => client.exec(fill(new Batch(isAtomic), keys), true))
      return jobOf(operationOf(commands, work), loops, () => client.close())
    }
  }
}
