// The best plan of a tiny instance: branch and bound over all sets of paths that keep the rules and, for each, over
// all orders of work. Where there are few enough it ends the search with a proof; it is also the judge by which the
// search is measured. Exponential: for some four peers and four micro-batches. Who holds which stage stays as it is.

import { finish, type Sliced } from '../../slices.ts';
import type { Candidate } from '../candidate.ts';
import { createChains } from '../chains.ts';
import type { Started } from '../evaluate.ts';
import type { Instance } from '../instance.ts';
import { leastOfAnyOrder, leastOrder, type Step, stepsOfChains } from './orders.ts';
import { pathSets } from './sets.ts';

export interface Least {
  /** Microseconds; the given limit where nothing shorter was found. */
  readonly makespan: number;
  /** Whether nothing shorter than `makespan` exists. */
  readonly proven: boolean;
  /** Paths and order of what takes `makespan`, where something shorter than the limit was found. */
  readonly found?: { readonly path: Int32Array; readonly started: readonly Started[] };
  readonly pathSets: number;
  /** Tasks placed. */
  readonly nodes: number;
}

/** Sets of paths that are looked at, before rules of the set, at most. */
const mostSets = 20_000;

/** The least makespan below `limit`; undefined for instances that are not small enough, or split backward. */
export function leastMakespan(
  instance: Instance,
  candidate: Candidate,
  limit: number,
  mostNodes: number,
): Least | undefined {
  return finish(leastMakespanInSlices(instance, candidate, limit, mostNodes));
}

/** The same in slices. */
export function* leastMakespanInSlices(
  instance: Instance,
  candidate: Candidate,
  limit: number,
  mostNodes: number,
): Sliced<Least | undefined> {
  if (instance.splitBackward || instance.microbatches === 0) return undefined;
  const paths = pathSets(instance, candidate, mostSets);
  if (paths === undefined) return undefined;
  const chains = createChains(instance);
  const read = (path: Int32Array): Step[][] => {
    for (let m = 0; m < instance.microbatches; m++) chains.load({ ...candidate, path }, m);
    return stepsOfChains(instance, chains);
  };
  const sets: { readonly path: Int32Array; readonly bound: number }[] = [];
  for (const path of paths) {
    const steps = read(path);
    // A task that takes no time could be through before the search over orders has looked at what it frees.
    if (steps.some((chain) => chain.some(({ duration }) => duration === 0))) return undefined;
    sets.push({ path, bound: leastOfAnyOrder(instance, steps) });
    if (sets.length % 512 === 0) yield;
  }
  sets.sort((a, b) => a.bound - b.bound);
  let least: Least = { makespan: limit, proven: true, pathSets: sets.length, nodes: 0 };
  for (const { path, bound } of sets) {
    if (bound >= least.makespan) break;
    const order = yield* leastOrder(instance, read(path), least.makespan, mostNodes - least.nodes);
    const nodes = least.nodes + order.nodes;
    const found = order.started === undefined ? {} : { found: { path, started: order.started } };
    least = { ...least, ...found, makespan: order.makespan, nodes, proven: nodes < mostNodes };
    if (!least.proven) break;
  }
  return least;
}
