// The planning problem as arrays of whole microseconds, which is what the search works on. Times are rounded once,
// here; everything after is exact. The search's are rounded to the nearest, those of bounds down.

import type { SwarmDescription } from '../description.ts';
import { DescriptionError, PlanError } from '../errors.ts';
import { exchangeSeconds } from '../exchange.ts';
import { type Assignment, assignmentOf, liveStages } from '../wiring.ts';
import { toMicroseconds, toMicrosecondsAtMost } from './microseconds.ts';
import { sharedSeats } from './seats-shared.ts';
import { transfersOf } from './places.ts';

export interface Instance {
  /**
   * Peers, as the search numbers them: one that holds several stages counts once for each, and each number holds one
   * stage. The first numbers are the description's, with the lowest stage a peer holds.
   */
  readonly peerCount: number;
  /** Per number, the peer of the description: what has one processor and one memory. */
  readonly holder: Int32Array;
  readonly stages: number;
  /** Stages that have a replica, in order; the first is stage 0. */
  readonly live: readonly number[];
  /** How many replicas each stage has. */
  readonly sizes: readonly number[];
  readonly anchorCount: number;
  readonly perAnchor: number;
  /** Micro-batches: m starts at anchor m mod anchorCount, as its (m div anchorCount)-th. */
  readonly microbatches: number;
  /** Peers on a path, its anchor included. */
  readonly pathLength: number;
  readonly swapBudget: number;
  /** The description's, or the least with which any path through the live stages exists. */
  readonly largestJump: number;
  readonly headAtAnchor: boolean;
  readonly splitBackward: boolean;
  /** Where a peer is; from peer a to b a transfer takes transfer[place[a] * placeCount + place[b]], to itself nothing. */
  readonly place: Int32Array;
  readonly placeCount: number;
  readonly transfer: Float64Array;
  /** There and back. */
  readonly roundTrip: Float64Array;
  /** [peer * stages + stage]. */
  readonly forward: Float64Array;
  /** The chain's part of a backward: all of it, or its input half where it is split. */
  readonly backward: Float64Array;
  /** The half that nobody waits for; 0 where backward is not split. */
  readonly weight: Float64Array;
  readonly head: Float64Array;
  readonly gap: Float64Array;
  /** Micro-batches that fit. */
  readonly memory: Float64Array;
  /** Where the search starts; `free` says whether it may change it. */
  readonly assignment: Assignment;
  readonly free: boolean;
  /** Where the search chooses groups and they exchange gradients: the microseconds a group of peers takes for it. */
  readonly exchange?: ((group: readonly number[]) => number) | undefined;
}

/** Throws a `DescriptionError` or a `PlanError` where there can be no plan. */
export function instanceOf(description: SwarmDescription): Instance {
  return roundedInstance(description, toMicroseconds);
}

/** The same with every time rounded down: no plan is sooner in the description's own times, so its bounds hold there. */
export function instanceBelow(description: SwarmDescription): Instance {
  return roundedInstance(description, toMicrosecondsAtMost);
}

function roundedInstance(
  description: SwarmDescription,
  microsecondsOf: (seconds: number) => number,
): Instance {
  const shared = description.assignment === undefined ? sharedSeats(description) : undefined;
  const given = assignmentOf(shared === undefined ? description : { ...description, assignment: shared });
  const { assignment, holder } = numbered(given, description.peers.length);
  const { peers, stages, pathLength, splitBackward } = description;
  for (const [field, least] of [
    ['pathLength', 1],
    ['swapBudget', 0],
    ['largestJump', 1],
  ] as const) {
    if (!Number.isInteger(description[field]) || description[field] < least) {
      throw new DescriptionError(field, `${description[field]} is not a whole number of at least ${least}`);
    }
  }
  const peerCount = holder.length;
  const peerOf = (number: number) => peers[holder[number]!]!;
  const live = liveStages(assignment);
  const anchorCount = assignment[0]!.length;
  const perStage = (seconds: (peer: number, stage: number) => number) =>
    Float64Array.from({ length: peerCount * stages }, (_, at) =>
      microsecondsOf(seconds(Math.floor(at / stages), at % stages)),
    );
  const input = (peer: number, stage: number) => peerOf(peer).backwardInputSeconds[stage]!;
  const weight = (peer: number, stage: number) => peerOf(peer).backwardWeightSeconds[stage]!;
  const length = Math.min(pathLength, live.length);
  const instance: Instance = {
    peerCount,
    holder,
    stages,
    live,
    sizes: assignment.map((group) => group.length),
    anchorCount,
    perAnchor: description.microbatchesPerAnchor,
    microbatches: anchorCount * description.microbatchesPerAnchor,
    pathLength: length,
    swapBudget: description.swapBudget,
    largestJump: feasibleJump(live, length, description.largestJump),
    headAtAnchor: description.headAt === 'anchor',
    splitBackward,
    ...transfersOf(description, holder, microsecondsOf),
    forward: perStage((peer, stage) => peerOf(peer).forwardSeconds[stage]!),
    backward: perStage((peer, stage) => input(peer, stage) + (splitBackward ? 0 : weight(peer, stage))),
    weight: perStage((peer, stage) => (splitBackward ? weight(peer, stage) : 0)),
    head: Float64Array.from(holder, (peer) => microsecondsOf(peers[peer]!.headSeconds)),
    gap: Float64Array.from(holder, (peer) => microsecondsOf(peers[peer]!.gapSeconds)),
    memory: Float64Array.from(holder, (peer) => Math.floor(peers[peer]!.memoryMicrobatches + 1e-9)),
    assignment,
    free: description.assignment === undefined,
    ...(description.assignment === undefined &&
      description.gradientBytes > 0 && {
        exchange: (group) =>
          microsecondsOf(
            exchangeSeconds(
              description,
              group.map((number) => holder[number]!),
            ),
          ),
      }),
  };
  if (instance.microbatches > 0) checkRoom(instance, description);
  return instance;
}

