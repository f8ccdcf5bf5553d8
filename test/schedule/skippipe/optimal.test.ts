// Plans of tiny instances beside the best plan there is, which branch and bound finds; and branch and bound beside
// every plan there is.

import { describe, expect, it } from 'vitest';
import { tinyInstance } from '../../../bench/plan-instances.ts';
import { leastOf } from '../../../bench/plan-small.ts';
import type { SwarmDescription } from '../../../src/schedule/description.ts';
import { StallError } from '../../../src/schedule/errors.ts';
import type { Path } from '../../../src/schedule/plan.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { planOf, tasksOf } from '../../../src/schedule/record.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../../../src/schedule/skippipe/plan-bounds.ts';
import { rulesOf } from '../../../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { validatePlan } from '../../../src/schedule/validate.ts';

const instances = [1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 16, 17, 19];

describe('four peers and four micro-batches', () => {
  it('have a least makespan that no bound exceeds and no plan falls below', { timeout: 60_000 }, () => {
    for (const instance of instances) {
      const swarm = tinyInstance(instance);
      const least = leastOf(swarm);
      expect(least.proven).toBe(true);
      expect(least.makespan).toBeGreaterThanOrEqual(Math.floor(boundsOf(swarm, true).seconds * 1e6));
      for (const seed of [1, 2]) {
        const plan = policies.skippipe.plan(swarm, { seed, budget: { steps: 400 } });
        expect(validatePlan(plan, rulesOf(instanceOf(swarm)))).toEqual([]);
        const found = Math.round(timeline(plan, networkOf(swarm)).makespanSeconds * 1e6);
        expect(found).toBeGreaterThanOrEqual(least.makespan);
      }
    }
  });

  it('agree with the two-trips bound where a plan meets it', () => {
    const swarm = tinyInstance(3);
    const least = leastOf(swarm).makespan;
    expect(least / 1e6).toBeCloseTo(boundsOf(swarm, false).twoTrips, 5);
    const plan = policies.skippipe.plan(swarm, { seed: 2, budget: { steps: 2_000 } });
    expect(timeline(plan, networkOf(swarm)).makespanSeconds).toBeCloseTo(least / 1e6, 5);
  });

  it('are planned as well as possible', { timeout: 60_000 }, () => {
    // The benchmark plan-small judges a hundred.
    for (const instance of instances) {
      const swarm = tinyInstance(instance);
      const { makespanSeconds } = timeline(policies.skippipe.plan(swarm, { seed: 1 }), networkOf(swarm));
      const found = Math.round(makespanSeconds * 1e6);
      const least = leastOf(swarm, found);
      expect(least, `${instance}`).toMatchObject({ makespan: found, proven: true });
    }
  });
});

describe('branch and bound', () => {
  it('finds what trying every set of paths and every order finds', { timeout: 60_000 }, () => {
    for (const instance of [2, 8, 11, 15]) {
      for (const memoryMicrobatches of [1, 2]) {
        for (const gapSeconds of [0, 0.5]) {
          const tiny = tinyInstance(instance);
          const swarm = {
            ...tiny,
            microbatchesPerAnchor: 2 / tiny.stageSizes[0]!,
            peers: tiny.peers.map((peer) => ({ ...peer, memoryMicrobatches, gapSeconds })),
          };
          expect(leastOf(swarm).makespan).toBe(Math.round(leastOfAll(swarm) * 1e6));
        }
      }
    }
  });
});

/** The least makespan in seconds: every path of two micro-batches, every order at every peer, by the timeline. */
function leastOfAll(swarm: SwarmDescription): number {
  const assignment = swarm.assignment!;
  const rules = rulesOf(instanceOf(swarm));
  const walks = (nodes: Path['nodes']): Path['nodes'][] =>
    nodes.length === swarm.pathLength
      ? [nodes]
      : assignment.flatMap((group, stage) =>
          stage === 0 || nodes.some((node) => node.stage === stage)
            ? []
            : group.flatMap((peer) => walks([...nodes, { stage, chunk: 0, peer }])),
        );
  const starts = [0, 1].map((m) => assignment[0]![m % assignment[0]!.length]!);
  const [first, second] = starts.map((peer) => walks([{ stage: 0, chunk: 0, peer }]));
  let least = Number.POSITIVE_INFINITY;
  for (const a of first!) {
    for (const b of second!) {
      const paths = [a, b].map((nodes, microbatch) => ({ microbatch, nodes }));
      const shape = { policy: 'every', assignment, paths, splitBackward: false, chunks: 1 };
      const tasks = tasksOf(swarm, shape);
      const own = swarm.peers.map((_, peer) =>
        [0, 1, -1].map((m) =>
          [...tasks.keys()].filter((at) => tasks[at]!.peer === peer && tasks[at]!.microbatch === m),
        ),
      );
      for (const lists of product(
        own.map(([of0, of1, after]) => merges(of0!, of1!).map((list) => [...list, ...after!])),
      )) {
        const plan = planOf(swarm, shape, tasks, { kind: 'fixed', tasks: lists });
        if (validatePlan(plan, rules).length > 0) continue;
        try {
          least = Math.min(least, timeline(plan, networkOf(swarm)).makespanSeconds);
        } catch (error) {
          if (!(error instanceof StallError)) throw error;
        }
      }
    }
  }
  return least;
}

/** Every list of both lists' entries that keeps the order of each. */
function merges(a: readonly number[], b: readonly number[]): number[][] {
  if (a.length === 0 || b.length === 0) return [[...a, ...b]];
  return [
    ...merges(a.slice(1), b).map((rest) => [a[0]!, ...rest]),
    ...merges(a, b.slice(1)).map((rest) => [b[0]!, ...rest]),
  ];
}

function product<T>(choices: readonly (readonly T[])[]): T[][] {
  return choices.reduce<T[][]>((sets, each) => sets.flatMap((set) => each.map((one) => [...set, one])), [[]]);
}
