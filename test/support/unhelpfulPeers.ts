/** Where no help comes from. */
import * as net from "node:net"
import { Effect } from "effect"

/** A port on which nothing listens. */
export const deadPort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const listener = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = listener.address() as net.AddressInfo
        listener.close(() => resolve(port))
      })
    })
)

/** Accepts connections, reads what comes, and says nothing; with how many are open. */
export const silent = Effect.acquireRelease(
  Effect.promise(
    () =>
      new Promise<{ readonly port: number; readonly open: ReadonlySet<net.Socket>; readonly listener: net.Server }>(
        (resolve) => {
          const open = new Set<net.Socket>()
          const listener = net.createServer((socket) => {
            open.add(socket)
            socket.on("error", () => {}).on("close", () => open.delete(socket))
            socket.resume()
          })
          listener.listen(0, "127.0.0.1", () => {
            resolve({ port: (listener.address() as net.AddressInfo).port, open, listener })
          })
        }
      )
  ),
  ({ listener, open }) =>
    Effect.sync(() => {
      listener.close()
      for (const socket of open) socket.destroy()
    })
)
