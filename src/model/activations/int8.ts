// int8: each row (a token's vector) as whole numbers from -127 to 127 times a scale of its own, its largest magnitude
// over 127 as a float32. Rounded to nearest, ties to even. (Row-wise absolute-maximum quantisation, as in Dettmers et
// al., LLM.int8(), 2022, §2.)
//
// Layout: `rows` scales of 4 bytes, little-endian, then rows × width values of 1 byte.

import { isFiniteMagnitude, largestMagnitude } from './f32.ts';
import type { ActivationType } from './type.ts';

const SCALE_BYTES = 4;
const MOST = 127;
/** With it, even the level -128, which nobody sound writes, stays finite. Rows beyond it count as not finite. */
const LARGEST_SCALE = 2 ** 128 / 128 / 2;
/** 1.5 × 2^52: added to a double of small magnitude, it leaves no room for a fraction. */
const ROUNDER = 6_755_399_441_055_744;

const magnitude = new Uint32Array(1);
const magnitudeValue = new Float32Array(magnitude.buffer);

export const int8: ActivationType = {
  name: 'int8',
  wireName: 'INT8',
  packedBytes: ({ rows, width }) => rows * (SCALE_BYTES + width),

  pack(values, { rows, width }) {
    const bytes = new Uint8Array(rows * (SCALE_BYTES + width));
    const scales = new Float32Array(bytes.buffer, 0, rows);
    const levels = new Int8Array(bytes.buffer, SCALE_BYTES * rows);
    for (let row = 0; row < rows; row++) {
      const from = row * width;
      const to = from + width;
      const bits = largestMagnitude(values, from, to);
      magnitude[0] = bits;
      scales[row] = isFiniteMagnitude(bits) ? magnitudeValue[0]! / MOST : Number.NaN;
      const scale = scales[row]!;
      if (!(scale > 0)) continue; // all zero, or too small for a scale, or not to be let through
      const perLevel = 1 / scale;
      for (let i = from; i < to; i++) {
        const level = values[i]! * perLevel + ROUNDER - ROUNDER;
        levels[i] = Math.min(MOST, Math.max(-MOST, level)); // the scale of a tiny row is coarse
      }
    }
    return bytes;
  },

  unpack(bytes, { rows, width }) {
    const aligned = bytes.byteOffset % SCALE_BYTES === 0 ? bytes : new Uint8Array(bytes);
    const scales = new Float32Array(aligned.buffer, aligned.byteOffset, rows);
    const levels = new Int8Array(aligned.buffer, aligned.byteOffset + SCALE_BYTES * rows, rows * width);
    const values = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      const scale = scales[row]!;
      if (!(scale >= 0 && scale <= LARGEST_SCALE)) return undefined;
      const to = (row + 1) * width;
      for (let i = row * width; i < to; i++) values[i] = levels[i]! * scale;
    }
    return values;
  },
};
