// The anytime search for paths, order and (where the description leaves it open) assignment: SkipPipe's problem
// (arXiv 2502.19913) by simulated annealing in two phases. First on a surrogate that needs no simulation: an anchor
// with room for w micro-batches takes at least the sum of its round trips / w. Then, at low temperature, on the event
// simulation, which gives a candidate up as soon as it is worse than would be accepted.
//
// Its length is counted in steps, its random numbers come from the seed, and every decision is a comparison of sums,
// products and quotients: the same description, seed and steps give the same plan in every JavaScript engine.

import { type Generator, generator, stream } from '../../random/index.ts';
import { finish, type Sliced } from '../slices.ts';
import { blindCandidate } from './blind.ts';
import {
  type Candidate,
  copyCandidate,
  createOrderer,
  firstCandidate,
  type Waves,
  wavesOf,
} from './candidate.ts';
import { createEvaluator, type Evaluator } from './evaluate.ts';
import type { Instance } from './instance.ts';
import { createMover } from './moves.ts';
import { exponential, exponentialQuantiles, naturalLogarithm } from './numbers.ts';

export interface SearchOptions {
  readonly seed: number;
  /** Simulated candidates; before them, more moves on the surrogate. 0: the first plan. */
  readonly steps: number;
  /** Microseconds that no plan can be below; the search ends when it gets there. */
  readonly bound?: number;
}

export interface SearchResult {
  readonly candidate: Candidate;
  readonly evaluator: Evaluator;
  readonly waves: Waves;
  /** Microseconds. */
  readonly makespan: number;
  readonly stepsUsed: number;
}

/** Moves on the surrogate per step of the budget, over all starts. */
const surrogateMoves = 14;
/** Starts that are tried, each with this share of the steps; the best goes on with the rest. */
const starts = 4;
const trialShare = 0.12;
/** Temperatures, as parts of the cost where a phase begins. */
const surrogateHot = 0.03;
const surrogateCold = 0.0003;
const trialHot = 0.003;
const finalHot = 0.0015;
const simulationCold = 0.0004;

/** A slice is as long as simulating this many tasks or summing this many terms of the surrogate takes: some milliseconds. */
const tasksPerSlice = 20_000;
const termsPerSlice = 60_000;

/** Searches; the first candidate is valid at once, so any number of steps gives a plan. */
export function search(instance: Instance, options: SearchOptions): SearchResult {
  return finish(searchInSlices(instance, options));
}

/** The same search, left and resumed between slices; the result does not depend on where. */
export function* searchInSlices(instance: Instance, options: SearchOptions): Sliced<SearchResult> {
  const draw = generator(stream({ runSeed: options.seed, purpose: 'schedule', index: 3 }));
  const waves = wavesOf(instance);
  const evaluator = createEvaluator(instance, waves);
  const first = firstCandidate(instance, draw);
  evaluator.loadAll(first);
  const makespan = evaluator.run(first, Number.POSITIVE_INFINITY).makespan;
  let best = { candidate: first, evaluator, waves, makespan, stepsUsed: 0 };
  if (options.steps <= 0 || instance.microbatches === 0) return best;
  const { steps, bound = 0 } = options;
  let chosen: Annealed | undefined;
  let stepsUsed = 0;
  function* anneal(from: Candidate, length: number, hot: number): Sliced<void> {
    const annealed = yield* annealSimulation(instance, waves, evaluator, from, draw, {
      steps: length,
      hot,
      bound,
    });
    stepsUsed += annealed.stepsUsed;
    if (chosen === undefined || annealed.cost < chosen.cost) chosen = annealed;
  }
  for (let trial = 0; trial < starts; trial++) {
    const moves = Math.ceil((steps * surrogateMoves) / starts);
    // Where the assignment stands, one start has each path the shortest for itself: in large swarms the annealing
    // would not come that far within its steps.
    const start =
      !instance.free && trial === starts - 1
        ? blindCandidate(instance, options.seed).candidate
        : yield* annealSurrogate(instance, waves, copyCandidate(first), draw, moves);
    yield* anneal(start, Math.floor(steps * trialShare), trialHot);
    if (chosen!.makespan <= bound) break;
  }
  if (chosen!.makespan > bound) {
    yield* anneal(copyCandidate(chosen!.candidate), Math.max(0, steps - stepsUsed), finalHot);
  }
  if (chosen!.makespan <= best.makespan) {
    best = { ...best, candidate: chosen!.candidate, makespan: chosen!.makespan };
  }
  return { ...best, stepsUsed };
}

