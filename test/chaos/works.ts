/** What workers do: each is one step, done over and over, which tells the journal what it did and what it was told. */
import { Command, Monitor, Pipeline, Redis, type RedisError, Reply, Script, Transaction } from "@effect-resp/core"
import { Effect, Either, type Exit, Option, Schedule, Stream } from "effect"
import * as Oracle from "../support/Oracle.js"
import { Interrupted } from "./Journal.js"
import type { Dice, Job } from "./plan.js"
import { handle, subscribe } from "./subscribing.js"
import type { World } from "./World.js"

export interface Worker {
  readonly world: World
  readonly dice: Dice
  readonly job: Job
  /** Unlike that of any other worker. */
  readonly name: string
  /** A word that was never said before. */
  readonly token: () => string
  /** For `attempt`: how long it may take, and whether the caller loses patience. */
  readonly kind: (limit: number) => { readonly kind: string; readonly limit: number; readonly patience?: number }
}

type Work = (worker: Worker) => Effect.Effect<void>

type Answer = Either.Either<unknown, { readonly outcome: RedisError.Outcome }>

/** A command, and what is to be said of its answer. */
interface Order {
  readonly command: Command.Command<unknown>
  readonly judge: (answer: Answer) => void
}

const toAnswer = (exit: Exit.Exit<unknown, { readonly outcome: RedisError.Outcome }>): Answer =>
  exit._tag === "Success"
    ? Either.right(exit.value)
    : exit.cause._tag === "Fail"
      ? Either.left(exit.cause.error)
      : Either.left(new Interrupted())

const echo = (worker: Worker): Order => (worker.dice.chance(0.1) ? echoBytes(worker) : echoText(worker))
const echoBytes = ({ dice, token, world }: Worker): Order => {
  const bytes = Uint8Array.from(
    token() + "\0\r\n".repeat(dice.below(20)),
    (character) => character.charCodeAt(0) ^ 0xff
  )
  return {
    command: Command.bytes(Redis.echo(bytes)),
    judge: (answer) => {
      const isSame = Either.isLeft(answer) || (answer.right instanceof Uint8Array && equals(answer.right, bytes))
      if (!isSame) world.journal.accuse(`${answer} was the answer to ${bytes}`)
    }
  }
}
const equals = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
const echoText = ({ dice, token, world }: Worker): Order => {
  const word = dice.chance(0.05) ? token().padEnd(dice.between(1_000, 20_000), "é") : token()
  return {
    command: Redis.echo(word),
    judge: (answer) => {
      if (Either.isRight(answer) && answer.right !== word) {
        world.journal.accuse(`${String(answer.right).slice(0, 80)} was the answer to ${word.slice(0, 40)}`)
      }
    }
  }
}
const increment = (key: string, { world }: Worker): Order => ({
  command: Redis.incr(key),
  judge: (answer) => world.journal.oracle.incremented(key, answer)
})
const push = (key: string, { token, world }: Worker): Order => {
  const id = token()
  return {
    command: Redis.rpush(key, id),
    judge: (answer) => world.journal.oracle.pushed(key, id, Oracle.fateOf(answer))
  }
}
/** A counter is no list. */
const wrongType = (key: string, { world }: Worker): Order => ({
  command: Redis.lpush(key, "never"),
  judge: (answer) => {
    if (Either.isRight(answer)) world.journal.accuse(`LPUSH on a counter: ${answer}`)
  }
})
const scripted = Script.make({
  keys: ["counter"],
  args: ["token"],
  lua: "redis.call('INCR', KEYS[1]) return ARGV[1]",
  reply: Reply.text
})
const script = (key: string, { token, world }: Worker): Order => {
  const word = token()
  return {
    command: scripted({ counter: key, token: word }),
    judge: (answer) => {
      // What the counter says is not given, so only that it was incremented counts.
      world.journal.oracle.incremented(
        key,
        Either.map(answer, () => undefined)
      )
      if (Either.isRight(answer) && answer.right !== word) {
        world.journal.accuse(`${answer.right} was the answer of a script to ${word}`)
      }
    }
  }
}

