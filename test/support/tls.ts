/** Whether the server under test was built with TLS: not all are, and then the tests of TLS are skipped. */
import { NodeRedisServer } from "@effect-resp/node"
import * as Effect from "effect/Effect"
import { makeCertificates } from "./certificates.js"

export const isBuiltWithTls: boolean = await makeCertificates.pipe(
  Effect.flatMap(({ ca, server }) => NodeRedisServer.make({ tls: { ...server, ca } })),
  Effect.as(true),
  // "Failed finding TLS support", or an unknown directive tls-port.
  Effect.catchIf(
    (error) => error.reason === "Exited" && /tls support|'tls-port/i.test(error.log),
    () => Effect.succeed(false)
  ),
  Effect.scoped,
  Effect.runPromise
)
