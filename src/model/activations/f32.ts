// f32: every value as it is, little-endian. The baseline.

import { activationWork } from './kernels.ts';
import type { ActivationType } from './type.ts';
import { isFiniteMagnitude } from './work.ts';

const VALUE_BYTES = 4;

export const f32: ActivationType = {
  name: 'f32',
  wireName: 'F32',
  packedBytes: ({ rows, width }) => VALUE_BYTES * rows * width,
  pack: (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),

  unpack(bytes) {
    const aligned = bytes.byteOffset % VALUE_BYTES === 0 ? bytes : new Uint8Array(bytes);
    const { buffer, byteOffset, byteLength } = aligned;
    const values = new Float32Array(buffer, byteOffset, byteLength / VALUE_BYTES);
    return isFiniteMagnitude(activationWork().largestMagnitude(values)) ? values : undefined;
  },
};