const key = ({ dice, world }: Worker, name: string): string => `{${dice.pick(world.tags)}}${name}`

const some = (worker: Worker, tag: string): Order => {
  const draws = [
    () => echo(worker),
    () => increment(`{${tag}}counter`, worker),
    () => increment(`{${tag}}another`, worker),
    () => push(`{${tag}}list`, worker),
    () => script(`{${tag}}scripted`, worker)
  ]
  return worker.dice.pick(draws)()
}

/** One command, of which the journal hears whatever becomes of it. */
const execute = (redis: Redis.RedisService, { command, judge }: Order): Effect.Effect<unknown, RedisError.RedisError> =>
  Effect.onExit(redis.execute(command), (exit) => Effect.sync(() => judge(toAnswer(exit))))

const single =
  (order: (worker: Worker) => Order): Work =>
  (worker) => {
    const { dice, kind, world } = worker
    const { journal, options, redis } = world
    const orders = Array.from({ length: dice.pick([1, 1, 1, 8, 40]) }, () => order(worker))
    return Effect.forEach(orders, (one) => journal.attempt(kind(options.commandTimeout), execute(redis, one)), {
      concurrency: "unbounded",
      discard: true
    })
  }

/** Whether all of the transaction is there: both counters, which nobody else increments. */
const pair = (worker: Worker, tag: string): ReadonlyArray<Order> => [
  increment(`{${tag}}left`, worker),
  increment(`{${tag}}right`, worker)
]

const judgeSlots = (
  orders: ReadonlyArray<Order>,
  answer: Either.Either<ReadonlyArray<Answer>, { readonly outcome: RedisError.Outcome }>
): void => {
  for (const [i, { judge }] of orders.entries())
    judge(Either.isRight(answer) ? answer.right[i]! : Either.left(answer.left))
}

/** Increments what it has read, on the condition that nobody else has. */
const watchOnce = (worker: Worker): Effect.Effect<void> => {
  const { kind, world } = worker
  const { journal, options, redis } = world
  const watched = key(worker, "watched")
  const attempt = kind(leasing(options) + 3 * options.commandTimeout)
  const run = Transaction.watch(
    [watched],
    Effect.map(Redis.get(watched), (value) =>
      Pipeline.all([Redis.set(watched, 1 + Number(Option.getOrElse(value, () => "0")))])
    )
  ).pipe(Effect.provideService(Redis.Redis, redis))
  return Effect.map(journal.attempt(attempt, run), (answer) =>
    journal.oracle.incremented(
      watched,
      Either.map(answer, () => undefined)
    )
  )
}

/** How long a lease may be waited for; where there are several servers, one is sought for as long as for a command. */
const leasing = ({ commandTimeout, reserveTimeout }: Worker["world"]["options"]): number =>
  Math.max(commandTimeout, reserveTimeout)

const library =
  "#!lua name=chaos\nredis.register_function('chaos', function(keys, args) redis.call('INCR', keys[1]) return args[1] end)"

