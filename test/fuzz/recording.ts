/** What a real server says: of every type, on both protocols, errors, pushes and broken-off transactions included. */
import * as net from "node:net"
import { encodeCommand } from "@effect-resp/core/internal/protocol/encoder"
import { readNaively } from "./naive.js"

type Words = ReadonlyArray<string | Uint8Array>

const words = (line: string): Words => line.split(" ")

const types = "string integer double null array set map attrib push verbatim true false bignum".split(" ")

const commands: ReadonlyArray<Words> = [
  ["SET", "text", "é€😀\r\n$3\r\n"],
  ["SET", "bytes", Uint8Array.from({ length: 256 }, (_, i) => i)],
  ...types.map((type) => words(`DEBUG PROTOCOL ${type}`)),
  ...[
    "PING",
    "GET text",
    "GET bytes",
    "GET nothing",
    "INCR text",
    "NOSUCHCOMMAND text",
    "INCRBY n 9223372036854775807",
    "DECRBY m 9007199254740993",
    "INCRBYFLOAT f 3.5e-7",
    "RPUSH l a bb ccc",
    "LRANGE l 0 -1",
    "LPOP nothing",
    "LPOP nothing 2",
    "LMPOP 2 nothing l LEFT COUNT 2",
    "HSET h __proto__ 1 constructor 2",
    "HGETALL h",
    "HRANDFIELD h -5 WITHVALUES",
    "SADD s a b c",
    "SMEMBERS s",
    "ZADD z inf a -inf b 1.5 c -0 d",
    "ZRANGE z 0 -1 WITHSCORES",
    "ZSCORE z nobody",
    "ZMSCORE z a nobody",
    "GEOADD g 13.361389 38.115556 Palermo",
    "GEOPOS g Palermo nobody",
    "XADD x * field value other value",
    "XADD x * __proto__ value",
    "XGROUP CREATE x group 0",
    "XREADGROUP GROUP group me COUNT 1 STREAMS x >",
    "XREAD STREAMS x 0",
    "XINFO STREAM x FULL",
    "XPENDING x group",
    "MULTI",
    "INCR text",
    "GET text",
    "PUBLISH channel within",
    "EXEC",
    "MULTI",
    "NOSUCHCOMMAND",
    "EXEC",
    "WATCH text",
    "SET text other",
    "MULTI",
    "EXEC",
    "CLIENT LIST",
    "INFO server",
    "CONFIG GET *max*",
    "COMMAND INFO get nosuchcommand xread",
    "COMMAND DOCS get",
    "ACL GETUSER default",
    "ACL GETUSER nobody",
    "MEMORY STATS",
    "SLOWLOG GET 2",
    "SCAN 0",
    "OBJECT ENCODING l"
  ].map(words),
  ["EVAL", "return {1, {2, {'x', false}}, redis.error_reply('OWN error'), redis.status_reply('OWN'), {}}", "0"],
  ["EVAL", "redis.setresp(3) return {{map = {a = 1}}, {double = 3.5}, {set = {a = true}}, {big_number = '99'}}", "0"],
  ["EVAL", "return redis.call('INCR', 'text')", "0"]
]

/** On RESP3 also to itself; a subscriber on RESP2 could do nothing else. */
const subscriptions = ["SUBSCRIBE channel", "PUBLISH channel message", "PSUBSCRIBE ch*", "PUBLISH channel twice"]

const recordOn = (port: number, protocol: 2 | 3): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port })
    const requests = [
      ["HELLO", String(protocol)],
      ["FLUSHALL"],
      ...(protocol === 3 ? subscriptions.map(words) : []),
      ...commands,
      ["QUIT"]
    ]
    for (const payload of requests.map(encodeCommand)) {
      for (const part of typeof payload === "string" ? [payload] : payload) socket.write(part)
    }
    const chunks: Array<Buffer> = []
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.on("error", reject)
    socket.on("close", () => resolve(Uint8Array.from(Buffer.concat(chunks))))
  })

/** All of it, and each thing that was said by itself. */
export const record = async (
  port: number
): Promise<{ readonly whole: ReadonlyArray<Uint8Array>; readonly frames: ReadonlyArray<Uint8Array> }> => {
  const whole = [await recordOn(port, 2), await recordOn(port, 3)]
  const frames = whole.flatMap((bytes) => {
    const { ends } = readNaively(bytes)
    return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
  })
  return { whole, frames }
}
