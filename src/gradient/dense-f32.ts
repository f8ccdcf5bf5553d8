// dense-f32: every value as it is, 4 bytes little-endian. Exact; the baseline that other codecs are compared with.

import { type Codec, checkSlice, type Rejection, type Slice, wrongLength } from './codec.ts';

const VALUE_BYTES = 4;

export const denseF32: Codec = {
  name: 'dense-f32',
  unbiased: true,
  errorFeedback: false,
  sliceMultiple: 1,
  relativeError: () => 0,
  encodedBytes: (values) => VALUE_BYTES * values,
  start: () => ({ residuals: [] }),

  encode({ gradient, slice }) {
    checkSlice(denseF32, slice, gradient.length);
    return new Uint8Array(
      gradient.buffer,
      gradient.byteOffset + VALUE_BYTES * slice.from,
      VALUE_BYTES * (slice.to - slice.from),
    );
  },

  reject(bytes, slice) {
    return wrongLength(denseF32, bytes, slice) ?? notFinite(floats(bytes), slice);
  },

  addDecoded({ bytes, sum }) {
    const values = floats(bytes);
    for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
  },
};

function notFinite(values: Float32Array, slice: Slice): Rejection | undefined {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) {
      const element = slice.from + i;
      return { reason: 'not-finite', element, message: `value ${element} of the gradient is ${values[i]}` };
    }
  }
  return undefined;
}

/** The bytes as float32 values: a view where they are aligned, a copy where they are not. */
function floats(bytes: Uint8Array): Float32Array {
  // `new Uint8Array` and not `slice`, which does not copy when the bytes are a Buffer of Node.
  const aligned = bytes.byteOffset % VALUE_BYTES === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / VALUE_BYTES);
}
