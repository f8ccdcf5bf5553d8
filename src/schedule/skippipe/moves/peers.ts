// Moves of peers between stages, for a free assignment.

import type { Candidate } from '../candidate.ts';
import type { Draws } from '../draws.ts';
import type { Instance } from '../instance.ts';
import type { Loads } from '../loads.ts';
import type { Trial } from './trial.ts';

/** Each is false when it came to nothing, and then nothing is changed. */
export interface PeerMoves {
  /** Two peers change places: stages and visits. */
  swapPeers(): boolean;
  /** Two peers exchange their stages and keep their visits. */
  swapLabels(): boolean;
  /** Two stages with equally many peers exchange their numbers. */
  swapStages(): boolean;
}

export function createPeerMoves(
  instance: Instance,
  { path, stageOf }: Candidate,
  { below }: Draws,
  loads: Loads,
  { save, fail, onUndo, reorderTouched }: Trial,
): PeerMoves {
  const { peerCount, pathLength, microbatches, stages, memory, holder } = instance;

  /** The numbers of peers that have several; the first of a peer is its own. */
  const several = new Map<number, number[]>();
  holder.forEach((peer, number) => {
    if (number !== peer) several.set(peer, [...(several.get(peer) ?? [peer]), number]);
  });
  /** A peer holds a stage once. */
  const heldTwice = (number: number) =>
    several
      .get(holder[number]!)
      ?.some((other) => other !== number && stageOf[other] === stageOf[number] && stageOf[number]! >= 0) ??
    false;

  function exchangeStagesOf(a: number, b: number): void {
    const stage = stageOf[a]!;
    stageOf[a] = stageOf[b]!;
    stageOf[b] = stage;
  }

  function exchangePlaces(a: number, b: number): void {
    exchangeStagesOf(a, b);
    loads.exchange(a, b);
  }

  function exchangeLabels(a: number, b: number): void {
    const first = stageOf[a]!;
    const second = stageOf[b]!;
    exchangeStagesOf(a, b);
    loads.relabel(a, first, second);
    loads.relabel(b, second, first);
  }

  function renumber(a: number, b: number): void {
    for (let peer = 0; peer < peerCount; peer++) {
      const stage = stageOf[peer]!;
      if (stage === a || stage === b) stageOf[peer] = stage === a ? b : a;
    }
    loads.renumber(a, b);
  }

  return {
    swapPeers() {
      const a = below(peerCount);
      const b = below(peerCount);
      if (holder[a] === holder[b] || (stageOf[a]! < 0 && stageOf[b]! < 0)) return false;
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
      onUndo(() => exchangePlaces(a, b));
      if (heldTwice(a) || heldTwice(b)) return fail();
      if (memory[a] !== memory[b]) {
        for (const peer of [a, b]) {
          if (stageOf[peer]! > 0 && !loads.stageLawful(stageOf[peer]!)) return fail();
        }
      }
      return reorderTouched() || fail();
    },

    swapLabels() {
      const a = below(peerCount);
      const b = below(peerCount);
      if (stageOf[a]! < 1 || stageOf[b]! < 1 || stageOf[a] === stageOf[b]) return false;
      if (holder[a] === holder[b]) return false;
      for (let m = 0; m < microbatches; m++) {
        for (let i = 1; i < pathLength; i++) {
          const peer = path[m * pathLength + i]!;
          if (peer === a || peer === b) save(m);
        }
      }
      exchangeLabels(a, b);
      onUndo(() => exchangeLabels(a, b));
      if (heldTwice(a) || heldTwice(b)) return fail();
      if (!loads.stageLawful(stageOf[a]!) || !loads.stageLawful(stageOf[b]!)) return fail();
      return reorderTouched() || fail();
    },

    swapStages() {
      if (stages < 3) return false;
      const a = 1 + below(stages - 1);
      const b = 1 + below(stages - 1);
      if (a === b || instance.sizes[a] !== instance.sizes[b]) return false;
      renumber(a, b);
      onUndo(() => renumber(a, b));
      for (let m = 0; m < microbatches; m++) save(m);
      return reorderTouched() || fail();
    },
  };
}
