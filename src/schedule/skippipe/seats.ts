// Where a newcomer sits, and when it is worth while to move a peer that holds weights already. Both ask the same
// judge, the planned makespan; both are answered with short searches, so that many seats can be tried.

import type { SwarmDescription } from '../description.ts';
import { exchangeSeconds } from '../exchange.ts';
import { networkOf } from '../record.ts';
import { finish, type Sliced } from '../slices.ts';
import { timeline } from '../timeline.ts';
import type { Assignment } from '../wiring.ts';
import { quickBounds } from './bounds.ts';
import { instanceOf } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';
import { planOfCandidate } from './plan.ts';
import { searchInSlices } from './search.ts';

export interface SeatOptions {
  readonly seed: number;
  /** Steps of the search for each seat that is tried. */
  readonly steps?: number;
  /** Stages that may be taken; all, where it is left out. */
  readonly stages?: readonly number[];
}

export interface Seat {
  readonly stage: number;
  /** Planned seconds of an iteration with the newcomer there, the slowest group's exchange included. */
  readonly seconds: number;
}

const seatSteps = 400;

/**
 * Every stage the newcomer could hold with the makespan planned for it, best first (equal: the smaller stage). The
 * newcomer is `description.peers[newcomer]` and in no group of `assignment`. Micro-batches of the whole iteration stay
 * as many as they are: an additional anchor takes its part of them.
 */
export function seatsFor(
  description: SwarmDescription,
  assignment: Assignment,
  newcomer: number,
  options: SeatOptions,
): Seat[] {
  return finish(seatsInSlices(description, assignment, newcomer, options));
}

/** The same in slices. */
export function* seatsInSlices(
  description: SwarmDescription,
  assignment: Assignment,
  newcomer: number,
  options: SeatOptions,
): Sliced<Seat[]> {
  const total = description.microbatchesPerAnchor * assignment[0]!.length;
  const seats: Seat[] = [];
  for (const stage of options.stages ?? assignment.keys()) {
    const seated = assignment.map((group, at) => (at === stage ? [...group, newcomer] : [...group]));
    const perAnchor = Math.max(1, Math.floor(total / seated[0]!.length));
    const swarm = {
      ...description,
      assignment: seated,
      stageSizes: seated.map((group) => group.length),
      microbatchesPerAnchor: perAnchor,
    };
    // A wave that cannot be dealt out evenly does less work than asked for: what counts is the time per micro-batch.
    const done = perAnchor * seated[0]!.length;
    const seconds = yield* plannedSecondsInSlices(swarm, options);
    seats.push({ stage, seconds: (seconds * total) / done + slowestExchange(swarm, seated) });
  }
  return seats.sort((a, b) => a.seconds - b.seconds || a.stage - b.stage);
}

/** Groups exchange side by side after the last gradient; nothing is counted where the bytes of gradients are not known. */
export function slowestExchange(description: SwarmDescription, assignment: Assignment): number {
  if (description.gradientBytes === 0) return 0;
  return assignment.reduce((most, group) => Math.max(most, exchangeSeconds(description, group)), 0);
}

/** The planned makespan after a search of the given length. */
export function plannedSeconds(description: SwarmDescription, options: SeatOptions): number {
  return finish(plannedSecondsInSlices(description, options));
}

/** The same in slices. */
export function* plannedSecondsInSlices(
  description: SwarmDescription,
  { seed, steps = seatSteps }: SeatOptions,
): Sliced<number> {
  const instance = instanceOf(description);
  const bound = quickBounds(instance).seconds * microsecondsPerSecond;
  const { candidate, evaluator, started } = yield* searchInSlices(instance, { seed, steps, bound });
  const plan = planOfCandidate('seat', description, instance, evaluator, candidate, started);
  return timeline(plan, networkOf(description)).makespanSeconds;
}

export interface MoveCosts {
  /** Seconds to bring a stage's weights to the peer and be ready. */
  readonly seconds: (peer: number, from: number, to: number) => number;
  /** Iterations over which moving must pay for itself. */
  readonly iterations: number;
  /** Least part of the makespan that must be gained, whatever moving costs. */
  readonly leastGain: number;
}

/**
 * The better of two assignments when moving is counted: `better` only if over the given iterations it saves more than
 * the slowest move takes, and more than the least gain. Peers that held nothing before move for free.
 */
export function stableAssignment(
  held: Assignment,
  better: Assignment,
  seconds: { readonly held: number; readonly better: number },
  costs: MoveCosts,
): Assignment {
  const before = stagesOf(held);
  let slowest = 0;
  better.forEach((group, stage) => {
    for (const peer of group) {
      const from = before.get(peer);
      if (from !== undefined && from !== stage) slowest = Math.max(slowest, costs.seconds(peer, from, stage));
    }
  });
  const gain = seconds.held - seconds.better;
  const worthWhile = gain * costs.iterations > slowest && gain > costs.leastGain * seconds.held;
  return worthWhile ? better : held;
}

function stagesOf(assignment: Assignment): Map<number, number> {
  return new Map(assignment.flatMap((group, stage) => group.map((peer) => [peer, stage] as const)));
}
