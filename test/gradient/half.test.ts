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
    // collected, because an `expect` each would take seconds
    const wrong: number[] = [];
    for (let half = 0; half < 65536; half++) {
      const value = floatOf(half);
      bits[0] = floatBitsOf(half);
      const back = Number.isNaN(value) ? !isFiniteHalf(half) : halfOf(bits[0]) === half;
      if (!(back && Object.is(f16round(value), value))) wrong.push(half);
    }
    expect(wrong).toEqual([]);
  });

  test('is the nearest half of every float32 between two halves, ties to even', () => {
    const wrong: number[] = [];
    for (let half = 0; half < 0x7bff; half++) {
      const low = floatOf(half);
      const middle = (low + floatOf(half + 1)) / 2;
      floats[0] = middle;
      const at = bits[0]!;
      for (const near of [at - 1, at, at + 1]) {
        bits[0] = near;
        const value = floats[0]!;
        const right = rounded(value) === f16round(value) && rounded(-value) === f16round(-value);
        if (!right) wrong.push(value);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('holds the largest half in place of finite numbers beyond it, and says what is not finite', () => {
    for (const value of [65504, 65519, 65520, 1e6, 3.4e38]) expect(rounded(value)).toBe(65504);
    expect(rounded(-1e9)).toBe(-65504);
    expect(rounded(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(rounded(Number.NaN)).toBeNaN();
  });
});
