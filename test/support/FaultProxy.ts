/** A TCP proxy between a client and a server that can be told to misbehave: `import * as FaultProxy`. */
import * as net from "node:net"
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { RequestReader } from "./requests.js"

/** `byte`: one byte a write; a seed: writes of 1 to 32 bytes, the same ones for the same seed. */
export type Rechunk = "byte" | { readonly seed: number }

type Ending = "end" | "reset"

/** What happens to bytes on one of the two ways. It holds for all connections, and can be changed at any time. */
export class Direction {
  /** How many bytes came, whatever was then done with them. */
  bytes = 0
  /** Swallow all that comes. */
  drop = false
  /** Pass it on so many milliseconds later. */
  delay = 0
  rechunk: Rechunk | undefined
  readonly lanes = new Set<Lane>()
  isPaused = false
  isReading = true
  cut: { bytes: number; readonly ending: Ending } | undefined

  /** Keeps what comes, in memory, until `resume`. */
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
    for (const lane of this.lanes) void lane.pump()
  }
  /** Reads no more, so that the sender's own buffers fill, until `startReading`. */
  stopReading(): void {
    this.isReading = false
    for (const lane of this.lanes) lane.source.pause()
  }
  startReading(): void {
    this.isReading = true
    for (const lane of this.lanes) lane.source.resume()
  }
  /** Passes on so many bytes more, then ends the connection that carried the last of them. */
  cutAfter(bytes: number, ending: Ending = "end"): void {
    this.cut = { bytes, ending }
  }
}

interface Item {
  readonly bytes: Buffer
  readonly at: number
  /** Runs once the bytes are with the operating system. */
  readonly then?: (() => void) | undefined
}

const write = (target: net.Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => (target.writable ? target.write(bytes, () => resolve()) : resolve()))

function* split(bytes: Buffer, rechunk: Rechunk): Generator<Buffer> {
  let state = rechunk === "byte" ? 0 : rechunk.seed
  for (let start = 0; start < bytes.length; ) {
    // A linear congruential generator: plain, and the same everywhere.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const size = rechunk === "byte" ? 1 : 1 + (state >>> 27)
    yield bytes.subarray(start, start + size)
    start += size
  }
}

/** One way of one connection. */
class Lane {
  private readonly queue: Array<Item> = []
  private isPumping = false

  constructor(
    readonly source: net.Socket,
    private readonly target: net.Socket,
    private readonly direction: Direction,
    private readonly close: (ending: Ending) => void
  ) {
    direction.lanes.add(this)
    if (!direction.isReading) source.pause()
    source.on("close", () => direction.lanes.delete(this))
  }

  put(bytes: Buffer, then?: () => void): void {
    this.queue.push({ bytes, at: performance.now(), then })
    // A slow reader at one end is felt at the other.
    if (this.queue.length > 64 && !this.direction.isPaused) this.source.pause()
    void this.pump()
  }

  async pump(): Promise<void> {
    if (this.isPumping) return
    this.isPumping = true
    while (this.queue.length > 0 && !this.direction.isPaused && this.target.writable) {
      const wait = this.queue[0]!.at + this.direction.delay - performance.now()
      if (this.direction.delay > 0 && wait > 0) await sleep(wait)
      else await this.pass(this.queue.shift()!)
    }
    this.isPumping = false
    if (this.direction.isReading) this.source.resume()
  }

  private async pass({ bytes, then }: Item): Promise<void> {
    const { cut, rechunk } = this.direction
    const last = cut !== undefined && cut.bytes <= bytes.length
    const rest = last ? bytes.subarray(0, cut.bytes) : bytes
    if (cut !== undefined) cut.bytes -= rest.length
    let passed = 0
    for (const piece of rechunk === undefined ? [] : split(rest, rechunk)) {
      // What is left when it ends goes at once: 64 KB byte by byte take seconds.
      if (this.direction.rechunk !== rechunk) break
      await write(this.target, piece)
      passed += piece.length
      await nextTurn()
    }
    if (passed < rest.length) await write(this.target, rest.subarray(passed))
    if (last) {
      this.direction.cut = undefined
      this.close(cut.ending)
    }
    then?.()
  }
}

interface Trigger {
  readonly matches: (words: ReadonlyArray<string>) => boolean
  readonly action: () => void
}

/** A connection through the proxy. */
export class Connection {
  private readonly reader = new RequestReader()
  /** What begins with a TLS handshake cannot be read. */
  private isTls: boolean | undefined

