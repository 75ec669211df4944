/** Gathers bytes that come in pieces, in a buffer that grows with what really came and never to more than `bound`. */
export class Gather {
  length = 0
  private buffer = new Uint8Array(0)

  constructor(readonly bound: number) {}

  append(chunk: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start
    if (length > this.buffer.length) {
      // Doubling keeps the copying linear and a liar's cost within twice what it sent.
      const grown = new Uint8Array(Math.min(this.bound, Math.max(length, this.buffer.length * 2, 4_096)))
      grown.set(this.buffer.subarray(0, this.length))
      this.buffer = grown
    }
    this.buffer.set(chunk.subarray(start, end), this.length)
    this.length = length
  }

  /** The gathered bytes. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}
