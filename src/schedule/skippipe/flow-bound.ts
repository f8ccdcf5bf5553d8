// The flow bound: micro-batches as a flow through the positions of a path, at minimum cost.
//
// Why it is a lower bound. An anchor with room for w micro-batches needs at least (sum of its round trips) / w +
// (w - 1)/2 (F + B) (slots.ts says why), and the swarm no less than the mean of that over any of its anchors. In any plan
// their micro-batches together are a flow: out of the anchors, as many as each issues; over one hop and visit after the other,
// each position of a path a layer of all peers; and home again, as many to each anchor. A hop counts there and back, by
// 1 / w with the most places of any anchor where it is not an anchor's own. The flow of least cost is free of what binds a
// plan beside that: what left one anchor may come home to another, and of the rules on paths only those about single
// hops are asked for. So it costs no more than the plan. What a peer takes at most and must take over all positions is
// no capacity of one arc; it is priced (Lagrange): for any prices the least flow at these, less what the visits that are
// allowed cost, is a bound, because in a plan nobody has more. The flow is exact at each price (successive shortest
// paths, flow.ts); better prices are sought along the subgradient (Held, Wolfe, Crowder, "Validation of subgradient
// optimization", 1974), and the largest bound met counts.
//
// Which anchors: the one that is furthest from others, the two, the four furthest and so on, and all; the largest counts.
//
// Where the assignment is free every peer may be an anchor or be visited, by its shares: an anchor issues all that an
// anchor issues and is not visited, so (starts) / (starts of an anchor) + (visits) / (most visits of any seat) ≤ 1.
//
// Whole tours say more than hops (the slots program is never below what this one could come to), but there are too many
// to list in larger swarms, and hops are few.

import { minimumCostFlow } from '../flow.ts';
import { anchorNeed } from './bounds.ts';
import { equalLoadsPossible, type Instance } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';
import { shortestRoundTrips, stagesOfPeers, thereAndBack, visitWork } from './round-trips.ts';
import { placesOf, staggered } from './slots.ts';
import { ownWork, seatsOf } from './tours.ts';

/** Prices that are tried at most, and arcs that are counted for all of them. */
const mostRounds = 120;
const mostWork = 5_000_000;
/** After so many prices that brought nothing it ends. */
const mostStale = 24;

/** Seconds; undefined where loads are not equal or the swarm is too large. */
export function flowBound(instance: Instance): number | undefined {
  const { microbatches, pathLength, perAnchor, anchorCount, free } = instance;
  if (microbatches === 0 || pathLength < 2 || !equalLoadsPossible(instance)) return undefined;
  let bound: number | undefined;
  for (const chosen of free ? [undefined] : furthestAnchors(instance)) {
    const network = networkOf(instance, chosen);
    const visited = network.others.length;
    const arcs = network.anchors.length * visited * 2 + (pathLength - 2) * visited * visited;
    const count = chosen?.length ?? anchorCount;
    const rounds = Math.min(mostRounds, Math.floor(mostWork / (arcs * perAnchor * count)));
    if (rounds < 1) break;
    bound = Math.max(bound ?? 0, bestOverPrices(instance, network, perAnchor * count, rounds) / count);
  }
  return bound;
}

/** Of the anchors by what each needs alone: the first, the first two, four, … and all. */
function furthestAnchors(instance: Instance): number[][] {
  const roundTripOf = shortestRoundTrips(instance);
  const needs = instance.assignment[0]!.map((anchor) => ({
    anchor,
    need: anchorNeed(instance, anchor, roundTripOf(anchor)),
  }));
  needs.sort((a, b) => b.need - a.need);
  const ranked = needs.map(({ anchor }) => anchor);
  const sets: number[][] = [];
  for (let size = 1; size < ranked.length; size *= 2) sets.push(ranked.slice(0, size));
  return [...sets, ranked];
}

/** What its starts and visits come to in a plan: at least `least` and at most `most`; at one position `room` visits. */
interface Share {
  readonly room: number;
  readonly perStart: number;
  readonly perVisit: number;
  readonly least: number;
  readonly most: number;
}

interface Network {
  readonly anchors: readonly number[];
  readonly others: readonly number[];
  /** By peer. */
  readonly shares: ReadonlyMap<number, Share>;
  /** Seconds: of an anchor for each start, of a hop to an anchor's first peer or back, and of any other hop. */
  readonly start: (anchor: number) => number;
  readonly leave: (anchor: number, to: number) => number;
  readonly hop: (from: number, to: number) => number;
  readonly home: (from: number, anchor: number) => number;
}

