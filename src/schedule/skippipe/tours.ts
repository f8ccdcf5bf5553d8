// What the linear programs of slots.ts and schedules.ts decide over: the ways around that each anchor can send a
// micro-batch, with their microseconds alone in the swarm, and how many visits every peer may and must have.
//
// With a fixed assignment a tour is a set of peers of different stages in its cheapest lawful order. With a free one
// stages are forgotten: any other peers in any order. How many visits a peer may have, and must, depends there on how
// many others its stage has: it is known how many seats there are of each kind, not who takes which.

import { anchorSets } from './anchor-sets.ts';
import { anchorNeed } from './bounds.ts';
import { createOrderer } from './candidate.ts';
import { binomial, combinations, permutations, product } from './combinations.ts';
import type { Instance } from './instance.ts';
import { lightestStages } from './orders.ts';
import { stagesOfPeers, thereAndBack, visitWork } from './round-trips.ts';

/** Beyond so many paths per anchor no tours are listed. */
const mostPaths = 20_000;
const mostVisitsOrdered = 4;

/** A way around for an anchor: the peers visited and the microseconds alone. */
export interface Tour {
  readonly peers: readonly number[];
  readonly length: number;
}

/** The visits that a peer of a stage may have at most, and must have. */
export interface Seat {
  readonly most: number;
  readonly least: number;
}

export interface Visits extends Seat {
  readonly peer: number;
}

/** So many of the peers may have so many visits more, and must have so many more. */
export interface Better extends Seat {
  readonly peers: number;
}

/** A stage's visits, and the share of these that each of its peers may have, and must. */
export interface Load extends Seat {
  readonly visits: number;
}

/** The peers of a stage: it has the equal load, rounded down, or one visit more. */
export interface Stage {
  readonly peers: readonly number[];
  readonly load: Load;
  readonly oneMore: Load;
}

/** What is decided over: which tours of the anchors, and where it is open, who has the better seats. */
export interface Problem {
  readonly anchors: readonly number[];
  /** Per anchor, the shortest first. */
  readonly tours: readonly (readonly Tour[])[];
  readonly visits: readonly Visits[];
  readonly better: readonly Better[];
  /** Where it is known who holds which. */
  readonly stages: readonly Stage[];
  /** How many of the stages have one visit more: all loads are equal up to one, and their sum is known. */
  readonly more: number;
}

function loadOf(visits: number, size: number): Load {
  const most = Math.ceil(visits / size);
  return { visits, most, least: Math.max(0, visits - (size - 1) * most) };
}

/** Visits of all stages after stage 0, and how many stages share them. */
function visitsOf({ microbatches, pathLength, live }: Instance) {
  const count = live.length - 1;
  const visits = microbatches * (pathLength - 1);
  return { each: Math.floor(visits / count), more: visits % count };
}

/** Per stage after stage 0: the visits that a peer may have at most, and must have, with either load. */
export function seatsOf(instance: Instance): (Seat & { readonly size: number })[] {
  const { each, more } = visitsOf(instance);
  return instance.live.slice(1).map((stage) => {
    const size = instance.sizes[stage]!;
    const load = more > 0 ? each + 1 : each;
    const { most } = loadOf(load, size);
    return { size, most, least: Math.max(0, each - (size - 1) * most) };
  });
}

