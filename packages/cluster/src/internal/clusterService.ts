/**
 * The primitives of a client whose data is on several nodes.
 */
import { Command, type ConnectionPool, type Redis, RedisError } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { runBatch } from "./batch.js"
import type { ClusterMap } from "./clusterMap.js"
import { monitorAll } from "./monitor.js"
import type { NodeClients, Role, Target } from "./nodeClients.js"
import type { NodeView } from "./nodeView.js"
import { mayAskReplica, type Placement } from "./placement.js"
import type { Cross, Plan } from "./plan.js"
import type { Redirector } from "./redirector.js"
import { scanAll } from "./scan.js"
import { makeSubscriber } from "./subscriber.js"
import { makeSubscriptionRouting } from "./subscriptionRouting.js"

/** What tells where commands and keys belong. */
export interface Planner {
  readonly planOf: (command: Command.Command<unknown>) => Plan
  readonly slotOfKeys: (keys: ReadonlyArray<Command.Argument>) => number | undefined | Cross
  /** Of a shard channel. */
  readonly slotOf: (channel: Command.Argument) => number
  /** What a node says of itself now. */
  readonly viewOf: (client: ConnectionPool.Client) => Effect.Effect<NodeView, RedisError.RedisError>
}

export interface ServiceOptions {
  readonly map: ClusterMap
  readonly clients: NodeClients
  readonly placement: Placement
  readonly redirector: Redirector
  readonly planner: Planner
  readonly subscribeTo: Role
  readonly commandTimeout: number
  readonly isClosed: () => boolean
  /** The client of one node by its address. */
  readonly node: (address: string) => Effect.Effect<Redis.RedisService, RedisError.RedisError>
}

const crossSlot = ({ slots }: Cross, command?: Command.Command<unknown>, position?: number) =>
  new RedisError.CrossSlotError({
    slots,
    command: command?.definition.name,
    idempotent: command?.definition.idempotent,
    position,
    outcome: "NotSent"
  })

const refusal = (reason: string, command: Command.Command<unknown>, position?: number) =>
  new RedisError.CommandError({ reason, command: command.definition.name, position, outcome: "NotSent" })

