/**
 * After each file nothing is left of what its tests made: no socket, timer, process, listener or fiber, and nobody in the
 * CLIENT LIST of a server when it ended. A setup file of vitest; vitest itself fails for exceptions and rejections that
 * nobody handles.
 */
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Fiber } from "effect"
import { afterAll, beforeAll, expect, vi } from "vitest"
import { leftClients, noteLeftClients } from "./leftClients.js"

type ServerProcess = typeof import("../../packages/node/src/internal/serverProcess.js")

// A server is asked right before it is stopped, for with it the connections end by themselves.
vi.mock("../../packages/node/src/internal/serverProcess.js", async (original) => {
  const actual = await original<ServerProcess>()
  const stop: ServerProcess["stop"] = async (server) => {
    await noteLeftClients(server)
    await actual.stop(server)
  }
  return { ...actual, stop }
})

/** Of the whole process, not of those that one fiber forked: they end with it. */
const runningFibers = (): ReadonlyArray<string> => {
  const running = Effect.withFiberRuntime<ReadonlyArray<string>>((self) =>
    Effect.map(Fiber.roots, (roots) =>
      roots.filter((fiber) => fiber !== self && fiber.unsafePoll() === null).map(() => "fiber")
    )
  )
  return Effect.runSync(running)
}

const listeners = (): ReadonlyArray<string> =>
  process
    .eventNames()
    .flatMap((name) =>
      Array.from({ length: process.listenerCount(name) }, () => `listener of the process's ${String(name)}`)
    )

const count = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const name of [...process.getActiveResourcesInfo(), ...listeners(), ...runningFibers()]) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

let before: ReadonlyMap<string, number> = new Map()

const left = (): ReadonlyArray<string> =>
  [...count()].flatMap(([name, now]) => {
    const more = now - (before.get(name) ?? 0)
    return more > 0 ? [`${more} ${name}`] : []
  })

const warnings: Array<string> = []

const onWarning = ({ message, name }: Error): void => {
  if (name === "MaxListenersExceededWarning") warnings.push(message)
}

beforeAll(() => {
  process.on("warning", onWarning)
  before = count()
})

// Registered before the file's own hooks, it runs after them.
afterAll(async () => {
  // A socket that was destroyed is closed in a later turn of the event loop.
  const deadline = performance.now() + 1_000
  while (left().length > 0 && performance.now() < deadline) await delay(5)
  const found = left()
  // One process serves many files.
  process.off("warning", onWarning)
  expect({ left: found, leftClients, warnings }, "what the tests of this file left behind").toEqual({
    left: [],
    leftClients: [],
    warnings: []
  })
})
