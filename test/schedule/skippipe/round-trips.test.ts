// The shortest round trips that bounds reckon with, against trying every way, and for swarms that are large.

import { fc } from '../../property.ts';
import { describe, expect, it } from 'vitest';
import { scaleSwarm } from '../../../bench/plan-parts.ts';
import type { SwarmDescription } from '../../../src/schedule/description.ts';
import { mayVisit, visited } from '../../../src/schedule/rules.ts';
import { quickBounds } from '../../../src/schedule/skippipe/bounds.ts';
import { type Instance, instanceOf } from '../../../src/schedule/skippipe/instance.ts';
import {
  roundTripsByHalves,
  shortestRoundTrips,
  stagesOfPeers,
  thereAndBack,
  visitWork,
} from '../../../src/schedule/skippipe/round-trips.ts';
import { sitesOf } from '../../../src/schedule/skippipe/sites.ts';
import { linksOf } from '../build.ts';
import { swarms } from '../swarms.ts';

const anchorsOf = ({ free, peerCount, assignment }: Instance) =>
  free ? Array.from({ length: peerCount }, (_, peer) => peer) : assignment[0]!;

/** By every way that there is. */
function byTrying(instance: Instance, anchor: number): number {
  const { peerCount, pathLength, swapBudget, largestJump, free, headAtAnchor, stages, head } = instance;
  const stageOf = stagesOfPeers(instance);
  const rules = { pathLength, swapBudget, largestJump };
  let least = Number.POSITIVE_INFINITY;
  const go = (way: readonly number[], standing: Parameters<typeof mayVisit>[0], sum: number): void => {
    const here = way.at(-1)!;
    if (way.length === pathLength) {
      const home = headAtAnchor && pathLength > 1 ? thereAndBack(instance, here, anchor) : 0;
      least = Math.min(least, sum + home);
      return;
    }
    for (let peer = 0; peer < peerCount; peer++) {
      const stage = stageOf[peer]!;
      if (peer === anchor || peer === here) continue;
      // nobody twice where three are visited, and otherwise not twice in a row
      if (free && pathLength === 4 && way.includes(peer)) continue;
      if (!free && (stage < 1 || way.some((other) => stageOf[other] === stage))) continue;
      if (!free && !mayVisit(standing, stage, rules)) continue;
      const next = sum + thereAndBack(instance, here, peer) + visitWork(instance, stageOf, peer);
      go([...way, peer], free ? standing : visited(standing, stage), next);
    }
  };
  const at = anchor * stages;
  const own = instance.forward[at]! + instance.backward[at]! + instance.weight[at]!;
  go([anchor], { highest: 0, stepsBack: 0 }, own + (headAtAnchor ? head[anchor]! : Math.min(...head)));
  return least;
}

/** Every peer at one of two places, so that sites have several peers. */
function atTwoPlaces(swarm: SwarmDescription): SwarmDescription {
  const count = swarm.peers.length;
  const links = linksOf(count, { latency: 0.5 });
  const latencySeconds = links.latencySeconds.map((row, from) =>
    row.map((_, to) => (from % 2 === to % 2 ? 0.5 : 3)),
  );
  return { ...swarm, links: { ...links, latencySeconds } };
}

describe('the shortest round trip', () => {
  const descriptions = fc
    .tuple(swarms, fc.boolean(), fc.boolean())
    .map(([swarm, free, two]): SwarmDescription => {
      let next = 0;
      const assignment = swarm.stageSizes.map((size) => Array.from({ length: size }, () => next++));
      const placed = two ? atTwoPlaces(swarm) : swarm;
      return { ...placed, assignment: free ? undefined : assignment };
    });

  it('is as long as the shortest of all ways, and halves that need not fit are no longer', () => {
    let shorter = 0;
    fc.assert(
      fc.property(descriptions, (swarm) => {
        const instance = instanceOf(swarm);
        const shortest = shortestRoundTrips(instance);
        const byHalves = roundTripsByHalves(instance);
        for (const anchor of anchorsOf(instance)) {
          expect(shortest(anchor)).toBe(byTrying(instance, anchor));
          expect(byHalves(anchor)).toBeLessThanOrEqual(shortest(anchor));
          if (byHalves(anchor) < shortest(anchor)) shorter++;
        }
      }),
      { numRuns: 120, seed: 41 },
    );
    expect(shorter).toBeGreaterThan(20);
  });

  it('is little longer than halves say, in a swarm over twelve regions', () => {
    const instance = instanceOf(scaleSwarm(200));
    const [shortest, byHalves] = [shortestRoundTrips(instance), roundTripsByHalves(instance)];
    for (const anchor of anchorsOf(instance)) {
      expect(byHalves(anchor)).toBeGreaterThan(0.8 * shortest(anchor));
    }
  });

  it('knows regions as sites, also where the instance has a place for every peer', () => {
    const instance = instanceOf(scaleSwarm(200));
    expect(instance.placeCount).toBe(200);
    expect(new Set(sitesOf(instance)).size).toBe(12);
  });
});

describe('the quick bounds of large swarms', () => {
  it('are there with a fixed assignment and a free one, which is never more', () => {
    const [fixed, free] = [false, true].map((open) => quickBounds(instanceOf(scaleSwarm(1000, open))));
    expect(free!.twoTrips).toBeGreaterThan(25);
    expect(free!.busiestPeer).toBeGreaterThan(5);
    expect(free!.twoTrips).toBeLessThan(fixed!.twoTrips);
    expect(free!.busiestPeer).toBeLessThan(fixed!.busiestPeer);
  });

  it('come from halves where no two links are alike and peers are many', () => {
    const count = 400;
    const swarm = scaleSwarm(count, true);
    const latencySeconds = swarm.peers.map((_, from) =>
      swarm.peers.map((__, to) => 0.1 + ((from * 7919 + to * 104_729) % 9973) / 9973),
    );
    const instance = instanceOf({ ...swarm, links: { ...swarm.links, latencySeconds } });
    expect(new Set(sitesOf(instance)).size).toBe(count);
    expect(shortestRoundTrips(instance)(3)).toBe(roundTripsByHalves(instance)(3));
    expect(quickBounds(instance).twoTrips).toBeGreaterThan(10);
  });
});
