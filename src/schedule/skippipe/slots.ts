// The slots bound, a linear program. An anchor with room for w micro-batches has w places; each is taken from a
// micro-batch's first forward to its last backward there. First starts are at least a forward apart, last ends a
// backward, so an anchor needs at least (sum of its round trips) / w + (w - 1)/2 (F + B). Which paths the anchors can
// take together is limited by the visits that peers take: a program over all paths, whose optimum is a bound.
//
// With free assignment stages and their order are forgotten: a path is an anchor and any other peers at their cheapest
// order; one program per set of anchors, and the two-trip bound of that set; the least over all sets is the bound.
// Peers that can be exchanged without changing anything make sets equal.

import { anchorNeed, stagesOfPeers, visitWork } from './bounds.ts';
import { createOrderer } from './candidate.ts';
import { equalLoadsPossible, type Instance, microsecondsPerSecond } from './instance.ts';
import { lightestStages } from './orders.ts';
import { type Column, dualPrices } from './simplex.ts';

/** Beyond so many paths per anchor, or sets of anchors, the bound is not computed. */
const mostPaths = 20_000;
const mostSets = 20_000;
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

/** The most visits a peer of each stage may have. */
function shares({ microbatches, pathLength, live, sizes }: Instance): Map<number, number> {
  const load = Math.ceil((microbatches * (pathLength - 1)) / (live.length - 1));
  return new Map(live.slice(1).map((stage) => [stage, Math.ceil(load / sizes[stage]!)]));
}

function fixedBound(instance: Instance): number | undefined {
  const { assignment, pathLength, peerCount, roundTrip, headAtAnchor, live, largestJump } = instance;
  const stageOf = stagesOfPeers(instance);
  const path = new Int32Array(pathLength);
  const candidate = { stageOf, path, bias: new Float64Array(1), urgent: new Uint8Array(1) };
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
        length += roundTrip[path[at - 1]! * peerCount + path[at]!]! + visitWork(instance, stageOf, path[at]!);
      }
      if (headAtAnchor) length += roundTrip[path[pathLength - 1]! * peerCount + anchor]!;
      return { peers, length };
    }),
  );
  const share = shares(instance);
  const capacity = new Map(
    live.slice(1).flatMap((stage) => assignment[stage]!.map((peer) => [peer, share.get(stage)!] as const)),
  );
  return program(instance, assignment[0]!, tours, capacity);
}

function freeBound(instance: Instance): number | undefined {
  const { peerCount, pathLength, roundTrip, headAtAnchor, head } = instance;
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
  const share = Math.max(...shares(instance).values());
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
            length += roundTrip[at * peerCount + peers[which]!]!;
            at = peers[which]!;
          }
          if (headAtAnchor) length += roundTrip[at * peerCount + anchor]!;
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
    const capacity = new Map(everyone.filter((peer) => !anchors.includes(peer)).map((peer) => [peer, share]));
    // Prices found for another set are prices here too: often they already show that this set is no better.
    if (known.some((prices) => lagrangian(instance, anchors, tours, capacity, prices) >= least)) continue;
    const prices = solve(instance, anchors, tours, capacity);
    const bound = Math.max(twoTrips, lagrangian(instance, anchors, tours, capacity, prices));
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
  /** Per visited peer, microseconds of a visit. */
  readonly peers: ReadonlyMap<number, number>;
}

