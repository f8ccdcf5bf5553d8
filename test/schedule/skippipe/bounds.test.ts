// Lower bounds against plans: no plan that keeps the rules may be below, and where a bound is known it is met.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minimumCostFlow } from '../../../src/schedule/flow.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../../../src/schedule/skippipe/plan-bounds.ts';
import { slotsBound } from '../../../src/schedule/skippipe/slots.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { transport } from '../../../src/schedule/transport.ts';
import { swarms } from '../swarms.ts';
import { geo20 } from './geo20.ts';

/** Whole microseconds of rounding, per task of a chain at most one. */
const rounding = 1e-4;

describe('the slots bound', () => {
  it('is no more than any plan takes, fixed or free', () => {
    let compared = 0;
    fc.assert(
      fc.property(swarms, fc.nat(1000), fc.boolean(), (swarm, seed, free) => {
        const plain = { ...swarm, links: { ...swarm.links, shared: false } };
        const { assignment } = policies.skippipe.plan(plain, { seed, budget: { steps: 0 } });
        const given = free ? plain : { ...plain, assignment };
        const bound = slotsBound(instanceOf(given));
        if (bound === undefined) return;
        compared++;
        const plan = policies.skippipe.plan(given, { seed, budget: { steps: 300 } });
        expect(timeline(plan, networkOf(given)).makespanSeconds).toBeGreaterThanOrEqual(bound - rounding);
      }),
      { numRuns: 200, seed: 21 },
    );
    expect(compared).toBeGreaterThan(60);
  });

  it('says that no assignment of the published peers takes less than 24.05 s', () => {
    const bounds = boundsOf(geo20({ free: true }), true);
    expect(bounds.slots).toBeCloseTo(24.0526, 3);
    expect(bounds.by).toBe('slots');
    expect(bounds.twoTrips).toBeCloseTo(18.0119, 3);
  });

  it('is below the two trips on the published assignment', () => {
    const bounds = boundsOf(geo20(), true);
    expect(bounds.slots).toBeCloseTo(31.3838, 3);
    expect(bounds.by).toBe('two trips');
  });
});

describe('the minimum-cost flow', () => {
  const costs = fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 4, maxLength: 4 }), {
    minLength: 4,
    maxLength: 4,
  });

  it('costs what the transportation problem costs where there are two layers', () => {
    fc.assert(
      fc.property(costs, (table) => {
        const sum = (routes: number[][]) => routes.reduce((all, [a, b]) => all + table[a!]![b! - 4]!, 0);
        const routes = minimumCostFlow({
          layers: [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
          ],
          amount: 8,
          capacity: () => 2,
          cost: (layer, from, to) => (layer === 1 ? table[from]![to - 4]! : 0),
        });
        const flow = transport([2, 2, 2, 2], [2, 2, 2, 2], table);
        const expected = flow.flatMap((row, i) => row.map((amount, j) => amount * table[i]![j]!));
        expect(sum(routes)).toBe(expected.reduce((a, b) => a + b, 0));
      }),
      { numRuns: 100, seed: 22 },
    );
  });

  it('refuses more routes than fit', () => {
    const problem = { layers: [[0, 1]], capacity: () => 1, cost: () => 1 };
    expect(() => minimumCostFlow({ ...problem, amount: 3 })).toThrow('only 2 of 3 routes fit');
  });
});
