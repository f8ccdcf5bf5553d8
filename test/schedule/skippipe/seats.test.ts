// A free assignment where fewer peers are there than replicas are asked for: those with memory hold several stages.

import { describe, expect, it } from 'vitest';
import type { SwarmDescription } from '../../../src/schedule/description.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { quickBounds } from '../../../src/schedule/skippipe/bounds.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { rulesOf } from '../../../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { validatePlan } from '../../../src/schedule/validate.ts';
import { geo20 } from './geo20.ts';

/** The first twelve of the published peers, for the groups of twenty; the even ones have the given room. */
function twelve(roomOfEven: number): SwarmDescription {
  const swarm = geo20({ free: true, microbatchesPerAnchor: 4 });
  const { links } = swarm;
  const cut = <Value>(values: readonly Value[]) => values.slice(0, 12);
  return {
    ...swarm,
    peers: cut(swarm.peers).map((peer, at) => ({
      ...peer,
      memoryMicrobatches: at % 2 === 0 ? roomOfEven : 2,
    })),
    links: {
      ...links,
      latencySeconds: cut(links.latencySeconds).map(cut),
      bytesPerSecond: cut(links.bytesPerSecond).map(cut),
      uploadBytesPerSecond: cut(links.uploadBytesPerSecond),
      downloadBytesPerSecond: cut(links.downloadBytesPerSecond),
    },
  };
}

describe('fewer peers than replicas', () => {
  it('share them out by memory, keep all rules, and the search moves them', () => {
    const swarm = twelve(4);
    const [first, better] = [0, 1_500].map((steps) => {
      const plan = policies.skippipe.plan(swarm, { seed: 1, budget: { steps } });
      expect(validatePlan(plan, rulesOf(instanceOf(swarm)))).toEqual([]);
      expect(plan.assignment.map((group) => group.length)).toEqual(swarm.stageSizes);
      for (const group of plan.assignment) expect(new Set(group).size).toBe(group.length);
      const seats = swarm.peers.map(
        (_, peer) => plan.assignment.filter((group) => group.includes(peer)).length,
      );
      expect(seats).toEqual([3, 1, 3, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
      return { plan, seconds: timeline(plan, networkOf(swarm)).makespanSeconds };
    });
    expect(better!.seconds).toBeLessThan(0.9 * first!.seconds);
    expect(better!.plan.assignment).not.toEqual(first!.plan.assignment);
    const given = { ...swarm, assignment: first!.plan.assignment };
    const fixed = policies.skippipe.plan(given, { seed: 1, budget: { steps: 1_500 } });
    expect(better!.seconds).toBeLessThan(0.9 * timeline(fixed, networkOf(swarm)).makespanSeconds);
    expect(better!.seconds).toBeGreaterThan(quickBounds(instanceOf(swarm)).seconds);
  });

  it('are not planned for where memory does not suffice, or nobody said that it does', () => {
    for (const room of [1, Number.POSITIVE_INFINITY]) {
      expect(() => policies.skippipe.plan(twelve(room), { seed: 1 })).toThrow(
        /20 replicas are asked for and there are 12 peers/,
      );
    }
    expect(() => policies.gwtf.plan(twelve(4), { seed: 1 })).toThrow(/20 replicas are asked for/);
  });
});
