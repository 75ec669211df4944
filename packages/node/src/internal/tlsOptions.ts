/**
 * TLS options as Node's sockets take them.
 */
import { type ConnectionOptions, createSecureContext } from "node:tls"
import type { RedisError } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { TlsOptions } from "../NodeRedis.js"
import { refuse } from "./location.js"

/** The socket's options; `undefined` where there is no TLS. What is no certificate or key would crash the first socket. */
export const toTls = (
  options: boolean | TlsOptions
): Effect.Effect<ConnectionOptions | undefined, RedisError.CommandError> => {
  if (options === false) return Effect.succeed(undefined)
  if (options !== true) {
    if (typeof options !== "object") return Effect.fail(refuse("tls must be true, false or an object"))
    const { servername } = options
    if (servername !== undefined && typeof servername !== "string") {
      return Effect.fail(refuse("tls has a servername that is not a string"))
    }
  }
  return Effect.try({
    try: () => {
      const tls = connectionOptions(options === true ? {} : options)
      createSecureContext(tls)
      return tls
    },
    catch: (cause) => {
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : "no reason given"
      return refuse(`tls has a certificate, key or passphrase that cannot be used: ${code}`)
    }
  })
}

const connectionOptions = (tls: TlsOptions): ConnectionOptions => ({
  ...(tls.ca === undefined ? {} : { ca: (Array.isArray(tls.ca) ? tls.ca : [tls.ca]).map(toPem) }),
  ...(tls.cert === undefined ? {} : { cert: toPem(tls.cert) }),
  ...(tls.key === undefined ? {} : { key: toPem(Redacted.value(tls.key)) }),
  ...(tls.passphrase === undefined ? {} : { passphrase: Redacted.value(tls.passphrase) }),
  ...(tls.servername === undefined ? {} : { servername: tls.servername }),
  rejectUnauthorized: tls.rejectUnauthorized ?? true
})

const toPem = (pem: string | Uint8Array): string | Buffer => (typeof pem === "string" ? pem : Buffer.from(pem))
