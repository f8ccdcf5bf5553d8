// What has to stay as it is: the plans of this version of the planner, whose bytes peers compare, and the published
// instance, which scenarios describe and tests build.

import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { loadScenario } from '../../../src/cli/files.ts';
import { describeSwarm } from '../../../src/scenario/expand.ts';
import { planToJson } from '../../../src/schedule/json.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { plannerVersion } from '../../../src/schedule/policies/skippipe.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { geo20 } from './geo20.ts';

const pinned = {
  version: 9,
  fixed: '44121f8da0cffc2c0affbc8bedc7e6ad759a7d95fdeeaf0be049a7b9462afa5d',
  free: 'c11400c9044595cfce282ea14348225972171d99f664bc1261c7c82d5fd2cf32',
};

function digestOf(free: boolean): string {
  const plan = policies.skippipe.plan(geo20({ free }), { seed: 1, budget: { steps: 200 } });
  return createHash('sha256')
    .update(JSON.stringify(planToJson(plan)))
    .digest('hex');
}

it('the same version of the planner makes the same plans', () => {
  const made = { version: plannerVersion, fixed: digestOf(false), free: digestOf(true) };
  expect(
    made,
    'plans are others than those of the pinned version: give plannerVersion (policies/skippipe.ts) its next number, then pin that number and these digests here',
  ).toEqual(pinned);
});

it.each([
  ['skippipe-geo20.yaml', false],
  ['skippipe-geo20-free.yaml', true],
])('%s is the instance that tests and the benchmark plan', (file, free) => {
  // The model's gradients are the scenario's alone: the built instance has none to exchange.
  const { exchange: _, ...ofScenario } = instanceOf(describeSwarm(loadScenario(`scenarios/${file}`)));
  expect(ofScenario).toEqual(instanceOf(geo20({ free })));
});