export const works: Readonly<Record<string, Work>> = {
  echo: single(echo),
  counter: single((worker) => increment(key(worker, "counter"), worker)),
  list: single((worker) => push(key(worker, "list"), worker)),
  script: single((worker) => script(key(worker, "scripted"), worker)),

  /** The only writer of its key. */
  register: (worker) => {
    const { dice, kind, name, token, world } = worker
    const { journal, options, redis } = world
    const own = `{${world.tags[worker.job.seed % world.tags.length]}}${name}`
    const value = token()
    const write: Order = {
      command: Redis.set(own, value),
      judge: (answer) => journal.oracle.set(own, value, Oracle.fateOf(answer))
    }
    const read: Order = {
      command: Redis.get(own),
      judge: (answer) => {
        if (Either.isRight(answer))
          journal.oracle.got(own, Option.getOrUndefined(answer.right as Option.Option<string>))
      }
    }
    const order = dice.chance(0.5) ? write : read
    return Effect.asVoid(journal.attempt(kind(options.commandTimeout), execute(redis, order)))
  },

  pipeline: (worker) => {
    const { dice, kind, world } = worker
    const { journal, options, redis } = world
    const orders = Array.from({ length: dice.pick([1, 3, 10, 100]) }, () => some(worker, dice.pick(world.tags)))
    const commands = orders.map(({ command }) => command)
    // Its deadline begins anew for as long as results come.
    const limit = 3 * options.commandTimeout
    return Effect.map(journal.attempt(kind(limit), redis.pipeline(commands)), (slots) => judgeSlots(orders, slots))
  },

  transaction: (worker) => {
    const { dice, kind, world } = worker
    const { journal, options, redis } = world
    const tag = dice.pick(world.tags)
    const more = Array.from({ length: dice.below(4) }, () => some(worker, tag))
    const failing = dice.chance(0.2) ? [wrongType(`{${tag}}left`, worker)] : []
    const orders = [...pair(worker, tag), ...failing, ...more]
    const commands = orders.map(({ command }) => command)
    const run = redis.transaction(commands)
    return Effect.map(journal.attempt(kind(options.commandTimeout), run), (slots) => {
      if (Either.isLeft(slots))
        return judgeSlots(failing.length > 0 ? orders.filter((order) => order !== failing[0]) : orders, slots)
      judgeSlots(orders, slots)
      const [left, right] = slots.right
      const isWhole = Either.isRight(left!) && Either.isRight(right!) && left.right === right.right
      if (!isWhole && !(Either.isLeft(left!) && Either.isLeft(right!)))
        journal.accuse(`a transaction gave ${left} and ${right}`)
    })
  },

  /** One command of which a cluster makes several. */
  many: (worker) => {
    const { kind, world } = worker
    const { journal, options, redis } = world
    const order: Order = {
      command: Redis.mget(world.tags.flatMap((tag) => [`{${tag}}left`, `{${tag}}none`, `{${tag}}right`])),
      judge: (answer) => {
        if (Either.isLeft(answer)) return
        const values = answer.right as ReadonlyArray<Option.Option<string>>
        const isWrong = values.some((value, i) =>
          i % 3 === 1 ? Option.isSome(value) : !/^\d*$/.test(Option.getOrElse(value, () => ""))
        )
        if (isWrong || values.length !== 3 * world.tags.length) journal.accuse(`MGET gave ${values}`)
      }
    }
    return Effect.asVoid(journal.attempt(kind(options.commandTimeout), execute(redis, order)))
  },

  /** Nothing of what the server refuses to queue is done. */
  aborted: (worker) => {
    const { dice, world } = worker
    const { journal, options, redis } = world
    const tag = dice.pick(world.tags)
    const orders = pair(worker, tag)
    const { commandTimeout } = options
    const tooLong = Command.make(["INCR", `{${tag}}left`, "1"], { keys: [1] })
    const run = redis.transaction([...orders.map(({ command }) => command), tooLong]).pipe(
      Effect.map((slots) => journal.accuse(`EXEC was not aborted: ${slots}`)),
      Effect.catchTag("ExecAbortError", () => Effect.void)
    )
    return Effect.map(journal.attempt({ kind: "aborted", limit: commandTimeout }, run), (answer) => {
      // Had it been done after all, their counters would tell.
      if (Either.isLeft(answer)) for (const { judge } of orders) judge(answer)
    })
  },

  watch: watchOnce,

  queue: (worker) => {
    const { dice, kind, world } = worker
    const { journal, options, redis } = world
    const queue = key(worker, "queue")
    if (dice.chance(0.5))
      return Effect.asVoid(journal.attempt(kind(options.commandTimeout), execute(redis, push(queue, worker))))
    const wait = dice.between(20, 500)
    const limit = leasing(options) + wait + options.commandTimeout
    const order: Order = {
      command: Redis.blpop(queue, wait),
      judge: (answer) =>
        journal.oracle.popped(
          queue,
          Either.map(
            answer,
            (element) => Option.getOrUndefined(element as Option.Option<{ readonly element: string }>)?.element
          )
        )
    }
    return Effect.asVoid(journal.attempt({ ...kind(limit), kind: "blpop" }, execute(redis, order)))
  },

  reserve: (worker) => {
    const { dice, kind, world } = worker
    const { journal, options, redis } = world
    const tag = dice.pick(world.tags)
    const orders = Array.from({ length: dice.between(0, 4) }, () => some(worker, tag))
    const run = Effect.scoped(
      Effect.flatMap(redis.reserve([`{${tag}}counter`]), (lease) =>
        Effect.forEach(orders, (order) => execute(lease, order))
      )
    )
    return Effect.asVoid(journal.attempt(kind(leasing(options) + orders.length * options.commandTimeout), run))
  },

  /** A client that comes and goes. */
  newcomer: (worker) => {
    const { kind, world } = worker
    const { journal, options } = world
    const { closeTimeout = 0, connectTimeout = 0 } = options
    const limit = Number(connectTimeout) + 2 * options.commandTimeout + Number(closeTimeout)
    const orders = [increment(key(worker, "counter"), worker), echo(worker)]
    const run = Effect.scoped(
      Effect.flatMap(world.connect(options), (redis) =>
        Effect.forEach(orders, (order) => execute(redis, order), { concurrency: "unbounded" })
      )
    )
    return Effect.zipRight(Effect.sleep(50), Effect.asVoid(journal.attempt(kind(limit), run)))
  },

  /** A function, which its caller makes known again where it is not. */
  function: (worker) => {
    const { kind, token, world } = worker
    const { journal, options, redis } = world
    const counter = key(worker, "function")
    const word = token()
    const order: Order = {
      command: Redis.fcall("chaos", { keys: [counter], args: [word], reply: Reply.text }),
      judge: (answer) => {
        journal.oracle.incremented(
          counter,
          Either.map(answer, () => undefined)
        )
        if (Either.isRight(answer) && answer.right !== word) journal.accuse(`${answer.right} was a function's answer`)
      }
    }
    const run = execute(redis, order).pipe(
      Effect.catchTag("ReplyError", (error) =>
        error.text.startsWith("ERR Function not found")
          ? redis.execute(Redis.functionLoad(library, { replace: true }))
          : error
      )
    )
    return Effect.asVoid(journal.attempt(kind(2 * options.commandTimeout), run))
  },

  monitor: ({ dice, job, world }) => {
    const { journal, redis } = world
    const lines = Stream.take(Monitor.stream, dice.between(1, 200)).pipe(
      Stream.runDrain,
      Effect.provideService(Redis.Redis, redis)
    )
    const patience = dice.between(10, 500)
    const limit = Number.POSITIVE_INFINITY
    return Effect.zipRight(
      Effect.sleep(100),
      Effect.asVoid(journal.attempt({ kind: job.work, limit, patience }, lines))
    )
  },

  channel: (worker) => subscribe(worker, [{ kind: "channels", channel: "news" }]),
  pattern: (worker) => subscribe(worker, [{ kind: "patterns", channel: "weather" }]),
  shard: (worker) => subscribe(worker, [{ kind: "shardChannels", channel: key(worker, "orders") }]),
  handle: (worker) => handle(worker, ["news", "weather"]),
  everything: (worker) =>
    subscribe(worker, [
      { kind: "channels", channel: "news" },
      { kind: "patterns", channel: "weather" },
      ...worker.world.tags.map((tag) => ({ kind: "shardChannels", channel: `{${tag}}orders` }) as const)
    ])
}

/** How many do what, wherever they are. */
export const usual = {
  echo: 2,
  counter: 2,
  list: 1,
  script: 1,
  register: 2,
  many: 1,
  pipeline: 2,
  transaction: 2,
  aborted: 1,
  watch: 3,
  queue: 3,
  reserve: 2,
  newcomer: 1,
  channel: 2,
  pattern: 1,
  shard: 1,
  everything: 2,
  handle: 2
}

/** Publishes one message to each of the feeds, one after the other, so that their order is known. */
export const publishing = (world: World, channels: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(
    channels,
    (channel) => {
      const feed = world.journal.feed(channel, world.missesAreSeen(channel))
      return Effect.map(Effect.either(Effect.suspend(() => world.publish(channel, feed.next()))), (result) =>
        feed.published(result)
      )
    },
    { discard: true }
  ).pipe(Effect.repeat(Schedule.spaced(4)), Effect.asVoid)
