/** What the benchmark runs on; nothing that tells whose machine it is. */
import { readFile } from "node:fs/promises"
import * as os from "node:os"

export interface Machine {
  readonly cpu: string
  readonly memory: string
  readonly system: string
  readonly node: string
}

const distribution = (): Promise<string> =>
  readFile("/etc/os-release", "utf8").then(
    (text) => /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? "",
    () => ""
  )

export const describe = async (): Promise<Machine> => {
  const cores = os.availableParallelism()
  return {
    cpu: `${os.cpus()[0]?.model.trim() || os.arch()}, ${cores} ${cores === 1 ? "core" : "cores"}`,
    memory: `${(os.totalmem() / 2 ** 30).toFixed(1)} GiB`,
    system: [await distribution(), `${os.type()} ${os.release()}`, os.arch()].filter(Boolean).join(", "),
    node: process.version
  }
}
