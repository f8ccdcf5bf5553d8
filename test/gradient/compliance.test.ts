// What every codec must do.

import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  type Codec,
  type CodecName,
  type Contribution,
  codecs,
  shards,
  sumContributions,
} from '../../src/gradient/index.ts';
import { createOptimizer, step } from '../../src/optimizer/index.ts';
import { bellNumbers, fillBits, stream } from '../../src/random/index.ts';

const key = { runSeed: 3, iteration: 11, stage: 2 };

/** A gradient whose layers differ in size by orders of magnitude, as real ones do. */
function layeredGradient(place: number, length: number, multiple: number): Float32Array {
  const values = bellNumbers(stream({ runSeed: 3, purpose: 'perturbation', index: place }), 0, length);
  const layer = multiple * Math.ceil(length / multiple / 4);
  return values.map((value, i) => value * 10 ** -(Math.floor(i / layer) + 1));
}

describe.each(Object.keys(codecs) as CodecName[])('codec %s', (name) => {
  const codec: Codec = codecs[name];
  const length = 5 * codec.sliceMultiple + (codec.sliceMultiple > 1 ? 3 : 200);
  const whole = { from: 0, to: length };

  const gradientOf = (place: number) => layeredGradient(place, length, codec.sliceMultiple);

  function encode(gradient: Float32Array, slice = whole, place = 0): Uint8Array {
    return codec.encode({ gradient, slice, key: { ...key, place }, state: codec.start(gradient.length) });
  }

  function decode(bytes: Uint8Array, slice = whole, place = 0): Float32Array {
    const sum = new Float32Array(slice.to - slice.from);
    codec.addDecoded({ bytes, slice, key: { ...key, place }, sum });
    return sum;
  }

  const contribution = (place: number): Contribution => ({
    sender: `peer-${place}`,
    place,
    bytes: encode(gradientOf(place), whole, place),
  });
  const four = [0, 1, 2, 3].map(contribution);
  const sumOf = (contributions: readonly Contribution[]) =>
    sumContributions({ codec, contributions, slice: whole, key });

  test('carries its registered name', () => {
    expect(codec.name).toBe(name);
  });

  test('takes exactly the bytes it declares, for every slice', () => {
    const gradient = gradientOf(0);
    for (const replicas of [1, 2, 3, 7]) {
      for (const slice of shards(length, replicas, codec.sliceMultiple)) {
        expect(encode(gradient, slice).length).toBe(codec.encodedBytes(slice.to - slice.from));
      }
    }
  });

  test('takes exactly the bytes it declares, for every length', () => {
    fc.assert(
      fc.property(fc.nat(length), (values) => {
        const gradient = gradientOf(0).subarray(0, values);
        expect(encode(gradient, { from: 0, to: values }).length).toBe(codec.encodedBytes(values));
      }),
      { numRuns: 25 },
    );
  });

  test('only reads the gradient', () => {
    const gradient = gradientOf(0);
    encode(gradient);
    expect(sameBits(gradient, gradientOf(0))).toBe(true);
  });

  test('has the error that it declares', () => {
    let error = 0;
    let size = 0;
    for (let place = 0; place < 8; place++) {
      const gradient = gradientOf(place);
      error += squaredDistance(decode(encode(gradient, whole, place), whole, place), gradient);
      size += squaredDistance(gradient);
    }
    const theory = codec.relativeError(length);
    expect(error / size).toBeLessThanOrEqual(1.1 * theory);
    expect(error / size).toBeGreaterThanOrEqual(0.85 * theory);
  });

  test.runIf(codec.unbiased)('has no error left in the mean over many keys', () => {
    const gradient = gradientOf(0);
    const mean = new Float64Array(length);
    const draws = 64;
    for (let iteration = 0; iteration < draws; iteration++) {
      const drawn = { ...key, iteration, place: 0 };
      const bytes = codec.encode({ gradient, slice: whole, key: drawn, state: codec.start(length) });
      const sum = new Float32Array(length);
      codec.addDecoded({ bytes, slice: whole, key: drawn, sum });
      for (let i = 0; i < length; i++) mean[i]! += sum[i]! / draws;
    }
    // Independent errors leave 1 / draws of their square in the mean; a bias would stay whole.
    const left = squaredDistance(mean, gradient) / squaredDistance(gradient);
    expect(left).toBeLessThanOrEqual((1.15 * codec.relativeError(length)) / draws + 1e-13);
  });

  test.runIf(codec.errorFeedback)('keeps what it did not send: nothing is lost over the iterations', () => {
    const state = codec.start(length);
    const sent = new Float64Array(length);
    const given = new Float64Array(length);
    for (let iteration = 0; iteration < 4; iteration++) {
      const gradient = gradientOf(iteration);
      const drawn = { ...key, iteration, place: 0 };
      const sum = new Float32Array(length);
      codec.addDecoded({
        bytes: codec.encode({ gradient, slice: whole, key: drawn, state }),
        slice: whole,
        key: drawn,
        sum,
      });
      for (let i = 0; i < length; i++) {
        sent[i]! += sum[i]!;
        given[i]! += gradient[i]!;
      }
    }
    const residual = state.residuals[0]!;
    const accounted = sent.map((value, i) => value + residual[i]!);
    expect(squaredDistance(accounted, given) / squaredDistance(given)).toBeLessThan(1e-12);
  });

  test('remembers one value a parameter where it has error feedback, and nothing where it has none', () => {
    const lengths = codec.start(100).residuals.map((residual) => residual.length);
    expect(lengths).toEqual(codec.errorFeedback ? [100] : []);
  });

  test('forgets a gradient that was not finite', () => {
    const state = codec.start(length);
    const gradient = gradientOf(0);
    gradient.set([Number.NaN, Number.POSITIVE_INFINITY], 11);
    codec.encode({ gradient, slice: whole, key: { ...key, place: 0 }, state });
    const bytes = codec.encode({ gradient: gradientOf(1), slice: whole, key: { ...key, place: 0 }, state });
    expect(codec.reject(bytes, whole)).toBeUndefined();
  });

  test('takes any bytes: it rejects them, or they mean finite numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Math.min(700, length) }), fc.nat(1e6), (values, index) => {
        const slice = { from: 0, to: values };
        const drawn = new Uint8Array(4 * codec.encodedBytes(values) + 64);
        fillBits(stream({ runSeed: 3, purpose: 'sampling', index }), 0, new Uint32Array(drawn.buffer));
        const random = drawn.subarray(64, 64 + codec.encodedBytes(values));
        for (const bytes of [random, flipped(encode(gradientOf(0).subarray(0, values), slice), drawn)]) {
          if (codec.reject(bytes, slice) !== undefined) continue;
          expect(decode(bytes, slice).every(Number.isFinite)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('gives AdamW what it can learn from, to the same bits on every replica', () => {
    const parameters = codec.sliceMultiple + 300;
    const goals = [0, 1].map((place) =>
      layeredGradient(place, parameters, codec.sliceMultiple).map((g) => 20 * g),
    );
    const optimizer = createOptimizer({ name: 'adamw' });
    const slice = { from: 0, to: parameters };
    const replicas = [0, 1].map(() => ({
      weights: new Float32Array(parameters),
      state: optimizer.start(parameters),
    }));
    const memories = goals.map(() => codec.start(parameters));
    const goal = goals[0]!.map((value, i) => value + goals[1]![i]!);
    const before = squaredDistance(goal);
    for (let iteration = 0; iteration < 120; iteration++) {
      // Each sender pulls towards its own goal; together they pull towards the sum.
      const contributions = goals.map((own, place) => {
        const gradient = own.map((value, i) => replicas[0]!.weights[i]! / 2 - value);
        const request = { gradient, slice, key: { ...key, iteration, place }, state: memories[place]! };
        return { sender: `${place}`, place, bytes: codec.encode(request) };
      });
      for (const [number, { weights, state }] of replicas.entries()) {
        const arrived = number === 0 ? contributions : contributions.toReversed();
        const { sum } = sumContributions({
          codec,
          contributions: arrived,
          slice,
          key: { ...key, iteration },
        });
        step(optimizer, { weights, gradient: sum, state, learningRate: iteration < 80 ? 0.05 : 0.01 });
      }
    }
    expect(sameBits(replicas[0]!.weights, replicas[1]!.weights)).toBe(true);
    // A hundredth of the values at a time takes many steps; most codecs are at a tenth by now.
    expect(squaredDistance(replicas[0]!.weights, goal) / before).toBeLessThan(0.75);
  });

  test('sums to the same bits sliced and whole', () => {
    const { sum } = sumOf(four);
    const parts = shards(length, 3, codec.sliceMultiple).map((slice) => {
      const contributions = four.map(({ sender, place }) => ({
        sender,
        place,
        bytes: encode(gradientOf(place), slice, place),
      }));
      return sumContributions({ codec, contributions, slice, key }).sum;
    });
    expect(sameBits(Float32Array.from(parts.flatMap((part) => [...part])), sum)).toBe(true);
  });

  test('sums to the same bits whatever arrived first, or twice', () => {
    const { sum: expectedSum, ...expected } = sumOf(four);
    expect(expected.counted).toEqual(['peer-0', 'peer-1', 'peer-2', 'peer-3']);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...four, ...four.map(copy)], { minLength: 4 }).filter(holdsAll),
        (arrived) => {
          const { sum, ...others } = sumOf(arrived);
          expect(sameBits(sum, expectedSum)).toBe(true);
          expect(others).toEqual(expected);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('leaves a missing contribution out and nothing else', () => {
    const without = sumOf([four[3]!, four[0]!, four[2]!]);
    expect(without.counted).toEqual(['peer-0', 'peer-2', 'peer-3']);
    expect(without.leftOut).toEqual([]);
    expect(sameBits(without.sum, sumOf(four).sum)).toBe(false);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'leaves out a gradient with a value %d and names its sender',
    (value) => {
      const gradient = gradientOf(1);
      gradient[7] = value;
      const broken = { sender: 'peer-1', place: 1, bytes: encode(gradient, whole, 1) };
      const result = sumOf([four[2]!, broken, four[0]!, four[3]!]);
      expect(result.leftOut).toMatchObject([{ sender: 'peer-1', place: 1, cause: { reason: 'not-finite' } }]);
      expect(result.counted).toEqual(['peer-0', 'peer-2', 'peer-3']);
      expect(sameBits(result.sum, sumOf([four[0]!, four[2]!, four[3]!]).sum)).toBe(true);
    },
  );

  test('leaves out bytes of the wrong length', () => {
    const cut = { ...four[1]!, bytes: four[1]!.bytes.subarray(1) };
    const result = sumOf([four[0]!, cut]);
    expect(result.leftOut).toMatchObject([{ sender: 'peer-1', cause: { reason: 'length' } }]);
    expect(sameBits(result.sum, sumOf([four[0]!]).sum)).toBe(true);
  });

  test('leaves out a place that two different contributions claim', () => {
    const other = { ...four[1]!, bytes: encode(gradientOf(9), whole, 1) };
    for (const arrived of [
      [four[0]!, four[1]!, other],
      [other, four[1]!, four[0]!],
    ]) {
      const result = sumOf(arrived);
      expect(result.counted).toEqual(['peer-0']);
      expect(result.leftOut).toMatchObject([{ place: 1, cause: { reason: 'conflict' } }]);
    }
  });

  test('reads bytes wherever they lie in memory', () => {
    const { bytes } = four[0]!;
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(sameBits(decode(shifted.subarray(1)), decode(bytes))).toBe(true);
    expect(sameBits(decode(Buffer.from(shifted.buffer).subarray(1)), decode(bytes))).toBe(true);
  });

  test('refuses slices that are none', () => {
    const gradient = gradientOf(0);
    expect(() => encode(gradient, { from: 0, to: length + 1 })).toThrow(RangeError);
    expect(() => encode(gradient, { from: codec.sliceMultiple, to: 0 })).toThrow(RangeError);
    expect(() => encode(gradient, { from: 0.5, to: length })).toThrow(RangeError);
  });
});

function copy(contribution: Contribution): Contribution {
  return { ...contribution, bytes: contribution.bytes.slice() };
}

function holdsAll(arrived: readonly Contribution[]): boolean {
  return new Set(arrived.map(({ place }) => place)).size === 4;
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bytes = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return bytes(a).equals(bytes(b));
}

/** Sum of the squares of a − b, or of a. */
function squaredDistance(a: ArrayLike<number>, b?: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - (b?.[i] ?? 0)) ** 2;
  return sum;
}

/** The bytes with four bits turned, which ones is drawn. */
function flipped(bytes: Uint8Array, drawn: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  for (let i = 0; i < 4; i++) {
    const at = (drawn[2 * i]! * 256 + drawn[2 * i + 1]!) % changed.length;
    changed[at]! ^= 1 << (drawn[8 + i]! & 7);
  }
  return changed;
}
