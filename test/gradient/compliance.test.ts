// What every codec must do, of gradients and of forward passes; below, what is asked of those of gradients alone.

import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  type Codec,
  type CodecName,
  type Contribution,
  codecs,
  ONE_BYTE,
  shards,
} from '../../src/gradient/index.ts';
import { knownNames } from '../../src/cli/names.ts';
import { createOptimizer, step } from '../../src/optimizer/index.ts';
import { bellNumbers, fillBits, stream } from '../../src/random/index.ts';
import { type Member, members } from './members.ts';

const ITERATION = 11;

/** A gradient whose layers differ in size by orders of magnitude, as real ones do. */
function layeredGradient(place: number, length: number, multiple: number): Float32Array {
  const values = bellNumbers(stream({ runSeed: 3, purpose: 'perturbation', index: place }), 0, length);
  const layer = multiple * Math.ceil(length / multiple / 4);
  return values.map((value, i) => value * 10 ** -(Math.floor(i / layer) + 1));
}

test('every name that a manifest can give is of a codec that the suite tries', () => {
  expect(new Set(members.map(({ codec }) => codec.name))).toEqual(new Set(knownNames.codecs));
  expect(new Set(knownNames.codecs)).toEqual(new Set([...Object.keys(codecs), ONE_BYTE]));
});

