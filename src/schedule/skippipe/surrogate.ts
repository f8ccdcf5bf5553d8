// What a candidate costs without simulating the swarm: what each anchor needs for its round trips when nobody else is
// there, one task at a time and as many micro-batches in flight as it has places, and what each peer computes. The
// largest of these, and a little of the others, so that there is something to gain beside it. Kept up to date: a move
// costs what it touches, however large the swarm.

import type { Candidate } from './candidate.ts';
import { createGroupExchange } from './group-exchange.ts';
import type { Instance } from './instance.ts';

export interface Surrogate {
  /** The cost now that `touched[0 … count − 1]` have other paths. */
  update(touched: Int32Array, count: number, peersMoved: boolean): number;
  /** Takes the last update back, after the candidate was. */
  revert(): void;
  /** The anchor (0 … anchorCount − 1) that needs most. */
  late(): number;
}

/** After so many updates sums of fractions are computed anew, before their rounding errors matter. */
const updatesBetween = 4096;
const othersWeight = 0.03;
const meanTripWeight = 0.15;
/** How much of an anchor's need is the slots bound: it falls with every shorter trip, the rest with the critical only. */
const slotsWeight = 0.3;
/** How much the slowest exchange counts: most groups begin theirs before the last round trip ends. */
const exchangeWeight = 0.25;

