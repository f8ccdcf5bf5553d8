// What the one-forward-one-backward policies share: how many micro-batches in flight keep a pipeline busy, on swarms
// whose stages have different numbers of replicas, and which task goes first.

import type { SwarmDescription } from '../description.ts';
import type { Path, Task } from '../plan.ts';
import { type Assignment, liveStages } from '../wiring.ts';

/** Per peer, as the textbook counts it for p stages with one replica each; a function of the stage's position i. */
export type DepthRule = (stations: number, position: number) => number;

/** 1F1B's: at position i of p stations, p − i are in flight. */
export const oneForwardOneBackwardDepth: DepthRule = (stations, position) => stations - position;

/**
 * Micro-batches in flight at each peer. A head at the anchor is one more station of the round trip. Where a stage
 * has r replicas for A anchors, each of them serves A / r pipelines.
 */
export function pipelineDepth(
  description: SwarmDescription,
  assignment: Assignment,
  rule: DepthRule = oneForwardOneBackwardDepth,
): (peer: number) => number {
  const stages = liveStages(assignment);
  const stations = stages.length + (description.headAt === 'anchor' ? 1 : 0);
  const depth = new Map<number, number>();
  stages.forEach((stage, position) => {
    const group = assignment[stage]!;
    const share = (rule(stations, position) * assignment[0]!.length) / group.length;
    for (const peer of group) depth.set(peer, (depth.get(peer) ?? 0) + Math.max(1, Math.ceil(share)));
  });
  return (peer) => depth.get(peer) ?? 1;
}

/**
 * Heads first (a whole backward pass waits for each), then backwards, then forwards, the older micro-batch before
 * the younger; the weight half of a split backward directly after its input half.
 */
export function backwardFirst(microbatches: number): (task: Task) => number {
  return (task) => {
    switch (task.kind) {
      case 'backward-weight':
        return task.microbatch;
      case 'head':
        return microbatches + task.microbatch;
      case 'backward':
      case 'backward-input':
        return 2 * microbatches + task.microbatch;
      case 'forward':
      case 'recompute':
        return 3 * microbatches + task.microbatch;
      case 'exchange':
      case 'update':
        return 4 * microbatches;
    }
  };
}

/** Per peer and micro-batch: 0 for the first micro-batch that comes to this peer, 1 for the second, … */
export function ownNumbers(paths: readonly Path[]): (task: Task) => number {
  const numbers = new Map<number, Map<number, number>>();
  for (const { microbatch, nodes } of paths) {
    for (const { peer } of nodes) {
      let its = numbers.get(peer);
      if (its === undefined) {
        its = new Map();
        numbers.set(peer, its);
      }
      if (!its.has(microbatch)) its.set(microbatch, its.size);
    }
  }
  return (task) => numbers.get(task.peer)?.get(task.microbatch) ?? 0;
}
