// How good plans are and how soon they are there: the published instance with its assignment and a free one, random
// instances over the same links, and swarms of up to 1000 peers. Baselines in the same run: the published scheduler
// reimplemented, with and without heed of collisions, the first plan of the same search, random skipping, GWTF's
// flows, SWARM's wiring and DT-FM's full pipeline; the bound says how far a plan could still fall.

import { performance } from 'node:perf_hooks';
import type { SwarmDescription } from '../src/schedule/description.ts';
import { type Budget, type PolicyName, policies } from '../src/schedule/policies/index.ts';
import { instanceOf } from '../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../src/schedule/skippipe/plan-bounds.ts';
import { planOfCandidate } from '../src/schedule/skippipe/plan.ts';
import { publishedMethod } from '../src/schedule/skippipe/published/method.ts';
import { rulesOf } from '../src/schedule/skippipe/rules.ts';
import { networkOf, timeline } from '../src/schedule/timeline.ts';
import { validatePlan } from '../src/schedule/validate.ts';
import { geo20 } from '../test/schedule/skippipe/geo20.ts';
import { median } from '../src/swarm/medians.ts';
import { randomInstance, smallInstance } from './plan-instances.ts';

/** Of its authors' 8000 trials a quarter: more changed little. */
const publishedOptions = { seed: 1, collisions: true, trials: 2000, nodes: 2000 };

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
  /** The published method with heed of collisions, its tree broken off after 2000 nodes a wave. */
  readonly overPublished: number;
  readonly overBlind: number;
  readonly overRandomSkip: number;
  readonly overGwtf: number;
  readonly overSwarm: number;
  readonly overDtfm: number;
}

export interface PlanBenchOptions {
  /** Only what is named so: geo20, random or regions. */
  readonly only?: string;
  /** Seeds per instance; 3 by default. */
  readonly seeds?: number;
  /** How many random instances; 10 by default. */
  readonly instances?: number;
  /** Multiple of the default budget. */
  readonly budget?: number;
  /** Largest swarm; 200 by default. */
  readonly largest?: number;
}

export const flags = {
  only: 'text',
  seeds: 'number',
  instances: 'number',
  budget: 'number',
  largest: 'number',
} as const;

export async function run(
  options: PlanBenchOptions = {},
): Promise<{ bench: 'plan'; rows: readonly PlanRow[]; notes: readonly string[] }> {
  const { seeds = 3 } = options;
  const budget: Budget = { times: options.budget ?? 1 };
  policies.skippipe.plan(geo20(), { seed: 0, budget: { times: 0.1 } }); // compiled before anything is timed
  const rows = [...instancesOf(options)].map(([name, swarm]) =>
    measure(name, swarm, name.startsWith('geo20') ? seeds : 1, budget),
  );
  return {
    bench: 'plan',
    rows,
    notes: [
      ...(['fixed', 'free'] as const).flatMap((assignment) => randomNote(rows, assignment)),
      'Bounds are two trips, busiest peer and, where small enough, the slots program. Milliseconds depend on what else the machine does; plans do not.',
    ],
  };
}

function* instancesOf({
  only = '',
  instances = 10,
  largest = 200,
}: PlanBenchOptions): Generator<readonly [string, SwarmDescription]> {
  const wanted = (name: string) => name.startsWith(only);
  if (wanted('geo20')) {
    yield ['geo20', geo20()];
    yield ['geo20', geo20({ free: true })];
    yield ['geo20, split backward', geo20({ splitBackward: true })];
    yield ['geo20, split backward', geo20({ free: true, splitBackward: true })];
  }
  for (let seed = 1; wanted('random') && seed <= instances; seed++) {
    yield [`random ${seed}`, smallInstance(seed, false)];
    yield [`random ${seed}`, smallInstance(seed, true)];
  }
  for (const peers of [50, 200, 1000].filter((count) => wanted('regions') && count <= largest)) {
    const swarm = randomInstance(peers, {
      peers,
      stages: peers < 200 ? 6 : 12,
      pathLength: peers < 200 ? 4 : 8,
      microbatchesPerAnchor: 4,
      forwardSeconds: 0.44,
      speedSpread: 2,
      free: false,
    });
    yield ['regions, speeds differ', swarm];
  }
}

/** Mean ratios over the random instances, and those where the published method was better. */
function randomNote(rows: readonly PlanRow[], assignment: PlanRow['assignment']): string[] {
  const chosen = rows.filter((row) => row.assignment === assignment && row.instance.startsWith('random'));
  if (chosen.length === 0) return [];
  const mean = (ratio: (row: PlanRow) => number) =>
    (chosen.reduce((sum, row) => sum + ratio(row), 0) / chosen.length).toFixed(3);
  const worse = chosen.filter((row) => row.overPublished > 1 + 1e-9).map((row) => row.instance);
  return [
    `${chosen.length} random instances, ${assignment} assignment: mean makespan over bound ${mean((row) => row.overBound)}, ` +
      `published ${mean((row) => row.overPublished)}, skippipe-blind ${mean((row) => row.overBlind)}, ` +
      `random-skip ${mean((row) => row.overRandomSkip)}, gwtf ${mean((row) => row.overGwtf)}, ` +
      `swarm ${mean((row) => row.overSwarm)}, dtfm ${mean((row) => row.overDtfm)}; ` +
      `above the published method: ${worse.join(', ') || 'never'}`,
  ];
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
    overPublished: over(publishedSeconds(swarm)),
    overBlind: baseline('skippipe-blind'),
    overRandomSkip: baseline('random-skip'),
    overGwtf: baseline('gwtf'),
    overSwarm: baseline('swarm'),
    overDtfm: baseline('dtfm'),
  };
}

/** The published method as it is told: with heed of collisions, first come first served. */
function publishedSeconds(swarm: SwarmDescription): number {
  const { instance, candidate, evaluator } = publishedMethod(instanceOf(swarm), publishedOptions);
  const plan = planOfCandidate('published', swarm, instance, evaluator, candidate);
  return timeline(plan, networkOf(swarm)).makespanSeconds;
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
