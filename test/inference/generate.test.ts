import { describe, expect, test } from 'vitest';
import { type GenerateOptions, generate, InferenceError } from '../../src/inference/index.ts';
import { alphabet, entryOf, load, randomModel, successorModel } from './models.ts';

const byOne = { samples: 1 };
const chance = (options: Partial<GenerateOptions> = {}) => ({ tokens: 40, seed: 5, ...options });

describe('a model that knows the alphabet', () => {
  test.each([0, 0.8])('goes on with it beyond its context (temperature %d)', async (temperature) => {
    const model = await load(successorModel(alphabet), byOne);
    const { text, continuation, tokens } = await generate(model, 'cab', chance({ temperature }));
    expect(continuation).toBe('cdefghab'.repeat(5));
    expect(text).toBe(`cab${continuation}`);
    expect(tokens).toBe(40);
  });

  test('writes nothing when nothing is asked for', async () => {
    const model = await load(successorModel(alphabet), byOne);
    const generated = await generate(model, 'ab', chance({ tokens: 0 }));
    expect(generated).toEqual({ prompt: 'ab', continuation: '', text: 'ab', tokens: 0 });
  });
});

test('an empty prompt is a new line', async () => {
  const model = await load(
    successorModel([
      [10, 65],
      [65, 66],
      [66, 67],
    ]),
    byOne,
  );
  const generated = await generate(model, '', chance({ tokens: 3, temperature: 0 }));
  expect(generated.text).toBe('ABC');
});

describe('a seed', () => {
  test('gives the same text again, another one another text', async () => {
    const texts = [];
    for (const seed of [5, 5, 6])
      texts.push((await generate(await load(randomModel(), byOne), 'On', chance({ seed }))).text);
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).not.toBe(texts[0]);
  });

  test('does not matter at temperature 0', async () => {
    const model = await load(randomModel(), byOne);
    const first = await generate(model, 'On', chance({ temperature: 0, seed: 1 }));
    expect(await generate(model, 'On', chance({ temperature: 0, seed: 2 }))).toEqual(first);
  });

  test('gives a longer text the same beginning', async () => {
    const model = await load(randomModel(), byOne);
    const pieces: string[] = [];
    const long = await generate(model, 'On', chance({ onText: (piece) => pieces.push(piece) }));
    const short = await generate(model, 'On', chance({ tokens: 20 }));
    expect(pieces.join('')).toBe(long.continuation);
    // A character cut at the end of the short text is the only thing that may differ.
    expect(long.continuation.startsWith(short.continuation.replace(/\uFFFD+$/, ''))).toBe(true);
  });
});

test('leaving out a stage changes the text', async () => {
  const model = await load(randomModel({ headScale: 4 }), byOne);
  const greedy = chance({ temperature: 0 });
  const whole = await generate(model, 'On the', greedy);
  const partial = await generate(model, 'On the', { ...greedy, skip: new Set([2]) });
  expect(partial.text).not.toBe(whole.text);
});

test('of a long prompt only the last bytes that fit the context matter', async () => {
  const model = await load(randomModel(), byOne);
  const end = 'sixteen bytes in';
  const one = await generate(model, `The one ends with ${end}`, chance());
  const other = await generate(model, `Another: ${end}`, chance());
  const different = await generate(model, `Another: ${end.replace('s', 'S')}`, chance());
  expect(one.continuation).toBe(other.continuation);
  expect(different.continuation).not.toBe(other.continuation);
});

describe('bytes that are no text', () => {
  const accents = successorModel([
    [0xc3, 0xa9],
    [0xa9, 0xc3],
    [0x61, 0xc3],
  ]);

  test('become replacement characters, and a character comes once it is whole', async () => {
    const model = await load(accents, byOne);
    const pieces: string[] = [];
    const onText = (piece: string) => pieces.push(piece);
    const { continuation } = await generate(model, 'a', chance({ tokens: 5, onText }));
    expect(continuation).toBe('éé\uFFFD');
    expect(pieces).toEqual(['é', 'é', '\uFFFD']);
  });
});

test('tokens beyond the bytes are never drawn', async () => {
  const stagedModel = successorModel(
    [
      [97, 259],
      [98, 97],
    ],
    { vocabulary: 260 },
  );
  // After an a, b is the second choice.
  entryOf(stagedModel.model, stagedModel.weights[0]!, 'head')[98] = 5;
  const model = await load(stagedModel, byOne);
  expect((await generate(model, 'a', chance({ tokens: 6 }))).continuation).toBe('bababa');
});

test('a signal stops it between two bytes', async () => {
  const model = await load(successorModel(alphabet), byOne);
  const stop = new AbortController();
  let bytes = 0;
  const onText = () => {
    bytes++;
    if (bytes === 3) stop.abort(new Error('enough'));
  };
  await expect(generate(model, 'a', chance({ onText, signal: stop.signal }))).rejects.toThrow('enough');
  expect(bytes).toBe(3);
});

describe('refused are', () => {
  test.each([
    [{ temperature: -1 }, 'temperature'],
    [{ temperature: Number.NaN }, 'temperature'],
    [{ topK: 0 }, 'topK'],
    [{ tokens: -1 }, 'tokens'],
    [{ skip: new Set([9]) }, 'there is no stage 9'],
  ])('options such as %o', async (options, message) => {
    const model = await load(successorModel(alphabet), byOne);
    const generating = generate(model, 'a', chance(options));
    await expect(generating).rejects.toThrow(InferenceError);
    await expect(generating).rejects.toThrow(message);
  });

  test('models whose weights are damaged', async () => {
    const stagedModel = randomModel();
    stagedModel.weights[2]![0] = Number.NaN;
    const model = await load(stagedModel, byOne);
    await expect(generate(model, 'a', chance())).rejects.toThrow('not finite numbers');
    expect((await generate(model, 'a', chance({ skip: new Set([2]) }))).tokens).toBe(40);
  });
});