export const makeClusterService = (options: ServiceOptions): Redis.RedisService => {
  const { commandTimeout, map, placement, planner, redirector } = options
  const batchOptions = { redirector, placement, table: map.table, commandTimeout }
  const routing = makeSubscriptionRouting({ ...options, slotOf: planner.slotOf })
  const scanOptions = {
    primaries: () => map.table().shards.map(({ primary }) => placement.of(primary, "primary")),
    viewOf: planner.viewOf,
    redirector,
    refresh: map.refresh,
    commandTimeout
  }

  /** Why commands cannot all be run, found before any of them is sent. */
  const refused = (
    commands: ReadonlyArray<Command.Command<unknown>>,
    plans: ReadonlyArray<Plan>
  ): RedisError.RedisError | undefined => {
    for (let position = 0; position < commands.length; position++) {
      const command = commands[position]!
      const { restriction } = command.definition
      if (restriction !== undefined && restriction.kind !== "writes") {
        return refusal(restriction.advice, command, position)
      }
      const bad = Command.unsendable(command)
      if (bad !== undefined) return refusal(bad, command, position)
      const plan = plans[position]!
      if (plan._tag === "Cross") return crossSlot(plan, command, position)
      if (plan._tag === "Keyless" && plan.policy.to === "refused") {
        return refusal(plan.policy.advice, command, position)
      }
    }
  }

  const pipeline: Redis.RedisService["pipeline"] = (given) =>
    Effect.suspend(() => {
      if (given.length === 0) return Effect.succeed([])
      // Its owner may change the array meanwhile.
      const commands = given.slice()
      const plans = commands.map(planner.planOf)
      const error = refused(commands, plans)
      return error === undefined ? runBatch(batchOptions, commands, plans) : Effect.fail(error)
    })

  const spread = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    command.definition.restriction !== undefined
      ? Effect.fail(refusal(command.definition.restriction.advice, command))
      : pipeline([command]).pipe(
          Effect.flatMap(([slot]) => slot as Either.Either<A, RedisError.RedisError>),
          Effect.mapError((error) => RedisError.withContext(error, { position: undefined }))
        )

  /** The slot of all keys, in a transaction or under a watch; or why they cannot be on one node. */
  const slotOfAll = (
    commands: ReadonlyArray<Command.Command<unknown>>,
    given?: number
  ): number | undefined | RedisError.RedisError => {
    let slot = given
    for (const [position, command] of commands.entries()) {
      const plan = planner.planOf(command)
      if (plan._tag === "Cross") return crossSlot(plan, command, position)
      if (plan._tag === "Split") {
        return crossSlot({ _tag: "Cross", slots: [plan.parts[0]!.slot, plan.parts[1]!.slot] }, command, position)
      }
      if (plan._tag === "Keyless") {
        const { policy } = plan
        if (policy.to === "refused") return refusal(policy.advice, command, position)
        // PING is harmless wherever it goes.
        if (policy.to === "any" || command.definition.name === "PING") continue
        return refusal(`it is for all ${policy.to}, and this is on one`, command, position)
      }
      if (slot !== undefined && plan.slot !== slot) {
        return crossSlot({ _tag: "Cross", slots: [slot, plan.slot] }, command, position)
      }
      slot = plan.slot
    }
    return slot
  }

  const transaction: Redis.RedisService["transaction"] = (commands) =>
    Effect.suspend(() => {
      if (commands.length === 0) return Effect.succeed([])
      const slot = slotOfAll(commands)
      if (slot instanceof Error) return Effect.fail(slot)
      return redirector.run({
        slot,
        readOnly: false,
        use: (runner) => runner.transaction(commands)
      })
    })

  const learn = <A, E>(effect: Effect.Effect<A, E>, target: Target): Effect.Effect<A, E> =>
    Effect.tapError(effect, (error) => Effect.sync(() => redirector.report(error, target)))

  /** Learns from what a node answers on a lease, where nothing is sent elsewhere. */
  const learning = (lease: Redis.RedisService, target: Target): Redis.RedisService => ({
    ...service,
    execute: (command) => learn(lease.execute(command), target),
    pipeline: (commands) =>
      Effect.tap(learn(lease.pipeline(commands), target), (slots) =>
        Effect.sync(() => {
          for (const slot of slots) if (Either.isLeft(slot)) redirector.report(slot.left, target)
        })
      ),
    transaction: (commands) => learn(lease.transaction(commands), target),
    scan: lease.scan
  })

  /** Of another slot than the watched keys' a command would be redirected, and look as if these had moved. */
  const watching = (
    learned: Redis.RedisService,
    lease: Redis.Watching,
    target: Target,
    keys: ReadonlyArray<Command.Argument>
  ): Redis.Watching => {
    const slot = planner.slotOfKeys(keys)
    const inSlot = <A, E>(
      commands: ReadonlyArray<Command.Command<unknown>>,
      run: Effect.Effect<A, E>
    ): Effect.Effect<A, E | RedisError.RedisError> => {
      const error = slotOfAll(commands, typeof slot === "number" ? slot : undefined)
      return error instanceof Error ? Effect.fail(error) : run
    }
    return {
      ...learned,
      execute: (command) =>
        Effect.mapError(inSlot([command], learned.execute(command)), (error) =>
          RedisError.withContext(error, { position: undefined })
        ),
      pipeline: (commands) => inSlot(commands, learned.pipeline(commands)),
      commit: (commands) => inSlot(commands, learn(lease.commit(commands), target)),
      isAlive: lease.isAlive
    }
  }

  const onKeys = <A, E, R>(
    keys: ReadonlyArray<Command.Argument>,
    use: (runner: ConnectionPool.Runner, target: Target) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | RedisError.RedisError, R> =>
    Effect.suspend(() => {
      const slot = planner.slotOfKeys(keys)
      return typeof slot === "object"
        ? Effect.fail(crossSlot(slot))
        : redirector.run({
            slot,
            readOnly: false,
            use: (runner, { target }) => use(runner, target)
          })
    })

  const service: Redis.RedisService = {
    execute: (command) => {
      const plan = planner.planOf(command)
      return plan._tag === "Slot"
        ? redirector.run({
            slot: plan.slot,
            readOnly: mayAskReplica(command),
            use: (runner) => runner.execute(command),
            command
          })
        : spread(command)
    },
    pipeline,
    transaction,
    reserve: (keys) =>
      onKeys(keys, (runner, target) => Effect.map(runner.reserve(keys), (lease) => learning(lease, target))),
    watch: (keys) =>
      onKeys(keys, (runner, target) =>
        Effect.map(runner.watch(keys), (lease) => watching(learning(lease, target), lease, target, keys))
      ),
    subscriber: (subscriberOptions) => makeSubscriber(routing, subscriberOptions),
    monitor: monitorAll(() => map.table().nodes.map((node) => options.node(node.address))),
    scan: (page) => scanAll(scanOptions, page),
    state: map.state
  }
  return service
}