function program(
  instance: Instance,
  anchors: readonly number[],
  tours: readonly (readonly Tour[])[],
  capacity: ReadonlyMap<number, number>,
): number {
  return lagrangian(instance, anchors, tours, capacity, solve(instance, anchors, tours, capacity));
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
 * Minimise C: every anchor issues its micro-batches, no peer has more than its capacity, and C is at least every
 * anchor's need. Seconds inside, so that numbers are of one size.
 */
function solve(
  instance: Instance,
  anchors: readonly number[],
  tours: readonly (readonly Tour[])[],
  capacity: ReadonlyMap<number, number>,
): Prices {
  const count = anchors.length;
  const peers = [...capacity.keys()];
  const rowOf = new Map(peers.map((peer, at) => [peer, 2 * count + at]));
  const columns: Column[] = [
    { cost: 1, rows: anchors.map((_, a) => count + a), values: anchors.map(() => 1) },
    ...anchors.map((_, a): Column => ({ cost: 0, rows: [count + a], values: [-1] })),
    ...peers.map((peer): Column => ({ cost: 0, rows: [rowOf.get(peer)!], values: [1] })),
  ];
  anchors.forEach((anchor, a) => {
    const places = placesOf(instance, anchor);
    for (const { peers: visited, length } of tours[a]!) {
      columns.push({
        cost: 0,
        rows: [a, count + a, ...visited.map((peer) => rowOf.get(peer)!)],
        values: [1, -length / microsecondsPerSecond / places, ...visited.map(() => 1)],
      });
    }
  });
  const rhs = [
    ...anchors.map(() => instance.perAnchor),
    ...anchors.map((anchor) => staggered(instance, anchor) / microsecondsPerSecond),
    ...peers.map((peer) => capacity.get(peer)!),
  ];
  const prices = dualPrices(columns, rhs, mostPivots);
  return {
    anchors: new Map(anchors.map((anchor, a) => [anchor, Math.max(0, prices[count + a]!)])),
    peers: new Map(
      peers.map((peer) => [peer, Math.max(0, -prices[rowOf.get(peer)!]!) * microsecondsPerSecond]),
    ),
  };
}

/** A lower bound in microseconds for any prices: anchors count in shares of one, visits are paid for. */
function lagrangian(
  instance: Instance,
  anchors: readonly number[],
  tours: readonly (readonly Tour[])[],
  capacity: ReadonlyMap<number, number>,
  prices: Prices,
): number {
  let sum = 0;
  for (const anchor of anchors) sum += prices.anchors.get(anchor) ?? 0;
  if (sum <= 0) return 0;
  const price = (peer: number) => (prices.peers.get(peer) ?? 0) / sum;
  let bound = 0;
  anchors.forEach((anchor, a) => {
    const part = (prices.anchors.get(anchor) ?? 0) / sum;
    const perPlace = part / placesOf(instance, anchor);
    let least = Number.POSITIVE_INFINITY;
    for (const { peers, length } of tours[a]!) {
      let cost = perPlace * length;
      for (const peer of peers) cost += price(peer);
      if (cost < least) least = cost;
    }
    bound += part * staggered(instance, anchor) + instance.perAnchor * least;
  });
  for (const [peer, most] of capacity) bound -= price(peer) * most;
  return bound;
}

/** Sets of anchors that differ by more than an exchange of equal peers; undefined when they are too many. */
function anchorSets(instance: Instance): number[][] | undefined {
  const classes: number[][] = [];
  for (let peer = 0; peer < instance.peerCount; peer++) {
    const known = classes.find((members) => interchangeable(instance, members[0]!, peer));
    if (known === undefined) classes.push([peer]);
    else known.push(peer);
  }
  let sets: number[][] = [[]];
  classes.forEach((members, at) => {
    const later = classes.slice(at + 1).reduce((sum, others) => sum + others.length, 0);
    const next: number[][] = [];
    for (const set of sets) {
      for (let take = 0; take <= members.length && set.length + take <= instance.anchorCount; take++) {
        if (set.length + take + later >= instance.anchorCount) next.push([...set, ...members.slice(0, take)]);
      }
    }
    sets = next.length > mostSets ? [] : next;
  });
  return sets.length === 0 ? undefined : sets;
}

/** Whether exchanging two peers changes nothing. */
function interchangeable(instance: Instance, a: number, b: number): boolean {
  const { peerCount, stages, transfer, forward, backward, weight, head, gap, memory } = instance;
  if (head[a] !== head[b] || gap[a] !== gap[b] || memory[a] !== memory[b]) return false;
  for (let stage = 0; stage < stages; stage++) {
    const i = a * stages + stage;
    const j = b * stages + stage;
    if (forward[i] !== forward[j] || backward[i] !== backward[j] || weight[i] !== weight[j]) return false;
  }
  if (transfer[a * peerCount + b] !== transfer[b * peerCount + a]) return false;
  for (let other = 0; other < peerCount; other++) {
    if (other === a || other === b) continue;
    if (transfer[a * peerCount + other] !== transfer[b * peerCount + other]) return false;
    if (transfer[other * peerCount + a] !== transfer[other * peerCount + b]) return false;
  }
  return true;
}

function combinations(items: readonly number[], size: number): number[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, at) =>
    combinations(items.slice(at + 1), size - 1).map((rest) => [item, ...rest]),
  );
}

function product(choices: readonly (readonly number[])[]): number[][] {
  let all: number[][] = [[]];
  for (const options of choices) {
    all = all.flatMap((start) => options.map((option) => [...start, option]));
  }
  return all;
}

function permutations(size: number): number[][] {
  if (size === 0) return [[]];
  return permutations(size - 1).flatMap((rest) =>
    Array.from({ length: size }, (_, at) => [...rest.slice(0, at), size - 1, ...rest.slice(at)]),
  );
}

function binomial(n: number, k: number): number {
  let count = 1;
  for (let i = 1; i <= k; i++) count = (count * (n - k + i)) / i;
  return count;
}
