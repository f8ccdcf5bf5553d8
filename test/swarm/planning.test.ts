// Plans of a running swarm: made from what was committed, checked by everyone, computed again from the journal.

import { describe, expect, it } from 'vitest';
import { codecs } from '../../src/gradient/index.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import type { Entry, EntryBody } from '../../src/journal/entry.ts';
import type { Simulation } from '../../src/replay/simulation.ts';
import type { SwarmDescription } from '../../src/schedule/description.ts';
import { policies, policyNames } from '../../src/schedule/policies/index.ts';
import type { Policy } from '../../src/schedule/policies/policy.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { forwardOnlyPlan } from '../../src/schedule/forward-only.ts';
import { firstComeFirstServed } from '../../src/schedule/policies/swarm.ts';
import { recordPlan } from '../../src/schedule/record.ts';
import { networkOf, timeline } from '../../src/schedule/timeline.ts';
import { noMeasurements } from '../../src/schedule/skippipe/measured.ts';
import type { PlanJson } from '../../src/schedule/json.ts';
import type { Manifest } from '../../src/swarm/manifest.ts';
import { activationFormat } from '../../src/swarm/training/activations.ts';
import { describeSwarm } from '../../src/swarm/planning/describing.ts';
import { Paths } from '../../src/swarm/training/paths.ts';
import { planEntry, planIn } from '../../src/swarm/planning/planning.ts';
import { auditPlans } from '../../src/swarm/planning/plan-audit.ts';
import { changed, type SmallRun, smallManifest, smallSimulation } from './small-run.ts';

const skipping: SmallRun = {
  iterations: 8,
  training: { policy: 'skippipe', skipRatio: 0.25 },
  // links of some length, no two alike, so that paths differ
  latencySeconds: (from, to) => 0.004 + 0.002 * ((7 * number(from) + 3 * number(to)) % 11),
};
type PlanBody = Extract<EntryBody, { kind: 'plan' }>;

const manifestOf = (run: SmallRun): Manifest => ({ ...smallManifest(run), founder: 'p0' });

function number(peer: string): number {
  return Number(peer.slice(1));
}

async function runOf(settings: SmallRun): Promise<{ simulation: Simulation; entries: Entry[] }> {
  const simulation = smallSimulation(settings);
  await simulation.run(600);
  const store = simulation.store('p7')!;
  const journal = await Journal.open(createSimulatedIdentity('p7'), store);
  const entries = [...journal.recent];
  return { simulation, entries };
}

/** Two peers crash, one comes back: members change five times. */
function churn(): NonNullable<SmallRun['script']> {
  const done = new Set<number>();
  return (event, simulation) => {
    if (event.kind !== 'plan' || done.has(event.iteration)) return;
    done.add(event.iteration);
    if (event.iteration === 3) simulation.world.after(0.05, '', () => simulation.crash('p4'));
    if (event.iteration === 6) simulation.world.after(0.02, '', () => simulation.crash('p0'));
    if (event.iteration === 8) void simulation.start('p4');
  };
}

describe('what plans are computed from', () => {
  it('has the bytes of gradients as the codec of the run encodes them', () => {
    const groups = [['p0'], ['p1', 'p2'], ['p3'], ['p4']];
    const described = (codec: 'dense-f32' | 'eden') =>
      describeSwarm(manifestOf({ training: { codec } }), groups, noMeasurements);
    const { sumBytes } = described('dense-f32');
    expect(described('dense-f32').gradientBytes).toBe(sumBytes);
    expect(described('eden')).toMatchObject({
      sumBytes,
      gradientBytes: codecs.eden.encodedBytes(sumBytes! / 4),
    });
  });
});

