import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

// The programs that tests start, agents above all, come up in half the time when what they are made of is compiled once.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

// Much of a test's time is waiting, for processes and clocks: three files at a time on two cores (two take a quarter longer).
// Alike everywhere, so that all kinds run together.
const maxWorkers = Math.max(3, availableParallelism() >> 1)

export default defineConfig({
  test: {
    // Bounds that only a hang reaches: a busy machine takes its time.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          exclude: ['test/unit/worker/**'],
          // Their modules remember nothing: loaded once for many files they take half the time.
          isolate: false,
          maxWorkers,
          testTimeout: 30_000,
        },
      },
      {
        // Those of the Worker remember what they have learned of a share, and the platform's own module is none of Node's.
        resolve: { alias: { 'cloudflare:workers': join(import.meta.dirname, 'test/unit/worker/cloudflare-workers.ts') } },
        test: { name: 'unit-worker', include: ['test/unit/worker/**/*.test.ts'], maxWorkers, testTimeout: 30_000 },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: { name: 'workerd', include: ['test/workerd/**/*.test.ts'], maxWorkers, testTimeout: 30_000 },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
