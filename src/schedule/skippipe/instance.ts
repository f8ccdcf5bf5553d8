// The planning problem as arrays of whole microseconds, which is what the search works on. Times are rounded once,
// here; everything after is exact.

import type { SwarmDescription } from '../description.ts';
import { DescriptionError, PlanError } from '../errors.ts';
import { transferSeconds } from '../execute/execution.ts';
import { type Assignment, assignmentOf, holdersOfSeveral, liveStages } from '../wiring.ts';

export const microsecondsPerSecond = 1e6;

/** What a transfer over a link without capacity counts as: a day, so that sums stay numbers and no plan takes it. */
const never = 86_400e6;

/** Whole microseconds, at least one for what takes any time. */
export function toMicroseconds(seconds: number): number {
  return seconds > 0 ? Math.max(1, Math.min(never, Math.round(seconds * microsecondsPerSecond))) : 0;
}

export interface Instance {
  readonly peerCount: number;
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
  /** [from * peerCount + to]. */
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
}

/** Throws a `DescriptionError` or a `PlanError` where there can be no plan. */
export function instanceOf(description: SwarmDescription): Instance {
  const assignment = assignmentOf(description);
  const [several] = holdersOfSeveral(assignment);
  if (several !== undefined) {
    throw new DescriptionError(
      'assignment',
      `${description.peers[several]!.name} holds several stages, and this search knows one a peer; take gwtf, swarm or random-skip, or give it one stage`,
    );
  }
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
  const peerCount = peers.length;
  const live = liveStages(assignment);
  const anchorCount = assignment[0]!.length;
  const { transfer, roundTrip } = transferTables(description);
  const perStage = (seconds: (peer: number, stage: number) => number) =>
    Float64Array.from({ length: peerCount * stages }, (_, at) =>
      toMicroseconds(seconds(Math.floor(at / stages), at % stages)),
    );
  const input = (peer: number, stage: number) => peers[peer]!.backwardInputSeconds[stage]!;
  const weight = (peer: number, stage: number) => peers[peer]!.backwardWeightSeconds[stage]!;
  const length = Math.min(pathLength, live.length);
  const instance: Instance = {
    peerCount,
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
    transfer,
    roundTrip,
    forward: perStage((peer, stage) => peers[peer]!.forwardSeconds[stage]!),
    backward: perStage((peer, stage) => input(peer, stage) + (splitBackward ? 0 : weight(peer, stage))),
    weight: perStage((peer, stage) => (splitBackward ? weight(peer, stage) : 0)),
    head: Float64Array.from(peers, (peer) => toMicroseconds(peer.headSeconds)),
    gap: Float64Array.from(peers, (peer) => toMicroseconds(peer.gapSeconds)),
    memory: Float64Array.from(peers, (peer) => Math.floor(peer.memoryMicrobatches + 1e-9)),
    assignment,
    free: description.assignment === undefined,
  };
  if (instance.microbatches > 0) checkRoom(instance, description);
  return instance;
}

/** Side of the blocks in which tables over pairs of peers are filled: there and back, a block fits in a cache. */
const blockPeers = 64;

/** Microseconds from peer to peer, one way and there and back. */
function transferTables({
  peers,
  links,
  activationBytes,
}: SwarmDescription): Pick<Instance, 'transfer' | 'roundTrip'> {
  const count = peers.length;
  const transfer = new Float64Array(count * count);
  const roundTrip = new Float64Array(count * count);
  for (let top = 0; top < count; top += blockPeers) {
    const bottom = Math.min(count, top + blockPeers);
    for (let left = 0; left <= top; left += blockPeers) {
      for (let from = top; from < bottom; from++) {
        const right = Math.min(from, left + blockPeers);
        for (let to = left; to < right; to++) {
          const there = toMicroseconds(transferSeconds(links, from, to, activationBytes));
          const back = toMicroseconds(transferSeconds(links, to, from, activationBytes));
          transfer[from * count + to] = there;
          transfer[to * count + from] = back;
          roundTrip[from * count + to] = there + back;
          roundTrip[to * count + from] = there + back;
        }
      }
    }
  }
  return { transfer, roundTrip };
}

function checkRoom(instance: Instance, description: SwarmDescription): void {
  for (const group of instance.assignment) {
    for (const peer of group) {
      if (instance.memory[peer]! >= 1) continue;
      const { name, memoryMicrobatches } = description.peers[peer]!;
      throw new PlanError(
        `peers[${peer}].memoryMicrobatches`,
        `${name} has memory for ${memoryMicrobatches} micro-batches and one alone takes 1 there`,
      );
    }
  }
}

/** The wave of an anchor's k-th micro-batch: as many as its memory holds are one wave. */
export function waveOf(k: number, memory: number): number {
  return memory === Number.POSITIVE_INFINITY ? 0 : Math.floor(k / memory);
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
