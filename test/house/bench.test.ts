// The benchmarks' entry: what exists, what is refused, how rows look.

import { describe, expect, it } from 'vitest';
import { formatTable } from '../../bench/table.ts';
import { type Finished, run } from '../cli/process.ts';

function bench(...args: readonly string[]): Promise<Finished> {
  return run(process.execPath, ['bench/run.ts', ...args]);
}

describe('npm run bench', () => {
  it.each([
    [[], /^usage: .*\nbenchmarks: .*\btimeline\b/],
    [['no-such-bench'], /^there is no benchmark no-such-bench; benchmarks: .*\btimeline\b/],
    [['table'], /^there is no benchmark table/],
    [['timeline', '--no-such-flag', '3'], /^timeline does not know --no-such-flag/],
  ])('answers %j with what there is, and exit code 2', async (args, message) => {
    const { exitCode, stdout, stderr } = await bench(...args);
    expect(stderr).toMatch(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });
});

describe('the table of a benchmark', () => {
  it('has a column a field, numbers to the right', () => {
    const rows = [
      { kind: 'bare', ratio: 1, seconds: 12.34567 },
      { kind: 'ours', ratio: null, seconds: 2, note: 'warm' },
    ];
    expect(formatTable(rows)).toBe(
      'kind  ratio  seconds  note\nbare      1    12.35  -\nours      -        2  warm\n',
    );
  });
});
