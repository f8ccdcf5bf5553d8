// Lower bounds that hold for every plan that keeps the rules, computed in milliseconds: two trips and busiest peer.
//
// Two trips. An anchor with room for w micro-batches issues K = (q - 1) w + r of them, 1 ≤ r ≤ w. Count its
// micro-batches by their start: the j-th (j > w) cannot start before j - w have ended, and when j have ended one of
// them started as j-th or later, so the j-th end is at least a round trip L after the j-th start. Between the first
// end and the start of number w + r the anchor runs r - 1 more forwards and backwards. So it needs at least
// q L + (r - 1)(F + B) if q ≥ 2, with L its shortest round trip.
//
// Busiest peer. With equal loads every stage is visited at least ⌊V / (stages - 1)⌋ times, so some replica at least
// the share of that, rounded up; it does that work one task at a time, after a first forward reaches it and before a
// last gradient is back. An anchor works through all it issues.

import { mayVisit } from '../rules.ts';
import type { Instance } from './instance.ts';
import { equalLoadsPossible } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';

export interface QuickBounds {
  /** Seconds. */
  readonly twoTrips: number;
  readonly busiestPeer: number;
  /** The larger of the two. */
  readonly seconds: number;
}

/** Bounds on the makespan of any plan for the instance; with free assignment for any assignment of its stage sizes. */
export function quickBounds(instance: Instance): QuickBounds {
  if (instance.microbatches === 0) return { twoTrips: 0, busiestPeer: 0, seconds: 0 };
  const twoTrips = twoTripsBound(instance) / microsecondsPerSecond;
  const busiestPeer = busiestPeerBound(instance) / microsecondsPerSecond;
  return { twoTrips, busiestPeer, seconds: Math.max(twoTrips, busiestPeer) };
}

/** Microseconds. Which peers may be anchors, and the least of what each would need: with A anchors the A-th least. */
function twoTripsBound(instance: Instance): number {
  const { free, assignment, anchorCount } = instance;
  const roundTripOf = shortestRoundTrips(instance);
  const everyone = Array.from({ length: instance.peerCount }, (_, peer) => peer);
  const needs = (free ? everyone : assignment[0]!).map((peer) =>
    anchorNeed(instance, peer, roundTripOf(peer)),
  );
  needs.sort((a, b) => a - b);
  return free ? needs[anchorCount - 1]! : needs[needs.length - 1]!;
}

/** What an anchor needs whose shortest round trip is `trip` microseconds. */
export function anchorNeed(instance: Instance, peer: number, trip: number): number {
  const { perAnchor, stages, forward, backward, weight, gap, memory, splitBackward } = instance;
  const at = peer * stages;
  // A split backward gives its memory back after the weight half; the input half may have been long before.
  const each = forward[at]! + (splitBackward ? weight[at]! : backward[at]!) + 2 * gap[peer]!;
  const places = Math.min(memory[peer]!, perAnchor);
  const rounds = Math.ceil(perAnchor / places);
  const rest = perAnchor - (rounds - 1) * places;
  // One round: the last to start has all other forwards before it.
  if (rounds === 1) return trip + (perAnchor - 1) * (forward[at]! + gap[peer]!);
  return rounds * trip + (rest - 1) * each;
}

/** The least compute of a visit of a peer: of its stage, or of any when stages are free. */
export function visitWork(instance: Instance, stageOf: Int32Array, peer: number): number {
  const { stages, forward, backward, free } = instance;
  if (!free) {
    const at = peer * stages + stageOf[peer]!;
    return forward[at]! + backward[at]!;
  }
  let least = Number.POSITIVE_INFINITY;
  for (let stage = 1; stage < stages; stage++) {
    const at = peer * stages + stage;
    least = Math.min(least, forward[at]! + backward[at]!);
  }
  return least;
}

/** Each stage's peer, -1 for none. */
export function stagesOfPeers(instance: Instance): Int32Array {
  const stageOf = new Int32Array(instance.peerCount).fill(-1);
  instance.assignment.forEach((group, stage) => {
    for (const peer of group) stageOf[peer] = stage;
  });
  return stageOf;
}

/**
 * For each anchor the microseconds of its shortest round trip, alone in the swarm, through any peers of different
 * lawful stages. With free assignment stages are forgotten, which can only make it shorter; then also on long paths,
 * where trying all sets would take too long, that a peer is visited once.
 */
