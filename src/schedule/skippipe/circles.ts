// Where peers sit in a large swarm, which gives the search too few steps to place them one by one. SkipPipe's assignment
// (arXiv 2502.19913) groups stages and looks for near peers in those that follow each other; here the peers of whole
// paths are put together: near ones form circles, each with an anchor, or a few, and enough others to go around it. What
// a circle needs is estimated by a tour through it and by what its members compute, and exchanges of members make the
// slowest circles quicker. Stages ascend along the tour, so that its paths need not leave it.

import type { Draws } from './draws.ts';
import type { Instance } from './instance.ts';
import { lightestStages } from './orders.ts';

export interface Circles {
  /** Per peer its stage, -1 for none. */
  readonly stageOf: Int32Array;
  /** Per peer its circle, -1 for none. */
  readonly circleOf: Int32Array;
  /** Per circle, its members other than anchors, in the order of the tour. */
  readonly members: readonly (readonly number[])[];
}

/** Exchanges that are tried for each peer; after more, circles hardly get quicker. */
const exchangesPerPeer = 50;
/** A tour looks at all pairs in a circle: beyond so many fewer exchanges are tried. */
const pairsPerExchange = 64;
/** An exchange begins at the slowest of so many circles drawn, with one of at least so many peers near to a member. */
const drawnCircles = 3;
const neighbours = 32;

/** Seats the peers that hold stages now anew, as many at each stage as before. */
export function circlesOf(instance: Instance, draws: Draws): Circles {
  const { peerCount, anchorCount, pathLength, assignment, place, placeCount, roundTrip } = instance;
  const { forward, backward, weight, stages } = instance;
  const seated = assignment.flat().sort((a, b) => a - b);
  const others = seated.length - anchorCount;
  const count = Math.max(1, Math.min(anchorCount, Math.floor(others / Math.max(1, pathLength - 1))));
  const away = (a: number, b: number): number =>
    a === b ? 0 : roundTrip[place[a]! * placeCount + place[b]!]!;
  /** What a micro-batch costs at a peer, whichever stage it holds. */
  const work = Float64Array.from({ length: peerCount }, (_, peer) => {
    let sum = 0;
    for (let at = peer * stages; at < (peer + 1) * stages; at++) {
      sum += forward[at]! + backward[at]! + weight[at]!;
    }
    return sum / stages;
  });
  const circles = gathered(instance, seated, count, away);
  const circleOf = new Int32Array(peerCount).fill(-1);
  circles.forEach((circle, at) => {
    for (const peer of circle) circleOf[peer] = at;
  });
  exchangeMembers();
  return seats();

  /** A tour through a circle, always on to the nearest; the first member stays the first. */
  function tour(circle: number[]): number {
    let length = 0;
    for (let at = 1; at < circle.length; at++) {
      const from = circle[at - 1]!;
      let nearest = at;
      for (let other = at + 1; other < circle.length; other++) {
        if (away(from, circle[other]!) < away(from, circle[nearest]!)) nearest = other;
      }
      const next = circle[nearest]!;
      circle[nearest] = circle[at]!;
      circle[at] = next;
      length += away(from, next);
    }
    return length + away(circle.at(-1)!, circle[0]!);
  }

  /** Microseconds of a round trip through as many members as a path visits. */
  function need(circle: number[]): number {
    let sum = tour(circle);
    for (const peer of circle) sum += work[peer]!;
    return (sum * pathLength) / circle.length;
  }

  function exchangeMembers(): void {
    if (circles.length < 2) return;
    const needs = circles.map(need);
    const scale = needs.reduce((most, one) => Math.max(most, one), 1);
    const eighth = (value: number): number => {
      const square = (value / scale) * (value / scale);
      const fourth = square * square;
      return fourth * fourth;
    };
    const near = nearPeers(instance, seated, away);
    const largest = circles.reduce((most, circle) => Math.max(most, circle.length), 0);
    const tries = Math.floor(
      (seated.length * exchangesPerPeer * pairsPerExchange) / Math.max(pairsPerExchange, largest * largest),
    );
    for (let tried = 0; tried < tries; tried++) {
      let a = draws.below(circles.length);
      for (let drawn = 1; drawn < drawnCircles; drawn++) {
        const other = draws.below(circles.length);
        if (needs[other]! > needs[a]!) a = other;
      }
      const x = circles[a]![draws.below(circles[a]!.length)]!;
      // What is near to x itself changes what is computed, what is near to another member the tour.
      const beside = circles[a]![draws.below(circles[a]!.length)]!;
      const y = near(beside, draws);
      const b = circleOf[y]!;
      if (b === a) continue;
      const first = circles[a]!.map((peer) => (peer === x ? y : peer));
      const second = circles[b]!.map((peer) => (peer === y ? x : peer));
      const needA = need(first);
      const needB = need(second);
      if (eighth(needA) + eighth(needB) >= eighth(needs[a]!) + eighth(needs[b]!)) continue;
      circles[a] = first;
      circles[b] = second;
      needs[a] = needA;
      needs[b] = needB;
      circleOf[x] = b;
      circleOf[y] = a;
    }
  }

  function seats(): Circles {
    const stageOf = new Int32Array(peerCount).fill(-1);
    const open = instance.sizes.slice();
    const further = instance.live.slice(1);
    const waiting: number[] = [];
    const members = circles.map((circle, index) => {
      const anchors =
        Math.floor(((index + 1) * anchorCount) / circles.length) -
        Math.floor((index * anchorCount) / circles.length);
      // The quickest are anchors: they compute the head too.
      const quickest = [...circle].sort((a, b) => work[a]! - work[b]! || a - b).slice(0, anchors);
      for (const peer of quickest) stageOf[peer] = 0;
      const start = circle.indexOf(quickest[0]!);
      const along = [...circle.slice(start), ...circle.slice(0, start)];
      tour(along);
      const rest = along.filter((peer) => stageOf[peer] !== 0);
      const chosen = stagesFor(rest.length, further, open);
      rest.forEach((peer, at) => {
        const stage = chosen[at];
        if (stage === undefined) waiting.push(peer);
        else stageOf[peer] = stage;
      });
      return rest;
    });
    for (const peer of waiting) {
      const stage = further.find((one) => open[one]! > 0)!;
      open[stage]!--;
      stageOf[peer] = stage;
    }
    return { stageOf, circleOf, members };
  }

  /** So many stages for a circle, ascending: those with the most seats left, each as often as the others up to one. */
  function stagesFor(peers: number, further: readonly number[], open: number[]): number[] {
    const chosen: number[] = [];
    while (chosen.length < peers) {
      const length = Math.min(peers - chosen.length, further.length);
      const weights = further.map((stage) => -open[stage]!);
      const round = lightestStages(further, weights, length, instance.largestJump) ?? [];
      const free = round.map((at) => further[at]!).filter((stage) => open[stage]! > 0);
      for (const stage of free) open[stage]!--;
      chosen.push(...free);
      if (free.length < length) break;
    }
    return chosen.sort((a, b) => a - b);
  }
}

