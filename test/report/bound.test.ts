// The lower bound lies below every order of the same tasks, and is met where the best order is known.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { lowerBoundSeconds } from '../../src/report/bound.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { policies, policyNames } from '../../src/schedule/policies/index.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';
import { describeText, planText, uneven, uniform } from './drawings.ts';

const boundOf = ({ plan, description }: ReturnType<typeof planText>) =>
  lowerBoundSeconds(plan, networkOf(description));

describe('the lower bound', () => {
  it.each([
    ['gpipe', 33],
    ['1f1b', 33],
    ['zb-h1', 27],
  ] as const)('of %s with 4 stages and 8 micro-batches is its makespan: %d s', (policy, seconds) => {
    const planned = planText(uniform(4, 8), policy);
    expect(boundOf(planned)).toBe(seconds);
    expect(planned.timeline.makespanSeconds).toBe(seconds);
  });

  it('of a single micro-batch is its round trip', () => {
    const planned = planText(uniform(3, 1, 0.25, 'anchor'), '1f1b');
    // Three forwards, head, three backwards of 2 s; three transfers there, three back.
    expect(boundOf(planned)).toBeCloseTo(3 + 0.5 + 6 + 6 * 0.25, 12);
    expect(planned.timeline.makespanSeconds).toBeCloseTo(boundOf(planned), 12);
  });

  it('counts the pauses between tasks', () => {
    const text = (gap: number) => `training: { stages: 1, microbatchesPerAnchor: 5, headAt: last }
peers: [{ count: 1 }]
costs: { forwardSeconds: 1, backwardInputSeconds: 2, gapSeconds: ${gap} }\n`;
    expect(boundOf(planText(text(0), '1f1b'))).toBe(15);
    expect(boundOf(planText(text(0.5), '1f1b'))).toBeCloseTo(15 + 9 * 0.5, 12);
  });

  it('is not above the makespan of any policy on uneven peers', () => {
    for (const policy of policyNames) {
      const planned = planText(uneven, policy);
      expect(boundOf(planned)).toBeLessThanOrEqual(planned.timeline.makespanSeconds + 1e-9);
      expect(boundOf(planned)).toBeGreaterThan(0);
    }
  });

  it('is not above the best of all orders, tried one by one', () => {
    const seconds = fc.integer({ min: 1, max: 5 });
    const matrix = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 2 }), {
      minLength: 2,
      maxLength: 2,
    });
    fc.assert(
      fc.property(seconds, seconds, seconds, seconds, matrix, (f0, f1, b0, b1, transfers) => {
        const description = describeText(`training: { stages: 2, microbatchesPerAnchor: 2, headAt: last }
peers: [{ count: 2 }]
costs: { forwardSeconds: [${f0}, ${f1}], backwardInputSeconds: [${b0}, ${b1}], transferSeconds: ${JSON.stringify(transfers)} }\n`);
        const plan = policies['1f1b'].plan(description, { seed: 1 });
        const best = bestMakespan(
          plan,
          (candidate) => timeline(candidate, networkOf(description)).makespanSeconds,
        );
        expect(lowerBoundSeconds(plan, networkOf(description))).toBeLessThanOrEqual(best);
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});

/** The least makespan over all orders of every peer's computing tasks; orders that stall do not count. */
function bestMakespan(plan: Plan, makespanOf: (plan: Plan) => number): number {
  if (plan.order.kind !== 'fixed') throw new Error('the plan has lists');
  const isUpdate = (task: number) => plan.tasks[task]!.kind === 'update';
  const perPeer = plan.order.tasks.map((list) =>
    permutations(list.filter((task) => !isUpdate(task))).map((order) => [...order, ...list.filter(isUpdate)]),
  );
  let best = Number.POSITIVE_INFINITY;
  for (const first of perPeer[0]!) {
    for (const second of perPeer[1]!) {
      try {
        best = Math.min(best, makespanOf({ ...plan, order: { kind: 'fixed', tasks: [first, second] } }));
      } catch {
        // This pair of orders waits for itself.
      }
    }
  }
  return best;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}
