/// <reference types="vite/types/importMeta.d.ts" />
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { families } from "./families.js"
import { type ServerCommand, startServer, type TestServer } from "./server.js"
import { reasonToSkip } from "./skipped.js"

const cases = families.flatMap((family) => family.cases)
const definitions = new Map(cases.map(({ command }) => [command.definition.name, command.definition]))

const sources = import.meta.glob<string>("../../packages/core/src/commands/*.ts", {
  query: "?raw",
  import: "default",
  eager: true
})

/** The commands that the library's sources define. */
const defined = Object.values(sources).flatMap((source) =>
  [...source.matchAll(/\bdefine\("([^"]+)"/g)].map((m) => m[1]!)
)

/** Where the library knowingly differs from what servers say. */
const readOnlyExceptions: Readonly<Record<string, string>> = {
  TOUCH: "on a replica it would not keep the key from being evicted where it matters"
}

const blockingExceptions: Readonly<Record<string, string>> = {
  "FUNCTION KILL": "the script to be ended may hold up the shared connection",
  "FUNCTION STATS": "the script to be looked at may hold up the shared connection",
  "SCRIPT KILL": "the script to be ended may hold up the shared connection",
  WAIT: "servers before Redis 7.2 do not say so"
}

describe("the library", () => {
  it("defines every command by a literal name", () => {
    const uses = Object.values(sources).flatMap((source) => [...source.matchAll(/\bdefine\(/g)])
    expect(defined.length).toBe(uses.length)
    expect(defined.length).toBeGreaterThan(200)
  })

  it("has a live case of every command it defines", () => {
    expect(defined.filter((name) => !definitions.has(name))).toEqual([])
  })

  it("defines nothing that is skipped", () => {
    expect(
      [...new Set([...defined, ...definitions.keys()])].filter((name) => reasonToSkip(name) !== undefined)
    ).toEqual([])
  })
})

describe("the server", () => {
  let test: TestServer
  beforeAll(async () => {
    test = await startServer()
  })
  afterAll(() => test?.stop())

  /** A container such as OBJECT is no command by itself, unless it can stand alone as COMMAND can. */
  const isCommand = ({ arity, subcommands }: ServerCommand) => subcommands.length === 0 || Math.abs(arity) === 1

  const known = () =>
    [...definitions.values()].flatMap((definition) => {
      const command = test.commands.get(definition.name)
      return command === undefined ? [] : [{ definition, command }]
    })

  it("knows no command that is neither defined nor skipped", () => {
    const commands = [...test.commands.values()].filter(isCommand).map(({ name }) => name)
    expect(commands.length).toBeGreaterThan(200)
    expect(commands.filter((name) => !defined.includes(name) && reasonToSkip(name) === undefined).sort()).toEqual([])
  })

  it("agrees on which commands are read-only", () => {
    const differing = known()
      .filter(({ command, definition }) => definition.readOnly !== command.flags.has("readonly"))
      .map(({ definition }) => definition.name)
    expect(differing.filter((name) => !(name in readOnlyExceptions)).sort()).toEqual([])
  })

  it("agrees on which commands block", () => {
    const differing = known()
      .filter(({ command, definition }) => definition.blocking !== command.flags.has("blocking"))
      .map(({ definition }) => definition.name)
    expect(differing.filter((name) => !(name in blockingExceptions)).sort()).toEqual([])
  })

  it("calls writes what the library never repeats by itself", () => {
    const repeated = known().filter(({ command, definition }) => definition.idempotent && command.flags.has("write"))
    expect(repeated.map(({ definition }) => definition.name).sort()).toEqual([])
  })
})
