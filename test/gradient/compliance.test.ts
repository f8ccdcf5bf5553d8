// What every codec must do.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Codec,
  type CodecName,
  type Contribution,
  codecs,
  shards,
  sumContributions,
} from '../../src/gradient/index.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';

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

  test('has no more error than it declares', () => {
    let error = 0;
    let size = 0;
    for (let place = 0; place < 8; place++) {
      const gradient = gradientOf(place);
      const decoded = decode(encode(gradient, whole, place), whole, place);
      error += gradient.reduce((sum, g, i) => sum + (decoded[i]! - g) ** 2, 0);
      size += gradient.reduce((sum, g) => sum + g ** 2, 0);
    }
    expect(error / size).toBeLessThanOrEqual(1.1 * codec.relativeError(length));
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
    expect(parts.flatMap((part) => [...part])).toEqual([...sum]);
  });

  test('sums to the same bits whatever arrived first, or twice', () => {
    const expected = sumOf(four);
    expect(expected.counted).toEqual(['peer-0', 'peer-1', 'peer-2', 'peer-3']);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...four, ...four.map(copy)], { minLength: 4 }).filter(holdsAll),
        (arrived) => {
          expect(sumOf(arrived)).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('leaves a missing contribution out and nothing else', () => {
    const without = sumOf([four[3]!, four[0]!, four[2]!]);
    expect(without.counted).toEqual(['peer-0', 'peer-2', 'peer-3']);
    expect(without.leftOut).toEqual([]);
    expect(without.sum).not.toEqual(sumOf(four).sum);
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
      expect(result.sum).toEqual(sumOf([four[0]!, four[2]!, four[3]!]).sum);
    },
  );

  test('leaves out bytes of the wrong length', () => {
    const cut = { ...four[1]!, bytes: four[1]!.bytes.subarray(1) };
    const result = sumOf([four[0]!, cut]);
    expect(result.leftOut).toMatchObject([{ sender: 'peer-1', cause: { reason: 'length' } }]);
    expect(result.sum).toEqual(sumOf([four[0]!]).sum);
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
    expect(decode(shifted.subarray(1))).toEqual(decode(bytes));
    expect(decode(Buffer.from(shifted.buffer).subarray(1))).toEqual(decode(bytes));
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
