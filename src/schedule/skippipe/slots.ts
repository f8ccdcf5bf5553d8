// The slots bound, a linear program. An anchor with room for w micro-batches has w places; each is taken from a
// micro-batch's first forward to its last backward there. First starts are at least a forward apart, last ends a
// backward, so an anchor needs at least (sum of its round trips) / w + (w - 1)/2 (F + B). Which paths the anchors can
// take together is limited by the visits that peers take: a program over all paths, whose optimum is a bound.
//
// With free assignment there is one program per set of anchors, and the two-trip bound of that set; the least over all
// sets is the bound.

import { equalLoadsPossible, type Instance } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';
import { type Column, dualPrices } from './simplex.ts';
import { fixedProblem, freeProblems, type Problem } from './tours.ts';

const mostPivots = 2_000;

/** Seconds; undefined where the instance is too large or loads are not equal. */
export function slotsBound(instance: Instance): number | undefined {
  if (instance.microbatches === 0 || instance.pathLength < 2 || !equalLoadsPossible(instance))
    return undefined;
  const bound = instance.free ? freeBound(instance) : fixedBound(instance);
  return bound === undefined ? undefined : bound / microsecondsPerSecond;
}

function fixedBound(instance: Instance): number | undefined {
  const problem = fixedProblem(instance);
  return problem && lagrangian(instance, problem, solve(instance, problem));
}

function freeBound(instance: Instance): number | undefined {
  const problems = freeProblems(instance);
  if (problems === undefined) return undefined;
  const { problemOf, ranked } = problems;
  let least = Number.POSITIVE_INFINITY;
  let known: Prices[] = [];
  for (const { anchors, twoTrips } of ranked) {
    if (twoTrips >= least) break;
    const problem = problemOf(anchors);
    // Prices found for another set are prices here too: often they already show that this set is no better.
    if (known.some((prices) => lagrangian(instance, problem, prices) >= least)) continue;
    const prices = solve(instance, problem);
    const bound = Math.max(twoTrips, lagrangian(instance, problem, prices));
    known = [prices, ...known].slice(0, 3);
    least = Math.min(least, bound);
  }
  return least;
}

interface Prices {
  /** Per anchor peer, how much it counts. */
  readonly anchors: ReadonlyMap<number, number>;
  /** Per visited peer, microseconds: of a visit that it may not have, and of one that it must. */
  readonly above: ReadonlyMap<number, number>;
  readonly below: ReadonlyMap<number, number>;
}

export function placesOf({ memory, perAnchor }: Instance, anchor: number): number {
  return Math.min(memory[anchor]!, perAnchor);
}

/** (w - 1)/2 (F + B), with a split backward its weight half alone, which ends last. */
export function staggered(instance: Instance, anchor: number): number {
  const { stages, forward, backward, weight, gap, splitBackward } = instance;
  const at = anchor * stages;
  const each = forward[at]! + (splitBackward ? weight[at]! : backward[at]!) + 2 * gap[anchor]!;
  return ((placesOf(instance, anchor) - 1) / 2) * each;
}

/**
 * Minimise C: every anchor issues its micro-batches, no peer has more visits than it may or fewer than it must, and C is
 * at least every anchor's need. Seconds inside, so that numbers are of one size.
 */
function solve(instance: Instance, { anchors, tours, visits, better }: Problem): Prices {
  const count = anchors.length;
  const rowsOf = new Map(
    visits.map(({ peer }, at) => {
      const above = 2 * count + better.length + 2 * at;
      return [peer, { above, below: above + 1 }] as const;
    }),
  );
  const columns: Column[] = [
    { cost: 1, rows: anchors.map((_, a) => count + a), values: anchors.map(() => 1) },
    ...anchors.map((_, a): Column => ({ cost: 0, rows: [count + a], values: [-1] })),
    ...better.map((_, kind): Column => ({ cost: 0, rows: [2 * count + kind], values: [1] })),
  ];
  for (const { above, below } of rowsOf.values()) {
    columns.push({ cost: 0, rows: [above], values: [1] }, { cost: 0, rows: [below], values: [-1] });
    better.forEach(({ most, least }, kind) => {
      columns.push({ cost: 0, rows: [2 * count + kind, above, below], values: [1, -most, -least] });
    });
  }
  anchors.forEach((anchor, a) => {
    const places = placesOf(instance, anchor);
    for (const { peers: visited, length } of tours[a]!) {
      const rows = [a, count + a];
      const values = [1, -length / microsecondsPerSecond / places];
      for (const peer of visited) {
        const { above, below } = rowsOf.get(peer)!;
        rows.push(above, below);
        values.push(1, 1);
      }
      columns.push({ cost: 0, rows, values });
    }
  });
  const rhs = [
    ...anchors.map(() => instance.perAnchor),
    ...anchors.map((anchor) => staggered(instance, anchor) / microsecondsPerSecond),
    ...better.map(({ peers }) => peers),
    ...visits.flatMap(({ most, least }) => [most, least]),
  ];
  const prices = dualPrices(columns, rhs, mostPivots);
  const priced = (sign: number, which: 'above' | 'below') =>
    new Map(
      [...rowsOf].map(([peer, rows]) => [
        peer,
        Math.max(0, sign * prices[rows[which]]!) * microsecondsPerSecond,
      ]),
    );
  return {
    anchors: new Map(anchors.map((anchor, a) => [anchor, Math.max(0, prices[count + a]!)])),
    above: priced(-1, 'above'),
    below: priced(1, 'below'),
  };
}

/** A lower bound in microseconds for any prices: anchors count in shares of one, visits are paid for. */
function lagrangian(instance: Instance, { anchors, tours, visits, better }: Problem, prices: Prices): number {
  let sum = 0;
  for (const anchor of anchors) sum += prices.anchors.get(anchor) ?? 0;
  if (sum <= 0) return 0;
  const above = (peer: number) => (prices.above.get(peer) ?? 0) / sum;
  const below = (peer: number) => (prices.below.get(peer) ?? 0) / sum;
  const perVisit = new Float64Array(instance.peerCount);
  for (const { peer } of visits) perVisit[peer] = above(peer) - below(peer);
  let bound = 0;
  anchors.forEach((anchor, a) => {
    const part = (prices.anchors.get(anchor) ?? 0) / sum;
    const perPlace = part / placesOf(instance, anchor);
    let least = Number.POSITIVE_INFINITY;
    for (const { peers, length } of tours[a]!) {
      let cost = perPlace * length;
      for (const peer of peers) cost += perVisit[peer]!;
      if (cost < least) least = cost;
    }
    bound += part * staggered(instance, anchor) + instance.perAnchor * least;
  });
  for (const { peer, most, least } of visits) bound += below(peer) * least - above(peer) * most;
  for (const { most, least, peers } of better) {
    // Nobody knows who has the better seats: those may for whom that lowers the bound most.
    const worth = visits.map(({ peer }) => Math.max(0, above(peer) * most - below(peer) * least));
    worth.sort((a, b) => b - a);
    for (const value of worth.slice(0, peers)) bound -= value;
  }
  return bound;
}
