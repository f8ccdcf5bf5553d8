// int8: blocks of 256 values, each with a float32 scale of its own: a value is an integer from −127 to 127 times it.
// Per block 4 bytes of scale, little-endian, then a byte a value; the last block of a slice may be shorter.
// Block-wise scales as in T. Dettmers et al.: 8-bit Optimizers via Block-wise Quantization (arXiv 2110.02861), §2.1.

import { type Codec, checkSlice, LARGEST_FLOAT, viewOf, wrongLength } from './codec.ts';

const BLOCK = 256;
const SCALE_BYTES = 4;
const LARGEST = 127;

/** For normally distributed values: step² / 12, the mean square of a block's largest of 256 being 9.4 variances. */
const RELATIVE_ERROR = 9.4 / (LARGEST * LARGEST) / 12;

export const int8: Codec = {
  name: 'int8',
  // Rounding to nearest, so each value is off by at most half a step, always the same way.
  unbiased: false,
  errorFeedback: false,
  sliceMultiple: BLOCK,
  relativeError: () => RELATIVE_ERROR,
  encodedBytes: (values) => values + SCALE_BYTES * Math.ceil(values / BLOCK),
  start: () => ({ residuals: [] }),

  encode({ gradient, slice }) {
    checkSlice(int8, slice, gradient.length);
    const bytes = new Uint8Array(int8.encodedBytes(slice.to - slice.from));
    const view = viewOf(bytes);
    let at = 0;
    for (let from = slice.from; from < slice.to; from += BLOCK) {
      const to = Math.min(slice.to, from + BLOCK);
      const scale = scaleOf(gradient, from, to);
      view.setFloat32(at, scale, true);
      at += SCALE_BYTES;
      // A scale of zero, or one that is not finite, leaves the values zero.
      const inverse = scale > 0 && scale < Number.POSITIVE_INFINITY ? 1 / scale : 0;
      for (let i = from; i < to; i++, at++) {
        bytes[at] = roundToEven(Math.max(-LARGEST, Math.min(LARGEST, gradient[i]! * inverse)));
      }
    }
    return bytes;
  },

  reject(bytes, slice) {
    const length = wrongLength(int8, bytes, slice);
    if (length !== undefined) return length;
    const view = viewOf(bytes);
    for (let at = 0, from = slice.from; at < bytes.length; at += SCALE_BYTES + BLOCK, from += BLOCK) {
      const scale = view.getFloat32(at, true);
      if (!(Math.abs(scale) * (LARGEST + 1) <= LARGEST_FLOAT)) {
        const message = `the scale of the block at value ${from} of the gradient is ${scale}`;
        return { reason: 'not-finite', element: undefined, message };
      }
    }
    return undefined;
  },

  addDecoded({ bytes, sum }) {
    const view = viewOf(bytes);
    let at = 0;
    for (let from = 0; from < sum.length; from += BLOCK) {
      const scale = view.getFloat32(at, true);
      at += SCALE_BYTES;
      const to = Math.min(sum.length, from + BLOCK);
      for (let i = from; i < to; i++, at++) {
        sum[i] = sum[i]! + Math.fround(scale * ((bytes[at]! << 24) >> 24));
      }
    }
  },
};

/** The step that reaches the block's largest value at 127, rounded to float32; not a number if a value is not finite. */
function scaleOf(values: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    const size = Math.abs(values[i]!);
    // Written so that a value that is not a number becomes the largest and stays it.
    if (!(size <= largest)) largest = size;
    if (!(largest < Number.POSITIVE_INFINITY)) return Number.NaN;
  }
  return Math.fround(largest / LARGEST);
}

/** The nearest integer, even where two are as near, for |x| below 2^51: float64 has no room for digits after it. */
function roundToEven(x: number): number {
  return x + ROUNDER - ROUNDER;
}
const ROUNDER = 3 * 2 ** 51;
