// 1F1B with a flush at the end of the iteration: a peer takes a backward as soon as there is one, and otherwise a
// forward, but never has more micro-batches in flight than it takes to keep the pipeline behind it busy.
// Narayanan et al., "Memory-Efficient Pipeline-Parallel DNN Training" (PipeDream-2BW, ICML 2021), section 3.2
// (PipeDream-Flush); Megatron-LM (SC 2021), section 2.2.1: the same makespan as GPipe, m activations become p.

import type { SwarmDescription } from '../description.ts';
import type { Task } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { type Assignment, assignmentOf, liveStages, roundRobinPaths } from '../wiring.ts';
import type { Policy } from './policy.ts';

/**
 * Micro-batches in flight per peer that keep a pipeline busy: a stage at position i of p needs p - i, the last one
 * 1; a head at the anchor is one more station of the round trip. Where a stage has r replicas for A anchors, each
 * of them serves A / r pipelines.
 */
export function pipelineDepth(
  description: SwarmDescription,
  assignment: Assignment,
): (peer: number) => number {
  const stages = liveStages(assignment);
  const stations = stages.length + (description.headAt === 'anchor' ? 1 : 0);
  const depth = new Map<number, number>();
  stages.forEach((stage, position) => {
    const group = assignment[stage]!;
    const share = ((stations - position) * assignment[0]!.length) / group.length;
    for (const peer of group) depth.set(peer, Math.max(1, Math.ceil(share)));
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

const always = () => true;

export const oneForwardOneBackward: Policy = {
  name: '1f1b',
  idea: 'a backward as soon as there is one, at most p − i micro-batches in flight at stage i',
  choose: 'the default: as fast as gpipe with a fraction of its memory, and no measurement needed',
  source: 'Narayanan et al., PipeDream-2BW (ICML 2021), 3.2; Megatron-LM (SC 2021), 2.2.1',
  closedForms: [
    {
      quantity: 'makespanSeconds',
      formula: '(m + p − 1)(tF + tB)',
      range: 'm ≥ 1',
      holds: always,
      value: (p, m) => 3 * (m + p - 1),
    },
    {
      quantity: 'bubbleRatio',
      formula: '(p − 1) / (m + p − 1)',
      range: 'm ≥ 1',
      holds: always,
      value: (p, m) => (p - 1) / (m + p - 1),
    },
    {
      quantity: 'peakActivations',
      formula: 'min(m, p − i)',
      range: 'm ≥ 1',
      holds: always,
      value: (p, m, stage) => Math.min(m, p - stage),
    },
  ],
  plan(description) {
    const assignment = assignmentOf(description);
    const paths = roundRobinPaths(description, assignment);
    return recordPlan(description, {
      policy: '1f1b',
      assignment,
      paths,
      splitBackward: description.splitBackward,
      chunks: 1,
      priority: backwardFirst(paths.length),
      inFlight: pipelineDepth(description, assignment),
    });
  },
};