describe('plans of a running swarm', () => {
  it('are computed again from the journal to the byte, also when members come and go', async () => {
    const settings = { ...skipping, iterations: 14, script: churn() };
    const { simulation, entries } = await runOf(settings);
    expect(simulation.ends.get('p7')).toEqual({ how: 'ended' });
    const audited = [...auditPlans(entries, manifestOf(settings))];
    expect(audited.length).toBeGreaterThanOrEqual(14);
    expect(audited.filter(({ outcome }) => outcome.kind !== 'equal')).toEqual([]);
    const planners = entries.flatMap(({ body }) => (body.kind === 'plan' ? [body] : []));
    expect(planners.some(({ iteration, planner }) => planner!.measuredUpTo === iteration - 2)).toBe(true);
    expect(planners.some(({ planner }) => planner!.steps >= 1_000)).toBe(true);
  });

  it('are refused, with their author named, and found by the audit, when they are not what they claim', async () => {
    const settings = { ...skipping, iterations: 4 };
    const { entries } = await runOf(settings);
    const manifest = manifestOf(settings);
    const at = entries.findLastIndex(({ body }) => body.kind === 'plan');
    const entry = entries[at]!;
    const body = entry.body as PlanBody;
    const outcomeWith = (changed: Partial<PlanBody>) => {
      const tampered = [...entries.slice(0, at), { ...entry, body: { ...body, ...changed } }];
      return [...auditPlans(tampered, manifest)].at(-1)!.outcome;
    };
    const planner = body.planner!;
    const plan = body.plan as PlanJson;
    expect(outcomeWith({})).toEqual({ kind: 'equal' });
    // sound, and not what the planner gives: of other measurements, of other times
    const measuredUpTo = body.iteration - 1;
    expect(measuredUpTo).not.toBe(planner.measuredUpTo);
    expect(outcomeWith({ planner: { ...planner, measuredUpTo } })).toEqual({ kind: 'different' });
    const slower = plan.seconds.map((row) => ({ ...row, F1: 9 }));
    expect(outcomeWith({ plan: { ...plan, seconds: slower } })).toEqual({ kind: 'different' });
    // not sound
    const invalid = (changed: Partial<PlanBody>, why: string | RegExp) =>
      expect(outcomeWith(changed)).toMatchObject({ kind: 'invalid', problem: expect.stringMatching(why) });
    invalid({ planner: { ...planner, seed: planner.seed + 1 } }, /seed/);
    invalid({ planner: { ...planner, measuredUpTo: 0 } }, /measurements up to iteration 0/);
    invalid({ planner: undefined }, /does not say how/);
    const stranger = plan.peers.map((peer, index) => (index === 2 ? 'mallory' : peer));
    invalid({ plan: { ...plan, peers: stranger } }, /mallory is no active holder/);
    const exchanged = plan.peers.map((_, index, all) => all[(index + 2) % all.length]!);
    invalid({ plan: { ...plan, peers: exchanged } }, /no active holder of stage/);
    invalid({ plan: { ...plan, paths: plan.paths.map((path) => path.slice(0, -2)) } }, /./);
    invalid({ plan: null }, /./);
  });

  it('come from what was measured: compute by kind, and transfers as long as the network takes', async () => {
    const slow = (from: string, to: string) => (from === 'p2' || to === 'p2' ? 0.2 : 0.004);
    const { entries } = await runOf({ ...skipping, iterations: 8, latencySeconds: slow });
    const measured = entries.flatMap(({ body }) => (body.kind === 'commit' ? [body.measurements ?? []] : []));
    expect(measured).toHaveLength(8);
    for (const peers of measured) {
      for (const { forward, backward } of peers) {
        expect(Number.isInteger(forward) && Number.isInteger(backward)).toBe(true);
      }
    }
    // a transfer is measured as long as the simulated network takes: latency and bytes over bandwidth
    const toSlow = measured.flat().flatMap(({ links }) => links.filter(({ to }) => to === 'p2'));
    expect(toSlow.length).toBeGreaterThan(0);
    for (const { microseconds } of toSlow) {
      expect(microseconds).toBeGreaterThan(200_000);
      expect(microseconds).toBeLessThan(206_000);
    }
    // an empty message takes the latency; what is left over is for the tensor, at the bandwidth
    const bytesMicroseconds = (activationFormat(manifestOf(skipping)).bytes / 1e7) * 1e6;
    for (const { peer, links } of measured.flat()) {
      for (const { to, microseconds, latency } of links) {
        expect(Math.abs(latency - 1e6 * slow(peer, to))).toBeLessThan(10);
        expect((microseconds - latency) / bytesMicroseconds).toBeCloseTo(1, 1);
      }
    }
    const forwards = measured.flat().map(({ forward }) => forward);
    expect(Math.min(...forwards)).toBeGreaterThan(0);
  });

  it.each(policyNames.filter((name) => (policies[name] as Policy).plansFromTimes))(
    'of %s use what was committed before, and are computed again from that',
    async (policy) => {
      const settings: SmallRun = { ...skipping, iterations: 3, training: { policy, skipRatio: 0.25 } };
      const { entries } = await runOf(settings);
      const last = entries.flatMap(({ body }) => (body.kind === 'plan' ? [body] : [])).at(-1)!;
      expect(last.planner!.measuredUpTo).toBeGreaterThanOrEqual(last.iteration - 2);
      // a forward that nobody measured counts as a second
      const { seconds } = last.plan as PlanJson;
      expect(Math.max(...seconds.map(({ F1 = 0 }) => F1))).toBeLessThan(0.5);
      expect(seconds.some(({ F1 = 0 }) => F1 > 0)).toBe(true);
      expect([...auditPlans(entries, manifestOf(settings))].map(({ outcome }) => outcome.kind)).toEqual(
        entries.flatMap(({ body }) => (body.kind === 'plan' ? ['equal'] : [])),
      );
    },
  );

  it('give the same losses when plans come from no measurements', async () => {
    const losses: (number | null)[][] = [];
    for (const latencySeconds of [0.004, 0.02]) {
      const { entries } = await runOf({ iterations: 4, latencySeconds });
      losses.push(entries.flatMap(({ body }) => (body.kind === 'commit' ? [body.loss] : [])));
      expect(entries.every(({ body }) => body.kind !== 'commit' || body.measurements === undefined)).toBe(
        true,
      );
    }
    expect(losses[0]).toEqual(losses[1]);
  });
});