/** For a free assignment to so many peers: the seat that everybody has at least, and how many have a better one. */
function seatsByKind(instance: Instance, peers: number): { readonly base: Seat; readonly better: Better[] } {
  const kinds = seatsOf(instance).map(({ most, least, size }) => ({ most, least, peers: size }));
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

const byLength = (a: Tour, b: Tour) => a.length - b.length;

/** Undefined where there are too many tours. */
export function fixedProblem(instance: Instance): Problem | undefined {
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
    peerSets
      .map((peers): Tour => {
        path[0] = anchor;
        path.set(peers, 1);
        orderer.order(candidate, 0);
        // The order of least transfers may end at a peer with a slower head than another order: the fastest counts.
        const heads = headAtAnchor ? [0] : peers.map((peer) => instance.head[peer]!);
        let length = ownWork(instance, anchor) + Math.min(...heads);
        for (let at = 1; at < pathLength; at++) {
          length +=
            thereAndBack(instance, path[at - 1]!, path[at]!) + visitWork(instance, stageOf, path[at]!);
        }
        if (headAtAnchor) length += thereAndBack(instance, path[pathLength - 1]!, anchor);
        return { peers, length };
      })
      .sort(byLength),
  );
  const seats = seatsOf(instance);
  const { each, more } = visitsOf(instance);
  const groups = live.slice(1).map((stage) => assignment[stage]!);
  const visits = groups.flatMap((group, at) =>
    group.map((peer) => ({ peer, most: seats[at]!.most, least: seats[at]!.least })),
  );
  const stages = groups.map((peers) => ({
    peers,
    load: loadOf(each, peers.length),
    oneMore: loadOf(each + 1, peers.length),
  }));
  return { anchors: assignment[0]!, tours, visits, better: [], stages, more };
}

export interface FreeProblems {
  readonly problemOf: (anchors: readonly number[]) => Problem;
  /**
   * Sets of anchors with their least times by the two-trips argument, in microseconds, the least first: once that alone
   * is no less than what was found so far, no later set is better.
   */
  readonly ranked: readonly { readonly anchors: readonly number[]; readonly twoTrips: number }[];
}

/** The problem of each set of anchors; undefined where there are too many sets or tours. */
export function freeProblems(instance: Instance): FreeProblems | undefined {
  const sets = anchorSets(instance);
  if (sets === undefined) return undefined;
  const { peerCount, pathLength, headAtAnchor, head } = instance;
  const visitCount = pathLength - 1;
  if (visitCount > mostVisitsOrdered || binomial(peerCount, visitCount) > mostPaths) return undefined;
  const orders = permutations(visitCount);
  const stageOf = stagesOfPeers(instance);
  const work = Float64Array.from({ length: peerCount }, (_, peer) => visitWork(instance, stageOf, peer));
  const everyone = Array.from({ length: peerCount }, (_, peer) => peer);
  const groups = combinations(everyone, visitCount);
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
      })
      .sort(byLength),
  );
  const membersOf = (anchors: readonly number[]) => {
    const isAnchor = new Uint8Array(peerCount);
    for (const anchor of anchors) isAnchor[anchor] = 1;
    return isAnchor;
  };
  const twoTripsOf = (anchors: readonly number[]) => {
    const isAnchor = membersOf(anchors);
    const needs = anchors.map((anchor) => {
      const shortest = toursOf[anchor]!.find(({ peers }) => peers.every((peer) => isAnchor[peer] === 0));
      return anchorNeed(instance, anchor, shortest?.length ?? Number.POSITIVE_INFINITY);
    });
    return Math.max(...needs);
  };
  const ranked = sets.map((anchors) => ({ anchors, twoTrips: twoTripsOf(anchors) }));
  ranked.sort((a, b) => a.twoTrips - b.twoTrips);
  return {
    ranked,
    problemOf(anchors) {
      const isAnchor = membersOf(anchors);
      return {
        anchors,
        tours: anchors.map((anchor) =>
          toursOf[anchor]!.filter(({ peers }) => peers.every((peer) => isAnchor[peer] === 0)),
        ),
        visits: everyone.filter((peer) => isAnchor[peer] === 0).map((peer) => ({ peer, ...base })),
        better,
        stages: [],
        more: 0,
      };
    },
  };
}

/** Compute of the anchor itself on one round trip. */
export function ownWork(
  { stages, forward, backward, weight, head, headAtAnchor }: Instance,
  anchor: number,
): number {
  const at = anchor * stages;
  return forward[at]! + backward[at]! + weight[at]! + (headAtAnchor ? head[anchor]! : 0);
}
