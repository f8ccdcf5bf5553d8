// The anytime search for paths, order and (where the description leaves it open) assignment: SkipPipe's problem
// (arXiv 2502.19913) by simulated annealing in two phases. First on a surrogate that needs no simulation: an anchor
// with room for w micro-batches takes at least the sum of its round trips / w. Then, at low temperature, on the event
// simulation, which gives a candidate up as soon as it is worse than would be accepted. Where there are few enough sets
// of paths, all of them are tried at the end. With more steps than the default it goes on in rounds of fixed lengths, the
// last one cut off: a larger budget begins with all that a smaller one does, so it never ends worse.
//
// Its length is counted in steps, its random numbers come from the seed, and every decision is a comparison of sums,
// products and quotients: the same description, seed and steps give the same plan in every JavaScript engine.

import { stream, streamIndices } from '../../random/index.ts';
import { finish, type Sliced } from '../slices.ts';
import { type Annealed, type Cooling, annealSimulation, annealSurrogate } from './annealing.ts';
import { blindCandidate } from './blind.ts';
import { defaultSteps } from './budget.ts';
import {
  type Candidate,
  copyCandidate,
  firstCandidate,
  urgentAtAnchor,
  type Waves,
  wavesOf,
} from './candidate.ts';
import { type Draws, drawsFrom } from './draws.ts';
import { createEvaluator, type Evaluator, type Started } from './evaluate.ts';
import { leastMakespanInSlices } from './exhaustive/exhaustive.ts';
import type { Instance } from './instance.ts';
import { oneByOne } from './one-by-one.ts';
import { placedCandidate } from './placing.ts';

export interface SearchOptions {
  readonly seed: number;
  /** Simulated candidates; before them, more moves on the surrogate. 0: the first plan. */
  readonly steps: number;
  /** Microseconds that no plan can be below; the search ends when it gets there. */
  readonly bound?: number;
  /** False: without the exhaustive end of tiny instances. */
  readonly exhaustive?: boolean;
  /** Steps after which a longer search goes on in rounds; the instance's default where it is left out. */
  readonly firstRound?: number;
}

