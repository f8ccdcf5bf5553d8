// SkipPipe without collision awareness: the published scheduler (genetic assignment, then conflict-based search for
// paths under equal loads of stages and peers) that does not ask whether two micro-batches meet at a peer; peers serve
// what comes first. What the paper compares with to show what knowing about the others is worth (SkipPipe, arXiv
// 2502.19913, evaluation).

import { DescriptionError } from '../errors.ts';
import { instanceOf } from '../skippipe/instance.ts';
import { planOfCandidate } from '../skippipe/plan.ts';
import { publishedMethod } from '../skippipe/published/method.ts';
import type { Budget, Policy } from './policy.ts';

/** Nodes of a wave's tree, and children of the genetic search: under a second each for 20 peers. */
const defaultNodes = 1000;
const defaultTrials = 1000;

export const skippipeBlind: Policy = {
  name: 'skippipe-blind',
  idea: 'skipping paths as published but planned without regard to each other, served first come first',
  choose: 'as the baseline that shows what collisions cost',
  source: 'SkipPipe (arXiv 2502.19913), evaluation, without collision awareness',
  closedForms: [],
  plansFromTimes: true,
  keepsRules: 'all',
  plan(description, { seed, budget }) {
    const given = instanceOf(description);
    const several = given.holder[description.peers.length];
    if (several !== undefined) {
      throw new DescriptionError(
        'assignment',
        `${description.peers[several]!.name} holds several stages, and the published method knows one a peer; take skippipe, gwtf, swarm or random-skip, or give it one stage`,
      );
    }
    const { instance, candidate, evaluator } = publishedMethod(given, {
      seed,
      collisions: false,
      trials: scaled(defaultTrials, budget),
      nodes: scaled(defaultNodes, budget),
    });
    return planOfCandidate('skippipe-blind', description, instance, evaluator, candidate);
  },
};

function scaled(standard: number, budget: Budget | undefined): number {
  if (budget === undefined) return standard;
  return 'steps' in budget ? budget.steps : Math.round(budget.times * standard);
}
