// Which token comes next: softmax with a temperature, cut to the likeliest few (top-k sampling: Fan et al.,
// Hierarchical Neural Story Generation, 2018, §5.1).

import { InferenceError } from './staged.ts';

export interface SamplingRule {
  /** 0 takes the likeliest token; below 1 sharpens, above 1 flattens. */
  readonly temperature: number;
  /** Only so many of the likeliest tokens can be drawn. */
  readonly topK: number;
}

/**
 * The token that `fraction`, a number in [0, 1), stands for under the rule; of equal logits the lower id counts as
 * the likelier. Throws an `InferenceError` when the logits are not numbers.
 */
export function chooseToken(
  logits: Float32Array,
  { temperature, topK }: SamplingRule,
  fraction: number,
): number {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const largest = logits[order[0]!]!;
  if (!Number.isFinite(largest) || logits.some(Number.isNaN)) {
    throw new InferenceError(
      'the model answers with values that are not finite numbers: its weights are damaged',
    );
  }
  if (temperature === 0) return order[0]!;
  const candidates = order.slice(0, topK);
  const shares = candidates.map((id) => Math.exp((logits[id]! - largest) / temperature));
  let rest = fraction * shares.reduce((sum, share) => sum + share, 0);
  for (const [index, share] of shares.entries()) {
    rest -= share;
    if (rest < 0) return candidates[index]!;
  }
  // Rounding can leave a crumb: the last candidate that has a share takes it.
  return candidates[shares.findLastIndex((share) => share > 0)]!;
}
