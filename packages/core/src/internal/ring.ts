/** A first-in-first-out queue on a ring: no element moves, unlike an array that shifts. */
export class Ring<A> {
  private slots: Array<A | undefined> = new Array(16).fill(undefined)
  private head = 0
  length = 0

  push(value: A): void {
    if (this.length === this.slots.length) this.grow()
    this.slots[(this.head + this.length++) & (this.slots.length - 1)] = value
  }

  peek(): A | undefined {
    return this.slots[this.head]
  }

  shift(): A | undefined {
    const value = this.slots[this.head]
    if (this.length === 0) return undefined
    this.slots[this.head] = undefined
    this.head = (this.head + 1) & (this.slots.length - 1)
    this.length--
    return value
  }

  forEach(f: (value: A) => void): void {
    for (let i = 0; i < this.length; i++) f(this.slots[(this.head + i) & (this.slots.length - 1)]!)
  }

  /** Keeps what passes, in order. */
  filter(keep: (value: A) => boolean): void {
    for (let i = this.length; i > 0; i--) {
      const value = this.shift()!
      if (keep(value)) this.push(value)
    }
  }

  /** Takes everything out. */
  drain(): ReadonlyArray<A> {
    const all: Array<A> = []
    this.forEach((value) => all.push(value))
    this.slots = new Array(16).fill(undefined)
    this.head = 0
    this.length = 0
    return all
  }

  private grow(): void {
    const size = this.slots.length
    const slots: Array<A | undefined> = new Array(size * 2).fill(undefined)
    for (let i = 0; i < size; i++) slots[i] = this.slots[(this.head + i) & (size - 1)]
    this.slots = slots
    this.head = 0
  }
}
