/**
 * Servers named in options: `host:port`, or URLs.
 */
import { Topology } from "@effect-resp/cluster"
import { type ConnectionPool, RedisError } from "@effect-resp/core"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { parseUrl, refuse } from "./location.js"

export interface Seeds {
  readonly addresses: ReadonlyArray<Topology.Address>
  readonly tls: boolean
  readonly credentials: ConnectionPool.Credentials | undefined
}

const sameCredentials = (a: ConnectionPool.Credentials, b: ConnectionPool.Credentials): boolean =>
  a.username === b.username && Redacted.value(a.password) === Redacted.value(b.password)

/** Reads the servers of an option. A URL's text is in no error: it can hold a password. */
export const readSeeds = (
  option: string,
  given: ReadonlyArray<string | Redacted.Redacted<string> | Topology.Address>,
  defaultPort: number
): Effect.Effect<Seeds, RedisError.CommandError> =>
  Effect.suspend(() => {
    if (given.length === 0) return Effect.fail(refuse(`${option} must name at least one server`))
    const addresses: Array<Topology.Address> = []
    let tls = false
    let credentials: ConnectionPool.Credentials | undefined
    for (const [index, one] of given.entries()) {
      const text = Redacted.isRedacted(one)
        ? Redacted.value(one)
        : typeof one === "string"
          ? one
          : Topology.addressOf(one)
      const bad = (reason: string) => Effect.fail(refuse(`${option}[${index}]: ${reason}`))
      if (!text.includes("//")) {
        const address = Topology.parseAddress(text)
        if (address === undefined) return bad("neither host:port nor a URL")
        addresses.push(address)
        continue
      }
      const location = parseUrl(text)
      if (location instanceof RedisError.CommandError) return bad(location.reason)
      if (location.path !== undefined) return bad("a Unix socket is only one server")
      if (location.database) return bad("there is no choice of database here")
      addresses.push({ host: location.host ?? "localhost", port: location.port ?? defaultPort })
      tls ||= location.tls === true
      if (credentials !== undefined && !sameCredentials(credentials, location.credentials ?? credentials)) {
        return bad("has other credentials than one before it")
      }
      credentials ??= location.credentials
    }
    return Effect.succeed({ addresses, tls, credentials })
  })
