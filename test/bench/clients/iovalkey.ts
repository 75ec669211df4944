/** iovalkey. */
import { Cluster, Redis } from "iovalkey"
import { opener } from "./ioredisFamily.js"

export const open = opener({
  autoPipelining: false,
  connect: (port, host) => new Redis(port, host),
  connectCluster: (nodes) => new Cluster(nodes)
})
