// Folders of exported models: what is read of them, and what is said of damaged ones.

import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/errors.ts';
import { readModelFolder, withModelFolder, writeModelFolder } from '../../src/cli/model-folder.ts';
import { randomModel } from '../inference/models.ts';
import { temporaryFolder } from './process.ts';

const WEIGHTS = 'model.safetensors';

function exported(model = randomModel()): string {
  const folder = join(temporaryFolder(), 'model');
  writeModelFolder(folder, model);
  return folder;
}

function refused(folder: string): string {
  try {
    readModelFolder(folder);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`${folder} was read`);
}

/** Changes fields of config.json. */
const configured = (changes: object) => (folder: string) => {
  const file = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...changes }));
};

test('a model that was written is read as it was', () => {
  const model = randomModel();
  expect(readModelFolder(exported(model))).toEqual(model);
});

test('a folder needs no tokenizer, and other files in it do not matter', () => {
  const folder = exported();
  rmSync(join(folder, 'tokenizer.json'));
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  mkdirSync(join(folder, 'checkpoints'));
  expect(readModelFolder(folder)).toEqual(randomModel());
});

describe('a folder is refused, and named with the file,', () => {
  const damages: readonly [string, (folder: string) => void, string][] = [
    [
      'when its weights are cut off',
      (folder) => truncateSync(join(folder, WEIGHTS), 20_000),
      'model.safetensors: the tensor "model.embed_tokens.weight" ends at byte 16384 of the data, which has',
    ],
    [
      'when its weights are empty',
      (folder) => truncateSync(join(folder, WEIGHTS)),
      "model.safetensors: 0 bytes are too few to hold even a header's length",
    ],
    [
      'when its weights are missing',
      (folder) => rmSync(join(folder, WEIGHTS)),
      'model.safetensors: is missing',
    ],
    [
      'when its config is missing',
      (folder) => rmSync(join(folder, 'config.json')),
      'config.json: is missing',
    ],
    [
      'when its config is cut off',
      (folder) => truncateSync(join(folder, 'config.json'), 40),
      'config.json: is not JSON text in UTF-8',
    ],
    [
      'when shapes disagree with its config',
      configured({ intermediate_size: 32 }),
      'is [24, 16], and config.json asks for [32, 16]',
    ],
    [
      'when its config is beyond every machine',
      configured({ hidden_size: 2 ** 40, head_dim: 2 ** 38 }),
      'config.json: describes a model too large for this machine',
    ],
    [
      'when it has another tokenizer',
      (folder) => writeFileSync(join(folder, 'tokenizer.json'), '{"model": {"vocab": {"the": 0}}}'),
      'tokenizer.json: is not the byte tokenizer',
    ],
    [
      'when its tokenizer is cut off',
      (folder) => truncateSync(join(folder, 'tokenizer.json'), 40),
      'tokenizer.json: is not JSON text in UTF-8',
    ],
  ];
  test.each(damages)('%s', (_, damage, message) => {
    const folder = exported();
    damage(folder);
    expect(refused(folder)).toContain(message);
    expect(refused(folder)).toMatch(new RegExp(`^${folder}: [^\\n]+$`));
  });

  test('when weights are no numbers, with the stage', () => {
    const model = randomModel();
    model.weights[2]![7] = Number.NaN;
    expect(refused(exported(model))).toContain('weights of stage 2 are not finite numbers');
  });

  test('when it is a file, or a file of it is a folder', () => {
    const folder = exported();
    expect(refused(join(folder, WEIGHTS))).toContain('is a file; name the folder of an exported model');
    rmSync(join(folder, WEIGHTS));
    mkdirSync(join(folder, WEIGHTS));
    expect(refused(folder)).toBe(`${join(folder, WEIGHTS)}: is a folder, and a file is needed`);
  });
});

test('a model is loaded with whole samples of the context that is wanted', async () => {
  const open = (mostContext: number, batchTokens: number) =>
    withModelFolder(exported(), { threads: 1, mostContext, batchTokens }, async (model) => ({
      context: model.shape.context,
      samples: model.samples,
    }));
  expect(await open(1024, 100)).toEqual({ context: 16, samples: 6 });
  expect(await open(5, 100)).toEqual({ context: 5, samples: 20 });
  expect(await open(16, 1)).toEqual({ context: 16, samples: 1 });
});
