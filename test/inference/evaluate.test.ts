import { describe, expect, test } from 'vitest';
import { heldOutWindows, readWindows, TextError } from '../../src/data/index.ts';
import { evaluate, InferenceError } from '../../src/inference/index.ts';
import { referenceLoss } from '../model/reference-model.ts';
import { alphabet, isHeldOut, load, randomModel, successorModel, textOf } from './models.ts';

const prose = textOf(1, (chunk) => `Chunk ${chunk} says what it says, and a little more than that. `);

describe('the loss of', () => {
  test('a model that guesses uniformly is ln 256', async () => {
    const model = await load(randomModel({ headScale: 0.02 }), { samples: 16 });
    const { loss, perplexity } = await evaluate(model, prose);
    expect(loss).toBeCloseTo(Math.log(256), 2);
    expect(perplexity).toBe(Math.exp(loss));
  });

  test('a model that knows the held-out part is near 0, whatever the training part holds', async () => {
    const text = textOf(2, (chunk) => (isHeldOut(chunk) ? 'abcdefgh' : 'zyxw'));
    const { loss, perplexity } = await evaluate(await load(successorModel(alphabet)), text);
    expect(loss).toBeCloseTo(0, 6);
    expect(perplexity).toBeCloseTo(1, 6);
  });

  test('any model is the mean over its windows in float64', async () => {
    const { model, stages, weights } = randomModel();
    const windows = heldOutWindows(prose.length, model.context);
    // 11 windows in batches of 4: the last batch is short.
    const wanted = 11;
    const chosen = Array.from({ length: wanted }, (_, i) => Math.floor((i * windows.count) / wanted));
    const samples = chosen.length;
    const expected = referenceLoss(
      { model, stages, samples, ...readWindows(prose, windows, chosen) },
      weights,
    );
    const evaluation = await evaluate(await load({ model, stages, weights }), prose, { maxTokens: 11 * 16 });
    expect(evaluation.loss).toBeCloseTo(expected, 5);
    expect(evaluation.tokens).toBe(11 * 16);
  });
});

describe('a bounded evaluation', () => {
  test('takes its windows from the whole held-out part', async () => {
    const model = await load(successorModel(alphabet));
    // The second held-out chunk is one that the model gets wrong.
    const text = textOf(2, (chunk) => (chunk === 39 ? 'hgfedcba' : 'abcdefgh'));
    const all = await evaluate(model, text, { maxTokens: Number.POSITIVE_INFINITY });
    const few = await evaluate(model, text, { maxTokens: 160 });
    expect(all.loss).toBeGreaterThan(1);
    expect(few.loss).toBeCloseTo(all.loss, 3);
    expect(all.tokens).toBe(all.heldOutTokens);
    expect(few).toMatchObject({ tokens: 160, heldOutTokens: 2 * 255 * 16 });
  });

  test('scores one window at least and never more tokens than it may', async () => {
    const model = await load(randomModel());
    expect((await evaluate(model, prose, { maxTokens: 1 })).tokens).toBe(16);
    expect((await evaluate(model, prose, { maxTokens: 100 })).tokens).toBe(96);
  });

  test('gives the same bits again', async () => {
    const [first, second] = [await load(randomModel()), await load(randomModel())];
    expect(await evaluate(first, prose)).toEqual(await evaluate(second, prose));
  });
});

test('leaving out a stage changes the loss, each stage in its own way', async () => {
  const model = await load(randomModel());
  const losses = [];
  for (const skip of [[], [1], [2], [3], [1, 2]]) {
    losses.push((await evaluate(model, prose, { skip: new Set(skip), maxTokens: 640 })).loss);
  }
  expect(new Set(losses).size).toBe(5);
  expect(losses.every(Number.isFinite)).toBe(true);
});

test('progress is told after every batch and ends at all', async () => {
  const model = await load(randomModel());
  const seen: number[][] = [];
  await evaluate(model, prose, { maxTokens: 10 * 16, onProgress: (...progress) => seen.push(progress) });
  expect(seen).toEqual([
    [64, 160],
    [128, 160],
    [160, 160],
  ]);
});

test('a signal stops it between two batches', async () => {
  const model = await load(randomModel());
  const stop = new AbortController();
  let batches = 0;
  const onProgress = () => {
    batches++;
    stop.abort(new Error('enough'));
  };
  await expect(evaluate(model, prose, { onProgress, signal: stop.signal })).rejects.toThrow('enough');
  expect(batches).toBe(1);
});

describe('refused are', () => {
  test('a text without a held-out window', async () => {
    const model = await load(randomModel());
    const shortest = 19 * 4096 + 17;
    await expect(evaluate(model, prose.subarray(0, shortest - 1))).rejects.toThrow(TextError);
    expect((await evaluate(model, prose.subarray(0, shortest))).tokens).toBe(16);
  });

  test('a model that has fewer tokens than there are bytes', async () => {
    const model = await load(randomModel({ shape: { vocabulary: 255 } }));
    await expect(evaluate(model, prose)).rejects.toThrow(
      new InferenceError('the model has a vocabulary of 255 tokens; text is read as bytes, which needs 256'),
    );
  });

  test('a stage that cannot be skipped', async () => {
    const model = await load(randomModel());
    await expect(evaluate(model, prose, { skip: new Set([0]) })).rejects.toThrow(InferenceError);
  });
});
