/** What a server can say. Text is a string, or bytes where the reader asked for bytes. */
export type RespValue =
  | string
  | Uint8Array
  | number
  | bigint
  | boolean
  | null
  | RespError
  | RespMap
  | RespSet
  | ReadonlyArray<RespValue>

/** An error the server answered: a value like any other, also inside an array. */
export class RespError {
  constructor(
    readonly code: string,
    readonly message: string
  ) {}

  /** Reads the code off the text: the first word, when it is upper-case. */
  static fromText(text: string): RespError {
    return new RespError(/^[A-Z][A-Z0-9_]*(?= |$)/.exec(text)?.[0] ?? "ERR", text)
  }
}

/** A map, flat: key, value, key, value… Any value can be a key, and no key is special. */
export class RespMap {
  constructor(readonly entries: ReadonlyArray<RespValue>) {}
}

export class RespSet {
  constructor(readonly items: ReadonlyArray<RespValue>) {}
}

/** Hostile or damaged input. The message says what is wrong and shows nothing of the data. */
export class RespProtocolError extends Error {
  override readonly name = "RespProtocolError"
}
