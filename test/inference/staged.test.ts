import { describe, expect, test } from 'vitest';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { InferenceError, loadModel, pathWithout } from '../../src/inference/index.ts';
import type { StagedModel } from '../../src/model/export.ts';
import { referenceGradients, referenceLoss } from '../model/reference-model.ts';
import { worstError } from '../model/fixture.ts';
import { load, randomModel } from './models.ts';

const tokens = Int32Array.from({ length: 64 }, (_, i) => (i * 37 + (i % 5) * 11) % 256);
const targets = Int32Array.from({ length: 64 }, (_, i) => (i * 91 + 3) % 256);

/** The stages that are left, as a model of their own for the float64 operations. */
function reference(
  { model, stages, weights }: StagedModel,
  path: readonly number[],
  samples: number,
  additionScale = 1,
) {
  const rows = samples * model.context;
  return [
    {
      model,
      stages: path.map((stage) => stages[stage]!),
      samples,
      tokens: tokens.subarray(0, rows),
      targets: targets.subarray(0, rows),
      additionScale,
    },
    path.map((stage) => weights[stage]!),
  ] as const;
}

describe.each([
  { skip: [], path: [0, 1, 2, 3] },
  { skip: [2], path: [0, 1, 3] },
  { skip: [1, 3], path: [0, 2] },
  { skip: [1, 2, 3], path: [0] },
])('a model without the stages $skip', ({ skip, path }) => {
  test('loses what the remaining stages lose in float64, in full batches and in short ones', async () => {
    const stagedModel = randomModel();
    const model = await load(stagedModel);
    for (const samples of [4, 3, 1]) {
      const rows = samples * 16;
      const loss = await model.loss(tokens.slice(0, rows), targets.slice(0, rows), { skip: new Set(skip) });
      expect(loss).toBeCloseTo(referenceLoss(...reference(stagedModel, path, samples)), 5);
    }
  });

  test('gives the logits that the remaining stages give in float64', async () => {
    const stagedModel = randomModel();
    const model = await load(stagedModel);
    const logits = await model.logits(tokens, { skip: new Set(skip) });
    const expected = referenceGradients(...reference(stagedModel, path, 4)).logits.values;
    expect(worstError(logits, expected)).toBeLessThan(1e-5);
  });
});

describe('a model trained on paths over two of its three further stages', () => {
  test.each([
    { skip: [], path: [0, 1, 2, 3], scale: 2 / 3 },
    { skip: [2], path: [0, 1, 3], scale: 1 },
    { skip: [1, 3], path: [0, 2], scale: 1 },
  ])('adds $scale of what its stages give without $skip', async ({ skip, path, scale }) => {
    const stagedModel = { ...randomModel(), visitedShare: 2 / 3 };
    const model = await load(stagedModel);
    const loss = await model.loss(tokens.slice(), targets.slice(), { skip: new Set(skip) });
    expect(loss).toBeCloseTo(referenceLoss(...reference(stagedModel, path, 4, scale)), 5);
    const plain = referenceLoss(...reference(stagedModel, path, 4));
    if (scale < 1) expect(Math.abs(loss - plain)).toBeGreaterThan(1e-3);
  });
});

test('the logits of a text cut short are those of its beginning', async () => {
  const model = await load(randomModel());
  const whole = await model.logits(tokens);
  for (const length of [1, 7, 16, 21, 63]) {
    const cut = await model.logits(tokens.slice(0, length));
    expect(cut).toEqual(whole.slice(0, length * 256));
  }
});

test('a shorter context than the model’s can be loaded', async () => {
  const stagedModel = randomModel();
  const long = await load(stagedModel, { samples: 1 });
  const short = await load(stagedModel, { samples: 1, context: 5 });
  expect(short.batchTokens).toBe(5);
  const whole = await long.logits(tokens.slice(0, 16));
  expect(worstError(await short.logits(tokens.slice(0, 5)), whole.slice(0, 5 * 256))).toBeLessThan(1e-5);
});

test('calls that overlap do not mix their batches', async () => {
  const model = await load(randomModel());
  const batches = [0, 1, 2, 3].map((batch) => tokens.map((token) => (token + batch) % 256));
  const alone: Float32Array[] = [];
  for (const batch of batches) alone.push(await model.logits(batch));
  expect(await Promise.all(batches.map((batch) => model.logits(batch)))).toEqual(alone);
});

describe('what cannot be skipped', () => {
  test.each([
    [4, 0, 'stage 0 holds the embedding and the head and cannot be skipped; these can be skipped: 1, 2, 3'],
    [4, 4, 'there is no stage 4 to skip; these can be skipped: 1, 2, 3'],
    [1, 1, 'there is no stage 1 to skip; this model has no other stage'],
  ])('of %i stages, stage %i is refused with those that can', (stages, stage, message) => {
    expect(() => pathWithout(stages, new Set([stage]))).toThrow(new InferenceError(message));
  });
});

describe('a model that cannot be loaded', () => {
  test('leaves no engine open', async () => {
    const opened: number[] = [];
    const closed: number[] = [];
    const stagedModel = randomModel();
    const loading = loadModel({
      stagedModel: { ...stagedModel, weights: stagedModel.weights.with(2, new Float32Array(3)) },
      samples: 1,
      engineFor: async (stage) => {
        if (stage === 1) throw new Error('no device left');
        const engine = await createOnnxEngine({ inProcess: true });
        opened.push(stage);
        const close = engine.close.bind(engine);
        engine.close = () => {
          closed.push(stage);
          return close();
        };
        return engine;
      },
    });
    await expect(loading).rejects.toThrow('no device left');
    expect(opened.toSorted()).toEqual([0, 2, 3]);
    expect(closed.toSorted()).toEqual(opened.toSorted());
  });

  test('for want of a stage 0 or by its context is refused before any engine is asked for', async () => {
    const engineFor = () => Promise.reject(new Error('was asked for'));
    const stagedModel = randomModel();
    const refused = (change: object) =>
      expect(loadModel({ stagedModel, samples: 1, engineFor, ...change })).rejects;
    await refused({ stagedModel: { ...stagedModel, stages: [], weights: [] } }).toThrow(InferenceError);
    await refused({ context: 17 }).toThrow('a context of 17 tokens was asked for; the model has 1 to 16');
    await refused({ context: 0 }).toThrow(InferenceError);
  });
});
