import { expect, it } from 'vitest';
import { trainedModel } from '../../src/swarm/weights/trained-model.ts';
import { smallManifest } from './small-run.ts';

const weights = [1, 2, 3, 4].map((value) => Float32Array.of(value));
const trainedBy = (policy: string, skipRatio: number) =>
  trainedModel({ ...smallManifest({ training: { policy, skipRatio } }), founder: 'p0' }, weights);

it('a trained model has the shape and stages of its run', () => {
  const { model, stages } = trainedBy('1f1b', 0);
  const { blocks, ...shape } = smallManifest({}).model;
  expect(model).toEqual(shape);
  expect(stages.map((stage) => stage.blocks)).toEqual(blocks);
});

it('a model trained on paths that leave stages out says what share of them a path visits', () => {
  for (const policy of ['skippipe', 'skippipe-blind', 'random-skip']) {
    expect(trainedBy(policy, 0.33).visitedShare).toBeCloseTo(2 / 3, 12);
    expect(trainedBy(policy, 0.5).visitedShare).toBeCloseTo(1 / 3, 12);
    expect(trainedBy(policy, 0)).not.toHaveProperty('visitedShare');
  }
});

it('a policy whose paths visit all stages leaves none out, whatever the skip ratio', () => {
  for (const policy of ['1f1b', 'swarm', 'gwtf', 'dtfm']) {
    expect(trainedBy(policy, 0.33)).not.toHaveProperty('visitedShare');
  }
});
