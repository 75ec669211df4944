/**
 * A message as it came, the same one for all of its subscribers.
 */
import type * as Option from "effect/Option"
import type { Message } from "../RedisPubSub.js"
import { type Topic, textOf, verbs } from "./topic.js"

export class ReceivedMessage implements Message<Uint8Array> {
  readonly type: Message["type"]
  readonly pattern: Option.Option<Uint8Array>
  readonly #topic: Topic
  #text: Message | undefined

  constructor(
    topic: Topic,
    readonly channel: Uint8Array,
    readonly data: Uint8Array
  ) {
    this.type = verbs[topic.kind].message
    this.pattern = topic.pattern
    this.#topic = topic
  }

  /** The same as text, which the first who asks has decoded: 100 subscribers pay for it once. */
  get text(): Message {
    if (this.#text === undefined) {
      const { channel, data, type } = this
      const { name, patternText, text } = this.#topic
      this.#text = {
        type,
        channel: channel === name ? text : textOf(channel),
        pattern: patternText,
        data: textOf(data)
      }
    }
    return this.#text
  }
}