export function createSurrogate(instance: Instance, candidate: Candidate): Surrogate {
  const { pathLength, peerCount, place, placeCount, stages, microbatches, perAnchor, anchorCount } = instance;
  const { roundTrip, forward, backward, weight, head, gap, memory, headAtAnchor, holder } = instance;
  const { path, stageOf } = candidate;
  const trip = new Float64Array(microbatches);
  let total = 0;
  const visits = new Int32Array(peerCount);
  /** Whether the search moves stages between peers that hold several: their processor and their memory count once. */
  const shared = instance.free && holder.some((peer, number) => peer !== number);
  const seats = new Float64Array(peerCount);
  const workOf = new Float64Array(peerCount);
  if (shared) for (const peer of holder) seats[peer]!++;
  /** Whether it makes a difference who holds which stage. */
  const mixed = !isUniform(instance) || shared;
  /** Per anchor: its places in memory and its own parts of a round trip. */
  const places = new Float64Array(anchorCount);
  const first = new Float64Array(anchorCount);
  const final = new Float64Array(anchorCount);
  const behind = new Float64Array(anchorCount);
  /** When the gradients of what is in flight are back, while an anchor's need is computed. */
  const due = new Float64Array(Math.max(1, perAnchor));
  /** The most work of a peer, and of all peers the sum of eighth powers. */
  let busiest = 0;
  let workPowers = 0;
  let scale = 1;
  // A tree of maxima over what anchors need, with the anchors as leaves.
  let leaves = 1;
  while (leaves < anchorCount) leaves *= 2;
  const most = new Float64Array(2 * leaves);
  let powers = 0;
  let updates = 0;
  const exchange = createGroupExchange(instance);
  /** The part of the slowest group's exchange that counts. */
  let exchanging = 0;
  const savedTrip = new Float64Array(microbatches);
  let saved: Int32Array = new Int32Array(0);
  let savedCount = 0;
  let savedPeers = false;

  function tripOf(m: number): number {
    const base = m * pathLength;
    const anchor = path[base]!;
    let time = 0;
    let at = anchor;
    for (let i = 0; i < pathLength; i++) {
      const peer = path[base + i]!;
      const cost = peer * stages + stageOf[peer]!;
      time += forward[cost]! + backward[cost]!;
      if (i > 0) time += roundTrip[place[at]! * placeCount + place[peer]!]!;
      at = peer;
    }
    if (!headAtAnchor) return time + head[at]!;
    const home = at === anchor ? 0 : roundTrip[place[at]! * placeCount + place[anchor]!]!;
    return time + head[anchor]! + home;
  }

  function eighth(value: number): number {
    const part = value / scale;
    const square = part * part;
    const fourth = square * square;
    return fourth * fourth;
  }

  /** A forward goes as soon as there is a place, before backwards that wait. */
  function needOf(a: number): number {
    const room = places[a]!;
    let now = 0;
    let begun = 0;
    let flying = 0;
    while (begun < perAnchor || flying > 0) {
      let at = 0;
      for (let i = 1; i < flying; i++) if (due[i]! < due[at]!) at = i;
      if (begun < perAnchor && flying < room) {
        due[flying++] = now + trip[begun * anchorCount + a]! - final[a]!;
        now += first[a]!;
        begun++;
      } else {
        now = Math.max(now, due[at]!) + final[a]! + behind[a]!;
        due[at] = due[--flying]!;
      }
    }
    let sum = 0;
    for (let m = a; m < microbatches; m += anchorCount) sum += trip[m]!;
    return (1 - slotsWeight) * now + slotsWeight * (sum / room + ((room - 1) / 2) * (first[a]! + final[a]!));
  }

  function setNeed(a: number): void {
    const need = needOf(a);
    let at = leaves + a;
    powers += eighth(need) - eighth(most[at]!);
    most[at] = need;
    for (at >>= 1; at >= 1; at >>= 1) most[at] = Math.max(most[2 * at]!, most[2 * at + 1]!);
  }

  /** Everything that hangs on who holds which stage. */
  function readPeers(): void {
    visits.fill(0);
    for (let at = 0; at < path.length; at++) visits[path[at]!]!++;
    busiest = 0;
    workPowers = 0;
    for (let peer = 0; peer < peerCount; peer++) {
      if (visits[peer] === 0) continue;
      const at = peer * stages + stageOf[peer]!;
      const work = visits[peer]! * (forward[at]! + backward[at]! + weight[at]!);
      if (work > busiest) busiest = work;
      if (stageOf[peer] !== 0) workPowers += eighth(work);
    }
    if (shared) addSharedWork();
    for (let a = 0; a < anchorCount; a++) {
      const anchor = path[a * pathLength]!;
      const at = anchor * stages;
      places[a] = Math.min(memory[anchor]!, perAnchor);
      if (shared)
        places[a] = Math.max(1, Math.min(perAnchor, Math.floor(memory[anchor]! / seats[holder[anchor]!]!)));
      first[a] = forward[at]! + gap[anchor]!;
      final[a] = backward[at]!;
      // Where a backward is split, a place is free only after the weight half.
      behind[a] = weight[at]! + gap[anchor]!;
    }
  }

  /** What peers with several stages compute in sum. */
  function addSharedWork(): void {
    workOf.fill(0);
    for (let number = 0; number < peerCount; number++) {
      if (visits[number] === 0) continue;
      const at = number * stages + stageOf[number]!;
      workOf[holder[number]!]! += visits[number]! * (forward[at]! + backward[at]! + weight[at]!);
    }
    for (let peer = 0; peer < peerCount; peer++) {
      if (seats[peer]! < 2) continue;
      busiest = Math.max(busiest, workOf[peer]!);
      workPowers += eighth(workOf[peer]!);
    }
  }

  function readAll(): void {
    updates = 0;
    total = 0;
    for (let m = 0; m < microbatches; m++) {
      trip[m] = tripOf(m);
      total += trip[m]!;
    }
    readPeers();
    most.fill(0);
    for (let a = 0; a < anchorCount; a++) setNeed(a);
    scale = Math.max(1, most[1]!, busiest);
    readPeers();
    powers = 0;
    for (let a = 0; a < anchorCount; a++) powers += eighth(most[leaves + a]!);
  }

  function setTrip(m: number, time: number): void {
    total += time - trip[m]!;
    trip[m] = time;
    setNeed(m % anchorCount);
  }

  function cost(): number {
    const top = Math.max(most[1]!, busiest);
    const others = (powers + workPowers) / eighth(top) - 1;
    return top * (1 + othersWeight * others) + (meanTripWeight * total) / microbatches + exchanging;
  }

  function readExchange(): void {
    if (exchange !== undefined) exchanging = exchangeWeight * exchange.slowest(stageOf);
  }

  readAll();
  readExchange();
  return {
    update(touched, count, peersMoved) {
      readExchange();
      saved = touched;
      savedCount = count;
      savedPeers = peersMoved && mixed;
      for (let i = 0; i < count; i++) {
        const m = touched[i]!;
        savedTrip[i] = trip[m]!;
        setTrip(m, tripOf(m));
      }
      if (peersMoved && mixed) {
        readPeers();
        for (let a = 0; a < anchorCount; a++) setNeed(a);
      }
      return cost();
    },
    revert() {
      readExchange();
      if (savedPeers) readPeers();
      for (let i = 0; i < savedCount; i++) setTrip(saved[i]!, savedTrip[i]!);
      if (savedPeers) for (let a = 0; a < anchorCount; a++) setNeed(a);
      if (++updates >= updatesBetween) readAll();
    },
    late() {
      let at = 1;
      while (at < leaves) at = most[2 * at]! >= most[2 * at + 1]! ? 2 * at : 2 * at + 1;
      return Math.min(anchorCount - 1, at - leaves);
    },
  };
}

/** Whether all peers compute alike, at all stages, and have as much memory. */
function isUniform({ forward, backward, weight, gap, memory }: Instance): boolean {
  return [forward, backward, weight, gap, memory].every((values) =>
    values.every((value) => value === values[0]),
  );
}
