// A candidate of the search: who holds which stage, every micro-batch's path, and what decides the order of work on
// a peer. Arrays that moves change in place; the first candidate is built here, balanced by construction.

import type { Draws } from './draws.ts';
import type { Instance } from './instance.ts';
import { waveMicrobatches, waveOf } from './instance.ts';
import { lightestStages, orderPatterns } from './orders.ts';

export const urgentEverywhere = 1;
export const urgentAtAnchor = 2;

export interface Candidate {
  /** Per peer: its stage, -1 for none. */
  readonly stageOf: Int32Array;
  /** [microbatch * pathLength + position]: the peer visited; position 0 is the anchor. */
  readonly path: Int32Array;
  /** Per micro-batch: whole microseconds added to its time of arrival where a peer chooses what came first. */
  readonly bias: Float64Array;
  /** Per micro-batch: which of its forwards go before waiting backwards: none (0), all, or its anchor's. */
  readonly urgent: Uint8Array;
  /**
   * [microbatch * (2 pathLength + 1) + step]: a task that has to be started before this one if both are at one peer, as
   * the same product; -1 for none. A peer stays idle for it.
   */
  readonly after: Int32Array;
}

export function copyCandidate(from: Candidate): Candidate {
  return {
    stageOf: from.stageOf.slice(),
    path: from.path.slice(),
    bias: from.bias.slice(),
    urgent: from.urgent.slice(),
    after: from.after.slice(),
  };
}

/** Micro-batches by wave: as many per anchor as its memory holds go together. */
export interface Waves {
  readonly of: Int32Array;
  readonly members: readonly (readonly number[])[];
  /** Micro-batches per anchor and wave; Infinity where there is one wave. */
  readonly perAnchor: number;
}

export function wavesOf(instance: Instance): Waves {
  const { anchorCount, microbatches } = instance;
  const perAnchor = waveMicrobatches(instance);
  const of = new Int32Array(microbatches);
  const members: number[][] = [];
  for (let m = 0; m < microbatches; m++) {
    const wave = waveOf(Math.floor(m / anchorCount), perAnchor);
    of[m] = wave;
    if (members[wave] === undefined) members[wave] = [];
    members[wave]!.push(m);
  }
  return { of, members, perAnchor };
}

/** Puts the visits of paths into lawful orders. */
export interface Orderer {
  /**
   * Orders micro-batch m's visits: the lawful order of least transfer time, or one at random when draws are given. False, and nothing is changed, when a stage is visited twice or no order is lawful.
   */
  order(candidate: Pick<Candidate, 'path' | 'stageOf'>, m: number, draws?: Draws): boolean;
}

export function createOrderer(instance: Instance): Orderer {
  const { place, placeCount, pathLength, largestJump, headAtAnchor, roundTrip } = instance;
  const visits = pathLength - 1;
  const patterns = orderPatterns(visits, instance.swapBudget);
  const patternCount = patterns.length;
  /** [pattern * visits + i]: the position of the i-th visit. */
  const positions = Int32Array.from(patterns.flatMap(({ at }) => at));
  const swapsOf = patterns.map(({ swaps }) => Int32Array.from(swaps));
  const sorted = new Int32Array(visits);
  const stages = new Int32Array(visits);

  function lawful(swaps: Int32Array): boolean {
    for (let i = 0; i < swaps.length; i++) {
      const at = swaps[i]!;
      const high = stages[at]!;
      if (high !== stages[at - 1]! + 1) return false;
      if (high - (at >= 2 ? stages[at - 2]! : 0) > largestJump) return false;
    }
    return true;
  }

  function order({ path, stageOf }: Pick<Candidate, 'path' | 'stageOf'>, m: number, draws?: Draws): boolean {
    const base = m * pathLength;
    for (let i = 0; i < visits; i++) {
      const peer = path[base + 1 + i]!;
      const stage = stageOf[peer]!;
      let hole = i;
      for (; hole > 0 && stages[hole - 1]! > stage; hole--) {
        stages[hole] = stages[hole - 1]!;
        sorted[hole] = sorted[hole - 1]!;
      }
      stages[hole] = stage;
      sorted[hole] = peer;
    }
    let before = 0;
    for (let i = 0; i < visits; i++) {
      const step = stages[i]! - before;
      if (step <= 0 || step > largestJump) return false;
      before = stages[i]!;
    }
    let best = 0;
    if (patternCount > 1) {
      const anchor = path[base]!;
      let least = Number.POSITIVE_INFINITY;
      let seen = 0;
      for (let pattern = 0; pattern < patternCount; pattern++) {
        if (!lawful(swapsOf[pattern]!)) continue;
        seen++;
        if (draws !== undefined) {
          if (draws.below(seen) === 0) best = pattern;
          continue;
        }
        let length = 0;
        let at = anchor;
        for (let i = pattern * visits; i < (pattern + 1) * visits; i++) {
          const next = sorted[positions[i]!]!;
          length += roundTrip[place[at]! * placeCount + place[next]!]!;
          at = next;
        }
        if (headAtAnchor) length += roundTrip[place[at]! * placeCount + place[anchor]!]!;
        if (length < least) {
          least = length;
          best = pattern;
        }
      }
    }
    for (let i = 0; i < visits; i++) path[base + 1 + i] = sorted[positions[best * visits + i]!]!;
    return true;
  }

  return { order };
}

/**
 * The first candidate: every micro-batch takes the stages visited least so far and there the nearest of the replicas
 * visited least so far, in ascending order of stages. Loads are equal up to one visit where the rule on jumps allows
 * it, and because all paths ascend, full peers cannot wait for each other in a ring: the plan always completes.
 */
export function firstCandidate(instance: Instance, draws: Pick<Draws, 'below'>): Candidate {
  const {
    peerCount,
    place,
    placeCount,
    pathLength,
    microbatches,
    anchorCount,
    live,
    largestJump,
    roundTrip,
  } = instance;
  const stageOf = new Int32Array(peerCount).fill(-1);
  instance.assignment.forEach((group, stage) => {
    for (const peer of group) stageOf[peer] = stage;
  });
  const away = (from: number, to: number) => roundTrip[place[from]! * placeCount + place[to]!]!;
  const path = new Int32Array(microbatches * pathLength);
  const others = live.slice(1);
  const stageVisits = others.map(() => 0);
  const visits = new Int32Array(peerCount);
  const anchors = instance.assignment[0]!;
  for (let m = 0; m < microbatches; m++) {
    const anchor = anchors[m % anchorCount]!;
    let at = anchor;
    path[m * pathLength] = anchor;
    // Ties between equally loaded stages are drawn, so that not all paths of a wave take the same ones.
    const weights = stageVisits.map((count) => count + draws.below(1024) / 4096 / pathLength);
    const chosen = lightestStages(others, weights, pathLength - 1, largestJump)!;
    chosen.forEach((which, position) => {
      stageVisits[which]!++;
      let best = -1;
      for (const peer of instance.assignment[others[which]!]!) {
        if (
          best < 0 ||
          visits[peer]! < visits[best]! ||
          (visits[peer] === visits[best] && away(at, peer) < away(at, best))
        ) {
          best = peer;
        }
      }
      visits[best]!++;
      path[m * pathLength + 1 + position] = best;
      at = best;
    });
  }
  return {
    stageOf,
    path,
    bias: new Float64Array(microbatches),
    urgent: new Uint8Array(microbatches),
    after: new Int32Array(microbatches * (2 * pathLength + 1)).fill(-1),
  };
}
