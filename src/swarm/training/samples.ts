// What a run's text is made of: windows of running text, or records whose last tokens are labels.

import {
  onlyLabels,
  readWindows,
  recordWindows,
  type TokenBatch,
  trainingWindows,
  type Windows,
} from '../../data/index.ts';
import type { Manifest } from '../manifest.ts';

/** The windows to train on. Throws a TextError when the text has none. */
export function windowsOf({ model, training, data }: Manifest, text: Uint8Array): Windows {
  return training.labelTokens === undefined
    ? trainingWindows(text.length, model.context, data.heldOut)
    : recordWindows(text.length, model.context, training.recordsTogether);
}

/** Inputs and targets of these windows. */
export function readSamples(
  { model, training }: Manifest,
  text: Uint8Array,
  windows: Windows,
  indices: readonly number[],
): TokenBatch {
  const batch = readWindows(text, windows, indices);
  return training.labelTokens === undefined ? batch : onlyLabels(batch, model.context, training.labelTokens);
}
