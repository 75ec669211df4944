/**
 * RESP2 and RESP3, read as they come: any chunking, an explicit stack, and no trust in what the peer claims.
 */
import { Gather } from "./gather.js"
import { isMinusOne, readCount, readScalar } from "./scalar.js"
import { decodeText } from "./text.js"
import {
  ARRAY,
  ATTRIBUTE,
  BLOB_ERROR,
  BULK,
  END,
  isAggregate,
  isPaired,
  isString,
  MAP,
  maxLine,
  PIECE,
  PUSH,
  SET,
  VERBATIM
} from "./types.js"
import { RespError, RespMap, RespProtocolError, RespSet, type RespValue } from "./value.js"

export interface DecoderHandler {
  /** A complete reply. */
  onReply(value: RespValue): void
  /** A push frame, wherever it came: also between the elements of a reply. */
  onPush(items: ReadonlyArray<RespValue>): void
  /** Asked once per reply, at its first byte: are its bulk and verbatim strings to be bytes, at any depth? */
  bytesWanted(): boolean
}

export interface DecoderLimits {
  /** How deep aggregates may nest. */
  readonly maxDepth: number
  /** How long a string may be, in bytes. */
  readonly maxBulkLength: number
  /** How many elements a reply may have at all depths together; the keys and the values of a map count each. */
  readonly maxElements: number
}

export const defaultLimits: DecoderLimits = {
  maxDepth: 128,
  maxBulkLength: 512 * 1024 * 1024,
  maxElements: 2 ** 26
}

export interface DecoderOptions extends Partial<DecoderLimits> {
  /** Bulk strings in push frames are bytes. */
  readonly pushBytes?: boolean
}

const CR = 0x0d
const LF = 0x0a
const COLON = 0x3a
const QUESTION_MARK = 0x3f
const nothing = new Uint8Array(0)

/** Longer texts that come in pieces are put together in memory that is used again. */
const lendable = 4_096

/** An aggregate whose elements are still to come. */
interface Frame {
  readonly parent: Frame | undefined
  readonly depth: number
  readonly type: number
  readonly bytes: boolean
  /** Without a count: an END closes it. */
  readonly streamed: boolean
  /** Elements to come; of a streamed one, elements it may still have. */
  remaining: number
  readonly items: Array<RespValue>
}

export class Decoder {
  private readonly limits: DecoderLimits
  private readonly pushBytes: boolean
  private failure: RespProtocolError | undefined
  private chunk: Uint8Array = nothing
  private position = 0
  /** What a handler threw first, during this write. */
  private thrown: { readonly cause: unknown } | undefined
  /** The beginning of a line whose end has not come. */
  private line: Gather | undefined
  /** The string that is being read; of a streamed one, all its pieces. */
  private bulk: Gather | undefined
  private bulkType = 0
  /** Bytes of it to come, with the CR LF behind them. */
  private bulkRemaining = 0
  private frame: Frame | undefined
  /** Of all aggregates of the reply that is being read. */
  private elements = 0
  /** Where the last push frame of this chunk began and its last element does, and that frame; -1 where there is none. */
  private pushStart = -1
  private pushLast = -1
  private push: Frame | undefined
  /** Whether `replyBytes` belongs to the reply that is being read. */
  private asked = false
  private replyBytes = false

  constructor(
    private readonly handler: DecoderHandler,
    options: DecoderOptions = {}
  ) {
    this.limits = { ...defaultLimits, ...options }
    this.pushBytes = options.pushBytes === true
  }

  /**
   * Reads a chunk to its end and keeps no hold on it. What a handler throws comes out when the chunk is done, so that the
   * replies behind it are read all the same. Not to be called from a handler.
   */
  write(chunk: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure
    // A plain view: the slice of a Node Buffer is no copy.
    this.chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
    this.position = 0
    this.pushStart = this.pushLast = -1
    try {
      this.read()
    } catch {
      // Whatever it was, such as no memory for a value: the place in the stream is lost.
      throw this.failure ?? this.die("a value cannot be held")
    }
    this.chunk = nothing
    const { thrown } = this
    this.thrown = undefined
    if (thrown !== undefined) throw thrown.cause
  }

  private read(): void {
    const chunk = this.chunk
    while (this.position < chunk.length) {
      if (this.bulkRemaining > 0) {
        this.readBulk()
        continue
      }
      const start = this.position
      if (this.line === undefined) {
        if (chunk[start] === PUSH && this.frame === undefined && this.repeatPush(start)) continue
        this.begin(chunk[start]!)
      }
      const next = lineEnd(chunk, start)
      if (this.line === undefined && next !== -1) {
        this.position = next
        this.readLine(chunk, start, next)
      } else this.holdLine(start, next)
    }
  }

