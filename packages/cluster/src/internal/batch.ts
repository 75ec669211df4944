/**
 * Commands for several nodes at once: grouped by node, the groups in parallel, each command sent on as its own answer says.
 */
import { Command, type ConnectionPool, type Redis, RedisError, Reply } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Merge } from "./merge.js"
import type { Place, Placement } from "./placement.js"
import type { Plan } from "./plan.js"
import { Attempts, located, noNode, type Redirector, timeLimit, tooManyRedirections } from "./redirector.js"
import type { SlotTable } from "./slotTable.js"

/** One command for one node. */
interface Item {
  readonly command: Command.Command<unknown>
  readonly slot: number | undefined
  /** Replicas may answer it. */
  readonly read: boolean
  /** The node that it is for and no other. */
  readonly only: Place | undefined
  /** Where it is sent next, when not where the map says. */
  place: Place | undefined
  outcome: Redis.Slot | undefined
}

/** How the outcomes of a command's items become its own. */
interface Joining {
  readonly merge: Merge
  readonly need: "all" | "one"
  readonly items: ReadonlyArray<Item>
}

interface Group {
  readonly place: Place
  readonly items: Array<Item>
}

export interface BatchOptions {
  readonly redirector: Redirector
  readonly placement: Placement
  readonly table: () => SlotTable
  readonly commandTimeout: number
}

/** Runs commands, of which no plan is refused, and gives every outcome, in order. */
export const runBatch = (
  options: BatchOptions,
  commands: ReadonlyArray<Command.Command<unknown>>,
  plans: ReadonlyArray<Plan>
): Effect.Effect<ReadonlyArray<Redis.Slot>> =>
  Effect.suspend(() => {
    const items: Array<Item> = []
    const sources: Array<Item | Joining> = []
    for (const [position, plan] of plans.entries()) {
      const command = commands[position]!
      if (plan._tag === "Split") {
        const parts = plan.parts.map(({ slot, words }) =>
          itemOf(Command.undecoded(command, words), slot, command.definition.readOnly)
        )
        items.push(...parts)
        sources.push({ merge: plan.merge, need: "all", items: parts })
      } else if (plan._tag === "Keyless" && (plan.policy.to === "primaries" || plan.policy.to === "nodes")) {
        const { merge, need, to } = plan.policy
        const parts = onAll(options, Command.undecoded(command), to === "nodes")
        items.push(...parts)
        sources.push({ merge, need, items: parts })
      } else {
        const item = itemOf(command, plan._tag === "Slot" ? plan.slot : undefined, command.definition.readOnly)
        items.push(item)
        sources.push(item)
      }
    }
    let limit = 0
    for (const command of commands) limit = Math.max(limit, timeLimit(command, options.commandTimeout))
    return Effect.map(attempt(options, items, new Attempts(limit), true), () =>
      sources.map((source, position) => {
        const slot = "merge" in source ? join(commands[position]!, source) : source.outcome!
        return Either.isLeft(slot) ? Either.left(RedisError.withContext(slot.left, { position })) : slot
      })
    )
  })

const itemOf = (command: Command.Command<unknown>, slot: number | undefined, read = false, only?: Place): Item => ({
  command,
  slot,
  read: read && slot !== undefined,
  only,
  place: only,
  outcome: undefined
})

/** An item for each primary, or each node. */
const onAll = ({ placement, table }: BatchOptions, command: Command.Command<unknown>, replicas: boolean) =>
  table().shards.flatMap((shard) => {
    const slot = shard.slots[0]?.[0]
    return [
      // Known by a slot, a primary is found again after its failover.
      itemOf(command, slot, false, slot === undefined ? placement.of(shard.primary, "primary") : undefined),
      ...(replicas ? shard.replicas.map((node) => itemOf(command, slot, false, placement.of(node, "replica"))) : [])
    ]
  })

