// The Walsh–Hadamard transform, in place, and the random rotation made of it: signs, then the transform.
//
// Not divided by anything: the transform of integers is integers, and twice the transform is the length times the
// values. Strides go up, one float32 addition or subtraction at a time, so the bits are the same on every machine.

/** Transforms values `from` … `from + length − 1`; `length` is a power of two. */
export function hadamard(values: Float32Array, from: number, length: number): void {
  const to = from + length;
  for (let stride = 1; stride < length; stride *= 2) {
    for (let group = from; group < to; group += 2 * stride) {
      for (let i = group; i < group + stride; i++) {
        const a = values[i]!;
        const b = values[i + stride]!;
        values[i] = a + b;
        values[i + stride] = a - b;
      }
    }
  }
}

/** Changes the sign of value `from + i` where bit i of `bits` (from the lowest of each word on) is set. */
export function applySigns(values: Float32Array, from: number, length: number, bits: Uint32Array): void {
  for (let i = 0; i < length; i++) {
    if ((bits[i >>> 5]! >>> (i & 31)) & 1) values[from + i] = -values[from + i]!;
  }
}

/** Blocks that cut a slice for the transform: `size` each, and for the rest the next power of two, padded by zeros. */
export interface Block {
  /** First value, counted from the slice's. */
  readonly from: number;
  /** Values of the slice in it. */
  readonly count: number;
  /** Values transformed: a power of two, at least `SMALLEST_BLOCK`. */
  readonly length: number;
}

/** A word of sign bits. */
export const SMALLEST_BLOCK = 32;

export function blocksOf(values: number, size: number): Block[] {
  const blocks: Block[] = [];
  for (let from = 0; from < values; from += size) {
    const count = Math.min(size, values - from);
    blocks.push({ from, count, length: count === size ? size : powerOfTwoFrom(count) });
  }
  return blocks;
}

function powerOfTwoFrom(count: number): number {
  let length = SMALLEST_BLOCK;
  while (length < count) length *= 2;
  return length;
}
