import { globSync, readFileSync } from 'node:fs';
import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  bellNumbers,
  generator,
  type Purpose,
  purposes,
  type StreamName,
  stream,
  streamIndices,
  uniform,
  uniforms,
  words,
} from '../../src/random/index.ts';

const anyName: fc.Arbitrary<StreamName> = fc.record({
  runSeed: fc.maxSafeNat(),
  purpose: fc.constantFrom(...(Object.keys(purposes) as Purpose[])),
  iteration: fc.oneof(fc.nat(3), fc.nat(2 ** 26 - 1)),
  index: fc.oneof(fc.nat(3), fc.nat(2 ** 32 - 1)),
});

describe('a stream', () => {
  test('is decided by its name alone, and its words by their numbers', () => {
    fc.assert(
      fc.property(anyName, fc.nat(1000), fc.integer({ min: 1, max: 40 }), (name, first, count) => {
        const whole = words(stream(name), 0, first + count);
        expect([...words(stream(name), first, count)]).toEqual([...whole.subarray(first)]);
      }),
      { numRuns: 50 },
    );
  });

  test('has a key of its own for every purpose, iteration and index of a run', () => {
    fc.assert(
      fc.property(anyName, anyName, (a, b) => {
        const other = { ...b, runSeed: a.runSeed };
        const same = a.purpose === b.purpose && a.iteration === b.iteration && a.index === b.index;
        expect(keyText(other) === keyText(a)).toBe(same);
      }),
    );
  });

  test('has one that draws from it: no index is given twice, and none is used that is not given', () => {
    for (const given of Object.values(streamIndices)) {
      const indices = Object.values(given);
      expect(new Set(indices).size).toBe(indices.length);
    }
    const shared = new RegExp(
      `purpose: '(${Object.keys(streamIndices).join('|')})'(?!, index: streamIndices\\.\\1\\.)`,
    );
    const sources = globSync('src/**/*.ts').map((file) => ({ file, text: readFileSync(file, 'utf8') }));
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter(({ text }) => shared.test(text)).map(({ file }) => file)).toEqual([]);
    for (const [purpose, given] of Object.entries(streamIndices)) {
      for (const name of Object.keys(given)) {
        const use = `index: streamIndices.${purpose}.${name} `;
        const uses = sources.reduce((sum, { text }) => sum + text.split(use).length - 1, 0);
        expect(uses, use).toBe(1);
      }
    }
  });

  test('keeps its bits from version to version', () => {
    expect([...words(stream({ runSeed: 7, purpose: 'data-order', iteration: 3, index: 5 }), 0, 4)]).toEqual(
      PINNED,
    );
  });

  test('has a purpose number of at most six bits, each used once', () => {
    const numbers = Object.values(purposes);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 64)).toBe(true);
  });

  test.each([
    { runSeed: -1, purpose: 'skips' },
    { runSeed: 0.5, purpose: 'skips' },
    { runSeed: 1, purpose: 'skips', iteration: 2 ** 26 },
    { runSeed: 1, purpose: 'skips', index: 2 ** 32 },
  ] as const)('refuses the name %o', (name) => {
    expect(() => stream(name)).toThrow(RangeError);
  });

  test('gives uniform numbers in [0, 1) with the right mean and variance, alone as in a row', () => {
    const source = stream({ runSeed: 1, purpose: 'schedule' });
    const values = uniforms(source, 0, 20_000);
    const { mean, variance } = moments(values);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(uniform(source, 123)).toBe(values[123]);
  });

  test('gives bell-shaped numbers with mean 0, variance 1 and normal shares within one and two deviations', () => {
    const values = bellNumbers(stream({ runSeed: 1, purpose: 'initial-weights' }), 0, 40_000);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    expect(values.filter((v) => Math.abs(v) < 1).length / values.length).toBeCloseTo(0.683, 1);
    expect(values.filter((v) => Math.abs(v) < 2).length / values.length).toBeCloseTo(0.954, 1);
    expect(bellNumbers(stream({ runSeed: 1, purpose: 'initial-weights' }), 100, 3)).toEqual(
      values.slice(100, 103),
    );
  });
});

describe('a generator', () => {
  const source = stream({ runSeed: 4, purpose: 'skips' });

  test('walks through the words of its stream', () => {
    const draws = generator(source, 10);
    expect(Array.from({ length: 200 }, () => draws.word())).toEqual([...words(source, 10, 200)]);
  });

  test('draws every integer below a bound equally often', () => {
    const draws = generator(source);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 14_000; i++) counts[draws.integerBelow(7)]!++;
    // Chi-square with 6 degrees of freedom: above 22.5 once in a thousand seeds; this seed is fixed.
    expect(counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(22.5);
  });

  test('draws from bounds beyond 32 bits, and refuses bounds that are none', () => {
    const draws = generator(source);
    const bound = 2 ** 53 - 111;
    const values = Array.from({ length: 2000 }, () => draws.integerBelow(bound));
    expect(values.every((v) => Number.isSafeInteger(v) && v >= 0 && v < bound)).toBe(true);
    expect(values.filter((v) => v > bound / 2).length).toBeGreaterThan(900);
    for (const bad of [0, -1, 1.5, 2 ** 53]) expect(() => draws.integerBelow(bad)).toThrow(RangeError);
  });

  test('shuffles into every order equally often', () => {
    const draws = generator(source);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = draws.shuffle(['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    expect(Math.min(...counts.values())).toBeGreaterThan(850);
  });
});

function keyText(name: StreamName): string {
  const { key0, key1 } = stream(name);
  return `${key0} ${key1}`;
}

function moments(values: ArrayLike<number> & Iterable<number>): { mean: number; variance: number } {
  let sum = 0;
  let squares = 0;
  for (const v of values) {
    sum += v;
    squares += v * v;
  }
  const mean = sum / values.length;
  return { mean, variance: squares / values.length - mean * mean };
}

const PINNED = [4145271997, 4126636523, 2291803149, 663034341];