/** Of some anchors, or where none are given of all that there could be. */
function networkOf(instance: Instance, chosen: readonly number[] | undefined): Network {
  const { free, assignment, live, peerCount, perAnchor, anchorCount, headAtAnchor, largestJump, head } =
    instance;
  const stageOf = stagesOfPeers(instance);
  const everyone = Array.from({ length: peerCount }, (_, peer) => peer);
  const anchors = chosen ?? everyone;
  const others = free ? everyone : live.slice(1).flatMap((stage) => assignment[stage]!);
  const seats = seatsOf(instance);
  const mostOfAny = seats.reduce((most, seat) => Math.max(most, seat.most), 0);
  const shares = new Map<number, Share>(
    free
      ? everyone.map((peer) => [
          peer,
          { room: mostOfAny, perStart: 1 / perAnchor, perVisit: 1 / mostOfAny, least: 0, most: 1 },
        ])
      : live.slice(1).flatMap((stage, at) => {
          const { most } = seats[at]!;
          // What the other anchors' micro-batches do nobody knows.
          const least = anchors.length < anchorCount ? 0 : seats[at]!.least;
          return assignment[stage]!.map(
            (peer) => [peer, { room: most, perStart: 0, perVisit: 1, least, most }] as const,
          );
        }),
  );
  const mostPlaces = anchors.reduce((most, anchor) => Math.max(most, placesOf(instance, anchor)), 0);
  const otherHead = headAtAnchor
    ? 0
    : others.reduce((least, peer) => Math.min(least, head[peer]!), Number.POSITIVE_INFINITY);
  const work = (peer: number) => visitWork(instance, stageOf, peer);
  const lawful = (from: number, to: number) =>
    free || allowed(from < 0 ? 0 : stageOf[from]!, stageOf[to]!, largestJump);
  const away = (from: number, to: number) => thereAndBack(instance, from, to);
  const seconds = (microseconds: number, places: number) => microseconds / places / microsecondsPerSecond;
  return {
    anchors,
    others,
    shares,
    start: (anchor) =>
      seconds(ownWork(instance, anchor) + otherHead, placesOf(instance, anchor)) +
      seconds(staggered(instance, anchor), 1) / perAnchor,
    leave: (anchor, to) =>
      anchor === to || !lawful(-1, to)
        ? Number.POSITIVE_INFINITY
        : seconds(away(anchor, to), placesOf(instance, anchor)) + seconds(work(to), mostPlaces),
    hop: (from, to) =>
      from === to || !lawful(from, to)
        ? Number.POSITIVE_INFINITY
        : seconds(away(from, to) + work(to), mostPlaces),
    home: (from, anchor) =>
      from === anchor
        ? Number.POSITIVE_INFINITY
        : headAtAnchor
          ? seconds(away(from, anchor), placesOf(instance, anchor))
          : 0,
  };
}

/** Whether a path may go from one stage to the other: on by a jump from there or, after a step back, from one above. */
function allowed(from: number, to: number, largestJump: number): boolean {
  return from === 0 ? to <= largestJump : to !== from && to >= from - 1 && to - from <= largestJump + 1;
}

/** The least cost of so many micro-batches, in seconds, at the best prices found. */
function bestOverPrices(instance: Instance, network: Network, amount: number, rounds: number): number {
  const { perAnchor, pathLength } = instance;
  const { anchors, others, shares } = network;
  const prices = new Map<number, number>([...shares.keys()].map((peer) => [peer, 0]));
  const priceOf = (peer: number) => prices.get(peer) ?? 0;
  const visitPrice = (peer: number) => priceOf(peer) * shares.get(peer)!.perVisit;
  const startPrice = (anchor: number) => priceOf(anchor) * (shares.get(anchor)?.perStart ?? 0);
  const layers = [anchors, ...Array.from({ length: pathLength - 1 }, () => others), anchors];
  const last = layers.length - 1;
  let best = Number.NEGATIVE_INFINITY;
  let pace = 1;
  let stale = 0;
  for (let round = 0; round < rounds; round++) {
    const cost = (layer: number, from: number, to: number): number => {
      if (layer === 0) return network.start(to) + startPrice(to);
      if (layer > last) return 0;
      if (layer === last) return network.home(from, to);
      return (layer === 1 ? network.leave(from, to) : network.hop(from, to)) + visitPrice(to);
    };
    const routes = minimumCostFlow({
      layers,
      amount,
      capacity: (peer, layer) =>
        layer === 0 || layer === last ? perAnchor : Math.min(amount, shares.get(peer)!.room),
      cost,
    });
    const uses = new Map<number, number>([...shares.keys()].map((peer) => [peer, 0]));
    const use = (peer: number, share: number) => {
      if (share > 0) uses.set(peer, uses.get(peer)! + share);
    };
    let value = 0;
    for (const route of routes) {
      for (let layer = 0; layer <= last; layer++) {
        const peer = route[layer]!;
        value += cost(layer, layer === 0 ? -1 : route[layer - 1]!, peer);
        if (layer === 0) use(peer, shares.get(peer)?.perStart ?? 0);
        else if (layer < last) use(peer, shares.get(peer)!.perVisit);
      }
    }
    for (const [peer, { least, most }] of shares) value -= priceOf(peer) * (priceOf(peer) > 0 ? most : least);
    if (value > best + 1e-9) stale = 0;
    else if (++stale % 4 === 0) pace *= 0.6;
    if (stale >= mostStale) break;
    best = Math.max(best, value);
    // Dearer where a peer is used too much, cheaper where too little: a step towards a value a little above the best.
    const slopes = [...shares].map(([peer, { least, most }]) => {
      const used = uses.get(peer)!;
      const price = priceOf(peer);
      const slope = price > 0 || used > most ? used - most : price < 0 || used < least ? used - least : 0;
      return [peer, slope] as const;
    });
    const square = slopes.reduce((sum, [, slope]) => sum + slope * slope, 0);
    if (square < 1e-12) break;
    const step = (pace * (best * 1.05 - value)) / square;
    for (const [peer, slope] of slopes) {
      const next = priceOf(peer) + step * slope;
      prices.set(peer, shares.get(peer)!.least === 0 ? Math.max(0, next) : next);
    }
  }
  return best;
}
