import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import { fillBits, type Purpose, purposes, stream, threefryBlocks } from '../../src/random/index.ts';
import { type BlockLayout, fillBlocks, fillPlainly } from '../../src/random/threefry-kernel.ts';

const anyWord = fc.nat(2 ** 32 - 1);
const anyLayout = fc.constantFrom<BlockLayout>('both', 'xor');

describe('bit words', () => {
  // jax-js 0.1.25 (npm, @jax-js/jax) on its wasm device: `await random.bits(random.key(SEED), [1000]).data()`, the first
  // four and the last two. A key's words are 0 and the seed.
  test.each([
    { seed: 0, start: [4070199207, 4202968722, 1427181096, 2012915765], end: [286292207, 1693790770] },
    { seed: 42, start: [2098992034, 2919706841, 2646866425, 2409546199], end: [4065364628, 1573048666] },
  ])('are those of `random.bits` in jax-js, seed $seed', ({ seed, start, end }) => {
    const out = new Uint32Array(1000);
    fillBits({ key0: 0, key1: seed }, 0, out);
    expect([...out.subarray(0, 4)]).toEqual(start);
    expect([...out.subarray(998)]).toEqual(end);
  });

  test('are the same from wherever one starts', () => {
    const source = stream({ runSeed: 5, purpose: 'rotation', iteration: 2 });
    const whole = new Uint32Array(4000);
    fillBits(source, 2 ** 32 - 1000, whole);
    fc.assert(
      fc.property(fc.nat(3000), fc.integer({ min: 1, max: 1000 }), (first, count) => {
        const part = new Uint32Array(count);
        fillBits(source, 2 ** 32 - 1000 + first, part);
        expect(part).toEqual(whole.subarray(first, first + count));
      }),
      { numRuns: 50 },
    );
  });

  test('have as many ones as zeros, at every place of the word', () => {
    const out = new Uint32Array(40_000);
    fillBits(stream({ runSeed: 1, purpose: 'perturbation' }), 0, out);
    for (let bit = 0; bit < 32; bit++) {
      const ones = out.reduce((sum, word) => sum + ((word >>> bit) & 1), 0);
      // Five standard deviations of 40,000 fair coins.
      expect(Math.abs(ones - 20_000)).toBeLessThan(500);
    }
  });

  test('are refused before the first', () => {
    expect(() => fillBits({ key0: 0, key1: 0 }, -1, new Uint32Array(1))).toThrow(RangeError);
  });
});

describe('the kernel of Threefry', () => {
  test('gives the words of the plain version, past the carry of the counter too', () => {
    const anyFirst = fc.oneof(
      fc.nat(1000),
      fc.integer({ min: 2 ** 32 - 300, max: 2 ** 32 }),
      fc.maxSafeNat().map((n) => Math.floor(n / 4)),
    );
    fc.assert(
      fc.property(
        anyWord,
        anyWord,
        anyFirst,
        fc.nat(6000),
        anyLayout,
        (key0, key1, first, blocks, layout) => {
          const words = layout === 'both' ? 2 * blocks : blocks;
          const expected = new Uint32Array(words);
          const out = new Uint32Array(words);
          fillPlainly(key0, key1, first, layout, expected);
          fillBlocks(key0, key1, first, layout, out);
          expect(out).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('gives the blocks of Threefry, word for word', () => {
    const expected = new Uint32Array(2 * 5000);
    threefryBlocks(0x13198a2e, 0x03707344, 2 ** 33 - 17, 5000, expected);
    const out = new Uint32Array(2 * 5000);
    fillBlocks(0x13198a2e, 0x03707344, 2 ** 33 - 17, 'both', out);
    expect(out).toEqual(expected);
  });
});

describe('sub-streams', () => {
  test('have the purpose numbers of every run so far: new ones are added at the end', () => {
    const sofar = {
      'initial-weights': 0,
      'data-order': 1,
      skips: 2,
      perturbation: 3,
      audit: 4,
      schedule: 5,
      recovery: 6,
      rotation: 7,
      projection: 8,
      sampling: 9,
      churn: 10,
      network: 11,
      identity: 12,
      election: 13,
    };
    expect(purposes).toMatchObject(sofar);
    const added = Object.values(purposes).slice(Object.keys(sofar).length);
    expect(added).toEqual(added.map((_, i) => Object.keys(sofar).length + i));
  });

  test('share no block: keys of one run are all different, over every purpose and many iterations and indices', () => {
    const keys = new Set<string>();
    let names = 0;
    for (const purpose of Object.keys(purposes) as Purpose[]) {
      for (const iteration of [0, 1, 2, 1000, 2 ** 26 - 1]) {
        for (const index of [0, 1, 2, 31, 2 ** 20, 2 ** 20 + 1, 2 ** 32 - 1]) {
          const { key0, key1 } = stream({ runSeed: 77, purpose, iteration, index });
          keys.add(`${key0} ${key1}`);
          names++;
        }
      }
    }
    expect(keys.size).toBe(names);
  });

  test('show no trace of each other: the words of two streams agree in half of their bits', () => {
    const bits = (iteration: number) => {
      const out = new Uint32Array(10_000);
      fillBits(stream({ runSeed: 77, purpose: 'rotation', iteration }), 0, out);
      return out;
    };
    const [one, other] = [bits(1), bits(2)];
    const agreeing = one.reduce((sum, word, i) => sum + ones(~(word ^ other[i]!)), 0);
    expect(agreeing / 320_000).toBeCloseTo(0.5, 2);
  });
});

function ones(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest > 0; rest >>>= 1) count += rest & 1;
  return count;
}
