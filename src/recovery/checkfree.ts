// CheckFree (arXiv 2506.15461, §4, algorithm 1): a lost stage becomes the average of its two neighbours, each weighted
// by the norm of its last gradient, because a neighbour that still learns much has moved further from what both once
// shared. Where a neighbour is lost too, the nearest survivor on that side takes its place.

import { checkedSources, nearestAbove, nearestBelow, type RecoveryRule, restartFaster } from './rule.ts';

/** Added to both norms, as in the authors' code (which uses plain norms, not squared ones): two zeros give halves. */
const NORM_FLOOR = 1e-4;

export const checkfree: RecoveryRule = {
  name: 'checkfree',
  after: restartFaster,

  sources(stage, alive) {
    const below = nearestBelow(stage, alive);
    const above = nearestAbove(stage, alive);
    return below === undefined || above === undefined ? undefined : [below, above];
  },

  rebuild(request) {
    const [below, above] = checkedSources('checkfree', request, 2) as [Source, Source];
    const b = below.gradientNorm + NORM_FLOOR;
    const a = above.gradientNorm + NORM_FLOOR;
    const total = a + b;
    // In float64, rounded once to float32.
    return above.weights.map((up, i) => (a * up + b * below.weights[i]!) / total);
  },
};

type Source = ReturnType<typeof checkedSources>[number];
