/** The operations that a work repeats, in the terms of any client: `T` is its promise or its effect. */
import { clusterKey, hashKey, listKey, type Repeated, sizes, valueKey, valueOf, writtenKey } from "./work.js"

/** Commands as a client's users write them, and how to look at their replies. */
export interface Commands<T> {
  readonly get: (key: string) => T
  readonly set: (key: string, value: string) => T
  readonly hgetall: (key: string) => T
  readonly lrange: (key: string) => T
  /** GETs in one batch. */
  readonly pipeline: (keys: ReadonlyArray<string>) => T
  /** GETs between MULTI and EXEC. */
  readonly transaction: (keys: ReadonlyArray<string>) => T
  /** The text in the reply to GET, if it is one. */
  readonly textOf: (reply: unknown) => unknown
  /** A command's reply in its place in a batch's. */
  readonly replyOf: (slot: unknown) => unknown
}

export interface Operation<T> {
  /** Begins it. */
  readonly start: (index: number, worker: number) => T
  readonly isRight: (reply: unknown) => boolean
  /** How many go on at a time. */
  readonly workers: number
  /** How many commands it counts for. */
  readonly commands: number
}

const isOk = (reply: unknown): boolean => reply === "OK"

const isList =
  (size: number) =>
  (reply: unknown): boolean =>
    Array.isArray(reply) && reply.length === size

/** An object by field, or a list of fields and values. */
const isHash = (size: number) => {
  const isListed = isList(size)
  const last = `field:${size - 1}`
  return (reply: unknown): boolean =>
    isListed(reply) || (typeof reply === "object" && reply !== null && last in reply && "field:0" in reply)
}

const repeated = (key: string, size: number): ReadonlyArray<string> => Array.from({ length: size }, () => key)

const clusterKeys = Array.from({ length: sizes.clusterKeys }, (_, index) => clusterKey(index))
const anyClusterKey = (): string => clusterKeys[Math.floor(Math.random() * clusterKeys.length)] ?? clusterKey(0)

export const operationOf = <T>(client: Commands<T>, work: Repeated): Operation<T> => {
  const isText =
    (bytes: number) =>
    (reply: unknown): boolean => {
      const text = client.textOf(reply)
      return typeof text === "string" && text.length === bytes
    }
  const areTexts = (size: number) => {
    const isSmall = isText(64)
    return (reply: unknown): boolean =>
      Array.isArray(reply) && reply.length === size && reply.every((slot) => isSmall(client.replyOf(slot)))
  }
  switch (work.kind) {
    case "get": {
      const key = valueKey(work.bytes)
      return { start: () => client.get(key), isRight: isText(work.bytes), workers: work.workers, commands: 1 }
    }
    case "set": {
      const value = valueOf(work.bytes)
      return { start: () => client.set(writtenKey, value), isRight: isOk, workers: work.workers, commands: 1 }
    }
    case "mixed": {
      const key = valueKey(work.bytes)
      const value = valueOf(work.bytes)
      const isValue = isText(work.bytes)
      return {
        start: (index) => (index % 5 === 0 ? client.set(writtenKey, value) : client.get(key)),
        isRight: (reply) => isOk(reply) || isValue(reply),
        workers: work.workers,
        commands: 1
      }
    }
    case "hgetall": {
      const key = hashKey(work.size)
      return { start: () => client.hgetall(key), isRight: isHash(work.size), workers: work.workers, commands: 1 }
    }
    case "lrange": {
      const key = listKey(work.size)
      return { start: () => client.lrange(key), isRight: isList(work.size), workers: work.workers, commands: 1 }
    }
    case "pipeline": {
      const keys = repeated(valueKey(64), work.size)
      return { start: () => client.pipeline(keys), isRight: areTexts(work.size), workers: 1, commands: work.size }
    }
    case "transaction": {
      const keys = repeated(valueKey(64), work.size)
      return { start: () => client.transaction(keys), isRight: areTexts(work.size), workers: work.workers, commands: 1 }
    }
    case "cluster-get":
      return { start: () => client.get(anyClusterKey()), isRight: isText(64), workers: work.workers, commands: 1 }
    case "cluster-set": {
      const value = valueOf(64)
      return { start: () => client.set(anyClusterKey(), value), isRight: isOk, workers: work.workers, commands: 1 }
    }
    case "cluster-pipeline": {
      const { size } = work
      return {
        start: () => client.pipeline(Array.from({ length: size }, anyClusterKey)),
        isRight: areTexts(size),
        workers: 1,
        commands: size
      }
    }
  }
}