  /**
   * Takes all but the last element of a push frame from the one before it where their bytes are the same, as they are in a
   * run of messages of one channel: a message takes 115 ns and not 200.
   */
  private repeatPush(start: number): boolean {
    const { chunk, push, pushLast, pushStart } = this
    const end = start + pushLast - pushStart
    this.pushStart = start
    this.pushLast = -1
    if (push === undefined || pushLast === -1 || end > chunk.length || this.bulk !== undefined) return false
    for (let here = start, there = pushStart; here < end; here++, there++) {
      if (chunk[here] !== chunk[there]) return false
    }
    const { bytes, items } = push
    const known = items.length === 3 ? [items[0]!, items[1]!] : items.slice(0, -1)
    this.position = this.pushLast = end
    this.push = this.frame = {
      parent: undefined,
      depth: 1,
      type: PUSH,
      bytes,
      streamed: false,
      remaining: 1,
      items: known
    }
    return true
  }

  /** All but the last element of a push frame have come. */
  private notePush(frame: Frame): void {
    if (frame.parent !== undefined || frame.streamed || this.pushStart === -1) return
    this.push = frame
    this.pushLast = this.position
  }

  /** The first byte of a value. */
  private begin(type: number): void {
    if (maxLine[type] === 0) this.fail(`byte 0x${type.toString(16).padStart(2, "0")} begins no value`)
    if (this.asked || this.frame !== undefined || type === PUSH || type === ATTRIBUTE) return
    this.asked = true
    this.replyBytes = false
    try {
      this.replyBytes = this.handler.bytesWanted()
    } catch (cause) {
      this.thrown ??= { cause }
    }
  }

  /** A line that is not in this chunk as a whole. */
  private holdLine(start: number, next: number): void {
    this.position = next === -1 ? this.chunk.length : next
    this.line ??= new Gather(maxLine[this.chunk[start]!]!)
    const line = this.line
    if (line.length + this.position - start > line.bound) this.fail("a line is too long")
    line.append(this.chunk, start, this.position)
    if (next === -1) return
    this.line = undefined
    this.readLine(line.view(), 0, line.length)
  }

  /** A line; `next` is where the one behind it begins. */
  private readLine(bytes: Uint8Array, begin: number, next: number): void {
    const type = bytes[begin]!
    const start = begin + 1
    const end = next - 2
    if (end < start || bytes[end] !== CR) this.failValue(type, "does not end in CR LF")
    if (next - begin > maxLine[type]!) this.fail("a line is too long")
    if (this.bulk !== undefined && type !== PIECE) this.failValue(type, "comes within a streamed string")
    if (isString(type) || isAggregate(type)) this.readHeader(type, bytes, start, end)
    else if (type === END) this.endStreamed(start === end)
    else {
      const value = readScalar(type, bytes, start, end)
      this.emit(value === undefined ? this.failValue(type, "has no valid value") : value)
    }
  }

  private readHeader(type: number, bytes: Uint8Array, start: number, end: number): void {
    const streamed = end - start === 1 && bytes[start] === QUESTION_MARK
    const length = streamed ? 0 : readCount(bytes, start, end)
    if (length === -1) {
      if ((type !== BULK && type !== ARRAY) || !isMinusOne(bytes, start, end))
        this.failValue(type, "has no valid length")
      this.emit(null)
    } else if (isAggregate(type)) this.beginAggregate(type, length, streamed)
    else if (!streamed) this.beginBulk(type, length)
    else if (type === BULK) this.bulk = new Gather(this.limits.maxBulkLength)
    else this.failValue(type, "cannot be streamed")
  }

  private beginBulk(type: number, length: number): void {
    if (length + (this.bulk?.length ?? 0) > this.limits.maxBulkLength) this.failValue(type, "is too long")
    if (type === PIECE) {
      if (this.bulk === undefined) this.failValue(type, "comes outside a streamed string")
      if (length === 0) {
        this.endBulk(BULK)
        return
      }
    } else {
      const start = this.position
      const end = start + length
      // Nearly every string is here as a whole.
      if (end + 2 <= this.chunk.length) {
        if (this.chunk[end] !== CR || this.chunk[end + 1] !== LF) this.failValue(type, "does not end in CR LF")
        this.position = end + 2
        this.emitBulk(type, this.chunk, start, end, false)
        return
      }
      this.bulk = new Gather(length, length > lendable && !this.wantsBytes)
    }
    this.bulkType = type
    this.bulkRemaining = length + 2
  }

  private readBulk(): void {
    const chunk = this.chunk
    const start = this.position
    const length = Math.min(this.bulkRemaining - 2, chunk.length - start)
    if (length > 0) {
      this.bulk!.append(chunk, start, start + length)
      this.position += length
      this.bulkRemaining -= length
    }
    while (this.bulkRemaining <= 2 && this.position < chunk.length) {
      const expected = this.bulkRemaining === 2 ? CR : LF
      if (chunk[this.position++] !== expected) this.failValue(this.bulkType, "does not end in CR LF")
      if (--this.bulkRemaining > 0) continue
      if (this.bulkType !== PIECE) this.endBulk(this.bulkType)
      return
    }
  }

