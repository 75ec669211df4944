/**
 * TLS options as Node's sockets take them.
 */
import type { ConnectionOptions } from "node:tls"
import * as Redacted from "effect/Redacted"
import type { TlsOptions } from "../NodeRedis.js"

/** The socket's options; `undefined` where there is no TLS. */
export const toTls = (options: boolean | TlsOptions): ConnectionOptions | undefined => {
  if (options === false) return undefined
  const tls = options === true ? {} : options
  return {
    ...(tls.ca === undefined ? {} : { ca: (Array.isArray(tls.ca) ? tls.ca : [tls.ca]).map(toPem) }),
    ...(tls.cert === undefined ? {} : { cert: toPem(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: toPem(Redacted.value(tls.key)) }),
    ...(tls.passphrase === undefined ? {} : { passphrase: Redacted.value(tls.passphrase) }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    rejectUnauthorized: tls.rejectUnauthorized ?? true
  }
}

const toPem = (pem: string | Uint8Array): string | Buffer => (typeof pem === "string" ? pem : Buffer.from(pem))
