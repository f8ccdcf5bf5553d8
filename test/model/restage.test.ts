// A model's weights in another split of the same blocks.

import { expect, test } from 'vitest';
import { exportModel, type StagedModel } from '../../src/model/export.ts';
import { restage } from '../../src/model/restage.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { randomModel } from '../inference/models.ts';

const shapes = (...blocks: number[]) =>
  blocks.map((count, stage) => ({ blocks: count, anchor: stage === 0 }));

/** Every tensor of the exported model under its name. */
function tensorsOf(model: StagedModel) {
  const { tensors } = readSafetensors(exportModel(model).get('model.safetensors')!, 'test');
  return Object.fromEntries(tensors.map(({ name, values }) => [name, values]));
}

test('the same stages give the same weights, as copies', () => {
  const model = randomModel({ blocksPerStage: 2 });
  const weights = restage(model, model.stages);
  expect(weights).toEqual(model.weights);
  expect(weights[0]).not.toBe(model.weights[0]);
});

test.each([[[4]], [[0, 4]], [[2, 2]], [[0, 1, 3]]])(
  'blocks 1, 1, 1, 1 as %j are the same model',
  (blocks) => {
    const before = randomModel();
    const stages = shapes(...blocks);
    const after = { ...before, stages, weights: restage(before, stages) };
    expect(tensorsOf(after)).toEqual(tensorsOf(before));
    expect(restage(after, before.stages)).toEqual(before.weights);
  },
);

test('another number of blocks, or another anchor, is refused', () => {
  const model = randomModel();
  expect(() => restage(model, shapes(1, 1, 1))).toThrow('4 blocks cannot become stages of 3');
  expect(() => restage(model, [...shapes(1, 2), { blocks: 1, anchor: true }])).toThrow('is the anchor');
});
