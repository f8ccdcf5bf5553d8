// The moves of the search. Visits are exchanged between paths, or given to another peer where loads and shares leave
// room for that; what would break a rule comes to nothing. A move is made in place and can be taken back.

import type { Candidate, Orderer, Waves } from './candidate.ts';
import type { Draws } from './draws.ts';
import type { Instance } from './instance.ts';
import { createLoads } from './loads.ts';

/** Which moves are tried. */
export interface MoveOptions {
  /** Whether biases and urgency are varied; without them a peer serves in order of arrival. */
  readonly order: boolean;
  /** Whether peers may change places (`assignment: auto`). */
  readonly assignment: boolean;
}

export interface Mover {
  /**
   * Tries one move; false when it came to nothing (then nothing is changed). It begins with micro-batch m, at the visit
   * `position` if that is not 0.
   */
  propose(m: number, position: number): boolean;
  /**
   * Lets m go before the micro-batch that went first where both waited: its time of arrival there counts as `by` more
   * than the other's bias makes it. The flags say whether they waited for a forward.
   */
  overtake(m: number, isForward: boolean, other: number, otherIsForward: boolean, by: number): boolean;
  undo(): void;
  /** The micro-batches that the last move touched: `touched[0] … touched[touchedCount() - 1]`. */
  readonly touched: Int32Array;
  touchedCount(): number;
  /** Whether the last move, undone or not, changed who holds which stage. */
  movedPeers(): boolean;
}

/** Share of re-ordered paths, in 1024ths, that get a lawful order at random and not the shortest. */
const randomOrders = 60;
/** How often each move is tried: up to which of 1024 numbers, first where peers may change places, then else. */
const peersUntil = 102;
const labelsUntil = 164;
const stagesUntil = 184;
const swapUntil = 462;
const imitateUntil = 512;
const orderUntil = 594;
const pathsUntil = 717;
const priorityUntil = 817;
const giveUntil = 877;
/** Of changes of priority those that let forwards go before waiting backwards, or no more, and those that clear a bias. */
const urgentShare = 400;
const clearShare = 150;
const mixShare = 332;

