import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  resolve: {
    alias: [
      {
        find: /^@effect-resp\/(core|node|cluster)$/,
        replacement: `${fileURLToPath(new URL("../packages", import.meta.url))}/$1/src/index.ts`
      },
      {
        find: /^@effect-resp\/(core|node|cluster)\/(.*)$/,
        replacement: `${fileURLToPath(new URL("../packages", import.meta.url))}/$1/src/$2.ts`
      }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/LeakGate.ts", "test/support/SecretGate.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: "forks",
    // Most of the time is spent waiting for servers: also two cores serve two files at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1)
  }
})
