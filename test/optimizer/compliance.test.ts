// What every optimizer must do.

import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  copyState,
  createOptimizer,
  decodeState,
  encodeState,
  type OptimizerName,
  OptimizerStateError,
  optimizers,
  step,
} from '../../src/optimizer/index.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';

const LENGTH = 37;
const numbers = (index: number, length = LENGTH) =>
  bellNumbers(stream({ runSeed: 5, purpose: 'initial-weights', index }), 0, length);

describe.each(Object.keys(optimizers) as OptimizerName[])('optimizer %s', (name) => {
  const optimizer = createOptimizer({ name, weightDecay: 0.01 });

  function train(
    steps: number,
    slices: readonly number[] = [],
  ): { weights: Float32Array; state: Uint8Array } {
    const weights = numbers(0);
    const state = optimizer.start(LENGTH);
    const bounds = [0, ...slices, LENGTH];
    for (let t = 1; t <= steps; t++) {
      const gradient = numbers(t);
      optimizer.begin(state);
      for (let i = 1; i < bounds.length; i++) {
        const slice = { from: bounds[i - 1]!, to: bounds[i]! };
        optimizer.apply({ weights, gradient, state, learningRate: 0.01, gradientScale: 0.5, ...slice });
      }
    }
    return { weights, state: encodeState(state) };
  }

  test('carries its registered name', () => {
    expect(optimizer.name).toBe(name);
  });

  test('gives the same bits however a step is sliced', () => {
    const whole = train(4);
    fc.assert(
      fc.property(fc.array(fc.nat(LENGTH), { maxLength: 5 }), (cuts) => {
        expect(
          train(
            4,
            cuts.sort((a, b) => a - b),
          ),
        ).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  test('goes on from a written state as if it had never stopped', () => {
    const weights = numbers(0);
    const state = optimizer.start(LENGTH);
    step(optimizer, { weights, gradient: numbers(1), state, learningRate: 0.01 });
    const kept = copyState(state);
    const revived = optimizer.start(LENGTH);
    decodeState(revived, encodeState(state));
    const weightsRevived = weights.slice();
    step(optimizer, { weights, gradient: numbers(2), state, learningRate: 0.01 });
    step(optimizer, { weights: weightsRevived, gradient: numbers(2), state: revived, learningRate: 0.01 });
    expect(weightsRevived).toEqual(weights);
    expect(revived).toEqual(state);
    expect(kept).not.toEqual(state);
  });

  test('refuses a state of another length', () => {
    const bytes = encodeState(optimizer.start(LENGTH));
    expect(() => decodeState(optimizer.start(LENGTH + 1), bytes)).toThrow(OptimizerStateError);
    expect(() => decodeState(optimizer.start(LENGTH), bytes.subarray(1))).toThrow(OptimizerStateError);
  });

  test('finds the minimum of a quadratic', () => {
    const target = numbers(1);
    const weights = numbers(2);
    const state = optimizer.start(LENGTH);
    const plain = createOptimizer({ name });
    for (let t = 0; t < 400; t++) {
      const gradient = weights.map((w, i) => w - target[i]!);
      step(plain, { weights, gradient, state, learningRate: 0.03 });
    }
    for (let i = 0; i < LENGTH; i++) expect(weights[i]).toBeCloseTo(target[i]!, 2);
  });

  test('lets weights decay without any gradient', () => {
    const weights = Float32Array.of(2, -4);
    const state = optimizer.start(2);
    step(optimizer, { weights, gradient: new Float32Array(2), state, learningRate: 0.5 });
    expect([...weights]).toEqual([2, -4].map((w) => Math.fround(w * (1 - 0.5 * 0.01))));
  });

  test('leaves the gradient as it was', () => {
    const gradient = numbers(3);
    step(optimizer, { weights: numbers(0), gradient, state: optimizer.start(LENGTH), learningRate: 0.1 });
    expect(gradient).toEqual(numbers(3));
  });

  test('refuses arrays and slices that do not fit', () => {
    const fits = {
      weights: numbers(0),
      gradient: numbers(1),
      state: optimizer.start(LENGTH),
      learningRate: 0.1,
    };
    expect(() => step(optimizer, { ...fits, gradient: numbers(1, LENGTH - 1) })).toThrow(RangeError);
    expect(() => step(optimizer, { ...fits, state: optimizer.start(LENGTH + 1) })).toThrow(RangeError);
    expect(() => optimizer.apply({ ...fits, gradientScale: 1, from: 3, to: LENGTH + 1 })).toThrow(RangeError);
  });
});
