// The anytime search for paths, order and (where the description leaves it open) assignment: SkipPipe's problem
// (arXiv 2502.19913) by simulated annealing in two phases. First on a surrogate that needs no simulation: an anchor
// with room for w micro-batches takes at least the sum of its round trips / w. Then, at low temperature, on the event
// simulation, which gives a candidate up as soon as it is worse than would be accepted. Where there are few enough sets
// of paths, all of them are tried at the end.
//
// Its length is counted in steps, its random numbers come from the seed, and every decision is a comparison of sums,
// products and quotients: the same description, seed and steps give the same plan in every JavaScript engine.

import { stream } from '../../random/index.ts';
import { finish, type Sliced } from '../slices.ts';
import { blindCandidate } from './blind.ts';
import {
  type Candidate,
  copyCandidate,
  createOrderer,
  firstCandidate,
  urgentAtAnchor,
  type Waves,
  wavesOf,
} from './candidate.ts';
import { type Draws, drawsFrom } from './draws.ts';
import { createCritical, createEvaluator, type Evaluator, type Started } from './evaluate.ts';
import { leastMakespanInSlices } from './exhaustive/exhaustive.ts';
import type { Instance } from './instance.ts';
import { createMover } from './moves/mover.ts';
import { oneByOne } from './one-by-one.ts';
import { exponential, exponentialQuantiles, naturalLogarithm } from './numbers.ts';
import { createSurrogate } from './surrogate.ts';

export interface SearchOptions {
  readonly seed: number;
  /** Simulated candidates; before them, more moves on the surrogate. 0: the first plan. */
  readonly steps: number;
  /** Microseconds that no plan can be below; the search ends when it gets there. */
  readonly bound?: number;
  /** False: without the exhaustive end of tiny instances. */
  readonly exhaustive?: boolean;
}

export interface SearchResult {
  readonly candidate: Candidate;
  readonly evaluator: Evaluator;
  readonly waves: Waves;
  /** Microseconds. */
  readonly makespan: number;
  readonly stepsUsed: number;
  /** What is started, in order of time, where that is not what the simulation of the candidate does. */
  readonly started?: readonly Started[];
}

/** Moves on the surrogate per step of the budget, over all starts. */
const surrogateMoves = 14;
/** Starts that are tried with a share of the steps between them; the best goes on with the rest. */
const mostStarts = 16;
const moreStarts = 8;
const fewStarts = 4;
const stepsForMostStarts = 10_000;
const stepsForMoreStarts = 5_000;
const trialsShare = 0.48;
/** In larger swarms one start has each path the shortest for itself: annealing would not come that far in its steps. */
const mostPeersAnnealed = 40;
/** Pairs of paths it looks at for each step of the budget: beyond some thousand peers that is what ends it. */
const pairsPerStep = 2_000;
/** Shares of moves, in 1024ths: on the surrogate those that look at the anchor that needs most; on the simulation */
const lateShare = 700;
/** those that let a micro-batch overtake on the critical chain, and of the others those that begin on that chain. */
const overtakeShare = 150;
const criticalShare = 700;
/** Temperatures, as parts of the cost where a phase begins. */
const surrogateHot = 0.03;
const surrogateCold = 0.0003;
const trialHot = 0.003;
const finalHot = 0.0015;
const simulationCold = 0.0004;

/** Tasks that the exhaustive end of the search may place for each step of the budget: about as long as a step takes. */
const nodesPerStep = 20;

/** A slice is as long as simulating this many tasks takes, some milliseconds; or so many moves on the surrogate. */
const tasksPerSlice = 20_000;
const sliceMoves = 4_096;

/** Searches; the first candidate is valid at once, so any number of steps gives a plan. */
export function search(instance: Instance, options: SearchOptions): SearchResult {
  return finish(searchInSlices(instance, options));
}

