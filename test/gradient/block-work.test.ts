import { describe, expect, test } from 'vitest';
import { vectorBlockWork } from '../../src/gradient/block-kernels.ts';
import {
  type BlockWork,
  LARGEST_BLOCK,
  plainBlockWork,
  SMALLEST_BLOCK,
} from '../../src/gradient/block-work.ts';
import { type LevelBits, normalLevels } from '../../src/gradient/levels.ts';
import { bellNumbers, fillBits, stream } from '../../src/random/index.ts';

const plain = plainBlockWork();
const vectors = vectorBlockWork()!;
const lengths: number[] = [];
for (let length = SMALLEST_BLOCK; length <= LARGEST_BLOCK; length *= 2) lengths.push(length);
const allBits: readonly LevelBits[] = [1, 2, 3, 4];

function fill(work: BlockWork, length: number): void {
  const source = stream({ runSeed: 1, purpose: 'perturbation', index: length });
  work.values.set(bellNumbers(source, 0, length));
  // Values of very different sizes, zeros of both signs, and numbers too small to be normal.
  work.values.set([0, -0, 1e30, -1e-30, 1e-40, -1e-45, 3, -3], 5);
  work.target.set(bellNumbers(source, length, length));
  fillBits(
    stream({ runSeed: 1, purpose: 'rotation', index: length }),
    0,
    work.signs.subarray(0, length / 32),
  );
}

/** The block's arrays as bits, so that zeros of different signs differ. */
function bitsOf(work: BlockWork, length: number) {
  return {
    values: [...new Uint32Array(work.values.slice(0, length).buffer)],
    target: [...new Uint32Array(work.target.slice(0, length).buffer)],
    planes: [...work.planes.subarray(0, length / 2)],
  };
}

describe.each(lengths)('the work on a block of %d by vectors', (length) => {
  test.each([
    ['signs', (work: BlockWork) => work.applySigns(length)],
    ['the transform', (work: BlockWork) => work.hadamard(length)],
    ['the addition', (work: BlockWork) => work.addTo(length, Math.fround(0.3))],
  ] as const)('has the bits of the plain version: %s', (_, run) => {
    for (const work of [plain, vectors]) {
      fill(work, length);
      run(work);
    }
    expect(bitsOf(vectors, length)).toEqual(bitsOf(plain, length));
  });

  test('adds up the same squares', () => {
    const squares = [plain, vectors].map((work) => {
      fill(work, length);
      return work.squares(length);
    });
    expect(squares[1]).toBe(squares[0]);
    expect(squares[0]).toBeGreaterThan(1e60);
  });

  test.each(allBits)('rounds to the same levels, with the same factor: %d bits', (bits) => {
    const factors = [plain, vectors].map((work) => {
      fill(work, length);
      work.values[7] = 2.5;
      work.planes.fill(0);
      return work.quantize(bits, length);
    });
    expect(factors[1]).toBe(factors[0]);
    expect(bitsOf(vectors, length)).toEqual(bitsOf(plain, length));
    for (const work of [plain, vectors]) work.expand(bits, length);
    expect(bitsOf(vectors, length)).toEqual(bitsOf(plain, length));
  });
});

describe('the transform', () => {
  test('twice gives the block times its length, exactly for integers', () => {
    for (const length of lengths) {
      const before = Float32Array.from({ length }, (_, i) => (i * 37) % 101);
      vectors.values.set(before);
      vectors.hadamard(length);
      vectors.hadamard(length);
      expect(vectors.values.subarray(0, length)).toEqual(before.map((value) => value * length));
    }
  });

  test('of one value has that value everywhere, with signs that make the rows orthogonal', () => {
    const rows = [0, 1, 2, 21].map((place) => {
      vectors.values.fill(0);
      vectors.values[place] = 1;
      vectors.hadamard(32);
      return [...vectors.values.subarray(0, 32)];
    });
    for (const [i, row] of rows.entries()) {
      for (const [j, other] of rows.entries()) {
        expect(row.reduce((sum, value, k) => sum + value * other[k]!, 0)).toBe(i === j ? 32 : 0);
      }
    }
  });
});

describe.each(allBits)('levels of %d bits', (bits) => {
  test('have the distortion that they declare, for normal values', () => {
    const { sizes, bounds, distortion } = normalLevels[bits];
    const unit = bits === 1 ? Math.sqrt(2 / Math.PI) : 1 / 256;
    // The density of the normal distribution, summed over a fine grid of its right half.
    let error = 0;
    for (let x = 0.0005; x < 8; x += 0.001) {
      const size = unit * sizes[bounds.filter((bound) => x > bound).length]!;
      error += 2 * (x - size) ** 2 * (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * 0.001;
    }
    expect(error / distortion).toBeCloseTo(1, 3);
  });
});

describe('a factor', () => {
  test.each([plain, vectors])('is 0 for a block of zeros and not finite where a value is not', (work) => {
    work.values.fill(0);
    expect(work.quantize(1, 64)).toBe(0);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      work.values[9] = value;
      for (const bits of allBits) expect(work.quantize(bits, 64)).not.toBeLessThan(Number.POSITIVE_INFINITY);
    }
  });
});
