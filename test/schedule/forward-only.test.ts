// Plans without backwards: the policy's paths, each gone along twice a direction, and nothing else to do.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { uniformDescription } from '../../src/schedule/closed-forms.ts';
import { forwardOnlyPlan, passNumber, passOf } from '../../src/schedule/forward-only.ts';
import { planFromJson, planToJson } from '../../src/schedule/json.ts';
import { type PolicyName, policies } from '../../src/schedule/policies/index.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';
import { validatePlan } from '../../src/schedule/validate.ts';
import { swarms } from './swarms.ts';

const names: readonly PolicyName[] = [
  '1f1b',
  'gpipe',
  'swarm',
  'random-skip',
  'interleaved-1f1b',
  'skippipe',
];
const options = { seed: 3, budget: { steps: 50 } };
const runs = { numRuns: 30, seed: 7 };

describe.each(names)('the paths of %s without backwards', (name) => {
  it('make a sound plan that holds no activations, and that is the same when it was written and read', () => {
    fc.assert(
      fc.property(swarms, fc.integer({ min: 1, max: 3 }), (swarm, directions) => {
        const policy = policies[name].plan(swarm, options);
        const count = { passes: 2 * directions, microbatches: policy.paths.length };
        const plan = forwardOnlyPlan(swarm, policy, count);
        expect(validatePlan(plan)).toEqual([]);
        expect(planFromJson(JSON.parse(JSON.stringify(planToJson(plan))))).toEqual(plan);
        const kinds = new Set(plan.tasks.map(({ kind }) => kind));
        for (const kind of kinds) expect(['forward', 'head', 'update']).toContain(kind);
        const result = timeline(plan, networkOf(swarm));
        expect(Array.from(result.peakActivations).every((peak) => peak === 0)).toBe(true);
      }),
      runs,
    );
  });

  it('are gone along once a pass, at the same peers', () => {
    fc.assert(
      fc.property(swarms, (swarm) => {
        const policy = policies[name].plan(swarm, options);
        const microbatches = policy.paths.length;
        const plan = forwardOnlyPlan(swarm, policy, { passes: 4, microbatches });
        expect(plan.paths).toHaveLength(4 * microbatches);
        const nodesOf = new Map(policy.paths.map((path) => [path.microbatch, path.nodes]));
        for (const { microbatch: number, nodes } of plan.paths) {
          const { microbatch, pass } = passOf(number, microbatches);
          expect(pass).toBeLessThan(4);
          expect(passNumber({ microbatch, pass }, microbatches)).toBe(number);
          expect(nodes).toEqual(nodesOf.get(microbatch));
        }
      }),
      runs,
    );
  });
});

it('n passes through p peers that take a second each take n + p − 1 seconds: the pipeline never waits', () => {
  const swarm = uniformDescription(4, 3);
  const plan = forwardOnlyPlan(swarm, policies['1f1b'].plan(swarm, options), { passes: 4, microbatches: 3 });
  expect(timeline(plan, networkOf(swarm)).makespanSeconds).toBe(12 + 4 - 1);
});

it('a number beyond those of the policy is refused', () => {
  const swarm = uniformDescription(2, 3);
  const plan = policies['1f1b'].plan(swarm, options);
  expect(() => forwardOnlyPlan(swarm, plan, { passes: 2, microbatches: 2 })).toThrow(RangeError);
});
