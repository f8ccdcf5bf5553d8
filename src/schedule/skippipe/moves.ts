// The moves of the search. Every one keeps what the first candidate was balanced for: the visits of a peer and the
// load of a stage in each wave are only ever exchanged, never created. A move is made in place and can be taken back.

import type { Generator } from '../../random/index.ts';
import type { Candidate, Orderer, Waves } from './candidate.ts';
import type { Instance } from './instance.ts';

/** Which moves are tried. */
export interface MoveOptions {
  /** Whether biases and urgency are varied; without them a peer serves in order of arrival. */
  readonly order: boolean;
  /** Whether peers may change places (`assignment: auto`). */
  readonly assignment: boolean;
}

export interface Mover {
  /** Tries one move; false when it came to nothing (then nothing is changed). `late` is the anchor to look at first. */
  propose(late: number): boolean;
  undo(): void;
  /** The micro-batches that the last move touched: `touched[0] … touched[touchedCount() - 1]`. */
  readonly touched: Int32Array;
  touchedCount(): number;
  /** Whether the last move, undone or not, changed who holds which stage. */
  movedPeers(): boolean;
}

/** Share of moves, in 1024ths, that take a micro-batch of the anchor that finishes last. */
const focus = 700;
/** Share of re-ordered paths that get a lawful order at random and not the shortest. */
const randomOrders = 60;

