import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { initialWeights } from '../../src/model/initial.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { stageShapes } from '../../src/model/shapes.ts';

const model = {
  width: 64,
  heads: 4,
  kvHeads: 2,
  hidden: 96,
  vocabulary: 256,
  context: 8,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};
const stages = stageShapes(3, 1, 1);
const digest = (weights: Float32Array) =>
  createHash('sha256').update(new Uint8Array(weights.buffer)).digest('hex').slice(0, 16);

test('the same seed gives the same bits, on every machine', () => {
  // Pinned: runs of different versions on different machines start from these.
  expect(stages.map((_, index) => digest(initialWeights(model, stages, index, 5)))).toEqual([
    'b8b8b9c2215940b1',
    '6ea71fc083875e88',
    'ae67c4d5ec3b8afa',
  ]);
});

test('a tied embedding has the spread of a head', () => {
  const tied = { ...model, tiedHead: true };
  const [embedding] = stageLayout(tied, stages[0]!).entries;
  const values = initialWeights(tied, stages, 0, 5).subarray(0, embedding!.length);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  expect(deviation * 8).toBeCloseTo(1, 1);
});

test('seeds and stages have weights of their own', () => {
  const digests = [
    digest(initialWeights(model, stages, 1, 5)),
    digest(initialWeights(model, stages, 2, 5)),
    digest(initialWeights(model, stages, 1, 6)),
  ];
  expect(new Set(digests).size).toBe(3);
});

test('each weight has mean 0 and the spread of its kind', () => {
  const weights = initialWeights(model, stages, 0, 5);
  const residual = 1 / Math.sqrt(2 * 3);
  const spread: Record<string, number> = {
    embedding: 1,
    head: 1 / 8,
    query: 1 / 8,
    key: 1 / 8,
    value: 1 / 8,
    output: residual / 8,
    gate: 1 / 8,
    up: 1 / 8,
    down: residual / Math.sqrt(96),
  };
  for (const { name, offset, length, shape } of stageLayout(model, stages[0]!).entries) {
    const values = weights.subarray(offset, offset + length);
    if (shape.length === 1) {
      expect(values.every((value) => value === 1)).toBe(true);
      continue;
    }
    const expected = spread[name.split('.').at(-1)!]!;
    const mean = values.reduce((sum, value) => sum + value, 0) / length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length);
    expect(Math.abs(mean)).toBeLessThan((4 * expected) / Math.sqrt(length));
    // Small matrices: 4 standard errors of a deviation over 2,048 values are 0.06.
    expect(deviation / expected).toBeGreaterThan(0.94);
    expect(deviation / expected).toBeLessThan(1.06);
  }
});
