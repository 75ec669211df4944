import { Command, Redis, Reply } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Exit, Scope } from "effect"

export type Protocol = 2 | 3

/** What the server says of one of its commands. */
export interface ServerCommand {
  /** Upper case, a subcommand after a space. */
  readonly name: string
  readonly arity: number
  readonly flags: ReadonlySet<string>
  readonly subcommands: ReadonlyArray<ServerCommand>
}

/** A private server with a client for each protocol, and what it says of its commands. */
export interface TestServer {
  readonly server: NodeRedisServer.Server
  readonly commands: ReadonlyMap<string, ServerCommand>
  readonly run: <A, E>(protocol: Protocol, effect: Effect.Effect<A, E, Redis.Redis>) => Promise<A>
  readonly stop: () => Promise<void>
}

const list = (value: Reply.Value | undefined): ReadonlyArray<Reply.Value> =>
  value instanceof Set ? [...value] : Array.isArray(value) ? value : []

const toServerCommand = (info: Reply.Value): ServerCommand => {
  const [name, arity, flags, , , , , , , subcommands] = list(info)
  return {
    name: String(name).toUpperCase().replace("|", " "),
    arity: Number(arity),
    flags: new Set(list(flags).map(String)),
    subcommands: list(subcommands).map(toServerCommand)
  }
}

const commandTable = Command.make(["COMMAND"], {
  reply: Reply.map(Reply.value, (infos) =>
    list(infos)
      .map(toServerCommand)
      .flatMap((command) => [command, ...command.subcommands])
  )
})

export const startServer = async (options: NodeRedisServer.Options = {}): Promise<TestServer> => {
  const scope = Effect.runSync(Scope.make())
  const [server, clients] = await Effect.runPromise(
    Effect.gen(function* () {
      const server = yield* NodeRedisServer.make(options)
      const two = yield* NodeRedis.make({ url: server.url, protocol: 2 })
      const three = yield* NodeRedis.make({ url: server.url, protocol: 3 })
      return [server, { 2: two, 3: three }] as const
    }).pipe(Scope.extend(scope))
  )
  const run: TestServer["run"] = (protocol, effect) =>
    Effect.runPromise(Effect.provideService(effect, Redis.Redis, clients[protocol]))
  const commands = await run(3, commandTable)
  return {
    server,
    commands: new Map(commands.map((command) => [command.name, command])),
    run,
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
