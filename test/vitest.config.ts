import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

/** They start many servers, and what they wait for takes its time: beside others they would wait in vain now and then. */
const alone = [
  "test/{chaos,cluster,sentinel,support}/**/*.test.ts",
  "test/reliability/{cluster,clusterInterruptionSweep,deadlines,sentinel}.test.ts"
]

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
    setupFiles: ["test/support/LeakGate.ts", "test/support/SecretGate.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    minWorkers: 1,
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: alone,
          sequence: { groupOrder: 0 }
        }
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: alone,
          poolOptions: { forks: { singleFork: true } },
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