describe('plans of forward passes alone', () => {
  it('are refused where paths break the rules of the policy, or a pass leaves that of its micro-batch', async () => {
    const { optimizer } = smallManifest({}).training;
    const settings: SmallRun = {
      ...skipping,
      iterations: 1,
      training: {
        ...skipping.training,
        codec: 'one-byte',
        probes: { directions: 1, perturbation: 1e-3, normalizeSteps: false },
        optimizer: { ...optimizer, name: 'sgd', momentum: 0, clip: 0 },
      },
    };
    const { simulation, entries } = await runOf(settings);
    expect(simulation.ends.get('p7')).toEqual({ how: 'ended' });
    const manifest = manifestOf(settings);
    const at = entries.findIndex(({ body }) => body.kind === 'plan');
    const entry = entries[at]!;
    const outcomeWith = (plan: unknown) => {
      const tampered = { ...entry, body: { ...(entry.body as PlanBody), plan } };
      return [...auditPlans([...entries.slice(0, at), tampered], manifest)].at(-1)!.outcome;
    };
    const made = planIn((entry.body as PlanBody).plan);
    expect(outcomeWith(planEntry(made))).toEqual({ kind: 'equal' });

    const groups = made.assignment.map((group) => group.map((index) => made.peers[index]!));
    const description = describeSwarm(manifest, groups, noMeasurements);
    const everywhere = { ...policies['1f1b'].plan(description, { seed: 1 }), policy: 'skippipe' };
    const whole = forwardOnlyPlan(description, everywhere, { passes: 2, microbatches: 4 });
    expect(outcomeWith(planEntry(whole))).toMatchObject({
      kind: 'invalid',
      problem: expect.stringContaining('(rule path-length)'),
    });

    const { nodes: own } = made.paths.find(({ microbatch }) => microbatch === 4)!; // pass 1 of micro-batch 0
    const { nodes } = made.paths.find(({ microbatch }) => microbatch === 2)!;
    expect(nodes[0]).toEqual(own[0]);
    expect(nodes).not.toEqual(own);
    const paths = made.paths.map((path) => (path.microbatch === 4 ? { ...path, nodes } : path));
    const shape = { ...made, paths, forwardOnly: true as const, priority: firstComeFirstServed };
    expect(outcomeWith(planEntry(recordPlan(description, shape)))).toEqual({
      kind: 'invalid',
      problem: 'paths: pass 1 of micro-batch 0 does not take the path of its first one',
    });
  });
});

