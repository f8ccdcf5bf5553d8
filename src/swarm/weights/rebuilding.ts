// A lost stage out of its neighbours' weights, by the rule that the journal names.

import { initialWeights } from '../../model/initial.ts';
import { type RecoveryRuleName, type RecoverySource, recoveryRules } from '../../recovery/index.ts';
import { optimizerOf } from './holder.ts';
import { type Manifest, modelOf, stagesOf } from '../manifest.ts';
import type { StageSnapshot } from './snapshot.ts';

/** The rebuilt stage, its optimizer started anew. Throws a RecoveryError where the sources do not fit. */
export function rebuildStage(
  manifest: Manifest,
  ruleName: string,
  stage: number,
  iteration: number,
  sources: readonly RecoverySource[],
): StageSnapshot {
  const rule = recoveryRules[ruleName as RecoveryRuleName];
  if (rule === undefined) throw new RangeError(`there is no recovery rule ${ruleName}`);
  const freshWeights = () => initialWeights(modelOf(manifest), stagesOf(manifest), stage, manifest.seed);
  const weights = rule.rebuild({ stage, sources, freshWeights });
  const state = optimizerOf(manifest).start(weights.length);
  return { stage, iteration, weights, state, rateFactor: rule.after.learningRateFactor };
}
