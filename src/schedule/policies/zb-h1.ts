// ZB-H1: as many activations as 1F1B, a third of its bubble: the weight halves fill the end of the iteration.
// Qi et al., "Zero Bubble Pipeline Parallelism" (ICLR 2024, arXiv 2401.10241), section 2.1.

import { oneForwardOneBackwardDepth } from './depth.ts';
import type { Policy } from './policy.ts';
import { zeroBubblePlan } from './zero-bubble.ts';

const enough = (p: number, m: number) => m >= p;

export const zbH1: Policy = {
  name: 'zb-h1',
  idea: 'backward split in two; weight halves fill the gaps, memory as in 1f1b',
  choose: 'the engine can split backward and memory is short',
  source: 'Qi et al., Zero Bubble (ICLR 2024), 2.1',
  splitsBackward: true,
  closedForms: [
    {
      quantity: 'makespanSeconds',
      formula: 'm(tF + tBx + tBw) + (p − 1)(tF + tBx − tBw)',
      range: 'm ≥ p',
      holds: enough,
      value: (p, m) => 3 * m + p - 1,
    },
    {
      quantity: 'bubbleRatio',
      formula: '(p − 1) / (3m + p − 1)',
      range: 'm ≥ p, tF = tBx = tBw',
      holds: enough,
      value: (p, m) => (p - 1) / (3 * m + p - 1),
    },
    { quantity: 'peakActivations', formula: 'p', range: 'm ≥ p', holds: enough, value: (p) => p },
  ],
  plan: (description) =>
    zeroBubblePlan('zb-h1', description, oneForwardOneBackwardDepth, (stations) => stations),
};
