// The stored values of test/fixtures/model/make.py: a two-stage model in PyTorch, float64.

import { readFileSync } from 'node:fs';
import { stageLayout } from '../../src/model/layout.ts';
import type { ModelShape, StageShape } from '../../src/seams/shapes.ts';

export interface Fixture {
  readonly model: ModelShape;
  readonly stages: readonly [StageShape, StageShape];
  readonly samples: number;
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  readonly loss: number;
  readonly firstOutput: readonly number[];
  readonly firstOutputGradient: readonly number[];
  readonly secondOutput: readonly number[];
  readonly secondOutputGradient: readonly number[];
  readonly logits: readonly number[];
  /** Per stage, flat in the order of the layout. */
  readonly weights: readonly [Float32Array, Float32Array];
  readonly gradients: readonly [Float64Array, Float64Array];
}

export const fixtureNames = ['grouped-untied', 'tied'] as const;

export function readFixture(name: (typeof fixtureNames)[number]): Fixture {
  const folder = new URL('../fixtures/model/', import.meta.url);
  const described = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Fixture;
  const bytes = Uint8Array.from(readFileSync(new URL(`${name}.bin`, folder))).buffer;
  const counts = described.stages.map((stage) => stageLayout(described.model, stage).length);
  const [first, second] = counts as [number, number];
  if (bytes.byteLength !== 12 * (first + second)) throw new Error(`${name}.bin does not fit the layout`);
  const gradientStart = 4 * (first + second);
  // A copy, because float64 views must start at a multiple of 8 bytes.
  const gradients = new Float64Array(bytes.slice(gradientStart));
  return {
    ...described,
    weights: [new Float32Array(bytes, 0, first), new Float32Array(bytes, 4 * first, second)],
    gradients: [gradients.slice(0, first), gradients.slice(first)],
  };
}

/** |a − b| of the worst value, relative to the largest |b|. */
export function worstError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values against ${expected.length}`);
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= worst)) worst = difference;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return worst / largest;
}
