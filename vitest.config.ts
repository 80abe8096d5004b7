import { defineConfig } from 'vitest/config';

const slow = process.env['MOSAIC_SLOW_TESTS'] === '1';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['source'] } },
  test: {
    include: ['{libs,services,loadtest,deploy}/**/*.test.ts', 'scripts/*.test.mjs'],
    exclude: ['**/node_modules/**', '**/dist/**', ...(slow ? [] : ['**/*.slow.test.ts'])],
    pool: 'forks',
    // Tests wait for sockets, timeouts and processes half of their time: with a third file beside
    // two, two cores stay busy.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
