// ZB-H2: no bubble between a peer's first and last task, for about twice the activations of 1F1B: forwards run
// ahead until the first backward comes, and peers finish staggered as they started.
// Qi et al., "Zero Bubble Pipeline Parallelism" (ICLR 2024, arXiv 2401.10241), section 2.2. The
// paper lets the optimizer step start at once on each peer; our update is staggered in the same way.

import type { Policy } from './policy.ts';
import { zeroBubblePlan } from './zero-bubble.ts';

const enough = (p: number, m: number) => m >= 2 * p - 1;

export const zbH2: Policy = {
  name: 'zb-h2',
  idea: 'zb-h1 with forwards running further ahead: peers never idle, memory doubles',
  choose: 'the engine can split backward and memory is plentiful',
  source: 'Qi et al., Zero Bubble (ICLR 2024), 2.2',
  splitsBackward: true,
  closedForms: [
    {
      quantity: 'spanSeconds',
      formula: 'm(tF + tBx + tBw) at every peer',
      range: 'm ≥ 2p − 1, tF = tBx = tBw',
      holds: enough,
      value: (_p, m) => 3 * m,
    },
    {
      quantity: 'makespanSeconds',
      formula: 'm(tF + tBx + tBw) + (p − 1)tF',
      range: 'm ≥ 2p − 1, tF = tBx = tBw',
      holds: enough,
      value: (p, m) => 3 * m + p - 1,
    },
    {
      quantity: 'bubbleRatio',
      formula: '(p − 1) / (3m + p − 1)',
      range: 'm ≥ 2p − 1, tF = tBx = tBw',
      holds: enough,
      value: (p, m) => (p - 1) / (3 * m + p - 1),
    },
    {
      quantity: 'peakActivations',
      formula: '2p − 1',
      range: 'm ≥ 2p − 1',
      holds: enough,
      value: (p) => 2 * p - 1,
    },
  ],
  plan: (description) =>
    zeroBubblePlan(
      'zb-h2',
      description,
      (stations, position) => 2 * (stations - position) - 1,
      (stations) => 2 * stations - 1,
    ),
};
