import { describe, expect, test } from 'vitest';
import { planRecovery, RecoveryError, recoveryRules } from '../../src/recovery/index.ts';

const freshWeights = () => Float32Array.of(0.5);
const aliveWithout = (stages: number, ...lost: number[]) =>
  Array.from({ length: stages }, (_, stage) => !lost.includes(stage));

describe('checkfree', () => {
  const rebuild = (below: [number[], number], above: [number[], number]) =>
    recoveryRules.checkfree.rebuild({
      stage: 2,
      sources: [
        { stage: 1, weights: Float32Array.from(below[0]), gradientNorm: below[1] },
        { stage: 3, weights: Float32Array.from(above[0]), gradientNorm: above[1] },
      ],
      freshWeights,
    });

  test('weights each neighbour by its own gradient norm plus 1e-4', () => {
    const weights = rebuild([[1, 10], 0.3], [[2, -10], 0.1]);
    const [b, a] = [0.3001, 0.1001];
    expect([...weights]).toEqual([
      Math.fround((a * 2 + b * 1) / (a + b)),
      Math.fround((a * -10 + b * 10) / (a + b)),
    ]);
  });

  test('takes plain halves where neither neighbour has a gradient', () => {
    expect([...rebuild([[1], 0], [[2], 0])]).toEqual([1.5]);
  });

  test('leaves equal neighbours as they are', () => {
    expect(rebuild([[0.1, -3], 2], [[0.1, -3], 5])).toEqual(Float32Array.of(0.1, -3));
  });

  test('refuses neighbours of different sizes and norms that are not finite', () => {
    expect(() => rebuild([[1], 1], [[1, 2], 1])).toThrow(RecoveryError);
    expect(() => rebuild([[1], Number.NaN], [[1], 1])).toThrow(RecoveryError);
    expect(() => rebuild([[1], 1], [[1], Number.POSITIVE_INFINITY])).toThrow(RecoveryError);
  });

  test.each([
    { what: 'a middle stage', lost: [2], stage: 2, plan: { rule: 'checkfree', sources: [1, 3] } },
    { what: 'the first stage after the anchors', lost: [1], stage: 1, plan: { rule: 'copy', sources: [2] } },
    { what: 'the last stage', lost: [5], stage: 5, plan: { rule: 'copy', sources: [4] } },
    {
      what: 'two adjacent stages, the first',
      lost: [2, 3],
      stage: 2,
      plan: { rule: 'checkfree', sources: [1, 4] },
    },
    {
      what: 'two adjacent stages, the second',
      lost: [2, 3],
      stage: 3,
      plan: { rule: 'checkfree', sources: [1, 4] },
    },
    {
      what: 'the first two stages, the second',
      lost: [1, 2],
      stage: 2,
      plan: { rule: 'copy', sources: [3] },
    },
    { what: 'every stage', lost: [1, 2, 3, 4, 5], stage: 3, plan: { rule: 'random', sources: [] } },
  ])('rebuilds $what by $plan.rule from $plan.sources', ({ lost, stage, plan }) => {
    expect(planRecovery('checkfree', stage, aliveWithout(6, ...lost))).toEqual(plan);
  });
});

describe('copy', () => {
  test('takes the stage before, and only the first stage the one after', () => {
    expect(planRecovery('copy', 3, aliveWithout(5, 3)).sources).toEqual([2]);
    expect(planRecovery('copy', 4, aliveWithout(5, 3, 4)).sources).toEqual([2]);
    expect(planRecovery('copy', 1, aliveWithout(5, 1)).sources).toEqual([2]);
  });

  test('gives the very bits of its source', () => {
    const weights = Float32Array.of(0.1, -0, 1e-40);
    const sources = [{ stage: 1, weights, gradientNorm: 0 }];
    expect(recoveryRules.copy.rebuild({ stage: 2, sources, freshWeights })).toEqual(weights);
  });
});

describe('random', () => {
  test('takes fresh weights', () => {
    expect(recoveryRules.random.rebuild({ stage: 2, sources: [], freshWeights })).toEqual(
      Float32Array.of(0.5),
    );
  });
});
