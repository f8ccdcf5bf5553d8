// How often the path search finds the best plan there is: instances of four peers and four micro-batches, whose least
// makespan branch and bound over all paths and orders proves.

import { policies } from '../src/schedule/policies/index.ts';
import { networkOf, timeline } from '../src/schedule/timeline.ts';
import { leastMakespan } from './branch-and-bound.ts';
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
  readonly proven: boolean;
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
  const optimal = rows.filter((row) => row.proven && row.overLeast === 1).length;
  const near = rows.filter((row) => row.overLeast > 1 && row.overLeast <= 1.02).length;
  const worst = rows.reduce((most, row) => Math.max(most, row.overLeast), 1);
  const open = rows.filter((row) => !row.proven).length;
  return {
    bench: 'plan-small',
    rows,
    notes: [
      `optimal in ${optimal} of ${instances}, within 2 % in ${near} more, worst ${worst.toFixed(3)} times the least; not proven: ${open}`,
    ],
  };
}

/** One instance planned and judged; its times are whole microseconds, so that equal makespans are equal numbers. */
export function judged(instance: number, seed: number, budget: number): SmallPlanRow {
  const swarm = tinyInstance(instance);
  const plan = policies.skippipe.plan(swarm, { seed, budget: { times: budget } });
  const found = Math.round(timeline(plan, networkOf(swarm)).makespanSeconds * 1e6);
  const { makespan, proven, pathSets, nodes } = leastMakespan(swarm, found, mostNodes);
  return {
    instance,
    sizes: swarm.stageSizes.join(' '),
    pathLength: swarm.pathLength,
    memory: swarm.peers[0]!.memoryMicrobatches,
    seconds: found / 1e6,
    leastSeconds: makespan / 1e6,
    overLeast: found / makespan,
    proven,
    pathSets,
    nodes,
  };
}
