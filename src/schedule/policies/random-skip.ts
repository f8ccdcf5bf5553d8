// Random skipping: every micro-batch leaves out some stages, drawn at random, all stages equally often in sum, and
// visits the others in order at random replicas with equal shares. The baseline that SkipPipe's planned paths are
// measured against: the same work and the same convergence rules, no planning.
// SkipPipe (arXiv 2502.19913), evaluation, "random skipping".

import { type Generator, generator, stream, streamIndices } from '../../random/index.ts';
import type { SwarmDescription } from '../description.ts';
import { DescriptionError } from '../errors.ts';
import type { Path } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { type Assignment, assignmentOf, liveStages } from '../wiring.ts';
import type { Policy } from './policy.ts';
import { firstComeFirstServed } from './swarm.ts';

/** Draws of one path that may break the rule on jumps before balance is given up for it. */
const mostDraws = 64;

export const randomSkip: Policy = {
  name: 'random-skip',
  idea: 'each micro-batch skips random stages, in order, with equal loads',
  choose: 'as the baseline for planned skipping',
  source: 'SkipPipe (arXiv 2502.19913), evaluation',
  closedForms: [],
  // Of all paths together only the sums are even: which stages come in one wave is left to chance.
  keepsRules: 'of paths',
  plan(description, { seed }) {
    const assignment = assignmentOf(description);
    const { pathLength } = description;
    if (!Number.isInteger(pathLength) || pathLength < 1) {
      throw new DescriptionError('pathLength', `${pathLength} is not a whole number of at least 1`);
    }
    const draw = generator(
      stream({ runSeed: seed, purpose: 'schedule', index: streamIndices.schedule.randomSkip }),
    );
    return recordPlan(description, {
      policy: 'random-skip',
      assignment,
      paths: randomPaths(description, assignment, draw),
      splitBackward: description.splitBackward,
      chunks: 1,
      priority: firstComeFirstServed,
    });
  },
};

function randomPaths(description: SwarmDescription, assignment: Assignment, draw: Generator): Path[] {
  const anchors = assignment[0]!;
  const stages = liveStages(assignment).slice(1);
  const count = description.microbatchesPerAnchor * anchors.length;
  const visits = Math.min(description.pathLength - 1, stages.length);
  const chosen = balancedChoices(stages, visits, count, description.largestJump, draw);
  // Each stage deals its visits to its replicas from a shuffled deck with equal shares.
  const decks = new Map(
    stages.map((stage) => {
      const group = assignment[stage]!;
      const cards = chosen
        .filter((choice) => choice.includes(stage))
        .map((_, at) => group[at % group.length]!);
      return [stage, draw.shuffle(cards)];
    }),
  );
  return chosen.map((choice, microbatch) => ({
    microbatch,
    nodes: [
      { stage: 0, chunk: 0, peer: anchors[microbatch % anchors.length]! },
      ...choice.map((stage) => ({ stage, chunk: 0, peer: decks.get(stage)!.pop()! })),
    ],
  }));
}

/**
 * For each of `count` paths the `visits` stages it visits, in order, such that all stages are visited equally often
 * (by one) where the rule on jumps allows it.
 */
function balancedChoices(
  stages: readonly number[],
  visits: number,
  count: number,
  largestJump: number,
  draw: Generator,
): number[][] {
  const total = visits * count;
  const extra = new Set(draw.shuffle([...stages]).slice(0, stages.length > 0 ? total % stages.length : 0));
  const quota = new Map(
    stages.map((stage) => [stage, Math.floor(total / stages.length) + (extra.has(stage) ? 1 : 0)]),
  );
  const choices: number[][] = [];
  for (let left = count; left > 0; left--) {
    // A stage that every path left must visit cannot be skipped now; the rest is drawn by what is owed to them.
    const must = stages.filter((stage) => quota.get(stage)! >= left);
    const may = stages.filter((stage) => quota.get(stage)! > 0 && quota.get(stage)! < left);
    let choice: number[] | undefined;
    for (let attempt = 0; attempt < mostDraws && choice === undefined; attempt++) {
      const drawn = [...must.slice(0, visits), ...drawWeighted(may, quota, visits - must.length, draw)];
      drawn.sort((a, b) => a - b);
      if (drawn.length === visits && jumpsAllowed(drawn, largestJump)) choice = drawn;
    }
    choice ??= stages.slice(0, visits);
    for (const stage of choice) quota.set(stage, quota.get(stage)! - 1);
    choices.push(choice);
  }
  return draw.shuffle(choices);
}

function drawWeighted(
  from: readonly number[],
  weight: ReadonlyMap<number, number>,
  count: number,
  draw: Generator,
): number[] {
  const left = [...from];
  const drawn: number[] = [];
  while (drawn.length < count && left.length > 0) {
    const total = left.reduce((sum, stage) => sum + weight.get(stage)!, 0);
    let ticket = draw.integerBelow(total);
    const at = left.findIndex((stage) => {
      ticket -= weight.get(stage)!;
      return ticket < 0;
    });
    drawn.push(left[at]!);
    left.splice(at, 1);
  }
  return drawn;
}

function jumpsAllowed(choice: readonly number[], largestJump: number): boolean {
  return choice.every((stage, at) => stage - (at === 0 ? 0 : choice[at - 1]!) <= largestJump);
}