  private endBulk(type: number): void {
    const bulk = this.bulk!
    this.bulk = undefined
    const bytes = bulk.view()
    this.emitBulk(type, bytes, 0, bytes.length, bytes.length === bytes.buffer.byteLength)
    bulk.release()
  }

  /** Whether the string that is read is to be bytes. */
  private get wantsBytes(): boolean {
    return this.frame === undefined ? this.replyBytes : this.frame.bytes
  }

  /** `own`: nobody else has the bytes, and there are no others in their buffer. */
  private emitBulk(type: number, bytes: Uint8Array, begin: number, end: number, own: boolean): void {
    let start = begin
    if (type === VERBATIM) {
      // Three letters of format and a colon lead the text.
      start += 4
      if (start > end || bytes[start - 1] !== COLON) this.failValue(type, "has no format")
    }
    if (type === BLOB_ERROR) this.emit(RespError.fromText(decodeText(bytes, start, end)))
    else if (this.wantsBytes) this.emit(own && start === 0 ? bytes : bytes.slice(start, end))
    else this.emit(textOrBytes(bytes, start, end))
  }

  private beginAggregate(type: number, length: number, streamed: boolean): void {
    const { maxDepth, maxElements } = this.limits
    const parent = this.frame
    const depth = parent === undefined ? 1 : parent.depth + 1
    const count = isPaired(type) ? length * 2 : length
    if (depth > maxDepth) this.failValue(type, "is nested too deeply")
    this.elements = parent === undefined ? count : this.elements + count
    if (this.elements > maxElements) this.failValue(type, "has too many elements")
    const inherited = parent === undefined ? this.replyBytes : parent.bytes
    this.frame = {
      parent,
      depth,
      type,
      bytes: type === PUSH ? this.pushBytes : inherited,
      streamed,
      remaining: streamed ? maxElements - this.elements + 1 : count,
      items: []
    }
    if (this.frame.remaining === 0) this.emit(this.endAggregate(this.frame))
  }

  private endStreamed(empty: boolean): void {
    const frame = this.frame
    if (frame === undefined || !frame.streamed || !empty) this.failValue(END, "ends nothing")
    if (isPaired(frame.type) && frame.items.length % 2 === 1) this.failValue(frame.type, "has a key without a value")
    this.elements += frame.items.length
    this.emit(this.endAggregate(frame))
  }

  /** The finished aggregate; undefined when it is no part of what surrounds it. */
  private endAggregate(frame: Frame): RespValue | undefined {
    const { type, items } = frame
    this.frame = frame.parent
    if (type === ARRAY) return items
    if (type === MAP) return new RespMap(items)
    if (type === SET) return new RespSet(items)
    if (type === PUSH) {
      if (items.length === 0) this.failValue(type, "has no kind")
      try {
        this.handler.onPush(items)
      } catch (cause) {
        this.thrown ??= { cause }
      }
    }
    // Attributes are read and forgotten.
    return undefined
  }

  /** Hands a finished value to the aggregate around it, and that to the next one when this was its last element. */
  private emit(value: RespValue | undefined): void {
    let finished = value
    while (finished !== undefined) {
      const frame = this.frame
      if (frame === undefined) {
        this.asked = false
        try {
          this.handler.onReply(finished)
        } catch (cause) {
          this.thrown ??= { cause }
        }
        return
      }
      frame.items.push(finished)
      if (--frame.remaining > 0) {
        if (frame.type === PUSH && frame.remaining === 1) this.notePush(frame)
        return
      }
      if (frame.streamed) this.failValue(frame.type, "has too many elements")
      finished = this.endAggregate(frame)
    }
  }

  private failValue(type: number, reason: string): never {
    this.fail(`"${String.fromCharCode(type)}" ${reason}`)
  }

  private fail(message: string): never {
    throw this.die(message)
  }

  private die(message: string): RespProtocolError {
    this.failure = new RespProtocolError(message)
    this.chunk = nothing
    this.line = this.bulk = this.frame = undefined
    return this.failure
  }
}

/** Where the line that begins at `start` ends, its LF included; -1 when that is not here. */
const lineEnd = (bytes: Uint8Array, start: number): number => {
  // Most lines are short: a loop finds their end before indexOf would have begun.
  const near = Math.min(start + 32, bytes.length)
  for (let i = start; i < near; i++) if (bytes[i] === LF) return i + 1
  return bytes.indexOf(LF, near) + 1 || -1
}

/** A text that is longer than a JavaScript string can be stays bytes, and it is for the reader of the reply to refuse it. */
const textOrBytes = (bytes: Uint8Array, start: number, end: number): string | Uint8Array => {
  try {
    return decodeText(bytes, start, end)
  } catch {
    return bytes.slice(start, end)
  }
}
