// Every closed form of every paper against the timeline, and the table of the documentation against both.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  closedFormRows,
  closedFormTable,
  policyTable,
  uniformDescription,
} from '../../src/schedule/closed-forms.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import type { Policy } from '../../src/schedule/policies/policy.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';

const all: readonly Policy[] = Object.values(policies);
const rows = closedFormRows(all);

describe('closed forms', () => {
  it.each(rows.map((row) => [row.policy, row.form.quantity, row.p, row.m, row] as const))(
    '%s: %s at p = %i, m = %i is the paper’s',
    (_policy, _quantity, _p, _m, row) => {
      row.computed.forEach((value, stage) => {
        expect(value).toBeCloseTo(row.expected[stage]!, 9);
      });
    },
  );

  it('cover the classic schedules for every p and m of the table where they hold', () => {
    for (const name of ['gpipe', '1f1b', 'interleaved-1f1b', 'zb-h1']) {
      const cases = rows.filter((row) => row.policy === name && row.form.quantity === 'makespanSeconds');
      expect(cases.map(({ p, m }) => m / p)).toEqual([1, 2, 4, 1, 2, 4, 1, 2, 4]);
    }
    for (const name of ['zb-h2', 'zb-v']) {
      const cases = rows.filter((row) => row.policy === name && row.form.quantity === 'makespanSeconds');
      expect(cases.map(({ p, m }) => m / p)).toEqual([2, 4, 2, 4, 2, 4]);
    }
  });

  it('stand in docs/schedules.md as computed', () => {
    const text = readFileSync(new URL('../../docs/schedules.md', import.meta.url), 'utf8');
    expect(text).toContain(closedFormTable(rows));
    expect(text).toContain(policyTable(all));
  });
});

describe('four stages, eight micro-batches', () => {
  const at = (name: keyof typeof policies) => {
    const description = uniformDescription(4, 8);
    return timeline(policies[name].plan(description, { seed: 0 }), networkOf(description));
  };

  it('take 33 s with gpipe and with 1f1b', () => {
    expect(at('gpipe').makespanSeconds).toBe(33);
    expect(at('1f1b').makespanSeconds).toBe(33);
  });

  it('take 27 s with zb-h1, in the memory of 1f1b', () => {
    expect(at('zb-h1').makespanSeconds).toBe(27);
    expect(Math.max(...at('zb-h1').peakActivations)).toBe(4);
  });

  it('keep every peer busy for 24 s without a pause with zb-h2', () => {
    expect([...at('zb-h2').spanSeconds]).toEqual([24, 24, 24, 24]);
  });

  it('take 25.5 s with zb-v', () => {
    expect(at('zb-v').makespanSeconds).toBe(25.5);
  });
});
