// What a run has trained, as a model to be used and exported.

import type { StagedModel } from '../../model/export.ts';
import { type Manifest, modelOf, stagesOf } from '../manifest.ts';
import { visitedShareOf } from '../planning/planning.ts';

/** The run's model with these weights, one flat array a stage, and what its paths left out in training. */
export function trainedModel(manifest: Manifest, weights: readonly Float32Array[]): StagedModel {
  const visitedShare = visitedShareOf(manifest);
  return {
    model: modelOf(manifest),
    stages: stagesOf(manifest),
    weights,
    ...(visitedShare !== undefined && { visitedShare }),
  };
}
