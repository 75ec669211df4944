/**
 * Options that cannot be used, found before anything is connected: what comes from a configuration can be anything.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { Credentials, Options } from "../ConnectionPool.js"
import { CommandError } from "../RedisError.js"

/** Of shared connections to one server. */
const mostConnections = 1000

const durations = [
  "connectTimeout",
  "commandTimeout",
  "reserveTimeout",
  "watchdog",
  "keepAlive",
  "credentialsInterval",
  "reservedIdleTimeout"
] as const

const limits = ["maxReserved", "maxInFlight", "maxInFlightBytes", "maxWaiting", "maxWaitingBytes"] as const

/** Effect decodes it as zero, as it does NaN. */
const isNegative = (part: unknown): boolean =>
  typeof part === "number"
    ? !(part >= 0)
    : typeof part === "bigint"
      ? part < 0n
      : typeof part === "string" && part.startsWith("-")

const isDuration = (input: unknown, atLeast: number): boolean =>
  ![input].flat().some(isNegative) &&
  Option.exists(Duration.decodeUnknown(input), (duration) => Duration.toMillis(duration) >= atLeast)

const isSecret = (input: unknown): boolean => {
  try {
    return Redacted.isRedacted(input) && typeof Redacted.value(input) === "string"
  } catch {
    // It was wiped.
    return false
  }
}

const tooShort = (name: string) => `${name} must be a duration of at least 1 millisecond`

/** What is wrong with credentials; never what they are. */
const credentialsProblem = (credentials: Partial<Record<keyof Credentials, unknown>> | null): string | undefined => {
  if (!isSecret(credentials?.password)) return "credentials must have a password that is a Redacted string"
  const username = credentials?.username
  if (username !== undefined && typeof username !== "string") return "credentials must have a username that is a string"
}

const problem = (options: Options): string | undefined => {
  const { clientName, closeTimeout, connections, credentials, database, protocol, reconnect, whileDisconnected } =
    options
  if (database !== undefined && !(Number.isSafeInteger(database) && database >= 0)) {
    return "database must be a whole number of at least 0"
  }
  if (clientName !== undefined && !(typeof clientName === "string" && /^[!-~]+$/.test(clientName))) {
    return "clientName must be printable ASCII without spaces"
  }
  if (protocol !== undefined && protocol !== 2 && protocol !== 3) return "protocol must be 2 or 3"
  if (whileDisconnected !== undefined && whileDisconnected !== "wait" && whileDisconnected !== "fail") {
    return "whileDisconnected must be one of wait, fail"
  }
  if (reconnect !== undefined && !Schedule.isSchedule(reconnect)) return "reconnect must be a Schedule"
  if (
    connections !== undefined &&
    !(Number.isSafeInteger(connections) && connections >= 1 && connections <= mostConnections)
  ) {
    return `connections must be a whole number from 1 to ${mostConnections}`
  }
  for (const name of limits) {
    const value = options[name]
    if (value !== undefined && !(typeof value === "number" && value >= 1)) return `${name} must be at least 1`
  }
  for (const name of durations) {
    if (options[name] !== undefined && !isDuration(options[name], 1)) return tooShort(name)
  }
  if (closeTimeout !== undefined && !isDuration(closeTimeout, 0)) return "closeTimeout must be a duration of at least 0"
  return credentials === undefined || Effect.isEffect(credentials) ? undefined : credentialsProblem(credentials)
}

/** An option that cannot be used, also one of `others`, which are durations by their names. */
export const invalidOption = (
  options: Options,
  others: Readonly<Record<string, unknown>> = {}
): CommandError | undefined => {
  const other = Object.keys(others).find((name) => others[name] !== undefined && !isDuration(others[name], 1))
  const reason = other === undefined ? problem(options) : tooShort(other)
  return reason === undefined ? undefined : new CommandError({ reason, outcome: "NotSent" })
}

/** Credentials that cannot be used, of an Effect. */
export class BadCredentials {
  constructor(readonly reason: string) {}
}

/** What yields the credentials: it may hang and not heed an interruption, and is then left behind. */
export const credentialsOf = ({ credentials }: Options): Effect.Effect<Credentials | undefined, unknown> =>
  Effect.isEffect(credentials)
    ? // As an exit, for a fiber that fails is logged with its cause, which may quote them.
      Effect.tap(Effect.flatten(Effect.disconnect(Effect.exit(credentials))), (given) => {
        const reason = given === undefined ? undefined : credentialsProblem(given)
        return reason === undefined ? Effect.void : Effect.fail(new BadCredentials(reason))
      })
    : Effect.succeed(credentials)
