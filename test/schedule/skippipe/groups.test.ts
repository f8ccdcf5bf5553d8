// The exchange of gradients inside the groups that the search puts together.

import { fc } from '../../property.ts';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../src/random/index.ts';
import { uniformDescription } from '../../../src/schedule/closed-forms.ts';
import type { SwarmDescription } from '../../../src/schedule/description.ts';
import { exchangeSeconds } from '../../../src/schedule/exchange.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { firstCandidate, wavesOf } from '../../../src/schedule/skippipe/candidate.ts';
import { drawsFrom } from '../../../src/schedule/skippipe/draws.ts';
import { createEvaluator } from '../../../src/schedule/skippipe/evaluate.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { planOfCandidate } from '../../../src/schedule/skippipe/plan.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { linksOf } from '../build.ts';
import { swarms } from '../swarms.ts';

/** An anchor and two stages of two, everybody as far from everybody; gradients are quick between 1 and 3, and 2 and 4. */
function pairs(gradientBytes: number): SwarmDescription {
  const base = uniformDescription(3, 4);
  const links = linksOf(5, { latency: 0.5 });
  const quick = (from: number, to: number) => Math.abs(from - to) === 2 && Math.min(from, to) > 0;
  return {
    ...base,
    peers: links.latencySeconds.map((_, peer) => ({ ...base.peers[0]!, name: `p${peer}` })),
    assignment: undefined,
    stageSizes: [1, 2, 2],
    pathLength: 2,
    activationBytes: 0,
    gradientBytes,
    links: {
      ...links,
      bytesPerSecond: links.bytesPerSecond.map((row, from) =>
        row.map((_, to) => (quick(from, to) ? 100 : 1)),
      ),
    },
  };
}

/** Until the last update. */
const wholeSeconds = (plan: Plan, swarm: SwarmDescription) =>
  timeline(plan, networkOf(swarm)).end.reduce((most, end) => Math.max(most, end), 0);

describe('the groups of a free assignment', () => {
  const budget = { steps: 400 };

  it('are those that exchange quickly, where all groups have paths as short', () => {
    const swarm = pairs(20);
    const blind = policies.skippipe.plan(pairs(0), { seed: 1, budget });
    const plan = policies.skippipe.plan(swarm, { seed: 1, budget });
    expect(plan.assignment.slice(1).toSorted()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(plan.assignment).not.toEqual(blind.assignment);
    const seconds = (of: Plan) => timeline(of, networkOf(swarm)).makespanSeconds;
    expect(seconds(plan)).toBeCloseTo(seconds(blind), 9);
    const slow = policies.skippipe.plan({ ...swarm, assignment: blind.assignment }, { seed: 1, budget });
    expect(wholeSeconds(plan, swarm)).toBeLessThan(wholeSeconds(slow, swarm) - 15);
  });

  it('stay where they are given', () => {
    const assignment = [[0], [1, 2], [3, 4]];
    const plan = policies.skippipe.plan({ ...pairs(20), assignment }, { seed: 1, budget });
    expect(plan.assignment).toEqual(assignment);
  });

  it('count until the last update as the timeline has it or later, and not later than the slowest exchange', () => {
    let met = 0;
    fc.assert(
      fc.property(swarms, fc.nat(1000), (swarm, seed) => {
        const plain = {
          ...swarm,
          gradientBytes: 60,
          links: { ...swarm.links, shared: false },
          peers: swarm.peers.map((peer) => ({ ...peer, gapSeconds: 0 })),
        };
        const instance = instanceOf(plain);
        fc.pre(instance.microbatches > 0);
        const waves = wavesOf(instance);
        const draws = drawsFrom(stream({ runSeed: seed, purpose: 'schedule', index: 9 }));
        const candidate = firstCandidate(instance, draws);
        const evaluator = createEvaluator(instance, waves);
        evaluator.loadAll(candidate);
        const { makespan, whole } = evaluator.run(candidate, Number.POSITIVE_INFINITY);
        const plan = planOfCandidate('by hand', plain, instance, evaluator, candidate);
        const exact = wholeSeconds(plan, plain);
        const rounding = 1e-6 * plan.tasks.length;
        expect(whole / 1e6).toBeGreaterThan(exact - rounding);
        const slowest = Math.max(...plan.assignment.map((group) => exchangeSeconds(plain, group)));
        expect(whole / 1e6).toBeLessThan(makespan / 1e6 + slowest + rounding);
        if (whole / 1e6 - exact < rounding) met++;
      }),
      { numRuns: 100, seed: 31 },
    );
    expect(met).toBeGreaterThan(15);
  });
});
