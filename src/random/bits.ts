// Random bits in bulk, for signs: word i of a stream is the exclusive or of the two words of its block i. This is the
// layout of `random.bits` in JAX (with partitionable Threefry) and in jax-js, so a program that runs on a GPU there
// draws the same bits. A stream is read either so or by `words`, never both ways: the two are not independent.

import type { Stream } from './stream.ts';
import { fillBlocks } from './threefry-kernel.ts';

/** Fills `out` with bit words `firstWord`, `firstWord + 1`, … of the stream. `firstWord` below 2^53. */
export function fillBits(from: Stream, firstWord: number, out: Uint32Array): void {
  if (!Number.isSafeInteger(firstWord) || firstWord < 0) {
    throw new RangeError(`firstWord must be an integer from 0 to 2^53 − 1, not ${firstWord}`);
  }
  fillBlocks(from.key0, from.key1, firstWord, 'xor', out);
}
