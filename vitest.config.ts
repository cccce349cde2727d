import { availableParallelism } from 'node:os'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

// Half of a test's time is waiting, for processes and clocks: two files at a time on two cores. Alike everywhere, so that all kinds run together.
const maxWorkers = Math.max(2, availableParallelism() >> 1)

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], maxWorkers } },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        // A hang is what the bound is for: a busy machine takes its time.
        test: { name: 'workerd', include: ['test/workerd/**/*.test.ts'], maxWorkers, testTimeout: 30_000 },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          maxWorkers,
          // Bounds that only a hang reaches.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
