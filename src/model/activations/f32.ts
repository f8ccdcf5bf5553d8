// f32: every value as it is, little-endian. The baseline.

import type { ActivationType } from './type.ts';

const VALUE_BYTES = 4;
/** The bits of float32 without its sign; from infinity on they are no finite number. */
const MAGNITUDE = 0x7fff_ffff;
const INFINITY = 0x7f80_0000;

export const f32: ActivationType = {
  name: 'f32',
  wireName: 'F32',
  packedBytes: ({ rows, width }) => VALUE_BYTES * rows * width,
  pack: (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),

  unpack(bytes) {
    const aligned = bytes.byteOffset % VALUE_BYTES === 0 ? bytes : new Uint8Array(bytes);
    const { buffer, byteOffset, byteLength } = aligned;
    const values = new Float32Array(buffer, byteOffset, byteLength / VALUE_BYTES);
    return largestMagnitude(values) >= INFINITY ? undefined : values;
  },
};

/** The bits of the largest magnitude among the values, as an integer: magnitudes order as their bits do. */
export function largestMagnitude(values: Float32Array, from = 0, to = values.length): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let largest = 0;
  for (let i = from; i < to; i++) {
    const magnitude = bits[i]! & MAGNITUDE;
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** Whether bits that `largestMagnitude` gave are those of a finite number. */
export function isFiniteMagnitude(bits: number): boolean {
  return bits < INFINITY;
}
