// The shortest round trip of each anchor when it is alone in the swarm, which bounds reckon with.
//
// With a fixed assignment it leads through peers of different lawful stages. With a free one stages are forgotten, which
// can only make it shorter. Peers that are equally far from everybody are one site, and on a shortest way only the
// quickest of a site are of use, so that a swarm spread over a dozen regions is as small as a dozen places, however many
// peers there are. Where links are all different and peers are many, two halves of a trip that need not fit together
// are counted instead, for all anchors at once: less than the shortest trip, and never more.

import { mayVisit } from '../rules.ts';
import type { Instance } from './instance.ts';
import { quickestOf, sitesOf } from './sites.ts';

/** Sums that are tried for the trips of all anchors; beyond that halves are counted. Half a second. */
const mostSums = 300_000_000;
/** All sets of three visits are tried among so many peers: then no peer comes twice. */
const mostPeersInThrees = 64;

/** The microseconds of an anchor's shortest round trip, or where that takes too long to find, of less. */
export function shortestRoundTrips(instance: Instance): (anchor: number) => number {
  const trips = instance.free ? walks(instance) : lawfulTrips(instance);
  return withOwnWork(instance, trips.sums <= mostSums ? trips.of : halves(instance));
}

/** The same by halves alone. */
export function roundTripsByHalves(instance: Instance): (anchor: number) => number {
  return withOwnWork(instance, halves(instance));
}

