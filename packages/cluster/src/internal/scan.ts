/**
 * SCAN of all that the nodes have, each key at least once, also while slots move between them.
 *
 * All nodes are scanned in rounds, and say before and after which slots they serve and which are on their way. A slot is
 * covered when it was at its node all the time, or on its way to one that was scanned later. What is not covered is
 * scanned again, from then on with a look at each page: so only slots that move at that moment are left over.
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

/** A node whose scan came to its end. */
interface Finished {
  readonly before: NodeView
  /** Before, between and after the pages. */
  readonly views: ReadonlyArray<NodeView>
  /** No slot has arrived behind the back of two of these views. */
  readonly quiet: boolean
  /** At the end of the round. */
  readonly after: NodeView
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

const isMoving = ({ importing, migrating }: NodeView, slot: number) => importing.has(slot) || migrating.has(slot)

/** Whether all keys of the slot were at the node for each page. */
const isSteady = ({ quiet, views }: Finished, slot: number): boolean =>
  quiet && views.every((view) => view.owns(slot) && !isMoving(view, slot))

/** Whether keys of the slot went from the one to the other and to nobody else, so that the later scan has them. */
const isForward = (from: Finished, to: Finished, slot: number): boolean =>
  from.quiet &&
  from.before.epoch === from.after.epoch &&
  from.views.every(
    (view) => !view.importing.has(slot) && [undefined, to.before.id].includes(view.migrating.get(slot))
  ) &&
  to.quiet &&
  to.views.every((view) => (view.owns(slot) || view.importing.has(slot)) && !view.migrating.has(slot))

/** Notes which slots a round has covered, the nodes being in the order of their scans; gives how many. */
const cover = (covered: Uint8Array, nodes: ReadonlyArray<Finished>): number => {
  let count = 0
  for (let slot = 0; slot < Slot.count; slot++) {
    if (covered[slot] === 1) continue
    const from = nodes.findIndex(({ before }) => before.owns(slot))
    if (from < 0) continue
    const source = nodes[from]!
    if (isSteady(source, slot) || nodes.slice(from + 1).some((target) => isForward(source, target, slot))) {
      covered[slot] = 1
      count++
    }
  }
  return count
}

const startedAnew = (address: string) =>
  new RedisError.ConnectionError({
    reason: "Lost",
    address,
    detail: "connected anew during a scan: to a server that was started again the cursor means nothing",
    command: "SCAN",
    idempotent: true,
    outcome: "NotSent"
  })

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
      let careful = false
      // Of a key that is no UTF-8 the slot cannot be known.
      const isMissing = (key: string) => key.includes("\ufffd") || covered[Slot.ofKey(key)] === 0

      /** If `careful`, the node tells of itself between the pages, and a page during which a slot arrived is repeated. */
      const scanNode = ({ before, client, place }: Scanned) =>
        Effect.gen(function* () {
          const views = [before]
          const connected = yield* client.state.get
          let last = before
          let cursor = "0"
          for (;;) {
            const command: Command.Command<Reply.Page<ReadonlyArray<string>>> = page(cursor)
            const { cursor: next, items } = yield* client.execute(command)
            const { epoch, told } = last
            if (careful || next === "0") last = yield* viewOf(client)
            if ((yield* client.state.get) !== connected) return yield* startedAnew(place.target.node.address)
            if (last.told !== told) views.push(last)
            const quiet = last.epoch === epoch
            if (careful && !quiet) continue
            yield* found.offerAll(left === Slot.count ? items : items.filter(isMissing))
            if (next === "0") return { views, quiet }
            cursor = next
          }
        })

      /** Whether the node has anything of what is not covered. */
      const isWanted = ({ before }: Scanned) =>
        left === Slot.count ||
        covered.some((one, slot) => one === 0 && (before.owns(slot) || before.importing.has(slot)))

      const round = Effect.gen(function* () {
        let failure: RedisError.RedisError | undefined
        const nodes: Array<Scanned> = []
        const seen = yield* Effect.forEach(
          primaries(),
          (place) =>
            tolerating(
              place,
              Effect.flatMap(redirector.client(place, new Attempts(commandTimeout)), (client) =>
                Effect.map(viewOf(client), (before) => ({ place, client, before }))
              )
            ),
          // Not one deadline after the other where many are silent.
          { concurrency: "unbounded" }
        )
        for (const one of seen) {
          if (Either.isRight(one)) nodes.push(one.right)
          else failure ??= one.left
        }
        const scanned: Array<Scanned & Omit<Finished, "after">> = []
        for (const node of sourcesFirst(nodes.filter(isWanted))) {
          const result = yield* tolerating(node.place, scanNode(node))
          if (Either.isRight(result)) scanned.push({ ...node, ...result.right })
          else failure ??= result.left
        }
        const finished: Array<Finished> = []
        for (const node of scanned) {
          const after = yield* tolerating(node.place, viewOf(node.client))
          if (Either.isRight(after)) finished.push({ ...node, after: after.right })
          else failure ??= after.left
        }
        const progress = cover(covered, finished)
        left -= progress
        careful = true
        return { progress, failure }
      })

      const all = Effect.gen(function* () {
        let fruitless: Attempts | undefined
        while (left > 0) {
          const { failure, progress } = yield* round
          if (left === 0) return
          // The time of the round itself does not count: it is the reader's.
          if (progress > 0) fruitless = undefined
          else fruitless ??= new Attempts(commandTimeout)
          if (fruitless !== undefined) {
            if (redirector.isOver(fruitless)) {
              const slot = covered.indexOf(0)
              const detail = `${left} slots, such as ${slot}, could not be scanned as a whole`
              return yield* failure ??
                new RedisError.ClusterError({ reason: "NoNode", detail, attempts: [], outcome: "NotSent" })
            }
            yield* redirector.pause(fruitless)
          }
          yield* Effect.ignore(Effect.timeout(refresh, fruitless?.left ?? commandTimeout))
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
