// The closing lines of `npm test`.

import { expect, it } from 'vitest';
import { partOf, summarize } from './summary.ts';

it('a test belongs to the part that its top-level folder names', () => {
  expect(['network/libp2p.test.ts', 'schedule/policies/a.test.ts', 'a.test.ts'].map(partOf)).toEqual([
    'network',
    'schedule',
    '.',
  ]);
});

it('parts are listed slowest first, and the last line counts', () => {
  const parts = new Map([
    ['model', { seconds: 1.25, files: 1, tests: 1 }],
    ['network', { seconds: 61, files: 2, tests: 30 }],
  ]);
  expect(summarize(parts, 40, { passed: 29, failed: 2, skipped: 1 })).toBe(
    [
      'network     61.0 s  30 tests in 2 files',
      'model        1.3 s  1 test in 1 file',
      'total       40.0 s  1 skipped',
      '29 passed, 2 failed',
      '',
    ].join('\n'),
  );
});
