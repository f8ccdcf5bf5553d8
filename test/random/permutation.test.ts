import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import { LARGEST_PERMUTATION, permute, stream, unpermute } from '../../src/random/index.ts';

const order = (epoch: number) => stream({ runSeed: 9, purpose: 'data-order', iteration: epoch });

describe('a permutation without memory', () => {
  test('visits every item exactly once', () => {
    for (const size of [1, 2, 3, 4, 5, 7, 16, 17, 100, 1023, 4099]) {
      const items = Array.from({ length: size }, (_, i) => permute(i, size, order(size)));
      expect([...items].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
    }
  });

  test('is undone by its inverse, for any size up to 2^48', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: LARGEST_PERMUTATION })),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(1000),
        (size, share, epoch) => {
          const index = Math.min(size - 1, Math.floor(share * size));
          const item = permute(index, size, order(epoch));
          expect(item).toBeGreaterThanOrEqual(0);
          expect(item).toBeLessThan(size);
          expect(unpermute(item, size, order(epoch))).toBe(index);
          expect(permute(unpermute(index, size, order(epoch)), size, order(epoch))).toBe(index);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('gives every order of three items, about equally often', () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 3000; epoch++) {
      const text = [0, 1, 2].map((i) => permute(i, 3, order(epoch))).join('');
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    expect(Math.min(...counts.values())).toBeGreaterThan(400);
  });

  test('leaves neighbours far apart and few items in place', () => {
    const size = 10_000;
    const items = Array.from({ length: size }, (_, i) => permute(i, size, order(1)));
    const meanStep =
      items.slice(1).reduce((sum, item, i) => sum + Math.abs(item - items[i]!), 0) / (size - 1);
    // Independent uniform positions lie size / 3 apart on average; about one item stays in its place.
    expect(meanStep / size).toBeCloseTo(1 / 3, 1);
    expect(items.filter((item, i) => item === i).length).toBeLessThan(8);
  });

  test('differs from epoch to epoch', () => {
    const positions = (epoch: number) => Array.from({ length: 20 }, (_, i) => permute(i, 1000, order(epoch)));
    expect(positions(1)).not.toEqual(positions(2));
  });

  test.each([
    [0, 0],
    [0, 2 ** 48 + 1],
    [5, 5],
    [-1, 5],
    [0.5, 5],
  ])('refuses position %d of %d', (index, size) => {
    expect(() => permute(index, size, order(0))).toThrow(RangeError);
  });
});