/** Circles of equal size up to one, the most remote peers' first, each with those nearest to it that are left. */
function gathered(
  { place, placeCount }: Instance,
  seated: readonly number[],
  count: number,
  away: (a: number, b: number) => number,
): number[][] {
  const population = new Int32Array(placeCount);
  const example = new Int32Array(placeCount).fill(-1);
  for (const peer of seated) {
    population[place[peer]!]!++;
    example[place[peer]!] = peer;
  }
  const used = Array.from({ length: placeCount }, (_, at) => at).filter((at) => population[at]! > 0);
  const remote = used.map((from) => {
    let sum = 0;
    for (const to of used) sum += population[to]! * away(example[from]!, example[to]!);
    return { from, sum };
  });
  remote.sort((a, b) => b.sum - a.sum || a.from - b.from);
  const left = new Map<number, number[]>(used.map((at) => [at, []]));
  for (const peer of seated) left.get(place[peer]!)!.push(peer);
  const circles: number[][] = [];
  for (const { from } of remote) {
    const byDistance = used
      .map((to) => ({ to, far: to === from ? -1 : away(example[from]!, example[to]!) }))
      .sort((a, b) => a.far - b.far || a.to - b.to);
    while (left.get(from)!.length > 0) {
      const size =
        Math.floor(((circles.length + 1) * seated.length) / count) -
        Math.floor((circles.length * seated.length) / count);
      const circle: number[] = [];
      for (const { to } of byDistance) {
        if (circle.length === size) break;
        circle.push(...left.get(to)!.splice(0, size - circle.length));
      }
      circles.push(circle);
    }
  }
  return circles;
}

/** Draws one of the peers that are nearest to another, or as near. */
function nearPeers(
  { place }: Instance,
  seated: readonly number[],
  away: (a: number, b: number) => number,
): (peer: number, draws: Draws) => number {
  const at = new Map<number, number[]>();
  for (const peer of seated) {
    if (!at.has(place[peer]!)) at.set(place[peer]!, []);
    at.get(place[peer]!)!.push(peer);
  }
  const known = new Map<number, number[]>();
  return (peer, draws) => {
    const from = place[peer]!;
    let list = known.get(from);
    if (list === undefined) {
      list = [];
      const byDistance = [...at.keys()]
        .map((to) => ({ to, far: to === from ? -1 : away(peer, at.get(to)![0]!) }))
        .sort((a, b) => a.far - b.far || a.to - b.to);
      for (const { to } of byDistance) {
        if (list.length >= neighbours) break;
        list.push(...at.get(to)!);
      }
      known.set(from, list);
    }
    return list[draws.below(list.length)]!;
  };
}
