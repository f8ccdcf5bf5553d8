// How good plans are and how soon they are there: the published instance with its assignment and a free one, random
// instances over the same links, and 200 peers. Baselines in the same run: the first plan of the same search, random
// skipping, GWTF's flows and DT-FM's full pipeline; the bound says how far a plan could still fall.

import { performance } from 'node:perf_hooks';
import type { SwarmDescription } from '../src/schedule/description.ts';
import { type Budget, type PolicyName, policies } from '../src/schedule/policies/index.ts';
import { instanceOf } from '../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../src/schedule/skippipe/plan-bounds.ts';
import { rulesOf } from '../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../src/schedule/timeline.ts';
import { validatePlan } from '../src/schedule/validate.ts';
import { geo20 } from '../test/schedule/skippipe/geo20.ts';
import { randomInstance, smallInstance } from './plan-instances.ts';

export interface PlanRow {
  readonly instance: string;
  readonly assignment: 'fixed' | 'free';
  readonly peers: number;
  readonly microbatches: number;
  /** Milliseconds until the first valid plan, and until the default answer; medians over the seeds. */
  readonly firstMs: number;
  readonly planMs: number;
  /** Median and worst makespan over the seeds. */
  readonly seconds: number;
  readonly worstSeconds: number;
  readonly boundSeconds: number;
  /** Makespan over bound, and over the baselines' (below 1: shorter). */
  readonly overBound: number;
  readonly overFirst: number;
  readonly overBlind: number;
  readonly overRandomSkip: number;
  readonly overGwtf: number;
  readonly overDtfm: number;
}

export interface PlanBenchOptions {
  /** Seeds per instance; 3 by default. */
  readonly seeds?: number;
  /** How many random instances; 10 by default. */
  readonly instances?: number;
  /** Multiple of the default budget. */
  readonly budget?: number;
  /** Largest swarm; 200 by default. */
  readonly largest?: number;
}

export const flags = { seeds: 'number', instances: 'number', budget: 'number', largest: 'number' } as const;

export async function run(
  options: PlanBenchOptions = {},
): Promise<{ bench: 'plan'; rows: readonly PlanRow[]; notes: readonly string[] }> {
  const { seeds = 3, instances = 10, largest = 200 } = options;
  const budget: Budget = { times: options.budget ?? 1 };
  policies.skippipe.plan(geo20(), { seed: 0, budget: { times: 0.1 } }); // compiled before anything is timed
  const rows = [
    measure('geo20', geo20(), seeds, budget),
    measure('geo20', geo20({ free: true }), seeds, budget),
    measure('geo20, split backward', geo20({ splitBackward: true }), seeds, budget),
    measure('geo20, split backward', geo20({ free: true, splitBackward: true }), seeds, budget),
  ];
  for (let seed = 1; seed <= instances; seed++) {
    rows.push(measure(`random ${seed}`, smallInstance(seed, false), 1, budget));
    rows.push(measure(`random ${seed}`, smallInstance(seed, true), 1, budget));
  }
  for (const peers of [50, 200, 1000].filter((count) => count <= largest)) {
    const swarm = randomInstance(peers, {
      peers,
      stages: peers < 200 ? 6 : 12,
      pathLength: peers < 200 ? 4 : 8,
      microbatchesPerAnchor: 4,
      forwardSeconds: 0.44,
      speedSpread: 2,
      free: false,
    });
    rows.push(measure('regions, speeds differ', swarm, 1, budget));
  }
  const mean = (assignment: string) => {
    const chosen = rows.filter((row) => row.assignment === assignment && row.instance.startsWith('random'));
    return chosen.reduce((sum, row) => sum + row.overBound, 0) / Math.max(1, chosen.length);
  };
  return {
    bench: 'plan',
    rows,
    notes: [
      `random instances, mean makespan over bound: fixed assignment ${mean('fixed').toFixed(3)}, free ${mean('free').toFixed(3)}`,
      'Bounds are two trips, busiest peer and, where small enough, the slots program. Milliseconds depend on what else the machine does; plans do not.',
    ],
  };
}

function measure(instance: string, swarm: SwarmDescription, seeds: number, budget: Budget): PlanRow {
  const solved = Array.from({ length: seeds }, (_, at) => {
    const first = timed('skippipe', swarm, at + 1, { steps: 0 });
    const best = timed('skippipe', swarm, at + 1, budget);
    return { first, best };
  });
  const seconds = median(solved.map(({ best }) => best.seconds));
  const bounds = boundsOf(swarm, swarm.peers.length <= 24);
  const over = (other: number) => seconds / other;
  const baseline = (name: PolicyName) => over(timed(name, swarm, 1).seconds);
  return {
    instance,
    assignment: swarm.assignment === undefined ? 'free' : 'fixed',
    peers: swarm.peers.length,
    microbatches: instanceOf(swarm).microbatches,
    firstMs: median(solved.map(({ first }) => first.milliseconds)),
    planMs: median(solved.map(({ best }) => best.milliseconds)),
    seconds,
    worstSeconds: Math.max(...solved.map(({ best }) => best.seconds)),
    boundSeconds: bounds.seconds,
    overBound: over(bounds.seconds),
    overFirst: over(median(solved.map(({ first }) => first.seconds))),
    overBlind: baseline('skippipe-blind'),
    overRandomSkip: baseline('random-skip'),
    overGwtf: baseline('gwtf'),
    overDtfm: baseline('dtfm'),
  };
}

function timed(name: PolicyName, swarm: SwarmDescription, seed: number, budget?: Budget) {
  const started = performance.now();
  const plan = policies[name].plan(swarm, budget === undefined ? { seed } : { seed, budget });
  const milliseconds = performance.now() - started;
  if (name === 'skippipe') {
    const [problem] = validatePlan(plan, rulesOf(instanceOf(swarm)));
    if (problem !== undefined) throw new Error(`${name}: ${problem.message}`);
  }
  return { milliseconds, seconds: timeline(plan, networkOf(swarm)).makespanSeconds };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
