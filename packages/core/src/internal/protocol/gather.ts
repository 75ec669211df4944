/** Memory in which one text was put together, for the next one: new memory costs more than the bytes' way through it. */
let spare: Uint8Array | undefined
const maxSpare = 2 ** 20

/** Gathers bytes that come in pieces, in a buffer that grows with what really came and never to more than `bound`. */
export class Gather {
  length = 0
  private buffer: Uint8Array = new Uint8Array(0)

  /** `lent`: the bytes are done with at `release`. */
  constructor(
    readonly bound: number,
    private readonly lent = false
  ) {}

  append(chunk: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start
    if (length > this.buffer.length) {
      const grown = this.larger(length)
      grown.set(this.buffer.subarray(0, this.length))
      this.buffer = grown
    }
    this.buffer.set(chunk.subarray(start, end), this.length)
    this.length = length
  }

  private larger(length: number): Uint8Array {
    if (this.lent && spare !== undefined && spare.length >= length) {
      const taken = spare
      spare = undefined
      return taken
    }
    // Doubling keeps the copying linear and a liar's cost within twice what it sent.
    return new Uint8Array(Math.min(this.bound, Math.max(length, this.buffer.length * 2, 4_096)))
  }

  /** The gathered bytes. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  /** To be called when the view is done with. */
  release(): void {
    const { length } = this.buffer
    if (this.lent && length <= maxSpare && length > (spare?.length ?? 0)) spare = this.buffer
  }
}