/** The same search, left and resumed between slices; the result does not depend on where. */
export function* searchInSlices(instance: Instance, options: SearchOptions): Sliced<SearchResult> {
  const draws = drawsFrom(stream({ runSeed: options.seed, purpose: 'schedule', index: 3 }));
  const waves = wavesOf(instance);
  const evaluator = createEvaluator(instance, waves);
  const first = firstCandidate(instance, draws);
  evaluator.loadAll(first);
  const { makespan } = evaluator.run(first, Number.POSITIVE_INFINITY);
  let best: SearchResult = { candidate: first, evaluator, waves, makespan, stepsUsed: 0 };
  if (makespan === Number.POSITIVE_INFINITY) best = { ...best, ...oneByOne(instance, first) };
  if (options.steps <= 0 || instance.microbatches === 0) return best;
  const { steps, bound = 0, exhaustive = true } = options;
  let chosen: Annealed | undefined;
  let stepsUsed = 0;
  function* anneal(from: Candidate, length: number, hot: number): Sliced<void> {
    const annealed = yield* annealSimulation(instance, waves, evaluator, from, draws, {
      steps: length,
      hot,
      bound,
    });
    stepsUsed += annealed.stepsUsed;
    if (chosen === undefined || annealed.cost < chosen.cost) chosen = annealed;
  }
  const isLarge = instance.peerCount > mostPeersAnnealed;
  const starts = startsFor(instance, steps);
  for (let trial = 0; trial < starts; trial++) {
    const moves = Math.ceil((steps * surrogateMoves) / starts);
    const start =
      isLarge && !instance.free && trial === starts - 1
        ? blindCandidate(instance, options.seed, steps * pairsPerStep).candidate
        : yield* annealSurrogate(instance, waves, copyCandidate(first), draws, moves);
    // An anchor that lets the next wave's forwards go between the backwards of the last one ends sooner.
    waves.of.forEach((wave, m) => {
      if (wave > 0) start.urgent[m] = urgentAtAnchor;
    });
    yield* anneal(start, Math.floor((steps * trialsShare) / starts), trialHot);
    if (chosen!.makespan <= bound) break;
  }
  if (chosen!.makespan > bound) {
    yield* anneal(copyCandidate(chosen!.candidate), Math.max(0, steps - stepsUsed), finalHot);
  }
  if (chosen!.makespan <= best.makespan) {
    best = { candidate: chosen!.candidate, evaluator, waves, makespan: chosen!.makespan, stepsUsed };
  }
  if (exhaustive && best.makespan > bound) {
    const least = yield* leastMakespanInSlices(instance, best.candidate, best.makespan, steps * nodesPerStep);
    if (least?.found !== undefined) {
      const { path, started } = least.found;
      best = { ...best, candidate: { ...best.candidate, path }, started, makespan: least.makespan };
    }
  }
  return { ...best, stepsUsed };
}

/** Where the assignment stands, which start is the best differs more than what a longer look at each of them gains. */
function startsFor({ peerCount, free }: Instance, steps: number): number {
  if (peerCount > mostPeersAnnealed || steps < stepsForMoreStarts) return fewStarts;
  return free || steps < stepsForMostStarts ? moreStarts : mostStarts;
}

/** Lowers the surrogate; returns the best candidate seen. */
function* annealSurrogate(
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

interface Annealed {
  readonly candidate: Candidate;
  readonly makespan: number;
  /** The makespan and a little of the mean. */
  readonly cost: number;
  readonly stepsUsed: number;
}

/** Lowers the simulated makespan; returns the best candidate seen. */
function* annealSimulation(
  instance: Instance,
  waves: Waves,
  evaluator: Evaluator,
  candidate: Candidate,
  draws: Draws,
  { steps, hot, bound }: { readonly steps: number; readonly hot: number; readonly bound: number },
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
  let makespan = evaluation.makespan;
  let temperature = makespan < Number.POSITIVE_INFINITY ? hot * makespan : 0;
  const cooling = exponential(naturalLogarithm(simulationCold / hot) / Math.max(1, steps));
  let step = 0;
  const tasks = instance.microbatches * (2 * instance.pathLength + 1);
  const sliceSteps = Math.max(1, Math.floor(tasksPerSlice / tasks));
  // A move that comes to nothing costs little but not nothing.
  let idleMoves = 0;
  while (step < steps && makespan > bound) {
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
      if (cost < bestCost) {
        if (bestCost === Number.POSITIVE_INFINITY) temperature = hot * cost;
        bestCost = cost;
        makespan = evaluation.makespan;
        best = copyCandidate(candidate);
      }
      continue;
    }
    mover.undo(); // which leaves the list of what was touched as it is
    for (let i = 0; i < count; i++) evaluator.load(candidate, touched[i]!);
  }
  return { candidate: best, makespan, cost: bestCost, stepsUsed: step };
}

/** Puts m's visits in ascending order of stages. */
function ascending({ pathLength }: Instance, { path, stageOf }: Candidate, m: number): void {
  const visits = Array.from(path.subarray(m * pathLength + 1, (m + 1) * pathLength));
  visits.sort((a, b) => stageOf[a]! - stageOf[b]!);
  path.set(visits, m * pathLength + 1);
}
