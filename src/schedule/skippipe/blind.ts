// Paths found one after the other, each the shortest for its micro-batch alone among the visits that are still to be
// given out. Only the capacities of stages and peers (SkipPipe's rules of the set) tie them together; whether two
// micro-batches meet at a peer is not asked.

import { stream, streamIndices } from '../../random/index.ts';
import {
  type Candidate,
  copyCandidate,
  createOrderer,
  firstCandidate,
  type Waves,
  wavesOf,
} from './candidate.ts';
import { drawsFrom } from './draws.ts';
import { createEvaluator, type Evaluator } from './evaluate.ts';
import type { Instance } from './instance.ts';

/** Sweeps over all pairs of a wave; the sum of path lengths falls with every exchange, so few are needed. */
const mostSweeps = 20;

/**
 * Exchanges visits between paths of one wave as long as that makes the two paths shorter together: at the end no
 * pair can gain, or `mostPairs` were looked at. First come first served, and ascending paths where exchanged stages would make peers wait in a ring.
 */
export function blindCandidate(
  instance: Instance,
  seed: number,
  mostPairs = Number.POSITIVE_INFINITY,
  start?: Candidate,
): { candidate: Candidate; evaluator: Evaluator; waves: Waves } {
  const { microbatches, pathLength } = instance;
  const draws = drawsFrom(
    stream({ runSeed: seed, purpose: 'schedule', index: streamIndices.schedule.blindPaths }),
  );
  const waves = wavesOf(instance);
  const candidate = start === undefined ? firstCandidate(instance, draws) : copyCandidate(start);
  const ascending = candidate.path.slice();
  const orderer = createOrderer(instance);
  const evaluator = createEvaluator(instance, waves);
  for (let m = 0; m < microbatches; m++) orderer.order(candidate, m);
  evaluator.loadAll(candidate);
  const { path } = candidate;
  const before = new Int32Array(2 * pathLength);
  // Large waves look at a sample of partners only, so that the work stays linear in micro-batches.
  const mostPartners = 24;
  let pairs = 0;
  for (let sweep = 0, gained = true; gained && sweep < mostSweeps && pairs < mostPairs; sweep++) {
    gained = false;
    for (const members of waves.members) {
      for (let at = 0; at < members.length && pairs < mostPairs; at++) {
        const i = members[at]!;
        const partners = Math.min(mostPartners, members.length - 1);
        pairs += partners;
        for (let offset = 1; offset <= partners; offset++) {
          const j = members[(at + offset) % members.length]!;
          if (exchangeBest(i, j)) gained = true;
        }
      }
    }
  }
  if (evaluator.run(candidate, Number.POSITIVE_INFINITY).makespan === Number.POSITIVE_INFINITY) {
    path.set(ascending);
    evaluator.loadAll(candidate);
  }
  return { candidate, evaluator, waves };

  /** Tries every exchange of one visit between two paths and keeps the first that makes them shorter together. */
  function exchangeBest(i: number, j: number): boolean {
    const length = evaluator.alone(i) + evaluator.alone(j);
    for (let p = 1; p < pathLength; p++) {
      for (let q = 1; q < pathLength; q++) {
        const a = i * pathLength + p;
        const b = j * pathLength + q;
        if (path[a] === path[b]) continue;
        for (let k = 0; k < pathLength; k++) {
          before[k] = path[i * pathLength + k]!;
          before[pathLength + k] = path[j * pathLength + k]!;
        }
        const peer = path[a]!;
        path[a] = path[b]!;
        path[b] = peer;
        if (orderer.order(candidate, i) && orderer.order(candidate, j)) {
          evaluator.load(candidate, i);
          evaluator.load(candidate, j);
          if (evaluator.alone(i) + evaluator.alone(j) < length) return true;
        }
        for (let k = 0; k < pathLength; k++) {
          path[i * pathLength + k] = before[k]!;
          path[j * pathLength + k] = before[pathLength + k]!;
        }
        evaluator.load(candidate, i);
        evaluator.load(candidate, j);
      }
    }
    return false;
  }
}
