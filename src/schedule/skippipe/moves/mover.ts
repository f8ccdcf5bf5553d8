// The moves of the search and how often each is tried. Visits are exchanged between paths, or given to another peer
// where loads and shares leave room for that; what would break a rule comes to nothing. A move is made in place and
// can be taken back.

import type { Candidate, Orderer, Waves } from '../candidate.ts';
import type { Draws } from '../draws.ts';
import type { Instance } from '../instance.ts';
import { createLoads } from '../loads.ts';
import { createPeerMoves } from './peers.ts';
import { createPriorityMoves, type PriorityMoves } from './priorities.ts';
import { createTrial } from './trial.ts';
import { createVisitMoves } from './visits.ts';

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
  readonly overtake: PriorityMoves['overtake'];
  readonly hold: PriorityMoves['hold'];
  undo(): void;
  /** The micro-batches that the last move touched: `touched[0] … touched[touchedCount() - 1]`. */
  readonly touched: Int32Array;
  touchedCount(): number;
  /** Whether the last move, undone or not, changed who holds which stage. */
  movedPeers(): boolean;
}

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

export function createMover(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  orderer: Orderer,
  draws: Draws,
  options: MoveOptions,
): Mover {
  const loads = createLoads(instance, waves, candidate);
  const trial = createTrial(instance, candidate, orderer, draws);
  const visits = createVisitMoves(instance, waves, candidate, orderer, draws, loads, trial);
  const priorities = createPriorityMoves(instance, candidate, draws, trial);
  const peers = createPeerMoves(instance, candidate, draws, loads, trial);
  let movedPeers = false;

  function movePeers(which: number): boolean {
    movedPeers = true;
    if (which < peersUntil) return peers.swapPeers();
    return which < labelsUntil ? peers.swapLabels() : peers.swapStages();
  }

  function propose(m: number, position: number): boolean {
    trial.begin();
    movedPeers = false;
    if (options.assignment) {
      const which = draws.word() & 1023;
      if (which < stagesUntil) return movePeers(which);
    }
    if (instance.pathLength === 1) return options.order && priorities.change(m);
    const which = draws.word() & 1023;
    if (which < swapUntil) return visits.swap(m, position);
    if (which < imitateUntil) return visits.imitate(m);
    if (which < orderUntil) return visits.reorderOne();
    if (which < pathsUntil) return visits.swapPaths(m);
    if (which < priorityUntil) return options.order ? priorities.change(m) : visits.swap(m, position);
    if (which < giveUntil) return loads.loose ? visits.give(m, position) : visits.swap(m, position);
    return visits.cycle(m, position);
  }

  return {
    propose,
    overtake(...pair) {
      trial.begin();
      movedPeers = false;
      return priorities.overtake(...pair);
    },
    hold(task, first) {
      trial.begin();
      movedPeers = false;
      return priorities.hold(task, first);
    },
    undo: trial.undo,
    touched: trial.touched,
    touchedCount: trial.touchedCount,
    movedPeers: () => movedPeers,
  };
}
