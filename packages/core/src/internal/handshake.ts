/**
 * How a connection becomes usable: the same steps for every role, each answered before a user's byte is sent.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Credentials } from "../ConnectionPool.js"
import { ConnectionError, TimeoutError } from "../RedisError.js"
import type { Connector } from "../Transport.js"
import { Connection, type ConnectionListener } from "./connection.js"
import { Entry } from "./entry.js"
import { detailOf, type Failure, withoutArguments } from "./failure.js"
import { BadCredentials } from "./options.js"
import { encodeCommand, type Payload } from "./protocol/encoder.js"
import { RespError, type RespValue } from "./protocol/value.js"
import { atEnd } from "./scopeEnd.js"

/** What the handshake establishes. */
export interface Setup {
  readonly protocol: 2 | 3 | undefined
  readonly credentials: Effect.Effect<Credentials | undefined, unknown>
  readonly database: number
  readonly clientName: string | undefined
  readonly readOnly: boolean
  readonly connectTimeout: number
}

/** Why a connection could not be made. */
export type OpenError = ConnectionError | TimeoutError

class SetupEntry extends Entry {
  private readonly replies: Array<RespValue> = []
  constructor(
    payload: Payload,
    replies: number,
    private readonly done: (outcome: ReadonlyArray<RespValue> | Failure) => void
  ) {
    super(payload, 0, replies, undefined)
  }
  wantsBytes(): boolean {
    return false
  }
  receive(value: RespValue): void {
    this.replies.push(value)
    if (this.remaining > 0) return
    this.settled = true
    this.done(this.replies)
  }
  fail(failure: Failure): void {
    this.done(failure)
  }
}

/** Sends commands past the queue, in one write, and gives their replies. */
export const call = (
  connection: Connection,
  commands: ReadonlyArray<ReadonlyArray<string | number>>
): Effect.Effect<ReadonlyArray<RespValue>, ConnectionError> =>
  Effect.async((resume) => {
    const entry = new SetupEntry(commands.flatMap(encodeCommand), commands.length, (outcome) =>
      resume("_tag" in outcome ? Effect.fail(lostInSetup(connection, outcome)) : Effect.succeed(outcome))
    )
    if (connection.ended !== undefined) return entry.fail(connection.ended)
    connection.write(entry)
    connection.flush()
    return Effect.sync(() => {
      entry.settled = true
    })
  })

const lostInSetup = (connection: Connection, failure: Failure): ConnectionError =>
  new ConnectionError({
    reason: "Handshake",
    address: connection.address,
    detail: detailOf(failure),
    outcome: "NotSent"
  })

const authCodes = new Set(["WRONGPASS", "NOAUTH", "NOPERM"])

const refusal = (connection: Connection, step: string, error: RespError): ConnectionError =>
  new ConnectionError({
    reason:
      authCodes.has(error.code) || /AUTH|invalid password|invalid username/i.test(error.message) ? "Auth" : "Handshake",
    address: connection.address,
    detail: `${step}: ${withoutArguments(error.message)}`,
    outcome: "NotSent"
  })

const authWords = ({ password, username }: Credentials): ReadonlyArray<string> =>
  username === undefined ? ["AUTH", Redacted.value(password)] : ["AUTH", username, Redacted.value(password)]

/** Runs commands of which each must succeed. */
const require = (connection: Connection, commands: ReadonlyArray<ReadonlyArray<string | number>>) =>
  commands.length === 0
    ? Effect.void
    : Effect.flatMap(call(connection, commands), (replies) => {
        const at = replies.findIndex((reply) => reply instanceof RespError)
        return at < 0
          ? Effect.void
          : Effect.fail(refusal(connection, String(commands[at]![0]), replies[at] as RespError))
      })

/** The error without the password, which a proxy may quote that takes AUTH for a mistake. */
const withoutPassword =
  (credentials: Credentials | undefined) =>
  (error: ConnectionError): ConnectionError => {
    const password = credentials === undefined ? "" : Redacted.value(credentials.password)
    return password === "" || !error.detail.includes(password)
      ? error
      : new ConnectionError({ ...error, detail: error.detail.replaceAll(password, "<redacted>") })
  }

/** Proves who we are, on a new connection or again on a live one. */
export const authenticate = (connection: Connection, credentials: Credentials): Effect.Effect<void, ConnectionError> =>
  Effect.mapError(require(connection, [authWords(credentials)]), withoutPassword(credentials))

