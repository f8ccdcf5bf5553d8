// How well a model predicts the part of a text that no run trains on.

import { heldOutWindows, readWindows } from '../data/index.ts';
import { expectByteModel, type LoadedModel, type PathOptions, pathWithout } from './staged.ts';

/** Tokens scored when nothing else is said: some seconds for a model of a million parameters. */
export const DEFAULT_EVALUATION_TOKENS = 65_536;

export interface EvaluateOptions extends PathOptions {
  /** Score at most so many tokens (but one window at least), spread evenly over the held-out part; Infinity: all. */
  readonly maxTokens?: number;
  /** Called after every batch. */
  readonly onProgress?: (doneTokens: number, ofTokens: number) => void;
  /** Stops between two batches and throws its reason. */
  readonly signal?: AbortSignal;
}

export interface Evaluation {
  /** Mean cross-entropy, nats per token (per byte). */
  readonly loss: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Tokens that were predicted and scored. */
  readonly tokens: number;
  /** Tokens that could have been scored: all of the held-out part's windows. */
  readonly heldOutTokens: number;
}

/**
 * Scores windows of T tokens from the held-out part of a text, always the same ones in the same order.
 * Throws a `TextError` when the text has no such window, an `InferenceError` for a wrong `skip`.
 */
export async function evaluate(
  model: LoadedModel,
  text: Uint8Array,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { maxTokens = DEFAULT_EVALUATION_TOKENS, skip, onProgress, signal } = options;
  expectByteModel(model);
  pathWithout(model.stages, skip);
  const { context } = model.shape;
  const windows = heldOutWindows(text.length, context);
  const chosen = spread(windows.count, Math.floor(maxTokens / context));
  const ofTokens = chosen.length * context;
  let total = 0;
  for (let first = 0; first < chosen.length; first += model.samples) {
    signal?.throwIfAborted();
    const batch = chosen.slice(first, first + model.samples);
    const { tokens, targets } = readWindows(text, windows, batch);
    total += batch.length * (await model.loss(tokens, targets, skip === undefined ? {} : { skip }));
    onProgress?.((first + batch.length) * context, ofTokens);
  }
  const loss = total / chosen.length;
  return { loss, perplexity: Math.exp(loss), tokens: ofTokens, heldOutTokens: windows.count * context };
}

/** `wanted` of the numbers 0 … count − 1 (one at least, all at most), evenly spread and ascending. */
function spread(count: number, wanted: number): number[] {
  const length = Math.min(count, Math.max(1, wanted));
  return Array.from({ length }, (_, index) => Math.floor((index * count) / length));
}
