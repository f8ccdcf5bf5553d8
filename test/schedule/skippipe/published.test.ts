// The published scheduler, reimplemented to be compared with: each of its parts against an exhaustive search.

import { fc } from '../../property.ts';
import { describe, expect, it } from 'vitest';
import { shortestRoundTrips } from '../../../src/schedule/skippipe/round-trips.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { planOfCandidate } from '../../../src/schedule/skippipe/plan.ts';
import { wavePaths } from '../../../src/schedule/skippipe/published/conflicts.ts';
import { assignmentCost, geneticAssignment } from '../../../src/schedule/skippipe/published/genetic.ts';
import { matchingCost, shortestOrder } from '../../../src/schedule/skippipe/published/matching.ts';
import { publishedMethod } from '../../../src/schedule/skippipe/published/method.ts';
import {
  createRouter,
  nothingForbidden,
  type Occupation,
  type Route,
} from '../../../src/schedule/skippipe/published/routes.ts';
import { pathCheckers } from '../../../src/schedule/rules.ts';
import { rulesOf } from '../../../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { validatePlan } from '../../../src/schedule/validate.ts';
import { geo20, published } from './geo20.ts';

const options = { seed: 1, trials: 100, nodes: 300 };

describe('matching and order of groups', () => {
  const table = (rows: number, columns: number) =>
    fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: columns, maxLength: columns }), {
      minLength: rows,
      maxLength: rows,
    });

  it('match at the least cost of all ways to match', () => {
    fc.assert(
      fc.property(table(3, 4), (costs) => {
        const least = Math.min(
          ...permutations([0, 1, 2, 3]).map((order) =>
            [0, 1, 2].reduce((sum, row) => sum + costs[row]![order[row]!]!, 0),
          ),
        );
        expect(matchingCost([0, 1, 2], [0, 1, 2, 3], (from, to) => costs[from]![to]!)).toBe(least);
      }),
    );
  });

  it('go the shortest of all ways from the first group', () => {
    fc.assert(
      fc.property(table(5, 5), (costs) => {
        const lengthOf = (order: readonly number[]) =>
          order.reduce((sum, group, at) => sum + (at === 0 ? 0 : costs[order[at - 1]!]![group]!), 0);
        const found = shortestOrder(costs.map((row) => Float64Array.from(row)));
        const least = Math.min(...permutations([1, 2, 3, 4]).map((order) => lengthOf([0, ...order])));
        expect(found.length).toBe(least);
        expect(lengthOf(found.order)).toBe(least);
      }),
    );
  });
});

describe('a path for one micro-batch', () => {
  const instance = instanceOf(geo20());
  const router = createRouter(instance);
  const stageOf = new Map(
    instance.assignment.flatMap((group, stage) => group.map((peer) => [peer, stage] as const)),
  );

  it('is the shortest round trip where nothing is forbidden', () => {
    for (const anchor of instance.assignment[0]!) {
      expect(router.route(anchor, 0, nothingForbidden)!.end).toBe(shortestRoundTrips(instance)(anchor));
    }
  });

  it('keeps the rules, leaves out what is forbidden, and waits while a peer is taken', () => {
    const others = instance.assignment.slice(1).flat();
    const taken = fc.record({
      peer: fc.constantFrom(...others),
      from: fc.integer({ min: 0, max: 15e6 }),
      length: fc.integer({ min: 1, max: 3e6 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...instance.assignment[0]!),
        fc.subarray([1, 2, 3, 4, 5], { maxLength: 2 }),
        fc.subarray(others, { maxLength: 3 }),
        fc.array(taken, { maxLength: 8 }),
        (anchor, stages, peers, busy) => {
          const times = busy.map(({ peer, from, length }) => ({ peer, from, until: from + length }));
          const free = router.route(anchor, 0, { stages, peers, times: [] });
          const route = router.route(anchor, 0, { stages, peers, times });
          if (route === undefined) {
            expect(free).toBeUndefined();
            return;
          }
          const visited = route.path.map((peer) => stageOf.get(peer)!);
          for (const check of Object.values(pathCheckers)) {
            expect(check(visited, rulesOf(instance))).toBeUndefined();
          }
          expect(route.path.filter((peer) => peers.includes(peer))).toEqual([]);
          expect(visited.filter((stage) => stages.includes(stage))).toEqual([]);
          for (const own of route.occupied) for (const other of times) expect(meet(own, other)).toBe(false);
          expect(route.end).toBeGreaterThanOrEqual(free!.end);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the published method', () => {
  it('plans paths that never meet at a peer where it heeds collisions and peers are free', () => {
    const instance = instanceOf(geo20({ microbatchesPerAnchor: 1 }));
    const starts = instance.assignment[0]!.map((anchor) => ({ anchor, at: 0 }));
    const quotas = { stageQuota: [0, 3, 3, 3, 3, 3], peerQuota: new Array<number>(20).fill(3) };
    const routes = wavePaths(instance, { starts, ...quotas }, { collisions: true, nodes: 400 })!;
    expect(countMeetings(routes)).toBe(0);
  });

  it.each([
    { collisions: false, free: false, atMost: 35.4 },
    { collisions: true, free: false, atMost: 35.4 },
    { collisions: false, free: true, atMost: 45 },
  ])('keeps the rules on the published instance: %o', ({ collisions, free, atMost }) => {
    const swarm = geo20({ free });
    const given = instanceOf(swarm);
    const found = publishedMethod(given, { ...options, collisions });
    const plan = planOfCandidate('published', swarm, found.instance, found.evaluator, found.candidate);
    expect(found.pathsBy).toBe('tree');
    expect(validatePlan(plan, rulesOf(given))).toEqual([]);
    expect(timeline(plan, networkOf(swarm)).makespanSeconds).toBeLessThan(atMost);
  });

  it('finds an assignment that its own score prefers to the published one', () => {
    const instance = instanceOf(geo20({ free: true }));
    const found = geneticAssignment(instance, { seed: 1, trials: 1000 });
    expect(found.map((group) => group.length)).toEqual([5, 3, 3, 3, 3, 3]);
    expect(found.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, peer) => peer));
    expect(assignmentCost(instance, found)).toBeLessThan(
      assignmentCost(instance, published.publishedPartition),
    );
  });
});

function meet(a: Occupation, b: Occupation): boolean {
  return a.peer === b.peer && a.from < b.until && b.from < a.until;
}

function countMeetings(routes: readonly Route[]): number {
  let count = 0;
  routes.forEach((route, at) => {
    for (const other of routes.slice(at + 1)) {
      for (const a of route.occupied) for (const b of other.occupied) if (meet(a, b)) count++;
    }
  });
  return count;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}
