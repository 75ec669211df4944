/**
 * Where a server is, read from a URL.
 */
import { type ConnectionPool, RedisError } from "@effect-resp/core"
import * as Redacted from "effect/Redacted"

/** An option that cannot be used. */
export const refuse = (reason: string) => new RedisError.CommandError({ reason, outcome: "NotSent" })

/** What a URL says of a server. */
export interface Location {
  host?: string
  port?: number
  path?: string
  tls?: boolean
  database?: number
  credentials?: ConnectionPool.Credentials
}

const schemes = new Map([
  ["redis:", false],
  ["valkey:", false],
  ["rediss:", true],
  ["valkeys:", true]
])

/** Reads a URL. Its text is in no error: it can hold a password. */
export const parseUrl = (text: string): Location | RedisError.CommandError => {
  if (!URL.canParse(text)) return refuse("url is not a valid URL")
  const url = new URL(text)
  // Such a URL may be cut in the middle of a password, and the rest would be told.
  if (/[?#].*@/.test(text)) return refuse("url has a ? or # before an @: in a password they are written %3F and %23")
  if (!/^\s*[^:/]+:\/\//.test(text)) return refuse("url has no // behind its scheme")
  if (url.hash !== "") return refuse("url has a fragment")
  const tls = schemes.get(url.protocol)
  if (tls === undefined && url.protocol !== "unix:") {
    return refuse(`url has the scheme ${url.protocol} where redis:, rediss:, valkey:, valkeys: or unix: is expected`)
  }
  const location: Location = {}
  try {
    if (url.password !== "") {
      location.credentials = {
        username: url.username === "" ? undefined : decodeURIComponent(url.username),
        password: Redacted.make(decodeURIComponent(url.password))
      }
    } else if (url.username !== "") return refuse("url has a user name without a password")
    if (tls === undefined) location.path = decodeURIComponent(url.pathname)
  } catch {
    return refuse("url has a malformed percent-encoding")
  }
  const database = url.searchParams.get("db") ?? (tls === undefined ? "" : url.pathname.slice(1))
  if (database !== "") {
    if (!/^\d+$/.test(database)) return refuse("url has a database that is not a number")
    location.database = Number(database)
  }
  for (const name of url.searchParams.keys()) if (name !== "db") return refuse(`url has an unknown parameter: ${name}`)
  if (tls === undefined) {
    return location.path === "" || location.path === "/" ? refuse("url names no socket path") : location
  }
  location.tls = tls
  if (url.hostname !== "") location.host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, "")
  if (url.port !== "") location.port = Number(url.port)
  return location
}

/** Whether it can be a port to connect to. */
export const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535
