import { expect, it, layer } from "@effect/vitest"
import { Command, Pipeline, Redis, Scan, Transaction } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Duration, Effect, Either, Exit, Fiber, Option, Redacted, Scope, Stream } from "effect"
import * as FaultProxy from "../support/FaultProxy.js"
import { recordCommands } from "../support/monitor.js"
import { eventually } from "../support/RestartableServer.js"
import { anotherClient } from "../support/redis.js"
import * as ScriptedPeer from "../support/ScriptedPeer.js"
import { timed } from "../support/timed.js"

/** A client with one reserved connection, so that whoever comes next gets the same or a new one. */
const withOnePlace = (options: NodeRedis.Options = {}) =>
  anotherClient({ maxReserved: 1, reserveTimeout: "1 second", ...options })

const onLease =
  (client: Redis.RedisService) =>
  <A, E>(use: (lease: Redis.RedisService) => Effect.Effect<A, E>) =>
    Effect.scoped(Effect.flatMap(client.reserve([]), use))

/** Which connection it is, and all that the server knows of its session. */
const sessionOf = (lease: Redis.RedisService) =>
  Effect.map(lease.execute(Command.make(["CLIENT", "INFO"])), (text) => {
    const field = (name: string) => new RegExp(`\\b${name}=(\\S*)`).exec(String(text))?.[1]
    const names = ["name", "db", "flags", "sub", "psub", "multi", "user", "redir", "resp"]
    return { id: field("id"), session: names.map((name) => `${name}=${field(name)}`).join(" ") }
  })

const words = (...all: readonly [string, ...Array<string>]) => Command.make(all)

