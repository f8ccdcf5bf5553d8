import { defineConfig } from 'vitest/config';

const everywhere = { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 } as const;

/** Tests that measure time or load the machine: one at a time, when the others are done. */
const ALONE = ['test/e2e/**/*.test.ts', 'test/house/pack.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...everywhere,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: { ...everywhere, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
