import { deepStrictEqual } from "node:assert"
import { inspect } from "node:util"
import { Command, Redis, Reply } from "@effect-resp/core"
import { Effect, Either, Option } from "effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Case } from "./case.js"
import { families } from "./families.js"
import { type Protocol, startServer, type TestServer } from "./server.js"

let test: TestServer

beforeAll(async () => {
  test = await startServer()
})
afterAll(() => test?.stop())

// -----------------------------------------------------------------------------
// what a case is called
// -----------------------------------------------------------------------------

const show = (word: Command.Word): string => {
  if (word instanceof Uint8Array) return `<${word.length} bytes>`
  if (word instanceof Command.InvalidArgument) return `<${word.reason}>`
  const text = String(word)
  return text === "" || /[\s\p{C}]/u.test(text) ? JSON.stringify(text) : text
}

const showCommand = ({ reply, words }: Command.Command<unknown>): string => {
  const text = words.map(show).join(" ")
  return `${text.length > 100 ? `${text.slice(0, 99)}…` : text}${reply.wantsBytes ? " as bytes" : ""}`
}

const title = ({ command, given = [] }: Case, protocol: Protocol): string => {
  const before = given.map(showCommand).join("; ")
  const after = before === "" ? "" : ` after ${before.length > 100 ? `${before.slice(0, 99)}…` : before}`
  return `${showCommand(command)}${after} (RESP${protocol})`
}

// -----------------------------------------------------------------------------
// whether the server knows it
// -----------------------------------------------------------------------------

/** Whether a version is at least the other; what is no version (`"never"`) is later than any. */
const isAtLeast = (version: string, least: string): boolean => {
  const parts = least.split(".").map(Number)
  if (parts.some(Number.isNaN)) return false
  const own = version.split(".").map((part) => Number.parseInt(part, 10))
  for (const [i, part] of parts.entries()) {
    const difference = (own[i] ?? 0) - part
    if (difference !== 0) return difference > 0
  }
  return true
}

const reasonToSkip = ({ command, given = [], since }: Case): string | undefined => {
  const { kind, version } = test.server
  const unknown = [...given, command].find(({ definition }) => !test.commands.has(definition.name))
  if (unknown !== undefined) return `${kind} ${version} has no ${unknown.definition.name}`
  const least = since?.[kind]
  return least === undefined || isAtLeast(version, least) ? undefined : `since ${kind} ${least}, this is ${version}`
}

// -----------------------------------------------------------------------------
// whether the result is right
// -----------------------------------------------------------------------------

/** Records come without prototype, and cases are written with one: only that difference is levelled out. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (Option.isOption(value)) return Option.map(value, plain)
  if (typeof value !== "object" || value === null) return value
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  const out: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    Object.defineProperty(out, name, { value: plain(member), enumerable: true, configurable: true, writable: true })
  }
  return out
}

const expectResult = (result: unknown, gives: unknown): void => {
  if (typeof gives !== "function") return deepStrictEqual(plain(result), plain(gives))
  if (gives(result) !== true) expect.fail(`the predicate refuses ${inspect(result, { depth: 6 })}`)
}

// -----------------------------------------------------------------------------
// whether the keys are where the server sees them
// -----------------------------------------------------------------------------

const toText = (word: unknown): string =>
  word instanceof Uint8Array ? Buffer.from(word).toString("latin1") : Buffer.from(String(word)).toString("latin1")

/** The keys that the server sees; an error of it means none or, in newer versions, an array without elements does. */
const keysOnServer = ({ definition, words }: Command.Command<unknown>) =>
  Effect.map(
    Effect.either(
      Command.make(["COMMAND", "GETKEYS", ...(words as ReadonlyArray<Command.Argument>)], {
        reply: Reply.array(Reply.text)
      }).pipe(Command.bytes)
    ),
    Either.match({
      onLeft: (error) =>
        error._tag === "ReplyError" && /no key arguments|getkeys' command/i.test(error.text)
          ? []
          : expect.fail(`COMMAND GETKEYS ${definition.name}: ${error.message}`),
      onRight: (keys) => keys.map(toText)
    })
  )

/** A shard channel routes like a key, though the server does not call it one. */
const shardChannels = new Set(["SPUBLISH"])

const expectKeys = async (command: Command.Command<unknown>): Promise<void> => {
  const positions = Command.keyPositions(command)
  expect(new Set(positions).size, "positions of keys are unique").toBe(positions.length)
  const keys = positions.map((position) => toText(command.words[position]))
  const expected = shardChannels.has(command.definition.name)
    ? [toText(command.words[1])]
    : await test.run(3, keysOnServer(command))
  expect(keys.sort(), "positions of keys").toEqual([...expected].sort())
}

// -----------------------------------------------------------------------------

/** Some commands run only, or mean something only, on a connection that nobody else uses. */
const needsLease = ({ definition }: Command.Command<unknown>): boolean =>
  definition.restriction?.kind === "session" || definition.name.startsWith("WAIT")

const runCase = ({ command, given = [] }: Case) => {
  const all = Effect.zipRight(
    Effect.forEach(given, (before) => before, { discard: true }),
    command
  )
  return [...given, command].some(needsLease) ? Redis.withReserved()(all) : all
}

const cleanUp = Effect.gen(function* () {
  yield* Command.make(["FLUSHALL"])
  yield* Command.make(["CONFIG", "SET", "maxmemory-policy", "noeviction"])
  if (test.commands.has("FUNCTION FLUSH")) yield* Command.make(["FUNCTION", "FLUSH"])
  yield* Command.make(["SCRIPT", "FLUSH"])
})

for (const { cases, failure, name } of families) {
  describe(name, () => {
    it("has cases", () => {
      if (failure !== undefined) throw failure
    })

    beforeEach(() => test.run(3, cleanUp))

    for (const each of cases) {
      for (const protocol of [2, 3] as const) {
        it(title(each, protocol), async (context) => {
          const reason = reasonToSkip(each)
          if (reason !== undefined) return context.skip(reason)
          expectResult(await test.run(protocol, runCase(each)), each.gives)
          await expectKeys(each.command)
        })
      }
    }
  })
}
