import { inspect } from "node:util"
import { expect, it } from "@effect/vitest"
import { Command, Monitor, Pipeline, Redis, RedisPubSub, Reply, Script, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisCluster, NodeRedisSentinel, NodeRedisServer } from "@effect-resp/node"
import {
  Cause,
  Config,
  Effect,
  type Either,
  Exit,
  HashMap,
  Layer,
  Logger,
  LogLevel,
  Redacted,
  Schedule,
  Schema,
  type Scope,
  Stream,
  Tracer
} from "effect"
import { describe } from "vitest"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { deadPort } from "../support/unhelpfulPeers.js"

const password = "5ecret/5ecret?5ecret#5ecret:5ecret@5ecret"
const encoded = encodeURIComponent(password)
const argument = "5ecret-argument"
const reply = "5ecret-reply"

/** In whatever is printed there is nothing of this, which all of the above are made of; nor as bytes. */
const secret = /5ecret|53,\s*101,\s*99|35 ?65 ?63/

const quoting = `-ERR unknown command 'SET', with args beginning with: '${argument}' \r\n`

const credentials = { username: "app", password: Redacted.make(password) }

const json = (value: unknown): string => {
  const seen = new WeakSet<object>()
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "bigint") return String(member)
    if (typeof member !== "object" || member === null) return member
    if (seen.has(member)) return "seen"
    seen.add(member)
    return member
  })
  return text ?? ""
}

/** All that a value shows of itself, in whatever way somebody prints it. */
const printed = (value: unknown): ReadonlyArray<string> => {
  const shown = [
    String(value),
    json(value),
    ...[true, false].map((showHidden) =>
      inspect(value, { depth: 8, showHidden, maxArrayLength: null, maxStringLength: null })
    )
  ]
  if (!(value instanceof Error)) return shown
  return [...shown, value.message, value.stack ?? "", ...(value.cause === undefined ? [] : printed(value.cause))]
}

const printedCause = (cause: Cause.Cause<unknown>): ReadonlyArray<string> => [
  ...printed(cause),
  ...printed(Exit.failCause(cause)),
  Cause.pretty(cause),
  Cause.pretty(cause, { renderErrorCause: true }),
  ...Cause.prettyErrors(cause).flatMap(printed),
  ...[...Cause.failures(cause), ...Cause.defects(cause)].flatMap(printed)
]

/** What is logged and traced in a program, by every logger that Effect has. */
const recording = () => {
  const texts: Array<string> = []
  const keep = (logger: Logger.Logger<unknown, unknown>) =>
    Logger.map(logger, (line) => void texts.push(typeof line === "string" ? line : json(line)))
  const loggers = [Logger.stringLogger, Logger.logfmtLogger, Logger.jsonLogger, Logger.structuredLogger].map(keep)
  const raw = Logger.make<unknown, void>(({ annotations, cause, message }) => {
    texts.push(...printed(message), ...printedCause(cause), ...Array.from(HashMap.values(annotations)).flatMap(printed))
  })
  // There are no spans yet. Those that come are to be looked at, too, with their attributes.
  const tracer = Tracer.make({ span: (name) => expect.fail(`a span: ${name}`), context: (f) => f() })
  let quietly = Layer.merge(Logger.replace(Logger.defaultLogger, raw), Logger.minimumLogLevel(LogLevel.All))
  for (const logger of loggers) quietly = Layer.merge(quietly, Logger.add(logger))
  const recorded = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.withTracer(tracer), Effect.provide(quietly))
  return { texts, recorded }
}

type Failing = Effect.Effect<unknown, unknown, Scope.Scope>

/** That they fail, and that whatever is then printed or logged shows nothing that is secret. */
const expectSilence = (failing: Readonly<Record<string, Failing>>) =>
  Effect.gen(function* () {
    const { recorded, texts } = recording()
    const run = Effect.forEach(
      Object.entries(failing),
      ([name, effect]) =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Effect.scoped(effect))
          expect(Exit.isFailure(exit), name).toBe(true)
          if (Exit.isSuccess(exit)) return
          yield* Effect.logError(name, exit.cause)
          yield* Effect.log(...Cause.failures(exit.cause)).pipe(
            Effect.annotateLogs("error", [...Cause.failures(exit.cause)])
          )
          for (const text of printedCause(exit.cause)) expect(text, name).not.toMatch(secret)
        }),
      { concurrency: "unbounded" }
    )
    yield* recorded(run)
    // Nothing was overlooked: all of them were logged.
    for (const name of Object.keys(failing))
      expect(
        texts.some((text) => text.includes(name)),
        name
      ).toBe(true)
    for (const text of texts) expect(text).not.toMatch(secret)
  })

