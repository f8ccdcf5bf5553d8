import { describe, expect, test } from 'vitest';
import { codecs } from '../../src/gradient/index.ts';

const codec = codecs['top-k'];
const key = { runSeed: 0, iteration: 0, stage: 1, place: 0 };

function sentOf(gradient: Float32Array): [number, number][] {
  const slice = { from: 0, to: gradient.length };
  const sum = new Float32Array(gradient.length);
  codec.addDecoded({
    bytes: codec.encode({ gradient, slice, key, state: codec.start(gradient.length) }),
    slice,
    key,
    sum,
  });
  return [...sum.entries()].filter(([, value]) => value !== 0);
}

describe('top-k', () => {
  test('sends the largest hundredth of a block, whatever their sign, to 8 bits', () => {
    const gradient = new Float32Array(300).fill(0.25);
    gradient.set([-3, 1 + 2 ** -12, 5], 100);
    expect(sentOf(gradient)).toEqual([
      [100, -3],
      [101, 1],
      [102, 5],
    ]);
  });

  test('sends the first of values that are as large', () => {
    expect(sentOf(new Float32Array(201).fill(-2))).toEqual([
      [0, -2],
      [1, -2],
      [2, -2],
    ]);
  });

  test('sends what waited longest in the end: every value has its turn', () => {
    const gradient = Float32Array.from({ length: 100 }, (_, i) => 1 + i / 1000);
    const slice = { from: 0, to: 100 };
    const state = codec.start(100);
    const sum = new Float32Array(100);
    for (let iteration = 0; iteration < 110; iteration++) {
      codec.addDecoded({ bytes: codec.encode({ gradient, slice, key, state }), slice, key, sum });
    }
    expect(sum.every((value) => value > 0)).toBe(true);
  });

  test('keeps finite what rounding would make infinite', () => {
    const gradient = Float32Array.of(0, 3.4028234e38);
    expect(sentOf(gradient)[0]![1]).toBeGreaterThan(3e38);
    expect(sentOf(gradient)[0]![1]).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test('refuses places that are not ascending, too many, or beyond the block', () => {
    const slice = { from: 0, to: 300 };
    const gradient = Float32Array.from({ length: 300 }, (_, i) => (i < 3 ? 9 - i : 0));
    const bytes = codec.encode({ gradient, slice, key, state: codec.start(300) });
    const change = (at: number, value: number) => {
      const changed = bytes.slice();
      changed[at] = value;
      return changed;
    };
    // Three values of two bytes, three places' lower six bits in three bytes, then a byte of upper bits: 111 for the
    // three places of the first group of 64.
    expect([...bytes.subarray(6)]).toEqual([0b01000000, 0b00100000, 0, 0b111]);
    expect(codec.reject(bytes, slice)).toBeUndefined();
    for (const changed of [
      change(6, 0),
      change(9, 0b1111),
      change(9, 0b11),
      change(9, 0b11100000),
      change(7, 0b00010000),
    ]) {
      expect(codec.reject(changed, slice)).toMatchObject({ reason: 'malformed' });
    }
  });
});
