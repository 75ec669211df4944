/** Memory for the next text: new memory for each costs more than its bytes' way through it. */
let spare: Uint8Array | undefined
const spareSize = 2 ** 20

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
    if (length > this.buffer.length) this.grow(length)
    this.buffer.set(chunk.subarray(start, end), this.length)
    this.length = length
  }

  private grow(length: number): void {
    if (this.lent && this.length === 0 && length <= spareSize) {
      this.buffer = spare ?? new Uint8Array(spareSize)
      spare = undefined
      return
    }
    // Doubling keeps the copying linear and a liar's cost within twice what it sent.
    const grown = new Uint8Array(Math.min(this.bound, Math.max(length, this.buffer.length * 2, 4_096)))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
  }

  /** The gathered bytes. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  /** To be called when the view is done with. */
  release(): void {
    if (this.lent && this.buffer.length === spareSize) spare = this.buffer
  }
}
