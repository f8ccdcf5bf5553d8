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
  const twice = 2 * scale;
  let i = from;
  while (i < to) {
    const firstWord = i >>> 5;
    const wordCount = Math.min(chunk.length, ((to - 1) >>> 5) - firstWord + 1);
    const bits = chunk.subarray(0, wordCount);
    fillBits(direction, firstWord, bits);
    const end = Math.min(to, 32 * (firstWord + wordCount));
    while (i < end) {
      let word = bits[(i >>> 5) - firstWord]! >>> (i & 31);
      for (const last = Math.min(end, (i | 31) + 1); i < last; i++) {
        into[i] = weights[i]! + (scale - twice * (word & 1));
        word >>>= 1;
      }
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
