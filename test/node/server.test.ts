import { existsSync, readFileSync } from "node:fs"
import * as net from "node:net"
import { dirname } from "node:path"
import * as tls from "node:tls"
import { expect, it } from "@effect/vitest"
import { NodeRedisServer } from "@effect-resp/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { makeCertificates } from "../support/certificates.js"
import { isBuiltWithTls } from "../support/tls.js"

/** Sends lines and gives the answer once it has come to an end that is known. */
const ask = (socket: net.Socket, text: string, end: string): Effect.Effect<string> =>
  Effect.promise(
    () =>
      new Promise<string>((resolve, reject) => {
        let answer = ""
        socket.on("error", reject)
        socket.on("data", (chunk: Buffer) => {
          answer += chunk.toString()
          if (!answer.includes(end)) return
          socket.destroy()
          resolve(answer)
        })
        socket.write(text)
      })
  )

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it.scopedLive("runs for as long as its scope", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const server = yield* Scope.extend(NodeRedisServer.make(), scope)
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`)
    const info = yield* ask(net.connect(server.port), "INFO server\r\n", "tcp_port")
    expect(info).toContain(`process_id:${server.pid}\r\n`)
    expect(info).toContain(`${server.kind}_version:${server.version}\r\n`)
    expect(yield* ask(net.connect(server.port), "CONFIG GET save\r\n", "save\r\n$0\r\n\r\n")).not.toContain("-ERR")

    yield* Scope.close(scope, Exit.void)
    expect(isRunning(server.pid)).toBe(false)
    expect(existsSync(dirname(server.unixSocket))).toBe(false)
  })
)

it.scoped("starts and ends under the TestClock, as a layer", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.NodeRedisServer
    expect(yield* ask(net.connect(port), "PING\r\n", "\r\n")).toBe("+PONG\r\n")
  }).pipe(Effect.provide(NodeRedisServer.layer()))
)

it.scopedLive("counts no client of its own once it is up", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make({ args: ["--maxclients", "10"] })
    const answer = yield* ask(net.connect(port), "INFO clients\r\n", "maxclients")
    expect(answer).toContain("connected_clients:1\r\n")
    expect(answer).toContain("maxclients:10\r\n")
  })
)

it.scopedLive("ends a server that is paused", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { pid } = yield* Scope.extend(NodeRedisServer.make(), scope)
    process.kill(pid, "SIGSTOP")
    yield* Scope.close(scope, Exit.void)
    expect(isRunning(pid)).toBe(false)
  })
)

it.scopedLive("fails when there is no such program, and says what to install", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(NodeRedisServer.make({ binary: "no-such-server" }))
    expect(error).toMatchObject({ _tag: "ServerError", reason: "NotFound" })
    expect(error.message).toContain("Install the package redis-server or valkey-server")
    expect(error.message).toContain("no-such-server")
    expect((yield* Effect.flip(NodeRedisServer.make({ binary: process.execPath }))).reason).toBe("NotFound")
  })
)

it.scopedLive("fails with the server's own words when it ends while starting", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(NodeRedisServer.make({ args: ["--no-such-directive", "1"] }))
    expect(error.reason).toBe("Exited")
    expect(error.message).toContain("no-such-directive")
  })
)

it.scopedLive("fails when the port that was asked for is taken", () =>
  Effect.gen(function* () {
    const { port } = yield* NodeRedisServer.make()
    const error = yield* Effect.flip(NodeRedisServer.make({ port }))
    expect(error.reason).toBe("Exited")
    expect(error.log).toMatch(/address already in use/i)
  })
)

it.scopedLive("can want a password, which no list of processes shows", () =>
  Effect.gen(function* () {
    const password = 'a "secret" \\ \n é'
    const { port, pid } = yield* NodeRedisServer.make({ password: Redacted.make(password) })
    expect(yield* ask(net.connect(port), "PING\r\n", "\r\n")).toContain("-NOAUTH")
    const auth = `*2\r\n$4\r\nAUTH\r\n$${Buffer.byteLength(password)}\r\n${password}\r\n`
    expect(yield* ask(net.connect(port), auth, "\r\n")).toBe("+OK\r\n")
    if (process.platform === "linux") expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain("secret")
  })
)

it.scopedLive("listens on a Unix socket too", () =>
  Effect.gen(function* () {
    const { unixSocket } = yield* NodeRedisServer.make()
    expect(yield* ask(net.connect(unixSocket), "PING\r\n", "\r\n")).toBe("+PONG\r\n")
  })
)

it.scopedLive.skipIf(!isBuiltWithTls)("talks TLS", () =>
  Effect.gen(function* () {
    const certificates = yield* makeCertificates
    const server = yield* NodeRedisServer.make({ tls: { ...certificates.server, ca: certificates.ca } })
    const { port, url } = server.tls!
    expect(url).toBe(`rediss://127.0.0.1:${port}`)
    const ca = readFileSync(certificates.ca)
    const anonymous = tls.connect({ port, host: "127.0.0.1", ca })
    expect(yield* ask(anonymous, "PING\r\n", "\r\n")).toBe("+PONG\r\n")
    const { cert, key } = certificates.client
    const known = tls.connect({ port, host: "127.0.0.1", ca, cert: readFileSync(cert), key: readFileSync(key) })
    expect(yield* ask(known, "PING\r\n", "\r\n")).toBe("+PONG\r\n")
  })
)
