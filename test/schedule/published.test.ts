// Policies without a closed form against published figures and their own promises.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { uniformDescription } from '../../src/schedule/closed-forms.ts';
import type { SwarmDescription } from '../../src/schedule/description.ts';
import { transferSeconds } from '../../src/schedule/execute/execution.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';
import { validatePlan } from '../../src/schedule/validate.ts';
import { linksOf } from './build.ts';

const data = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../scenarios/data/${name}`, import.meta.url), 'utf8'));
const published: { publishedPartition: number[][]; published: Record<string, number> } =
  data('geo20-published.json');
const matrix: number[][] = data('geo20-transfers.json').transferSeconds ?? data('geo20-transfers.json');
/** The one pair of regions whose published bandwidth is a thousandth of its neighbours'. */
const slipSeconds = 100;
const neighbourSeconds = 0.4829;

function geo20(anchors: readonly number[], microbatchesPerAnchor: number): SwarmDescription {
  const stage = (seconds: number) => new Array<number>(6).fill(seconds);
  return {
    ...uniformDescription(6, microbatchesPerAnchor),
    peers: Array.from({ length: 20 }, (_, peer) => ({
      name: `p${peer}`,
      forwardSeconds: stage(0.44),
      backwardInputSeconds: stage(0.33),
      backwardWeightSeconds: stage(0.33),
      headSeconds: 0.11,
      gapSeconds: 0.1,
      memoryMicrobatches: 3,
    })),
    assignment: [anchors, ...published.publishedPartition.slice(1)],
    stageSizes: [anchors.length, 3, 3, 3, 3, 3],
    pathLength: 4,
    swapBudget: 2,
    largestJump: 4,
    headAt: 'anchor',
    links: {
      ...linksOf(20),
      latencySeconds: matrix.map((row) =>
        row.map((value) => (value > slipSeconds ? neighbourSeconds : value)),
      ),
    },
  };
}

describe('on the published 20 peers', () => {
  it('dtfm’s full pipeline comes within 10 % of the published time with three of the anchors', () => {
    const swarm = geo20([0, 3, 4], 10);
    const result = timeline(policies.dtfm.plan(swarm, { seed: 0 }), networkOf(swarm));
    expect(result.makespanSeconds).toBeCloseTo(85.0, 1);
    expect(Math.abs(result.makespanSeconds / published.published.fullPipelineSeconds! - 1)).toBeLessThan(0.1);
  });

  it('random skipping takes what was published for some seeds, and keeps the rules of paths for all', () => {
    const swarm = geo20(published.publishedPartition[0]!, 6);
    const times = Array.from({ length: 41 }, (_, seed) => {
      const plan = policies['random-skip'].plan(swarm, { seed });
      expect(validatePlan(plan, swarm)).toEqual([]);
      return timeline(plan, networkOf(swarm)).makespanSeconds;
    }).sort((a, b) => a - b);
    expect(times[0]!).toBeLessThan(published.published.randomSkipSeconds!);
    expect(times[20]!).toBeCloseTo(55.8, 1);
  });

  it('random skipping visits every stage 18 times and every replica 6 times', () => {
    const swarm = geo20(published.publishedPartition[0]!, 6);
    const plan = policies['random-skip'].plan(swarm, { seed: 3 });
    for (const group of plan.assignment.slice(1)) {
      for (const peer of group) {
        expect(plan.paths.filter(({ nodes }) => nodes.some((node) => node.peer === peer))).toHaveLength(6);
      }
    }
  });
});

describe('swarm', () => {
  it('gives replicas work in proportion to the speed at which they answer', () => {
    const swarm = { ...uniformDescription(2, 40), stageSizes: [1, 2] };
    const second = uniformDescription(2, 1).peers[0]!;
    const slow = {
      ...second,
      name: 'slow',
      forwardSeconds: [3, 3],
      backwardInputSeconds: [3, 3],
      backwardWeightSeconds: [3, 3],
    };
    const peers = [second, { ...second, name: 'fast' }, slow];
    const plan = policies.swarm.plan({ ...swarm, peers, links: linksOf(3) }, { seed: 5 });
    const fast = plan.paths.filter(({ nodes }) => nodes[1]!.peer === 1).length;
    expect(fast).toBe(30);
  });
});

describe('dtfm', () => {
  it('finds the clusters of peers that reach each other fast', () => {
    // Four stages of two peers in two far clusters: pipelines inside clusters cross the slow link only to exchange
    // gradients, which here are nothing.
    const near = 0.1;
    const far = 10;
    const cluster = (peer: number) => [0, 1, 1, 0, 1, 0, 0, 1][peer]!;
    const latencySeconds = Array.from({ length: 8 }, (_, a) =>
      Array.from({ length: 8 }, (_, b) => (a === b ? 0 : cluster(a) === cluster(b) ? near : far)),
    );
    const base = uniformDescription(4, 4);
    const peers = Array.from({ length: 8 }, (_, peer) => ({ ...base.peers[0]!, name: `p${peer}` }));
    const swarm = {
      ...base,
      peers,
      stageSizes: [2, 2, 2, 2],
      links: { ...linksOf(8), latencySeconds },
      gradientBytes: 0,
    };
    for (const seed of [0, 1, 2]) {
      const plan = policies.dtfm.plan(swarm, { seed });
      for (const { nodes } of plan.paths) {
        for (let at = 1; at < nodes.length; at++) {
          expect(transferSeconds(swarm.links, nodes[at - 1]!.peer, nodes[at]!.peer, 0)).toBe(near);
        }
      }
    }
  });
});
