// Weights moved along a random direction of signs. The direction is regenerated from its stream wherever it is needed
// and never stored (S. Malladi et al.: Fine-Tuning Language Models with Just Forward Passes, arXiv 2305.17333, §2);
// the moved weights are an array of their own, so that the weights themselves are never touched and nothing has to be
// subtracted again with other roundings.

import { fillBits, type Stream } from '../random/index.ts';
import type { Perturbation } from '../seams/engine.ts';

/** Words drawn at a time: 65,536 signs. */
const chunk = new Uint32Array(2048);

/** Writes `weights` + `scale`·z to `into`, values `from` … `to` − 1; z is the stream's direction of signs. */
export function perturb(
  weights: Float32Array,
  into: Float32Array,
  direction: Stream,
  scale: number,
  from = 0,
  to = weights.length,
): void {
  let i = from;
  while (i < to) {
    const firstWord = i >>> 5;
    const wordCount = Math.min(chunk.length, ((to - 1) >>> 5) - firstWord + 1);
    const bits = chunk.subarray(0, wordCount);
    fillBits(direction, firstWord, bits);
    const end = Math.min(to, 32 * (firstWord + wordCount));
    for (; i < end; i++) {
      const sign = 1 - 2 * ((bits[(i >>> 5) - firstWord]! >>> (i & 31)) & 1);
      into[i] = weights[i]! + sign * scale;
    }
  }
}

/** The directions of a perturbation: one for all samples, or one for each. */
export function directionsOf({ seed }: Perturbation): Stream[] {
  return Array.from({ length: seed.length / 2 }, (_, at) => ({
    key0: seed[2 * at]!,
    key1: seed[2 * at + 1]!,
  }));
}