const attempt = (
  options: BatchOptions,
  items: ReadonlyArray<Item>,
  attempts: Attempts,
  first: boolean
): Effect.Effect<void> => {
  const groups = new Map<string, Group>()
  const homeless: Array<Item> = []
  for (const item of items) {
    const place = item.place ?? options.placement.at(item.slot, item.read)
    if (place === undefined) {
      item.outcome = Either.left(noNode(item.slot, item.read, item.command))
      homeless.push(item)
      continue
    }
    const key = place.asking ? `asking ${place.target.key}` : place.target.key
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { place, items: [item] })
    else group.items.push(item)
  }
  const all = [...groups.values()]
  const send = (group: Group) => sendGroup(options, group, attempts, first)
  const sent = all.length === 1 ? send(all[0]!) : Effect.forEach(all, send, { concurrency: "unbounded", discard: true })
  return Effect.flatMap(sent, () => {
    const { pause, pending } = judge(options.redirector, all, homeless, attempts)
    if (pending.length === 0) return Effect.void
    const again = Effect.suspend(() =>
      options.redirector.isOver(attempts) ? Effect.void : attempt(options, pending, attempts, false)
    )
    return pause ? Effect.zipRight(attempts.pause, again) : again
  })
}

/** Which items are to be sent once more; where to, when not where the map says, is noted on each. */
const judge = (
  redirector: Redirector,
  groups: ReadonlyArray<Group>,
  homeless: ReadonlyArray<Item>,
  attempts: Attempts
): { readonly pending: ReadonlyArray<Item>; readonly pause: boolean } => {
  // In the order of the commands: those of one slot stay in it.
  const pending: Array<Item> = [...homeless]
  const redirected = new Set<Item>()
  let leave = homeless.length === 0
  for (const { items, place } of groups) {
    for (const item of items) {
      if (item.outcome === undefined || Either.isRight(item.outcome)) continue
      const error = item.outcome.left
      const verdict = redirector.report(error, place.target)
      item.outcome = Either.left(located(error, place, attempts))
      if (verdict._tag === "GiveUp") continue
      pending.push(item)
      if (verdict._tag === "Again") {
        leave &&= verdict.leave
        item.place = item.only
      } else {
        redirected.add(item)
        item.place = redirector.follow(verdict)
      }
    }
  }
  if (homeless.length > 0) redirector.refresh()
  if (redirector.isOver(attempts)) return { pending: [], pause: false }
  const waits = pending.length > redirected.size && attempts.pausesAfter(leave)
  if (redirected.size > 0 && !attempts.redirected()) {
    for (const item of redirected) item.outcome = Either.left(tooManyRedirections(item.command))
    return { pending: pending.filter((item) => !redirected.has(item)), pause: true }
  }
  return { pending, pause: waits || attempts.isWandering }
}

const sendGroup = (
  { commandTimeout, redirector }: BatchOptions,
  { items, place }: Group,
  attempts: Attempts,
  first: boolean
): Effect.Effect<void> =>
  Effect.flatMap(redirector.client(place, attempts), (client) => {
    const runner: ConnectionPool.Runner =
      first && !place.asking
        ? client
        : client.calling({ timeout: Math.min(attempts.left, commandTimeout), asking: place.asking })
    return runner.pipeline(items.map(({ command }) => command))
  }).pipe(
    Effect.match({
      onFailure: (error) => {
        for (const item of items) {
          const { idempotent, name } = item.command.definition
          item.outcome = Either.left(RedisError.withContext(error, { command: name, idempotent }))
        }
      },
      onSuccess: (slots) => {
        for (let i = 0; i < items.length; i++) items[i]!.outcome = slots[i]!
      }
    })
  )

/** The outcome of a command that was in several items. */
const join = (command: Command.Command<unknown>, { items, merge, need }: Joining): Redis.Slot => {
  const { idempotent, name, readOnly } = command.definition
  const values: Array<Reply.Raw> = []
  let error: RedisError.RedisError | undefined
  let mayHaveRun = false
  for (const { outcome } of items) {
    if (outcome === undefined) continue
    if (Either.isRight(outcome)) values.push(outcome.right as Reply.Raw)
    else {
      error ??= outcome.left
      mayHaveRun ||= outcome.left.outcome === "Unknown" || outcome.left.outcome === "Failed"
    }
  }
  if (error !== undefined && (need === "all" || values.length === 0)) {
    return Either.left((values.length > 0 || mayHaveRun) && !readOnly ? RedisError.inPart(error) : error)
  }
  if (items.length === 0) return Either.left(noNode(undefined, false, command))
  try {
    return Either.right(command.reply.decode(merge(values)))
  } catch (cause) {
    return Either.left(
      new RedisError.DecodeError({ command: name, idempotent, reason: Reply.reasonOf(cause), outcome: "Failed" })
    )
  }
}
