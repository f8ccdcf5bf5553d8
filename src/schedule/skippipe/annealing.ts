// The two annealings of the search: on the surrogate, and at low temperature on the event simulation. Where one stops is
// apart from how fast it cools, so that a search that is cut off did just what a longer one does first.

import type { Sliced } from '../slices.ts';
import { type Candidate, copyCandidate, createOrderer, type Waves } from './candidate.ts';
import type { Draws } from './draws.ts';
import { createCritical, type Evaluator } from './evaluate.ts';
import type { Instance } from './instance.ts';
import { createMover } from './moves/mover.ts';
import { exponential, exponentialQuantiles, naturalLogarithm } from './numbers.ts';
import { createSurrogate } from './surrogate.ts';

/** Shares of moves, in 1024ths: on the surrogate those that look at the anchor that needs most; on the simulation */
const lateShare = 700;
/** those that let a micro-batch overtake on the critical chain, and of the others those that begin on that chain. */
const overtakeShare = 150;
const criticalShare = 700;
/** Temperatures, as parts of the cost where a phase begins. */
const surrogateHot = 0.03;
const surrogateCold = 0.0003;
const simulationCold = 0.0004;

/** A slice is as long as simulating this many tasks takes, some milliseconds; or so many moves on the surrogate. */
const tasksPerSlice = 20_000;
const sliceMoves = 4_096;

/** Lowers the surrogate; returns the best candidate seen. */
export function* annealSurrogate(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  draws: Draws,
  moves: number,
): Sliced<Candidate> {
  const mover = createMover(instance, waves, candidate, createOrderer(instance), draws, {
    order: false,
    assignment: instance.free,
  });
  const surrogate = createSurrogate(instance, candidate);
  let current = surrogate.update(mover.touched, 0, false);
  let late = surrogate.late();
  let best = copyCandidate(candidate);
  let bestCost = current;
  const near = (anchor: number) =>
    (draws.word() & 1023) < lateShare
      ? draws.below(instance.perAnchor) * instance.anchorCount + anchor
      : draws.below(instance.microbatches);
  let temperature = surrogateHot * current;
  const cooling = exponential(naturalLogarithm(surrogateCold / surrogateHot) / moves);
  for (let move = 0; move < moves; move++) {
    temperature *= cooling;
    if (move % sliceMoves === sliceMoves - 1) yield;
    if (!mover.propose(near(late), 0)) continue;
    const changed = surrogate.update(mover.touched, mover.touchedCount(), mover.movedPeers());
    if (changed <= current + temperature * exponentialQuantiles[draws.word() & 1023]!) {
      current = changed;
      late = surrogate.late();
      if (current < bestCost) {
        bestCost = current;
        best = copyCandidate(candidate);
      }
      continue;
    }
    mover.undo(); // which leaves the list of what was touched as it is
    surrogate.revert();
  }
  return best;
}

export interface Annealed {
  readonly candidate: Candidate;
  /** Microseconds, with the exchange in groups where the search chooses these. */
  readonly whole: number;
  /** The whole and a little of the mean. */
  readonly cost: number;
  readonly stepsUsed: number;
}

export interface Cooling {
  /** Temperature at the beginning, as a part of the makespan, and the steps after which it is down. */
  readonly hot: number;
  readonly length: number;
  /** Where it stops at the latest. */
  readonly mostSteps: number;
  /** Microseconds; it stops there too. */
  readonly bound: number;
  /**
   * Told of each candidate that the walk moves to, which changes afterwards: the best by cost, which counts the mean
   * too, may be a little longer than another one.
   */
  readonly seen?: ((candidate: Candidate, whole: number) => void) | undefined;
}

