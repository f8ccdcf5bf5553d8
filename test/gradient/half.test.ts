import { describe, expect, test } from 'vitest';
import { floatBitsOf, halfOf, isFiniteHalf } from '../../src/gradient/half.ts';

/** The language's own conversion, which newer engines have. */
const { f16round } = Math as unknown as { f16round(x: number): number };

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

function floatOf(half: number): number {
  bits[0] = floatBitsOf(half);
  return floats[0]!;
}

function rounded(value: number): number {
  floats[0] = value;
  return floatOf(halfOf(bits[0]!));
}

describe('half precision', () => {
  test('comes back from float32 as it was, for all 65536 halves', () => {
    for (let half = 0; half < 65536; half++) {
      const value = floatOf(half);
      if (Number.isNaN(value)) expect(isFiniteHalf(half)).toBe(false);
      else {
        expect(Object.is(f16round(value), value)).toBe(true);
        bits[0] = floatBitsOf(half);
        expect(halfOf(bits[0]!)).toBe(half);
      }
    }
  });

  test('is the nearest half of every float32 between two halves, ties to even', () => {
    for (let half = 0; half < 0x7bff; half++) {
      const low = floatOf(half);
      const middle = (low + floatOf(half + 1)) / 2;
      floats[0] = middle;
      const at = bits[0]!;
      for (const near of [at - 1, at, at + 1]) {
        bits[0] = near;
        const value = floats[0]!;
        expect(rounded(value)).toBe(f16round(value));
        expect(rounded(-value)).toBe(f16round(-value));
      }
    }
  });

  test('holds the largest half in place of finite numbers beyond it, and says what is not finite', () => {
    for (const value of [65504, 65519, 65520, 1e6, 3.4e38]) expect(rounded(value)).toBe(65504);
    expect(rounded(-1e9)).toBe(-65504);
    expect(rounded(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(rounded(Number.NaN)).toBeNaN();
  });
});
