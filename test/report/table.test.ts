// The table: a line a policy, bars in proportion.

import { expect, it } from 'vitest';
import { formatBytes, planTable } from '../../src/report/table.ts';

const row = { lowerBoundSeconds: 20, peakActivations: [4, 2.5], moved: '1 GB' };

it('draws bars as long as the makespan, solid for the share that computes', () => {
  const lines = planTable([
    { ...row, policy: 'gpipe', makespanSeconds: 40, bubbleRatio: 0.5 },
    { ...row, policy: 'zb-h1', makespanSeconds: 20, bubbleRatio: 0.25 },
  ]).split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/^gpipe +40 s {2}█{16}░{16} +50\.0 % +\+100\.0 % +4 +1 GB$/);
  expect(lines[2]).toMatch(/^zb-h1 +20 s {2}█{12}░{4} +25\.0 % +none +4 +1 GB$/);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [33_554_432, '33.6 MB'],
  [2.5e12, '2.5 TB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
