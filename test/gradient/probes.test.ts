// One byte a sample and direction: what a byte stands for, and that sums over bytes have the same bits everywhere.

import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  decodeDifference,
  encodeDifference,
  MOST_DIRECTIONS,
  NOT_FINITE,
  type Probe,
  probeStream,
  QUANTUM,
  unitOf,
  writeEstimate,
} from '../../src/gradient/probes.ts';
import { fillBits, generator, stream } from '../../src/random/index.ts';

const largest = decodeDifference(127) * QUANTUM;

function probesOf(count: number): Probe[] {
  const draw = generator(stream({ runSeed: 3, purpose: 'sampling' }));
  return Array.from({ length: count }, (_, sample) => ({
    byte: draw.integerBelow(256),
    signs: probeStream({ runSeed: 5, iteration: 9, sample, direction: 0, stage: 2 }),
  }));
}

describe('a byte', () => {
  test('is within a sixteenth of the difference, from a few quanta to the largest', () => {
    fc.assert(
      fc.property(fc.double({ min: -largest, max: largest, noNaN: true }), (difference) => {
        const decoded = decodeDifference(encodeDifference(difference)) * QUANTUM;
        const bound = Math.max(QUANTUM / 2, Math.abs(difference) / 16);
        expect(Math.abs(decoded - difference)).toBeLessThanOrEqual(bound * (1 + 1e-12));
      }),
    );
  });

  test('of a value that a byte stands for is that byte', () => {
    for (let byte = 0; byte < 256; byte++) {
      if (byte === NOT_FINITE) continue;
      expect(encodeDifference(decodeDifference(byte) * QUANTUM)).toBe(byte);
    }
  });

  test('bounds what any sender can say', () => {
    expect(largest).toBe(0.9375);
    for (const wild of [5, Number.MAX_VALUE]) {
      expect(encodeDifference(wild)).toBe(127);
      expect(encodeDifference(-wild)).toBe(255);
    }
  });

  test('says so of a difference that is not finite, and of no other', () => {
    for (const difference of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(encodeDifference(difference)).toBe(NOT_FINITE);
    expect(encodeDifference(-0)).toBe(0);
    expect(encodeDifference(-QUANTUM / 3)).toBe(0);
  });
});

describe('an estimate', () => {
  const length = 70_001;

  function estimate(probes: readonly Probe[], slices: readonly number[] = [0, length]): Float32Array {
    const out = new Float32Array(length);
    for (let at = 0; at + 1 < slices.length; at++) {
      writeEstimate(probes, { kind: 'plain', scale: 1e-3 }, out, slices[at]!, slices[at + 1]!);
    }
    return out;
  }

  test('is the mean of difference · z / 2ε, value by value', () => {
    const probes = probesOf(5);
    const wanted = new Float64Array(length);
    for (const { byte, signs } of probes) {
      const bits = new Uint32Array(Math.ceil(length / 32));
      fillBits(signs, 0, bits);
      for (let i = 0; i < length; i++) {
        const sign = (bits[i >>> 5]! >>> (i & 31)) & 1 ? -1 : 1;
        wanted[i]! += (sign * decodeDifference(byte) * QUANTUM) / (2 * 1e-3) / probes.length;
      }
    }
    const written = estimate(probes);
    expect(written.findIndex((value, i) => !(Math.abs(value - wanted[i]!) < 1e-4))).toBe(-1);
  });

  test('has the same bits for any order of its bytes and any slices', () => {
    const probes = probesOf(40);
    const once = estimate(probes);
    for (const again of [
      estimate(probes.toReversed()),
      estimate(probes, [0, 32, 32_800, 32_832, 65_536, length]),
    ])
      expect(again.findIndex((value, i) => !Object.is(value, once[i]))).toBe(-1);
  });

  test('points up the gradient: its mean over many directions is the gradient', () => {
    const dimensions = 64;
    const gradient = Float64Array.from({ length: dimensions }, (_, i) => Math.sin(i));
    const probes = Array.from({ length: 20_000 }, (_, sample): Probe => {
      const signs = probeStream({
        runSeed: 1,
        iteration: 1,
        sample: sample % 2 ** 15,
        direction: 0,
        stage: 0,
      });
      const bits = new Uint32Array(2);
      fillBits(signs, 0, bits);
      let slope = 0;
      for (let i = 0; i < dimensions; i++)
        slope += gradient[i]! * ((bits[i >>> 5]! >>> (i & 31)) & 1 ? -1 : 1);
      return { byte: encodeDifference(2e-3 * slope), signs };
    });
    const out = new Float32Array(dimensions);
    writeEstimate(probes, { kind: 'plain', scale: 1e-3 }, out);
    // |g|² = 32, so a value's deviation is √(32 / 20,000) = 0.04
    for (let i = 0; i < dimensions; i++) expect(Math.abs(out[i]! - gradient[i]!)).toBeLessThan(0.2);
  });

  test('normalised, does not depend on the size of the differences', () => {
    const bytes = [5, 130, 40, 200].map((byte) => ({ byte }));
    const eightfold = bytes.map(({ byte }) => ({
      byte: encodeDifference(8 * decodeDifference(byte) * QUANTUM),
    }));
    const unit = unitOf(bytes, { kind: 'normalised' });
    expect(unitOf(eightfold, { kind: 'normalised' })).toBeCloseTo(unit / 8, 12);
    const values = bytes.map(({ byte }) => decodeDifference(byte));
    const mean = values.reduce((sum, value) => sum + value, 0) / 4;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4);
    expect(unit).toBeCloseTo(1 / (4 * deviation), 12);
    expect(unitOf([{ byte: 9 }, { byte: 9 }], { kind: 'normalised' })).toBe(0);
    expect(unitOf([], { kind: 'plain', scale: 1 })).toBe(0);
  });
});

test('every sample, direction, stage and iteration has a stream of its own', () => {
  const keys = new Set<string>();
  for (const sample of [0, 1, 2 ** 14])
    for (const direction of [0, 1, MOST_DIRECTIONS - 1])
      for (const stage of [0, 1, 1023])
        for (const iteration of [1, 2]) {
          const { key0, key1 } = probeStream({ runSeed: 7, iteration, sample, direction, stage });
          keys.add(`${key0} ${key1}`);
        }
  expect(keys.size).toBe(3 * 3 * 3 * 2);
  expect(() => probeStream({ runSeed: 7, iteration: 1, sample: 0, direction: 128, stage: 0 })).toThrow(
    RangeError,
  );
  expect(() => probeStream({ runSeed: 7, iteration: 1, sample: 2 ** 15, direction: 0, stage: 0 })).toThrow(
    RangeError,
  );
});