const shakeHands = (connection: Connection, setup: Setup): Effect.Effect<void, ConnectionError> =>
  setup.credentials.pipe(
    // However it failed, a defect or an interruption of its own included. Its cause may quote the credentials.
    Effect.catchAllCause(
      (cause) =>
        new ConnectionError({
          reason: "Auth",
          address: connection.address,
          detail:
            cause._tag === "Fail" && cause.error instanceof BadCredentials
              ? cause.error.reason
              : "the credentials could not be had",
          outcome: "NotSent"
        })
    ),
    Effect.flatMap((credentials) =>
      Effect.mapError(introduce(connection, setup, credentials), withoutPassword(credentials))
    )
  )

const introduce = (
  connection: Connection,
  setup: Setup,
  credentials: Credentials | undefined
): Effect.Effect<void, ConnectionError> =>
  Effect.gen(function* () {
    const steps: Array<ReadonlyArray<string | number>> = []
    let resp3 = false
    if (setup.protocol !== 2) {
      const hello = [
        "HELLO",
        3,
        ...(credentials === undefined
          ? []
          : ["AUTH", credentials.username ?? "default", Redacted.value(credentials.password)])
      ]
      const [reply] = yield* call(connection, [hello])
      if (reply instanceof RespError) {
        const old = reply.code === "NOPROTO" || /unknown command/i.test(reply.message)
        if (!old || setup.protocol === 3) return yield* refusal(connection, "HELLO", reply)
      } else resp3 = true
    }
    if (!resp3 && credentials !== undefined) steps.push(authWords(credentials))
    if (setup.clientName !== undefined) steps.push(["CLIENT", "SETNAME", setup.clientName])
    if (setup.database !== 0) steps.push(["SELECT", setup.database])
    if (setup.readOnly) steps.push(["READONLY"])
    yield* require(connection, steps)
    // Only servers since 7.2 know it, and an ACL may forbid it: a refusal changes nothing.
    yield* call(connection, [
      ["CLIENT", "SETINFO", "LIB-NAME", "effect-resp"],
      ["CLIENT", "SETINFO", "LIB-VER", version]
    ])
  })

const version = "0.1.0"

/** A server that expects TLS hangs up on what is none, without a word or with an alert, which begins with 0x15. */
const mayWantTls = ({ ended, received }: Connection): boolean =>
  ended?._tag === "Protocol"
    ? ended.reason.startsWith("byte 0x15")
    : ended?._tag === "Connection" && ended.reason === "Lost" && received === 0

/** Says so where it may have been for want of TLS that the set-up failed. */
const orWithoutTls =
  (connector: Connector, connection: Connection) =>
  (error: ConnectionError): ConnectionError =>
    connector.tls === false && mayWantTls(connection)
      ? new ConnectionError({ ...error, detail: `${error.detail} (does the server want TLS?)` })
      : error

/** Opens a connection for a scope: connected, authenticated, on its database. Its end closes it. */
export const openConnection = (
  connector: Connector,
  setup: Setup,
  options: { readonly allBytes?: boolean; readonly listener?: ConnectionListener } = {}
): Effect.Effect<Connection, OpenError, Scope.Scope> =>
  Effect.suspend(() => {
    const connection = new Connection(connector.address, options)
    const close = Effect.sync(() =>
      connection.close({
        _tag: "Connection",
        reason: "Closed",
        address: connector.address,
        detail: "the connection's scope has ended"
      })
    )
    return Effect.as(atEnd(close), connection)
  }).pipe(
    Effect.tap((connection) =>
      connector.connect(connection).pipe(
        Effect.tap((transport) => Effect.sync(() => connection.open(transport))),
        Effect.zipRight(Effect.mapError(shakeHands(connection, setup), orWithoutTls(connector, connection))),
        Effect.timeoutFail({
          duration: setup.connectTimeout,
          onTimeout: () =>
            new TimeoutError({
              phase: "Connect",
              millis: setup.connectTimeout,
              // A server without TLS waits for more of what it takes for a line.
              detail: connector.tls === true && !connection.isOpen ? "does the server speak TLS?" : undefined,
              outcome: "NotSent"
            })
        }),
        // A connection whose set-up is in doubt is never used.
        Effect.onError(() =>
          Effect.sync(() =>
            connection.close({
              _tag: "Connection",
              reason: "Handshake",
              address: connector.address,
              detail: "the set-up was not finished"
            })
          )
        )
      )
    ),
    Effect.tap((connection) =>
      Effect.sync(() => {
        if (options.listener !== undefined) connection.listener = options.listener
      })
    )
  )
