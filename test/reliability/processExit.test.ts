import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it } from "@effect/vitest"
import { NodeRedisServer } from "@effect-resp/node"
import { Effect } from "effect"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What a program printed, its exit code, and how long it then went on, in milliseconds. */
const run = (file: string, ...args: ReadonlyArray<string>) =>
  Effect.async<{ readonly said: string; readonly code: number | null; readonly wentOn: number }>((resume) => {
    const child = spawn(process.execPath, ["--import", "tsx", file, ...args], {
      cwd: root,
      env: { ...process.env, TSX_TSCONFIG_PATH: "test/tsconfig.json" },
      stdio: ["ignore", "pipe", "inherit"]
    })
    let said = ""
    let at = performance.now()
    child.stdout.on("data", (chunk) => {
      said += String(chunk)
      at = performance.now()
    })
    child.on("close", (code) => resume(Effect.succeed({ said, code, wentOn: performance.now() - at })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

it.scopedLive("scenario 36: a process whose client has been closed ends by itself", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const { code, said, wentOn } = yield* run("test/reliability/closingProgram.ts", String(port)).pipe(
      Effect.timeout("15 seconds")
    )
    expect({ code, said }).toEqual({ code: 0, said: "closed\n" })
    expect(wentOn).toBeLessThan(1_000)
  })
)
