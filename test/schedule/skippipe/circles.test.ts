// Where peers sit in large swarms whose assignment is free.

import { describe, expect, it } from 'vitest';
import { randomInstance } from '../../../bench/plan-instances.ts';
import { scaleSwarm } from '../../../bench/plan-parts.ts';
import type { SwarmDescription } from '../../../src/schedule/description.ts';
import { policies } from '../../../src/schedule/policies/index.ts';
import { circlesOf } from '../../../src/schedule/skippipe/circles.ts';
import { drawsFrom } from '../../../src/schedule/skippipe/draws.ts';
import { instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import { placedCandidate } from '../../../src/schedule/skippipe/placing.ts';
import { rulesOf } from '../../../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../../../src/schedule/timeline.ts';
import { validatePlan } from '../../../src/schedule/validate.ts';
import { stream } from '../../../src/random/index.ts';

const draws = () => drawsFrom(stream({ runSeed: 3, purpose: 'schedule', index: 1 }));
const planOf = (swarm: SwarmDescription, steps: number) =>
  policies.skippipe.plan(swarm, { seed: 1, budget: { steps } });
const secondsOf = (swarm: SwarmDescription, steps: number) =>
  timeline(planOf(swarm, steps), networkOf(swarm)).makespanSeconds;

function swarmOf(seed: number, peers: number, stages: number, pathLength: number): SwarmDescription {
  const options = { microbatchesPerAnchor: 4, forwardSeconds: 0.44, speedSpread: 2, free: true };
  return randomInstance(seed, { ...options, peers, stages, pathLength });
}

describe('peers in circles', () => {
  it('hold each stage as often as was asked, and those who held none hold none', () => {
    const swarm = swarmOf(4, 75, 6, 4);
    const without = { ...swarm, stageSizes: swarm.stageSizes.map((size) => size - 1) };
    for (const description of [swarm, without]) {
      const instance = instanceOf(description);
      const { stageOf, circleOf } = circlesOf(instance, draws());
      const held = instance.sizes.map((_, stage) => stageOf.filter((one) => one === stage).length);
      expect(held).toEqual(instance.sizes);
      const seated = new Set(instance.assignment.flat());
      stageOf.forEach((stage, peer) => {
        expect([stage >= 0, circleOf[peer]! >= 0]).toEqual([seated.has(peer), seated.has(peer)]);
      });
    }
  });

  it('are near to each other, and no circle is much slower than the others', () => {
    const instance = instanceOf(scaleSwarm(120, true));
    const { place, placeCount, roundTrip } = instance;
    const { members, circleOf, stageOf } = circlesOf(instance, draws());
    const away = (a: number, b: number) => roundTrip[place[a]! * placeCount + place[b]!]!;
    const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
    const everybody = Array.from({ length: 120 }, (_, peer) => peer);
    const apart = mean(everybody.flatMap((a) => everybody.filter((b) => b !== a).map((b) => away(a, b))));
    const inside = members.map((circle, index) => {
      const anchor = everybody.find((peer) => circleOf[peer] === index && stageOf[peer] === 0)!;
      return mean(circle.map((peer) => away(anchor, peer)));
    });
    expect(mean(inside)).toBeLessThan(0.6 * apart);
    expect(Math.max(...inside)).toBeLessThan(apart);
  });

  it.each([
    ['equal groups', swarmOf(1, 60, 6, 4)],
    ['groups of two sizes', swarmOf(2, 73, 6, 4)],
    ['more peers than paths need', { ...swarmOf(3, 90, 6, 4), stageSizes: [9, 17, 16, 16, 16, 16] }],
    ['more anchors than circles', { ...swarmOf(3, 72, 6, 4), stageSizes: [32, 8, 8, 8, 8, 8] }],
    ['jumps too short for equal loads', swarmOf(4, 96, 12, 8)],
    ['all stages on every path', swarmOf(5, 64, 6, 6)],
  ])('make plans that keep the rules, the same ones every time: %s', (_, swarm) => {
    const instance = instanceOf(swarm);
    const placed = placedCandidate(instance, draws());
    expect(placed).toBeDefined();
    expect(placedCandidate(instance, draws())).toEqual(placed);
    for (const steps of [0, 20]) expect(validatePlan(planOf(swarm, steps), rulesOf(instance))).toEqual([]);
  });

  it('end sooner than peers that sit anywhere, by more than a search with as many steps makes up for', () => {
    const swarm = scaleSwarm(100, true);
    const anywhere = { ...swarm, assignment: instanceOf(swarm).assignment };
    expect(secondsOf(swarm, 0)).toBeLessThan(0.6 * secondsOf(anywhere, 0));
    expect(secondsOf(swarm, 200)).toBeLessThan(0.9 * secondsOf(anywhere, 200));
  });
});
