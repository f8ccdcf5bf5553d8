// GWTF's flows against all there are, with the cost of a hop as the paper has it.

import { fc } from '../property.ts';
import { expect, it } from 'vitest';
import type { SwarmDescription } from '../../src/schedule/description.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import { swarms } from './swarms.ts';

/** d = (c_i + c_j)/2 + (λ_ij + λ_ji)/2 + 2 size / (β_ij + β_ji) (arXiv 2509.21221). */
function cost({ peers, links, activationBytes }: SwarmDescription, stages: number[], way: number[]): number {
  const compute = (at: number) => {
    const { forwardSeconds, backwardInputSeconds, backwardWeightSeconds } = peers[way[at]!]!;
    const stage = stages[at]!;
    return forwardSeconds[stage]! + backwardInputSeconds[stage]! + backwardWeightSeconds[stage]!;
  };
  const { latencySeconds, bytesPerSecond, uploadBytesPerSecond, downloadBytesPerSecond } = links;
  const rate = (i: number, j: number) =>
    Math.min(bytesPerSecond[i]![j]!, uploadBytesPerSecond[i]!, downloadBytesPerSecond[j]!);
  let sum = 0;
  for (let at = 1; at < way.length; at++) {
    const [i, j] = [way[at - 1]!, way[at]!];
    sum += (compute(at - 1) + compute(at)) / 2 + (latencySeconds[i]![j]! + latencySeconds[j]![i]!) / 2;
    sum += (2 * activationBytes) / (rate(i, j) + rate(j, i));
  }
  return sum;
}

it('the flows of an anchor alone cost least of all that fit', () => {
  let several = 0;
  fc.assert(
    fc.property(swarms, fc.integer({ min: 1, max: 3 }), (any, microbatchesPerAnchor) => {
      const peers = any.peers.map((peer) => ({ ...peer, memoryMicrobatches: Number.POSITIVE_INFINITY }));
      const swarm = { ...any, peers, microbatchesPerAnchor };
      const plan = policies.gwtf.plan(swarm, { seed: 1 });
      fc.pre(plan.assignment[0]!.length === 1);
      const stages = plan.assignment.flatMap((group, stage) => (group.length > 0 ? [stage] : []));
      const groups = stages.slice(1).map((stage) => plan.assignment[stage]!);
      const anchor = plan.assignment[0]![0]!;
      let ways: number[][] = [[anchor]];
      for (const group of groups) ways = ways.flatMap((way) => group.map((peer) => [...way, peer]));
      fc.pre(ways.length ** microbatchesPerAnchor <= 6_000);
      const costs = ways.map((way) => cost(swarm, [...stages, 0], [...way, anchor]));
      const most = new Map(
        groups.flatMap((group) =>
          group.map((peer) => [peer, 2 * Math.ceil(microbatchesPerAnchor / group.length)] as const),
        ),
      );
      const least = (left: number, used: readonly number[][], from: number): number => {
        const taken = (peer: number) => used.filter((way) => way.slice(1).includes(peer)).length;
        if ([...most].some(([peer, room]) => taken(peer) > room)) return Number.POSITIVE_INFINITY;
        if (left === 0) return 0;
        let best = Number.POSITIVE_INFINITY;
        for (let at = from; at < ways.length; at++) {
          best = Math.min(best, costs[at]! + least(left - 1, [...used, ways[at]!], at));
        }
        return best;
      };
      const found = plan.paths.map(({ nodes }) => nodes.map(({ peer }) => peer));
      const sum = found.reduce((all, way) => all + cost(swarm, [...stages, 0], [...way, anchor]), 0);
      expect(sum).toBeCloseTo(least(microbatchesPerAnchor, [], 0), 9);
      if (new Set(found.map(String)).size > 1) several++;
    }),
    { numRuns: 120, seed: 61 },
  );
  expect(several).toBeGreaterThan(5);
});
