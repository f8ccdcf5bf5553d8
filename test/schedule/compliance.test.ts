// What every policy promises, over random swarms. A new policy is held to it by being in the registry.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { columnsOfPlan } from '../../src/schedule/columns.ts';
import type { SwarmDescription } from '../../src/schedule/description.ts';
import { executeEvents } from '../../src/schedule/execute/events.ts';
import { planFromJson, planToJson } from '../../src/schedule/json.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import type { Policy } from '../../src/schedule/policies/policy.ts';
import { instanceOf } from '../../src/schedule/skippipe/instance.ts';
import { rulesKept } from '../../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';
import { validatePlan } from '../../src/schedule/validate.ts';
import { swarms, wholeSwarms } from './swarms.ts';

const runs = { numRuns: 60, seed: 7 };
/** Policies that search do so for as long as they are let; what they promise does not depend on it. */
const budget = { steps: 100 };
/** Policies that plan peers with one stage each only, and say so. */
const oneStageEach = new Set(['skippipe-blind']);
/** Policies whose paths pass every stage that has a replica. */
const skipping = new Set(['random-skip', 'skippipe', 'skippipe-blind']);

describe.each(Object.values(policies) as Policy[])('policy $name', (policy) => {
  it('gives a plan in which nothing is wrong and which completes', () => {
    fc.assert(
      fc.property(swarms, fc.nat(1000), (swarm, seed) => {
        expect(validatePlan(policy.plan(swarm, { seed, budget }))).toEqual([]);
      }),
      runs,
    );
  });

  it('plans for peers that hold several stages, or says that it does not', () => {
    fc.assert(
      fc.property(swarms, fc.nat(1000), (swarm, seed) => {
        const shared = sharedPeers(swarm);
        if (oneStageEach.has(policy.name)) {
          expect(() => policy.plan(shared, { seed, budget })).toThrow(/holds several stages/);
          return;
        }
        const plan = policy.plan(shared, { seed, budget });
        expect(validatePlan(plan)).toEqual([]);
        expect(plan.assignment).toEqual(shared.assignment);
        expect(validatePlan(planFromJson(JSON.parse(JSON.stringify(planToJson(plan)))))).toEqual([]);
        const { peakActivations } = timeline(plan, networkOf(shared));
        peakActivations.forEach((peak, peer) => {
          expect(peak).toBeLessThanOrEqual(shared.peers[peer]!.memoryMicrobatches + 1e-9);
        });
      }),
      runs,
    );
  });

  it.runIf(policy.keepsRules)('keeps the rules that it promises to keep', () => {
    fc.assert(
      fc.property(swarms, fc.nat(1000), fc.integer({ min: 1, max: 4 }), (swarm, seed, largestJump) => {
        const narrow = { ...swarm, largestJump, chunks: 1 };
        const plan = policy.plan(narrow, { seed, budget: { steps: 20 } });
        const rules = rulesKept(policy.keepsRules!, instanceOf(narrow));
        expect(validatePlan(plan, rules)).toEqual([]);
      }),
      { ...runs, numRuns: 30 },
    );
  });

  it('starts the asked number of micro-batches at every anchor, numbered from 0', () => {
    fc.assert(
      fc.property(swarms, (swarm) => {
        const plan = policy.plan(swarm, { seed: 1, budget });
        const anchors = plan.assignment[0]!;
        const numbers = plan.paths.map((path) => path.microbatch).sort((a, b) => a - b);
        expect(numbers).toEqual(
          Array.from({ length: anchors.length * swarm.microbatchesPerAnchor }, (_, m) => m),
        );
        for (const anchor of anchors) {
          const own = plan.paths.filter((path) => path.nodes[0]!.peer === anchor);
          expect(own).toHaveLength(swarm.microbatchesPerAnchor);
        }
      }),
      runs,
    );
  });

  it('visits every stage that has a replica, or as many as the path length asks where it skips', () => {
    fc.assert(
      fc.property(swarms, (swarm) => {
        const plan = policy.plan(swarm, { seed: 2, budget });
        const live = plan.assignment.filter((group) => group.length > 0).length;
        const wanted = skipping.has(policy.name) ? swarm.pathLength : live;
        for (const path of plan.paths) expect(path.nodes).toHaveLength(wanted * plan.chunks);
      }),
      runs,
    );
  });

  it('never holds more activations than a peer has room for', () => {
    fc.assert(
      fc.property(swarms, (swarm) => {
        const result = timeline(policy.plan(swarm, { seed: 3, budget }), networkOf(swarm));
        result.peakActivations.forEach((peak, peer) => {
          expect(peak).toBeLessThanOrEqual(swarm.peers[peer]!.memoryMicrobatches + 1e-9);
        });
      }),
      runs,
    );
  });

  it('starts nothing before its inputs, runs one task at a time, and computes every gradient before the update', () => {
    fc.assert(
      fc.property(swarms, (swarm) => {
        const plan = policy.plan(swarm, { seed: 4, budget });
        const result = timeline(plan, networkOf(swarm));
        const updateAt = new Map<number, number>();
        plan.tasks.forEach((task, index) => {
          if (task.kind === 'update') updateAt.set(task.peer, result.start[index]!);
        });
        plan.tasks.forEach((task, index) => {
          const start = result.start[index]!;
          for (const edge of task.waitsFor) {
            const from = plan.tasks[edge.task]!.peer;
            const latency = from === task.peer ? 0 : swarm.links.latencySeconds[from]![task.peer]!;
            expect(start).toBeGreaterThanOrEqual(result.end[edge.task]! + latency - 1e-9);
          }
          const before = result.previous[index]!;
          if (before >= 0) {
            const gap = swarm.peers[task.peer]!.gapSeconds;
            expect(start).toBeGreaterThanOrEqual(result.end[before]! + gap - 1e-9);
          }
          if (task.microbatch >= 0)
            expect(updateAt.get(task.peer)).toBeGreaterThanOrEqual(result.end[index]!);
        });
      }),
      runs,
    );
  });

  it('is a function of description and seed, and survives being written and read', () => {
    fc.assert(
      fc.property(swarms, fc.nat(1000), (swarm, seed) => {
        const plan = policy.plan(swarm, { seed, budget });
        expect(policy.plan(structuredClone(swarm), { seed, budget })).toEqual(plan);
        expect(planFromJson(JSON.parse(JSON.stringify(planToJson(plan))))).toEqual(plan);
      }),
      runs,
    );
  });

  it('says whether paths depend on what takes how long: then a swarm plans from what it measured', () => {
    const pathsOf = (swarm: SwarmDescription) =>
      JSON.stringify(policy.plan(swarm, { seed: 4, budget: { steps: 20 } }).paths);
    const different = fc.sample(wholeSwarms, { ...runs, numRuns: 30 }).filter((swarm) => {
      let next = 0;
      const assignment = swarm.stageSizes.map((size) => Array.from({ length: size }, () => next++));
      const held = { ...swarm, assignment };
      return pathsOf(withOtherTimes(held)) !== pathsOf(held);
    });
    expect(different.length > 0).toBe(policy.plansFromTimes === true);
  });

  it('keeps its completeness on a network it was not planned for', () => {
    fc.assert(
      fc.property(wholeSwarms, fc.nat(50), (swarm, salt) => {
        const plan = policy.plan(swarm, { seed: 5, budget });
        const latencySeconds = swarm.links.latencySeconds.map((row, i) =>
          row.map((_, j) => ((i * 7 + j * 3 + salt) % 11) / 4),
        );
        const network = { ...networkOf(swarm), links: { ...swarm.links, latencySeconds } };
        expect(() => executeEvents(columnsOfPlan(plan), network)).not.toThrow();
      }),
      runs,
    );
  });
});

