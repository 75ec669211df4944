/** Reads what a node says of its cluster. */
import type { Reply } from "@effect-resp/core"
import * as Slot from "../Slot.js"
import { type Address, addressOf, type Node, parseAddress, type Topology } from "../Topology.js"
import { elementsOf, fieldOf } from "./rawReply.js"

/** A reply that makes no topology. The reason shows nothing of the reply. */
export class Malformed {
  readonly _tag = "Malformed"
  constructor(readonly reason: string) {}
}

/** Another address for one that the cluster announces, as behind NAT; `undefined` leaves the node out. */
export type MapAddress = (address: Address) => Address | undefined

/**
 * The address that `origin` means: where the host is empty or null, it is the one it was asked at. `undefined` where
 * host or port cannot be, as `?` for a host that is not known.
 */
export const resolveAddress = (host: unknown, port: unknown, origin: Address): Address | undefined => {
  if (typeof port !== "number" || (host !== null && typeof host !== "string")) return undefined
  // The origin's host was connected to, so only the port is looked at.
  const address = parseAddress(addressOf({ host: host || "origin", port }))
  return address === undefined || host ? address : { host: origin.host, port }
}

/** A shard as announced: no slot checked yet, no node twice. */
interface Claim {
  readonly primary: Node
  readonly replicas: Map<string, Node>
}

/**
 * Gathers what is claimed. The first claim on a slot counts; what comes out is in order, so that two replies that mean
 * the same give the same topology.
 */
class Claims {
  private readonly byPrimary = new Map<string, Claim>()
  private readonly owners = new Array<Claim | undefined>(Slot.count).fill(undefined)
  private ranges = 0

  constructor(
    private readonly origin: Address,
    private readonly mapAddress: MapAddress | undefined
  ) {}

  node(host: unknown, port: unknown, id: unknown): Node | undefined {
    const announced = resolveAddress(host, port, this.origin)
    const address = announced && this.mapAddress ? this.mapAddress(announced) : announced
    return address && makeNode(address, typeof id === "string" && id !== "" ? id : undefined)
  }

  /** A primary with its replicas; the ranges are pairs of whatever the server said. */
  add(primary: Node, replicas: ReadonlyArray<Node>, ranges: ReadonlyArray<unknown>): void {
    const claim = this.byPrimary.get(primary.address) ?? { primary, replicas: new Map<string, Node>() }
    this.byPrimary.set(primary.address, claim)
    for (const replica of replicas) {
      if (replica.address !== primary.address) claim.replicas.set(replica.address, replica)
    }
    for (let i = 0; i + 1 < ranges.length; i += 2) {
      const first = ranges[i]
      const last = ranges[i + 1]
      if (!isSlot(first) || !isSlot(last)) continue
      // More ranges than slots cannot be either.
      if (++this.ranges > Slot.count) return
      for (let slot = first; slot <= last; slot++) this.owners[slot] ??= claim
    }
  }

  topology(): Topology | Malformed {
    const ranges = new Map<Claim, Array<[first: number, last: number]>>()
    for (let slot = 0; slot < Slot.count; slot++) {
      const owner = this.owners[slot]
      if (owner === undefined) continue
      let own = ranges.get(owner)
      if (own === undefined) {
        own = []
        ranges.set(owner, own)
      }
      const range = own.at(-1)
      if (range?.[1] === slot - 1) range[1] = slot
      else own.push([slot, slot])
    }
    const byAddress = (a: Node, b: Node) => (a.address < b.address ? -1 : 1)
    // Those with slots are met in the order of these; those without come behind.
    const idle = [...this.byPrimary.values()].filter((claim) => !ranges.has(claim))
    idle.sort((a, b) => byAddress(a.primary, b.primary))
    const shards = [...ranges.keys(), ...idle].map((claim) => ({
      primary: claim.primary,
      replicas: [...claim.replicas.values()].sort(byAddress),
      slots: ranges.get(claim) ?? []
    }))
    return shards.length === 0 ? new Malformed("no primary") : { shards }
  }
}

/** More of them than there are slots cannot be: reading them could take very long. */
const entriesOfMap = (raw: Reply.Raw): ReadonlyArray<Reply.Raw> | Malformed => {
  const entries = elementsOf(raw)
  if (entries === undefined) return new Malformed("not an array")
  return entries.length > Slot.count ? new Malformed("more entries than slots") : entries
}

/** A node by its address. */
export const makeNode = ({ host, port }: Address, id: string | undefined): Node => ({
  id,
  host,
  port,
  address: addressOf({ host, port })
})

/** Whether it is a slot's number. */
export const isSlot = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < Slot.count

const isNode = (node: Node | undefined): node is Node => node !== undefined

/**
 * Reads CLUSTER SLOTS, which every server with clusters knows: `[first, last, primary, replica…]` for each range, a node
 * being `[host, port, id?, metadata?]`. Entries that make no sense are left out, with their slots.
 */
export const parseSlots = (raw: Reply.Raw, origin: Address, mapAddress?: MapAddress): Topology | Malformed => {
  const entries = entriesOfMap(raw)
  if (entries instanceof Malformed) return entries
  const claims = new Claims(origin, mapAddress)
  const nodeOf = (raw: Reply.Raw): Node | undefined => {
    const [host, port, id] = elementsOf(raw) ?? []
    return claims.node(host, port, id)
  }
  for (const entry of entries) {
    const [first, last, primary, ...replicas] = elementsOf(entry) ?? []
    const node = primary === undefined ? undefined : nodeOf(primary)
    if (node === undefined || !isSlot(first) || !isSlot(last)) continue
    claims.add(node, replicas.map(nodeOf).filter(isNode), [first, last])
  }
  return claims.topology()
}

/**
 * Reads CLUSTER SHARDS, known since 7.0: a map of `slots` and `nodes` for each shard. Only nodes that are online count;
 * a shard without such a primary is left out, and its slots with it. With `tls` the nodes' TLS ports are taken.
 */
export const parseShards = (
  raw: Reply.Raw,
  origin: Address,
  tls: boolean,
  mapAddress?: MapAddress
): Topology | Malformed => {
  const entries = entriesOfMap(raw)
  if (entries instanceof Malformed) return entries
  const claims = new Claims(origin, mapAddress)
  for (const entry of entries) {
    const online = (elementsOf(fieldOf(entry, "nodes")) ?? [])
      .filter((node) => (fieldOf(node, "health") ?? "online") === "online")
      .map((node) => ({
        role: fieldOf(node, "role"),
        node: claims.node(fieldOf(node, "endpoint"), fieldOf(node, tls ? "tls-port" : "port"), fieldOf(node, "id"))
      }))
    const primary = online.find(({ role, node }) => node && (role === "master" || role === "primary"))?.node
    const replicas = online.filter(({ role }) => role === "replica" || role === "slave").map(({ node }) => node)
    if (primary !== undefined) {
      claims.add(primary, replicas.filter(isNode), elementsOf(fieldOf(entry, "slots")) ?? [])
    }
  }
  return claims.topology()
}
