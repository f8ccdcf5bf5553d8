// f16: IEEE binary16 (a sign, 5 bits of exponent, 10 of fraction), rounded to nearest, ties to even. Gradients of a
// mean loss are far below what binary16 can say (its smallest normal number is 6e-5), so the tensor is first scaled by
// the power of two that brings its largest magnitude into [2^14, 2^15): exact, and nothing overflows. The exponent
// follows the values. (The same idea as loss scaling: Micikevicius et al., Mixed Precision Training, 2018, §3.2, with
// the scale found per tensor. `gradient/half.ts` rounds without a scale.)
//
// Layout: rows × width values of 2 bytes, then the scale's exponent, a signed 16-bit number; all little-endian.

import { isFiniteMagnitude, largestMagnitude } from './f32.ts';
import type { ActivationType } from './type.ts';

/** After scaling, the largest magnitude's exponent. */
const TOP_EXPONENT = 14;
/** Says that the tensor had a value that is not finite. */
const NOT_FINITE = -0x8000;
/** With it the largest binary16 number is still finite as a float32; magnitudes from 2^127 on count as not finite. */
const LEAST_EXPONENT = -112;
/** Of the smallest float32, 2^-149. */
const MOST_EXPONENT = TOP_EXPONENT + 149;

/** The first bits of a normal number, as float32 and as binary16. */
const NORMAL = 1 << 23;
const NORMAL_HALF = 1 << 10;
const INFINITE_HALF = 0x7c00;
/** Between the exponent's biases, 127 and 15. */
const BIAS_DIFFERENCE = 112;
/** 1.5 × 2^52: added to a double of small magnitude, it leaves no room for a fraction. */
const ROUNDER = 6_755_399_441_055_744;

export const f16: ActivationType = {
  name: 'f16',
  wireName: 'F16',
  packedBytes: ({ rows, width }) => 2 * rows * width + 2,

  pack(values) {
    const halves = new Uint16Array(values.length + 1);
    const magnitude = largestMagnitude(values);
    const exponent = isFiniteMagnitude(magnitude) ? exponentFor(magnitude) : NOT_FINITE;
    const fits = exponent >= LEAST_EXPONENT;
    if (fits) narrow(values, exponent, halves);
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
    return widen(halves, exponent, values) ? values : undefined;
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

/** Rounds values times 2^exponent, none of them of magnitude 2^15 or more, to binary16. */
function narrow(values: Float32Array, exponent: number, halves: Uint16Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  // `| 0` keeps the compiler at integers
  const shift = ((exponent - BIAS_DIFFERENCE) * NORMAL) | 0;
  const leastNormal = Math.max(NORMAL, NORMAL - shift) | 0;
  const steps = 2 ** (exponent + 24);
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i]!;
    const magnitude = own & 0x7fff_ffff;
    const sign = (own >> 16) & 0x8000;
    if (magnitude >= leastNormal) {
      // only the exponent differs, and 13 bits of fraction go: to nearest, ties to even
      const scaled = (magnitude + shift) | 0;
      halves[i] = ((((scaled + 0xfff) | 0) + ((scaled >> 13) & 1)) >> 13) | sign;
    } else {
      halves[i] = (Math.abs(values[i]!) * steps + ROUNDER - ROUNDER) | 0 | sign; // a number of steps of 2^-24
    }
  }
}

/** Binary16 to float32, times 2^-exponent; false when one of them is not finite. */
function widen(halves: Uint16Array, exponent: number, values: Float32Array): boolean {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const shift = ((BIAS_DIFFERENCE - exponent) * NORMAL) | 0;
  const leastNormal = Math.max(NORMAL_HALF, (NORMAL - shift) >> 13) | 0;
  const scale = 2 ** -exponent;
  for (let i = 0; i < bits.length; i++) {
    const half = halves[i]!;
    const magnitude = half & 0x7fff;
    if (magnitude >= INFINITE_HALF) return false;
    if (magnitude >= leastNormal) {
      bits[i] = ((magnitude << 13) + shift) | ((half & 0x8000) << 16);
    } else {
      values[i] = (half & 0x8000 ? -scale : scale) * magnitudeOf(magnitude);
    }
  }
  return true;
}

/** The value of a binary16 number without its sign. */
function magnitudeOf(magnitude: number): number {
  if (magnitude < NORMAL_HALF) return magnitude * 2 ** -24;
  return (NORMAL_HALF + (magnitude & (NORMAL_HALF - 1))) * 2 ** ((magnitude >>> 10) - 25);
}
