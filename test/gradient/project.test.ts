import { describe, expect, test } from 'vitest';
import { codecs } from '../../src/gradient/index.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';

const { project, 'project-feedback': withFeedback } = codecs;
const parameters = 3 * 8192 + 1000;
const slice = { from: 0, to: parameters };
const gradient = bellNumbers(stream({ runSeed: 1, purpose: 'perturbation' }), 0, parameters);

describe('project', () => {
  test('takes at most a hundredth of the bytes of float32, for any gradient of some length', () => {
    for (const values of [700, 8192, 100_000, 857_216, 10_000_000]) {
      expect(project.encodedBytes(values)).toBeLessThanOrEqual((4 * values) / 100);
    }
  });

  test('has the variance of the signs of K products: π/2 · P / K − 1', () => {
    const directions = 8 * (project.encodedBytes(8192) - 4);
    expect(project.relativeError(8192)).toBeCloseTo(((Math.PI / 2) * 8192) / directions - 1, 6);
    expect(project.relativeError(8192)).toBeCloseTo(3.98, 2);
  });

  test('estimates the part along the gradient exactly: all error is across it', () => {
    for (let iteration = 0; iteration < 4; iteration++) {
      const key = { runSeed: 1, iteration, stage: 1, place: 0 };
      const sum = new Float32Array(parameters);
      const bytes = project.encode({ gradient, slice, key, state: project.start(parameters) });
      project.addDecoded({ bytes, slice, key, sum });
      expect(product(sum, gradient) / product(gradient, gradient)).toBeCloseTo(1, 4);
    }
  });

  test('with error feedback sends the whole of a gradient that stays the same, sooner or later', () => {
    const state = withFeedback.start(parameters);
    const total = new Float32Array(parameters);
    const iterations = 60;
    for (let iteration = 0; iteration < iterations; iteration++) {
      const key = { runSeed: 1, iteration, stage: 1, place: 0 };
      withFeedback.addDecoded({
        bytes: withFeedback.encode({ gradient, slice, key, state }),
        slice,
        key,
        sum: total,
      });
    }
    const left = total.map((value, i) => value / iterations - gradient[i]!);
    expect(product(left, left) / product(gradient, gradient)).toBeLessThan(0.02);
  });
});

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
