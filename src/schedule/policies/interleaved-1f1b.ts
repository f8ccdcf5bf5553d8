// Interleaved 1F1B: every peer holds v parts of the model, p apart, so that a micro-batch passes the peers v times
// and the pipeline fills in 1/v of the time, for v times the transfers.
// Narayanan et al., "Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM" (SC 2021),
// section 2.2.2: bubble time (p - 1)(tF + tB) / v; micro-batches go in groups of p, m a multiple of p.

import type { Task } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { assignmentOf, chunkedPaths, liveStages, roundRobinPaths } from '../wiring.ts';
import { pipelineDepth } from './depth.ts';
import type { Policy } from './policy.ts';

const multiple = (p: number, m: number) => m % p === 0;

export const interleaved: Policy = {
  name: 'interleaved-1f1b',
  idea: '1f1b over v chunks a peer: the pipeline fills v times as fast',
  choose: 'fast links: the bubble shrinks to 1/v, the bytes on the links grow v times',
  source: 'Narayanan et al., Megatron-LM (SC 2021), 2.2.2',
  closedForms: [
    {
      quantity: 'makespanSeconds',
      formula: '(m + (p − 1)/v)(tF + tB), v = 2',
      range: 'm a multiple of p',
      holds: multiple,
      value: (p, m) => 3 * (m + (p - 1) / 2),
    },
    {
      quantity: 'bubbleRatio',
      formula: '(p − 1) / (v m + p − 1), v = 2',
      range: 'm a multiple of p',
      holds: multiple,
      value: (p, m) => (p - 1) / (2 * m + p - 1),
    },
    {
      quantity: 'peakActivations',
      formula: 'min(m, (2(p − i − 1) + (v − 1)p + 1)/v), v = 2',
      range: 'm a multiple of p',
      holds: multiple,
      value: (p, m, stage) => Math.min(m, (2 * (p - stage - 1) + p + 1) / 2),
    },
  ],
  plan(description) {
    const assignment = assignmentOf(description);
    const whole = roundRobinPaths(description, assignment);
    const { chunks } = description;
    const stages = liveStages(assignment).length;
    const group = Math.max(1, stages * assignment[0]!.length);
    // Position among the forwards, or with the chunks reversed among the backwards, as Megatron-LM orders them.
    const turn = (microbatch: number, chunk: number) => {
      const first = Math.floor(microbatch / group) * group;
      const size = Math.min(group, whole.length - first);
      return first * chunks + chunk * size + (microbatch - first);
    };
    const aheadOf = pipelineDepth(
      description,
      assignment,
      (stations, position) => 2 * (stations - position - 1) + (chunks - 1) * stages + 1,
    );
    // Forwards and backwards take turns: a replica of r sees every r-th micro-batch.
    const ownTurn = (task: Task, chunk: number) =>
      turn(task.microbatch, chunk) / assignment[task.stage]!.length;
    const later = whole.length * chunks + 1;
    const priority = (task: Task) => {
      switch (task.kind) {
        case 'head':
          return task.microbatch - 3 * later;
        case 'backward-weight':
          return ownTurn(task, chunks - 1 - task.chunk) - 2 * later;
        case 'backward':
        case 'backward-input':
          return ownTurn(task, chunks - 1 - task.chunk);
        case 'forward':
        case 'recompute':
          return ownTurn(task, task.chunk) - aheadOf(task.peer) + 0.5;
        case 'exchange':
        case 'update':
          return later;
      }
    };
    return recordPlan(description, {
      policy: 'interleaved-1f1b',
      assignment,
      paths: chunkedPaths(whole, chunks, 'loop'),
      splitBackward: description.splitBackward,
      chunks,
      priority,
      ahead: aheadOf,
    });
  },
};
