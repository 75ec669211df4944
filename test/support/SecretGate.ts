/**
 * Nothing that the tests of a file have made `Redacted`, which the passwords of URLs are, too, is printed meanwhile: no
 * log, no warning, nothing that somebody left behind. A setup file of vitest.
 */
import { format } from "node:util"
import { globalValue } from "effect/GlobalValue"
import { afterAll, expect } from "vitest"

const secrets = new Set<string>()
const shown: Array<string> = []

// Effect's own; what it holds cannot be listed.
const registry = globalValue("effect/Redacted/redactedRegistry", () => new WeakMap<object, unknown>())
const { set } = registry
registry.set = function (redacted, value) {
  // What is a common word is no secret that could be told from others.
  if (typeof value === "string" && value.length >= 5 && /[^a-z]/.test(value)) secrets.add(value)
  return set.call(this, redacted, value)
}

const look = (...printed: ReadonlyArray<unknown>): void => {
  const text = format(...printed)
  for (const secret of secrets) if (text.includes(secret)) shown.push(text.replaceAll(secret, "<secret>"))
}

const methods = ["debug", "dir", "error", "group", "info", "log", "table", "trace", "warn"] as const
for (const method of methods) {
  const print = console[method]
  console[method] = (...printed: Array<unknown>) => {
    look(...printed)
    Reflect.apply(print, console, printed)
  }
}

for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write
  stream.write = function (this: typeof stream, ...given: Array<unknown>) {
    look(given[0] instanceof Uint8Array ? Buffer.from(given[0]).toString() : given[0])
    return Reflect.apply(write, stream, given)
  } as typeof write
}

afterAll(() => expect(shown, "what shows a secret").toEqual([]))
