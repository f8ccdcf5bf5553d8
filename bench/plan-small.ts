// How often the path search finds the best plan there is: instances of four peers and four micro-batches, whose least
// makespan branch and bound over all paths and orders proves. The planner ends with the same branch and bound, cut off
// by its budget, so the search by annealing alone is judged beside it.

import type { SwarmDescription } from '../src/schedule/description.ts';
import { policies } from '../src/schedule/policies/index.ts';
import { stepsOf } from '../src/schedule/skippipe/budget.ts';
import { firstCandidate } from '../src/schedule/skippipe/candidate.ts';
import { type Least, leastMakespan } from '../src/schedule/skippipe/exhaustive/exhaustive.ts';
import { instanceOf } from '../src/schedule/skippipe/instance.ts';
import { boundsOf } from '../src/schedule/skippipe/plan-bounds.ts';
import { search } from '../src/schedule/skippipe/search.ts';
import { networkOf, timeline } from '../src/schedule/timeline.ts';
import { tinyInstance } from './plan-instances.ts';

export interface SmallPlanRow {
  readonly instance: number;
  /** Replicas of each stage. */
  readonly sizes: string;
  readonly pathLength: number;
  readonly memory: number;
  readonly seconds: number;
  readonly leastSeconds: number;
  /** 1: optimal. */
  readonly overLeast: number;
  /** The same of the search by annealing alone. */
  readonly annealedOverLeast: number;
  readonly proven: boolean;
  /** The least makespan over the larger of all bounds: by how much the bounds are too low. */
  readonly leastOverBound: number;
  /** Sets of paths that keep the rules, and tasks placed by the search over orders. */
  readonly pathSets: number;
  readonly nodes: number;
}

export const flags = { instances: 'number', seed: 'number', budget: 'number' } as const;

/** Nodes after which an instance counts as not proven. */
const mostNodes = 5e6;

export async function run(
  options: { readonly instances?: number; readonly seed?: number; readonly budget?: number } = {},
): Promise<{ bench: 'plan-small'; rows: readonly SmallPlanRow[]; notes: readonly string[] }> {
  const { instances = 100, seed = 1, budget = 1 } = options;
  const rows = Array.from({ length: instances }, (_, at) => judged(at + 1, seed, budget));
  const open = rows.filter((row) => !row.proven).length;
  return {
    bench: 'plan-small',
    rows,
    notes: [
      `the planner: ${counted(rows, (row) => row.overLeast)}`,
      `annealing alone: ${counted(rows, (row) => row.annealedOverLeast)}`,
      `not proven: ${open}`,
      `the bounds: the least makespan is ${mean(rows.map((row) => row.leastOverBound)).toFixed(3)} times the bound on average, at most ${Math.max(...rows.map((row) => row.leastOverBound)).toFixed(3)} times`,
    ],
  };
}

function counted(rows: readonly SmallPlanRow[], ratio: (row: SmallPlanRow) => number): string {
  const optimal = rows.filter((row) => row.proven && ratio(row) === 1).length;
  const near = rows.filter((row) => ratio(row) > 1 && ratio(row) <= 1.02).length;
  const worst = rows.reduce((most, row) => Math.max(most, ratio(row)), 1);
  return `optimal in ${optimal} of ${rows.length}, within 2 % in ${near} more, worst ${worst.toFixed(3)} and mean ${mean(rows.map(ratio)).toFixed(3)} times the least`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One instance planned and judged; its times are whole microseconds, so that equal makespans are equal numbers. */
export function judged(number: number, seed: number, budget: number): SmallPlanRow {
  const swarm = tinyInstance(number);
  const instance = instanceOf(swarm);
  const plan = policies.skippipe.plan(swarm, { seed, budget: { times: budget } });
  const found = Math.round(timeline(plan, networkOf(swarm)).makespanSeconds * 1e6);
  const steps = stepsOf(instance, { times: budget });
  const annealed = search(instance, { seed, steps, exhaustive: false }).makespan;
  const { makespan, proven, pathSets, nodes } = leastOf(swarm, found);
  return {
    instance: number,
    sizes: swarm.stageSizes.join(' '),
    pathLength: swarm.pathLength,
    memory: swarm.peers[0]!.memoryMicrobatches,
    seconds: found / 1e6,
    leastSeconds: makespan / 1e6,
    overLeast: found / makespan,
    annealedOverLeast: annealed / makespan,
    proven,
    leastOverBound: makespan / 1e6 / boundsOf(swarm, true).seconds,
    pathSets,
    nodes,
  };
}

/** The least makespan over all plans, below `limit` microseconds if there is any, for an instance that is small enough. */
export function leastOf(swarm: SwarmDescription, limit = Number.POSITIVE_INFINITY): Least {
  const instance = instanceOf(swarm);
  const least = leastMakespan(instance, firstCandidate(instance, { below: () => 0 }), limit, mostNodes);
  if (least === undefined) throw new Error('not a small instance');
  return least;
}
