// dense-f16: every value in half precision, 2 bytes little-endian. Values below 6e-5 keep fewer digits the smaller
// they are, those below 3e-8 become zero, and those beyond 65504 become 65504.

import { type Codec, checkSlice, wrongLength } from './codec.ts';
import { floatBitsOf, halfOf, isFiniteHalf } from './half.ts';

const VALUE_BYTES = 2;

/** For normally distributed values: their squared steps, over 12. Hardly depends on the deviation. */
const RELATIVE_ERROR = 4.3e-8;

export const denseF16: Codec = {
  name: 'dense-f16',
  // Rounding to nearest, so each value is off by at most half a step, always the same way.
  unbiased: false,
  errorFeedback: false,
  sliceMultiple: 1,
  relativeError: () => RELATIVE_ERROR,
  encodedBytes: (values) => VALUE_BYTES * values,
  start: () => ({ residuals: [] }),

  encode({ gradient, slice }) {
    checkSlice(denseF16, slice, gradient.length);
    const bits = new Uint32Array(gradient.buffer, gradient.byteOffset, gradient.length);
    const bytes = new Uint8Array(VALUE_BYTES * (slice.to - slice.from));
    for (let i = slice.from, at = 0; i < slice.to; i++, at += VALUE_BYTES) {
      const half = halfOf(bits[i]!);
      bytes[at] = half;
      bytes[at + 1] = half >>> 8;
    }
    return bytes;
  },

  reject(bytes, slice) {
    const length = wrongLength(denseF16, bytes, slice);
    if (length !== undefined) return length;
    for (let at = 0; at < bytes.length; at += VALUE_BYTES) {
      if (!isFiniteHalf(bytes[at]! | (bytes[at + 1]! << 8))) {
        const element = slice.from + at / VALUE_BYTES;
        return { reason: 'not-finite', element, message: `value ${element} of the gradient is not finite` };
      }
    }
    return undefined;
  },

  addDecoded({ bytes, sum }) {
    for (let i = 0; i < sum.length; i += decoded.length) {
      const count = Math.min(decoded.length, sum.length - i);
      for (let j = 0, at = VALUE_BYTES * i; j < count; j++, at += VALUE_BYTES) {
        decodedBits[j] = floatBitsOf(bytes[at]! | (bytes[at + 1]! << 8));
      }
      for (let j = 0; j < count; j++) sum[i + j]! += decoded[j]!;
    }
  },
};

const decoded = new Float32Array(1024);
const decodedBits = new Uint32Array(decoded.buffer);
