// A lost stage starts over from fresh initial weights: the baseline that shows what the other rules save, and what
// remains when no stage but stage 0 survives.

import { checkedSources, type RecoveryRule, restartFaster } from './rule.ts';

export const random: RecoveryRule = {
  name: 'random',
  after: restartFaster,
  sources: () => [],
  rebuild(request) {
    checkedSources('random', request, 0);
    return request.freshWeights();
  },
};
