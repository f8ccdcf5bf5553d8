// SkipPipe without collision awareness: every path is the shortest that its micro-batch could take were it alone,
// under the same rules on stages and equal loads, and peers serve what comes first. What the paper compares with to
// show what knowing about the others is worth (SkipPipe, arXiv 2502.19913, evaluation).

import { blindCandidate } from '../skippipe/blind.ts';
import { instanceOf } from '../skippipe/instance.ts';
import { planOfCandidate } from '../skippipe/plan.ts';
import type { Policy } from './policy.ts';

export const skippipeBlind: Policy = {
  name: 'skippipe-blind',
  idea: 'skipping paths, each the shortest for its micro-batch alone, served first come first',
  choose: 'as the baseline that shows what collisions cost',
  source: 'SkipPipe (arXiv 2502.19913), evaluation, without collision awareness',
  closedForms: [],
  plansFromTimes: true,
  plan(description, { seed }) {
    const instance = instanceOf(description);
    const { candidate, evaluator } = blindCandidate(instance, seed);
    return planOfCandidate('skippipe-blind', description, instance, evaluator, candidate);
  },
};
