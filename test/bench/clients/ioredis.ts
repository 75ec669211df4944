/** ioredis, with and without auto-pipelining. */
import { Cluster, Redis } from "ioredis"
import { opener } from "./ioredisFamily.js"

export const open = opener({
  autoPipelining: false,
  connect: (port, host) => new Redis(port, host),
  connectCluster: (nodes) => new Cluster(nodes)
})

export const openAutoPipelining = opener({
  autoPipelining: true,
  connect: (port, host) => new Redis(port, host, { enableAutoPipelining: true }),
  connectCluster: (nodes) => new Cluster(nodes, { enableAutoPipelining: true })
})
