// How long the search runs when nobody says: as many steps as keep a plan for 20 peers and 30 micro-batches well
// under a second on a busy core, fewer where a step takes longer or where there is little to find.

import type { Budget } from '../policies/policy.ts';
import type { Instance } from './instance.ts';

/** Steps for instances of `referenceTasks`; else as many as simulate as many tasks in sum, up to twice as many. */
const referenceSteps = 18_000;
const referenceTasks = 270;
const mostSteps = 2 * referenceSteps;
/** Where peers are placed too, a step is longer: it moves and sums up more. */
const referenceStepsOfFree = 13_500;
/** In larger swarms every step and what is done before the first of them take longer. */
const mostPeersSmall = 40;
const referenceStepsOfLarge = 15_000;
/** Least steps of a search that is worth while. */
const leastSteps = 200;
/** Where all links and all peers are alike, no path is better than another and only the order of work is left. */
const uniformSteps = 200;

export function defaultSteps(instance: Instance): number {
  const tasks = instance.microbatches * (2 * instance.pathLength + 1);
  if (tasks === 0) return 0;
  const small = instance.free ? referenceStepsOfFree : referenceSteps;
  const reference = instance.peerCount > mostPeersSmall ? referenceStepsOfLarge : small;
  const steps = Math.floor(Math.min(mostSteps, (referenceTasks / tasks) * reference));
  return Math.max(Math.min(leastSteps, steps), isUniform(instance) ? Math.min(uniformSteps, steps) : steps);
}

export function stepsOf(instance: Instance, budget: Budget | undefined): number {
  if (budget === undefined) return defaultSteps(instance);
  return 'steps' in budget ? budget.steps : Math.round(budget.times * defaultSteps(instance));
}

function isUniform({ transfer, forward, backward, weight, placeCount, exchange }: Instance): boolean {
  if (exchange !== undefined) return false;
  const away = transfer[1] ?? 0;
  for (let from = 0; from < placeCount; from++) {
    for (let to = 0; to < placeCount; to++) {
      const hop = transfer[from * placeCount + to]!;
      if (hop !== away && (from !== to || hop > 0)) return false;
    }
  }
  return [forward, backward, weight].every((times) => times.every((time) => time === times[0]));
}
