// The loops of packing and unpacking, in two members with the same bits: plain JavaScript here, WebAssembly vectors in
// kernels.ts. What each loop does is said by the type that uses it (f16.ts, int8.ts).

import type { ActivationShape } from './type.ts';

/** The bits of float32 without its sign; from infinity on they are no finite number. */
export const MAGNITUDE = 0x7fff_ffff;
export const INFINITY = 0x7f80_0000;

/** The largest level of int8. */
export const MOST_LEVEL = 127;

/** The first normal number of binary16, as binary16 and as float32, and what lies between the bits of both. */
const NORMAL_HALF = 1 << 10;
export const NORMAL_HALF_AS_FLOAT = 113 << 23;
export const BIAS_DIFFERENCE = 112 << 23;
export const INFINITE_HALF = 0x7c00;
/** The bits of 0.5. */
const HALF_BITS = 126 << 23;
/** 1.5 × 2^52: added to a double of small magnitude, it leaves no room for a fraction. */
export const ROUNDER = 6_755_399_441_055_744;

export interface ActivationWork {
  /** The bits of the largest magnitude, as an integer: magnitudes order as their bits do. */
  largestMagnitude(values: Float32Array): number;
  /** Rounds values times 2^exponent, none of them of magnitude 2^15 or more, to binary16. */
  narrow(values: Float32Array, exponent: number, halves: Uint16Array): void;
  /** Binary16 to float32, times 2^-exponent; false when one of them is not finite. */
  widen(halves: Uint16Array, exponent: number, values: Float32Array): boolean;
  /** Each row's scale, NaN where a value is not finite, and its values in whole numbers of it. */
  quantize(values: Float32Array, shape: ActivationShape, scales: Float32Array, levels: Int8Array): void;
  /** Levels times their row's scale. */
  expand(levels: Int8Array, shape: ActivationShape, scales: Float32Array, values: Float32Array): void;
}

/** Whether bits that `largestMagnitude` gave are those of a finite number. */
export function isFiniteMagnitude(bits: number): boolean {
  return bits < INFINITY;
}

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);

export const plainActivationWork: ActivationWork = {
  largestMagnitude: (values) => largestBits(values, 0, values.length),

  narrow(values, exponent, halves) {
    const scale = 2 ** exponent;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const half = halfOf(Math.abs(value) * scale); // the product is exact
      scratch[0] = value;
      halves[i] = half | ((scratchBits[0]! >> 16) & 0x8000);
    }
  },

  widen(halves, exponent, values) {
    const scale = 2 ** -exponent;
    for (let i = 0; i < halves.length; i++) {
      const half = halves[i]!;
      const size = half & 0x7fff;
      if (size >= INFINITE_HALF) return false;
      values[i] = (half & 0x8000 ? -scale : scale) * halfMagnitude(size);
    }
    return true;
  },

  quantize(values, { rows, width }, scales, levels) {
    for (let row = 0; row < rows; row++) {
      const from = row * width;
      const to = from + width;
      const bits = largestBits(values, from, to);
      scratchBits[0] = bits;
      scales[row] = isFiniteMagnitude(bits) ? scratch[0]! / MOST_LEVEL : Number.NaN;
      const scale = scales[row]!;
      if (!(scale > 0)) {
        levels.fill(0, from, to); // all zero, or too small for a scale, or not to be let through
        continue;
      }
      const perLevel = 1 / scale;
      for (let i = from; i < to; i++) {
        const level = values[i]! * perLevel + ROUNDER - ROUNDER;
        levels[i] = Math.min(MOST_LEVEL, Math.max(-MOST_LEVEL, level)); // the scale of a tiny row is coarse
      }
    }
  },

  expand(levels, { rows, width }, scales, values) {
    for (let row = 0; row < rows; row++) {
      const scale = scales[row]!;
      const to = (row + 1) * width;
      for (let i = row * width; i < to; i++) values[i] = levels[i]! * scale;
    }
  },
};

function largestBits(values: Float32Array, from: number, to: number): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let largest = 0;
  for (let i = from; i < to; i++) {
    const size = bits[i]! & MAGNITUDE;
    if (size > largest) largest = size;
  }
  return largest;
}

/** The binary16 number nearest to a magnitude below 2^15, of at most the digits of a float32. */
function halfOf(magnitude: number): number {
  scratch[0] = magnitude;
  const bits = scratchBits[0]!;
  // only the exponent's bias differs, and 13 bits of fraction go: to nearest, ties to even
  if (bits >= NORMAL_HALF_AS_FLOAT) return (bits - BIAS_DIFFERENCE + 0xfff + ((bits >> 13) & 1)) >> 13;
  // between 0.5 and 1 float32 steps by 2^-24, as binary16 does near zero: adding 0.5 rounds to those steps
  scratch[0] = scratch[0]! + 0.5;
  return scratchBits[0]! - HALF_BITS;
}

/** The value of a binary16 number without its sign. */
function halfMagnitude(size: number): number {
  if (size < NORMAL_HALF) return size * 2 ** -24;
  return (NORMAL_HALF + (size & (NORMAL_HALF - 1))) * 2 ** ((size >>> 10) - 25);
}
