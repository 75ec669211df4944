/**
 * SCAN of all that the nodes have, each key at least once, also while slots move between them.
 *
 * All nodes are scanned in rounds. Before and after a round each says which slots it serves and which are on their way.
 * A slot is covered when its keys stayed, or went from a node to one that was scanned later; what is not covered is
 * scanned again in the next round.
 */
import { type Command, type ConnectionPool, type Redis, RedisError, type Reply } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Mailbox from "effect/Mailbox"
import * as Stream from "effect/Stream"
import * as Slot from "../Slot.js"
import type { NodeView } from "./nodeView.js"
import type { Place } from "./placement.js"
import { Attempts, type Redirector } from "./redirector.js"

export interface ScanOptions {
  readonly primaries: () => ReadonlyArray<Place>
  /** What a node says of itself now. */
  readonly viewOf: (client: ConnectionPool.Client) => Effect.Effect<NodeView, RedisError.RedisError>
  readonly redirector: Redirector
  readonly refresh: Effect.Effect<void, RedisError.RedisError>
  /** With no slot covered for so long, in milliseconds, the scan fails. */
  readonly commandTimeout: number
}

type Page = Parameters<Redis.RedisService["scan"]>[0]

interface Scanned {
  readonly place: Place
  readonly client: ConnectionPool.Client
  readonly before: NodeView
}

/** The order of nodes in which those come first from which slots are on their way. */
const sourcesFirst = (nodes: ReadonlyArray<Scanned>): ReadonlyArray<Scanned> => {
  const ordered = new Set<Scanned>()
  const visiting = new Set<Scanned>()
  const visit = (node: Scanned): void => {
    // In a circle one of them has to be the first; its slots are for the next round.
    if (visiting.has(node)) return
    visiting.add(node)
    const sources = new Set([...node.before.importing.values()])
    for (const other of nodes) {
      const sends = [...other.before.migrating.values()].includes(node.before.id)
      if (other !== node && (sends || sources.has(other.before.id))) visit(other)
    }
    ordered.add(node)
  }
  for (const node of nodes) visit(node)
  return [...ordered]
}

/** Notes which slots a round has covered: `order` are the nodes whose scan came to its end, in that order. */
const cover = (
  covered: Uint8Array,
  order: ReadonlyArray<{ readonly before: NodeView; readonly after: NodeView }>
): number => {
  let count = 0
  const rank = new Map(order.map(({ before }, index) => [before.id, index]))
  for (let slot = 0; slot < Slot.count; slot++) {
    if (covered[slot] === 1) continue
    const from = order.findIndex(({ before }) => before.owns(slot))
    if (from < 0) continue
    const { after, before } = order[from]!
    // Where its keys may have gone meanwhile, as far as anyone has said.
    const owner = order.find(({ after }) => after.owns(slot))?.after.id
    const targets = [before.migrating.get(slot), after.migrating.get(slot), owner]
    const forward = targets.every(
      (target) => target === undefined || target === before.id || (rank.get(target) ?? -1) > from
    )
    const stays = owner !== undefined && !before.importing.has(slot) && !after.importing.has(slot)
    if (!forward || !stays) continue
    covered[slot] = 1
    count++
  }
  return count
}

export const scanAll = (options: ScanOptions, page: Page): Stream.Stream<string, RedisError.RedisError> => {
  const { commandTimeout, primaries, redirector, refresh, viewOf } = options

  /** A node that fails is for the next round; what is wrong with the command itself ends the scan. */
  const tolerating = <A>(place: Place, effect: Effect.Effect<A, RedisError.RedisError>) =>
    Effect.catchAll(Effect.map(effect, Either.right), (error) => {
      const verdict = redirector.report(error, place.target)
      return verdict._tag === "GiveUp" && !verdict.suspect ? Effect.fail(error) : Effect.succeed(Either.left(error))
    })

  return Stream.unwrapScoped(
    Effect.gen(function* () {
      const found = yield* Mailbox.make<string, RedisError.RedisError>({ capacity: 1 })
      const covered = new Uint8Array(Slot.count)
      let left = Slot.count

      const scanNode = ({ client, place }: Scanned) =>
        Effect.gen(function* () {
          let cursor = "0"
          do {
            const command: Command.Command<Reply.Page<ReadonlyArray<string>>> = page(cursor)
            const result = yield* tolerating(place, client.execute(command))
            if (Either.isLeft(result)) return result.left
            const { items } = result.right
            yield* found.offerAll(left === Slot.count ? items : items.filter((key) => covered[Slot.ofKey(key)] === 0))
            cursor = result.right.cursor
          } while (cursor !== "0")
        })

      const round = Effect.gen(function* () {
        let failure: RedisError.RedisError | undefined
        const nodes: Array<Scanned> = []
        for (const place of primaries()) {
          const seen = yield* tolerating(
            place,
            Effect.flatMap(redirector.client(place, new Attempts(commandTimeout)), (client) =>
              Effect.map(viewOf(client), (before) => ({ place, client, before }))
            )
          )
          if (Either.isRight(seen)) nodes.push(seen.right)
          else failure ??= seen.left
        }
        const finished: Array<Scanned & { readonly after: NodeView }> = []
        for (const node of sourcesFirst(nodes)) {
          const error = yield* scanNode(node)
          if (error === undefined) finished.push({ ...node, after: node.before })
          else failure ??= error
        }
        const complete: typeof finished = []
        for (const node of finished) {
          const after = yield* tolerating(node.place, viewOf(node.client))
          if (Either.isRight(after)) complete.push({ ...node, after: after.right })
          else failure ??= after.left
        }
        const progress = cover(covered, complete)
        left -= progress
        return { progress, failure }
      })

      const all = Effect.gen(function* () {
        let attempts = new Attempts(commandTimeout)
        while (left > 0) {
          const { failure, progress } = yield* round
          if (progress > 0) attempts = new Attempts(commandTimeout)
          if (left === 0) return
          if (redirector.isOver(attempts)) {
            const slot = covered.indexOf(0)
            const detail = `${left} slots, such as ${slot}, could not be scanned as a whole`
            return yield* failure ??
              new RedisError.ClusterError({ reason: "NoNode", detail, attempts: [], outcome: "NotSent" })
          }
          if (progress === 0) yield* attempts.pause
          yield* Effect.ignore(refresh)
        }
      })
      yield* all.pipe(
        Effect.matchCauseEffect({ onFailure: (cause) => found.failCause(cause), onSuccess: () => found.end }),
        Effect.forkScoped
      )
      return Mailbox.toStream(found)
    })
  )
}