export function shortestRoundTrips(instance: Instance): (anchor: number) => number {
  const { stages, forward, backward, weight, head, headAtAnchor, pathLength, free, place } = instance;
  const fastest = fastestPeers(instance);
  const otherHead = headAtAnchor ? 0 : leastHead(instance);
  /** From the anchors of one place everybody is equally far. */
  const ways = new Map<number, number>();
  return (anchor) => {
    const at = anchor * stages;
    const own = forward[at]! + backward[at]! + weight[at]! + (headAtAnchor ? head[anchor]! : otherHead);
    if (pathLength === 1) return own;
    if (free) return own + shortestWalk(instance, anchor);
    const way = ways.get(place[anchor]!) ?? shortestLawful(instance, anchor, fastest);
    ways.set(place[anchor]!, way);
    return own + way;
  };
}

/** What a visit of each peer takes, and per stage the quickest peer of each place: on shortest ways no other is needed. */
interface Fastest {
  readonly work: Float64Array;
  readonly of: readonly (readonly number[])[];
}

function fastestPeers(instance: Instance): Fastest {
  const { peerCount, assignment, place } = instance;
  const stageOf = stagesOfPeers(instance);
  const work = Float64Array.from({ length: peerCount }, (_, peer) =>
    stageOf[peer]! < 0 ? 0 : visitWork(instance, stageOf, peer),
  );
  const of = assignment.map((group) => {
    const best = new Map<number, number>();
    for (const peer of group) {
      const known = best.get(place[peer]!);
      if (known === undefined || work[peer]! < work[known]!) best.set(place[peer]!, peer);
    }
    return [...best.values()];
  });
  return { work, of };
}

/** Microseconds from a peer to another one and back. */
export function thereAndBack({ place, placeCount, roundTrip }: Instance, from: number, to: number): number {
  return roundTrip[place[from]! * placeCount + place[to]!]!;
}

function leastHead({ head, peerCount }: Instance): number {
  let least = Number.POSITIVE_INFINITY;
  for (let peer = 0; peer < peerCount; peer++) least = Math.min(least, head[peer]!);
  return least;
}

/** Any peers but the anchor, no peer twice in a row (in sets of up to three: at all). */
function shortestWalk(instance: Instance, anchor: number): number {
  const { peerCount, pathLength, headAtAnchor } = instance;
  const stageOf = stagesOfPeers(instance);
  const others = Array.from({ length: peerCount }, (_, peer) => peer).filter((peer) => peer !== anchor);
  const work = Float64Array.from({ length: peerCount }, (_, peer) => visitWork(instance, stageOf, peer));
  const hop = (from: number, to: number) => thereAndBack(instance, from, to);
  const home = (peer: number) => (headAtAnchor ? hop(peer, anchor) : 0);
  let least = Number.POSITIVE_INFINITY;
  if (pathLength === 4 && peerCount <= 64) {
    for (const a of others) {
      for (const b of others) {
        if (a === b) continue;
        const before = hop(anchor, a) + hop(a, b) + work[a]! + work[b]!;
        if (before >= least) continue;
        for (const c of others) {
          if (c !== a && c !== b) least = Math.min(least, before + hop(b, c) + work[c]! + home(c));
        }
      }
    }
    return least;
  }
  let reach = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  for (const peer of others) reach[peer] = hop(anchor, peer) + work[peer]!;
  for (let visit = 2; visit < pathLength; visit++) {
    const next = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
    for (const from of others) {
      for (const to of others) {
        if (to === from) continue;
        const sum = reach[from]! + hop(from, to) + work[to]!;
        if (sum < next[to]!) next[to] = sum;
      }
    }
    reach = next;
  }
  for (const peer of others) least = Math.min(least, reach[peer]! + home(peer));
  return least;
}

/**
 * Shortest over lawful orders, by dynamic programming. A state is the highest stage so far, whether the stage below
 * it was fetched back already, the exchanges used, and the peer reached.
 */