/** Lowers the surrogate; returns the best candidate seen. */
function* annealSurrogate(
  instance: Instance,
  waves: Waves,
  candidate: Candidate,
  draw: Generator,
  moves: number,
): Sliced<Candidate> {
  const { pathLength, peerCount, stages, microbatches, perAnchor } = instance;
  const { roundTrip, forward, backward, weight, head, memory, headAtAnchor } = instance;
  const { path, stageOf } = candidate;
  const orderer = createOrderer(instance);
  const mover = createMover(instance, waves, candidate, orderer, draw, {
    order: false,
    assignment: instance.free,
  });
  const alone = new Float64Array(microbatches);
  const slot = new Float64Array(peerCount);
  /** Per peer: all it computes, and for anchors the places in memory and (places − 1)/2 (F + B). */
  const work = new Float64Array(peerCount);
  const places = new Float64Array(peerCount);
  const stagger = new Float64Array(peerCount);

  /** To be called when peers have changed places; other moves leave everybody's load as it is. */
  function countWork(): void {
    work.fill(0);
    for (let at = 0; at < path.length; at++) work[path[at]!]!++;
    for (let peer = 0; peer < peerCount; peer++) {
      places[peer] = 0;
      if (work[peer] === 0) continue;
      const at = peer * stages + stageOf[peer]!;
      const each = forward[at]! + backward[at]! + weight[at]!;
      work[peer]! *= each;
      if (stageOf[peer] !== 0) continue;
      places[peer] = Math.min(memory[peer]!, perAnchor);
      stagger[peer] = ((places[peer]! - 1) / 2) * each;
    }
  }

  function aloneOf(m: number): number {
    const base = m * pathLength;
    const anchor = path[base]!;
    let sum = 0;
    let at = anchor;
    for (let i = 0; i < pathLength; i++) {
      const peer = path[base + i]!;
      const cost = peer * stages + stageOf[peer]!;
      sum += forward[cost]! + backward[cost]!;
      if (i > 0) sum += roundTrip[at * peerCount + peer]!;
      at = peer;
    }
    return headAtAnchor ? sum + head[anchor]! + roundTrip[at * peerCount + anchor]! : sum + head[at]!;
  }

  let late = 0;
  function cost(): number {
    slot.fill(0);
    let total = 0;
    for (let m = 0; m < microbatches; m++) {
      slot[path[m * pathLength]!]! += alone[m]!;
      total += alone[m]!;
    }
    let most = 0;
    let mostPeer = 0;
    for (let peer = 0; peer < peerCount; peer++) {
      let value = work[peer]!;
      if (value === 0) continue;
      if (places[peer]! > 0) value = Math.max(value, slot[peer]! / places[peer]! + stagger[peer]!);
      slot[peer] = value;
      if (value > most) {
        most = value;
        mostPeer = peer;
      }
    }
    if (stageOf[mostPeer] === 0) late = lateOf(mostPeer);
    // The others close to the worst count a little, so that there is something to gain beside it.
    let close = 0;
    for (let peer = 0; peer < peerCount; peer++) {
      if (work[peer] === 0) continue;
      const part = slot[peer]! / most;
      const square = part * part;
      const fourth = square * square;
      close += fourth * fourth;
    }
    return most * (1 + 0.03 * (close - 1)) + (0.15 * total) / microbatches;
  }

  function lateOf(peer: number): number {
    for (let a = 0; a < instance.anchorCount; a++) if (path[a * pathLength] === peer) return a;
    return 0;
  }

  for (let m = 0; m < microbatches; m++) alone[m] = aloneOf(m);
  countWork();
  let current = cost();
  let best = copyCandidate(candidate);
  let bestCost = current;
  let temperature = surrogateHot * current;
  const cooling = exponential(naturalLogarithm(surrogateCold / surrogateHot) / moves);
  const sliceMoves = Math.max(1, Math.floor(termsPerSlice / (microbatches + 2 * peerCount)));
  for (let move = 0; move < moves; move++) {
    if (move % sliceMoves === sliceMoves - 1) yield;
    temperature *= cooling;
    if (!mover.propose(late)) continue;
    const { touched } = mover;
    const count = mover.touchedCount();
    for (let i = 0; i < count; i++) alone[touched[i]!] = aloneOf(touched[i]!);
    if (mover.movedPeers()) countWork();
    const lateBefore = late;
    const changed = cost();
    if (changed <= current + temperature * exponentialQuantiles[draw.word() & 1023]!) {
      current = changed;
      if (current < bestCost) {
        bestCost = current;
        best = copyCandidate(candidate);
      }
      continue;
    }
    late = lateBefore;
    mover.undo(); // which leaves the list of what was touched as it is
    for (let i = 0; i < count; i++) alone[touched[i]!] = aloneOf(touched[i]!);
    if (mover.movedPeers()) countWork();
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
  draw: Generator,
  { steps, hot, bound }: { readonly steps: number; readonly hot: number; readonly bound: number },
): Sliced<Annealed> {
  const { anchorCount } = instance;
  const orderer = createOrderer(instance);
  evaluator.loadAll(candidate);
  let evaluation = evaluator.run(candidate, Number.POSITIVE_INFINITY);
  if (evaluation.makespan === Number.POSITIVE_INFINITY) {
    // Exchanged stages and little memory can make micro-batches wait for each other: without exchanges they do not.
    for (let m = 0; m < instance.microbatches; m++) ascending(instance, candidate, m);
    evaluator.loadAll(candidate);
    evaluation = evaluator.run(candidate, Number.POSITIVE_INFINITY);
  }
  const mover = createMover(instance, waves, candidate, orderer, draw, {
    order: true,
    assignment: instance.free,
  });
  let current = evaluation.cost;
  let late = evaluation.last % anchorCount;
  let best = copyCandidate(candidate);
  let bestCost = current;
  let makespan = evaluation.makespan;
  let temperature = hot * makespan;
  const cooling = exponential(naturalLogarithm(simulationCold / hot) / Math.max(1, steps));
  let step = 0;
  const tasks = instance.microbatches * (2 * instance.pathLength + 1);
  const sliceSteps = Math.max(1, Math.floor(tasksPerSlice / tasks));
  // A move that comes to nothing costs little but not nothing.
  let idleMoves = 0;
  while (step < steps && makespan > bound) {
    if (!mover.propose(late)) {
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
    const limit = current + temperature * exponentialQuantiles[draw.word() & 1023]!;
    evaluation = evaluator.run(candidate, limit);
    const { cost } = evaluation;
    if (cost <= limit) {
      current = cost;
      late = evaluation.last % anchorCount;
      if (cost < bestCost) {
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
