/**
 * Who is who in a cluster: which nodes there are, and which slots they serve.
 *
 * @since 0.1.0
 */

/**
 * Where a server listens. The host is a name or an IP address; an IPv6 address has no brackets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * One server of a cluster.
 *
 * @since 0.1.0
 * @category models
 */
export interface Node extends Address {
  /** The cluster's own name for it, where the server told it. */
  readonly id: string | undefined
  /** `host:port`, an IPv6 address in brackets: what a node is known by. */
  readonly address: string
}

/**
 * A primary with its replicas, and the slots they serve.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shard {
  readonly primary: Node
  readonly replicas: ReadonlyArray<Node>
  /** Ranges of slots, both ends included. */
  readonly slots: ReadonlyArray<readonly [first: number, last: number]>
}

/**
 * The shards of a cluster, in the order of their first slots; no slot is in two of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Topology {
  readonly shards: ReadonlyArray<Shard>
}

/**
 * An address as text: `host:port`, an IPv6 address in brackets.
 *
 * @example
 * ```ts
 * import { Topology } from "@effect-resp/cluster"
 *
 * const text = Topology.addressOf({ host: "::1", port: 7000 }) // "[::1]:7000"
 * ```
 *
 * @since 0.1.0
 * @category addresses
 */
export const addressOf = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const hostName = /^[a-z0-9][a-z0-9._-]*$/i
// At least two colons, none alone at either end: enough to tell it from a name or a part of one.
const ipv6 = /^(?=.*:.*:)(?!:[^:]|.*[^:]:$|.*:::)[0-9a-f:.]+(%[a-z0-9._-]+)?$/i

/**
 * Reads `host:port`, `[ipv6]:port` or `ipv6:port`, as text from outside may say it; the last colon ends the host.
 *
 * Gives `undefined` for anything else: a port outside 1 to 65535, or a host that is no ASCII name or IP address.
 *
 * @example
 * ```ts
 * import { Topology } from "@effect-resp/cluster"
 *
 * const address = Topology.parseAddress("[::1]:7000") // { host: "::1", port: 7000 }
 * ```
 *
 * @since 0.1.0
 * @category addresses
 */
export const parseAddress = (text: string): Address | undefined => {
  const colon = text.lastIndexOf(":")
  const port = text.slice(colon + 1)
  // No name in the DNS is longer; it also bounds what the patterns look at.
  if (colon < 1 || colon > 255 || !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return undefined
  const bracketed = text.startsWith("[") && text[colon - 1] === "]"
  const host = bracketed ? text.slice(1, colon - 1) : text.slice(0, colon)
  return ipv6.test(host) || (!bracketed && hostName.test(host)) ? { host, port: Number(port) } : undefined
}
