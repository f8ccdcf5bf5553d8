// What every recovery rule must do.

import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  planRecovery,
  type RecoveryRule,
  type RecoveryRuleName,
  type RecoverySource,
  RecoveryError,
  recoveryRules,
} from '../../src/recovery/index.ts';
import { bellNumbers, stream } from '../../src/random/index.ts';

const weightsOf = (stage: number, length = 50) =>
  bellNumbers(stream({ runSeed: 2, purpose: 'initial-weights', index: stage }), 0, length);
const source = (stage: number): RecoverySource => ({
  stage,
  weights: weightsOf(stage),
  gradientNorm: 1 / (stage + 1),
});
const freshWeights = () => weightsOf(99);

/** A lost stage among others, some of which are lost too; stage 0 alive. */
const anyLoss = fc
  .record({
    others: fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
    lost: fc.nat(),
  })
  .map(({ others, lost }) => {
    const alive = [true, ...others];
    const stage = 1 + (lost % others.length);
    alive[stage] = false;
    return { stage, alive };
  });

describe.each(Object.keys(recoveryRules) as RecoveryRuleName[])('recovery rule %s', (name) => {
  const rule: RecoveryRule = recoveryRules[name];

  test('carries its registered name', () => {
    expect(rule.name).toBe(name);
  });

  test('asks only for surviving stages other than stage 0, in ascending order', () => {
    fc.assert(
      fc.property(anyLoss, ({ stage, alive }) => {
        const sources = rule.sources(stage, alive) ?? [];
        expect(sources.every((s) => s >= 1 && s < alive.length && alive[s])).toBe(true);
        expect([...new Set(sources)].sort((a, b) => a - b)).toEqual(sources);
      }),
    );
  });

  test('rebuilds from what it asked for, to the same bits in any order, without touching its sources', () => {
    fc.assert(
      fc.property(anyLoss, ({ stage, alive }) => {
        const sources = rule.sources(stage, alive)?.map(source);
        if (sources === undefined) return;
        const weights = rule.rebuild({ stage, sources, freshWeights });
        expect(weights.length).toBe(50);
        expect(weights.every(Number.isFinite)).toBe(true);
        expect(rule.rebuild({ stage, sources: sources.toReversed(), freshWeights })).toEqual(weights);
        weights.fill(7);
        expect(sources).toEqual(sources.map(({ stage: s }) => source(s)));
      }),
    );
  });

  test('refuses more or fewer sources than it asked for', () => {
    const needed = rule.sources(2, [true, true, false, true])!.map(source);
    const rebuild = (sources: RecoverySource[]) => () => rule.rebuild({ stage: 2, sources, freshWeights });
    expect(rebuild([...needed, source(4)])).toThrow(RecoveryError);
    if (needed.length > 0) expect(rebuild(needed.slice(1))).toThrow(RecoveryError);
  });

  test('restarts the moments and lets the stage learn 1.1 times as fast', () => {
    expect(rule.after).toEqual({ moments: 'zero', learningRateFactor: 1.1 });
  });

  test('always ends in a rule that can rebuild', () => {
    fc.assert(
      fc.property(anyLoss, ({ stage, alive }) => {
        const plan = planRecovery(name, stage, alive);
        expect(recoveryRules[plan.rule].sources(stage, alive)).toEqual(plan.sources);
      }),
    );
  });

  test('never rebuilds stage 0, a stage that is alive, or one that does not exist', () => {
    for (const stage of [0, 1, 3, -1, 1.5]) {
      expect(() => planRecovery(name, stage, [false, true, false])).toThrow(RangeError);
    }
  });
});
