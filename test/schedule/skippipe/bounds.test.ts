// Lower bounds against plans: no plan that keeps the rules may be below, and where a bound is known it is met.

import { fc } from '../../property.ts';
import { describe, expect, it } from 'vitest';
import { smallInstance } from '../../../bench/plan-instances.ts';
import { minimumCostFlow } from '../../../src/schedule/flow.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { quickBounds } from '../../../src/schedule/skippipe/bounds.ts';
import { flowBound } from '../../../src/schedule/skippipe/flow-bound.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../../../src/schedule/skippipe/plan-bounds.ts';
import { schedulesBound } from '../../../src/schedule/skippipe/schedules.ts';
import { slotsBound } from '../../../src/schedule/skippipe/slots.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { transport } from '../../../src/schedule/transport.ts';
import { swarms } from '../swarms.ts';
import { geo20 } from './geo20.ts';

/** Whole microseconds of rounding, per task of a chain at most one. */
const rounding = 1e-4;

describe('the bounds by linear programs and flows', () => {
  it('are no more than any plan takes, fixed or free', () => {
    let compared = 0;
    fc.assert(
      fc.property(swarms, fc.nat(1000), fc.boolean(), (swarm, seed, free) => {
        const plain = { ...swarm, links: { ...swarm.links, shared: false } };
        const { assignment } = policies.skippipe.plan(plain, { seed, budget: { steps: 0 } });
        const given = free ? plain : { ...plain, assignment };
        const bound = slotsBound(instanceOf(given));
        if (bound === undefined) return;
        const flow = flowBound(instanceOf(given))!;
        const schedules = schedulesBound(instanceOf(given), 0) ?? 0;
        compared++;
        const plan = policies.skippipe.plan(given, { seed, budget: { steps: 300 } });
        expect(timeline(plan, networkOf(given)).makespanSeconds).toBeGreaterThanOrEqual(
          Math.max(bound, schedules, flow) - rounding,
        );
      }),
      { numRuns: 200, seed: 21 },
    );
    expect(compared).toBeGreaterThan(60);
  });

  it('say by the mean over places that no assignment of the published peers takes less than 24.05 s', () => {
    const free = instanceOf(geo20({ free: true }));
    expect(slotsBound(free)).toBeCloseTo(24.0526, 3);
    expect(quickBounds(free).twoTrips).toBeCloseTo(18.0119, 3);
  });

  it('are below the two trips on the published assignment', () => {
    const bounds = boundsOf(geo20(), true);
    expect(bounds.slots).toBeCloseTo(31.3838, 3);
    expect(bounds.by).toBe('two trips');
  });

  it('say by hops alone no more than by whole tours, and as much where one anchor is further than all others', () => {
    for (const seed of [1, 2, 3, 17]) {
      const instance = instanceOf(smallInstance(seed, false));
      expect(flowBound(instance)!).toBeLessThanOrEqual(slotsBound(instance)! + rounding);
    }
    const first = instanceOf(smallInstance(1, false));
    expect(flowBound(first)).toBeCloseTo(slotsBound(first)!, 3);
    expect(flowBound(instanceOf(geo20()))).toBeGreaterThan(30.6);
    expect(flowBound(instanceOf(geo20({ free: true })))).toBeGreaterThan(16.6);
    // Near peers are shared out, of which quick bounds know nothing.
    const crowded = instanceOf(smallInstance(17, false));
    expect(flowBound(crowded)!).toBeGreaterThan(quickBounds(crowded).seconds + 1);
  });

  it('count what a mean over places forgets: trips that no place can take one after the other', () => {
    for (const [seed, mean, least] of [
      [17, 22.66, 26.35],
      [45, 26.57, 29.32],
    ] as const) {
      const bounds = boundsOf(smallInstance(seed, false), true);
      expect(bounds.slots).toBeCloseTo(mean, 2);
      expect(bounds.schedules).toBeGreaterThan(least);
      expect(bounds.by).toBe('schedules');
    }
  });

  it('choose the anchors where the assignment is free', () => {
    const bounds = boundsOf(smallInstance(11, true), true);
    expect(bounds.slots).toBeLessThan(20.4);
    expect(bounds.schedules).toBeGreaterThan(21.9);
  });

  it('come to the two trips and to no less than the mean by schedules alone', () => {
    for (const seed of [1, 2, 3, 30]) {
      const swarm = smallInstance(seed, false);
      const { twoTrips, slots } = boundsOf(swarm, true);
      const schedules = schedulesBound(instanceOf(swarm), 0)!;
      expect(schedules).toBeGreaterThan(0.999 * Math.max(twoTrips, slots!));
    }
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
