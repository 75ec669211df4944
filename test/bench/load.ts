/** A process that publishes, or that sends what a monitor sees: never more than a window ahead of who listens. */
import { connect } from "node:net"
import { channel } from "./delivery.js"
import { encode } from "./resp.js"
import { valueKey, valueOf } from "./work.js"

/** Send so many. */
export interface Load {
  readonly messages: number
}
/** So many more have arrived. */
export interface Confirm {
  readonly confirmed: number
}

const window = 4000
const batchSize = 100

const [host, port, kind] = process.argv.slice(2)
const request = kind === "monitor" ? encode("GET", valueKey(64)) : encode("PUBLISH", channel, valueOf(64))
const batch = Buffer.concat(Array.from({ length: batchSize }, () => request))
const socket = connect({ host: host ?? "", port: Number(port), noDelay: true })
socket.resume()

let left = 0
let ahead = 0

const send = () => {
  while (left > 0 && ahead < window) {
    const count = Math.min(batchSize, left)
    socket.write(count === batchSize ? batch : batch.subarray(0, count * request.length))
    left -= count
    ahead += count
  }
}

process.on("message", (message: Load | Confirm) => {
  if ("messages" in message) {
    left = message.messages
    ahead = 0
  } else ahead -= message.confirmed
  send()
})
process.on("disconnect", () => socket.end())