/** An assignment in which everybody holds one stage: who holds more gets another number for each further stage. */
function numbered(given: Assignment, count: number): { assignment: Assignment; holder: Int32Array } {
  const holder = Array.from({ length: count }, (_, peer) => peer);
  const seen = new Set<number>();
  const assignment = given.map((group) =>
    group.map((peer) => {
      if (!seen.has(peer)) {
        seen.add(peer);
        return peer;
      }
      holder.push(peer);
      return holder.length - 1;
    }),
  );
  return { assignment, holder: Int32Array.from(holder) };
}

/** A micro-batch may come to a peer once for each stage that it holds. */
function checkRoom(
  { assignment, holder, memory, pathLength }: Instance,
  description: SwarmDescription,
): void {
  const held = new Map<number, number>();
  for (const number of assignment.flat()) held.set(holder[number]!, (held.get(holder[number]!) ?? 0) + 1);
  for (const [peer, stages] of held) {
    const visits = Math.min(stages, pathLength);
    if (memory[peer]! >= visits) continue;
    const { name, memoryMicrobatches } = description.peers[peer]!;
    throw new PlanError(
      `peers[${peer}].memoryMicrobatches`,
      `${name} has memory for ${memoryMicrobatches} micro-batches and one alone takes ${visits} there`,
    );
  }
}

/**
 * Micro-batches of an anchor that are one wave: as many as fit at every anchor, or where it is open who is one, at
 * everybody who could be.
 */
export function waveMicrobatches({ free, assignment, memory }: Instance): number {
  const holders = free ? assignment.flat() : assignment[0]!;
  return holders.reduce((least, peer) => Math.min(least, memory[peer]!), Number.POSITIVE_INFINITY);
}

/** The wave of an anchor's k-th micro-batch, with so many in one. */
export function waveOf(k: number, perAnchor: number): number {
  return perAnchor === Number.POSITIVE_INFINITY ? 0 : Math.floor(k / perAnchor);
}

/** Stages that nobody holds may leave a hole wider than the rule on jumps allows: then the rule gives way. */
function feasibleJump(live: readonly number[], pathLength: number, asked: number): number {
  let jump = asked;
  while (pathLength > 1 && longestChain(live, jump) < pathLength) jump++;
  return jump;
}

/** The most stages that one path can visit when no step goes further than `jump`. */
function longestChain(live: readonly number[], jump: number): number {
  let count = 1;
  for (let at = 1; at < live.length && live[at]! - live[at - 1]! <= jump; at++) count++;
  return count;
}

/**
 * Whether jumps leave every choice of stages open to a path: then the least visited ones can be taken each time, and
 * all stages are visited equally often up to one.
 */
export function equalLoadsPossible({ live, pathLength, largestJump }: Instance): boolean {
  const others = live.slice(1);
  // The widest step of any choice: the one that leaves out as many neighbouring stages as a path may.
  const left = others.length - (pathLength - 1);
  for (let at = 0; at < others.length && pathLength > 1; at++) {
    if (at - left - 1 >= 0 && others[at]! - others[at - left - 1]! > largestJump) return false;
    if (at <= left && others[at]! > largestJump) return false;
  }
  return true;
}