function shortestLawful(instance: Instance, anchor: number, fastest: Fastest): number {
  const { peerCount, pathLength, headAtAnchor, live, swapBudget, largestJump } = instance;
  const hop = (from: number, to: number) => thereAndBack(instance, from, to);
  const work = fastest.work;
  const budget = Math.min(swapBudget, pathLength);
  const rules = { pathLength, swapBudget: budget, largestJump };
  /** [exchanges][previous highest stage's position][position of highest] → peers; open: one below may be fetched. */
  interface State {
    readonly highest: number;
    readonly below: number;
    readonly swaps: number;
    readonly peer: number;
    readonly cost: number;
  }
  let states: State[] = [{ highest: 0, below: 0, swaps: 0, peer: anchor, cost: 0 }];
  for (let visit = 1; visit < pathLength; visit++) {
    const next = new Map<number, State>();
    const reach = (highest: number, below: number, swaps: number, peer: number, cost: number): void => {
      // What may follow depends on the highest stage and, for a step back, on whether the stage below it is unseen.
      const open = below < highest - 1 ? 1 : 0;
      const key = ((highest * 2 + open) * (budget + 1) + swaps) * peerCount + peer;
      const known = next.get(key);
      if (known === undefined || cost < known.cost) next.set(key, { highest, below, swaps, peer, cost });
    };
    for (const { highest, below, swaps, peer, cost } of states) {
      for (const stage of live) {
        const onward = stage > highest;
        const isNew = onward || (stage < highest && stage > below);
        if (!isNew || !mayVisit({ highest, stepsBack: swaps }, stage, rules)) continue;
        for (const to of fastest.of[stage]!) {
          const sum = cost + hop(peer, to) + work[to]!;
          if (onward) reach(stage, highest, swaps, to, sum);
          else reach(highest, highest, swaps + 1, to, sum);
        }
      }
    }
    states = [...next.values()];
  }
  let least = Number.POSITIVE_INFINITY;
  for (const { peer, cost } of states) least = Math.min(least, cost + (headAtAnchor ? hop(peer, anchor) : 0));
  return least;
}

/** Microseconds. */
function busiestPeerBound(instance: Instance): number {
  const { stages, perAnchor, pathLength, microbatches, free, live, assignment, splitBackward } = instance;
  const { forward, backward, weight, head, gap, headAtAnchor, peerCount } = instance;
  const nearest = nearestWays(instance);
  const each = (peer: number, stage: number) => {
    const at = peer * stages + stage;
    return forward[at]! + backward[at]! + weight[at]!;
  };
  const anchorWork = (peer: number) =>
    perAnchor * (each(peer, 0) + (headAtAnchor ? head[peer]! : 0)) +
    gap[peer]! * ((headAtAnchor ? 3 : 2) * perAnchor - 1);
  const everyone = Array.from({ length: peerCount }, (_, peer) => peer);
  const anchors = free ? everyone : assignment[0]!;
  const sorted = anchors.map(anchorWork).sort((a, b) => a - b);
  let bound = free ? sorted[instance.anchorCount - 1]! : sorted[sorted.length - 1]!;
  if (live.length < 2 || !equalLoadsPossible(instance)) return bound;
  const least = Math.floor((microbatches * (pathLength - 1)) / (live.length - 1));
  const firstForward = Math.min(...anchors.map((peer) => forward[peer * stages]!));
  const lastBackward = splitBackward ? 0 : Math.min(...anchors.map((peer) => backward[peer * stages]!));
  for (const stage of live.slice(1)) {
    const share = Math.ceil(least / instance.sizes[stage]!);
    if (share === 0) continue;
    let easiest = Number.POSITIVE_INFINITY;
    for (const peer of free ? everyone : assignment[stage]!) {
      const { there, back } = nearest(peer);
      const work = share * each(peer, stage) + gap[peer]! * (2 * share - 1);
      easiest = Math.min(easiest, firstForward + there + work + (splitBackward ? 0 : back + lastBackward));
    }
    bound = Math.max(bound, easiest);
  }
  return bound;
}

/** Per peer, the shortest transfer from any other one to it, and from it to any. */
function nearestWays({ peerCount, place, placeCount, transfer }: Instance) {
  const members = new Int32Array(placeCount);
  for (let peer = 0; peer < peerCount; peer++) members[place[peer]!]!++;
  const ways = new Map<number, { readonly there: number; readonly back: number }>();
  return (peer: number) => {
    const own = place[peer]!;
    const known = ways.get(own);
    if (known !== undefined) return known;
    let there = Number.POSITIVE_INFINITY;
    let back = Number.POSITIVE_INFINITY;
    for (let other = 0; other < placeCount; other++) {
      if (members[other]! < (other === own ? 2 : 1)) continue;
      there = Math.min(there, transfer[other * placeCount + own]!);
      back = Math.min(back, transfer[own * placeCount + other]!);
    }
    ways.set(own, { there, back });
    return { there, back };
  };
}