layer(NodeRedisServer.layer(), { excludeTestServices: true })("a reserved connection", (it) => {
  it.effect("scenario 37, 39: whose session was changed is not lent again; the next is set up like all others", () =>
    Effect.gen(function* () {
      const admin = yield* anotherClient()
      yield* admin.execute(words("ACL", "SETUSER", "someone", "on", ">secret", "~*", "&*", "+@all"))
      const client = yield* withOnePlace({
        database: 3,
        clientName: "mine",
        credentials: { username: "someone", password: Redacted.make("secret") }
      })
      const fresh = yield* onLease(client)(sessionOf)
      expect(fresh.session).toBe("name=mine db=3 flags=N sub=0 psub=0 multi=-1 user=someone redir=-1 resp=3")
      const changes: ReadonlyArray<(lease: Redis.RedisService) => Effect.Effect<unknown, unknown>> = [
        ...[
          words("SELECT", "1"),
          words("AUTH", "someone", "secret"),
          words("CLIENT", "SETNAME", "dirty"),
          words("CLIENT", "TRACKING", "on"),
          words("client", "no-evict", "on"),
          Command.make(["CLIENT", new TextEncoder().encode("setname"), "dirty"]),
          // Refused by this server. Others do as they are told.
          words("READONLY"),
          words("ASKING")
        ].map((command) => (lease: Redis.RedisService) => lease.execute(command)),
        (lease) => lease.pipeline([Redis.ping(), words("CLIENT", "SETNAME", "dirty")]),
        // It waits on while nobody waits for it any more.
        (lease) => Effect.timeout(lease.execute(Redis.blpop("none", "1 minute")), "20 millis")
      ]
      for (const change of changes) {
        const used = yield* onLease(client)((lease) => Effect.zipLeft(sessionOf(lease), Effect.exit(change(lease))))
        expect(used.session).toBe(fresh.session)
        const next = yield* onLease(client)(sessionOf)
        expect(next.session).toBe(fresh.session)
        expect(next.id).not.toBe(used.id)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 37, 39: writes nothing of what would break its session, and is lent again", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const client = yield* withOnePlace()
      const before = yield* onLease(client)(sessionOf)
      const recorder = yield* recordCommands(port)
      const forbidden = ["WATCH k", "MULTI", "EXEC", "DISCARD", "UNWATCH", "SUBSCRIBE c", "SSUBSCRIBE c", "MONITOR"]
      for (const line of [...forbidden, "HELLO 2", "RESET", "QUIT", "CLIENT REPLY OFF", "CLIENT REPLY SKIP"]) {
        const [name = "", ...rest] = line.split(" ")
        const command = words(name, ...rest)
        for (const way of ["execute", "pipeline", "transaction"] as const) {
          const error = yield* onLease(client)((lease) =>
            Effect.flip<unknown, { readonly _tag: string }, never>(
              way === "execute" ? lease.execute(command) : lease[way]([command])
            )
          )
          expect([line, way, error]).toMatchObject([line, way, { _tag: "CommandError", outcome: "NotSent" }])
        }
      }
      yield* recorder.settle
      expect(recorder.words()).toEqual([])
      expect(yield* onLease(client)(sessionOf)).toEqual(before)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 38: that was to change its database within a transaction has not, and is lent again", () =>
    Effect.gen(function* () {
      const client = yield* withOnePlace()
      const before = yield* onLease(client)(sessionOf)
      const error = yield* onLease(client)((lease) =>
        Effect.flip(lease.transaction([words("SELECT", "1"), words("CLIENT", "SETNAME", "dirty")]))
      )
      expect(error).toMatchObject({ _tag: "CommandError", outcome: "NotSent" })
      expect(yield* onLease(client)(sessionOf)).toEqual(before)
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 38: whose watch the server did not end watches nothing when it is lent again", () =>
    Effect.gen(function* () {
      const admin = yield* anotherClient()
      const rights = (...all: ReadonlyArray<string>) => admin.execute(words("ACL", "SETUSER", "limited", ...all))
      yield* rights("on", "nopass", "~*", "&*", "+@all")
      const client = yield* withOnePlace({ credentials: { username: "limited", password: Redacted.make("any") } })
      const watch = Effect.provideService(Redis.Redis, client)
      // EXEC, refused as there was no MULTI, does not unwatch; and UNWATCH may be refused itself.
      for (const refused of ["multi", "unwatch"]) {
        yield* rights(`-${refused}`)
        const body = refused === "multi" ? Effect.succeed(Pipeline.all([Redis.ping()])) : Effect.fail("failed" as const)
        const failure = yield* watch(Effect.flip(Transaction.watch(["k"], body)))
        expect(failure).toEqual(
          refused === "multi" ? expect.objectContaining({ _tag: "ReplyError", code: "NOPERM" }) : "failed"
        )
        yield* rights(`+${refused}`)
        yield* admin.execute(Redis.incr("k"))
        const slots = yield* onLease(client)((lease) => lease.transaction([Redis.echo("here")]))
        expect(slots).toEqual([Either.right("here")])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 42: goes to who came first, whoever else that waits is interrupted", () =>
    Effect.gen(function* () {
      const client = yield* withOnePlace()
      const waiters = Array.from({ length: 30 }, (_, i) => i)
      for (let seed = 1; seed <= 8; seed++) {
        // Of each seed another half.
        const leaves = (i: number) => (Math.imul(seed * 31 + i, 0x9e3779b1) >>> 13) % 2 === 0
        const served: Array<number> = []
        const scope = yield* Scope.make()
        yield* Scope.extend(client.reserve([]), scope)
        const fibers = yield* Effect.forEach(waiters, (i) =>
          Effect.fork(onLease(client)((lease) => Effect.map(lease.execute(Redis.ping()), () => served.push(i))))
        )
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        const gone = fibers.filter((_, i) => leaves(i))
        // Some before the first place is free, the others while places go from hand to hand.
        yield* Fiber.interruptAll(gone.slice(0, gone.length / 2))
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.interruptAll(gone.slice(gone.length / 2))
        yield* Effect.forEach(fibers, Fiber.await)
        expect(served).toEqual([...served].sort((a, b) => a - b))
        expect(served).toEqual(expect.arrayContaining(waiters.filter((i) => !leaves(i))))
      }
      expect(yield* onLease(client)((lease) => lease.execute(Redis.echo("whole")))).toBe("whole")
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 42: goes to who waited for it, also when another one comes in the same moment", () =>
    Effect.gen(function* () {
      const client = yield* withOnePlace()
      const scope = yield* Scope.make()
      const lease = yield* Scope.extend(client.reserve([]), scope)
      const connection = yield* lease.execute(Redis.clientId)
      const served: Array<readonly [string, number]> = []
      const use = (name: string) =>
        onLease(client)((lease) => Effect.map(lease.execute(Redis.clientId), (id) => served.push([name, id])))
      const waiting = yield* Effect.fork(use("waiting"))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* Scope.close(scope, Exit.void)
      yield* use("newcomer")
      yield* waiting
      expect(served).toEqual([
        ["waiting", connection],
        ["newcomer", connection]
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 32: is waited for no longer when the client closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(withOnePlace({ reserveTimeout: "1 minute", closeTimeout: 0 }), scope)
      yield* client.reserve([])
      const waiting = yield* Effect.fork(Effect.flip(Effect.asVoid(Effect.scoped(client.reserve([])))))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.timeout(Fiber.join(waiting), "1 second")
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Closed", outcome: "NotSent" })
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 43: is each blocking command's own, while the shared connection goes on", () =>
    Effect.gen(function* () {
      const client = yield* anotherClient({ clientName: "blocking" })
      const admin = yield* anotherClient()
      yield* client.execute(words("XGROUP", "CREATE", "stream", "group", "$", "MKSTREAM"))
      const shared = yield* client.execute(Redis.clientId)
      const commands = [
        ...["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"].map((name) => words(name, "none", "60")),
        words("BLMOVE", "none", "other", "LEFT", "LEFT", "60"),
        words("BRPOPLPUSH", "none", "other", "60"),
        words("BLMPOP", "60", "1", "none", "LEFT"),
        words("BZMPOP", "60", "1", "none", "MIN"),
        words("XREAD", "BLOCK", "60000", "STREAMS", "stream", "$"),
        words("XREADGROUP", "GROUP", "group", "one", "BLOCK", "60000", "STREAMS", "stream", ">")
      ]
      const fibers = yield* Effect.forEach(commands, (command) => Effect.fork(client.execute(command)))
      const blocked = Effect.map(admin.execute(Redis.clientList()), (all) =>
        all.filter(({ flags, name }) => flags.has("b") && Option.contains(name, "blocking")).map(({ id }) => id)
      )
      yield* eventually(
        "blocked",
        Effect.map(blocked, ({ length }) => (length === commands.length ? undefined : `${length}`))
      )
      expect(yield* blocked).not.toContain(shared)
      expect(yield* client.execute(Redis.echo("free"))).toBe("free")
      // What looks at a stream without waiting needs none.
      yield* client.execute(words("XREAD", "STREAMS", "stream", "$"))
      expect((yield* blocked).length).toBe(commands.length)
      yield* Fiber.interruptAll(fibers)
      yield* eventually(
        "all gone",
        Effect.map(blocked, ({ length }) => (length === 0 ? undefined : `${length}`))
      )
    }).pipe(Effect.scoped)
  )

  it.effect("scenario 43: blocks for ever where it is told to, whatever the deadlines of other commands", () =>
    Effect.gen(function* () {
      const client = yield* anotherClient({ commandTimeout: "300 millis", watchdog: "300 millis" })
      const admin = yield* anotherClient()
      const alone = yield* Effect.fork(client.execute(Redis.blpop("alone", Duration.infinity)))
      const piped = yield* Effect.fork(client.pipeline([Redis.blpop("piped", Duration.infinity)]))
      const end = performance.now() + 700
      while (performance.now() < end) {
        expect(yield* client.execute(Redis.echo("free"))).toBe("free")
        yield* Effect.sleep("10 millis")
      }
      yield* admin.pipeline(["alone", "piped"].map((key) => Redis.rpush(key, ["came"])))
      const popped = (key: string) => Option.some({ key, element: "came" })
      expect(yield* Fiber.join(alone)).toEqual(popped("alone"))
      expect(yield* Fiber.join(piped)).toEqual([Either.right(popped("piped"))])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "scenario 43: a blocking command on a server that has gone silent has its own time and the usual time",
    () =>
      Effect.gen(function* () {
        const { port } = yield* NodeRedisServer.NodeRedisServer
        const proxy = yield* FaultProxy.make({ port })
        const client = yield* anotherClient({ port: proxy.port, commandTimeout: "200 millis" })
        yield* onLease(client)((lease) => lease.execute(Redis.ping()))
        proxy.toClient.pause()
        const { millis, value } = yield* timed(Effect.flip(client.execute(Redis.blpop("none", "300 millis"))))
        expect(value).toMatchObject({ _tag: "TimeoutError", phase: "Reply", outcome: "Unknown", command: "BLPOP" })
        expect(millis).toBeGreaterThan(480)
        expect(millis).toBeLessThan(1_000)
      }).pipe(Effect.scoped)
  )

  it.effect("scenario 44: used after its scope refuses everything, and writes nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* NodeRedisServer.NodeRedisServer
      const client = yield* withOnePlace()
      const scope = yield* Scope.make()
      const lease = yield* Scope.extend(client.watch(["k"]), scope)
      const command = Redis.incr("n")
      const makeUses = (): ReadonlyArray<Effect.Effect<unknown, unknown>> => [
        lease.execute(command),
        lease.pipeline([command, command]),
        lease.transaction([command]),
        lease.commit([command]),
        lease.execute(Redis.blpop("list", "1 second")),
        Stream.runDrain(Scan.keys()).pipe(Effect.provideService(Redis.Redis, lease))
      ]
      const madeBefore = makeUses()
      yield* Scope.close(scope, Exit.void)
      const recorder = yield* recordCommands(port)
      for (const use of [...madeBefore, ...makeUses()]) {
        expect(yield* Effect.flip(use)).toMatchObject({
          _tag: "ConnectionError",
          reason: "Closed",
          outcome: "NotSent"
        })
      }
      yield* recorder.settle
      expect(recorder.words()).toEqual([])
    }).pipe(Effect.scoped)
  )
})

it.scopedLive("scenario 40: an idle connection that got bytes, or an end, is not lent", () =>
  Effect.gen(function* () {
    const peer = yield* ScriptedPeer.make((words, connection) => {
      if (!ScriptedPeer.greet(words, connection)) connection.write(`+${words[0]} ${connection.id}\r\n`)
    })
    const proxy = yield* FaultProxy.make({ port: peer.port })
    const client = yield* NodeRedis.make({ port: proxy.port, maxReserved: 1, reserveTimeout: "1 second" })
    const who = onLease(client)((lease) => lease.execute(words("WHO")))
    let last = 2
    expect(yield* who).toBe(`WHO ${last}`)
    const upsets: ReadonlyArray<(connection: ScriptedPeer.Connection) => void> = [
      (connection) => connection.write("+OK\r\n"),
      (connection) => connection.write("$100\r\nhalf of"),
      (connection) => connection.end(),
      (connection) => connection.reset()
    ]
    for (const upset of upsets) {
      upset(peer.connections[last - 1]!)
      yield* Effect.sleep("20 millis")
      expect(yield* who).toBe(`WHO ${++last}`)
    }
    expect(proxy.live).toHaveLength(2)
  })
)