export function createMover(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  orderer: Orderer,
  draw: Generator,
  options: MoveOptions,
): Mover {
  const { peerCount, pathLength, microbatches, anchorCount, perAnchor, stages } = instance;
  const { path, stageOf, bias, urgent } = candidate;
  const visits = pathLength - 1;
  const touched = new Int32Array(microbatches);
  const isTouched = new Uint8Array(microbatches);
  let touchedCount = 0;
  const savedPath = new Int32Array(microbatches * pathLength);
  const savedBias = new Float64Array(microbatches);
  const savedUrgent = new Uint8Array(microbatches);
  const savedStages = new Int32Array(peerCount);
  /** What undoing must do to stages and visit counts. */
  let peersMoved: 'no' | 'places' | 'labels' = 'no';
  let wasUndone = false;
  let movedA = -1;
  let movedB = -1;
  /** [wave * peerCount + peer]: visits, which belong to a place and change peers with it. */
  const waveVisits = countVisits(instance, waves, candidate);
  const typical = typicalForward(instance, candidate);

  const chance = (of1024: number) => (draw.word() & 1023) < of1024;
  const below = (bound: number) => Math.floor(draw.word() * (bound / 4294967296));

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
    if (peersMoved === 'places') exchangePlaces(movedA, movedB);
    else if (peersMoved === 'labels') stageOf.set(savedStages);
  }

  function fail(): false {
    undo();
    return false;
  }

  function reorder(m: number): boolean {
    return orderer.order(candidate, m, chance(randomOrders) ? draw : undefined);
  }

  function pick(late: number): number {
    return chance(focus) ? below(perAnchor) * anchorCount + late : below(microbatches);
  }

  function sameWave(m: number): number {
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

  function swapVisits(late: number): boolean {
    const i = pick(late);
    const j = sameWave(i);
    if (i === j) return false;
    const p = 1 + below(visits);
    const a = i * pathLength + p;
    const b = j * pathLength + visitOf(j, stageOf[path[a]!]!);
    if (path[a] === path[b]) return false;
    save(i);
    save(j);
    const peer = path[a]!;
    path[a] = path[b]!;
    path[b] = peer;
    return (reorder(i) && reorder(j)) || fail();
  }

  function cycleVisits(late: number): boolean {
    const i = pick(late);
    const j = sameWave(i);
    const k = sameWave(i);
    if (i === j || j === k || i === k) return false;
    const a = i * pathLength + 1 + below(visits);
    const stage = stageOf[path[a]!]!;
    const b = j * pathLength + visitOf(j, stage);
    const c = k * pathLength + visitOf(k, stage);
    save(i);
    save(j);
    save(k);
    const peer = path[a]!;
    path[a] = path[b]!;
    path[b] = path[c]!;
    path[c] = peer;
    return (reorder(i) && reorder(j) && reorder(k)) || fail();
  }

  function swapPaths(late: number): boolean {
    const i = pick(late);
    const j = sameWave(i);
    if (i === j) return false;
    save(i);
    save(j);
    for (let v = 1; v < pathLength; v++) {
      const peer = path[i * pathLength + v]!;
      path[i * pathLength + v] = path[j * pathLength + v]!;
      path[j * pathLength + v] = peer;
    }
    if (path[i * pathLength] === path[j * pathLength]) {
      const value = bias[i]!;
      bias[i] = bias[j]!;
      bias[j] = value;
      return true;
    }
    return (orderer.order(candidate, i) && orderer.order(candidate, j)) || fail();
  }

  function reorderOne(): boolean {
    const m = below(microbatches);
    save(m);
    return orderer.order(candidate, m, draw) || fail();
  }

  function changePriority(late: number): boolean {
    const m = pick(late);
    save(m);
    const which = draw.word() & 1023;
    if (which < 123) {
      urgent[m] = 1 - urgent[m]!;
      if (chance(512)) bias[m]! -= below(2 * typical + 1);
    } else if (which < 358) {
      bias[m] = 0;
    } else if (which < 820) {
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
    for (let at = 0; at < waveVisits.length; at += peerCount) {
      const count = waveVisits[at + a]!;
      waveVisits[at + a] = waveVisits[at + b]!;
      waveVisits[at + b] = count;
    }
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
    for (let i = 0; i < touchedCount; i++) if (!reorder(touched[i]!)) return fail();
    return true;
  }

  /** Two peers with equal loads exchange their stages and keep their visits. */
  function swapLabels(): boolean {
    const a = below(peerCount);
    const b = below(peerCount);
    if (stageOf[a]! < 1 || stageOf[b]! < 1 || stageOf[a] === stageOf[b]) return false;
    for (let at = 0; at < waveVisits.length; at += peerCount) {
      if (waveVisits[at + a] !== waveVisits[at + b]) return false;
    }
    savedStages.set(stageOf);
    peersMoved = 'labels';
    const stage = stageOf[a]!;
    stageOf[a] = stageOf[b]!;
    stageOf[b] = stage;
    for (let m = 0; m < microbatches; m++) {
      for (let i = 1; i < pathLength; i++) {
        const peer = path[m * pathLength + i]!;
        if (peer === a || peer === b) save(m);
      }
    }
    for (let i = 0; i < touchedCount; i++) if (!reorder(touched[i]!)) return fail();
    return true;
  }

  /** Two stages with equal groups and loads exchange their numbers. */
  function swapStages(): boolean {
    if (stages < 3) return false;
    const a = 1 + below(stages - 1);
    const b = 1 + below(stages - 1);
    if (a === b || instance.sizes[a] !== instance.sizes[b]) return false;
    for (let at = 0; at < waveVisits.length; at += peerCount) {
      let difference = 0;
      for (let peer = 0; peer < peerCount; peer++) {
        if (stageOf[peer] === a) difference += waveVisits[at + peer]!;
        else if (stageOf[peer] === b) difference -= waveVisits[at + peer]!;
      }
      if (difference !== 0) return false;
    }
    savedStages.set(stageOf);
    peersMoved = 'labels';
    for (let peer = 0; peer < peerCount; peer++) {
      if (stageOf[peer] === a) stageOf[peer] = b;
      else if (stageOf[peer] === b) stageOf[peer] = a;
    }
    for (let m = 0; m < microbatches; m++) {
      save(m);
      if (!reorder(m)) return fail();
    }
    return true;
  }

  function propose(late: number): boolean {
    begin();
    if (options.assignment) {
      const which = draw.word() & 1023;
      if (which < 102) return swapPeers();
      if (which < 164) return swapLabels();
      if (which < 184) return swapStages();
    }
    const which = draw.word() & 1023;
    if (visits === 0) return options.order && changePriority(late);
    if (which < 512) return swapVisits(late);
    if (which < 594) return reorderOne();
    if (which < 717) return swapPaths(late);
    if (which < 860) return options.order ? changePriority(late) : swapVisits(late);
    return cycleVisits(late);
  }

  return {
    propose,
    undo,
    touched,
    touchedCount: () => touchedCount,
    movedPeers: () => peersMoved !== 'no',
  };
}

function countVisits(instance: Instance, waves: Waves, { path }: Candidate): Int32Array {
  const { peerCount, pathLength, microbatches } = instance;
  const counts = new Int32Array(Math.max(1, waves.members.length) * peerCount);
  for (let m = 0; m < microbatches; m++) {
    for (let i = 1; i < pathLength; i++) {
      counts[waves.of[m]! * peerCount + path[m * pathLength + i]!]!++;
    }
  }
  return counts;
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