describe.each(members)('codec $title', (member: Member) => {
  const { codec, length, multiple } = member;
  const gradientOf = (place: number) => layeredGradient(place, length, multiple);

  const encode = (gradient: Float32Array, place = 0, iteration = ITERATION): Uint8Array =>
    member.encode(gradient, { iteration, place }, member.start(gradient.length));
  const contribution = (place: number, gradient = gradientOf(place)): Contribution => ({
    sender: `peer-${place}`,
    place,
    bytes: encode(gradient, place),
  });
  const four = [0, 1, 2, 3].map((place) => contribution(place));
  const sumOf = (contributions: readonly Contribution[]) => member.sum(contributions, ITERATION, length);
  /** What one contribution means. */
  const decoded = (bytes: Uint8Array, place = 0, iteration = ITERATION, parameters = length) =>
    member.sum([{ sender: '', place, bytes }], iteration, parameters).sum;

  test('takes exactly the bytes it declares, for every length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: length }), (values) => {
        const gradient = gradientOf(0).subarray(0, values);
        expect(encode(gradient).length).toBe(codec.encodedBytes(values));
      }),
      { numRuns: 25 },
    );
  });

  test('only reads the gradient', () => {
    const gradient = gradientOf(0);
    encode(gradient);
    expect(sameBits(gradient, gradientOf(0))).toBe(true);
  });

  test.runIf(codec.relativeError(length) !== undefined)('has the error that it declares', () => {
    let error = 0;
    let size = 0;
    for (let place = 0; place < 8; place++) {
      const gradient = gradientOf(place);
      error += squaredDistance(decoded(encode(gradient, place), place), gradient);
      size += squaredDistance(gradient);
    }
    const theory = codec.relativeError(length)!;
    expect(error / size).toBeLessThanOrEqual(1.1 * theory);
    expect(error / size).toBeGreaterThanOrEqual(0.85 * theory);
  });

  test.runIf(codec.unbiased)('has no error left in the mean over many keys', () => {
    const gradient = gradientOf(0);
    const mean = new Float64Array(length);
    const draws = 64;
    for (let iteration = 0; iteration < draws; iteration++) {
      const sum = decoded(encode(gradient, 0, iteration), 0, iteration);
      for (let i = 0; i < length; i++) mean[i]! += sum[i]! / draws;
    }
    // Independent errors leave 1 / draws of their square in the mean; a bias would stay whole.
    const left = squaredDistance(mean, gradient) / squaredDistance(gradient);
    expect(left).toBeLessThanOrEqual((1.15 * codec.relativeError(length)!) / draws + 1e-13);
  });

  test('takes any bytes: it rejects them, or they mean finite numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Math.min(700, length) }), fc.nat(1e6), (values, index) => {
        const slice = { from: 0, to: values };
        const drawn = new Uint8Array(4 * codec.encodedBytes(values) + 64);
        fillBits(stream({ runSeed: 3, purpose: 'sampling', index }), 0, new Uint32Array(drawn.buffer));
        const random = drawn.subarray(64, 64 + codec.encodedBytes(values));
        for (const bytes of [random, flipped(encode(gradientOf(0).subarray(0, values)), drawn)]) {
          if (codec.reject(bytes, slice) !== undefined) continue;
          expect(decoded(bytes, 0, ITERATION, values).every(Number.isFinite)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('gives AdamW what it can learn from, to the same bits on every replica', () => {
    const parameters = multiple + 300;
    const goals = [0, 1].map((place) => layeredGradient(place, parameters, multiple).map((g) => 20 * g));
    const optimizer = createOptimizer({ name: 'adamw' });
    const replicas = [0, 1].map(() => ({
      weights: new Float32Array(parameters),
      state: optimizer.start(parameters),
    }));
    const memories = goals.map(() => member.start(parameters));
    const goal = goals[0]!.map((value, i) => value + goals[1]![i]!);
    const before = squaredDistance(goal);
    for (let iteration = 0; iteration < 120; iteration++) {
      // Each sender pulls towards its own goal; together they pull towards the sum.
      const contributions = goals.map((own, place) => {
        const gradient = own.map((value, i) => replicas[0]!.weights[i]! / 2 - value);
        const bytes = member.encode(gradient, { iteration, place }, memories[place]!);
        return { sender: `${place}`, place, bytes };
      });
      for (const [number, { weights, state }] of replicas.entries()) {
        const arrived = number === 0 ? contributions : contributions.toReversed();
        const { sum } = member.sum(arrived, iteration, parameters);
        step(optimizer, { weights, gradient: sum, state, learningRate: iteration < 80 ? 0.05 : 0.01 });
      }
    }
    expect(sameBits(replicas[0]!.weights, replicas[1]!.weights)).toBe(true);
    // A hundredth of the values at a time takes many steps; most codecs are at a tenth by now.
    expect(squaredDistance(replicas[0]!.weights, goal) / before).toBeLessThan(0.75);
  });

  test('sums to the same bits however contributions arrive, are cut, come twice or do not come', () => {
    const expected = new Map<string, Float32Array>();
    const wholeSum = (places: readonly number[]): Float32Array => {
      const name = places.join();
      expected.set(name, expected.get(name) ?? sumOf(places.map((place) => four[place]!)).sum);
      return expected.get(name)!;
    };
    fc.assert(
      fc.property(
        // who comes, how often each, in which order, and where the sum is cut
        fc.subarray([0, 1, 2, 3], { minLength: 1 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
        fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
        fc.uniqueArray(fc.nat(Math.floor(length / multiple)), { maxLength: 3 }),
        (coming, times, order, cuts) => {
          const arrived = coming
            .flatMap((place) => Array.from({ length: times[place]! }, () => copy(four[place]!)))
            .map((one, i) => ({ one, at: order[i]! }))
            .sort((a, b) => a.at - b.at)
            .map(({ one }) => one);
          const ends = [0, ...cuts.map((unit) => unit * multiple), length].sort((a, b) => a - b);
          const sum = new Float32Array(length);
          for (const [i, to] of ends.slice(1).entries()) {
            const part = member.sum(arrived, ITERATION, length, { from: ends[i]!, to });
            expect(part.counted).toEqual(coming.map((place) => `peer-${place}`));
            expect(part.leftOut).toEqual([]);
            sum.set(part.sum, ends[i]!);
          }
          expect(sameBits(sum, wholeSum(coming))).toBe(true);
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
      const result = sumOf([four[2]!, contribution(1, gradient), four[0]!, four[3]!]);
      expect(result.leftOut).toMatchObject([{ sender: 'peer-1', place: 1, cause: { reason: 'not-finite' } }]);
      expect(result.counted).toEqual(['peer-0', 'peer-2', 'peer-3']);
      expect(sameBits(result.sum, sumOf([four[0]!, four[2]!, four[3]!]).sum)).toBe(true);
    },
  );

  test('leaves out bytes of the wrong length', () => {
    for (const bytes of [four[1]!.bytes.subarray(1), new Uint8Array(four[1]!.bytes.length + 1)]) {
      const result = sumOf([four[0]!, { ...four[1]!, bytes }]);
      expect(result.leftOut).toMatchObject([{ sender: 'peer-1', cause: { reason: 'length' } }]);
      expect(sameBits(result.sum, sumOf([four[0]!]).sum)).toBe(true);
    }
  });

  test('leaves out a place that two different contributions claim', () => {
    const other = { ...four[1]!, bytes: encode(gradientOf(9), 1) };
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
    expect(sameBits(decoded(shifted.subarray(1)), decoded(bytes))).toBe(true);
    expect(sameBits(decoded(Buffer.from(shifted.buffer).subarray(1)), decoded(bytes))).toBe(true);
  });

  test('remembers one value a parameter where it has error feedback, and nothing where it has none', () => {
    const lengths = member.start(100).residuals.map((residual) => residual.length);
    expect(lengths).toEqual(codec.errorFeedback ? [100] : []);
  });
});

describe.each(Object.keys(codecs) as CodecName[])('codec of gradients %s', (name) => {
  const codec: Codec = codecs[name];
  const { length } = members.find(({ title }) => title === name)!;
  const key = { runSeed: 3, iteration: ITERATION, stage: 2, place: 0 };
  const whole = { from: 0, to: length };
  const gradientOf = (place: number) => layeredGradient(place, length, codec.sliceMultiple);
  const encode = (gradient: Float32Array, slice = whole) =>
    codec.encode({ gradient, slice, key, state: codec.start(gradient.length) });

  test('carries its registered name', () => {
    expect(codec.name).toBe(name);
  });

  test('gives the bytes of a gradient slice by slice, each as many as declared', () => {
    const gradient = gradientOf(0);
    const bytes = Buffer.from(encode(gradient));
    for (const replicas of [1, 2, 3, 7]) {
      const slices = shards(length, replicas, codec.sliceMultiple);
      const parts = slices.map((slice) => encode(gradient, slice));
      expect(parts.map((part) => part.length)).toEqual(
        slices.map(({ from, to }) => codec.encodedBytes(to - from)),
      );
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    }
  });

  test.runIf(codec.errorFeedback)('keeps what it did not send: nothing is lost over the iterations', () => {
    const state = codec.start(length);
    const sent = new Float64Array(length);
    const given = new Float64Array(length);
    for (let iteration = 0; iteration < 4; iteration++) {
      const gradient = gradientOf(iteration);
      const drawn = { ...key, iteration };
      const sum = new Float32Array(length);
      const bytes = codec.encode({ gradient, slice: whole, key: drawn, state });
      codec.addDecoded({ bytes, slice: whole, key: drawn, sum });
      for (let i = 0; i < length; i++) {
        sent[i]! += sum[i]!;
        given[i]! += gradient[i]!;
      }
    }
    const residual = state.residuals[0]!;
    const accounted = sent.map((value, i) => value + residual[i]!);
    expect(squaredDistance(accounted, given) / squaredDistance(given)).toBeLessThan(1e-12);
  });

  test('forgets a gradient that was not finite', () => {
    const state = codec.start(length);
    const gradient = gradientOf(0);
    gradient.set([Number.NaN, Number.POSITIVE_INFINITY], 11);
    codec.encode({ gradient, slice: whole, key, state });
    const bytes = codec.encode({ gradient: gradientOf(1), slice: whole, key, state });
    expect(codec.reject(bytes, whole)).toBeUndefined();
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
