// Random bits in bulk, for signs: word i of a stream is the exclusive or of the two words of its block i. This is the
// layout of `random.bits` in JAX (with partitionable Threefry) and in jax-js, so a program that runs on a GPU there
// draws the same bits. A stream is read either so or by `words`, never both ways: the two are not independent.

import type { Stream } from './stream.ts';
import { threefryBlock } from './threefry.ts';

const block = new Uint32Array(2);

/** Fills `out` with bit words `firstWord`, `firstWord + 1`, … of the stream. `firstWord` below 2^53. */
export function fillBits(from: Stream, firstWord: number, out: Uint32Array): void {
  if (!Number.isSafeInteger(firstWord) || firstWord < 0) {
    throw new RangeError(`firstWord must be an integer from 0 to 2^53 − 1, not ${firstWord}`);
  }
  for (let i = 0; i < out.length; i++) {
    const counter = firstWord + i;
    threefryBlock(from.key0, from.key1, Math.floor(counter / 2 ** 32), counter >>> 0, block, 0);
    out[i] = block[0]! ^ block[1]!;
  }
}
