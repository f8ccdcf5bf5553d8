// Float32 to half precision and back, in integer operations: IEEE 754 binary16, round to nearest, ties to even.
// A finite number beyond the largest half (65504) becomes that largest half and not an infinity.

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

const SIGN = 0x8000;
const INFINITE_HALF = 0x7c00;
const NOT_A_NUMBER_HALF = 0x7e00;
const LARGEST_HALF = 0x7bff;
/** Bits of float32 values. */
const INFINITE = 0x7f800000;
const BEYOND_LARGEST_HALF = 0x477fe001;
const SMALLEST_NORMAL_HALF = 0x38800000;
const ONE_HALF = 0x3f000000;

/** The half nearest to a float32 value given by its bits. */
export function halfOf(bits: number): number {
  const sign = (bits >>> 16) & SIGN;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= BEYOND_LARGEST_HALF) {
    if (magnitude < INFINITE) return sign | LARGEST_HALF;
    return sign | (magnitude === INFINITE ? INFINITE_HALF : NOT_A_NUMBER_HALF);
  }
  if (magnitude >= SMALLEST_NORMAL_HALF) {
    // The exponent's bias drops from 127 to 15; 13 bits of the significand are rounded away, a carry goes on up.
    return sign | ((magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // Between 0.5 and 1 float32 steps by 2^-24, as halves do near zero: adding 0.5 rounds to those steps.
  scratchBits[0] = magnitude;
  scratch[0] = scratch[0]! + 0.5;
  return sign | (scratchBits[0]! - ONE_HALF);
}

/** The bits of the float32 value that a half stands for. */
export function floatBitsOf(half: number): number {
  const sign = (half & SIGN) << 16;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return sign | INFINITE | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  scratch[0] = fraction * 2 ** -24;
  return sign | scratchBits[0]!;
}

/** Whether a half is neither infinite nor not a number. */
export function isFiniteHalf(half: number): boolean {
  return (half & INFINITE_HALF) !== INFINITE_HALF;
}
