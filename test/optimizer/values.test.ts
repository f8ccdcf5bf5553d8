// The optimizers' numbers: against PyTorch in float64, and their exact bits.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  addSquares,
  clipFactor,
  createOptimizer,
  encodeState,
  learningRateAt,
  type OptimizerSettings,
  step,
} from '../../src/optimizer/index.ts';
import { plainLoop } from '../../src/optimizer/adamw.ts';
import { vectorLoop } from '../../src/optimizer/adamw-kernel.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';

interface Trajectory {
  learningRate: number;
  settings: OptimizerSettings;
  weights: number[][];
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/optimizer/pytorch.json', import.meta.url), 'utf8'),
) as {
  initial: number[];
  gradients: number[][];
  adamw: Trajectory;
  sgd: Trajectory;
  cosine: { peak: number; iterations: number; rates: number[] };
};

describe.each(['adamw', 'sgd'] as const)('%s', (name) => {
  test("follows PyTorch's float64 trajectory to float32 precision", () => {
    const { learningRate, settings, weights: expected } = fixture[name];
    const optimizer = createOptimizer(settings);
    const weights = Float32Array.from(fixture.initial);
    const state = optimizer.start(weights.length);
    for (const [t, gradient] of fixture.gradients.entries()) {
      step(optimizer, { weights, gradient: Float32Array.from(gradient), state, learningRate });
      for (const [i, value] of expected[t]!.entries()) {
        expect(Math.abs(weights[i]! - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
      }
    }
  });

  test('has these very bits after 50 clipped steps', () => {
    expect(digestOfRun(name)).toBe(PINNED[name]);
  });
});

describe('AdamW by vectors', () => {
  test('has the bits of the plain version, also of numbers too small to be normal and in odd slices', () => {
    const length = 10_001;
    const numbers = (index: number) => {
      const values = bellNumbers(stream({ runSeed: 8, purpose: 'perturbation', index }), 0, length);
      values.set([0, -0, 1e-40, -1e-45, 1e30, -1e30, 1e-20], 3);
      return values;
    };
    const factors = {
      ...{ beta1: 0.9, rest1: 1 - 0.9, beta2: 0.95, rest2: 1 - 0.95, epsilon: 1e-8, gradientScale: 1 / 3 },
      ...{ stepSize: 0.003 / (1 - 0.9), correction: Math.sqrt(1 - 0.95), keep: 1 - 0.003 * 0.1 },
    };
    const [plain, vectors] = [plainLoop, vectorLoop()!].map((loop) => {
      const second = numbers(3).map((value) => value * value);
      const slice = { weights: numbers(0), gradient: numbers(1), first: numbers(2), second };
      loop({ ...slice, from: 0, to: 5003 }, factors);
      loop({ ...slice, from: 5003, to: length }, factors);
      return [slice.weights, slice.first, slice.second].map(
        ({ buffer }) => new Uint32Array(buffer as ArrayBuffer),
      );
    });
    expect(vectors).toEqual(plain);
  });
});

describe('clipping', () => {
  const gradient = bellNumbers(stream({ runSeed: 6, purpose: 'perturbation' }), 0, 1000);

  test('sums squares to the same bits however it is sliced', () => {
    const whole = addSquares(gradient);
    let sliced = 0;
    for (const [from, to] of [
      [0, 7],
      [7, 7],
      [7, 640],
      [640, 1000],
    ]) {
      sliced = addSquares(gradient, sliced, from, to);
    }
    expect(sliced).toBe(whole);
    expect(whole).toBeCloseTo(
      gradient.reduce((sum, g) => sum + g ** 2, 0),
      6,
    );
  });

  test('brings long gradients to the largest norm and leaves short ones alone', () => {
    expect(clipFactor(5, 1)).toBe(1 / 5);
    expect(clipFactor(0.5, 1)).toBe(1);
    expect(clipFactor(0, 1)).toBe(1);
  });

  test('refuses a norm that is not finite', () => {
    expect(() => clipFactor(Number.NaN, 1)).toThrow(RangeError);
    expect(() => clipFactor(Number.POSITIVE_INFINITY, 1)).toThrow(RangeError);
  });
});

describe('the learning rate', () => {
  test('stays where it is when constant', () => {
    const constant = {
      peak: 0.003,
      warmupIterations: 0,
      decay: 'none',
      endIteration: 0,
      endShare: 1,
    } as const;
    expect([0, 5, 1e6].map((t) => learningRateAt(constant, t))).toEqual([0.003, 0.003, 0.003]);
  });

  test('climbs to the peak in equal steps, then decays to its end', () => {
    const schedule = {
      peak: 8,
      warmupIterations: 4,
      decay: 'linear',
      endIteration: 8,
      endShare: 0.5,
    } as const;
    const rates = Array.from({ length: 10 }, (_, t) => learningRateAt(schedule, t));
    expect(rates).toEqual([2, 4, 6, 8, 8, 7, 6, 5, 4, 4]);
  });

  test('follows the half cosine to 1e-9', () => {
    const { peak, iterations, rates } = fixture.cosine;
    const schedule = {
      peak,
      warmupIterations: 0,
      decay: 'cosine',
      endIteration: iterations,
      endShare: 0,
    } as const;
    const worst = Math.max(...rates.map((rate, t) => Math.abs(rate - learningRateAt(schedule, t))));
    expect(worst).toBeLessThan(1e-9);
  });
});

function digestOfRun(name: 'adamw' | 'sgd'): string {
  const numbers = (index: number) =>
    bellNumbers(stream({ runSeed: 8, purpose: 'initial-weights', index }), 0, 999);
  const optimizer = createOptimizer({ name, weightDecay: 0.02 });
  const weights = numbers(0);
  const state = optimizer.start(weights.length);
  for (let t = 1; t <= 50; t++) {
    const gradient = numbers(t);
    const gradientScale = clipFactor(Math.sqrt(addSquares(gradient)), 1);
    step(optimizer, { weights, gradient, state, learningRate: 0.003, gradientScale });
  }
  return createHash('sha256').update(new Uint8Array(weights.buffer)).update(encodeState(state)).digest('hex');
}

// Found equal by the same arithmetic written in Python (float64, packed to float32 where it is stored).
const PINNED = {
  adamw: 'e3087e321c30ab019a343a9d25df9411523ceb6431c0a8f8128603d3778a94f1',
  sgd: '60d0bfbdc177e29924ea004e152f26fa551d8c92feeecb35c2689e789072ffd4',
};
