import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const everywhere = { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 } as const;

/** Tests that measure time or load the machine: one at a time, when the others are done. */
const ALONE = ['test/e2e/**/*.test.ts', 'test/house/pack.test.ts'];

/** Files that take longest, longest first: whoever begins with them does not end with one of them and an idle worker. */
const LONGEST = [
  'test/swarm/simulation-seeds.test.ts',
  'test/swarm/faults/faults.test.ts',
  'test/swarm/simulation.test.ts',
  'test/engine/compliance.test.ts',
  'test/network/libp2p.test.ts',
  'test/schedule/compliance.test.ts',
  'test/swarm/planning.test.ts',
  'test/swarm/hostile.test.ts',
  'test/swarm/agreement.test.ts',
];

/** Where nothing is remembered of earlier runs vitest goes by the size of files, which says little. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONGEST.filter((file) => !existsSync(join(import.meta.dirname, file)));
    if (gone.length > 0)
      throw new Error(`vitest.config.ts: LONGEST names ${gone.join(', ')}, which is not there`);
    const sorted = await super.sort(files);
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.indexOf(relative(import.meta.dirname, moduleId).replaceAll('\\', '/'));
      return found < 0 ? LONGEST.length : found;
    };
    const projects = [...new Set(sorted.map(({ project }) => project))];
    const inOrder = (project: (typeof projects)[number]) =>
      sorted.filter((file) => file.project === project).toSorted((a, b) => place(a) - place(b));
    return projects.flatMap(inOrder);
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...everywhere,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          // Two processes load the program twice, and not once for each file: loading was a fifth of the time.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: { ...everywhere, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
