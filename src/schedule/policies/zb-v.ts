// ZB-V: two chunks a peer, the second in reverse, so that the first peer also computes the end of the model: the
// first backward starts where the last forward ends, and no bubble is left with the memory of 1F1B.
// Qi et al., "Zero Bubble Pipeline Parallelism" (ICLR 2024, arXiv 2401.10241), section 6; Qi et al.,
// "Pipeline Parallelism with Controllable Memory" (NeurIPS 2024, arXiv 2405.15362), section 3.
//
// The papers search a schedule greedily. The rule recorded here was found by trying offsets of micro-batch numbers
// between the kinds of tasks: second-chunk forwards before anything, then by micro-batch number, where an input half
// counts as half a pipeline younger than a forward; weight halves fill the rest. It leaves no bubble for the p of the
// table and for every even p up to 12 (the last peer cannot start before (p - 1) tF / 2 and then works without pause,
// so no schedule ends earlier); at p = 16 it ends two forwards later than that.

import type { Task } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { assignmentOf, chunkedPaths, liveStages, roundRobinPaths } from '../wiring.ts';
import { pipelineDepth } from './depth.ts';
import type { Policy } from './policy.ts';

const enough = (p: number, m: number) => m >= 2 * p;
const chunks = 2;

export const zbV: Policy = {
  name: 'zb-v',
  idea: 'two chunks a peer in a V, split backward: no bubble with the memory of 1f1b',
  choose: 'the engine can split backward, links are fast and memory is short',
  source: 'Qi et al., Zero Bubble (ICLR 2024), 6; Controllable Memory (NeurIPS 2024), 3',
  splitsBackward: true,
  closedForms: [
    {
      quantity: 'makespanSeconds',
      formula: 'm(tF + tBx + tBw) + (p − 1)tF/2',
      range: 'm ≥ 2p, tF = tBx = tBw',
      holds: enough,
      value: (p, m) => 3 * m + (p - 1) / 2,
    },
    {
      quantity: 'bubbleRatio',
      formula: '(p − 1) / (6m + p − 1)',
      range: 'm ≥ 2p, tF = tBx = tBw',
      holds: enough,
      value: (p, m) => (p - 1) / (6 * m + p - 1),
    },
    { quantity: 'peakActivations', formula: 'p', range: 'm ≥ 2p', holds: enough, value: (p) => p },
  ],
  plan(description) {
    const assignment = assignmentOf(description);
    const paths = roundRobinPaths(description, assignment);
    const younger = (liveStages(assignment).length * assignment[0]!.length) / 2;
    const later = 2 * (paths.length + younger + 1);
    const priority = (task: Task) => {
      switch (task.kind) {
        case 'head':
          return task.microbatch - 2 * later;
        case 'forward':
        case 'recompute':
          return task.chunk === 1 ? task.microbatch - later : task.microbatch;
        case 'backward':
        case 'backward-input':
          return task.microbatch + younger;
        case 'backward-weight':
          return task.microbatch + later;
        case 'exchange':
        case 'update':
          return 2 * later;
      }
    };
    return recordPlan(description, {
      policy: 'zb-v',
      assignment,
      paths: chunkedPaths(paths, chunks, 'vee'),
      splitBackward: true,
      chunks,
      priority,
      inFlight: pipelineDepth(description, assignment, (stations) => stations),
    });
  },
};
