import { describe, expect, test } from 'vitest';
import { initialWeights } from '../../src/model/initial.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { stageShapes } from '../../src/model/shapes.ts';
import { generator, stream } from '../../src/random/index.ts';
import { fixtureNames, readFixture, worstError } from './fixture.ts';
import { type ReferenceModel, referenceGradients, referenceLoss } from './reference-model.ts';

describe.each(fixtureNames)('the model in float64 agrees with PyTorch: %s', (name) => {
  const fixture = readFixture(name);
  const computed = referenceGradients(fixture, fixture.weights);

  test('loss and logits', () => {
    expect(computed.loss).toBeCloseTo(fixture.loss, 12);
    expect(worstError(computed.logits.values, fixture.logits)).toBeLessThan(1e-12);
  });

  test('activations between the stages, and their gradients', () => {
    expect(worstError(computed.outputs[0]!.values, fixture.firstOutput)).toBeLessThan(1e-12);
    expect(worstError(computed.outputs[1]!.values, fixture.secondOutput)).toBeLessThan(1e-12);
    expect(worstError(computed.outputGradients[0]!.values, fixture.firstOutputGradient)).toBeLessThan(1e-12);
    expect(worstError(computed.outputGradients[1]!.values, fixture.secondOutputGradient)).toBeLessThan(1e-12);
  });

  test.each(
    fixture.stages.flatMap((stage, index) =>
      stageLayout(fixture.model, stage).entries.map((entry) => ({ ...entry, index })),
    ),
  )('gradient of $name at stage $index', ({ index, offset, length }) => {
    const own = computed.gradients[index]!.subarray(offset, offset + length);
    expect(worstError(own, fixture.gradients[index]!.subarray(offset, offset + length))).toBeLessThan(1e-11);
  });
});

describe.each([
  { attention: 'one key/value head per query head', heads: 4, kvHeads: 4, tiedHead: false, anchorLayers: 0 },
  { attention: 'two query heads per key/value head', heads: 4, kvHeads: 2, tiedHead: true, anchorLayers: 1 },
  { attention: 'one key/value head for all', heads: 2, kvHeads: 1, tiedHead: false, anchorLayers: 1 },
])('gradients are those of finite differences: $attention', ({ heads, kvHeads, tiedHead, anchorLayers }) => {
  const model = {
    width: 8,
    heads,
    kvHeads,
    hidden: 10,
    vocabulary: 11,
    context: 4,
    normEpsilon: 1e-5,
    ropeTheta: 100,
    tiedHead,
  };
  const stages = stageShapes(2, 2, anchorLayers);
  const random = generator(stream({ runSeed: 7, purpose: 'sampling' }));
  const draw = () => Array.from({ length: 2 * model.context }, () => random.integerBelow(model.vocabulary));
  const description: ReferenceModel = { model, stages, samples: 2, tokens: draw(), targets: draw() };
  // Away from the special values of the start: norms of 1 and tiny embeddings would hide factors.
  const weights = stages.map((_, index) =>
    Float64Array.from(initialWeights(model, stages, index, 7), (w) => w + 0.6 * (random.uniform() - 0.5)),
  );
  const { gradients } = referenceGradients(description, weights);

  test.each(
    stages.flatMap((stage, index) => stageLayout(model, stage).entries.map((entry) => ({ ...entry, index }))),
  )('$name at stage $index', ({ index, offset, length }) => {
    // Along random directions that move every value of the weight; and alone, value by value, for a few.
    const directions = [
      Float64Array.from({ length }, () => random.uniform() - 0.5),
      Float64Array.from({ length }, () => random.uniform() - 0.5),
      ...[0, 1, 2].map(() => {
        const one = random.integerBelow(length);
        return new Float64Array(length).fill(1, one, one + 1);
      }),
    ];
    for (const direction of directions) {
      const step = 1e-4;
      const lossAt = (factor: number) =>
        referenceLoss(
          description,
          weights.map((flat, stage) => {
            if (stage !== index) return flat;
            const moved = flat.slice();
            for (let i = 0; i < length; i++) moved[offset + i]! += factor * direction[i]!;
            return moved;
          }),
        );
      // Five-point stencil: the error is of the fourth order in the step.
      const near = lossAt(step) - lossAt(-step);
      const far = lossAt(2 * step) - lossAt(-2 * step);
      const slope = (8 * near - far) / (12 * step);
      const expected = direction.reduce((sum, value, i) => sum + value * gradients[index]![offset + i]!, 0);
      expect(Math.abs(slope - expected)).toBeLessThan(1e-9 + 1e-7 * Math.abs(expected));
    }
  });
});

test('a token does not see the ones after it', () => {
  const fixture = readFixture('grouped-untied');
  const { model, tokens } = fixture;
  const rowsOf = (changed: readonly number[]) => {
    const { logits } = referenceGradients({ ...fixture, tokens: changed }, fixture.weights);
    return (row: number) => [...logits.values.subarray(row * model.vocabulary, (row + 1) * model.vocabulary)];
  };
  const before = rowsOf(tokens);
  const after = rowsOf(tokens.map((token, i) => (i === 3 ? (token + 1) % model.vocabulary : token)));
  for (const row of [0, 1, 2]) expect(after(row)).toEqual(before(row));
  for (const row of [3, 4, 5]) expect(after(row)).not.toEqual(before(row));
  // Nor does a sample see another.
  for (const row of [6, 7, 8, 9, 10, 11]) expect(after(row)).toEqual(before(row));
});
