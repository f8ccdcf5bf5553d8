// A path broken in the middle of an iteration, planned anew for that one micro-batch from where it stands: which
// replicas take the visits that were still to come, or, where a stage has nobody left, which stages it goes on with.
// The other micro-batches keep their plan. The rules of paths hold for the whole path: what was visited counts.

import type { SwarmDescription } from '../description.ts';
import { DescriptionError } from '../errors.ts';
import { transferSeconds } from '../execute/execution.ts';
import type { PathNode, Plan } from '../plan.ts';
import { mayVisit, type PathRules, type Standing, visited } from '../rules.ts';

/** Where a broken micro-batch stands, and what may be used. */
export interface BrokenPath {
  readonly microbatch: number;
  /** Forwards done, the anchor's included; from 1 on. Their activations are kept. */
  readonly done: number;
  /** Peers that are gone. */
  readonly gone: ReadonlySet<number>;
  /** Free places in each peer's memory now; a peer without one is not chosen. */
  readonly room: readonly number[];
  /** Seconds until each peer has worked off what waits there; makes full peers less likely to be chosen. */
  readonly backlogSeconds: readonly number[];
  /** Stages that the path may visit fewer than planned. */
  readonly skips: number;
  /** Which peers may be chosen for the path's n-th visit (0 at the anchor); any, where it is left out. */
  readonly only?: (visit: number, stage: number, peer: number) => boolean;
}

export interface Replanned {
  /** The whole path: what was done and what is to come. */
  readonly nodes: readonly PathNode[];
  /** Seconds from now until the micro-batch is back at its anchor, if nobody else gets in the way. */
  readonly seconds: number;
}

interface State extends Standing {
  /** The highest stage before that: whether the one below `highest` is still to be seen. */
  readonly below: number;
  readonly peer: number;
  readonly stage: number;
  readonly seconds: number;
  readonly before: State | undefined;
}

/**
 * The path that brings the micro-batch back soonest, by dynamic programming over (highest stage, steps back, peer):
 * as long as planned if possible, else up to `skips` visits shorter. Undefined when there is none: then the
 * micro-batch is dropped. Throws a `DescriptionError` when the plan has no such micro-batch or it has not started.
 */
export function replanPath(
  plan: Plan,
  description: SwarmDescription,
  rules: PathRules,
  broken: BrokenPath,
): Replanned | undefined {
  const path = plan.paths.find(({ microbatch }) => microbatch === broken.microbatch);
  if (path === undefined)
    throw new DescriptionError('microbatch', `the plan has no micro-batch ${broken.microbatch}`);
  if (!(broken.done >= 1 && broken.done <= path.nodes.length)) {
    throw new DescriptionError('done', `${broken.done} visits of ${path.nodes.length} cannot be done`);
  }
  const kept = path.nodes.slice(0, broken.done);
  const lost = kept.find(({ peer }) => broken.gone.has(peer));
  // What a lost peer computed needs another replica on the way back; nobody stands in for the anchor.
  if (lost !== undefined && lost === kept[0]) return undefined;
  const start = standing(kept);
  let states: State[] = [start];
  const most = path.nodes.length - broken.done;
  const reached: State[][] = [states];
  for (let visit = 0; visit < most; visit++) {
    states = step(plan, description, rules, broken, kept, states, broken.done + visit);
    reached.push(states);
  }
  for (let visits = most; visits >= Math.max(0, most - broken.skips); visits--) {
    let best: State | undefined;
    let bestSeconds = Number.POSITIVE_INFINITY;
    for (const state of reached[visits]!) {
      const seconds = state.seconds + homeSeconds(plan, description, kept[0]!.peer, state.peer);
      if (seconds < bestSeconds) {
        best = state;
        bestSeconds = seconds;
      }
    }
    if (best !== undefined) {
      const rest: PathNode[] = [];
      for (let at = best; at.before !== undefined; at = at.before) {
        rest.unshift({ stage: at.stage, chunk: 0, peer: at.peer });
      }
      return { nodes: [...kept, ...rest], seconds: bestSeconds };
    }
  }
  return undefined;
}

/** The state after the visits that were done. */
function standing(kept: readonly PathNode[]): State {
  let below = 0;
  let standing: Standing = { highest: 0, stepsBack: 0 };
  for (const { stage } of kept.slice(1)) {
    below = standing.highest;
    standing = visited(standing, stage);
  }
  const last = kept[kept.length - 1]!;
  return { ...standing, below, peer: last.peer, stage: last.stage, seconds: 0, before: undefined };
}

/** Every best way of one more visit, one per (highest stage, whether one below is open, steps back, peer). */
function step(
  plan: Plan,
  description: SwarmDescription,
  rules: PathRules,
  broken: BrokenPath,
  kept: readonly PathNode[],
  states: readonly State[],
  visit: number,
): State[] {
  const { peers, links, activationBytes } = description;
  const known = new Set(kept.map(({ stage }) => stage));
  const next = new Map<number, State>();
  for (const state of states) {
    for (let stage = 1; stage < plan.stages; stage++) {
      const isNew = stage > state.highest || (stage < state.highest && stage > state.below);
      if (!isNew || known.has(stage) || !mayVisit(state, stage, rules)) continue;
      const standing = visited(state, stage);
      for (const peer of plan.assignment[stage]!) {
        if (broken.gone.has(peer) || broken.room[peer]! < 1) continue;
        if (broken.only?.(visit, stage, peer) === false) continue;
        const own = peers[peer]!;
        const there = state.seconds + transferSeconds(links, state.peer, peer, activationBytes);
        const seconds =
          Math.max(there, broken.backlogSeconds[peer]!) +
          own.forwardSeconds[stage]! +
          own.backwardInputSeconds[stage]! +
          (plan.splitBackward ? 0 : own.backwardWeightSeconds[stage]!) +
          transferSeconds(links, peer, state.peer, activationBytes);
        const below = state.highest;
        const open = below < standing.highest - 1 ? 1 : 0;
        const key =
          ((standing.highest * 2 + open) * (rules.swapBudget + 1) + standing.stepsBack) * peers.length + peer;
        const best = next.get(key);
        if (best !== undefined && best.seconds <= seconds) continue;
        next.set(key, { ...standing, below, peer, stage, seconds, before: state });
      }
    }
  }
  return [...next.values()];
}

/** From the last peer to the head and back to it. */
function homeSeconds(
  plan: Plan,
  { links, activationBytes, peers }: SwarmDescription,
  anchor: number,
  last: number,
): number {
  if (plan.headAt === 'last') return peers[last]!.headSeconds;
  const there = transferSeconds(links, last, anchor, activationBytes);
  const back = transferSeconds(links, anchor, last, activationBytes);
  return there + peers[anchor]!.headSeconds + back;
}
