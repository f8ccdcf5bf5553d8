// 1F1B with a flush at the end of the iteration: a peer takes a backward as soon as there is one, and otherwise a
// forward, but never has more micro-batches in flight than it takes to keep the pipeline behind it busy.
// Narayanan et al., "Memory-Efficient Pipeline-Parallel DNN Training" (PipeDream-2BW, ICML 2021), section 3.2
// (PipeDream-Flush); Megatron-LM (SC 2021), section 2.2.1: the same makespan as GPipe, m activations become p.

import { recordPlan } from '../record.ts';
import { assignmentOf, roundRobinPaths } from '../wiring.ts';
import { backwardFirst, pipelineDepth } from './depth.ts';
import type { Policy } from './policy.ts';

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
