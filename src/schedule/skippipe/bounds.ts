// Lower bounds that hold for every plan that keeps the rules, computed in a moment: two trips and busiest peer.
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

import type { Instance } from './instance.ts';
import { equalLoadsPossible } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';
import { shortestRoundTrips } from './round-trips.ts';

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
