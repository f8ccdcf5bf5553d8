// How good plans are and how soon they are there: the published instance with its assignment and a free one, random
// instances over the same links, and larger swarms. On request (`--only scale`, `quick` or `seats`) how planning grows
// with the swarm, how soon a first plan or a new way for a broken path is there, and how good a newcomer's seat is.
// Baselines in the same run: the published scheduler
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
import { median } from '../src/swarm/membership/medians.ts';
import { smallInstance } from './plan-instances.ts';
import {
  type QuickRow,
  quickRows,
  type ScaleRow,
  scaleRows,
  scaleSwarm,
  type SeatRow,
  seatRow,
} from './plan-parts.ts';

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
  /** Only what is named so: geo20, random or regions, or one of scale, quick and seats, which are left out otherwise. */
  readonly only?: string;
  /** Seeds per instance; 3 by default. */
  readonly seeds?: number;
  /** How many random instances; 10 by default, 30 for seats; and the number of the first, 1 by default. */
  readonly instances?: number;
  readonly from?: number;
  /** Multiple of the default budget. */
  readonly budget?: number;
  /** Largest swarm; 200 by default, 10,000 for scale. */
  readonly largest?: number;
}

export const flags = {
  only: 'text',
  seeds: 'number',
  instances: 'number',
  from: 'number',
  budget: 'number',
  largest: 'number',
} as const;

interface PlanBench<Row> {
  readonly bench: 'plan';
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

const scaleSizes = [20, 50, 200, 1000, 10_000];

export async function run(
  options: PlanBenchOptions = {},
): Promise<PlanBench<PlanRow | ScaleRow | QuickRow | SeatRow>> {
  const budget: Budget = { times: options.budget ?? 1 };
  policies.skippipe.plan(geo20(), { seed: 0, budget: { times: 0.1 } }); // compiled before anything is timed
  switch (options.only) {
    case 'scale': {
      const sizes = scaleSizes.filter((size) => size <= (options.largest ?? 10_000));
      return { bench: 'plan', rows: [...scaleRows(sizes, budget)], notes: [] };
    }
    case 'quick':
      return { bench: 'plan', rows: quickRows(), notes: [] };
    case 'seats':
      return seats(options.instances ?? 30);
    default:
      return plans(options, budget);
  }
}

function seats(instances: number): PlanBench<SeatRow> {
  const rows = Array.from({ length: instances }, (_, at) => seatRow(at + 1));
  const mean = rows.reduce((sum, { overBest }) => sum + overBest, 0) / rows.length;
  const right = rows.filter(({ chosen, best }) => chosen === best).length;
  const worst = Math.max(...rows.map(({ overBest }) => overBest));
  const note = `${right} of ${rows.length} newcomers sit on the best seat; on average the iteration takes ${mean.toFixed(3)} times as long as with the best seat, at most ${worst.toFixed(3)} times.`;
  return { bench: 'plan', rows, notes: [note] };
}

function plans(options: PlanBenchOptions, budget: Budget): PlanBench<PlanRow> {
  const { seeds = 3 } = options;
  const rows = [...instancesOf(options)].map(([name, swarm]) =>
    measure(name, swarm, name.startsWith('geo20') ? seeds : 1, budget),
  );
  return {
    bench: 'plan',
    rows,
    notes: [
      ...(['fixed', 'free'] as const).flatMap((assignment) => randomNote(rows, assignment)),
      'Bounds are two trips, busiest peer and, where small enough, the linear programs. Milliseconds depend on what else the machine does; plans do not.',
    ],
  };
}

function* instancesOf({
  only = '',
  instances = 10,
  from = 1,
  largest = 200,
}: PlanBenchOptions): Generator<readonly [string, SwarmDescription]> {
  const wanted = (name: string) => name.startsWith(only);
  if (wanted('geo20')) {
    yield ['geo20', geo20()];
    yield ['geo20', geo20({ free: true })];
    yield ['geo20, split backward', geo20({ splitBackward: true })];
    yield ['geo20, split backward', geo20({ free: true, splitBackward: true })];
  }
  for (let seed = from; wanted('random') && seed < from + instances; seed++) {
    yield [`random ${seed}`, smallInstance(seed, false)];
    yield [`random ${seed}`, smallInstance(seed, true)];
  }
  for (const peers of [50, 200, 1000].filter((count) => wanted('regions') && count <= largest)) {
    yield ['regions, speeds differ', scaleSwarm(peers)];
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
