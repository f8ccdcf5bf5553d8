// What a leader allows an exchange, from what it has seen.

import { describe, expect, it } from 'vitest';
import { ExchangeLimits } from '../../src/swarm/leading/exchange-limits.ts';

const norms = (...values: number[]) => values.map((norm, i) => ({ peer: `p${i}`, norm }));

describe('a contribution that is too large', () => {
  it('is more than ten times the median of its group', () => {
    const limits = new ExchangeLimits();
    expect(limits.tooLarge(1, norms(1, 1.5, 14))).toEqual([]);
    expect(limits.tooLarge(1, norms(1, 1.5, 16))).toEqual(['p2']);
    expect(limits.tooLarge(1, norms(100, 1, 1, 1, 90))).toEqual(['p0', 'p4']);
  });

  it('is more than ten times the stage’s past where there are only two', () => {
    const limits = new ExchangeLimits();
    expect(limits.tooLarge(1, norms(1, 1000))).toEqual([]); // nothing is known yet
    for (let i = 0; i < 3; i++) limits.counted(1, norms(1, 2));
    expect(limits.tooLarge(1, norms(1, 14))).toEqual([]);
    expect(limits.tooLarge(1, norms(1, 16))).toEqual(['p1']);
    expect(limits.tooLarge(2, norms(1, 16))).toEqual([]); // another stage's past says nothing
  });

  it('counts where everyone is as large: then the loss has changed', () => {
    const limits = new ExchangeLimits();
    for (let i = 0; i < 5; i++) limits.counted(0, norms(1));
    expect(limits.tooLarge(0, norms(400, 500))).toEqual([]);
    expect(limits.tooLarge(0, norms(400))).toEqual([]);
  });
});