export interface SearchResult {
  readonly candidate: Candidate;
  readonly evaluator: Evaluator;
  readonly waves: Waves;
  /** Microseconds; with the exchange in groups where the search chooses these. */
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
/**
 * In larger swarms one start has each path the shortest for itself: annealing would not come that far in its steps. Nor
 * would it place peers well there: where it may place them, all starts begin with near peers in circles. Up to a few more
 * of them it does as well without.
 */
const mostPeersAnnealed = 40;
const mostPeersPlaced = 50;
/** Pairs of paths it looks at for each step of the budget: beyond some thousand peers that is what ends it. */
const pairsPerStep = 2_000;
/** Temperatures, as parts of the cost where a phase begins. */
const trialHot = 0.003;
const finalHot = 0.0015;

/** Tasks that the exhaustive end of the search may place for each step of the budget: about as long as a step takes. */
const nodesPerStep = 20;

/** Searches; the first candidate is valid at once, so any number of steps gives a plan. */
export function search(instance: Instance, options: SearchOptions): SearchResult {
  return finish(searchInSlices(instance, options));
}

/** The same search, left and resumed between slices; the result does not depend on where. */
export function* searchInSlices(instance: Instance, options: SearchOptions): Sliced<SearchResult> {
  const draws = drawsFrom(
    stream({ runSeed: options.seed, purpose: 'schedule', index: streamIndices.schedule.search }),
  );
  const waves = wavesOf(instance);
  const evaluator = createEvaluator(instance, waves);
  const wholeOf = (candidate: Candidate): number => {
    evaluator.loadAll(candidate);
    return evaluator.run(candidate, Number.POSITIVE_INFINITY).whole;
  };
  let first = firstCandidate(instance, draws);
  let makespan = wholeOf(first);
  if (instance.free && instance.peerCount > mostPeersPlaced) {
    const placed = placedCandidate(instance, draws);
    const whole = placed === undefined ? Number.POSITIVE_INFINITY : wholeOf(placed);
    if (whole < makespan) [first, makespan] = [placed!, whole];
    else evaluator.loadAll(first);
  }
  let best: SearchResult = { candidate: first, evaluator, waves, makespan, stepsUsed: 0 };
  if (makespan === Number.POSITIVE_INFINITY) best = { ...best, ...oneByOne(instance, first) };
  if (options.steps <= 0 || instance.microbatches === 0) return best;
  const { steps, bound = 0, exhaustive = true, firstRound = defaultSteps(instance) } = options;
  const own = Math.max(1, firstRound);
  let done = Math.min(steps, own);
  const round = (length: number, mostSteps: number, further: Pick<Round, 'before' | 'seen'> = {}) =>
    searchRound(instance, waves, evaluator, first, draws, {
      seed: options.seed,
      bound,
      length,
      mostSteps,
      ...further,
    });
  let before = yield* round(done, done);
  let { stepsUsed } = before;
  if (before.whole <= best.makespan) {
    best = { candidate: before.candidate, evaluator, waves, makespan: before.whole, stepsUsed };
  }
  if (exhaustive && best.makespan > bound && instance.exchange === undefined) {
    const least = yield* leastMakespanInSlices(instance, best.candidate, best.makespan, steps * nodesPerStep);
    if (least?.found !== undefined) {
      const { path, started } = least.found;
      best = { ...best, candidate: { ...best.candidate, path }, started, makespan: least.makespan };
    }
    // Nothing shorter exists with these holders; where others may hold the stages the search goes on.
    if (least?.proven === true && !instance.free) return { ...best, stepsUsed };
  }
  const seen = (candidate: Candidate, makespan: number): void => {
    if (makespan >= best.makespan) return;
    best = { candidate: copyCandidate(candidate), evaluator, waves, makespan, stepsUsed };
  };
  for (let next = 1; done < steps && best.makespan > bound; next++) {
    const length = (roundsEnd(next) - roundsEnd(next - 1)) * own;
    const mostSteps = Math.min(length, steps - done);
    done += mostSteps;
    before = yield* round(length, mostSteps, { before, seen });
    stepsUsed += before.stepsUsed;
  }
  return { ...best, stepsUsed };
}

/** After how many times the default steps round 0, 1, 2, … ends: 1, 2, 5, 10, 20, 50, … */
function roundsEnd(round: number): number {
  let end = [1, 2, 5][round % 3]!;
  for (let decade = 3; decade <= round; decade += 3) end *= 10;
  return end;
}

interface Round {
  readonly seed: number;
  /** Microseconds. */
  readonly bound: number;
  /** The steps by which lengths and temperatures are chosen, and those after which it is cut off. */
  readonly length: number;
  readonly mostSteps: number;
  /** What the rounds before this one came to. */
  readonly before?: Annealed;
  readonly seen?: Cooling['seen'];
}

/** Several starts with a share of the steps between them; the best, or what was there before, goes on with the rest. */
function* searchRound(
  instance: Instance,
  waves: Waves,
  evaluator: Evaluator,
  first: Candidate,
  draws: Draws,
  { seed, bound, length, mostSteps, before, ...further }: Round,
): Sliced<Annealed> {
  let chosen = before;
  let stepsUsed = 0;
  function* anneal(from: Candidate, cooling: number, hot: number): Sliced<void> {
    const annealed = yield* annealSimulation(instance, waves, evaluator, from, draws, {
      hot,
      length: cooling,
      mostSteps: Math.min(cooling, mostSteps - stepsUsed),
      bound,
      ...further,
    });
    stepsUsed += annealed.stepsUsed;
    if (chosen === undefined || annealed.cost < chosen.cost) chosen = annealed;
  }
  const isLarge = instance.peerCount > (instance.free ? mostPeersPlaced : mostPeersAnnealed);
  const starts = startsFor(instance, length);
  for (let trial = 0; trial < starts && (trial === 0 || stepsUsed < mostSteps); trial++) {
    const moves = Math.ceil((length * surrogateMoves) / starts);
    const start =
      isLarge && trial === starts - 1
        ? blindCandidate(instance, seed, length * pairsPerStep, instance.free ? first : undefined).candidate
        : yield* annealSurrogate(instance, waves, copyCandidate(first), draws, moves);
    // An anchor that lets the next wave's forwards go between the backwards of the last one ends sooner.
    waves.of.forEach((wave, m) => {
      if (wave > 0) start.urgent[m] = urgentAtAnchor;
    });
    yield* anneal(start, Math.floor((length * trialsShare) / starts), trialHot);
    if (chosen!.whole <= bound) break;
  }
  if (chosen!.whole > bound) {
    yield* anneal(copyCandidate(chosen!.candidate), Math.max(0, length - stepsUsed), finalHot);
  }
  return { ...chosen!, stepsUsed };
}

/** Where the assignment stands, which start is the best differs more than what a longer look at each of them gains. */
function startsFor({ peerCount, free }: Instance, steps: number): number {
  if (peerCount > mostPeersAnnealed || steps < stepsForMoreStarts) return fewStarts;
  return free || steps < stepsForMostStarts ? moreStarts : mostStarts;
}
