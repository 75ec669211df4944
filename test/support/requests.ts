/** Splits what a client sends into requests: RESP arrays of bulk strings, or lines of words. */

export interface Request {
  readonly words: ReadonlyArray<string>
  /** How many bytes of the chunk just read belong to this request or to earlier ones. */
  readonly end: number
}

export class RequestReader {
  private held: Array<Buffer> = []
  private heldBytes = 0
  /** Fewer bytes than this cannot finish a word: a large value is put together once, not at each chunk. */
  private needed = 0
  private words: Array<string> = []
  private wordsLeft = 0

  read(chunk: Buffer): ReadonlyArray<Request> {
    this.held.push(chunk)
    this.heldBytes += chunk.length
    if (this.heldBytes < this.needed) return []
    const bytes = Buffer.concat(this.held)
    const before = bytes.length - chunk.length
    const requests: Array<Request> = []
    let position = 0
    this.needed = 0
    for (;;) {
      const newline = bytes.indexOf("\n", position)
      if (newline === -1) break
      const line = bytes.toString("latin1", position, newline).trimEnd()
      if (this.wordsLeft > 0) {
        const start = newline + 1
        const end = start + Number(line.slice(1))
        if (bytes.length < end + 2) {
          this.needed = end + 2 - position
          break
        }
        this.words.push(bytes.toString("utf8", start, end))
        this.wordsLeft -= 1
        position = end + 2
      } else {
        if (line.startsWith("*")) this.wordsLeft = Number(line.slice(1))
        else if (line !== "") this.words = line.split(" ")
        position = newline + 1
      }
      if (this.wordsLeft === 0 && this.words.length > 0) {
        requests.push({ words: this.words, end: position - before })
        this.words = []
      }
    }
    this.held = [bytes.subarray(position)]
    this.heldBytes = bytes.length - position
    return requests
  }
}
