// SkipPipe, planned jointly: who holds which stage, which stages each micro-batch visits and in what order, at which
// replicas, and what every peer does first, so that the iteration ends soonest.
// The problem and its rules: SkipPipe (arXiv 2502.19913). The paper assigns first (a genetic search) and finds paths
// after (conflict-based search over A*), in minutes for 20 equal peers; here one anytime search by simulated annealing
// judges whole candidates by the timeline, peers and links may differ, and the answer takes less than a second.

import type { SwarmDescription } from '../description.ts';
import type { Plan } from '../plan.ts';
import { quickBounds } from '../skippipe/bounds.ts';
import { stepsOf } from '../skippipe/budget.ts';
import { instanceOf } from '../skippipe/instance.ts';
import { microsecondsPerSecond } from '../skippipe/microseconds.ts';
import { planOfCandidate } from '../skippipe/plan.ts';
import { searchInSlices } from '../skippipe/search.ts';
import { finish, type Sliced } from '../slices.ts';
import type { Policy, PolicyOptions } from './policy.ts';

/** Changes whenever the same description, seed and steps, up to the default as in a run, may give another plan. */
export const plannerVersion = 9;

export const skippipe: Policy = {
  name: 'skippipe',
  idea: 'each micro-batch skips and swaps stages on a path of its own; paths, replicas and order are searched together',
  choose: 'mixed links, several replicas a stage, and skipping allowed',
  source: 'SkipPipe (arXiv 2502.19913); joint search by annealing',
  closedForms: [],
  plansFromTimes: true,
  keepsRules: 'all',
  plan: (description, options) => finish(planInSlices(description, options)),
  searching: {
    planInSlices,
    steps: (description, budget) => stepsOf(instanceOf(description), budget),
  },
};

function* planInSlices(description: SwarmDescription, { seed, budget }: PolicyOptions): Sliced<Plan> {
  const instance = instanceOf(description);
  const bound = quickBounds(instance).seconds * microsecondsPerSecond;
  const steps = stepsOf(instance, budget);
  const { candidate, evaluator, started } = yield* searchInSlices(instance, { seed, steps, bound });
  return planOfCandidate('skippipe', description, instance, evaluator, candidate, started);
}