describe('a run whose plans skip and search', () => {
  for (const names of [['p4'], ['p0'], ['p2', 'p3'], ['p6', 'p7'], ['p3', 'p5']]) {
    it(`goes on to its end when ${names.join(' and ')} crash in the middle of an iteration`, async () => {
      for (const seconds of [0.02, 0.06]) {
        let crashed = false;
        const simulation = smallSimulation({
          ...skipping,
          iterations: 4,
          script: (event, { world, crash }) => {
            if (event.kind !== 'plan' || event.iteration !== 2 || crashed) return;
            crashed = true;
            world.after(seconds, '', () => names.forEach(crash));
          },
        });
        await simulation.run(600);
        expect([...simulation.ends.values()].every((end) => end.how === 'ended')).toBe(true);
        const survivor = ['p0', 'p1', 'p4'].find((name) => !names.includes(name))!;
        const commits = simulation.events.flatMap((event) =>
          event.kind === 'commit' && event.of === survivor ? [event.commit] : [],
        );
        expect(commits.at(-1)!.iteration).toBe(4);
        for (const { stages, weights } of commits) {
          for (const { microbatches } of stages) expect(new Set(microbatches).size).toBe(microbatches.length);
          for (const { divergent } of weights) expect(divergent).toEqual([]);
        }
        const problems = simulation.events.filter((event) => event.kind === 'misbehaved');
        expect(problems).toEqual([]);
      }
    });
  }
});

describe('memory', () => {
  it('that peers have is never exceeded, also by micro-batches that are led around a lost peer', async () => {
    const limit = 2;
    let most = 0;
    const settings: SmallRun = {
      ...skipping,
      iterations: 4,
      memoryMicrobatches: limit,
      training: { policy: 'skippipe', skipRatio: 0.25, microbatchesPerAnchor: 4 },
      engine: (_, engine) =>
        changed(engine, {
          forward: async (request) => {
            const output = await engine.forward(request);
            most = Math.max(most, (await engine.memory()).residualsAlive);
            return output;
          },
        }),
      script: (event, { world, crash }) => {
        if (event.kind === 'plan' && event.of === 'p0' && event.iteration === 2) {
          world.after(0.05, '', () => crash('p4'));
        }
      },
    };
    const { simulation, entries } = await runOf(settings);
    expect(simulation.ends.get('p7')).toEqual({ how: 'ended' });
    expect(most).toBe(limit);
    const plans = entries.flatMap(({ body }) => (body.kind === 'plan' ? [body.plan as PlanJson] : []));
    expect(plans.every((plan) => plan.memoryLimits.every((given) => given === limit))).toBe(true);
    const audited = [...auditPlans(entries, manifestOf(settings))];
    expect(audited.filter(({ outcome }) => outcome.kind !== 'equal')).toEqual([]);
  });

  it('is what a granted place must fit in, beside the most that the plan has there at once', () => {
    const plan = policies['1f1b'].plan(chain(4, 6), { seed: 1 });
    const limited = (memory: number) => ({ ...plan, memoryLimits: plan.memoryLimits.map(() => memory) });
    const peak = timeline(plan, networkOf(chain(4, 6))).peakActivations[2]!;
    // micro-batches 4 and 5 are not in the plan here
    const shortened = (memory: number) => ({
      ...limited(memory),
      paths: plan.paths.map((path) =>
        path.microbatch < 4 ? path : { ...path, nodes: path.nodes.filter(({ stage }) => stage !== 2) },
      ),
    });
    expect(pathsOf(shortened(peak)).grantSlot(4, 2)).toBe(false);
    const roomy = pathsOf(shortened(peak + 1));
    expect(roomy.grantSlot(4, 2)).toBe(true);
    expect(roomy.grantSlot(5, 2)).toBe(false);
    roomy.dropped(4, 'it goes elsewhere', 'p2');
    expect(roomy.grantSlot(5, 2)).toBe(true);
  });
});

/** A chain of stages of one peer each, by a plan of its own. */
function chain(stages: number, microbatches: number): SwarmDescription {
  const groups = Array.from({ length: stages }, (_, stage) => [`p${stage}`]);
  const manifest = manifestOf({ stages, replicas: 1, training: { microbatchesPerAnchor: microbatches } });
  return describeSwarm(manifest, groups, noMeasurements);
}

/** The paths through p2. */
function pathsOf(plan: Plan): Paths {
  const nothing = () => {};
  return new Paths({
    self: 'p2',
    stage: 2,
    iteration: 1,
    attempt: 0,
    plan,
    activations: activationFormat(manifestOf({})),
    emergencySkips: 1,
    forwardOnly: false,
    mender: () => undefined,
    nextKey: () => 1,
    send: async () => {},
    alive: () => true,
    announceDropped: nothing,
    askSlot: async () => false,
    note: nothing,
    release: nothing,
    changed: nothing,
  });
}
