// Where a micro-batch goes on whose path broke.

import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { policies } from '../../src/schedule/policies/index.ts';
import { brokenRules } from '../../src/schedule/rules.ts';
import type { BrokenVisit } from '../../src/swarm/training/mending.ts';
import { createMender } from '../../src/swarm/training/mending.ts';
import { geo20 } from '../schedule/skippipe/geo20.ts';

const swarm = geo20();
const plan = policies.skippipe.plan(swarm, { seed: 1, budget: { steps: 200 } });
const mender = createMender(plan, () => swarm);
const paths = plan.paths.map(({ nodes }) =>
  nodes.map(({ stage, peer }) => ({ stage, peer: plan.peers[peer]! })),
);

function broken(microbatch: number, done: number, gone: readonly string[]): BrokenVisit {
  const path = paths[microbatch]!;
  return { microbatch, path, done, isGone: (peer) => gone.includes(peer), full: new Set(), skips: 1 };
}

const replicas = (stage: number) => plan.assignment[stage]!.map((peer) => plan.peers[peer]!);

describe('a micro-batch whose next peer is lost', () => {
  it('goes on along the stages of its path, with the replica that brings it back soonest', () => {
    paths.forEach((path, microbatch) => {
      for (let done = 1; done < path.length; done++) {
        const lost = path[done]!;
        const found = mender(broken(microbatch, done, [lost.peer]))!;
        expect(found.map(({ stage }) => stage)).toEqual(path.map(({ stage }) => stage));
        // whoever else was on the path stays on it
        const changed = found.filter(({ peer }, at) => peer !== path[at]!.peer);
        expect(changed).toHaveLength(1);
        expect(replicas(lost.stage)).toContain(changed[0]!.peer);
      }
    });
  });

  it('takes another replica when the best has no room, and other stages when none has', () => {
    const path = paths[0]!;
    const [, lost] = path;
    const question = broken(0, 1, [lost!.peer]);
    const first = mender(question)![1]!.peer;
    const second = mender({ ...question, full: new Set([first]) })![1]!;
    expect(second.stage).toBe(lost!.stage);
    expect([first, lost!.peer]).not.toContain(second.peer);
    const detour = mender({ ...question, full: new Set(replicas(lost!.stage)) })!;
    expect(detour.some(({ stage }) => stage === lost!.stage)).toBe(false);
    const nodes = detour.map(({ stage, peer }) => ({ stage, chunk: 0, peer: plan.peers.indexOf(peer) }));
    // a stage that was on the path and whose peer lives stays with that peer
    for (const { stage, peer } of path) {
      if (peer === lost!.peer) continue;
      expect(detour.filter((hop) => hop.stage === stage && hop.peer !== peer)).toEqual([]);
    }
    const rules = { ...swarm, pathLength: detour.length };
    expect(brokenRules({ microbatch: 0, nodes }, plan, rules)).toEqual([]);
  });

  it('is given up when its anchor is lost, or nobody is left', () => {
    expect(mender(broken(0, 2, [paths[0]![0]!.peer]))).toBeUndefined();
    const others = plan.peers.filter((peer) => peer !== paths[0]![0]!.peer);
    expect(mender({ ...broken(0, 1, others), skips: 1 })).toBeUndefined();
  });

  it('is planned anew in under 5 ms for 20 peers', () => {
    const times: number[] = [];
    for (let time = 0; time < 60; time++) {
      const microbatch = time % paths.length;
      const full = new Set(replicas(paths[microbatch]![1]!.stage)); // both searches are needed
      const started = performance.now();
      mender({ ...broken(microbatch, 1, [paths[microbatch]![1]!.peer]), full });
      times.push(performance.now() - started);
    }
    expect(times.sort((a, b) => a - b)[30]).toBeLessThan(5);
  });
});
