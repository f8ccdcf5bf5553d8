// Moves of visits between paths. What is exchanged stays within a wave, which leaves all loads as they are; visits
// given away are looked at by the loads.

import type { Candidate, Orderer, Waves } from '../candidate.ts';
import type { Draws } from '../draws.ts';
import type { Instance } from '../instance.ts';
import type { Loads } from '../loads.ts';
import type { Trial } from './trial.ts';

/** Each is false when it came to nothing, and then nothing is changed. A position of 0 is for the move to choose. */
export interface VisitMoves {
  /** A visit of micro-batch m and one of another of its wave change paths. */
  swap(m: number, position: number): boolean;
  /** The same among three. */
  cycle(m: number, position: number): boolean;
  /**
   * m takes the way of another micro-batch of its anchor: each peer it lacks comes from a path of the wave that visits
   * it. For an anchor far from most peers a way is only as good as all of it, so visit by visit nothing is gained.
   */
  imitate(m: number): boolean;
  /** m and another of its wave exchange their paths after the anchor. */
  swapPaths(m: number): boolean;
  /** Another peer takes a visit, without one in return. */
  give(m: number, position: number): boolean;
  /** Any one path gets a lawful order at random. */
  reorderOne(): boolean;
}

export function createVisitMoves(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  orderer: Orderer,
  draws: Draws,
  loads: Loads,
  trial: Trial,
): VisitMoves {
  const { peerCount, pathLength, microbatches, anchorCount } = instance;
  const { path, stageOf, bias } = candidate;
  const { below } = draws;
  const { save, fail, reorder, reorderTouched, chance } = trial;
  const visits = pathLength - 1;

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

  function exchange(a: number, b: number): void {
    const peer = path[a]!;
    path[a] = path[b]!;
    path[b] = peer;
  }

  function positionOf(m: number, holds: (peer: number) => boolean): number {
    for (let i = 1; i < pathLength; i++) if (holds(path[m * pathLength + i]!)) return i;
    return 0;
  }

  /** Counts a visit of m as one of another peer, and again as before when the move is taken back. */
  function shift(m: number, from: number, to: number): void {
    loads.shift(m, from, to);
    trial.onUndo(() => loads.shift(m, to, from));
  }

  return {
    swap(i, position) {
      const j = partner(i);
      if (i === j) return false;
      const a = i * pathLength + (position > 0 ? position : 1 + below(visits));
      const b = j * pathLength + visitOf(j, stageOf[path[a]!]!);
      if (path[a] === path[b]) return false;
      save(i);
      save(j);
      exchange(a, b);
      return (reorder(i) && reorder(j)) || fail();
    },

    cycle(i, position) {
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
      exchange(a, b);
      exchange(b, c);
      return (reorder(i) && reorder(j) && reorder(k)) || fail();
    },

    imitate(m) {
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
        exchange(m * pathLength + gives, holder * pathLength + at);
      }
      return reorderTouched() ? trial.touchedCount() > 1 : fail();
    },

    swapPaths(i) {
      const j = partner(i);
      if (i === j) return false;
      save(i);
      save(j);
      for (let v = 1; v < pathLength; v++) exchange(i * pathLength + v, j * pathLength + v);
      if (path[i * pathLength] === path[j * pathLength]) {
        const value = bias[i]!;
        bias[i] = bias[j]!;
        bias[j] = value;
        return true;
      }
      return (orderer.order(candidate, i) && orderer.order(candidate, j)) || fail();
    },

    give(m, position) {
      const at = m * pathLength + (position > 0 ? position : 1 + below(visits));
      const from = path[at]!;
      const to = below(peerCount);
      const stage = stageOf[to]!;
      if (stage < 1 || to === from) return false;
      const sameStage = stage === stageOf[from];
      if (sameStage ? loads.visitsOf(to) >= loads.shareOf(stage) : !loads.mayGive(stageOf[from]!, stage)) {
        return false;
      }
      save(m);
      path[at] = to;
      shift(m, from, to);
      if (!reorder(m)) return fail();
      return sameStage || (loads.stageLawful(stage) && loads.stageLawful(stageOf[from]!)) || fail();
    },

    reorderOne() {
      const m = below(microbatches);
      save(m);
      return orderer.order(candidate, m, draws) || fail();
    },
  };
}