/** A server with a password and a user, and its administrator's client. */
const secured = Effect.gen(function* () {
  const { port } = yield* NodeRedisServer.make({ password: credentials.password })
  const admin = yield* NodeRedis.make({ port, credentials: { password: credentials.password } })
  yield* admin.execute(Command.make(["ACL", "SETUSER", "app", "on", `>${password}`, "~*", "&*", "+@all"]))
  return { port, client: yield* NodeRedis.make({ port, credentials }) }
})

/** A peer that answers any command with this, and takes the connection down where it is nothing. */
const peerSaying = (text: string | undefined) =>
  ScriptedPeer.make((words, connection) => {
    if (ScriptedPeer.greet(words, connection)) return
    if (text === undefined) connection.reset()
    else connection.write(text)
  })

const clientOfPeer = (text: string | undefined) =>
  Effect.flatMap(peerSaying(text), ({ port }) =>
    NodeRedis.make({ port, credentials, commandTimeout: "100 millis", closeTimeout: 0, reconnect: Schedule.stop })
  )

const failingSlot = <E>(slots: Effect.Effect<ReadonlyArray<Either.Either<unknown, unknown>>, E>) =>
  Effect.flatMap(slots, (all) => Effect.all(all))

describe("no secret is shown", () => {
  it.scopedLive("scenario 99: when a server refuses what it is sent", () =>
    Effect.gen(function* () {
      const { client } = yield* secured
      yield* client.execute(Redis.set("text", reply))
      const execute = (...words: readonly [string, ...Array<Command.Argument>]) => client.execute(Command.make(words))
      const onLease = (...words: readonly [string, ...Array<Command.Argument>]) =>
        Effect.flatMap(client.reserve([]), (lease) => lease.execute(Command.make(words)))
      const other = new TextEncoder().encode(argument)
      yield* expectSilence({
        "wrong type": client.execute(Redis.lpush("text", argument)),
        "no number": client.execute(Redis.incrbyfloat("text", 1)),
        "unknown command": execute("NOSUCHCOMMAND", argument, other),
        "unknown subcommand": execute("CONFIG", argument, argument),
        "unknown subcommand of CLIENT": execute("CLIENT", argument),
        "unknown command in lower case": execute("get", "text", argument, argument),
        "bad option": execute("SET", "text", argument, "NX", argument),
        "bad expiry": client.execute(Redis.set("text", argument, { expire: "0 millis" })),
        "bad option of EXPIRE": execute("EXPIRE", "text", 1, argument),
        "bad place": execute("GEOADD", "geo", "500.25", "500.75", argument),
        "bad configuration": execute("CONFIG", "SET", "maxmemory", argument),
        "unknown configuration": execute("CONFIG", "SET", "nosuchoption", argument),
        "bad rule": execute("ACL", "SETUSER", "other", `>${password}`, `!${argument}`),
        "bad selector": execute("ACL", "SETUSER", "other", `(${argument}`),
        "unknown user": execute("ACL", "GETUSER", "nobody", argument),
        "wrong password": onLease("AUTH", "app", argument),
        "wrong password of the default user": onLease("AUTH", argument),
        "migration with a password": execute("MIGRATE", "127.0.0.1", 1, "text", 0, 50, "AUTH2", "app", argument),
        "bad dump": execute("RESTORE", "other", 0, argument),
        "bad client's name": onLease("CLIENT", "SETNAME", `${argument} with spaces`),
        "bad stream": execute("XADD", "text", "1-1", "field", argument),
        "no script": execute("EVALSHA", "0".repeat(40), 0, argument),
        "no function": execute("FCALL", "none", 0, argument),
        "error of a script": client.execute(
          Script.make({ lua: "return redis.call('LPUSH', KEYS[1], ARGV[1])", keys: ["k"], args: ["a"] })({
            k: "text",
            a: argument
          })
        ),
        pipeline: failingSlot(client.pipeline([Redis.get("text"), Redis.lpush("text", argument)])),
        transaction: client.transaction([Redis.set("a", argument), Command.make(["NOSUCHCOMMAND", argument])]),
        "within a transaction": failingSlot(
          client.transaction([Redis.set("a", argument), Redis.lpush("text", argument)])
        ),
        watch: Effect.scoped(
          Effect.flatMap(client.watch(["text"]), (watching) =>
            Effect.zipRight(client.execute(Redis.set("text", reply)), watching.commit([Redis.set("text", argument)]))
          )
        )
      })
    })
  )

  it.scopedLive("scenario 99: when a reply is not what was expected", () =>
    Effect.gen(function* () {
      const { client } = yield* secured
      yield* client.execute(Redis.set("text", reply))
      yield* client.execute(Redis.hset("hash", { field: reply }))
      const get = Command.make(["GET", "text"], { reply: Reply.text })
      const throwing = (value: string): never => {
        throw new Error(`what is ${value}?`)
      }
      const Person = Schema.parseJson(Schema.Struct({ name: Schema.String }))
      yield* client.execute(Redis.set("person", `{"name": 1, "password": "${reply}"}`))
      yield* expectSilence({
        integer: client.execute(Command.make(["GET", "text"], { reply: Reply.integer })),
        double: client.execute(Command.make(["GET", "text"], { reply: Reply.double })),
        ok: client.execute(Command.make(["GET", "text"], { reply: Reply.ok })),
        boolean: client.execute(Command.make(["GET", "text"], { reply: Reply.boolean })),
        array: client.execute(Command.make(["GET", "text"], { reply: Reply.array(Reply.text) })),
        record: client.execute(Command.make(["GET", "text"], { reply: Reply.record(Reply.text) })),
        nested: client.execute(Command.make(["HGETALL", "hash"], { reply: Reply.array(Reply.integer) })),
        "thrown by a decoder": client.execute(Command.map(get, throwing)),
        "refused by a schema": client.execute(Command.withSchema(Schema.NumberFromString)(get)),
        "no JSON": client.execute(Command.withSchema(Person)(get)),
        "refused JSON": client.execute(
          Command.withSchema(Person)(Command.make(["GET", "person"], { reply: Reply.text }))
        )
      })
    })
  )

  it.scopedLive("scenario 99: when a command cannot be sent", () =>
    Effect.gen(function* () {
      const { client } = yield* secured
      const bad = { toString: () => argument } as never
      yield* expectSilence({
        "no number": client.execute(
          Redis.mset([
            ["a", argument],
            ["b", Number.NaN]
          ])
        ),
        "no argument": client.execute(Command.make(["SET", argument, bad])),
        "within a pipeline": client.pipeline([Redis.set("a", argument), Command.make(["SET", argument, bad])]),
        "within a transaction": client.transaction([Redis.set("a", argument), Command.make(["SET", argument, bad])]),
        session: client.execute(Command.make(["AUTH", argument])),
        forbidden: client.execute(Command.make(["HELLO", "3", "AUTH", "app", argument])),
        name: Effect.flatMap(client.subscriber({}), (subscriber) => subscriber.subscribe("channel", [bad]))
      })
    })
  )

  for (const [what, text] of [
    ["says nothing sensible", `$5\r\n${reply}\r\n`],
    ["says a number that is none", `:${reply}\r\n`],
    ["hangs up", undefined],
    ["says nothing", ""],
    ["answers too much", `+${reply}\r\n+${reply}\r\n`],
    ["quotes an unknown command", quoting],
    ["quotes what nobody waits for", `+OK\r\n${quoting}`]
  ] as const) {
    it.scopedLive(`scenario 99: when a server ${what}`, () =>
      expectSilence({
        command: Effect.flatMap(clientOfPeer(text), (client) =>
          Effect.zipRight(
            client.execute(Redis.set("k", argument)),
            Effect.forever(Effect.delay(client.execute(Redis.set("k", argument)), "5 millis"))
          )
        ),
        pipeline: Effect.flatMap(clientOfPeer(text), (client) =>
          Effect.forever(failingSlot(client.pipeline([Redis.incr(argument), Redis.incr(argument)])))
        ),
        transaction: Effect.flatMap(clientOfPeer(text), (client) => client.transaction([Redis.set("k", argument)])),
        script: Effect.flatMap(clientOfPeer(text), (client) =>
          Effect.forever(client.execute(Redis.eval("return 1", { args: [argument] })))
        ),
        subscription: Effect.flatMap(clientOfPeer(text), (client) =>
          Effect.provideService(Stream.runDrain(RedisPubSub.subscribe("c")), Redis.Redis, client)
        ),
        monitor: Effect.flatMap(clientOfPeer(text), (client) =>
          Effect.provideService(Stream.runDrain(Monitor.stream), Redis.Redis, client)
        )
      })
    )
  }

  it.scopedLive("scenario 99: when a subscription is ended by an error that is no answer", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedPeer.make((words, connection) => {
        if (ScriptedPeer.greet(words, connection)) return
        if (words[0] === "SUBSCRIBE") connection.write(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
        else connection.write(`+${words[1]}\r\n${quoting}`)
      })
      const client = yield* NodeRedis.make({ port: peer.port, reconnect: Schedule.stop })
      yield* expectSilence({
        subscription: Effect.provideService(Stream.runDrain(RedisPubSub.subscribe("c")), Redis.Redis, client)
      })
    })
  )

  it.scopedLive("scenario 99: when there is no client, for whatever reason", () =>
    Effect.gen(function* () {
      const dead = yield* deadPort
      const { port } = yield* NodeRedisServer.make({ password: Redacted.make("another one") })
      const address = `127.0.0.1:${port}`
      // As a proxy does that knows no AUTH.
      const quoting = yield* ScriptedPeer.make((words, connection) =>
        connection.write(`-ERR what is "${words.join(" ")}"?\r\n`)
      )
      const options = (url: string): NodeRedis.Options => ({ url, connectTimeout: "200 millis" })
      const tls = { cert: argument, key: Redacted.make(argument), passphrase: Redacted.make(argument) }
      yield* expectSilence({
        "wrong password": NodeRedis.make({ port, credentials }),
        "wrong password, RESP2": NodeRedis.make({ port, credentials, protocol: 2 }),
        "wrong password in a URL": NodeRedis.make({ url: `redis://app:${encoded}@${address}` }),
        "wrong password by Config": Layer.build(
          NodeRedis.layerConfig(Config.all({ url: Config.succeed(`redis://app:${encoded}@${address}`) }))
        ),
        "wrong password in a cluster": NodeRedisCluster.make({ nodes: [`redis://app:${encoded}@${address}`] }),
        "wrong password of a Sentinel": NodeRedisSentinel.make({
          name: "any",
          sentinels: [Redacted.make(`redis://app:${encoded}@${address}`)]
        }),
        "credentials that fail": NodeRedis.make({ port, credentials: Effect.fail(new Error(password)) }),
        "credentials that die": NodeRedis.make({ port, credentials: Effect.die(password) }),
        "a server that quotes": NodeRedis.make({ port: quoting.port, credentials }),
        "a server that quotes, RESP2": NodeRedis.make({ port: quoting.port, credentials, protocol: 2 }),
        "nobody there": NodeRedis.make(options(`redis://app:${encoded}@127.0.0.1:${dead}`)),
        "no such host": NodeRedis.make(options(`redis://app:${encoded}@no-such-host.invalid:1`)),
        "a certificate that is none": NodeRedis.make({ port, tls }),
        "a key that is none": NodeRedis.make({ port, tls: { key: Redacted.make(argument) } }),
        "an authority that is none": NodeRedis.make({ port, tls: { ca: argument }, connectTimeout: "200 millis" })
      })
    })
  )

  it.scopedLive("scenario 99: when a URL is wrong, such as by a password that is not encoded", () =>
    Effect.gen(function* () {
      const urls = [
        `redis://app:${password}@127.0.0.1:1`,
        "redis://app:123?5ecret@127.0.0.1:1",
        "redis://app:123#5ecret@127.0.0.1:1",
        "redis://app:123/5ecret@127.0.0.1:1",
        "redis://app:12?db=5ecret@127.0.0.1:1",
        "redis://app:5ecret%@127.0.0.1:1",
        "redis:app:5ecret@127.0.0.1:1",
        "app5ecret:5ecret@127.0.0.1:1",
        "5ecret://127.0.0.1:1",
        "a5ecret:@127.0.0.1:1",
        ":5ecret@127.0.0.1:1",
        `redis://app:${encoded}@127.0.0.1:1/5ecret`,
        `redis://app:${encoded}@127.0.0.1:1/0?5ecret=1@`,
        `redis://app:${encoded}@127.0.0.1:99999`,
        `http://app:${encoded}@127.0.0.1:1`
      ]
      yield* expectSilence(
        Object.fromEntries(
          urls.flatMap(
            (url, i): ReadonlyArray<readonly [string, Failing]> => [
              [`${i} of a server`, NodeRedis.make({ url, connectTimeout: "200 millis" })],
              [`${i} of a cluster`, NodeRedisCluster.make({ nodes: [url], connectTimeout: "200 millis" })],
              [
                `${i} of Sentinels`,
                NodeRedisSentinel.make({ name: "any", sentinels: [url], connectTimeout: "200 millis" })
              ]
            ]
          )
        )
      )
    })
  )

  it.scopedLive("scenario 99: when a server cannot be started", () =>
    Effect.gen(function* () {
      const server = (args: ReadonlyArray<string>) => NodeRedisServer.make({ password: credentials.password, args })
      yield* expectSilence({
        "bad argument": server(["--nonsense", "1"]),
        "bad value": server(["--maxclients", "many"])
      })
    })
  )

  it.scopedLive("scenario 99: by what holds it: commands, pipelines, effects, clients, layers and options", () =>
    Effect.gen(function* () {
      const { client, port } = yield* secured
      const url = `redis://app:${encoded}@127.0.0.1:${port}`
      const command = Redis.set("k", argument)
      const script = Script.make({ lua: "return ARGV[1]", args: ["a"] })
      const lease = yield* client.reserve([])
      const pipeline = Pipeline.all([command, { deep: command }])
      const things: Readonly<Record<string, unknown>> = {
        command,
        bytes: Command.make(["SET", "k", new TextEncoder().encode(argument)]),
        script: script({ a: argument }),
        pipeline,
        execute: client.execute(command),
        run: client.pipeline([command]),
        transaction: client.transaction([command]),
        exec: Transaction.exec(pipeline),
        watch: Transaction.watch(["k"], Effect.succeed(pipeline)),
        client,
        lease,
        layer: NodeRedis.layer({ url, credentials }),
        layerUrl: NodeRedis.layerUrl(Redacted.make(url)),
        cluster: NodeRedisCluster.layer({ nodes: [url] }),
        sentinel: NodeRedisSentinel.layer({ name: "any", sentinels: [url] }),
        connector: yield* NodeRedis.connector({ url, tls: { passphrase: Redacted.make(argument) } }),
        options: { credentials, url: Redacted.make(url) } satisfies NodeRedis.Options,
        state: yield* client.state.get
      }
      for (const [name, thing] of Object.entries(things)) {
        for (const text of printed(thing)) expect(text, name).not.toMatch(secret)
      }
    })
  )

  it.scopedLive("scenario 99: by the logs of what goes on behind the scenes", () =>
    Effect.gen(function* () {
      const { recorded, texts } = recording()
      const { port } = yield* secured
      let current = credentials
      let isVaultOpen = true
      const program = Effect.gen(function* () {
        const client = yield* NodeRedis.make({
          port,
          credentials: Effect.suspend(() =>
            isVaultOpen ? Effect.succeed(current) : Effect.fail(new Error(`no use for ${password}`))
          ),
          credentialsInterval: "10 millis"
        })
        current = { username: "app", password: Redacted.make(argument) }
        yield* Effect.sleep("100 millis")
        isVaultOpen = false
        while (!texts.join("\n").includes("the credentials could not be had")) yield* Effect.sleep("5 millis")
        return yield* client.execute(Redis.ping())
      })
      expect(yield* recorded(program)).toBe("PONG")
      expect(texts.join("\n")).toContain("cannot authenticate again")
      for (const text of texts) expect(text).not.toMatch(secret)
    })
  )
})
