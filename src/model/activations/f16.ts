// f16: IEEE binary16 (a sign, 5 bits of exponent, 10 of fraction), rounded to nearest, ties to even. Gradients of a
// mean loss are far below what binary16 can say (its smallest normal number is 6e-5), so the tensor is first scaled by
// the power of two that brings its largest magnitude into [2^14, 2^15): exact, and nothing overflows. The exponent
// follows the values. (The same idea as loss scaling: Micikevicius et al., Mixed Precision Training, 2018, §3.2, with
// the scale found per tensor. `gradient/half.ts` rounds without a scale.)
//
// Layout: rows × width values of 2 bytes, then the scale's exponent, a signed 16-bit number; all little-endian.

import { activationWork } from './kernels.ts';
import type { ActivationType } from './type.ts';
import { isFiniteMagnitude } from './work.ts';

/** After scaling, the largest magnitude's exponent. */
const TOP_EXPONENT = 14;
/** Says that the tensor had a value that is not finite. */
const NOT_FINITE = -0x8000;
/** With it the largest binary16 number is still finite as a float32; magnitudes from 2^127 on count as not finite. */
const LEAST_EXPONENT = -112;
/** Of the smallest float32, 2^-149. */
const MOST_EXPONENT = TOP_EXPONENT + 149;

export const f16: ActivationType = {
  name: 'f16',
  wireName: 'F16',
  packedBytes: ({ rows, width }) => 2 * rows * width + 2,

  pack(values) {
    const halves = new Uint16Array(values.length + 1);
    const work = activationWork();
    const magnitude = work.largestMagnitude(values);
    const exponent = isFiniteMagnitude(magnitude) ? exponentFor(magnitude) : NOT_FINITE;
    const fits = exponent >= LEAST_EXPONENT;
    if (fits) work.narrow(values, exponent, halves);
    halves[values.length] = fits ? exponent : NOT_FINITE;
    return new Uint8Array(halves.buffer);
  },

  unpack(bytes) {
    const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
    const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
    const count = halves.length - 1;
    const exponent = (halves[count]! << 16) >> 16;
    if (exponent < LEAST_EXPONENT || exponent > MOST_EXPONENT) return undefined;
    const values = new Float32Array(count);
    return activationWork().widen(halves.subarray(0, count), exponent, values) ? values : undefined;
  },
};

/** The exponent of the power of two that brings a magnitude, given as float32 bits, into [2^14, 2^15); 0 for zero. */
function exponentFor(bits: number): number {
  if (bits === 0) return 0;
  const field = bits >>> 23;
  // below the smallest normal number the leading bit's place says how small
  const own = field > 0 ? field - 127 : -118 - Math.clz32(bits);
  return TOP_EXPONENT - own;
}
