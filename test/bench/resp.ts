/** Requests as the protocol has them, for what is no client. */
export const encode = (...words: ReadonlyArray<string>): Buffer =>
  Buffer.from(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`)
