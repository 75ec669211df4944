/**
 * Throw-away certificates, good ones and bad ones, as PEM files in a folder that goes with the scope.
 */
import "reflect-metadata" // the certificate library's container wants it first
import { webcrypto } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as x509 from "@peculiar/x509"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The paths of a certificate and of its private key. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  /** The authority that signed all but `unknown`. */
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Certificate
  readonly client: Certificate
  /** For localhost by this name, and not by its addresses. */
  readonly nameOnly: Certificate
  /** For another name than the server's. */
  readonly wrongName: Certificate
  /** For the right names, but its time is over. */
  readonly expired: Certificate
  /** For the right names, from an authority that nobody trusts; `unknownCa` is that authority. */
  readonly unknown: Certificate
  readonly unknownCa: string
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
const day = 24 * 60 * 60 * 1000

interface Authority {
  readonly certificate: x509.X509Certificate
  readonly privateKey: webcrypto.CryptoKey
}

const generateKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])

const makeAuthority = async (name: string): Promise<Authority> => {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() + 30 * day),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)
    ]
  })
  return { certificate, privateKey: keys.privateKey }
}

interface Request {
  readonly name: string
  readonly names?: ReadonlyArray<x509.JsonGeneralName>
  /** Days from now until it ends. */
  readonly days?: number
}

const loopback: ReadonlyArray<x509.JsonGeneralName> = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" }
]

const writeCertificate = async (
  directory: string,
  file: string,
  authority: Authority,
  request: Request
): Promise<Certificate> => {
  const keys = await generateKeys()
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${request.name}`,
    issuer: authority.certificate.subject,
    signingKey: authority.privateKey,
    publicKey: keys.publicKey,
    notBefore: new Date(Date.now() - 20 * day),
    notAfter: new Date(Date.now() + (request.days ?? 20) * day),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
      ...(request.names === undefined ? [] : [new x509.SubjectAlternativeNameExtension([...request.names])])
    ]
  })
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)
  const cert = join(directory, `${file}.crt`)
  const key = join(directory, `${file}.key`)
  await writeFile(cert, certificate.toString("pem"))
  await writeFile(key, x509.PemConverter.encode(pkcs8, "PRIVATE KEY"), { mode: 0o600 })
  return { cert, key }
}

const writeAll = async (directory: string): Promise<Certificates> => {
  const authority = await makeAuthority("Test authority")
  const stranger = await makeAuthority("Unknown authority")
  const ca = join(directory, "ca.crt")
  const unknownCa = join(directory, "unknown-ca.crt")
  await writeFile(ca, authority.certificate.toString("pem"))
  await writeFile(unknownCa, stranger.certificate.toString("pem"))
  const write = (file: string, signer: Authority, request: Request) =>
    writeCertificate(directory, file, signer, request)
  return {
    ca,
    unknownCa,
    server: await write("server", authority, { name: "localhost", names: loopback }),
    client: await write("client", authority, { name: "client" }),
    nameOnly: await write("name-only", authority, {
      name: "localhost",
      names: [{ type: "dns", value: "localhost" }]
    }),
    wrongName: await write("wrong-name", authority, {
      name: "elsewhere.test",
      names: [{ type: "dns", value: "elsewhere.test" }]
    }),
    expired: await write("expired", authority, { name: "localhost", names: loopback, days: -10 }),
    unknown: await write("unknown", stranger, { name: "localhost", names: loopback })
  }
}

export const makeCertificates: Effect.Effect<Certificates, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-resp-certificates-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
).pipe(Effect.flatMap((directory) => Effect.promise(() => writeAll(directory))))
