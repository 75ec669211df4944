/**
 * A message as it came, the same one for all of its subscribers.
 */
import * as Option from "effect/Option"
import type { Message } from "../RedisPubSub.js"
import { keyOf, type Topic, textOf, verbs } from "./topic.js"

const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

export class ReceivedMessage implements Message<Uint8Array> {
  readonly type: Message["type"]
  readonly pattern: Option.Option<Uint8Array>
  readonly #topic: Topic
  readonly #isShared: boolean
  #text: Message | undefined

  constructor(
    topic: Topic,
    readonly channel: Uint8Array,
    readonly data: Uint8Array
  ) {
    this.type = verbs[topic.kind].message
    this.pattern = topic.shown.pattern
    this.#topic = topic
    this.#isShared = topic.members.size > 1
  }

  /** What was subscribed to, as a key for maps. */
  get key(): string {
    return this.#topic.key
  }

  /** The same for one who may change its bytes: a copy, where others read them, too. */
  get own(): Message<Uint8Array> {
    if (!this.#isShared) return this
    const { channel, data, pattern, type } = this
    return { type, channel: copy(channel), pattern: Option.map(pattern, copy), data: copy(data) }
  }

  /** The same as text, which the first who asks has decoded: 100 subscribers pay for it once. */
  get text(): Message {
    if (this.#text === undefined) {
      const { channel, data, type } = this
      const { patternText, text } = this.#topic
      this.#text = {
        type,
        channel: type === "pmessage" ? textOf(channel) : text,
        pattern: patternText,
        data: textOf(data)
      }
    }
    return this.#text
  }
}

/** What was subscribed to and brought the message, as a key for maps. */
export const keyOfMessage = (message: Message<Uint8Array>): string =>
  message instanceof ReceivedMessage ? message.key : keyOf(Option.getOrElse(message.pattern, () => message.channel))