  constructor(
    proxy: FaultProxy,
    private readonly client: net.Socket,
    private readonly server: net.Socket
  ) {
    const close = (ending: Ending) => (ending === "end" ? this.end() : this.reset())
    const up = new Lane(client, server, proxy.toServer, close)
    const down = new Lane(server, client, proxy.toClient, close)
    client.on("data", (chunk: Buffer) => {
      proxy.toServer.bytes += chunk.length
      this.isTls ??= chunk[0] === 0x16
      const requests = this.isTls ? [] : this.reader.read(chunk)
      if (proxy.toServer.drop) return
      let start = 0
      for (const { words, end } of requests) {
        const action = proxy.take(words)
        if (action === undefined) continue
        up.put(chunk.subarray(start, end), action)
        start = end
      }
      if (start < chunk.length) up.put(chunk.subarray(start))
    })
    server.on("data", (chunk: Buffer) => {
      proxy.toClient.bytes += chunk.length
      if (!proxy.toClient.drop) down.put(chunk)
    })
    client.on("end", () => up.put(Buffer.alloc(0), () => server.end()))
    server.on("end", () => down.put(Buffer.alloc(0), () => client.end()))
    client.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNRESET") proxy.resetByClient += 1
    })
    for (const socket of [client, server]) socket.on("error", () => this.reset())
  }

  /**
   * A reset (RST) for the client. The server is left by an orderly end, and heard out: a reset could keep it from
   * running what was already passed on.
   */
  reset(): void {
    // Node cannot reset what is being shut down, and would not close it either.
    if (this.client.writableEnded) this.client.destroy()
    else this.client.resetAndDestroy()
    this.server.end()
    this.server.resume()
  }

  /** An orderly end (FIN) for both. */
  end(): void {
    this.client.destroySoon()
    this.server.end()
    this.server.resume()
  }
}

export class FaultProxy {
  readonly toServer = new Direction()
  readonly toClient = new Direction()
  /** How many connections were accepted, and not refused, so far. */
  connections = 0
  refused = 0
  /** How many connections were reset (RST) by the client. */
  resetByClient = 0
  private readonly open = new Set<Connection>()
  private readonly upstreams = new Set<net.Socket>()
  private readonly triggers: Array<Trigger> = []
  private isRefusing = false
  private readonly listener: net.Server

  constructor(server: { readonly host: string; readonly port: number }) {
    this.listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      if (this.isRefusing) {
        this.refused += 1
        client.on("error", () => {}).resetAndDestroy()
        return
      }
      const upstream = net.connect({ ...server, allowHalfOpen: true, noDelay: true })
      const connection = new Connection(this, client, upstream)
      this.connections += 1
      this.open.add(connection)
      this.upstreams.add(upstream)
      client.on("close", () => this.open.delete(connection))
      upstream.on("close", () => this.upstreams.delete(upstream))
    })
  }

  get port(): number {
    return (this.listener.address() as net.AddressInfo).port
  }
  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }
  /** The connections that are open now. */
  get live(): ReadonlyArray<Connection> {
    return [...this.open]
  }

  /** Resets (RST) all open connections. */
  reset(): void {
    for (const connection of this.open) connection.reset()
  }
  /** Ends (FIN) all open connections. */
  end(): void {
    for (const connection of this.open) connection.end()
  }
  /** Whether new connections are reset as soon as they are accepted. */
  refuse(isRefusing: boolean): void {
    this.isRefusing = isRefusing
  }
  /**
   * Once, right when a request has been passed to the server, and before anything behind it is: runs the action. The
   * request is known by its words; a string matches anywhere in the words with spaces between.
   */
  afterRequest(request: string | Trigger["matches"], action: () => void): void {
    const matches =
      typeof request === "string" ? (words: ReadonlyArray<string>) => words.join(" ").includes(request) : request
    this.triggers.push({ matches, action })
  }

  /** The action for this request, which is thereby used up. */
  take(words: ReadonlyArray<string>): (() => void) | undefined {
    const index = this.triggers.findIndex(({ matches }) => matches(words))
    return index === -1 ? undefined : this.triggers.splice(index, 1)[0]!.action
  }
  listen(): Promise<this> {
    return new Promise((resolve) => this.listener.listen(0, "127.0.0.1", () => resolve(this)))
  }
  close(): void {
    this.listener.close()
    this.reset()
    for (const upstream of this.upstreams) upstream.destroy()
  }
}

/** A proxy to a server, for the scope. */
export const make = (server: {
  readonly port: number
  readonly host?: string
}): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => new FaultProxy({ host: server.host ?? "127.0.0.1", port: server.port }).listen()),
    (proxy) => Effect.sync(() => proxy.close())
  )