function withOwnWork(instance: Instance, way: (anchor: number) => number): (anchor: number) => number {
  const { stages, forward, backward, weight, head, headAtAnchor, pathLength } = instance;
  const otherHead = headAtAnchor
    ? 0
    : head.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  return (anchor) => {
    const at = anchor * stages;
    const own = forward[at]! + backward[at]! + weight[at]! + (headAtAnchor ? head[anchor]! : otherHead);
    return pathLength === 1 ? own : own + way(anchor);
  };
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

/** Microseconds from a peer to another one and back. */
export function thereAndBack({ place, placeCount, roundTrip }: Instance, from: number, to: number): number {
  return roundTrip[place[from]! * placeCount + place[to]!]!;
}

interface Trips {
  /** How many sums it takes to find those of all anchors. */
  readonly sums: number;
  /** Microseconds beside what the anchor itself does. */
  readonly of: (anchor: number) => number;
}

/** Any peers but the anchor, no peer twice in a row (in sets of three among few: at all). */
function walks(instance: Instance): Trips {
  const { peerCount, pathLength } = instance;
  const site = sitesOf(instance);
  const stageOf = stagesOfPeers(instance);
  const work = Float64Array.from({ length: peerCount }, (_, peer) => visitWork(instance, stageOf, peer));
  const everyone = Array.from({ length: peerCount }, (_, peer) => peer);
  // Taking turns between the two quickest is the best that can be done at a site, and one of them may be the anchor.
  const useful = pathLength === 4 ? 3 : 2;
  const quickest = quickestOf(everyone, site, work, useful + 1);
  const rank = new Map(quickest.flatMap((peers) => peers.map((peer, at) => [peer, at] as const)));
  /** Anchors of one site that leave the same peers to be visited. */
  const kindOf = (anchor: number) => site[anchor]! * (useful + 2) + (rank.get(anchor) ?? useful + 1);
  const most = useful * quickest.length;
  const threes = pathLength === 4 && Math.min(most, peerCount - 1) <= mostPeersInThrees;
  const kinds = new Set(everyone.map(kindOf)).size;
  const ways = new Map<number, number>();
  return {
    sums: kinds * most * most * (threes ? most : pathLength - 2),
    of: (anchor) => {
      const known = ways.get(kindOf(anchor));
      if (known !== undefined) return known;
      const others = quickest.flatMap((peers) => peers.filter((peer) => peer !== anchor).slice(0, useful));
      const way = (threes ? shortestThree : shortestWalk)(instance, anchor, others, work);
      ways.set(kindOf(anchor), way);
      return way;
    },
  };
}

function shortestThree(
  instance: Instance,
  anchor: number,
  others: readonly number[],
  work: Float64Array,
): number {
  const hop = (from: number, to: number) => thereAndBack(instance, from, to);
  let least = Number.POSITIVE_INFINITY;
  for (const a of others) {
    for (const b of others) {
      if (a === b) continue;
      const before = hop(anchor, a) + hop(a, b) + work[a]! + work[b]!;
      if (before >= least) continue;
      for (const c of others) {
        if (c === a || c === b) continue;
        const home = instance.headAtAnchor ? hop(c, anchor) : 0;
        least = Math.min(least, before + hop(b, c) + work[c]! + home);
      }
    }
  }
  return least;
}

function shortestWalk(
  instance: Instance,
  anchor: number,
  others: readonly number[],
  work: Float64Array,
): number {
  const hop = (from: number, to: number) => thereAndBack(instance, from, to);
  let reach = others.map((peer) => hop(anchor, peer) + work[peer]!);
  for (let visit = 2; visit < instance.pathLength; visit++) {
    const before = reach;
    reach = others.map((to) => {
      let least = Number.POSITIVE_INFINITY;
      for (let from = 0; from < others.length; from++) {
        if (others[from] !== to) least = Math.min(least, before[from]! + hop(others[from]!, to));
      }
      return least + work[to]!;
    });
  }
  const home = (peer: number) => (instance.headAtAnchor ? hop(peer, anchor) : 0);
  return reach.reduce((least, sum, at) => Math.min(least, sum + home(others[at]!)), Number.POSITIVE_INFINITY);
}

/**
 * Shortest over lawful orders, by dynamic programming. A state is the highest stage so far, whether the stage below it
 * may be fetched back yet, the steps back so far, and the peer reached.
 */
function lawfulTrips(instance: Instance): Trips {
  const { peerCount, pathLength, headAtAnchor, live, swapBudget, largestJump, assignment } = instance;
  const site = sitesOf(instance);
  const stageOf = stagesOfPeers(instance);
  const work = Float64Array.from({ length: peerCount }, (_, peer) =>
    stageOf[peer]! < 0 ? 0 : visitWork(instance, stageOf, peer),
  );
  const further = live.slice(1);
  const groups = further.map((stage) => quickestOf(assignment[stage]!, site, work, 1).flat());
  const peers = groups.flat();
  const first = groups.map((_, at) => groups.slice(0, at).reduce((sum, group) => sum + group.length, 0));
  const hops = new Float64Array(peers.length * peers.length);
  peers.forEach((from, row) => {
    peers.forEach((to, column) => {
      hops[row * peers.length + column] = thereAndBack(instance, from, to);
    });
  });
  const budget = Math.min(swapBudget, pathLength);
  const rules = { pathLength, swapBudget: budget, largestJump };
  const perStage = 2 * (budget + 1) * peers.length;
  /** [((place of the highest stage * 2 + open) * (budget + 1) + steps back) * peers + peer]. */
  const size = further.length * perStage;

  function shortest(anchor: number): number {
    let states = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    const away = peers.map((peer) => thereAndBack(instance, anchor, peer));
    const start = { highest: 0, stepsBack: 0 };
    further.forEach((stage, which) => {
      if (!mayVisit(start, stage, rules)) return;
      const open = stage > 1 ? 1 : 0;
      groups[which]!.forEach((peer, i) => {
        const to = first[which]! + i;
        states[which * perStage + open * (budget + 1) * peers.length + to] = away[to]! + work[peer]!;
      });
    });
    for (let visit = 2; visit < pathLength; visit++) {
      const next = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
      for (let state = 0; state < size; state++) {
        const cost = states[state]!;
        if (cost === Number.POSITIVE_INFINITY) continue;
        const from = state % peers.length;
        const stepsBack = Math.floor(state / peers.length) % (budget + 1);
        const open = Math.floor(state / ((budget + 1) * peers.length)) % 2;
        const top = Math.floor(state / perStage);
        const highest = further[top]!;
        for (let which = 0; which < further.length; which++) {
          const stage = further[which]!;
          const onward = stage > highest;
          const isNew = onward || (open === 1 && stage === highest - 1);
          if (!isNew || !mayVisit({ highest, stepsBack }, stage, rules)) continue;
          const opens = onward && highest < stage - 1 ? 1 : 0;
          const reached = onward ? which : top;
          const steps = onward ? stepsBack : stepsBack + 1;
          const base = ((reached * 2 + opens) * (budget + 1) + steps) * peers.length;
          const end = first[which]! + groups[which]!.length;
          for (let to = first[which]!; to < end; to++) {
            const sum = cost + hops[from * peers.length + to]! + work[peers[to]!]!;
            if (sum < next[base + to]!) next[base + to] = sum;
          }
        }
      }
      states = next;
    }
    return states.reduce(
      (least, cost, state) => Math.min(least, cost + (headAtAnchor ? away[state % peers.length]! : 0)),
      Number.POSITIVE_INFINITY,
    );
  }

  const ways = new Map<number, number>();
  const kinds = new Set(assignment[0]!.map((anchor) => site[anchor]!)).size;
  const widest = groups.reduce((most, group) => Math.max(most, group.length), 0);
  const choices = Math.min(largestJump + 1, further.length) * widest;
  return {
    sums: kinds * (pathLength - 1) * 2 * (budget + 1) * peers.length * choices,
    of: (anchor) => {
      const way = ways.get(site[anchor]!) ?? shortest(anchor);
      ways.set(site[anchor]!, way);
      return way;
    },
  };
}

/**
 * Less than a round trip: from the anchor half of the visits by the shortest way, those of the other half by the
 * shortest from its end back, and between them the shortest hop of all. Where stages are held, no two visits in a row are
 * of one stage.
 */
function halves(instance: Instance): (anchor: number) => number {
  const { peerCount, pathLength, headAtAnchor, free } = instance;
  const stageOf = stagesOfPeers(instance);
  const held = Array.from({ length: peerCount }, (_, peer) => peer).filter((peer) => stageOf[peer]! >= 0);
  const everyone = free ? Array.from({ length: peerCount }, (_, peer) => peer) : held;
  const others = free ? everyone : held.filter((peer) => stageOf[peer]! > 0);
  const work = Float64Array.from({ length: peerCount }, (_, peer) =>
    free || stageOf[peer]! >= 0 ? visitWork(instance, stageOf, peer) : 0,
  );
  const mayFollow = (from: number, to: number) => from !== to && (free || stageOf[from] !== stageOf[to]);
  const visits = pathLength - 1;
  const near = headAtAnchor ? Math.floor(visits / 2) : visits;
  let shortestHop = Number.POSITIVE_INFINITY;
  /** [k][peer]: of k visits from there on. */
  const onward = [new Float64Array(peerCount)];
  for (let count = 1; count <= (headAtAnchor ? visits - near : visits); count++) {
    const before = onward[count - 1]!;
    const now = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
    for (const from of everyone) {
      for (const to of others) {
        if (!mayFollow(from, to)) continue;
        const hop = thereAndBack(instance, from, to);
        shortestHop = Math.min(shortestHop, hop);
        now[from] = Math.min(now[from]!, hop + work[to]! + before[to]!);
      }
    }
    onward.push(now);
  }
  return (anchor) =>
    headAtAnchor
      ? onward[near]![anchor]! + onward[visits - near]![anchor]! + shortestHop
      : onward[visits]![anchor]!;
}
