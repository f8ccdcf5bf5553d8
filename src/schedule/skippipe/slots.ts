// The slots bound, a linear program. An anchor with room for w micro-batches has w places; each is taken from a
// micro-batch's first forward to its last backward there. First starts are at least a forward apart, last ends a
// backward, so an anchor needs at least (sum of its round trips) / w + (w - 1)/2 (F + B). Which paths the anchors can
// take together is limited by the visits that peers take: a program over all paths, whose optimum is a bound.
//
// With free assignment stages and their order are forgotten: a path is an anchor and any other peers at their cheapest
// order; one program per set of anchors, and the two-trip bound of that set; the least over all sets is the bound. How
// many visits a peer may have, and must, depends on how many others its stage has: of each kind of seat there are so many.

import { anchorSets } from './anchor-sets.ts';
import { anchorNeed, stagesOfPeers, thereAndBack, visitWork } from './bounds.ts';
import { createOrderer } from './candidate.ts';
import { binomial, combinations, permutations, product } from './combinations.ts';
import { equalLoadsPossible, type Instance } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';
import { lightestStages } from './orders.ts';
import { type Column, dualPrices } from './simplex.ts';

/** Beyond so many paths per anchor the bound is not computed. */
const mostPaths = 20_000;
const mostPivots = 2_000;

/** A way around for an anchor: the peers visited and the microseconds alone. */
interface Tour {
  readonly peers: readonly number[];
  readonly length: number;
}

/** Seconds; undefined where the instance is too large or loads are not equal. */
export function slotsBound(instance: Instance): number | undefined {
  if (instance.microbatches === 0 || instance.pathLength < 2 || !equalLoadsPossible(instance))
    return undefined;
  const bound = instance.free ? freeBound(instance) : fixedBound(instance);
  return bound === undefined ? undefined : bound / microsecondsPerSecond;
}

/** The visits that a peer of a stage may have at most, and must have. */
interface Seat {
  readonly most: number;
  readonly least: number;
}

interface Visits extends Seat {
  readonly peer: number;
}

/** So many of the peers may have so many visits more, and must have so many more. */
interface Better extends Seat {
  readonly peers: number;
}

/** What is decided over: which tours of the anchors, and where it is open, who has the better seats. */
interface Problem {
  readonly anchors: readonly number[];
  /** Per anchor. */
  readonly tours: readonly (readonly Tour[])[];
  readonly visits: readonly Visits[];
  readonly better: readonly Better[];
}

/** Per stage after stage 0: its equal load, shared by its peers. */
function seatsOf({ microbatches, pathLength, live, sizes }: Instance): Seat[] {
  const load = (microbatches * (pathLength - 1)) / (live.length - 1);
  return live.slice(1).map((stage) => {
    const size = sizes[stage]!;
    const most = Math.ceil(Math.ceil(load) / size);
    return { most, least: Math.max(0, Math.floor(load) - (size - 1) * most) };
  });
}

/** For a free assignment to so many peers: the seat that everybody has at least, and how many have a better one. */
function seatsByKind(instance: Instance, peers: number): { readonly base: Seat; readonly better: Better[] } {
  const { live, sizes } = instance;
  const kinds = seatsOf(instance).map((seat, at) => ({ ...seat, peers: sizes[live[at + 1]!]! }));
  const seated = kinds.reduce((sum, kind) => sum + kind.peers, 0);
  if (seated < peers) kinds.push({ most: 0, least: 0, peers: peers - seated });
  kinds.sort((a, b) => a.most - b.most);
  const better = kinds.slice(1).map((kind, at) => ({
    most: kind.most - kinds[at]!.most,
    least: kind.least - kinds[at]!.least,
    peers: kinds.slice(at + 1).reduce((sum, other) => sum + other.peers, 0),
  }));
  return { base: kinds[0]!, better: better.filter(({ most, least }) => most !== 0 || least !== 0) };
}

function fixedBound(instance: Instance): number | undefined {
  const { assignment, pathLength, headAtAnchor, live, largestJump } = instance;
  const stageOf = stagesOfPeers(instance);
  const path = new Int32Array(pathLength);
  const candidate = { stageOf, path };
  const orderer = createOrderer(instance);
  if (binomial(live.length - 1, pathLength - 1) > mostPaths) return undefined;
  const sets = combinations(live.slice(1), pathLength - 1).filter(
    (stages) =>
      lightestStages(
        stages,
        stages.map(() => 0),
        stages.length,
        largestJump,
      ) !== undefined,
  );
  let count = 0;
  for (const stages of sets) count += stages.reduce((size, stage) => size * assignment[stage]!.length, 1);
  if (count > mostPaths) return undefined;
  const peerSets = sets.flatMap((stages) => product(stages.map((stage) => assignment[stage]!)));
  const tours = assignment[0]!.map((anchor) =>
    peerSets.map((peers): Tour => {
      path[0] = anchor;
      path.set(peers, 1);
      orderer.order(candidate, 0);
      // The order of least transfers may end at a peer with a slower head than another order: the fastest counts.
      const heads = headAtAnchor ? [0] : peers.map((peer) => instance.head[peer]!);
      let length = ownWork(instance, anchor) + Math.min(...heads);
      for (let at = 1; at < pathLength; at++) {
        length += thereAndBack(instance, path[at - 1]!, path[at]!) + visitWork(instance, stageOf, path[at]!);
      }
      if (headAtAnchor) length += thereAndBack(instance, path[pathLength - 1]!, anchor);
      return { peers, length };
    }),
  );
  const seats = seatsOf(instance);
  const visits = live
    .slice(1)
    .flatMap((stage, at) => assignment[stage]!.map((peer) => ({ peer, ...seats[at]! })));
  const problem = { anchors: assignment[0]!, tours, visits, better: [] };
  return lagrangian(instance, problem, solve(instance, problem));
}