/** The same peers and links, where every other peer is slow and no two ways are equally long. */
function withOtherTimes(swarm: SwarmDescription): SwarmDescription {
  const { peers, links } = swarm;
  return {
    ...swarm,
    peers: peers.map((peer, at) => ({
      ...peer,
      forwardSeconds: peer.forwardSeconds.map((seconds) => seconds * (1 + 4 * (at % 2))),
    })),
    links: {
      ...links,
      latencySeconds: links.latencySeconds.map((row, from) =>
        row.map((_, to) => ((from * 7 + to * 3) % 11) / 4),
      ),
    },
  };
}

/** The same peers and one stage more, which the first anchor holds beside stage 0; with room for both. */
function sharedPeers(swarm: SwarmDescription): SwarmDescription {
  const { peers, stages, pathLength, largestJump } = swarm;
  let next = 0;
  const assignment = swarm.stageSizes.map((size) => Array.from({ length: size }, () => next++));
  const another = (seconds: readonly number[]) => [...seconds, seconds[0]!];
  return {
    ...swarm,
    stages: stages + 1,
    assignment: [...assignment, [0]],
    stageSizes: [...swarm.stageSizes, 1],
    pathLength: pathLength + 1,
    largestJump: largestJump + 1,
    peers: peers.map((peer) => ({
      ...peer,
      forwardSeconds: another(peer.forwardSeconds),
      backwardInputSeconds: another(peer.backwardInputSeconds),
      backwardWeightSeconds: another(peer.backwardWeightSeconds),
      memoryMicrobatches: peer.memoryMicrobatches + 1,
    })),
  };
}
