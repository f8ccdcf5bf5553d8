// What the head's graph leaves to plain numbers: which targets count, and the means over those that do.

import type { LoadedStage } from '../checks.ts';

/** Targets with `vocabulary`, which no column of the logits is, for those that do not count; and how many do. */
export function maskTargets(given: Int32Array, vocabulary: number): { targets: Int32Array; counted: number } {
  const counted = given.reduce((count, id) => count + (id < 0 ? 0 : 1), 0);
  const targets = counted === given.length ? given : given.map((id) => (id < 0 ? vocabulary : id));
  return { targets, counted };
}

/** Mean loss of everything and of each sample, over the targets that count. */
export function means(
  losses: Float32Array,
  targets: Int32Array,
  { program }: LoadedStage,
): { loss: number; sampleLosses: Float32Array } {
  const { samples, model } = program;
  const sampleLosses = new Float32Array(samples);
  let total = 0;
  let counted = 0;
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    let count = 0;
    for (let row = sample * model.context; row < (sample + 1) * model.context; row++) {
      if (targets[row] === model.vocabulary) continue;
      sum += losses[row]!;
      count++;
    }
    sampleLosses[sample] = sum / Math.max(1, count);
    total += sum;
    counted += count;
  }
  return { loss: Math.fround(total / Math.max(1, counted)), sampleLosses };
}
