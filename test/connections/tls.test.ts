import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Command, Redis } from "@effect-resp/core"
import { NodeRedis, NodeRedisServer } from "@effect-resp/node"
import { Effect, Option, Redacted } from "effect"
import { type Certificate, makeCertificates } from "../support/certificates.js"
import { isBuiltWithTls } from "../support/tls.js"

const read = (path: string) => readFileSync(path, "utf8")

/** A server with one of the certificates, and the authority to trust. */
const serve = (choose: "server" | "wrongName" | "expired" | "unknown", authClients: "yes" | "no" = "no") =>
  Effect.gen(function* () {
    const certificates = yield* makeCertificates
    const certificate: Certificate = certificates[choose]
    const server = yield* NodeRedisServer.make({ tls: { ...certificate, ca: certificates.ca, authClients } })
    return { certificates, server, port: server.tls!.port, plainPort: server.port, ca: read(certificates.ca) }
  })

describe.runIf(isBuiltWithTls)("TLS", () => {
  it.scopedLive("verifies the server and serves, by option and by URL", () =>
    Effect.gen(function* () {
      const { ca, port } = yield* serve("server")
      for (const options of [
        { host: "127.0.0.1", port, tls: { ca } },
        { host: "localhost", port, tls: { ca } },
        { url: `rediss://localhost:${port}/1`, tls: { ca } },
        { url: `valkeys://127.0.0.1:${port}`, tls: { ca } }
      ]) {
        const client = yield* NodeRedis.make(options)
        expect(yield* client.execute(Redis.echo("over TLS"))).toBe("over TLS")
        const big = new Uint8Array(300_000).fill(7)
        yield* client.execute(Redis.set("big", big))
        const back = Option.getOrThrow(yield* client.execute(Redis.get("big").pipe(Command.bytes)))
        expect(Buffer.compare(back, big)).toBe(0)
      }
    })
  )

  it.scopedLive("reconnects", () =>
    Effect.gen(function* () {
      const { ca, port } = yield* serve("server")
      const client = yield* NodeRedis.make({ host: "127.0.0.1", port, tls: { ca } })
      const id = yield* client.execute(Redis.clientId)
      yield* Effect.ignore(client.execute(Command.make(["CLIENT", "KILL", "ID", id, "SKIPME", "no"])))
      yield* Effect.sleep("50 millis")
      expect(yield* client.execute(Redis.clientId)).not.toBe(id)
    })
  )

  it.scopedLive("shows the client's certificate where the server wants one", () =>
    Effect.gen(function* () {
      const { ca, certificates, port } = yield* serve("server", "yes")
      const key = Redacted.make(read(certificates.client.key))
      const client = yield* NodeRedis.make({
        host: "127.0.0.1",
        port,
        tls: { ca, cert: read(certificates.client.cert), key }
      })
      expect(yield* client.execute(Redis.ping())).toBe("PONG")
      const error = yield* Effect.flip(NodeRedis.make({ host: "127.0.0.1", port, tls: { ca } }))
      expect(error).toMatchObject({ outcome: "NotSent" })
    })
  )

  const refusals = [
    ["unknown", /unable to|self.signed|issuer|signature/i],
    ["wrongName", /does not match|altname/i],
    ["expired", /expired/i]
  ] as const
  it.scopedLive.each(refusals)("scenario 96: refuses a certificate that is %s, saying so", ([kind, reason]) =>
    Effect.gen(function* () {
      const { ca, port } = yield* serve(kind)
      const error = yield* Effect.flip(NodeRedis.make({ host: "127.0.0.1", port, tls: { ca } }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Tls", outcome: "NotSent" })
      expect(error.message).toMatch(reason)
      // Unless told to accept any.
      if (kind === "wrongName") {
        const lax = yield* NodeRedis.make({ host: "127.0.0.1", port, tls: { ca, rejectUnauthorized: false } })
        expect(yield* lax.execute(Redis.ping())).toBe("PONG")
      }
    })
  )

  it.scopedLive("scenario 96: asks for the server's name, and checks the certificate against it", () =>
    Effect.gen(function* () {
      const { ca, port } = yield* serve("wrongName")
      const named = yield* NodeRedis.make({ host: "127.0.0.1", port, tls: { ca, servername: "elsewhere.test" } })
      expect(yield* named.execute(Redis.ping())).toBe("PONG")
      const error = yield* Effect.flip(
        NodeRedis.make({ host: "127.0.0.1", port, tls: { ca, servername: "localhost" } })
      )
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Tls", outcome: "NotSent" })
    })
  )

  it.scopedLive("is never left out, nor taken for what it is not", () =>
    Effect.gen(function* () {
      const { ca, plainPort, port } = yield* serve("server")
      const untrusted = yield* Effect.flip(NodeRedis.make({ host: "127.0.0.1", port, tls: true }))
      expect(untrusted).toMatchObject({ reason: "Tls" })
      const plainServer = yield* Effect.flip(
        NodeRedis.make({ host: "127.0.0.1", port: plainPort, tls: { ca }, connectTimeout: "500 millis" })
      )
      // A plain server waits for the end of a line that a TLS hello does not have.
      expect(plainServer).toMatchObject({ _tag: "TimeoutError", phase: "Connect", outcome: "NotSent" })
      const plainClient = yield* Effect.flip(NodeRedis.make({ host: "127.0.0.1", port, connectTimeout: "500 millis" }))
      expect(plainClient).toMatchObject({ outcome: "NotSent" })
    })
  )
})
