import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import { codecs, shards, sumContributions } from '../../src/gradient/index.ts';

describe('dense-f32', () => {
  const codec = codecs['dense-f32'];

  test('adds in float32, one contribution after another in the group order', () => {
    // In this order 2^24 swallows each 1; in another order the two ones would count.
    const contributions = [1, 1, 2 ** 24].map((value, i) => ({
      sender: `peer-${i}`,
      place: 2 - i,
      bytes: new Uint8Array(Float32Array.of(value).buffer),
    }));
    const key = { runSeed: 0, iteration: 0, stage: 1 };
    const { sum } = sumContributions({ codec, contributions, slice: { from: 0, to: 1 }, key });
    expect(sum[0]).toBe(2 ** 24);
  });

  test('names the element that is not finite by its place in the whole gradient', () => {
    const bytes = new Uint8Array(Float32Array.of(1, Number.NaN).buffer);
    expect(codec.reject(bytes, { from: 40, to: 42 })).toMatchObject({ reason: 'not-finite', element: 41 });
  });

  test('encodes without copying', () => {
    const gradient = Float32Array.of(1, 2, 3);
    const key = { runSeed: 0, iteration: 0, stage: 1, place: 0 };
    const bytes = codec.encode({ gradient, slice: { from: 1, to: 3 }, key, state: codec.start(3) });
    expect(bytes.buffer).toBe(gradient.buffer);
    expect([...new Float32Array(bytes.slice().buffer)]).toEqual([2, 3]);
  });
});

describe('shards', () => {
  test('cover everything once, in order, at multiples, in sizes that differ by at most one multiple', () => {
    fc.assert(
      fc.property(
        fc.nat(5000),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 64 }),
        (length, replicas, multiple) => {
          const cut = shards(length, replicas, multiple);
          expect(cut.map(({ from }) => from)).toEqual([0, ...cut.slice(0, -1).map(({ to }) => to)]);
          expect(cut.length).toBe(replicas);
          expect(cut.at(-1)?.to).toBe(length);
          const units = cut.map(({ from, to }) => Math.ceil((to - from) / multiple));
          expect(Math.max(...units) - Math.min(...units)).toBeLessThanOrEqual(1);
          expect(cut.every(({ from }) => from % multiple === 0 || from === length)).toBe(true);
        },
      ),
    );
  });
});
