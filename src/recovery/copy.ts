// A lost stage becomes a copy of a neighbour: what CheckFree+ does for the first and last stages (arXiv 2506.15461,
// §4.2), and as a rule for every stage one of the baselines there.

import { checkedSources, nearestAbove, nearestBelow, type RecoveryRule, restartFaster } from './rule.ts';

export const copy: RecoveryRule = {
  name: 'copy',
  after: restartFaster,

  /** The nearest survivor before the stage; only where there is none, the nearest one after it. */
  sources(stage, alive) {
    const source = nearestBelow(stage, alive) ?? nearestAbove(stage, alive);
    return source === undefined ? undefined : [source];
  },

  rebuild(request) {
    return checkedSources('copy', request, 1)[0]!.weights.slice();
  },
};