export function createMover(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  orderer: Orderer,
  draws: Draws,
  options: MoveOptions,
): Mover {
  const { peerCount, pathLength, microbatches, stages, anchorCount } = instance;
  const { path, stageOf, bias, urgent } = candidate;
  const visits = pathLength - 1;
  const loads = createLoads(instance, waves, candidate);
  const touched = new Int32Array(microbatches);
  const isTouched = new Uint8Array(microbatches);
  let touchedCount = 0;
  const savedPath = new Int32Array(microbatches * pathLength);
  const savedBias = new Float64Array(microbatches);
  const savedUrgent = new Uint8Array(microbatches);
  /** The visit that was given from one peer to another: the micro-batch, -1 for none, from and to. */
  let given = -1;
  let givenFrom = -1;
  let givenTo = -1;
  /** What undoing must do to stages. */
  let peersMoved: 'no' | 'places' | 'labels' | 'stages' = 'no';
  let wasUndone = false;
  let movedA = -1;
  let movedB = -1;
  const typical = typicalForward(instance, candidate);

  const { below } = draws;
  const chance = (of1024: number) => (draws.word() & 1023) < of1024;

  function save(m: number): void {
    if (isTouched[m] === 1) return;
    isTouched[m] = 1;
    for (let i = 0; i < pathLength; i++) {
      savedPath[touchedCount * pathLength + i] = path[m * pathLength + i]!;
    }
    savedBias[touchedCount] = bias[m]!;
    savedUrgent[touchedCount] = urgent[m]!;
    touched[touchedCount++] = m;
  }

  function begin(): void {
    for (let i = 0; i < touchedCount; i++) isTouched[touched[i]!] = 0;
    touchedCount = 0;
    given = -1;
    peersMoved = 'no';
    wasUndone = false;
  }

  function undo(): void {
    if (wasUndone) return;
    wasUndone = true;
    for (let i = 0; i < touchedCount; i++) {
      const m = touched[i]!;
      for (let k = 0; k < pathLength; k++) path[m * pathLength + k] = savedPath[i * pathLength + k]!;
      bias[m] = savedBias[i]!;
      urgent[m] = savedUrgent[i]!;
    }
    if (given >= 0) loads.shift(given, givenTo, givenFrom);
    if (peersMoved === 'places') exchangePlaces(movedA, movedB);
    else if (peersMoved === 'labels') exchangeLabels(movedA, movedB);
    else if (peersMoved === 'stages') exchangeStages(movedA, movedB);
  }

  function fail(): false {
    undo();
    return false;
  }

  function reorder(m: number): boolean {
    return orderer.order(candidate, m, chance(randomOrders) ? draws : undefined);
  }

  function partner(m: number): number {
    const members = waves.members[waves.of[m]!]!;
    return members[below(members.length)]!;
  }

  /** A visit of m: at random, or (half of the time, where there is one) the one at the given stage. */
  function visitOf(m: number, stage: number): number {
    if (chance(512)) {
      for (let i = 1; i <= visits; i++) if (stageOf[path[m * pathLength + i]!] === stage) return i;
    }
    return 1 + below(visits);
  }

  /** Exchanges what stands at two positions of `path`. Within a wave that leaves all loads as they are. */
  function exchangeVisits(a: number, b: number): void {
    const peer = path[a]!;
    path[a] = path[b]!;
    path[b] = peer;
  }

  function swapVisits(i: number, position: number): boolean {
    const j = partner(i);
    if (i === j) return false;
    const a = i * pathLength + (position > 0 ? position : 1 + below(visits));
    const b = j * pathLength + visitOf(j, stageOf[path[a]!]!);
    if (path[a] === path[b]) return false;
    save(i);
    save(j);
    exchangeVisits(a, b);
    return (reorder(i) && reorder(j)) || fail();
  }

  function cycleVisits(i: number, position: number): boolean {
    const j = partner(i);
    const k = partner(i);
    if (i === j || j === k || i === k) return false;
    const a = i * pathLength + (position > 0 ? position : 1 + below(visits));
    const stage = stageOf[path[a]!]!;
    const b = j * pathLength + visitOf(j, stage);
    const c = k * pathLength + visitOf(k, stage);
    save(i);
    save(j);
    save(k);
    exchangeVisits(a, b);
    exchangeVisits(b, c);
    return (reorder(i) && reorder(j) && reorder(k)) || fail();
  }

  function positionOf(m: number, holds: (peer: number) => boolean): number {
    for (let i = 1; i < pathLength; i++) if (holds(path[m * pathLength + i]!)) return i;
    return 0;
  }

  /**
   * m takes the way of another micro-batch of its anchor: each peer it lacks comes from a path of the wave that visits
   * it. For an anchor far from most peers a way is only as good as all of it, so visit by visit nothing is gained.
   */
  function imitate(m: number): boolean {
    const anchor = m % anchorCount;
    const model = below(instance.perAnchor) * anchorCount + anchor;
    if (model === m) return false;
    save(m);
    const members = waves.members[waves.of[m]!]!;
    for (let v = 1; v < pathLength; v++) {
      const wanted = path[model * pathLength + v]!;
      if (positionOf(m, (peer) => peer === wanted) > 0) continue;
      const gives =
        positionOf(m, (peer) => stageOf[peer] === stageOf[wanted]) ||
        positionOf(m, (peer) => positionOf(model, (other) => other === peer) === 0);
      const start = below(members.length);
      let holder = -1;
      let at = 0;
      for (let i = 0; i < members.length && at === 0; i++) {
        holder = members[(start + i) % members.length]!;
        if (holder % anchorCount !== anchor) at = positionOf(holder, (peer) => peer === wanted);
      }
      if (gives === 0 || at === 0) return fail();
      save(holder);
      exchangeVisits(m * pathLength + gives, holder * pathLength + at);
    }
    for (let i = 0; i < touchedCount; i++) if (!reorder(touched[i]!)) return fail();
    return touchedCount > 1;
  }

  function swapPaths(i: number): boolean {
    const j = partner(i);
    if (i === j) return false;
    save(i);
    save(j);
    for (let v = 1; v < pathLength; v++) exchangeVisits(i * pathLength + v, j * pathLength + v);
    if (path[i * pathLength] === path[j * pathLength]) {
      const value = bias[i]!;
      bias[i] = bias[j]!;
      bias[j] = value;
      return true;
    }
    return (orderer.order(candidate, i) && orderer.order(candidate, j)) || fail();
  }

  /** Another peer takes a visit, without one in return. */
  function giveVisit(m: number, position: number): boolean {
    const at = m * pathLength + (position > 0 ? position : 1 + below(visits));
    const from = path[at]!;
    const to = below(peerCount);
    const stage = stageOf[to]!;
    if (stage < 1 || to === from) return false;
    const sameStage = stage === stageOf[from];
    if (sameStage && loads.visitsOf(to) >= loads.shareOf(stage)) return false;
    save(m);
    path[at] = to;
    given = m;
    givenFrom = from;
    givenTo = to;
    loads.shift(m, from, to);
    if (!reorder(m)) return fail();
    return sameStage || (loads.stageLawful(stage) && loads.stageLawful(stageOf[from]!)) || fail();
  }

  function reorderOne(): boolean {
    const m = below(microbatches);
    save(m);
    return orderer.order(candidate, m, draws) || fail();
  }

  function changePriority(m: number): boolean {
    save(m);
    const which = draws.word() & 1023;
    if (which < urgentShare) {
      urgent[m] = (urgent[m]! + 1 + below(2)) % 3;
      if (chance(512)) bias[m]! -= below(2 * typical + 1);
    } else if (which < urgentShare + clearShare) {
      bias[m] = 0;
    } else if (which < urgentShare + clearShare + mixShare) {
      // Roughly normal, with a spread of about one forward.
      bias[m]! += below(2 * typical + 1) + below(2 * typical + 1) - 2 * typical;
    } else {
      const other = below(microbatches);
      save(other);
      const value = bias[m]!;
      bias[m] = bias[other]!;
      bias[other] = value;
    }
    return true;
  }

  function exchangePlaces(a: number, b: number): void {
    const stage = stageOf[a]!;
    stageOf[a] = stageOf[b]!;
    stageOf[b] = stage;
    loads.exchange(a, b);
  }

  /** Two peers change places: stages and visits. */
  function swapPeers(): boolean {
    const a = below(peerCount);
    const b = below(peerCount);
    if (a === b || (stageOf[a]! < 0 && stageOf[b]! < 0)) return false;
    if (stageOf[a] === stageOf[b] && stageOf[a] !== 0) return false;
    for (let m = 0; m < microbatches; m++) {
      const base = m * pathLength;
      for (let i = 0; i < pathLength; i++) {
        const peer = path[base + i]!;
        if (peer !== a && peer !== b) continue;
        save(m);
        path[base + i] = peer === a ? b : a;
      }
    }
    exchangePlaces(a, b);
    peersMoved = 'places';
    movedA = a;
    movedB = b;
    if (instance.memory[a] !== instance.memory[b]) {
      for (const peer of [a, b]) if (stageOf[peer]! > 0 && !loads.stageLawful(stageOf[peer]!)) return fail();
    }
    for (let i = 0; i < touchedCount; i++) if (!reorder(touched[i]!)) return fail();
    return true;
  }

  function exchangeLabels(a: number, b: number): void {
    const first = stageOf[a]!;
    const second = stageOf[b]!;
    stageOf[a] = second;
    stageOf[b] = first;
    loads.relabel(a, first, second);
    loads.relabel(b, second, first);
  }

  /** Two peers exchange their stages and keep their visits. */
  function swapLabels(): boolean {
    const a = below(peerCount);
    const b = below(peerCount);
    if (stageOf[a]! < 1 || stageOf[b]! < 1 || stageOf[a] === stageOf[b]) return false;
    for (let m = 0; m < microbatches; m++) {
      for (let i = 1; i < pathLength; i++) {
        const peer = path[m * pathLength + i]!;
        if (peer === a || peer === b) save(m);
      }
    }
    exchangeLabels(a, b);
    peersMoved = 'labels';
    movedA = a;
    movedB = b;
    if (!loads.stageLawful(stageOf[a]!) || !loads.stageLawful(stageOf[b]!)) return fail();
    for (let i = 0; i < touchedCount; i++) if (!reorder(touched[i]!)) return fail();
    return true;
  }

  function exchangeStages(a: number, b: number): void {
    for (let peer = 0; peer < peerCount; peer++) {
      const stage = stageOf[peer]!;
      if (stage !== a && stage !== b) continue;
      stageOf[peer] = stage === a ? b : a;
      loads.relabel(peer, stage, stage === a ? b : a);
    }
  }

  /** Two stages with equally many peers exchange their numbers. */
  function swapStages(): boolean {
    if (stages < 3) return false;
    const a = 1 + below(stages - 1);
    const b = 1 + below(stages - 1);
    if (a === b || instance.sizes[a] !== instance.sizes[b]) return false;
    exchangeStages(a, b);
    peersMoved = 'stages';
    movedA = a;
    movedB = b;
    for (let m = 0; m < microbatches; m++) {
      save(m);
      if (!reorder(m)) return fail();
    }
    return true;
  }

  function propose(m: number, position: number): boolean {
    begin();
    if (options.assignment) {
      const which = draws.word() & 1023;
      if (which < peersUntil) return swapPeers();
      if (which < labelsUntil) return swapLabels();
      if (which < stagesUntil) return swapStages();
    }
    if (visits === 0) return options.order && changePriority(m);
    const which = draws.word() & 1023;
    if (which < swapUntil) return swapVisits(m, position);
    if (which < imitateUntil) return imitate(m);
    if (which < orderUntil) return reorderOne();
    if (which < pathsUntil) return swapPaths(m);
    if (which < priorityUntil) return options.order ? changePriority(m) : swapVisits(m, position);
    if (which < giveUntil) return loads.loose ? giveVisit(m, position) : swapVisits(m, position);
    return cycleVisits(m, position);
  }

  function overtake(
    m: number,
    isForward: boolean,
    other: number,
    otherIsForward: boolean,
    by: number,
  ): boolean {
    begin();
    save(m);
    save(other);
    const otherFirst = !otherIsForward || urgent[other] !== 0;
    if (isForward && otherFirst) urgent[m] = 1;
    else if (!isForward && otherIsForward && chance(512)) {
      urgent[other] = 0;
      return true;
    }
    bias[m] = bias[other]! + by;
    return true;
  }

  return {
    propose,
    overtake,
    undo,
    touched,
    touchedCount: () => touchedCount,
    movedPeers: () => peersMoved !== 'no',
  };
}

/** Mean microseconds of a forward where it is done: the scale on which priorities are varied. */
function typicalForward(instance: Instance, { stageOf }: Candidate): number {
  let sum = 0;
  let count = 0;
  stageOf.forEach((stage, peer) => {
    if (stage < 0) return;
    sum += instance.forward[peer * instance.stages + stage]!;
    count++;
  });
  return Math.min(1e9, Math.max(1, Math.round(sum / Math.max(1, count))));
}
