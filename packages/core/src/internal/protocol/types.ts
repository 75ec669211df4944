/** The bytes that say what follows, and what they mean for its reading. */
const code = (type: string): number => type.charCodeAt(0)

export const SIMPLE = code("+")
export const ERROR = code("-")
export const INTEGER = code(":")
export const NULL = code("_")
export const DOUBLE = code(",")
export const BOOLEAN = code("#")
export const BIG_NUMBER = code("(")

export const BULK = code("$")
export const BLOB_ERROR = code("!")
export const VERBATIM = code("=")
/** A piece of a streamed string. */
export const PIECE = code(";")

export const ARRAY = code("*")
export const MAP = code("%")
export const SET = code("~")
export const PUSH = code(">")
export const ATTRIBUTE = code("|")
/** The end of a streamed aggregate. */
export const END = code(".")

const strings = [BULK, BLOB_ERROR, VERBATIM, PIECE]
const aggregates = [ARRAY, MAP, SET, PUSH, ATTRIBUTE]

/** The longest line that begins with a byte, CR LF included; 0 where no line does. */
export const maxLine = new Uint32Array(256)
for (const type of [SIMPLE, ERROR, BIG_NUMBER]) maxLine[type] = 65_536
for (const type of [INTEGER, NULL, BOOLEAN, END, ...strings, ...aggregates]) maxLine[type] = 32
maxLine[DOUBLE] = 512

/** Followed by bytes whose number its line states. */
export const isString = (type: number): boolean =>
  type === BULK || type === VERBATIM || type === BLOB_ERROR || type === PIECE

/** Followed by elements whose number its line states. */
export const isAggregate = (type: number): boolean => type === ARRAY || type === SET || type === PUSH || isPaired(type)

/** Followed by twice as many elements. */
export const isPaired = (type: number): boolean => type === MAP || type === ATTRIBUTE