/** Lowers the simulated makespan; returns the best candidate seen. */
export function* annealSimulation(
  instance: Instance,
  waves: Waves,
  evaluator: Evaluator,
  candidate: Candidate,
  draws: Draws,
  { length, mostSteps, hot, bound, seen }: Cooling,
): Sliced<Annealed> {
  const orderer = createOrderer(instance);
  evaluator.loadAll(candidate);
  let evaluation = evaluator.run(candidate, Number.POSITIVE_INFINITY);
  if (evaluation.makespan === Number.POSITIVE_INFINITY) {
    // Exchanged stages and little memory can make micro-batches wait for each other: without exchanges they do not,
    // except where peers hold several stages; then the walk goes on until they no longer do.
    for (let m = 0; m < instance.microbatches; m++) ascending(instance, candidate, m);
    evaluator.loadAll(candidate);
    evaluation = evaluator.run(candidate, Number.POSITIVE_INFINITY);
  }
  const mover = createMover(instance, waves, candidate, orderer, draws, {
    order: true,
    assignment: instance.free,
  });
  let current = evaluation.cost;
  const critical = createCritical(instance);
  if (evaluation.makespan < Number.POSITIVE_INFINITY) evaluator.trace(critical);
  const { pathLength, microbatches } = instance;
  const propose = (): boolean => {
    if ((draws.word() & 1023) < overtakeShare && critical.pairs > 0) {
      const pair = draws.below(critical.pairs);
      const first = critical.overtaken[2 * pair]!;
      const second = critical.overtaken[2 * pair + 1]!;
      // What came too late can only go first if its peer stays idle until it comes.
      if (critical.waited[pair] === 0) return mover.hold(second, first);
      return mover.overtake(
        Math.floor(first / evaluator.steps),
        first % evaluator.steps < pathLength,
        Math.floor(second / evaluator.steps),
        second % evaluator.steps < pathLength,
        -critical.later[pair]! - 1,
      );
    }
    if ((draws.word() & 1023) < criticalShare && critical.count > 0) {
      const task = critical.tasks[draws.below(critical.count)]!;
      const step = task % evaluator.steps;
      const position = step < pathLength ? step : step === pathLength ? 0 : 2 * pathLength - step;
      return mover.propose(Math.floor(task / evaluator.steps), position);
    }
    return mover.propose(draws.below(microbatches), 0);
  };
  let best = copyCandidate(candidate);
  let bestCost = current;
  let { whole } = evaluation;
  let temperature = whole < Number.POSITIVE_INFINITY ? hot * whole : 0;
  const cooling = exponential(naturalLogarithm(simulationCold / hot) / Math.max(1, length));
  let step = 0;
  const tasks = instance.microbatches * (2 * instance.pathLength + 1);
  const sliceSteps = Math.max(1, Math.floor(tasksPerSlice / tasks));
  // A move that comes to nothing costs little but not nothing.
  let idleMoves = 0;
  while (step < mostSteps && whole > bound) {
    if (!propose()) {
      if (++idleMoves >= 4) {
        idleMoves = 0;
        step++;
      }
      continue;
    }
    step++;
    if (step % sliceSteps === 0) yield;
    temperature *= cooling;
    const count = mover.touchedCount();
    const { touched } = mover;
    for (let i = 0; i < count; i++) evaluator.load(candidate, touched[i]!);
    const limit = current + temperature * exponentialQuantiles[draws.word() & 1023]!;
    evaluation = evaluator.run(candidate, limit);
    const { cost } = evaluation;
    if (cost <= limit) {
      current = cost;
      if (cost < Number.POSITIVE_INFINITY) evaluator.trace(critical);
      seen?.(candidate, evaluation.whole);
      if (cost < bestCost) {
        if (bestCost === Number.POSITIVE_INFINITY) temperature = hot * cost;
        bestCost = cost;
        whole = evaluation.whole;
        best = copyCandidate(candidate);
      }
      continue;
    }
    mover.undo(); // which leaves the list of what was touched as it is
    for (let i = 0; i < count; i++) evaluator.load(candidate, touched[i]!);
  }
  return { candidate: best, whole, cost: bestCost, stepsUsed: step };
}

/** Puts m's visits in ascending order of stages. */
function ascending({ pathLength }: Instance, { path, stageOf }: Candidate, m: number): void {
  const visits = Array.from(path.subarray(m * pathLength + 1, (m + 1) * pathLength));
  visits.sort((a, b) => stageOf[a]! - stageOf[b]!);
  path.set(visits, m * pathLength + 1);
}
