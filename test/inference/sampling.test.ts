import { describe, expect, test } from 'vitest';
import { chooseToken, type SamplingRule } from '../../src/inference/sampling.ts';

const logits = Float32Array.of(0, 2, -1, 2, 1);
const steps = 10_000;

/** The share of fractions, evenly spaced in [0, 1), that each token gets. */
function shares(rule: SamplingRule): number[] {
  const counts = logits.map(() => 0);
  for (let i = 0; i < steps; i++) counts[chooseToken(logits, rule, i / steps)]!++;
  return Array.from(counts, (count) => count / steps);
}

function softmax(temperature: number, kept: readonly number[]): number[] {
  const raw = Array.from(logits, (logit, id) => (kept.includes(id) ? Math.exp(logit / temperature) : 0));
  const total = raw.reduce((sum, value) => sum + value);
  return raw.map((value) => value / total);
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [id, share] of actual.entries()) expect(share).toBeCloseTo(expected[id]!, 3);
}

describe('a token is drawn', () => {
  test.each([1, 0.5, 2])('by the softmax at temperature %d', (temperature) => {
    const expected = softmax(temperature, [0, 1, 2, 3, 4]);
    expectClose(shares({ temperature, topK: 5 }), expected);
  });

  test('among the likeliest k only, the lower of two equals first', () => {
    expect(shares({ temperature: 1, topK: 1 })).toEqual([0, 1, 0, 0, 0]);
    const expected = softmax(1, [1, 3, 4]);
    expectClose(shares({ temperature: 1, topK: 3 }), expected);
  });

  test('as the likeliest at temperature 0', () => {
    expect(shares({ temperature: 0, topK: 5 })).toEqual([0, 1, 0, 0, 0]);
  });

  test('though its share is all there is', () => {
    const sure = Float32Array.of(-1e30, 1e30, -1e30);
    expect(chooseToken(sure, { temperature: 0.01, topK: 3 }, 1 - 2 ** -53)).toBe(1);
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a logit of %d is refused', (value) => {
  const rule = { temperature: 1, topK: 2 };
  expect(() => chooseToken(Float32Array.of(0, value, 1), rule, 0.5)).toThrow('not finite numbers');
});
