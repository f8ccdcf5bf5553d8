// int8: each row (a token's vector) as whole numbers from -127 to 127 times a scale of its own, its largest magnitude
// over 127 as a float32. Rounded to nearest, ties to even. (Row-wise absolute-maximum quantisation, as in Dettmers et
// al., LLM.int8(), 2022, §2.)
//
// Layout: `rows` scales of 4 bytes, little-endian, then rows × width values of 1 byte.

import { activationWork } from './kernels.ts';
import type { ActivationType } from './type.ts';

const SCALE_BYTES = 4;
/** With it, even the level -128, which nobody sound writes, stays finite. Rows beyond it count as not finite. */
const LARGEST_SCALE = 2 ** 128 / 128 / 2;

export const int8: ActivationType = {
  name: 'int8',
  wireName: 'INT8',
  packedBytes: ({ rows, width }) => rows * (SCALE_BYTES + width),

  pack(values, shape) {
    const { rows, width } = shape;
    const bytes = new Uint8Array(rows * (SCALE_BYTES + width));
    const scales = new Float32Array(bytes.buffer, 0, rows);
    const levels = new Int8Array(bytes.buffer, SCALE_BYTES * rows);
    activationWork().quantize(values, shape, scales, levels);
    return bytes;
  },

  unpack(bytes, shape) {
    const { rows, width } = shape;
    const aligned = bytes.byteOffset % SCALE_BYTES === 0 ? bytes : new Uint8Array(bytes);
    const scales = new Float32Array(aligned.buffer, aligned.byteOffset, rows);
    const levels = new Int8Array(aligned.buffer, aligned.byteOffset + SCALE_BYTES * rows, rows * width);
    if (!scales.every((scale) => scale >= 0 && scale <= LARGEST_SCALE)) return undefined;
    const values = new Float32Array(rows * width);
    activationWork().expand(levels, shape, scales, values);
    return values;
  },
};
