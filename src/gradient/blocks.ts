// How a slice is cut into blocks for the transform.

import { SMALLEST_BLOCK } from './block-work.ts';

export interface Block {
  /** First value, counted from the slice's. */
  readonly from: number;
  /** Values of the slice in it; the rest of the block is zeros. */
  readonly count: number;
  /** Values transformed: a power of two. */
  readonly length: number;
}

/** Blocks of `size` values, and what is left in one of the next power of two. */
export function* blocksOf(values: number, size: number): Generator<Block> {
  let from = 0;
  for (; from + size <= values; from += size) yield { from, count: size, length: size };
  if (from < values) yield { from, count: values - from, length: powerOfTwoFrom(values - from) };
}

function powerOfTwoFrom(count: number): number {
  let length = SMALLEST_BLOCK;
  while (length < count) length *= 2;
  return length;
}