function freeBound(instance: Instance): number | undefined {
  const { peerCount, pathLength, headAtAnchor, head } = instance;
  const visits = pathLength - 1;
  const sets = anchorSets(instance);
  const orders = visits <= 4 ? permutations(visits) : undefined;
  if (sets === undefined || orders === undefined) return undefined;
  const stageOf = stagesOfPeers(instance);
  const work = Float64Array.from({ length: peerCount }, (_, peer) => visitWork(instance, stageOf, peer));
  const everyone = Array.from({ length: peerCount }, (_, peer) => peer);
  if (binomial(peerCount, visits) > mostPaths) return undefined;
  const groups = combinations(everyone, visits);
  const leastHead = headAtAnchor
    ? 0
    : head.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const { base, better } = seatsByKind(instance, peerCount - instance.anchorCount);
  /** Per anchor: every tour through any other peers. */
  const toursOf = everyone.map((anchor) =>
    groups
      .filter((peers) => !peers.includes(anchor))
      .map((peers): Tour => {
        let least = Number.POSITIVE_INFINITY;
        for (const order of orders) {
          let length = 0;
          let at = anchor;
          for (const which of order) {
            length += thereAndBack(instance, at, peers[which]!);
            at = peers[which]!;
          }
          if (headAtAnchor) length += thereAndBack(instance, at, anchor);
          least = Math.min(least, length);
        }
        const compute = peers.reduce((sum, peer) => sum + work[peer]!, ownWork(instance, anchor) + leastHead);
        return { peers, length: least + compute };
      }),
  );
  // Sets in ascending order of their two-trip bounds: once that alone is no less than the least so far, none is better.
  const ranked = sets.map((anchors) => {
    const tours = anchors.map((anchor) =>
      toursOf[anchor]!.filter(({ peers }) => !peers.some((peer) => anchors.includes(peer))),
    );
    const twoTrips = anchors.map((anchor, at) =>
      anchorNeed(
        instance,
        anchor,
        tours[at]!.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY),
      ),
    );
    return { anchors, twoTrips: Math.max(...twoTrips) };
  });
  ranked.sort((a, b) => a.twoTrips - b.twoTrips);
  let least = Number.POSITIVE_INFINITY;
  let known: Prices[] = [];
  for (const { anchors, twoTrips } of ranked) {
    if (twoTrips >= least) break;
    const tours = anchors.map((anchor) =>
      toursOf[anchor]!.filter(({ peers }) => !peers.some((peer) => anchors.includes(peer))),
    );
    const visits = everyone.filter((peer) => !anchors.includes(peer)).map((peer) => ({ peer, ...base }));
    const problem = { anchors, tours, visits, better };
    // Prices found for another set are prices here too: often they already show that this set is no better.
    if (known.some((prices) => lagrangian(instance, problem, prices) >= least)) continue;
    const prices = solve(instance, problem);
    const bound = Math.max(twoTrips, lagrangian(instance, problem, prices));
    known = [prices, ...known].slice(0, 3);
    least = Math.min(least, bound);
  }
  return least;
}

/** Compute of the anchor itself on one round trip. */
function ownWork(
  { stages, forward, backward, weight, head, headAtAnchor }: Instance,
  anchor: number,
): number {
  const at = anchor * stages;
  return forward[at]! + backward[at]! + weight[at]! + (headAtAnchor ? head[anchor]! : 0);
}

interface Prices {
  /** Per anchor peer, how much it counts. */
  readonly anchors: ReadonlyMap<number, number>;
  /** Per visited peer, microseconds: of a visit that it may not have, and of one that it must. */
  readonly above: ReadonlyMap<number, number>;
  readonly below: ReadonlyMap<number, number>;
}

function placesOf({ memory, perAnchor }: Instance, anchor: number): number {
  return Math.min(memory[anchor]!, perAnchor);
}

/** (w - 1)/2 (F + B), with a split backward its weight half alone, which ends last. */
function staggered(instance: Instance, anchor: number): number {
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
